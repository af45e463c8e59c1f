//! Watches a stream go by: whether it ended as the upstream says that it did, and whether it turned into an error.
//!
//! The bytes pass as they came, up to the last line that is complete; the piece of a line after it waits for its rest, since no reader can
//! use it before. Nothing is parsed unless a line looks like an error.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::error::ErrorBody;
use super::scan;

/// The longest piece of a line that waits for its rest. A longer one goes on as it comes, unwatched.
const LINE: usize = 64 * 1024;

/// What was seen of a stream so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The beginning of a line whose end has not come.
    held: BytesMut,
    /// The line goes on past [`LINE`]: what comes of it is passed.
    overlong: bool,
    /// The event that goes by says that it is an error.
    names_error: bool,
    seen: Seen,
    error: Option<Bytes>,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Seen {
    /// Not one line of an event.
    #[default]
    Nothing,
    /// Some.
    Begun,
    /// A reason why the model finished: it may end here.
    Finished,
    /// `[DONE]`.
    Done,
}

impl Watch {
    /// What to forward of what came. Empty while a line is incomplete. After an [`error`](Self::error) nothing more may be forwarded.
    pub(crate) fn feed(&mut self, mut chunk: Bytes) -> Bytes {
        if self.overlong {
            return self.feed_overlong(chunk);
        }
        let Some(end) = memchr::memrchr(b'\n', &chunk) else {
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
        self.held.extend_from_slice(&rest);
        forward
    }

    /// The stream is over. Gives what still waited, and says whether it ended well.
    pub(crate) fn end(&mut self) -> (Bytes, Ending) {
        let rest = self.held.split().freeze();
        // A last line without its end counts: some upstreams close right after it.
        let rest = if rest.is_empty() { rest } else { self.watched(rest) };
        let ending = if self.error.is_none() && self.seen >= Seen::Finished { Ending::Well } else { Ending::Cut };
        (rest, ending)
    }

    /// How far it has come.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// The upstream's error, if it sent one: the data of its event.
    pub(crate) fn error(&self) -> Option<&Bytes> {
        self.error.as_ref()
    }

    /// Looks at complete lines. Gives all of them, or those before an error and the error remade.
    fn watched(&mut self, lines: Bytes) -> Bytes {
        let mut begin = 0;
        while begin < lines.len() {
            let end = memchr::memchr(b'\n', &lines[begin..]).map_or(lines.len(), |at| begin + at + 1);
            let line = lines[begin..end].trim_ascii_end();
            if let Some(data) = self.error_in(line) {
                let error = ErrorBody::remade(data).unwrap_or_else(|| {
                    ErrorBody::new("the upstream ended the stream with an error", "upstream_error", "upstream_error")
                });
                let forward = [&lines[..begin], &error.to_event()].concat().into();
                self.error = Some(lines.slice_ref(data));
                return forward;
            }
            begin = end;
        }
        lines
    }

    /// The data of a line that is an error.
    fn error_in<'a>(&mut self, line: &'a [u8]) -> Option<&'a [u8]> {
        let Some(data) = line.strip_prefix(b"data:") else {
            match line.first() {
                // The end of an event.
                None => self.names_error = false,
                // A comment keeps the caller's timers quiet: it is a sign of life like any event.
                Some(b':') => self.seen = self.seen.max(Seen::Begun),
                Some(_) if line.strip_prefix(b"event:").is_some_and(|name| name.trim_ascii() == b"error") => {
                    self.names_error = true;
                }
                Some(_) => {}
            }
            return None;
        };
        let data = data.trim_ascii_start();
        if data == b"[DONE]" {
            self.seen = Seen::Done;
            return None;
        }
        let named = memmem::find(data, b"\"error\"").is_some() && scan::has_member(data, b"error");
        if self.names_error || named {
            return Some(data);
        }
        self.seen = self.seen.max(if finishes(data) { Seen::Finished } else { Seen::Begun });
        None
    }

    fn give_up_on_an_overlong_line(&mut self) -> Bytes {
        if self.held.len() <= LINE {
            return Bytes::new();
        }
        self.overlong = true;
        self.seen = self.seen.max(Seen::Begun);
        self.held.split().freeze()
    }

    fn feed_overlong(&mut self, mut chunk: Bytes) -> Bytes {
        let Some(end) = memchr::memchr(b'\n', &chunk) else { return chunk };
        self.overlong = false;
        let rest = chunk.split_off(end + 1);
        let more = self.feed(rest);
        if more.is_empty() { chunk } else { [chunk, more].concat().into() }
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As the upstream said.
    Well,
    /// Before the upstream said that it would.
    Cut,
}

/// Whether a chunk gives a reason for its end: `"finish_reason"` with a string.
fn finishes(data: &[u8]) -> bool {
    const KEY: &[u8] = b"\"finish_reason\"";
    memmem::find_iter(data, KEY).any(|at| {
        let value = data[at + KEY.len()..].trim_ascii_start();
        value.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\""))
    })
}

#[cfg(test)]
mod tests;
