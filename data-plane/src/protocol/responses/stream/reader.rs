//! Reads an upstream's stream.
//!
//! A text may come in deltas, whole when its part or item is done, or with the answer as a whole; most come in all three ways. It is given the
//! first time. So is a citation.

mod items;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::items::{Items, Place, Sort, TooMany};
use crate::exchange::event::{Event, Piece};
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::json;
use crate::protocol::responses::failure;
use crate::protocol::responses::item::{Annotation, Item, OutputPart};
use crate::protocol::responses::response::Answer;
use crate::protocol::{self, Fault, Frame, Progress, Seed};

/// Reads one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Reader {
    has_begun: bool,
    items: Items,
}

/// The members of the events that matter; each has some of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    output_index: Option<u64>,
    #[serde(borrow)]
    item_id: Option<Text<'a>>,
    content_index: Option<u64>,
    summary_index: Option<u64>,
    delta: Option<Text<'a>>,
    text: Option<Text<'a>>,
    refusal: Option<Text<'a>>,
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    annotation: Option<Annotation<'a>>,
    #[serde(borrow)]
    part: Option<OutputPart<'a>>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

impl Reader {
    pub(in super::super) fn new(_seed: &Seed<'_>) -> Self {
        Self::default()
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let (name, data) = match frame {
            Frame::Event { name, data } => (name, data),
            Frame::Exception { data, .. } => return Err(fault(data)),
        };
        let kind = match name {
            // Some vendors leave the name to the data.
            "" | "message" => json::text(data, b"type").unwrap_or_default(),
            _ => name.into(),
        };
        match &*kind {
            "error" => Err(fault(data)),
            "response.failed" => Err(fault(json::member(data, b"response").unwrap_or(data))),
            "" if json::has_member(data, b"error") => Err(fault(data)),
            kind if is_known(kind) => {
                let data: Data<'_> = serde_json::from_slice(data).map_err(|_| unreadable(data))?;
                self.event(kind, data, sink)
            }
            _ => Ok(Progress::More),
        }
    }
}

/// Whether an event of this type has anything to say. What others hold may have any form.
fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "response.created"
            | "response.in_progress"
            | "response.queued"
            | "response.output_item.added"
            | "response.output_item.done"
            | "response.content_part.done"
            | "response.output_text.delta"
            | "response.output_text.done"
            | "response.output_text.annotation.added"
            | "response.refusal.delta"
            | "response.refusal.done"
            | "response.function_call_arguments.delta"
            | "response.function_call_arguments.done"
            | "response.reasoning_summary_part.added"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_text.delta"
            | "response.reasoning_text.done"
            | "response.completed"
            | "response.incomplete"
    )
}

impl Reader {
    fn event(&mut self, kind: &str, data: Data<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let answer = match data.response {
            Some(response) => {
                serde_json::from_str(response.get()).map_err(|_| unreadable(response.get().as_bytes()))?
            }
            None => Answer::default(),
        };
        if !self.has_begun {
            self.has_begun = true;
            let (id, model) = (answer.id.as_ref().map(Text::borrowed), answer.model.as_ref().map(Text::borrowed));
            sink(Event::Begin { id, model, usage: Usage::default() });
        }
        match kind {
            "response.completed" | "response.incomplete" => self.end(answer, sink),
            _ => {
                self.piece(kind, data, &mut |piece| sink(Event::Piece { choice: 0, piece }))?;
                Ok(Progress::More)
            }
        }
    }

    fn piece(&mut self, kind: &str, data: Data<'_>, give: &mut dyn FnMut(Piece<'_>)) -> Result<(), TooMany> {
        let items = &mut self.items;
        if kind == "response.output_item.added" {
            return items.begin(data.output_index, data.item, give);
        }
        if matches!(kind, "response.created" | "response.in_progress" | "response.queued") {
            return Ok(());
        }
        let at = items.find(data.output_index, data.item_id.as_deref())?;
        let content = data.content_index.unwrap_or(0);
        let summary = data.summary_index.unwrap_or(0);
        let place = |sort, part| Place { item: at, sort, part };
        match kind {
            "response.output_item.done" => items.done(at, data.item, give),
            "response.content_part.done" => items.part(at, content, data.part, give),
            "response.output_text.delta" => items.delta(place(Sort::Text, content), data.delta, give),
            "response.output_text.done" => items.whole(place(Sort::Text, content), data.text, give),
            "response.output_text.annotation.added" => {
                let citation = data.annotation.and_then(Annotation::into_citation);
                items.citation(place(Sort::Citation, content), citation, give)
            }
            "response.refusal.delta" => items.delta(place(Sort::Refusal, content), data.delta, give),
            "response.refusal.done" => items.whole(place(Sort::Refusal, content), data.refusal, give),
            "response.function_call_arguments.delta" => items.delta(place(Sort::Arguments, 0), data.delta, give),
            "response.function_call_arguments.done" => items.arguments(at, data.arguments, give),
            "response.reasoning_summary_part.added" => items.open(place(Sort::Summary, summary), give),
            "response.reasoning_summary_text.delta" => items.delta(place(Sort::Summary, summary), data.delta, give),
            "response.reasoning_summary_text.done" => items.whole(place(Sort::Summary, summary), data.text, give),
            "response.reasoning_text.delta" => items.delta(place(Sort::Thought, content), data.delta, give),
            "response.reasoning_text.done" => items.whole(place(Sort::Thought, content), data.text, give),
            _ => Ok(()),
        }
    }

    /// The terminal event: gives the answer if it came in no other, and why it is over.
    fn end(&mut self, mut answer: Answer<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let output = answer.output.take().filter(|_| self.items.gave_nothing());
        for (index, item) in (0..).zip(output.unwrap_or_default()) {
            let at = self.items.find(Some(index), None)?;
            self.items.done(at, Some(item), &mut |piece| sink(Event::Piece { choice: 0, piece }))?;
        }
        sink(Event::Finish { choice: 0, finish: answer.finish(self.items.seen()) });
        sink(Event::Usage(answer.usage()));
        Ok(Progress::Done)
    }
}

/// The upstream's error.
fn fault(holder: &[u8]) -> Fault {
    let body = failure::wrapped(holder);
    Fault { status: failure::status(&body), body, header: None }
}

/// An event that is none of the format.
fn unreadable(data: &[u8]) -> Fault {
    Fault { status: StatusCode::BAD_GATEWAY, body: Bytes::copy_from_slice(data), header: None }
}

impl From<TooMany> for Fault {
    fn from(_: TooMany) -> Self {
        let message = "the upstream's answer has more items and parts than any may have";
        let body = format!(r#"{{"error":{{"message":"{message}","type":"upstream_error","code":"upstream_error"}}}}"#);
        Self { status: StatusCode::BAD_GATEWAY, body: body.into(), header: None }
    }
}
