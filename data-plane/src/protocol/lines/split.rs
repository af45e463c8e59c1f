//! Events whose data is split over lines: each is kept until it is whole, and read as one.

use bytes::Bytes;

use super::line::{data_of, line_end};
use super::{Lines, Within, joined};

impl Lines {
    /// Keeps an event whose data is split, until its empty line comes.
    pub(super) fn feed_split(&mut self, chunk: &[u8]) -> Bytes {
        let known = self.held.len();
        self.held.extend_from_slice(chunk);
        let end = match event_end(&self.held, 0, self.split_line, known) {
            Ok(end) => end,
            Err(line) => {
                self.split_line = line;
                return self.give_up_on_an_overlong_line();
            }
        };
        let event = self.held.split_to(end).freeze();
        let rest = self.held.split().freeze();
        self.within = Within::Lines;
        let forward = self.judged_split(event.clone(), &data_of(&event));
        self.ended_split(&event);
        if self.error.is_some() || rest.is_empty() {
            return forward;
        }
        // Events that are whole in the rest are judged where they stand: this goes no deeper than once.
        joined(forward, self.feed(rest))
    }

    /// Notes that an event with split data is over.
    pub(super) fn ended_split(&mut self, event: &[u8]) {
        (self.names_error, self.is_open, self.has_field) = (false, false, false);
        self.is_after_cr = event.ends_with(b"\r");
    }

    /// Notes what a whole event with split data says. Gives it, or the error remade.
    pub(super) fn judged_split(&mut self, event: Bytes, data: &[u8]) -> Bytes {
        match self.judged(data) {
            None => event,
            Some(error) => {
                let event = error.event.clone();
                self.error = Some(error);
                event
            }
        }
    }
}

/// Where the event ends that begins at `event`: behind its empty line. Where it has none, where the line begins whose end has not come. Its lines are
/// looked through from the one at `line` on, of which the first bytes up to `looked` are known to hold no end.
pub(super) fn event_end(lines: &[u8], event: usize, line: usize, looked: usize) -> Result<usize, usize> {
    let (mut begin, mut looked) = (line, looked);
    while let Some(at) = memchr::memchr2(b'\n', b'\r', lines.get(looked..).unwrap_or_default()) {
        let (stop, end) = (looked + at, line_end(lines, looked));
        let is_rest_of_crlf = lines[stop] == b'\n' && lines[event..stop].ends_with(b"\r");
        if stop == begin && !is_rest_of_crlf {
            return Ok(end);
        }
        (begin, looked) = (end, end);
    }
    Err(begin)
}
