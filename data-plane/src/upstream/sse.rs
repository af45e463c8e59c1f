//! Server-sent events: the lines that carry every streamed answer but Bedrock's. Pure: bytes in, events out.
//!
//! Bytes may come split anywhere, and every byte is looked at once, however they are split. An event borrows from the buffer; only one with
//! several lines of data is put together.
//!
//! Source: html.spec.whatwg.org, "Server-sent events", section 9.2.6, read in autumn 2026. What is beyond it: a last event without its empty
//! line counts if its data is complete, since some upstreams close right after it; and JSON that stands behind the events without a field's
//! name is an event, since Gemini's errors come so.

use std::ops::Range;

use serde::de::IgnoredAny;

/// The most bytes of one event. Images come in one.
const MOST_EVENT_BYTES: usize = 16 * 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Makes events of bytes that come split anywhere.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    /// Where the event begins that is being read: what stands before it was given.
    begin: usize,
    /// Where the line begins that is being read.
    line: usize,
    /// Up to where the line's end was looked for.
    looked: usize,
    name: Range<usize>,
    data: Data,
    /// The data of an event with several lines of it.
    joined: Vec<u8>,
    /// The line before ended with a CR: an LF that follows belongs to it.
    is_after_cr: bool,
    has_begun: bool,
    /// From here on it is JSON without a field's name.
    is_tail: bool,
    broken: Option<SseError>,
}

/// Where an event's data is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Data {
    #[default]
    None,
    /// In the buffer.
    One(Range<usize>),
    /// In [`Decoder::joined`].
    Joined,
}

/// What comes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// An event with data.
    Event {
        /// Its `event`; empty where it has none.
        name: &'a str,
        data: &'a str,
    },
    /// A comment, or an event without data: the upstream lives.
    Life,
}

/// Why bytes are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    /// An event is larger than any may be.
    #[error("an event is over {MOST_EVENT_BYTES} bytes")]
    TooLarge,
    /// An event is no UTF-8.
    #[error("an event is no text")]
    NotText,
    /// The stream ended within an event.
    #[error("the stream ended within an event")]
    Cut,
}

/// What a line comes to.
enum Line {
    /// An event goes on.
    Within,
    /// An event is whole.
    Event,
    /// There is life, and nothing else.
    Life,
    /// Nothing.
    Nothing,
}

