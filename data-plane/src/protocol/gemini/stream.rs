//! Reads an upstream's stream. [`reply_stream`](super::reply_stream) writes a caller's.
//!
//! Source: ai.google.dev/api/generate-content, read in autumn 2026. There is no terminator: a stream is whole when every alternative that was
//! seen has a reason for its end, or the prompt was blocked.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;

use super::answer::{Answer, Candidate, Ids, finish};
use super::error::{status_in, written};
use crate::exchange::event::{Event, Piece};
use crate::exchange::message::Content;
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::error::Problem;
use crate::protocol::{self, Fault, Frame, MOST_CHOICES, Progress, Seed};

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Reader {
    ids: Ids,
    has_begun: bool,
    /// The alternatives that were seen, by their index.
    choices: BTreeMap<u32, Choice>,
    usage: Usage,
}

/// What was seen of an alternative.
#[derive(Debug, Default)]
struct Choice {
    calls: u32,
    is_over: bool,
}

impl Reader {
    pub(super) fn new(seed: &Seed<'_>) -> Self {
        Self { ids: Ids::new(seed), has_begun: false, choices: BTreeMap::new(), usage: Usage::default() }
    }

    fn answer(&mut self, mut answer: Answer<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        let usage = answer.usage();
        if !self.has_begun {
            self.has_begun = true;
            let (id, model) = (answer.response_id.take(), answer.model_version.take());
            sink(Event::Begin { id, model, usage });
        }
        if answer.is_blocked() && self.choices.is_empty() {
            self.choice(0).is_over = true;
            sink(Event::Finish { choice: 0, finish: Finish::Filtered });
        }
        for candidate in answer.candidates.unwrap_or_default() {
            self.candidate(candidate, sink)?;
        }
        // Each event has all of it so far.
        if usage != self.usage && !usage.is_empty() {
            self.usage = usage;
            sink(Event::Usage(usage));
        }
        Ok(())
    }

    fn candidate(&mut self, mut candidate: Candidate<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        let index = candidate.index.unwrap_or(0);
        if self.choices.len() >= MOST_CHOICES && !self.choices.contains_key(&index) {
            return Err(fault("the upstream's answer has more alternatives than any may have"));
        }
        for part in candidate.take_parts() {
            let content = part.content(&mut self.ids).map_err(|_| not_of_the_format())?;
            if let Some(content) = content {
                self.choice(index).pieces(index, content, sink);
            }
        }
        if let Some(grounding) = &candidate.grounding_metadata {
            for citation in grounding.citations(None) {
                sink(Event::Piece { choice: index, piece: Piece::Citation(citation) });
            }
        }
        let choice = self.choice(index);
        if let Some(reason) = candidate.finish_reason().filter(|_| !choice.is_over) {
            let finish = finish(reason, choice.calls > 0).map_err(|_| of_the_model(reason))?;
            choice.is_over = true;
            sink(Event::Finish { choice: index, finish });
        }
        Ok(())
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_default()
    }
}

impl Choice {
    fn pieces(&mut self, choice: u32, content: Content<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let mut give = |piece: Piece<'_>| sink(Event::Piece { choice, piece });
        match content {
            Content::Text { text, .. } => give(Piece::Text(text)),
            Content::Reasoning { text, signature } => {
                if !text.is_empty() {
                    give(Piece::Reasoning(text));
                }
                if let Some(signature) = signature {
                    give(Piece::ReasoningSignature(signature));
                }
            }
            Content::ToolCall(tool) => {
                let call = self.calls;
                self.calls += 1;
                give(Piece::ToolBegin { call, id: tool.id, name: tool.name, signature: tool.signature });
                give(Piece::ToolArguments { call, fragment: Text::from(tool.arguments.as_str()) });
                give(Piece::ToolEnd { call });
            }
            Content::SealedReasoning(thought) => give(Piece::SealedReasoning(thought)),
            Content::Image(image) => give(Piece::Image(image)),
            // No part is read as one of these.
            Content::Refusal(_) | Content::Audio(_) | Content::Document(_) | Content::ToolResult(_) => {}
        }
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let data = match frame {
            Frame::Event { data, .. } => data.trim_ascii(),
            Frame::Exception { data, .. } => return Err(upstreams(data)),
        };
        if !data.is_empty() {
            match Answer::read(data) {
                Ok(answer) if answer.error.is_none() => self.answer(answer, sink)?,
                Ok(_) => return Err(upstreams(data)),
                // Behind the events an error may come in an array.
                Err(_) if status_in(data).is_some() => return Err(upstreams(data)),
                Err(_) => return Err(not_of_the_format()),
            }
        }
        let is_finished = !self.choices.is_empty() && self.choices.values().all(|choice| choice.is_over);
        Ok(if is_finished { Progress::Finished } else { Progress::More })
    }
}

/// An error of the upstream's own, also plain or in an array.
fn upstreams(error: &[u8]) -> Fault {
    Fault {
        status: status_in(error).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        body: Bytes::copy_from_slice(error),
        header: None,
    }
}

fn of_the_model(reason: &str) -> Fault {
    fault(&format!("the model ended its answer with a fault of its own: {reason}"))
}

fn not_of_the_format() -> Fault {
    fault("the upstream sent an event that is none of its format")
}

fn fault(message: &str) -> Fault {
    let status = StatusCode::BAD_GATEWAY;
    let problem = Problem { status, code: "upstream_error", message: message.into() };
    Fault { status, body: written(&problem).body, header: None }
}
