//! Writes a caller's stream.
//!
//! Items are strictly sequential: a call that begins while another is under way waits until that one is whole.

mod event;
mod open;

use std::collections::VecDeque;
use std::fmt;

use self::event::{Data, Sequence};
use self::open::{Call, Message, Open, Said, Thoughts};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::json::Json;
use crate::exchange::response::Finish;
use crate::exchange::tool::id_with_signature;
use crate::exchange::usage::Usage;
use crate::protocol::responses::output::{Answer, Head, State};
use crate::protocol::responses::response::{Ids, image_data};
use crate::protocol::{self, Reply, Unsayable};

/// Writes one stream.
pub(in super::super) struct Writer {
    /// What the items' ids are made from.
    seed: String,
    id: String,
    created_at: u64,
    model: String,
    sequence: Sequence,
    /// The items that are whole.
    items: Vec<Json<'static>>,
    open: Option<Open>,
    /// Calls that began while another was under way.
    waiting: VecDeque<Call>,
    has_refusal: bool,
}

/// Answers are their callers' own.
impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

impl Writer {
    pub(in super::super) fn new(reply: &Reply<'_>) -> Self {
        Self {
            seed: reply.id.to_owned(),
            id: Ids(reply.id).answer(),
            created_at: reply.created,
            model: reply.model.to_owned(),
            sequence: Sequence::default(),
            items: Vec::new(),
            open: None,
            waiting: VecDeque::new(),
            has_refusal: false,
        }
    }

