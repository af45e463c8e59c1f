//! Writes a stream for a caller.
//!
//! Blocks come one after another, by indexes without a gap. Where several calls are under way at once, the first is streamed and the others
//! wait until it ends.

use std::collections::VecDeque;

use super::wire::{Begun, Event as Wire, More, NoMembers, Start, Stopped};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::tool;
use crate::exchange::usage::Usage;
use crate::protocol::anthropic::usage::Counts;
use crate::protocol::anthropic::{citation, finish, message_id, unsayable};
use crate::protocol::{self, Reply, Unsayable};

/// Writes one stream.
#[derive(Debug)]
pub(in crate::protocol::anthropic) struct Writer {
    /// Of the reply, for where the upstream has none.
    id: String,
    model: String,
    has_begun: bool,
    /// Of the block that is open, or of the next one.
    index: u32,
    open: Open,
    /// Calls that began while another was open, in their order.
    waiting: VecDeque<Waiting>,
    usage: Usage,
    refuses: bool,
}

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Thinking,
    Tool(u32),
}

/// A call that waits for its turn.
#[derive(Debug)]
struct Waiting {
    call: u32,
    id: String,
    name: String,
    arguments: String,
    has_ended: bool,
}

impl Writer {
    pub(in crate::protocol::anthropic) fn new(reply: &Reply<'_>) -> Self {
        Self {
            id: reply.id.to_owned(),
            model: reply.model.to_owned(),
            has_begun: false,
            index: 0,
            open: Open::Nothing,
            waiting: VecDeque::new(),
            usage: Usage::default(),
            refuses: false,
        }
    }

    fn begin(&mut self, id: Option<&str>, model: Option<&str>, usage: Usage, out: &mut Vec<u8>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        self.usage = usage;
        let message = Start {
            id: &message_id(id, &self.id),
            r#type: "message",
            role: "assistant",
            model: model.unwrap_or(&self.model),
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: Counts::of_message(&usage),
        };
        Wire::MessageStart { message }.write(out);
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match piece {
            Piece::Text(text) => self.text(text, out),
            Piece::Refusal(text) => {
                self.refuses = true;
                self.text(text, out);
            }
            Piece::Citation(citation) => {
                if let Some(citation) = citation::written(citation) {
                    self.turn_to(Open::Text, out);
                    self.more(More::Citation { citation }, out);
                }
            }
            Piece::Reasoning(text) if text.is_empty() => {}
            Piece::Reasoning(text) => {
                self.turn_to(Open::Thinking, out);
                self.more(More::Thinking { thinking: text }, out);
            }
            Piece::ReasoningSignature(signature) => {
                self.turn_to(Open::Thinking, out);
                self.sign(signature, out);
            }
            Piece::SealedReasoning(data) => self.sealed(data, out),
            Piece::ToolBegin { call, id, name, signature } => self.begin_call(*call, id, name, signature.as_ref(), out),
            Piece::ToolArguments { fragment, .. } if fragment.is_empty() => {}
            Piece::ToolArguments { call, fragment } => self.arguments(*call, fragment, out),
            Piece::ToolEnd { call } => self.end_call(*call, out),
            Piece::Image(_) => return Err(unsayable("an image in an answer")),
            // Nobody can ask for them in this format.
            Piece::Logprobs(_) => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.turn_to(Open::Text, out);
            self.more(More::Text { text }, out);
        }
    }

    fn sealed(&mut self, data: &str, out: &mut Vec<u8>) {
        self.close_all(out);
        self.start(Begun::RedactedThinking { data }, out);
        self.stop(out);
    }

    /// Opens a block of this kind, unless it is open.
    fn turn_to(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == kind {
            return;
        }
        self.close_all(out);
        match kind {
            Open::Text => self.start(Begun::Text { text: "" }, out),
            Open::Thinking => self.start(Begun::Thinking { thinking: "", signature: "" }, out),
            Open::Tool(_) | Open::Nothing => {}
        }
        self.open = kind;
    }

