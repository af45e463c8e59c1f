//! What an answer says, in so far as every format can say it: so that what came in can be compared with what went out.

use std::collections::BTreeMap;

use super::{ID, framed};
use crate::exchange::event::{Event, Piece};
use crate::exchange::message::Content;
use crate::exchange::response::{Finish, Response};
use crate::protocol::{ANSWER_TOOL, Dialect, Progress, Seed};

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    pub(super) choices: BTreeMap<u32, Choice>,
}

/// One alternative.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Choice {
    /// Its text, with the words of a refusal: not all formats set them apart.
    pub(super) said: String,
    pub(super) calls: Vec<Call>,
    pub(super) why: Why,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) name: String,
    /// Without its blanks: formats in which they are an object have others than formats in which they are a text.
    pub(super) arguments: String,
}

/// Why it is over, in the words that all formats share.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    #[default]
    Done,
    Length,
    Filtered,
    Refused,
}

/// How a stream ends, as its own format's reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Failed,
    Cut,
    Damaged,
}

/// Reads a caller's stream with its format's own reader.
pub(super) fn of_stream(dialect: Dialect, bytes: &[u8]) -> (Told, End) {
    read(dialect, bytes, Gathered::default())
}

/// The same for an upstream's, whose alternatives are numbered as they were first heard of. With `answers_by_tool` the calls of [`ANSWER_TOOL`]
/// are its text.
pub(super) fn of_upstream(dialect: Dialect, bytes: &[u8], answers_by_tool: bool) -> Told {
    read(dialect, bytes, Gathered { answers_by_tool, numbers: Some(Vec::new()), ..Gathered::default() }).0
}

fn read(dialect: Dialect, bytes: &[u8], mut gathered: Gathered) -> (Told, End) {
    let mut reader = dialect.protocol().reader(&Seed { id: ID });
    let (frames, is_whole) = framed::frames(dialect, bytes);
    let mut progress = Progress::More;
    for framed in &frames {
        let Some(frame) = framed.frame() else { continue };
        match reader.read(frame, &mut |event| gathered.add(event)) {
            Ok(Progress::Done) => return (gathered.told(), End::Well),
            Ok(more) => progress = more.max(progress),
            Err(_) => return (gathered.told(), End::Failed),
        }
    }
    let end = match progress {
        _ if !is_whole => End::Damaged,
        Progress::More => End::Cut,
        Progress::Finished | Progress::Done => End::Well,
    };
    (gathered.told(), end)
}

/// What a whole answer says.
pub(super) fn of_response(response: &Response<'_>, answers_by_tool: bool) -> Told {
    let mut gathered = Gathered { answers_by_tool, ..Gathered::default() };
    for (index, choice) in (0..).zip(&response.choices) {
        gathered.choices.entry(index).or_default();
        for (call, part) in (0..).zip(&choice.parts) {
            let mut piece = |piece| gathered.add(Event::Piece { choice: index, piece });
            match &part.content {
                Content::Text { text, .. } | Content::Refusal(text) => piece(Piece::Text(text.clone())),
                Content::ToolCall(made) => {
                    piece(Piece::ToolBegin { call, id: made.id.clone(), name: made.name.clone(), signature: None });
                    piece(Piece::ToolArguments { call, fragment: made.arguments.as_str().into() });
                }
                Content::Image(_)
                | Content::Audio(_)
                | Content::Document(_)
                | Content::ToolResult(_)
                | Content::Reasoning { .. }
                | Content::SealedReasoning(_) => {}
            }
        }
        gathered.add(Event::Finish { choice: index, finish: choice.finish.clone() });
    }
    gathered.told()
}

impl Told {
    /// Leaves of the reasons what every format tells: whether the answer is whole, and whether a filter took it, which some call a refusal. The
    /// words of a refusal make one of an end in some formats.
    pub(super) fn level(&mut self, came: &Self) {
        for (index, choice) in &mut self.choices {
            let is_filtered = came.choices.get(index).is_some_and(|came| came.why == Why::Filtered);
            choice.why = match choice.why {
                Why::Filtered | Why::Refused if is_filtered => Why::Filtered,
                Why::Done | Why::Filtered | Why::Refused => Why::Done,
                Why::Length => Why::Length,
            };
        }
    }
}

#[derive(Debug, Default)]
struct Gathered {
    answers_by_tool: bool,
    /// The stream's own numbers of its alternatives, where those are not taken.
    numbers: Option<Vec<u32>>,
    choices: BTreeMap<u32, Gathering>,
}

