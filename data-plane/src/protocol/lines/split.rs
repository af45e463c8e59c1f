//! Events whose data is split over lines: each is kept until it is whole, and read as one.

use bytes::Bytes;

use super::line::{data_of, last_line, line_end};
use super::{Lines, Within, joined};

impl Lines {
    /// Keeps an event whose data is split, until its empty line comes.
    pub(super) fn feed_split(&mut self, chunk: &[u8]) -> Bytes {
        let known = self.held.len();
        self.held.extend_from_slice(chunk);
        // What was looked through before has no end, but may end in a line's.
        if let Some(end) = event_end(&self.held, 0, last_line(&self.held, known)) {
            let event = self.held.split_to(end).freeze();
            let rest = self.held.split().freeze();
            self.within = Within::Lines;
            let forward = self.judged_split(event.clone(), &data_of(&event));
            self.ended_split(&event);
            if self.error.is_some() || rest.is_empty() {
                return forward;
            }
            // Events that are whole in the rest are judged where they stand: this goes no deeper than once.
            return joined(forward, self.feed(rest));
        }
        self.give_up_on_an_overlong_line()
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

/// Where the event ends that begins at `event`: behind its empty line, which is looked for from the line at `from` on. `None` where it has none.
pub(super) fn event_end(lines: &[u8], event: usize, from: usize) -> Option<usize> {
    let mut begin = from;
    while begin < lines.len() {
        let end = line_end(lines, begin);
        let line = &lines[begin..end];
        let is_rest_of_crlf = line == b"\n" && lines[event..begin].ends_with(b"\r");
        if !line.is_empty() && line.trim_ascii_end().is_empty() && !is_rest_of_crlf {
            return Some(end);
        }
        begin = end;
    }
    None
}