impl Decoder {
    /// Takes the next bytes of the stream. [`next`](Self::next) is to be asked until it gives nothing before more are pushed.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        if self.begin > 0 {
            self.forget_what_was_given();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item; `None` until more bytes come.
    ///
    /// # Errors
    ///
    /// When the bytes are no events; again and again then.
    pub(crate) fn next(&mut self) -> Result<Option<Item<'_>>, SseError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        loop {
            if self.is_tail {
                self.looked = self.buffer.len();
            }
            let end = memchr::memchr2(b'\n', b'\r', &self.buffer[self.looked..]).map(|at| self.looked + at);
            if end.unwrap_or(self.buffer.len()) - self.begin > MOST_EVENT_BYTES {
                return Err(self.broke(SseError::TooLarge));
            }
            let Some(end) = end else {
                self.looked = self.buffer.len();
                return Ok(None);
            };
            match self.take_line(end) {
                Line::Within | Line::Nothing => {}
                Line::Life => return Ok(Some(Item::Life)),
                Line::Event => return self.dispatch().map(Some),
            }
        }
    }

    /// The stream is over: its last event, if one waited for its end.
    ///
    /// # Errors
    ///
    /// [`SseError::Cut`] where something of an event is lacking, or the error that came before.
    pub(crate) fn end(&mut self) -> Result<Option<Item<'_>>, SseError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if !self.is_tail && self.line < self.buffer.len() {
            if !can_be_whole(&self.buffer[self.line..]) {
                return Err(self.broke(SseError::Cut));
            }
            self.take_line(self.buffer.len());
        }
        if self.is_tail {
            self.data = Data::One(self.begin..self.buffer.len());
            self.begin = self.buffer.len();
        }
        match self.data_bytes() {
            // The data of an error would have said what failed.
            [] if self.buffer.get(self.name.clone()) == Some(b"error") => Err(self.broke(SseError::Cut)),
            [] => Ok(None),
            data if is_complete(data) => self.dispatch().map(Some),
            _ => Err(self.broke(SseError::Cut)),
        }
    }

    /// Whether nothing of an event waits for its rest.
    fn is_between(&self) -> bool {
        self.data == Data::None && self.name.is_empty()
    }

    /// Reads the line that ends before `end`.
    fn take_line(&mut self, end: usize) -> Line {
        let begin = self.line;
        let next = (end + 1).min(self.buffer.len());
        let terminator = self.buffer.get(end).copied();
        let is_rest_of_crlf = std::mem::take(&mut self.is_after_cr) && begin == end && terminator == Some(b'\n');
        self.is_after_cr = terminator == Some(b'\r');
        let begin = if std::mem::replace(&mut self.has_begun, true) { begin } else { self.after_mark(begin, end) };
        let line = if is_rest_of_crlf { Line::Nothing } else { self.read_line(begin..end) };
        if self.is_tail {
            return Line::Nothing;
        }
        (self.line, self.looked) = (next, next);
        if self.is_between() || matches!(line, Line::Event) {
            self.begin = next;
        }
        line
    }

    fn after_mark(&self, begin: usize, end: usize) -> usize {
        if self.buffer[begin..end].starts_with(BYTE_ORDER_MARK) { begin + BYTE_ORDER_MARK.len() } else { begin }
    }

    fn read_line(&mut self, at: Range<usize>) -> Line {
        let line = &self.buffer[at.clone()];
        match line.first() {
            None if self.data == Data::None => {
                let had_name = !std::mem::take(&mut self.name).is_empty();
                return if had_name { Line::Life } else { Line::Nothing };
            }
            None => return Line::Event,
            Some(b':') => return Line::Life,
            Some(b'{' | b'[') if self.is_between() => {
                (self.is_tail, self.begin) = (true, at.start);
                return Line::Nothing;
            }
            Some(_) => {}
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = match line.get(colon + 1..) {
            Some([b' ', ..]) => at.start + colon + 2..at.end,
            Some(_) => at.start + colon + 1..at.end,
            None => at.end..at.end,
        };
        match &line[..colon] {
            b"event" => self.name = value,
            b"data" => self.add(value),
            // An `id` and a `retry` are for clients that connect again.
            _ => {}
        }
        Line::Within
    }

    fn add(&mut self, value: Range<usize>) {
        match std::mem::take(&mut self.data) {
            Data::None => {
                self.data = Data::One(value);
                return;
            }
            Data::One(first) => {
                self.joined.clear();
                self.joined.extend_from_slice(&self.buffer[first]);
            }
            Data::Joined => {}
        }
        self.joined.push(b'\n');
        self.joined.extend_from_slice(&self.buffer[value]);
        self.data = Data::Joined;
    }

    fn data_bytes(&self) -> &[u8] {
        match &self.data {
            Data::None => &[],
            Data::One(at) => &self.buffer[at.clone()],
            Data::Joined => &self.joined,
        }
    }

    /// Gives the event whose last line was read.
    fn dispatch(&mut self) -> Result<Item<'_>, SseError> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        let bytes = match data {
            Data::None => &[],
            Data::One(at) => &self.buffer[at],
            Data::Joined => &*self.joined,
        };
        match (std::str::from_utf8(&self.buffer[name]), std::str::from_utf8(bytes)) {
            (Ok(_), Ok("")) => Ok(Item::Life),
            (Ok(name), Ok(data)) => Ok(Item::Event { name, data }),
            _ => {
                self.broken = Some(SseError::NotText);
                Err(SseError::NotText)
            }
        }
    }

    /// After an error nothing is read any more, and nothing may pile up.
    fn broke(&mut self, error: SseError) -> SseError {
        *self = Self { broken: Some(error), ..Self::default() };
        error
    }

    /// Each byte is moved at most once: what is left is of one event, and stays until that is given.
    fn forget_what_was_given(&mut self) {
        let gone = self.begin;
        self.buffer.drain(..gone);
        let back = |at: &mut usize| *at = at.saturating_sub(gone);
        back(&mut self.begin);
        back(&mut self.line);
        back(&mut self.looked);
        back(&mut self.name.start);
        back(&mut self.name.end);
        if let Data::One(at) = &mut self.data {
            back(&mut at.start);
            back(&mut at.end);
        }
    }
}

/// Whether a last line without its end may have all of its bytes: of data it can be told, and comments say nothing.
fn can_be_whole(line: &[u8]) -> bool {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    matches!(line.first(), Some(b':' | b'{' | b'[')) || line.starts_with(b"data:")
}

/// Whether nothing lacks of an event's data, as far as that can be told.
fn is_complete(data: &[u8]) -> bool {
    data == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

#[cfg(test)]
mod tests;
