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
        let mut begin = last_line(&self.held, known);
        while begin < self.held.len() {
            let end = line_end(&self.held, begin);
            let line = &self.held[begin..end];
            let is_rest_of_crlf = line == b"\n" && self.held[..begin].ends_with(b"\r");
            begin = end;
            if !line.trim_ascii_end().is_empty() || line.is_empty() || is_rest_of_crlf {
                continue;
            }
            let event = self.held.split_to(begin).freeze();
            let rest = self.held.split().freeze();
            self.within = Within::Lines;
            let forward = self.judged_split(event.clone(), &data_of(&event));
            (self.names_error, self.is_open, self.has_field) = (false, false, false);
            self.is_after_cr = event.ends_with(b"\r");
            if self.error.is_some() || rest.is_empty() {
                return forward;
            }
            return joined(forward, self.feed(rest));
        }
        self.give_up_on_an_overlong_line()
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