    fn ids(&self) -> Ids<'_> {
        Ids(&self.seed)
    }

    /// An event with the whole answer as it is now.
    fn answer(&mut self, kind: &'static str, state: State, usage: &Usage, out: &mut Vec<u8>) {
        let head = Head { id: &self.id, created_at: self.created_at, model: &self.model };
        let answer = Answer::of(head, state, &self.items, usage);
        self.sequence.write(Data { response: Some(&answer), ..Data::of(kind) }, out);
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match piece {
            Piece::Text(text) => {
                self.message(out, |message, sequence, out| message.say(Said::Text, text, sequence, out))
            }
            Piece::Refusal(text) => {
                self.has_refusal = true;
                self.message(out, |message, sequence, out| message.say(Said::Refusal, text, sequence, out));
            }
            Piece::Citation(citation) => {
                self.message(out, |message, sequence, out| message.cite(citation, sequence, out));
            }
            Piece::Reasoning(text) => self.thoughts(out, |thoughts, sequence, out| thoughts.say(text, sequence, out)),
            Piece::ReasoningSignature(signature) => {
                self.thoughts(out, |thoughts, _, _| thoughts.sealed = Some(signature.to_string()));
                self.close(State::Completed, out);
            }
            Piece::SealedReasoning(sealed) => {
                self.close(State::Completed, out);
                let mut thoughts = Thoughts::new(self.ids().reasoning(self.items.len()), self.items.len());
                thoughts.begin(&mut self.sequence, out);
                thoughts.sealed = Some(sealed.to_string());
                self.open = Some(Open::Thoughts(thoughts));
                self.close(State::Completed, out);
            }
            Piece::ToolBegin { call, id, name, signature } => {
                let id = id_with_signature(id, signature.as_deref());
                self.begin_call(Call::new(*call, id.as_str(), name), out);
            }
            Piece::ToolArguments { call, fragment } => self.arguments(*call, fragment, out),
            Piece::ToolEnd { call } => self.end_call(*call, out),
            Piece::Image(image) => {
                let data = image_data(image)?;
                self.close(State::Completed, out);
                let id = self.ids().image(self.items.len());
                let item = open::image(&id, self.items.len(), data, &mut self.sequence, out);
                self.items.push(item);
            }
            // Who asks for them in this format is refused before.
            Piece::Logprobs(_) => {}
        }
        Ok(())
    }

    /// Goes on with the message, or begins one.
    fn message(&mut self, out: &mut Vec<u8>, with: impl FnOnce(&mut Message, &mut Sequence, &mut Vec<u8>)) {
        if !matches!(self.open, Some(Open::Message(_))) {
            self.close(State::Completed, out);
            let message = Message::new(self.ids().message(self.items.len()), self.items.len());
            message.begin(&mut self.sequence, out);
            self.open = Some(Open::Message(message));
        }
        if let Some(Open::Message(message)) = &mut self.open {
            with(message, &mut self.sequence, out);
        }
    }

    /// Goes on with the reasoning that is shown, or begins some.
    fn thoughts(&mut self, out: &mut Vec<u8>, with: impl FnOnce(&mut Thoughts, &mut Sequence, &mut Vec<u8>)) {
        if !matches!(self.open, Some(Open::Thoughts(_))) {
            self.close(State::Completed, out);
            let mut thoughts = Thoughts::new(self.ids().reasoning(self.items.len()), self.items.len());
            thoughts.begin(&mut self.sequence, out);
            thoughts.show(&mut self.sequence, out);
            self.open = Some(Open::Thoughts(thoughts));
        }
        if let Some(Open::Thoughts(thoughts)) = &mut self.open {
            with(thoughts, &mut self.sequence, out);
        }
    }

    fn begin_call(&mut self, call: Call, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open::Call(_))) {
            self.waiting.push_back(call);
        } else {
            self.close(State::Completed, out);
            self.open_call(call, out);
        }
    }

    fn open_call(&mut self, mut call: Call, out: &mut Vec<u8>) {
        call.begin(self.ids().function_call(self.items.len()), self.items.len(), &mut self.sequence, out);
        self.open = Some(Open::Call(call));
    }

    fn arguments(&mut self, number: u32, fragment: &str, out: &mut Vec<u8>) {
        match &mut self.open {
            Some(Open::Call(call)) if call.number == number => call.say(fragment, &mut self.sequence, out),
            _ => {
                if let Some(call) = self.waiting.iter_mut().find(|call| call.number == number) {
                    call.arguments.push_str(fragment);
                }
            }
        }
    }

    /// The call is whole, and with it those that waited for it and are whole, too.
    fn end_call(&mut self, number: u32, out: &mut Vec<u8>) {
        if let Some(call) = self.waiting.iter_mut().find(|call| call.number == number) {
            call.is_whole = true;
            return;
        }
        if !matches!(&self.open, Some(Open::Call(call)) if call.number == number) {
            return;
        }
        self.close_open(State::Completed, out);
        while let Some(call) = self.waiting.pop_front() {
            let is_whole = call.is_whole;
            self.open_call(call, out);
            if !is_whole {
                return;
            }
            self.close_open(State::Completed, out);
        }
    }

    /// Ends what is under way, and what waits for it.
    fn close(&mut self, state: State, out: &mut Vec<u8>) {
        self.close_open(state, out);
        while let Some(call) = self.waiting.pop_front() {
            self.open_call(call, out);
            self.close_open(state, out);
        }
    }

    fn close_open(&mut self, state: State, out: &mut Vec<u8>) {
        if let Some(open) = self.open.take() {
            self.items.push(open.end(state, &mut self.sequence, out));
        }
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match event {
            Event::Begin { id, model, .. } => {
                if let Some(id) = id {
                    self.id = id.to_string();
                }
                if let Some(model) = model {
                    self.model = model.to_string();
                }
                self.answer("response.created", State::InProgress, &Usage::default(), out);
                self.answer("response.in_progress", State::InProgress, &Usage::default(), out);
                Ok(())
            }
            Event::Piece { choice: 0, piece } => self.piece(piece, out),
            // The format has one alternative, and no event without a meaning; the rest comes with the end.
            Event::Piece { .. } | Event::Finish { .. } | Event::Usage(_) | Event::Ping => Ok(()),
        }
    }

    fn next_number(&self) -> u64 {
        self.sequence.next()
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        let finish = ended.finishes.iter().find(|(choice, _)| *choice == 0).map_or(&Finish::Stop, |(_, finish)| finish);
        let state = State::of(finish, self.has_refusal);
        self.close(state, out);
        let kind = match state {
            State::CutAtLength | State::Filtered => "response.incomplete",
            State::InProgress | State::Completed => "response.completed",
        };
        self.answer(kind, state, &ended.usage, out);
    }
}
