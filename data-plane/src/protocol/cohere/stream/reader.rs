//! Reads an upstream's stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exchange::event::{Event, Piece};
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::cohere::call::{Call, Function};
use crate::protocol::cohere::citation::Cited;
use crate::protocol::cohere::error::{broken, fault};
use crate::protocol::cohere::finish;
use crate::protocol::cohere::usage::Cost;
use crate::protocol::{self, Fault, Frame, Progress, Seed};

/// Reads one stream.
#[derive(Debug)]
pub(crate) struct Reader {
    has_begun: bool,
    progress: Progress,
    /// How many calls have begun.
    calls: u32,
    /// Calls that are under way, each with the index that the upstream gave it.
    open: Vec<(u64, u32)>,
}

/// What all events have.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(default)]
    index: Option<u64>,
    id: Option<Text<'a>>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
}

/// `delta` of all events but the last, whose message has one member.
#[derive(Deserialize)]
struct Delta<T> {
    message: Option<T>,
}

#[derive(Deserialize)]
struct ContentOf<'a> {
    #[serde(borrow)]
    content: Option<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    thinking: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct PlanOf<'a> {
    #[serde(borrow)]
    tool_plan: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct CallOf<'a> {
    #[serde(borrow)]
    tool_calls: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct ArgumentsOf<'a> {
    #[serde(borrow)]
    tool_calls: Option<CallDelta<'a>>,
}

#[derive(Deserialize)]
struct CallDelta<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct CitationsOf<'a> {
    #[serde(borrow)]
    citations: Option<Cited<'a>>,
}

/// `delta` of the last event.
#[derive(Deserialize)]
struct End<'a> {
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    error: Option<Text<'a>>,
    usage: Option<Cost>,
}

impl Reader {
    pub(crate) fn new(_seed: &Seed<'_>) -> Self {
        Self { has_begun: false, progress: Progress::More, calls: 0, open: Vec::new() }
    }

    fn begin(&mut self, id: Option<Text<'_>>, sink: &mut dyn FnMut(Event<'_>)) {
        if !self.has_begun {
            self.has_begun = true;
            sink(Event::Begin { id, model: None, usage: Usage::default() });
        }
    }

    fn event(&mut self, head: &Head<'_>, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        match &*head.r#type {
            "content-start" | "content-delta" => {
                let item = message::<ContentOf<'_>>(head)?.and_then(|message| message.content);
                if let Some(Item { text, thinking }) = item {
                    give(text.filter(filled).map(Piece::Text), sink);
                    give(thinking.filter(filled).map(Piece::Reasoning), sink);
                }
            }
            "tool-plan-delta" => {
                let plan = message::<PlanOf<'_>>(head)?.and_then(|message| message.tool_plan);
                give(plan.filter(filled).map(Piece::Text), sink);
            }
            "tool-call-start" => {
                if let Some(call) = message::<CallOf<'_>>(head)?.and_then(|message| message.tool_calls) {
                    self.begin_call(head.index, call, sink);
                }
            }
            "tool-call-delta" => {
                let delta = message::<ArgumentsOf<'_>>(head)?.and_then(|message| message.tool_calls);
                let fragment = delta.and_then(|delta| delta.function).map(|function| function.arguments).filter(filled);
                let call = self.open.iter().find(|(index, _)| Some(*index) == head.index).or(self.open.last());
                if let Some(((_, call), fragment)) = call.zip(fragment) {
                    give(Some(Piece::ToolArguments { call: *call, fragment }), sink);
                }
            }
            "tool-call-end" => self.end_call(head.index, sink),
            "citation-start" => {
                let cited = message::<CitationsOf<'_>>(head)?.and_then(|message| message.citations);
                for citation in cited.into_iter().flat_map(Cited::read) {
                    give(Some(Piece::Citation(citation)), sink);
                }
            }
            "message-end" => self.end(head, data, sink)?,
            _ => {}
        }
        Ok(())
    }

    fn begin_call(&mut self, index: Option<u64>, given: Call<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let call = self.calls;
        self.calls += 1;
        self.open.push((index.unwrap_or(u64::from(call)), call));
        let Function { name, arguments } = given.function;
        give(Some(Piece::ToolBegin { call, id: given.id, name, signature: None }), sink);
        if filled(&arguments) {
            give(Some(Piece::ToolArguments { call, fragment: arguments }), sink);
        }
    }

    fn end_call(&mut self, index: Option<u64>, sink: &mut dyn FnMut(Event<'_>)) {
        let place = self.open.iter().position(|(open, _)| Some(*open) == index);
        // Without an index it is the last one.
        let Some(place) = place.or(self.open.len().checked_sub(1).filter(|_| index.is_none())) else { return };
        let (_, call) = self.open.swap_remove(place);
        give(Some(Piece::ToolEnd { call }), sink);
    }

    fn end(&mut self, head: &Head<'_>, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Fault> {
        let end: End<'_> = parsed(head.delta.map_or("{}", RawValue::get).as_bytes())?;
        let reason = end.finish_reason.as_deref();
        if let Some(status) = finish::failure(reason, end.error.as_deref()) {
            return Err(fault(status, data));
        }
        let reason = reason.ok_or_else(|| broken(finish::UNFINISHED))?;
        let finish = finish::read(reason).map_err(|status| fault(status, data))?;
        if let Some(cost) = end.usage {
            sink(Event::Usage(cost.read()));
        }
        sink(Event::Finish { choice: 0, finish });
        self.progress = Progress::Done;
        Ok(())
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let (name, data) = match frame {
            Frame::Event { name, data } | Frame::Exception { name, data } => (name, data),
        };
        if self.progress == Progress::Done || data.trim_ascii() == b"[DONE]" || data.trim_ascii().is_empty() {
            return Ok(self.progress);
        }
        if name == "error" || matches!(frame, Frame::Exception { .. }) {
            return Err(fault(http::StatusCode::INTERNAL_SERVER_ERROR, data));
        }
        let mut head: Head<'_> = parsed(data)?;
        self.begin(head.id.take(), sink);
        self.event(&head, data, sink)?;
        Ok(self.progress)
    }
}

fn filled(text: &Text<'_>) -> bool {
    !text.is_empty()
}

fn give(piece: Option<Piece<'_>>, sink: &mut dyn FnMut(Event<'_>)) {
    if let Some(piece) = piece {
        sink(Event::Piece { choice: 0, piece });
    }
}

/// What an event says of the message.
fn message<'a, T: Deserialize<'a>>(head: &Head<'a>) -> Result<Option<T>, Fault> {
    let Some(delta) = head.delta else { return Ok(None) };
    parsed::<Delta<T>>(delta.get().as_bytes()).map(|delta| delta.message)
}

fn parsed<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(data).map_err(|_| broken("the upstream's stream has an event that can't be read"))
}
