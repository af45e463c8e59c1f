//! What holds for every pair of formats, between a reader's events and a writer.
//!
//! ```text
//! Begin        first, whether the upstream says it or not
//! Reasoning    a signature behind it, if only one that says that it has none
//! Text         where the answer comes by a tool, held until it is known that none of it comes so
//! ToolBegin    ToolArguments at least once, then ToolEnd, before anything of another kind of the same alternative
//! Finish       held until the end
//! Usage        held until the end, the newest of each count
//! ```

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::Trouble;
use super::kept::Kept;
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::{ANSWER_TOOL, Dialect, MOST_CALLS, MOST_CHOICES, Unsayable, Writer, provenance};

/// What a model says before it calls the tool that the answer comes by is shorter: it announces the call.
const MOST_PREAMBLE: usize = 64 * 1024;

/// The most room for what is written next that an open stream holds on to: as much as an event takes mostly.
const ROOM: usize = 1024;

/// What is known of an answer that goes by.
#[derive(Debug)]
pub(super) struct Books {
    upstream: Dialect,
    caller: Dialect,
    writer: Box<dyn Writer>,
    out: Vec<u8>,
    answers_by_tool: bool,
    has_begun: bool,
    usage: Usage,
    /// The upstream's number for each alternative, in the order in which they were first heard of: their places are their own numbers.
    numbers: Vec<u32>,
    choices: BTreeMap<u32, Choice>,
    kept: Kept,
    /// Of all alternatives.
    calls: usize,
    trouble: Option<Trouble>,
}

/// One alternative.
#[derive(Debug, Default)]
struct Choice {
    /// By the reader's number for it.
    calls: HashMap<u32, Call>,
    /// The calls that began since all of them had ended, in their order: those whose end was not written, and others between them.
    open: Vec<u32>,
    /// Reasoning was written, and nothing that proves it.
    is_unsigned: bool,
    /// How many calls the writer was told of.
    written_calls: u32,
    /// The answer came as a tool's arguments.
    has_answer: bool,
    /// What was said before a call that may be the answer, which alone is what the caller asked for.
    preamble: String,
    finish: Option<Finish<'static>>,
}

/// A tool's call.
#[derive(Debug, Clone, Copy)]
struct Call {
    kind: Kind,
    has_arguments: bool,
    is_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With this number for the writer.
    Tool(u32),
    /// The arguments are the answer.
    Answer,
    /// The model answers again. Two answers would be no JSON.
    Again,
}

impl Books {
    pub(super) fn new(upstream: Dialect, caller: Dialect, writer: Box<dyn Writer>, answers_by_tool: bool) -> Self {
        Self {
            upstream,
            caller,
            writer,
            out: Vec::new(),
            answers_by_tool,
            has_begun: false,
            usage: Usage::default(),
            numbers: Vec::new(),
            choices: BTreeMap::new(),
            kept: Kept::by(caller),
            calls: 0,
            trouble: None,
        }
    }

    /// Enters an event, and writes what may be written by now. After [`trouble`](Self::trouble) nothing is.
    pub(super) fn enter(&mut self, event: Event<'_>) {
        if self.trouble.is_none() {
            self.trouble = self.entered(event).err();
        }
    }

    /// What went wrong with the last events.
    pub(super) fn trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    /// The upstream lives: so the caller hears, if the answer has begun.
    pub(super) fn live(&mut self) {
        if self.has_begun {
            self.out.extend_from_slice(self.caller.keep_alive());
        }
    }

    /// The number of the caller's next event, where their format counts them.
    pub(super) fn next_number(&self) -> u64 {
        self.writer.next_number()
    }

    /// What is written by now.
    pub(super) fn take(&mut self) -> Bytes {
        if self.out.capacity() > ROOM {
            return std::mem::take(&mut self.out).into();
        }
        let written = Bytes::copy_from_slice(&self.out);
        self.out.clear();
        written
    }

    /// The answer ended well.
    pub(super) fn close(&mut self) -> Result<(), Unsayable> {
        self.begin()?;
        let open: Vec<u32> = self.choices.keys().copied().collect();
        for choice in open {
            self.release(choice)?;
            self.end_reasoning(choice)?;
            self.end_calls(choice)?;
        }
        if self.choices.is_empty() {
            self.choices.insert(0, Choice::default());
        }
        let finishes = std::mem::take(&mut self.choices).into_iter().map(|(index, choice)| (index, choice.finished()));
        let ended = Ended { finishes: finishes.collect(), usage: self.usage };
        self.writer.end(&ended, &mut self.out);
        Ok(())
    }

