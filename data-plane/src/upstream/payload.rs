//! A request's body, which can be sent again.

use std::convert::Infallible;
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

    /// The bytes with a part replaced.
    pub(crate) fn spliced(bytes: &Bytes, at: std::ops::Range<usize>, with: &[u8]) -> Self {
        let (before, after) = (bytes.slice(..at.start), bytes.slice(at.end..));
        if bytes.len() > COPIED {
            return Self { next: before, after: vec![after, Bytes::copy_from_slice(with)] };
        }
        let mut whole = BytesMut::with_capacity(before.len() + with.len() + after.len());
        whole.extend_from_slice(&before);
        whole.extend_from_slice(with);
        whole.extend_from_slice(&after);
        Self::whole(whole.freeze())
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

    proptest! {
        #[test]
        fn only_the_spliced_part_changes(before: Vec<u8>, old: Vec<u8>, after: Vec<u8>, new: Vec<u8>, large: bool) {
            let filler = if large { vec![b' '; COPIED] } else { Vec::new() };
            let body = Bytes::from([&before[..], &old, &after, &filler].concat());
            let payload = Payload::spliced(&body, before.len()..before.len() + old.len(), &new);
            let expected = [&before[..], &new, &after, &filler].concat();
            prop_assert_eq!(payload.size_hint().exact(), Some(expected.len() as u64));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let sent = runtime.block_on(payload.collect()).unwrap().to_bytes();
            prop_assert_eq!(sent, expected);
        }
    }
}
