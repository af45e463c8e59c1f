//! Reads an upstream's stream.

use serde::Deserialize;

use super::calls::{Calls, Made};
use crate::exchange::event::{Event, Piece};
use crate::exchange::json::Json;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::openai::fault::{self, UNFINISHED, made};
use crate::protocol::openai::finish::{self, Held};
use crate::protocol::openai::reasoning::Detail;
use crate::protocol::openai::said::{self, Annotation, Body, Call, Said};
use crate::protocol::openai::usage;
use crate::protocol::{self, Fault, Frame, MOST_CALLS, MOST_CHOICES, MOST_KEPT, Progress, Seed};

/// Reads one stream.
#[derive(Debug)]
pub(in crate::protocol::openai) struct Reader {
    seed: String,
    has_begun: bool,
    is_done: bool,
    choices: Vec<Choice>,
}

/// An alternative that began.
#[derive(Debug, Default)]
struct Choice {
    index: u32,
    is_finished: bool,
    has_refused: bool,
    calls: Calls,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    choices: Option<Vec<GivenChoice<'a>>>,
    usage: Option<Json<'a>>,
    x_groq: Option<Groq<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenChoice<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<Said<'a>>,
    finish_reason: Option<Text<'a>>,
    logprobs: Option<Json<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Groq<'a> {
    #[serde(borrow)]
    usage: Option<Json<'a>>,
}

impl Reader {
    pub(in crate::protocol::openai) fn new(seed: &Seed<'_>) -> Self {
        Self { seed: seed.id.to_owned(), has_begun: false, is_done: false, choices: Vec::new() }
    }

    fn progress(&self) -> Progress {
        let is_finished = !self.choices.is_empty() && self.choices.iter().all(|choice| choice.is_finished);
        match (self.is_done, is_finished) {
            (true, _) => Progress::Done,
            (false, true) => Progress::Finished,
            (false, false) => Progress::More,
        }
    }

    /// The upstream says that it is at its end: then every alternative has to be.
    fn end(&mut self) -> Result<Progress, Fault> {
        if self.progress() == Progress::More {
            return Err(made(UNFINISHED));
        }
        self.is_done = true;
        Ok(Progress::Done)
    }

    fn begin(&mut self, chunk: &mut Chunk<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let id = chunk.id.take().filter(|id| !id.is_empty());
        let says_something = chunk.choices.as_ref().is_some_and(|choices| !choices.is_empty()) || chunk.usage.is_some();
        // Azure's first chunk has filters' results, and neither an id nor an answer.
        if !self.has_begun && (id.is_some() || says_something) {
            self.has_begun = true;
            let model = chunk.model.take().filter(|model| !model.is_empty());
            sink(Event::Begin { id, model, usage: Usage::default() });
        }
    }

    fn choice(&mut self, given: GivenChoice<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        let GivenChoice { index, delta, finish_reason, logprobs } = given;
        let reason = finish_reason.filter(|reason| !reason.is_empty());
        // Azure's late chunks have only filters' results.
        if delta.is_none() && reason.is_none() && logprobs.is_none() {
            return Ok(());
        }
        let index = index.unwrap_or(0);
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        let Some(choice) = self.choices.get_mut(at) else { return Ok(()) };
        choice.said(delta.unwrap_or_default(), &self.seed, &mut |piece| sink(Event::Piece { choice: index, piece }));
        if at >= MOST_CHOICES || choice.calls.len() > MOST_CALLS {
            return Err(made("the upstream's answer has more choices or calls than any may have"));
        }
        if choice.calls.early() > 0 && self.choices.iter().map(|choice| choice.calls.early()).sum::<usize>() > MOST_KEPT
        {
            return Err(made("the upstream's answer has more arguments of calls without a name than any may have"));
        }
        let Some(choice) = self.choices.get_mut(at) else { return Ok(()) };
        if let Some(logprobs) = logprobs {
            sink(Event::Piece { choice: index, piece: Piece::Logprobs(logprobs) });
        }
        match reason {
            Some(reason) if !choice.is_finished => choice.finish(&reason, sink),
            _ => Ok(()),
        }
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let (name, data) = match frame {
            Frame::Event { name, data } => (name, data.trim_ascii()),
            Frame::Exception { data, .. } => return Err(fault::given(data)),
        };
        if self.is_done || data.is_empty() {
            return Ok(self.progress());
        }
        if data == b"[DONE]" {
            return self.end();
        }
        let mut chunk = parse(name, data)?;
        self.begin(&mut chunk, sink);
        for choice in chunk.choices.into_iter().flatten() {
            self.choice(choice, sink)?;
        }
        let groq = chunk.x_groq.and_then(|groq| groq.usage);
        if let Some(usage) = chunk.usage.or(groq).map(|json| usage::read(&json)).filter(|usage| !usage.is_empty()) {
            sink(Event::Usage(usage));
        }
        Ok(self.progress())
    }
}

