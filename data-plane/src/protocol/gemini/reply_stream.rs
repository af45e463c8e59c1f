//! Writes a stream for a caller: server-sent events, each a whole answer with the new parts. What ends it is the reason of each alternative.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::answer::{GroundingWriter, word};
use super::part::{FunctionCall, NO_SIGNATURE, Part};
use super::reply::{Answer, Candidate, Parts, UsageMetadata};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::json::Json;
use crate::exchange::message::Citation;
use crate::exchange::text::Text;
use crate::protocol::sse::on_one_line;
use crate::protocol::{self, Reply, Unsayable};

/// Writes one stream.
#[derive(Debug)]
pub(super) struct Writer {
    id: String,
    model: String,
    /// The calls that are under way, by their alternative and their number in it.
    calls: BTreeMap<(u32, u32), Call>,
    /// Google says them last.
    citations: Vec<(u32, Citation<'static>)>,
}

/// A call whose arguments are under way: Google writes it whole.
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    signature: Option<String>,
    arguments: String,
}

impl Call {
    fn new(id: &str, name: &str, signature: Option<&str>) -> Self {
        let signature = signature.map(str::to_owned);
        Self { id: id.to_owned(), name: name.to_owned(), signature, arguments: String::new() }
    }

    fn part(&self) -> Result<Part<'_>, Unsayable> {
        let Some(args) = Json::arguments(&self.arguments) else {
            let what = format!("the call of the tool {}", self.name);
            return Err(Unsayable {
                what,
                why: "can't be said in Gemini's format: its arguments are no object".to_owned(),
            });
        };
        let function_call = FunctionCall { id: Some(&self.id), name: &self.name, args };
        let thought_signature = self.signature.as_deref().map(Text::from);
        Ok(Part { function_call: Some(function_call), thought_signature, ..Part::default() })
    }
}

impl Writer {
    pub(super) fn new(reply: &Reply<'_>) -> Self {
        let (id, model) = (reply.id.to_owned(), reply.model.to_owned());
        Self { id, model, calls: BTreeMap::new(), citations: Vec::new() }
    }

    fn piece(&mut self, choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match piece {
            Piece::Text(text) | Piece::Refusal(text) => self.part(choice, Part::text(text), out),
            Piece::Reasoning(text) => self.part(choice, Part::thought(text, None), out),
            Piece::ReasoningSignature(signature) => self.part(choice, Part::thought("", Some(signature)), out),
            Piece::Image(image) => self.part(choice, Part::source(&image.source), out),
            Piece::Citation(citation) => self.citations.push((choice, owned(citation))),
            Piece::ToolBegin { call, id, name, signature } => {
                // A caller gives it back, and then the next answer may be Google's own to make.
                let stand_in = (*call == 0).then_some(NO_SIGNATURE);
                self.calls.insert((choice, *call), Call::new(id, name, signature.as_deref().or(stand_in)));
            }
            Piece::ToolArguments { call, fragment } => {
                if let Some(call) = self.calls.get_mut(&(choice, *call)) {
                    call.arguments.push_str(fragment);
                }
            }
            Piece::ToolEnd { call } => {
                if let Some(call) = self.calls.remove(&(choice, *call)) {
                    self.part(choice, call.part()?, out);
                }
            }
            Piece::SealedReasoning(thought) => self.part(choice, Part::thought("", Some(thought)), out),
            // Nobody can have asked for them: it was refused.
            Piece::Logprobs(_) => {}
        }
        Ok(())
    }

    fn part(&self, index: u32, part: Part<'_>, out: &mut Vec<u8>) {
        let content = Parts::of(vec![part]);
        self.event(vec![Candidate { content, finish_reason: None, grounding_metadata: None, index }], None, out);
    }

    fn event(&self, candidates: Vec<Candidate<'_>>, usage_metadata: Option<UsageMetadata>, out: &mut Vec<u8>) {
        let answer = Answer { candidates, usage_metadata, model_version: &self.model, response_id: &self.id };
        out.extend_from_slice(b"data: ");
        let before = out.len();
        // Texts and numbers always serialize, and a vector takes everything.
        let _ = serde_json::to_writer(&mut *out, &answer);
        on_one_line(out.get_mut(before..).unwrap_or_default());
        out.extend_from_slice(b"\n\n");
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match event {
            Event::Begin { id, model, usage: _ } => {
                if let Some(id) = id {
                    id.as_str().clone_into(&mut self.id);
                }
                if let Some(model) = model {
                    model.as_str().clone_into(&mut self.model);
                }
                Ok(())
            }
            Event::Piece { choice, piece } => self.piece(*choice, piece, out),
            // The end comes with what these say. Google's own clients take a comment for data, so that a ping is nothing.
            Event::Finish { .. } | Event::Usage(_) | Event::Ping => Ok(()),
        }
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        let candidates = ended.finishes.iter().map(|(index, finish)| {
            let mut grounding = GroundingWriter::default();
            for (_, citation) in self.citations.iter().filter(|(choice, _)| choice == index) {
                grounding.add(citation, None);
            }
            Candidate {
                content: Parts::of(vec![Part::text("")]),
                finish_reason: Some(word(finish)),
                grounding_metadata: grounding.written(),
                index: *index,
            }
        });
        self.event(candidates.collect(), UsageMetadata::of(&ended.usage), out);
    }
}

fn owned(citation: &Citation<'_>) -> Citation<'static> {
    let text = |text: &Option<Text<'_>>| text.clone().map(Text::into_owned);
    Citation {
        url: text(&citation.url),
        title: text(&citation.title),
        quoted: text(&citation.quoted),
        answer_span: citation.answer_span,
        raw: None,
    }
}
