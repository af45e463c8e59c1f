//! The upstream's answer on its way to the caller: as it comes, until it ends, or somebody's time is up.
//!
//! A stream that does not end as the upstream said that it would ends in an error event. Any other answer that is cut ends the caller's
//! connection, as a cut answer should.

mod pace;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use self::pace::{Due, Pace};
use crate::balance::breaker::Breaker;
use crate::balance::moment::Moment;
use crate::observe::{CUT, SERVED, Tally};
use crate::protocol::error::Problem;
use crate::protocol::watch::{Ending, Seen, Watch};
use crate::serve::attempt::Answer;
use crate::upstream::Received;

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

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// When it has to be over.
    pub(crate) deadline: Instant,
    /// How long the upstream may be silent.
    pub(crate) idle: Duration,
}

/// An answer's body.
#[derive(Debug)]
pub(crate) struct Relay<B = Received> {
    /// `None` when nothing more is read.
    upstream: Option<B>,
    /// What goes out before anything else is read.
    ready: Bytes,
    watch: Option<Watch>,
    pace: Pace,
    breaker: Option<Arc<Breaker>>,
    tally: Option<Tally>,
}

impl Relay {
    pub(crate) fn new(answer: Answer, limits: Limits, breaker: Option<Arc<Breaker>>, tally: Option<Tally>) -> Self {
        let Answer { passed: ready, rest: upstream, watch, .. } = answer;
        let pace = if watch.is_some() { Pace::of_stream(limits) } else { Pace::of_whole(limits) };
        Self { upstream, ready, watch, pace, breaker, tally }.begun()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Relay<B> {
    fn begun(mut self) -> Self {
        if self.upstream.is_none() {
            let rest = self.upstream_ended();
            debug_assert!(rest.is_none(), "what ended before it went on had everything passed");
        } else {
            self.look_for_the_end();
        }
        self
    }

    /// An answer of known length is over with its last byte: nobody asks it for more, so that its end would not be seen otherwise.
    fn look_for_the_end(&mut self) {
        if self.watch.is_none() && self.upstream.as_ref().is_some_and(Body::is_end_stream) {
            self.upstream_ended();
        }
    }

    fn upstream_ended(&mut self) -> Option<Bytes> {
        self.upstream = None;
        let Some(watch) = &mut self.watch else {
            self.ended(Ending::Well);
            return None;
        };
        let (rest, ending) = watch.end();
        let forward = match ending {
            Ending::Well => rest,
            Ending::Cut if watch.error().is_some() => rest,
            Ending::Cut => watch
                .last_event(&problem("the upstream ended the stream before it was complete", StatusCode::BAD_GATEWAY)),
        };
        self.ended(ending);
        (!forward.is_empty()).then_some(forward)
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
        let event = watch.last_event(&match error {
            RelayError::Cut => {
                problem("the upstream broke the stream off before it was complete", StatusCode::BAD_GATEWAY)
            }
            RelayError::TimedOut => problem("the upstream's stream took too long", StatusCode::GATEWAY_TIMEOUT),
        });
        self.ended(Ending::Cut);
        Ok(Some(event))
    }

    /// Health is fed by how an answer ended, not by how it began.
    fn ended(&mut self, ending: Ending) {
        let breaker = self.breaker.take();
        let is_anothers = self.watch.as_ref().and_then(Watch::error).is_some_and(|error| is_anothers(error.status));
        let outcome = match ending {
            Ending::Well => {
                breaker.inspect(|breaker| breaker.succeeded());
                SERVED
            }
            Ending::Cut if is_anothers => {
                breaker.inspect(|breaker| breaker.succeeded());
                CUT
            }
            // An upstream may give up on who does not read.
            Ending::Cut if self.pace.is_held_up() => {
                breaker.inspect(|breaker| breaker.released(Moment::now()));
                CUT
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
                Poll::Pending => match std::task::ready!(self.pace.poll(cx)) {
                    Due::TimedOut => return Poll::Ready(self.upstream_broke(RelayError::TimedOut).transpose()),
                    Due::KeepAlive => match self.watch.as_ref().map(Watch::keep_alive).unwrap_or_default() {
                        b"" => continue,
                        sign => return Poll::Ready(Some(Ok(Bytes::from_static(sign)))),
                    },
                },
            };
            self.pace.heard();
            // Trailers are the hop's own.
            let Ok(data) = frame.into_data() else { continue };
            let Some(watch) = &mut self.watch else {
                self.look_for_the_end();
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

impl<B: Body<Data = Bytes> + Unpin> Body for Relay<B> {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let relay = self.get_mut();
        let next = std::task::ready!(relay.poll_next(cx));
        relay.pace.spoke();
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.upstream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.upstream, &self.watch) {
            // A stream may be cut short or get an event of ours: its length is not known.
            (Some(upstream), None) => {
                let rest = upstream.size_hint();
                let ready = self.ready.len() as u64;
                let mut hint = SizeHint::default();
                hint.set_lower(rest.lower() + ready);
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper + ready);
                }
                hint
            }
            (Some(_), Some(_)) => SizeHint::default(),
            (None, _) => SizeHint::with_exact(self.ready.len() as u64),
        }
    }
}

/// Whether an error inside a stream is the request's, or the credential's: a target that says so lives, and callers must not be able to shut
/// it for others.
fn is_anothers(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::FAILED_DEPENDENCY)
}

fn problem(message: &'static str, status: StatusCode) -> Problem<'static> {
    let code = if status == StatusCode::GATEWAY_TIMEOUT { "upstream_timeout" } else { "upstream_error" };
    Problem { status, code, message: message.into() }
}

#[cfg(test)]
mod tests;
