//! Watches a stream of server-sent events go by, line by line.
//!
//! The bytes pass as they came, up to the last line that is complete; the piece of a line after it waits for its rest, since no reader can
//! use it before. So does an event whose data is split over lines: what it says can be told from all of them only. Nothing is parsed unless
//! a line looks as if it mattered.

mod choices;
mod line;
mod split;

use bytes::{Bytes, BytesMut};

pub(super) use self::choices::{Choices, is_of_another, values};
use self::line::{BYTE_ORDER_MARK, data_of, ends_whole, is_complete, is_split, line_end, said};
use self::split::event_end;
use super::watch::{Ending, Said, Seen, StreamError};
use super::{Dialect, anthropic, cohere, gemini, openai, responses};

/// The longest piece of a line, or of an event whose data is split over lines, that waits for its rest: images come in one. A longer one goes on as
/// it comes, unwatched.
const LINE: usize = 16 * 1024 * 1024;
/// The longest text that waits for its rest because it is no event's. What is longer says nothing more.
const TEXT: usize = 64 * 1024;

/// What was seen of a stream so far.
#[derive(Debug)]
pub(crate) struct Lines {
    dialect: Dialect,
    /// The beginning of a line whose end has not come.
    held: BytesMut,
    within: Within,
    /// Where the line begins whose end has not come, of an event whose data is split.
    split_line: usize,
    /// The event that goes by says that it is an error.
    names_error: bool,
    /// Data of an event went by whose end has not.
    is_open: bool,
    /// The same for any field of an event.
    has_field: bool,
    /// The line before ended with a CR: an LF that follows belongs to it.
    is_after_cr: bool,
    /// A line was read.
    has_begun: bool,
    choices: Choices,
    /// How many events' data went by.
    events: u64,
    seen: Seen,
    error: Option<Box<StreamError>>,
}

/// Where in the stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Among lines of events.
    Lines,
    /// In a line past [`LINE`]: what comes of it is passed.
    Overlong,
    /// In an event whose data is split over lines: it waits for its end.
    Split,
    /// In text that is no event, which may be an error: it waits for the stream's end.
    Tail,
}

impl Dialect {
    /// What the data of an event says.
    pub(super) fn judge(self, is_named_error: bool, data: &[u8], choices: &mut Choices) -> Said {
        match self {
            Self::Chat => openai::watch::judge(is_named_error, data, choices),
            Self::Responses => responses::watch::judge(is_named_error, data),
            Self::Anthropic => anthropic::watch::judge(is_named_error, data),
            Self::Gemini => gemini::watch::judge(is_named_error, data, choices),
            Self::Cohere => cohere::watch::judge(is_named_error, data),
            // Its streams are frames: what has lines is none of them, and never ends well.
            Self::Bedrock => Said::More,
        }
    }

    /// Whether a line that is no event's begins an error in plain JSON.
    fn may_begin_an_error(self, line: &[u8]) -> bool {
        self == Self::Gemini && matches!(line.first(), Some(b'{' | b'['))
    }
}

impl Lines {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            held: BytesMut::new(),
            within: Within::Lines,
            split_line: 0,
            names_error: false,
            is_open: false,
            has_field: false,
            is_after_cr: false,
            has_begun: false,
            choices: Choices::default(),
            events: 0,
            seen: Seen::Nothing,
            error: None,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// See [`Watch::feed`](super::watch::Watch::feed).
    pub(super) fn feed(&mut self, mut chunk: Bytes) -> Bytes {
        match self.within {
            Within::Lines => {}
            Within::Overlong => return self.feed_overlong(chunk),
            Within::Split => return self.feed_split(&chunk),
            Within::Tail => return self.feed_tail(&chunk),
        }
        let Some(end) = memchr::memrchr2(b'\n', b'\r', &chunk) else {
            self.held.extend_from_slice(&chunk);
            return self.give_up_on_an_overlong_line();
        };
        let rest = chunk.split_off(end + 1);
        let lines = if self.held.is_empty() {
            chunk
        } else {
            self.held.extend_from_slice(&chunk);
            self.held.split().freeze()
        };
        let forward = self.watched(lines);
        match self.within {
            Within::Lines | Within::Overlong => {}
            Within::Split => {
                let event = [&self.held.split(), &*rest].concat();
                return joined(forward, self.feed_split(&event));
            }
            Within::Tail => return joined(forward, self.feed_tail(&rest)),
        }
        let forward = if self.error.is_none() { self.without_a_lone_name(forward) } else { forward };
        self.held.extend_from_slice(&rest);
        forward
    }

