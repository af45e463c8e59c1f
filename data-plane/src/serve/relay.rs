//! The upstream's answer on its way to the caller: as it comes, until it ends, or somebody's time is up.
//!
//! A stream that does not end as the upstream said that it would ends in an error event. Any other answer that is cut ends the caller's
//! connection, as a cut answer should.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::balance::breaker::Breaker;
use crate::balance::moment::Moment;
use crate::observe::{CUT, SERVED, Tally};
use crate::protocol::openai::error::ErrorBody;
use crate::protocol::openai::stream::{Ending, Seen, Watch};
use crate::serve::attempt::Answer;
use crate::upstream::Received;

/// How long an upstream may be silent. It is measured in steps, so that a chunk costs no look at the clock: the silence that ends an
/// answer lasts one to two of these.
const IDLE: Duration = Duration::from_secs(300);

/// Why an answer broke off. The caller sees its connection end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RelayError {
    /// The upstream's connection broke.
    #[error("the upstream ended its answer before it was whole")]
    Cut,
    /// The upstream was silent for too long, or the request's time is up.
    #[error("the upstream's answer took too long")]
    TimedOut,
}

/// An answer's body.
#[derive(Debug)]
pub(crate) struct Relay {
    /// `None` when nothing more is read.
    upstream: Option<Received>,
    /// What goes out before anything else is read.
    ready: Bytes,
    watch: Option<Watch>,
    deadline: Instant,
    /// Made at the first wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// Something came since the timer was set.
    alive: bool,
    breaker: Option<Arc<Breaker>>,
    tally: Option<Tally>,
}

impl Relay {
    pub(crate) fn new(
        body: Received,
        stream: Option<(Bytes, Watch)>,
        deadline: Instant,
        breaker: Option<Arc<Breaker>>,
        tally: Option<Tally>,
    ) -> Self {
        let (ready, watch) = stream.map_or_else(Default::default, |(ready, watch)| (ready, Some(watch)));
        let is_empty = watch.is_none() && body.is_end_stream();
        let mut relay =
            Self { upstream: Some(body), ready, watch, deadline, timer: None, alive: false, breaker, tally };
        if is_empty {
            // Nobody will ask for what is not there.
            relay.upstream_ended();
        }
        relay
    }

    fn upstream_ended(&mut self) -> Option<Bytes> {
        self.upstream = None;
        let Some(watch) = &mut self.watch else {
            self.ended(Ending::Well);
            return None;
        };
        let (rest, ending) = watch.end();
        match ending {
            Ending::Well => {
                self.ended(Ending::Well);
                (!rest.is_empty()).then_some(rest)
            }
            Ending::Cut if watch.error().is_some() => {
                self.ended(Ending::Cut);
                Some(rest)
            }
            Ending::Cut => {
                self.ended(Ending::Cut);
                Some(last_event("the upstream ended the stream before it was complete", "upstream_error"))
            }
        }
    }

    fn upstream_broke(&mut self, error: RelayError) -> Result<Option<Bytes>, RelayError> {
        self.upstream = None;
        let Some(watch) = &self.watch else {
            self.ended(Ending::Cut);
            return Err(error);
        };
        // What comes after the end that the upstream announced changes nothing.
        if watch.seen() == Seen::Done {
            self.ended(Ending::Well);
            return Ok(None);
        }
        self.ended(Ending::Cut);
        Ok(Some(match error {
            RelayError::Cut => last_event("the upstream broke the stream off before it was complete", "upstream_error"),
            RelayError::TimedOut => last_event("the upstream's stream took too long", "upstream_timeout"),
        }))
    }

    /// Health is fed by how an answer ended, not by how it began.
    fn ended(&mut self, ending: Ending) {
        let breaker = self.breaker.take();
        let outcome = match ending {
            Ending::Well => {
                breaker.inspect(|breaker| breaker.succeeded());
                SERVED
            }
            Ending::Cut => {
                breaker.inspect(|breaker| breaker.failed(Moment::now()));
                CUT
            }
        };
        if let Some(mut tally) = self.tally.take() {
            tally.outcome(outcome);
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.deadline;
            let next = || deadline.min(Instant::now() + IDLE);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next())));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let over = timer.deadline() >= deadline || !std::mem::take(&mut self.alive);
            if over {
                return Poll::Ready(());
            }
            timer.as_mut().reset(next());
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RelayError>>> {
        if !self.ready.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.ready))));
        }
        loop {
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
            let frame = match Pin::new(upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(self.upstream_broke(RelayError::Cut).transpose()),
                Poll::Ready(None) => return Poll::Ready(self.upstream_ended().map(Ok)),
                Poll::Pending if self.poll_timer(cx).is_ready() => {
                    return Poll::Ready(self.upstream_broke(RelayError::TimedOut).transpose());
                }
                Poll::Pending => return Poll::Pending,
            };
            self.alive = true;
            // Trailers are the hop's own.
            let Ok(data) = frame.into_data() else { continue };
            let Some(watch) = &mut self.watch else {
                // Who knows the length does not ask for the end.
                if self.upstream.as_ref().is_some_and(Received::is_end_stream) {
                    self.upstream_ended();
                }
                return Poll::Ready(Some(Ok(data)));
            };
            let forward = watch.feed(data);
            if watch.error().is_some() {
                self.upstream = None;
                self.ended(Ending::Cut);
            }
            if !forward.is_empty() {
                return Poll::Ready(Some(Ok(forward)));
            }
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        self.get_mut().poll_next(cx).map(|next| next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.upstream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.upstream, &self.watch) {
            // A stream may be cut short or get an event of ours: its length is not known.
            (Some(upstream), None) => upstream.size_hint(),
            (Some(_), Some(_)) => SizeHint::default(),
            (None, _) => SizeHint::with_exact(self.ready.len() as u64),
        }
    }
}

/// An error that ends a stream. The empty line before it ends whatever event was under way.
fn last_event(message: &'static str, code: &'static str) -> Bytes {
    [b"\n\n".as_slice(), &ErrorBody::new(message, "server_error", code).to_event()].concat().into()
}

impl Answer {
    /// The body that goes to the caller.
    pub(crate) fn into_relay(
        self,
        deadline: Instant,
        breaker: Option<Arc<Breaker>>,
        tally: Option<Tally>,
    ) -> (http::response::Parts, Relay) {
        (self.head, Relay::new(self.body, self.stream, deadline, breaker, tally))
    }
}