    fn entered(&mut self, event: Event<'_>) -> Result<(), Trouble> {
        match event {
            Event::Begin { id, model, usage } => {
                self.usage.update(usage);
                if !std::mem::replace(&mut self.has_begun, true) {
                    self.write(&Event::Begin { id, model, usage })?;
                }
            }
            Event::Piece { choice, piece } => {
                self.begin()?;
                let choice = self.number(choice)?;
                self.kept.add(&piece)?;
                self.piece(choice, piece)?;
            }
            Event::Finish { choice, finish } => {
                self.begin()?;
                let choice = self.number(choice)?;
                self.end_calls(choice)?;
                self.choice(choice).finish = Some(owned(finish));
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Ping => self.live(),
        }
        Ok(())
    }

    /// An alternative's own number. Writers begin the first before it is heard of, and some know no other: an upstream that counts from
    /// elsewhere has a first one, too.
    fn number(&mut self, choice: u32) -> Result<u32, Trouble> {
        let known = self.numbers.iter().position(|known| *known == choice);
        let number = known.unwrap_or_else(|| {
            self.numbers.push(choice);
            self.numbers.len() - 1
        });
        u32::try_from(number).ok().filter(|_| self.numbers.len() <= MOST_CHOICES).ok_or(Trouble::Disorder)
    }

    fn begin(&mut self) -> Result<(), Unsayable> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        self.write(&Event::Begin { id: None, model: None, usage: self.usage })
    }

    fn piece(&mut self, choice: u32, mut piece: Piece<'_>) -> Result<(), Trouble> {
        if !self.is_same() {
            provenance::mark_piece(&mut piece, self.upstream, self.caller);
        }
        match piece {
            // Nobody could tell which tool is meant, and no client takes it.
            Piece::ToolBegin { name, .. } if name.is_empty() => return Err(Trouble::Disorder),
            Piece::ToolBegin { call, id, name, signature } => {
                self.calls += 1;
                if self.calls > MOST_CALLS {
                    return Err(Trouble::Disorder);
                }
                let is_answer = self.answers_by_tool && *name == *ANSWER_TOOL;
                let Some(kind) = self.choice(choice).begin_call(call, is_answer) else { return Err(Trouble::Disorder) };
                if let Kind::Tool(call) = kind {
                    self.release(choice)?;
                    self.write_piece(choice, Piece::ToolBegin { call, id, name, signature })?;
                }
            }
            Piece::ToolArguments { call, fragment } => {
                let Some(known) = self.choice(choice).calls.get_mut(&call) else { return Err(Trouble::Disorder) };
                if fragment.is_empty() {
                    return Ok(());
                }
                if !known.is_open {
                    return Err(Trouble::Disorder);
                }
                known.has_arguments = true;
                let kind = known.kind;
                self.arguments(choice, kind, fragment)?;
            }
            Piece::ToolEnd { call } => self.end_call(choice, call)?,
            // Some vendors have an empty text in every piece, also beside a call's arguments.
            Piece::Text(text) | Piece::Refusal(text) | Piece::Reasoning(text) if text.is_empty() => {}
            // Of what was said, whatever that was.
            Piece::Logprobs(_) => self.write_piece(choice, piece)?,
            Piece::Text(text) if self.answers_by_tool => {
                self.end_calls(choice)?;
                self.hold(choice, &text)?;
            }
            Piece::Reasoning(_) | Piece::ReasoningSignature(_) | Piece::SealedReasoning(_) => {
                self.end_calls(choice)?;
                self.write_piece(choice, piece)?;
            }
            Piece::Text(_) | Piece::Citation(_) | Piece::Refusal(_) | Piece::Image(_) => {
                self.end_calls(choice)?;
                self.release(choice)?;
                self.write_piece(choice, piece)?;
            }
        }
        Ok(())
    }

    /// Keeps what is said beside an answer that comes by a tool: with it, the whole would be no JSON.
    fn hold(&mut self, choice: u32, text: &str) -> Result<(), Unsayable> {
        let of = self.choice(choice);
        if of.has_answer {
            return Ok(());
        }
        of.preamble.push_str(text);
        if of.preamble.len() > MOST_PREAMBLE { self.release(choice) } else { Ok(()) }
    }

    /// Writes what was said, unless the answer came after it.
    fn release(&mut self, choice: u32) -> Result<(), Unsayable> {
        let of = self.choice(choice);
        let said = std::mem::take(&mut of.preamble);
        if said.is_empty() || of.has_answer { Ok(()) } else { self.write_piece(choice, Piece::Text(said.into())) }
    }

