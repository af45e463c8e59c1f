//! Reads an upstream's stream.
//!
//! ```text
//! message_start   (content_block_start  content_block_delta*  content_block_stop)*   message_delta+   message_stop
//! ```
//!
//! with `ping` anywhere, and `error` as the last one. `message_stop` is the only end that is one.

use bytes::Bytes;
use http::StatusCode;

use super::wire::{Block, Data, Delta, Message};
use crate::exchange::event::{Event, Piece};
use crate::exchange::json::Json;
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::json;
use crate::protocol::anthropic::error::{status_in, written};
use crate::protocol::anthropic::usage::Counts;
use crate::protocol::anthropic::{citation, finish};
use crate::protocol::error::Problem;
use crate::protocol::{self, Fault, Frame, MOST_KEPT, Progress, Seed};

/// The types of events that are read.
const KNOWN: [&str; 8] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
    "error",
];

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Reads one stream.
#[derive(Debug, Default)]
pub(in crate::protocol::anthropic) struct Reader {
    has_begun: bool,
    is_done: bool,
    /// Calls that began.
    calls: u32,
    /// Calls that did not end.
    open: Vec<Call>,
    /// The bytes of arguments that came with the begin of their calls.
    early: usize,
    usage: Counts,
    reason: Option<Reason>,
}

/// A tool's call that is under way.
#[derive(Debug)]
struct Call {
    /// Of its block.
    index: u32,
    /// Among the calls.
    call: u32,
    /// Its arguments as far as they came with its begin, where they did: what counts if no more come.
    whole: Option<Json<'static>>,
    has_arguments: bool,
}

/// Why the message is over, as the last event that said so did.
#[derive(Debug)]
struct Reason {
    word: Text<'static>,
    sequence: Option<Text<'static>>,
}

impl Reader {
    pub(in crate::protocol::anthropic) fn new(_: &Seed<'_>) -> Self {
        Self::default()
    }

