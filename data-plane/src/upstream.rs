//! Calls to upstreams: one client for each worker, and a body that can be sent again.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use shared::dial;

/// A worker's client, with connections of its own.
pub(crate) type Client = dial::Client<Payload>;

/// Bodies up to here are copied to stand in one piece, which is cheaper than to write three.
const COPIED: usize = 64 * 1024;

/// A request's body. Its clones share the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    parts: [Bytes; 3],
    next: usize,
}

impl Payload {
    /// The bytes as they are.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { parts: [bytes, Bytes::new(), Bytes::new()], next: 0 }
    }

    /// The bytes with a part replaced.
    pub(crate) fn spliced(bytes: &Bytes, at: std::ops::Range<usize>, with: &[u8]) -> Self {
        let (before, after) = (bytes.slice(..at.start), bytes.slice(at.end..));
        if bytes.len() > COPIED {
            return Self { parts: [before, Bytes::copy_from_slice(with), after], next: 0 };
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
        while let Some(part) = payload.parts.get_mut(payload.next) {
            payload.next += 1;
            if !part.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(part)))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.parts.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
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
