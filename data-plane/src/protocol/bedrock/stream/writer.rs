//! Writes a stream for a caller.
//!
//! ```text
//! (none) --piece--> block of its kind --piece of another kind--> stop, block of that kind
//!                   call              --another call-----------> the other waits until this one ends
//! ```

use std::collections::VecDeque;

use serde::Serialize;

use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::Image;
use crate::exchange::response::Finish;
use crate::exchange::tool::id_with_signature;
use crate::protocol::bedrock::block::{CitationOf, Media, MediaSource};
use crate::protocol::bedrock::finish;
use crate::protocol::bedrock::frame::{self, Kind};
use crate::protocol::bedrock::usage::{Metrics, TokenUsage};
use crate::protocol::{self, Reply, Unsayable};

/// Writes one stream.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The number of the block that is open, or of the next.
    index: u64,
    open: Option<Open>,
    /// Calls that began while another was under way, in their order.
    waiting: VecDeque<Waiting>,
}

/// What a block holds that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Reasoning,
    Call(u32),
}

/// A call whose block can't be opened yet.
#[derive(Debug)]
struct Waiting {
    call: u32,
    id: String,
    name: String,
    arguments: String,
    has_ended: bool,
}

#[derive(Serialize)]
struct MessageStart {
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    content_block_index: u64,
    start: Start<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Start<'a> {
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: &'a str,
        name: &'a str,
    },
    Image {
        format: &'a str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
    content_block_index: u64,
    delta: Delta<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Delta<'a> {
    Text(&'a str),
    ToolUse { input: &'a str },
    ReasoningContent(ReasoningDelta<'a>),
    Citation(CitationOf<'a>),
    Image { source: MediaSource<'a> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ReasoningDelta<'a> {
    Text(&'a str),
    Signature(&'a str),
    RedactedContent(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop {
    stop_reason: &'static str,
}

#[derive(Serialize)]
struct Metadata {
    usage: TokenUsage,
    metrics: Metrics,
}

impl Writer {
    pub(crate) fn new(_reply: &Reply<'_>) -> Self {
        Self { index: 0, open: None, waiting: VecDeque::new() }
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match piece {
            Piece::Text(text) | Piece::Refusal(text) => {
                self.go_on(Open::Text, out);
                self.delta(Delta::Text(text), out);
            }
            Piece::Citation(citation) => {
                self.go_on(Open::Text, out);
                self.delta(Delta::Citation(CitationOf::of(citation)), out);
            }
            Piece::Reasoning(text) => {
                self.go_on(Open::Reasoning, out);
                self.delta(Delta::ReasoningContent(ReasoningDelta::Text(text)), out);
            }
            Piece::ReasoningSignature(signature) => {
                self.go_on(Open::Reasoning, out);
                self.delta(Delta::ReasoningContent(ReasoningDelta::Signature(signature)), out);
                self.close(out);
            }
            Piece::SealedReasoning(sealed) => {
                self.flush(out);
                self.open = Some(Open::Reasoning);
                self.delta(Delta::ReasoningContent(ReasoningDelta::RedactedContent(sealed)), out);
                self.close(out);
            }
            Piece::ToolBegin { call, id, name, signature } => {
                let id = id_with_signature(id, signature.as_deref());
                self.begin_call(*call, &id, name, out);
            }
            Piece::ToolArguments { call, fragment } => self.arguments(*call, fragment, out),
            Piece::ToolEnd { call } => self.end_call(*call, out),
            Piece::Image(image) => self.image(image, out)?,
            // The format has no place for them, and nobody can ask for them in it.
            Piece::Logprobs(_) => {}
        }
        Ok(())
    }

    fn begin_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open::Call(_))) {
            let (id, name) = (id.to_owned(), name.to_owned());
            self.waiting.push_back(Waiting { call, id, name, arguments: String::new(), has_ended: false });
            return;
        }
        self.close(out);
        self.start(Start::ToolUse { tool_use_id: id, name }, out);
        self.open = Some(Open::Call(call));
    }

    fn arguments(&mut self, call: u32, fragment: &str, out: &mut Vec<u8>) {
        if self.open == Some(Open::Call(call)) {
            self.delta(Delta::ToolUse { input: fragment }, out);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.call == call) {
            waiting.arguments.push_str(fragment);
        }
    }

    fn end_call(&mut self, call: u32, out: &mut Vec<u8>) {
        if self.open != Some(Open::Call(call)) {
            if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.call == call) {
                waiting.has_ended = true;
            }
            return;
        }
        self.close(out);
        while let Some(next) = self.waiting.pop_front() {
            self.open_waiting(&next, out);
            if !next.has_ended {
                return;
            }
            self.close(out);
        }
    }

    fn open_waiting(&mut self, next: &Waiting, out: &mut Vec<u8>) {
        self.start(Start::ToolUse { tool_use_id: &next.id, name: &next.name }, out);
        self.open = Some(Open::Call(next.call));
        if !next.arguments.is_empty() {
            self.delta(Delta::ToolUse { input: &next.arguments }, out);
        }
    }

    fn image(&mut self, image: &Image<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        let Media { format, source } = Media::image(image)?;
        self.flush(out);
        self.start(Start::Image { format: &format }, out);
        self.delta(Delta::Image { source }, out);
        self.stop(out);
        Ok(())
    }

    /// Sees that a block of this kind is open.
    fn go_on(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open != Some(kind) {
            self.flush(out);
            self.open = Some(kind);
        }
    }

    /// Closes what is open, and writes what waits.
    fn flush(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while let Some(next) = self.waiting.pop_front() {
            self.open_waiting(&next, out);
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            self.stop(out);
        }
    }

    fn start(&self, start: Start<'_>, out: &mut Vec<u8>) {
        event(out, "contentBlockStart", &BlockStart { content_block_index: self.index, start });
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        event(out, "contentBlockDelta", &BlockDelta { content_block_index: self.index, delta });
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        event(out, "contentBlockStop", &BlockStop { content_block_index: self.index });
        self.index += 1;
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, written: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match written {
            Event::Begin { .. } => event(out, "messageStart", &MessageStart { role: "assistant" }),
            Event::Piece { choice: 0, piece } => self.piece(piece, out)?,
            // There is one alternative, and nothing to say in between.
            Event::Piece { .. } | Event::Finish { .. } | Event::Usage(_) | Event::Ping => {}
        }
        Ok(())
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        self.flush(out);
        let finish = ended.finishes.iter().find(|(choice, _)| *choice == 0).or(ended.finishes.first());
        let stop_reason = finish::written(finish.map_or(&Finish::Stop, |(_, finish)| finish));
        event(out, "messageStop", &MessageStop { stop_reason });
        event(out, "metadata", &Metadata { usage: TokenUsage::of(&ended.usage), metrics: Metrics::default() });
    }
}

fn event(out: &mut Vec<u8>, name: &str, payload: &impl Serialize) {
    frame::put(out, Kind::Event, name, payload);
}