/// A chunk that is no error.
fn parse<'a>(name: &str, data: &'a [u8]) -> Result<Chunk<'a>, Fault> {
    // Google wraps errors into an array, which serde would read as a chunk's fields in their order.
    if name == "error" || !data.starts_with(b"{") {
        return Err(fault::given(data));
    }
    match fault::within(data, finish::may_be_in(data)) {
        Some(fault) => Err(fault),
        None => serde_json::from_slice(data).map_err(|_| made("the upstream sent an event that can't be read")),
    }
}

impl Choice {
    fn said(&mut self, said: Said<'_>, seed: &str, sink: &mut dyn FnMut(Piece<'_>)) {
        let plain = said.reasoning_content.filter(|text| !text.is_empty()).or(said.reasoning);
        reasoning(plain, said.reasoning_details.unwrap_or_default(), sink);
        body(said.content, sink);
        if let Some(refusal) = said.refusal.filter(|refusal| !refusal.is_empty()) {
            self.has_refused = true;
            sink(Piece::Refusal(refusal));
        }
        for citation in said.annotations.into_iter().flatten().filter_map(Annotation::citation) {
            sink(Piece::Citation(citation));
        }
        for image in said.images.into_iter().flatten().filter_map(said::Piece::image) {
            sink(Piece::Image(image));
        }
        let old_call = said.function_call.map(|function| Call { function: Some(function), ..Call::default() });
        // Whatever is beyond is not looked at: the answer fails.
        let room = MOST_CALLS + 1;
        for call in said.tool_calls.into_iter().flatten().chain(old_call).take(room) {
            self.calls.read(call, Made { seed, choice: self.index }, sink);
        }
    }

    fn finish(&mut self, reason: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        if self.calls.has_nameless() {
            return Err(made("the upstream called a tool without a name"));
        }
        self.is_finished = true;
        let held = match (self.calls.is_empty(), self.has_refused) {
            (false, _) => Held::ToolCalls,
            (true, true) => Held::Refusal,
            (true, false) => Held::Neither,
        };
        sink(Event::Finish { choice: self.index, finish: finish::read(reason, held) });
        Ok(())
    }
}

/// The details repeat the text, or else only prove it.
fn reasoning(plain: Option<Text<'_>>, details: Vec<Detail<'_>>, sink: &mut dyn FnMut(Piece<'_>)) {
    let is_repeated = details.iter().any(|detail| detail.words().is_some());
    if let Some(text) = plain.filter(|text| !text.is_empty() && !is_repeated) {
        sink(Piece::Reasoning(text));
    }
    for detail in details.into_iter().map(Detail::kept) {
        if let Some(data) = detail.data.filter(|_| &*detail.r#type == "reasoning.encrypted") {
            sink(Piece::SealedReasoning(data));
            continue;
        }
        if let Some(words) = detail.text.or(detail.summary).filter(|words| !words.is_empty()) {
            sink(Piece::Reasoning(words));
        }
        if let Some(signature) = detail.signature {
            sink(Piece::ReasoningSignature(signature));
        }
    }
}

fn body(content: Option<Body<'_>>, sink: &mut dyn FnMut(Piece<'_>)) {
    match content {
        None => {}
        Some(Body::Text(text)) => text_piece(text, sink),
        Some(Body::Pieces(pieces)) => {
            for mut piece in pieces {
                if let Some(thinking) = piece.thinking.take() {
                    sink(Piece::Reasoning(thinking.into_text()));
                } else if let Some(text) = piece.text.take() {
                    text_piece(text, sink);
                } else if let Some(image) = piece.image() {
                    sink(Piece::Image(image));
                }
            }
        }
    }
}

fn text_piece(text: Text<'_>, sink: &mut dyn FnMut(Piece<'_>)) {
    if !text.is_empty() {
        sink(Piece::Text(text));
    }
}