    fn event(&mut self, name: &str, data: &[u8], sink: Sink<'_>) -> Result<Progress, Fault> {
        let event: Data<'_> = match serde_json::from_slice(data) {
            Ok(event) => event,
            // One that is newer than this may have anything in it.
            Err(_) if json::text(data, b"type").is_some_and(|kind| !KNOWN.contains(&&*kind)) => {
                return Ok(Progress::More);
            }
            Err(_) => return Err(broken("the upstream's stream has an event that can't be read")),
        };
        match event.r#type.as_deref().unwrap_or(name) {
            "content_block_delta" => self.delta(event, sink),
            "content_block_start" => {
                self.block(event, sink);
                if self.early > MOST_KEPT {
                    return Err(broken("the upstream's answer is longer than any may be"));
                }
            }
            "content_block_stop" => self.end_call(event.index.unwrap_or(0), sink),
            "message_start" => self.begin(event.message, sink),
            "message_delta" => self.message(event, sink),
            "message_stop" => return self.finish(sink),
            "error" => return Err(failed(data)),
            "ping" => sink(Event::Ping),
            _ => {}
        }
        Ok(Progress::More)
    }

    fn begin(&mut self, message: Option<Message<'_>>, sink: Sink<'_>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let (id, model, usage) = message.map_or((None, None, None), |it| (it.id, it.model, it.usage));
        self.usage = usage.unwrap_or_default();
        sink(Event::Begin { id, model, usage: self.usage.usage() });
    }

    fn piece(&mut self, piece: Piece<'_>, sink: Sink<'_>) {
        self.begin(None, sink);
        sink(Event::Piece { choice: 0, piece });
    }

    fn block(&mut self, event: Data<'_>, sink: Sink<'_>) {
        let (index, Some(block)) = (event.index.unwrap_or(0), event.content_block) else { return };
        match block.r#type.as_deref() {
            Some("text") => self.say(block.text, Piece::Text, sink),
            Some("thinking") => {
                self.say(block.thinking, Piece::Reasoning, sink);
                self.say(block.signature, Piece::ReasoningSignature, sink);
            }
            Some("redacted_thinking") => self.say(block.data, Piece::SealedReasoning, sink),
            Some("tool_use") => self.begin_call(index, block, sink),
            _ => {}
        }
    }

    fn begin_call(&mut self, index: u32, block: Block<'_>, sink: Sink<'_>) {
        let call = self.calls;
        self.calls += 1;
        let (id, name) = (block.id.unwrap_or_default(), block.name.unwrap_or_default());
        // It is `{}`, and the arguments come after it; but some compatible servers give them here, whole.
        let whole = block.input.filter(|input| input.is_object() && input.as_str() != "{}").map(Json::into_owned);
        self.early += whole.as_ref().map_or(0, |whole| whole.as_str().len());
        self.open.push(Call { index, call, whole, has_arguments: false });
        self.piece(Piece::ToolBegin { call, id, name, signature: None }, sink);
    }

    fn delta(&mut self, event: Data<'_>, sink: Sink<'_>) {
        let Some(delta) = event.delta else { return };
        match delta.r#type.as_deref() {
            Some("text_delta") => self.say(delta.text, Piece::Text, sink),
            Some("input_json_delta") => self.arguments(event.index.unwrap_or(0), delta, sink),
            Some("thinking_delta") => self.say(delta.thinking, Piece::Reasoning, sink),
            Some("signature_delta") => self.say(delta.signature, Piece::ReasoningSignature, sink),
            Some("citations_delta") => {
                if let Some(raw) = delta.citation {
                    self.piece(Piece::Citation(citation::read(raw)), sink);
                }
            }
            _ => {}
        }
    }

    /// Gives a text, if it says anything.
    fn say<'t>(&mut self, text: Option<Text<'t>>, piece: fn(Text<'t>) -> Piece<'t>, sink: Sink<'_>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.piece(piece(text), sink);
        }
    }

    fn arguments(&mut self, index: u32, delta: Delta<'_>, sink: Sink<'_>) {
        let Some(fragment) = delta.partial_json.filter(|fragment| !fragment.is_empty()) else { return };
        // A tool of the server's has arguments too, which nobody asked for.
        let Some(open) = self.open.iter_mut().find(|open| open.index == index) else { return };
        open.has_arguments = true;
        let call = open.call;
        self.piece(Piece::ToolArguments { call, fragment }, sink);
    }

    fn end_call(&mut self, index: u32, sink: Sink<'_>) {
        let Some(at) = self.open.iter().position(|open| open.index == index) else { return };
        let Call { call, whole, has_arguments, .. } = self.open.remove(at);
        if !has_arguments {
            let fragment = whole.as_ref().map_or("{}", Json::as_str).into();
            self.piece(Piece::ToolArguments { call, fragment }, sink);
        }
        self.piece(Piece::ToolEnd { call }, sink);
    }

    fn message(&mut self, event: Data<'_>, sink: Sink<'_>) {
        if let Some(usage) = event.usage {
            self.usage.update(usage);
            self.begin(None, sink);
            sink(Event::Usage(self.usage.usage()));
        }
        let Some(delta) = event.delta else { return };
        if let Some(word) = delta.stop_reason {
            let sequence = delta.stop_sequence.map(Text::into_owned);
            self.reason = Some(Reason { word: word.into_owned(), sequence });
        }
    }

    fn finish(&mut self, sink: Sink<'_>) -> Result<Progress, Fault> {
        let Some(Reason { word, sequence }) = self.reason.take() else {
            return Err(broken("the upstream ended the stream without a reason"));
        };
        while let Some(index) = self.open.first().map(|open| open.index) {
            self.end_call(index, sink);
        }
        let newer = if self.calls > 0 { Finish::ToolCalls } else { Finish::Stop };
        let finish = finish::read(&word, sequence).unwrap_or(newer);
        self.begin(None, sink);
        sink(Event::Finish { choice: 0, finish });
        self.is_done = true;
        Ok(Progress::Done)
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        match frame {
            _ if self.is_done => Ok(Progress::Done),
            Frame::Event { name: "error", data } | Frame::Exception { data, .. } => Err(failed(data)),
            Frame::Event { name, data } => self.event(name, data, sink),
        }
    }
}

/// An error of the upstream's.
fn failed(data: &[u8]) -> Fault {
    let status = status_in(data).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Fault { status, body: Bytes::copy_from_slice(data), header: None }
}

/// An event that is none of the format, or that can't come now.
fn broken(message: &'static str) -> Fault {
    let problem = Problem { status: StatusCode::BAD_GATEWAY, code: "upstream_error", message: message.into() };
    Fault { status: problem.status, body: written(&problem).body, header: None }
}
