//! The upstream's answer on its way to the caller: as it comes, until it ends, or somebody's time is up.
//!
//! A stream that does not end as the upstream said that it would ends in an error event. Any other answer that is cut ends the caller's
//! connection, as a cut answer should.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::balance::breaker::Breaker;
use crate::balance::moment::Moment;
use crate::observe::{CUT, SERVED, Tally};
use crate::protocol::error::Problem;
use crate::protocol::watch::{Ending, Seen, Watch};
use crate::serve::attempt::Answer;
use crate::upstream::Received;

/// An upstream's silence is measured in steps, so that a chunk costs no look at the clock: this many without a sign of life are too long,
/// so that an answer ends after its time for silence, or a step more.
const STEPS: u8 = 4;

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
pub(crate) struct Relay {
    /// `None` when nothing more is read.
    upstream: Option<Received>,
    /// What goes out before anything else is read.
    ready: Bytes,
    watch: Option<Watch>,
    deadline: Instant,
    /// Made at the first wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// How long the upstream may be silent.
    idle: Duration,
    /// Something came since the timer was set.
    alive: bool,
    /// The steps since then.
    silent: u8,
    breaker: Option<Arc<Breaker>>,
    tally: Option<Tally>,
}

impl Relay {
    pub(crate) fn new(answer: Answer, limits: Limits, breaker: Option<Arc<Breaker>>, tally: Option<Tally>) -> Self {
        let Limits { deadline, idle } = limits;
        let Answer { passed: ready, rest: upstream, watch, .. } = answer;
        let is_over = upstream.is_none();
        let mut relay =
            Self { upstream, ready, watch, deadline, timer: None, idle, alive: false, silent: 0, breaker, tally };
        if is_over {
            relay.upstream_ended();
        } else {
            relay.look_for_the_end();
        }
        relay
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
            let step = self.idle / u32::from(STEPS);
            let next = || deadline.min(Instant::now() + step);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next())));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.silent = if std::mem::take(&mut self.alive) { 0 } else { self.silent + 1 };
            if timer.deadline() >= deadline || self.silent >= STEPS {
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
    status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT
}

fn problem(message: &'static str, status: StatusCode) -> Problem<'static> {
    let code = if status == StatusCode::GATEWAY_TIMEOUT { "upstream_timeout" } else { "upstream_error" };
    Problem { status, code, message: message.into() }
}