    fn arguments(&mut self, choice: u32, kind: Kind, fragment: Text<'_>) -> Result<(), Unsayable> {
        let piece = match kind {
            Kind::Tool(call) => Piece::ToolArguments { call, fragment },
            Kind::Answer => Piece::Text(fragment),
            Kind::Again => return Ok(()),
        };
        self.write_piece(choice, piece)
    }

    /// Ends an alternative's calls that are under way.
    fn end_calls(&mut self, choice: u32) -> Result<(), Unsayable> {
        let open = std::mem::take(&mut self.choice(choice).open);
        open.into_iter().try_for_each(|call| self.end_call(choice, call))
    }

    fn end_call(&mut self, choice: u32, call: u32) -> Result<(), Unsayable> {
        let Some(known) = self.choice(choice).calls.get_mut(&call).filter(|known| known.is_open) else { return Ok(()) };
        known.is_open = false;
        let (kind, has_arguments) = (known.kind, known.has_arguments);
        if !has_arguments {
            self.arguments(choice, kind, "{}".into())?;
        }
        match kind {
            Kind::Tool(call) => self.write_piece(choice, Piece::ToolEnd { call }),
            Kind::Answer | Kind::Again => Ok(()),
        }
    }

    /// The answer goes back to where it would have gone as it is: nothing of it needs a mark.
    fn is_same(&self) -> bool {
        self.upstream == self.caller
    }

    fn choice(&mut self, choice: u32) -> &mut Choice {
        self.choices.entry(choice).or_default()
    }

    /// Says of an alternative's reasoning, if it is over, that nobody signed it.
    fn end_reasoning(&mut self, choice: u32) -> Result<(), Unsayable> {
        if !std::mem::take(&mut self.choice(choice).is_unsigned) || self.is_same() {
            return Ok(());
        }
        let piece = Piece::ReasoningSignature(provenance::unsigned(self.upstream));
        self.write(&Event::Piece { choice, piece })
    }

    fn write_piece(&mut self, choice: u32, piece: Piece<'_>) -> Result<(), Unsayable> {
        match &piece {
            Piece::Reasoning(_) => self.choice(choice).is_unsigned = true,
            Piece::ReasoningSignature(_) => self.choice(choice).is_unsigned = false,
            // It is said of what was thought, too.
            Piece::Logprobs(_) => {}
            Piece::Text(_)
            | Piece::Citation(_)
            | Piece::Refusal(_)
            | Piece::SealedReasoning(_)
            | Piece::ToolBegin { .. }
            | Piece::ToolArguments { .. }
            | Piece::ToolEnd { .. }
            | Piece::Image(_) => self.end_reasoning(choice)?,
        }
        // One that only begins is there too: it needs an end.
        self.choice(choice);
        self.write(&Event::Piece { choice, piece })
    }

    fn write(&mut self, event: &Event<'_>) -> Result<(), Unsayable> {
        self.writer.write(event, &mut self.out)
    }
}

impl Choice {
    /// `None` for a call that began before.
    fn begin_call(&mut self, call: u32, is_answer: bool) -> Option<Kind> {
        let kind = if is_answer {
            if std::mem::replace(&mut self.has_answer, true) { Kind::Again } else { Kind::Answer }
        } else {
            self.written_calls += 1;
            Kind::Tool(self.written_calls - 1)
        };
        self.open.push(call);
        let before = self.calls.insert(call, Call { kind, has_arguments: false, is_open: true });
        before.is_none().then_some(kind)
    }

    /// Why it ended. Where the upstream's end came without a reason, what was said tells.
    fn finished(self) -> Finish<'static> {
        let is_answer_alone = self.has_answer && self.written_calls == 0;
        match self.finish {
            Some(Finish::ToolCalls) if is_answer_alone => Finish::Stop,
            Some(finish) => finish,
            None if self.written_calls > 0 => Finish::ToolCalls,
            None => Finish::Stop,
        }
    }
}

impl From<Unsayable> for Trouble {
    fn from(unsayable: Unsayable) -> Self {
        Self::Unsayable(unsayable)
    }
}

pub(super) fn owned(finish: Finish<'_>) -> Finish<'static> {
    match finish {
        Finish::Stop => Finish::Stop,
        Finish::StopText(text) => Finish::StopText(text.map(Text::into_owned)),
        Finish::Length => Finish::Length,
        Finish::ToolCalls => Finish::ToolCalls,
        Finish::Filtered => Finish::Filtered,
        Finish::Refused => Finish::Refused,
        Finish::Paused => Finish::Paused,
    }
}