    /// Keeps back the name of an event whose data has not come: a caller could take it for the event, and an error may have to follow.
    fn without_a_lone_name(&mut self, mut lines: Bytes) -> Bytes {
        let before_end = lines.strip_suffix(b"\n").unwrap_or(&lines);
        let before_end = before_end.strip_suffix(b"\r").unwrap_or(before_end);
        let last = memchr::memrchr2(b'\n', b'\r', before_end).map_or(0, |at| at + 1);
        if lines[last..].starts_with(b"event:") {
            self.held.extend_from_slice(&lines.split_off(last));
        }
        lines
    }

    /// See [`Watch::end`](super::watch::Watch::end).
    pub(super) fn end(&mut self) -> (Bytes, Ending) {
        let was_open = self.is_open;
        let (mut forward, mut is_whole) = (Bytes::new(), true);
        if self.within == Within::Split {
            let event = self.held.split().freeze();
            let data = data_of(&event);
            is_whole = is_complete(&data);
            forward = if is_whole { self.judged_split(event, &data) } else { event };
        } else if self.within != Within::Tail && !self.held.is_empty() {
            // A last line without its end counts if nothing of it is lacking: some upstreams close right after it.
            let rest = self.held.split().freeze();
            is_whole = ends_whole(&rest);
            forward = if is_whole { self.watched(rest) } else { rest };
        }
        // Whatever the error was, it was one.
        is_whole &= !self.names_error;
        if self.within == Within::Tail && self.error.is_none() {
            // However much of it came by now.
            self.held.truncate(TEXT);
            let error = gemini::watch::error(&self.held.split().freeze());
            forward = [&forward, self.separator(), &error.event].concat().into();
            self.error = Some(Box::new(error));
        }
        let enough = if is_whole { Seen::Finished } else { Seen::Done };
        let ending = if self.error.is_none() && self.seen >= enough { Ending::Well } else { Ending::Cut };
        if ending == Ending::Cut {
            // A piece of a line does not go on.
            self.is_open = was_open;
        }
        (forward, ending)
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    pub(super) fn error(&self) -> Option<&StreamError> {
        self.error.as_deref()
    }

    /// How many events went by.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Whether what was forwarded ends with a whole event.
    pub(super) fn is_between_events(&self) -> bool {
        self.within != Within::Overlong && !self.is_open && !self.has_field
    }

    /// What has to stand before an event that follows now, so that it is one of its own.
    pub(super) fn separator(&self) -> &'static [u8] {
        match (self.within, self.is_open) {
            (Within::Overlong, _) => b"\n\n",
            (Within::Lines | Within::Split | Within::Tail, true) => b"\n",
            (Within::Lines | Within::Split | Within::Tail, false) => b"",
        }
    }