#[derive(Debug, Default)]
struct Gathering {
    choice: Choice,
    /// By their numbers: which call of the choice it is; `None` for the answer.
    numbers: BTreeMap<u32, Option<usize>>,
    /// What was said before a call that may be the answer.
    preamble: String,
    has_answer: bool,
    /// Pieces of the answer that is a tool's arguments, while that is open.
    has_arguments: BTreeMap<u32, bool>,
}

impl Gathered {
    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Piece { choice, piece } => self.piece(choice, piece),
            Event::Finish { choice, finish } => {
                let gathering = self.choice(choice);
                gathering.end_answers();
                gathering.choice.why = match finish {
                    Finish::Length => Why::Length,
                    Finish::Filtered => Why::Filtered,
                    // Not all formats tell these apart.
                    Finish::Stop | Finish::StopText(_) | Finish::ToolCalls | Finish::Paused => Why::Done,
                    Finish::Refused => Why::Refused,
                };
            }
            Event::Begin { .. } | Event::Usage(_) | Event::Ping => {}
        }
    }

    fn piece(&mut self, choice: u32, piece: Piece<'_>) {
        let answers_by_tool = self.answers_by_tool;
        let gathering = self.choice(choice);
        match piece {
            Piece::Text(text) if answers_by_tool => {
                gathering.end_answers();
                if !gathering.has_answer {
                    gathering.preamble.push_str(&text);
                }
            }
            Piece::Text(text) | Piece::Refusal(text) => {
                gathering.end_answers();
                if !text.is_empty() {
                    gathering.release();
                }
                gathering.choice.said.push_str(&text);
            }
            Piece::ToolBegin { call, name, .. } => {
                if answers_by_tool && *name == *ANSWER_TOOL {
                    // Of several the first is the answer.
                    if !std::mem::replace(&mut gathering.has_answer, true) {
                        gathering.numbers.insert(call, None);
                        gathering.has_arguments.insert(call, false);
                    }
                } else {
                    gathering.release();
                    gathering.numbers.insert(call, Some(gathering.choice.calls.len()));
                    gathering.choice.calls.push(Call { name: name.as_str().to_owned(), arguments: String::new() });
                }
            }
            Piece::ToolArguments { call, fragment } => match gathering.numbers.get(&call) {
                Some(Some(number)) => gathering.choice.calls[*number].arguments.push_str(&fragment),
                Some(None) => {
                    gathering.has_arguments.insert(call, !fragment.is_empty());
                    gathering.choice.said.push_str(&fragment);
                }
                None => {}
            },
            Piece::ToolEnd { call } => gathering.end_answer(call),
            Piece::Citation(_) | Piece::Image(_) => {
                gathering.end_answers();
                gathering.release();
            }
            Piece::Reasoning(_) | Piece::ReasoningSignature(_) | Piece::SealedReasoning(_) => gathering.end_answers(),
            Piece::Logprobs(_) => {}
        }
    }

    fn choice(&mut self, choice: u32) -> &mut Gathering {
        let number = match &mut self.numbers {
            None => choice,
            Some(numbers) => {
                let at = numbers.iter().position(|number| *number == choice).unwrap_or_else(|| {
                    numbers.push(choice);
                    numbers.len() - 1
                });
                u32::try_from(at).unwrap_or(u32::MAX)
            }
        };
        self.choices.entry(number).or_default()
    }

    fn told(self) -> Told {
        let choices = self.choices.into_iter().map(|(index, mut gathering)| {
            gathering.end_answers();
            gathering.release();
            for call in &mut gathering.choice.calls {
                call.arguments.retain(|sign| !sign.is_ascii_whitespace());
                if call.arguments.is_empty() {
                    call.arguments.push_str("{}");
                }
            }
            (index, gathering.choice)
        });
        Told { choices: choices.collect() }
    }
}

impl Gathering {
    /// What was said belongs to the answer, unless that came by a tool after it.
    fn release(&mut self) {
        let said = std::mem::take(&mut self.preamble);
        if !self.has_answer {
            self.choice.said.push_str(&said);
        }
    }

    fn end_answers(&mut self) {
        let open: Vec<u32> = self.has_arguments.keys().copied().collect();
        open.into_iter().for_each(|call| self.end_answer(call));
    }

    /// An answer of nothing is an empty object.
    fn end_answer(&mut self, call: u32) {
        if self.has_arguments.remove(&call) == Some(false) {
            self.choice.said.push_str("{}");
        }
    }
}