    fn begin_call(&mut self, call: u32, id: &str, name: &str, signature: Option<&Text<'_>>, out: &mut Vec<u8>) {
        let signed = signature.map(|signature| tool::id_with_signature(id, Some(signature)));
        let id = signed.as_deref().unwrap_or(id);
        if let Open::Tool(_) = self.open {
            let (id, name) = (id.to_owned(), name.to_owned());
            return self.waiting.push_back(Waiting { call, id, name, arguments: String::new(), has_ended: false });
        }
        self.close(out);
        self.start(Begun::ToolUse { id, name, input: NoMembers {} }, out);
        self.open = Open::Tool(call);
    }

    fn arguments(&mut self, call: u32, fragment: &str, out: &mut Vec<u8>) {
        if self.open == Open::Tool(call) {
            self.more(More::InputJson { partial_json: fragment }, out);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.call == call) {
            waiting.arguments.push_str(fragment);
        }
    }

    fn end_call(&mut self, call: u32, out: &mut Vec<u8>) {
        if self.open == Open::Tool(call) {
            self.close(out);
            self.go_on(out);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.call == call) {
            waiting.has_ended = true;
        }
    }

    /// Writes the calls that wait, up to the first that has not ended: that one is open now.
    fn go_on(&mut self, out: &mut Vec<u8>) {
        while self.open == Open::Nothing
            && let Some(Waiting { call, id, name, arguments, has_ended }) = self.waiting.pop_front()
        {
            self.start(Begun::ToolUse { id: &id, name: &name, input: NoMembers {} }, out);
            self.open = Open::Tool(call);
            if !arguments.is_empty() {
                self.more(More::InputJson { partial_json: &arguments }, out);
            }
            if has_ended {
                self.close(out);
            }
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while !self.waiting.is_empty() {
            self.go_on(out);
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self.open {
            Open::Nothing => {}
            Open::Text | Open::Tool(_) => self.stop(out),
            // Clients want a signature of every one.
            Open::Thinking => self.sign("", out),
        }
    }

    /// Ends what was thought.
    fn sign(&mut self, signature: &str, out: &mut Vec<u8>) {
        self.more(More::Signature { signature }, out);
        self.stop(out);
    }

    fn start(&self, content_block: Begun<'_>, out: &mut Vec<u8>) {
        Wire::ContentBlockStart { index: self.index, content_block }.write(out);
    }

    fn more(&self, delta: More<'_>, out: &mut Vec<u8>) {
        Wire::ContentBlockDelta { index: self.index, delta }.write(out);
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        Wire::ContentBlockStop { index: self.index }.write(out);
        self.index += 1;
        self.open = Open::Nothing;
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match event {
            Event::Begin { id, model, usage } => self.begin(id.as_deref(), model.as_deref(), *usage, out),
            Event::Piece { choice: 0, piece } => {
                self.begin(None, None, Usage::default(), out);
                self.piece(piece, out)?;
            }
            Event::Ping => out.extend_from_slice(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
            // There is one alternative, and what ends it comes with the end.
            Event::Piece { .. } | Event::Finish { .. } | Event::Usage(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        self.begin(None, None, Usage::default(), out);
        self.close_all(out);
        self.usage.update(ended.usage);
        let finish = ended.finishes.iter().find(|(choice, _)| *choice == 0).or(ended.finishes.first());
        let finish = match finish.map_or(&Finish::Stop, |(_, finish)| finish) {
            Finish::Stop if self.refuses => &Finish::Refused,
            finish => finish,
        };
        let delta = Stopped { stop_reason: finish::reason(finish), stop_sequence: finish::sequence(finish) };
        Wire::MessageDelta { delta, usage: Counts::of(&self.usage) }.write(out);
        Wire::MessageStop.write(out);
    }
}