    /// Looks at complete lines. Gives all of them, or those before an error and the error remade.
    fn watched(&mut self, lines: Bytes) -> Bytes {
        let mut begin = 0;
        while begin < lines.len() {
            let end = line_end(&lines, begin);
            if std::mem::replace(&mut self.is_after_cr, lines[..end].ends_with(b"\r")) && lines[begin..end] == *b"\n" {
                begin = end;
                continue;
            }
            let line = said(&lines[begin..end]);
            let line = match std::mem::replace(&mut self.has_begun, true) {
                false => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
                true => line,
            };
            if is_split(line) {
                let Ok(end) = event_end(&lines, begin, begin, begin) else {
                    (self.within, self.split_line) = (Within::Split, 0);
                    self.held.extend_from_slice(&lines[begin..]);
                    self.is_after_cr = false;
                    return lines.slice(..begin);
                };
                if let Some(error) = self.judged(&data_of(&lines[begin..end])) {
                    let forward = [&lines[..begin], &error.event].concat().into();
                    self.error = Some(error);
                    return forward;
                }
                self.ended_split(&lines[begin..end]);
                begin = end;
                continue;
            }
            if let Some(error) = self.error_in(line) {
                let forward = [&lines[..begin], &error.event].concat().into();
                self.error = Some(error);
                return forward;
            }
            if self.within == Within::Tail {
                self.held.extend_from_slice(&lines[begin..]);
                return lines.slice(..begin);
            }
            begin = end;
        }
        lines
    }

    /// Notes what a line says; gives the error that it is.
    fn error_in(&mut self, line: &[u8]) -> Option<Box<StreamError>> {
        self.has_field = match line.first() {
            None => false,
            Some(b':') => self.has_field,
            Some(_) => true,
        };
        let Some(data) = line.strip_prefix(b"data:") else {
            match line.first() {
                // The end of an event.
                None => (self.names_error, self.is_open) = (false, false),
                // A sign of life, and nothing of the answer.
                Some(b':') => {}
                Some(_) if line.strip_prefix(b"event:").is_some_and(|name| name.trim_ascii() == b"error") => {
                    self.names_error = true;
                }
                Some(_) if self.dialect.may_begin_an_error(line) => self.within = Within::Tail,
                Some(_) => {}
            }
            return None;
        };
        let error = self.judged(data.trim_ascii_start());
        self.is_open |= error.is_none();
        error
    }

    /// Notes what an event's data says; gives the error that it is.
    fn judged(&mut self, data: &[u8]) -> Option<Box<StreamError>> {
        let seen = match self.dialect.judge(self.names_error, data, &mut self.choices) {
            Said::Alive => Seen::Nothing,
            Said::More => Seen::Begun,
            Said::Finished => Seen::Finished,
            Said::Done => Seen::Done,
            Said::Failed(error) => return Some(error),
        };
        self.events += 1;
        if self.seen == Seen::Finished && self.choices.is_one_open() {
            // Another alternative began after the first had ended.
            self.seen = Seen::Begun;
        }
        self.seen = self.seen.max(seen);
        None
    }

    fn give_up_on_an_overlong_line(&mut self) -> Bytes {
        let is_text = self.within == Within::Lines && self.dialect.may_begin_an_error(&self.held);
        if self.held.len() <= if is_text { TEXT } else { LINE } {
            return Bytes::new();
        }
        if is_text {
            self.within = Within::Tail;
            return self.end().0;
        }
        self.within = Within::Overlong;
        self.choices.miss();
        self.seen = self.seen.max(Seen::Begun);
        self.held.split().freeze()
    }

    fn feed_overlong(&mut self, mut chunk: Bytes) -> Bytes {
        let Some(end) = memchr::memchr2(b'\n', b'\r', &chunk) else { return chunk };
        self.within = Within::Lines;
        self.is_open = true;
        let rest = chunk.split_off(end + 1);
        self.is_after_cr = chunk.ends_with(b"\r");
        let more = self.feed(rest);
        joined(chunk, more)
    }

    /// Keeps what may be an error; gives the error once there is more than any error has.
    fn feed_tail(&mut self, chunk: &Bytes) -> Bytes {
        if self.error.is_some() {
            return Bytes::new();
        }
        self.held.extend_from_slice(chunk);
        if self.held.len() <= TEXT { Bytes::new() } else { self.end().0 }
    }
}

fn joined(first: Bytes, more: Bytes) -> Bytes {
    match (first.is_empty(), more.is_empty()) {
        (_, true) => first,
        (true, false) => more,
        (false, false) => [first, more].concat().into(),
    }
}

#[cfg(test)]
mod tests;
