//! Writes a stream for a caller.
//!
//! A text or thinking is a block with a start and an end; calls carry their number, so that several may be under way at once.

use serde::Serialize;

use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::tool::id_with_signature;
use crate::protocol::cohere::call::Call;
use crate::protocol::cohere::citation::Cited;
use crate::protocol::cohere::finish;
use crate::protocol::cohere::response::unsayable;
use crate::protocol::cohere::usage::Cost;
use crate::protocol::sse::on_one_line;
use crate::protocol::{self, Reply, Unsayable};

/// Writes one stream.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The answer's id where the upstream has none.
    id: String,
    /// The number of the block that is open, or of the next.
    index: u64,
    open: Option<Block>,
    /// There is a text or a call.
    has_answer: bool,
    /// The model refused in words.
    has_refusal: bool,
    citations: u64,
}

/// What a block holds that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
}

/// An event.
#[derive(Serialize)]
struct Said<'a, D> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<D>,
}

/// `{"message": …}`.
#[derive(Serialize)]
struct Of<M> {
    message: M,
}

#[derive(Serialize)]
struct Start {
    role: &'static str,
    content: [(); 0],
    tool_plan: &'static str,
    tool_calls: [(); 0],
    citations: [(); 0],
}

#[derive(Serialize)]
struct ContentOf<'a> {
    content: Item<'a>,
}

#[derive(Serialize, Default)]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
}

#[derive(Serialize)]
struct CallsOf<C> {
    tool_calls: C,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    function: Arguments<'a>,
}

#[derive(Serialize)]
struct Arguments<'a> {
    arguments: &'a str,
}

#[derive(Serialize)]
struct CitationsOf<'a> {
    citations: Cited<'a>,
}

#[derive(Serialize)]
struct End {
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    usage: Cost,
}

impl Writer {
    pub(crate) fn new(reply: &Reply<'_>) -> Self {
        Self { id: reply.id.to_owned(), index: 0, open: None, has_answer: false, has_refusal: false, citations: 0 }
    }

    fn begin(&self, id: Option<&str>, out: &mut Vec<u8>) {
        let message = Start { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
        let id = Some(id.unwrap_or(&self.id));
        put(out, &Said { r#type: "message-start", id, index: None, delta: Some(Of { message }) });
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match piece {
            Piece::Text(text) => self.text(text, out),
            Piece::Refusal(text) => {
                self.has_refusal = true;
                self.text(text, out);
            }
            Piece::Reasoning(text) => {
                self.go_on(Block::Thinking, out);
                self.content("content-delta", Item { thinking: Some(text), ..Item::default() }, out);
            }
            Piece::Citation(citation) => {
                let place = (self.open == Some(Block::Text)).then_some(self.index);
                let message = CitationsOf { citations: Cited::of(citation, None, place) };
                event("citation-start", self.citations, Some(Of { message }), out);
                event("citation-end", self.citations, None::<()>, out);
                self.citations += 1;
            }
            Piece::ToolBegin { call, id, name, signature } => {
                self.has_answer = true;
                self.close(out);
                let id = id_with_signature(id, signature.as_deref());
                let tool_calls = Call::of(id, Text::borrowed(name), "");
                event("tool-call-start", u64::from(*call), Some(Of { message: CallsOf { tool_calls } }), out);
            }
            Piece::ToolArguments { call, fragment } => {
                let tool_calls = CallDelta { function: Arguments { arguments: fragment } };
                event("tool-call-delta", u64::from(*call), Some(Of { message: CallsOf { tool_calls } }), out);
            }
            Piece::ToolEnd { call } => event("tool-call-end", u64::from(*call), None::<()>, out),
            Piece::ReasoningSignature(_) => self.close(out),
            Piece::Image(_) => return Err(unsayable("an image")),
            // What only its provider can read is of use to nobody here, and probabilities nobody can ask for.
            Piece::SealedReasoning(_) | Piece::Logprobs(_) => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.has_answer = true;
        self.go_on(Block::Text, out);
        self.content("content-delta", Item { text: Some(text), ..Item::default() }, out);
    }

    /// Sees that a block of this kind is open.
    fn go_on(&mut self, block: Block, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.close(out);
        self.open = Some(block);
        let item = match block {
            Block::Text => Item { r#type: Some("text"), text: Some(""), thinking: None },
            Block::Thinking => Item { r#type: Some("thinking"), text: None, thinking: Some("") },
        };
        self.content("content-start", item, out);
    }

    fn content(&self, kind: &'static str, content: Item<'_>, out: &mut Vec<u8>) {
        event(kind, self.index, Some(Of { message: ContentOf { content } }), out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            event("content-end", self.index, None::<()>, out);
            self.index += 1;
        }
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match event {
            Event::Begin { id, .. } => self.begin(id.as_deref(), out),
            Event::Piece { choice: 0, piece } => self.piece(piece, out)?,
            // There is one alternative, and nothing to say in between.
            Event::Piece { .. } | Event::Finish { .. } | Event::Usage(_) | Event::Ping => {}
        }
        Ok(())
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        let finish = ended.finishes.iter().find(|(choice, _)| *choice == 0).or(ended.finishes.first());
        let finish = finish::told(finish.map_or(&Finish::Stop, |(_, finish)| finish), self.has_refusal);
        let (finish_reason, error) = (finish::written(finish), finish::why(finish));
        if let Some(text) = error.filter(|_| !self.has_answer) {
            self.text(text, out);
        }
        self.close(out);
        let delta = Some(End { finish_reason, error, usage: Cost::of(&ended.usage) });
        put(out, &Said { r#type: "message-end", id: None, index: None, delta });
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn event<D: Serialize>(r#type: &'static str, index: u64, delta: Option<D>, out: &mut Vec<u8>) {
    put(out, &Said { r#type, id: None, index: Some(index), delta });
}

/// Writes an event with its framing.
fn put<D: Serialize>(out: &mut Vec<u8>, said: &Said<'_, D>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(said.r#type.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let before = out.len();
    if serde_json::to_writer(&mut *out, said).is_err() {
        // Strings and numbers always serialize; half an object would be worse than none.
        out.truncate(before);
    }
    on_one_line(out.get_mut(before..).unwrap_or_default());
    out.extend_from_slice(b"\n\n");
}
