//! A request's body, which can be sent again.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

/// Bodies up to here are copied to stand in one piece, which is cheaper than to write three.
const COPIED: usize = 64 * 1024;

/// A request's body. Its clones share the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    next: Bytes,
    /// What follows, the last first. Few bodies have it, and a small body is cheap to hand on.
    after: Vec<Bytes>,
}

impl Payload {
    /// The bytes as they are.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { next: bytes, after: Vec::new() }
    }

    /// The bytes with parts replaced, which follow each other; of parts that overlap, the first.
    pub(crate) fn edited(bytes: &Bytes, edits: &[(Range<usize>, &[u8])]) -> Self {
        let mut at = 0;
        if bytes.len() <= COPIED {
            let mut whole =
                BytesMut::with_capacity(bytes.len() + edits.iter().map(|(_, with)| with.len()).sum::<usize>());
            for (range, with) in edits {
                if range.start < at {
                    continue;
                }
                whole.extend_from_slice(&bytes[at..range.start]);
                whole.extend_from_slice(with);
                at = range.end;
            }
            whole.extend_from_slice(&bytes[at..]);
            return Self::whole(whole.freeze());
        }
        let mut parts = Vec::with_capacity(2 * edits.len() + 1);
        for (range, with) in edits {
            if range.start < at {
                continue;
            }
            parts.push(bytes.slice(at..range.start));
            parts.push(Bytes::copy_from_slice(with));
            at = range.end;
        }
        parts.push(bytes.slice(at..));
        parts.reverse();
        Self { next: parts.pop().unwrap_or_default(), after: parts }
    }

    /// Its bytes, in parts that follow each other.
    pub(crate) fn parts(&self) -> Cow<'_, [Bytes]> {
        if self.after.is_empty() {
            return Cow::Borrowed(std::slice::from_ref(&self.next));
        }
        std::iter::once(&self.next).chain(self.after.iter().rev()).cloned().collect()
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let payload = self.get_mut();
        loop {
            let part = std::mem::replace(&mut payload.next, payload.after.pop().unwrap_or_default());
            if !part.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
            if payload.is_end_stream() {
                return Poll::Ready(None);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_empty() && self.after.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.next.len() as u64 + self.after.iter().map(|part| part.len() as u64).sum::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_edits_that_overlap_the_first_is_made() {
        for filler in [0, COPIED] {
            let body = Bytes::from(["abcdefgh", &" ".repeat(filler)].concat());
            let edits = [(1..4, &b"1"[..]), (3..6, b"2"), (2..2, b"3"), (4..5, b"4")];
            let expected = ["a14fgh", &" ".repeat(filler)].concat();
            assert_eq!(Payload::edited(&body, &edits).parts().concat(), expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn only_the_edited_parts_change(
            one: Vec<u8>, old: Vec<u8>, two: Vec<u8>, three: Vec<u8>, new: Vec<u8>, added: Vec<u8>, large: bool,
        ) {
            let filler = if large { vec![b' '; COPIED] } else { Vec::new() };
            let body = Bytes::from([&one[..], &old, &two, &filler, &three].concat());
            let end = body.len() - three.len();
            let edits = [(one.len()..one.len() + old.len(), &new[..]), (end..end, &added[..])];
            let payload = Payload::edited(&body, &edits);
            let expected = [&one[..], &new, &two, &filler, &added, &three].concat();
            prop_assert_eq!(payload.parts().concat(), expected.clone());
            prop_assert_eq!(payload.size_hint().exact(), Some(expected.len() as u64));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let sent = runtime.block_on(payload.collect()).unwrap().to_bytes();
            prop_assert_eq!(sent, expected);
        }
    }
}
