//! What an answer's time is: how long the upstream may be silent, when the caller is told that there is more to come, and who holds up whom.
//!
//! All of it is measured in ticks, so that a piece costs no look at the clock: what comes and goes sets a flag, and a tick looks at the flags.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;

/// An upstream's time for silence has at least so many ticks: an answer ends after it, or a tick more.
const TICKS: u32 = 4;
/// The longest tick of a stream.
const STREAM_TICK: Duration = Duration::from_secs(5);
/// A stream's caller hears something at least so often: clients and what stands between drop a connection without a sign.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A caller who leaves a piece untaken for longer holds the upstream up.
const HELD_UP: Duration = Duration::from_secs(10);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The upstream was silent for too long, or the answer's time is up.
    TimedOut,
    /// The caller has heard nothing for a while.
    KeepAlive,
}

/// The time of one answer.
#[derive(Debug)]
pub(super) struct Pace {
    /// When it has to be over.
    deadline: Instant,
    tick: Duration,
    /// The ticks for which the upstream may be silent.
    most_silent: u32,
    /// The ticks for which the caller may hear nothing.
    most_quiet: u32,
    /// Made at the first wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// Something came since the last tick.
    has_heard: bool,
    silent: u32,
    /// Something went to the caller since the last tick.
    has_spoken: bool,
    quiet: u32,
    /// The upstream is waited for; else the caller was the last who had to move.
    is_waiting: bool,
    is_held_up: bool,
}

impl Pace {
    pub(super) fn of_stream(limits: Limits) -> Self {
        Self::new(limits, STREAM_TICK)
    }

    pub(super) fn of_whole(limits: Limits) -> Self {
        Self::new(limits, Duration::MAX)
    }

    fn new(limits: Limits, longest_tick: Duration) -> Self {
        let Limits { deadline, idle } = limits;
        let tick = (idle / TICKS).min(longest_tick).max(Duration::from_millis(1));
        let ticks = |time: Duration| u32::try_from(time.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u32::MAX);
        let whole_ticks = |time: Duration| u32::try_from(time.as_nanos() / tick.as_nanos()).unwrap_or(u32::MAX);
        Self {
            deadline,
            tick,
            most_silent: ticks(idle),
            // The tick that finds that the caller heard something may come a whole one later.
            most_quiet: whole_ticks(KEEP_ALIVE).saturating_sub(1).max(1),
            timer: None,
            has_heard: false,
            silent: 0,
            has_spoken: false,
            quiet: 0,
            is_waiting: false,
            is_held_up: false,
        }
    }

    /// Something came from the upstream.
    pub(super) fn heard(&mut self) {
        self.has_heard = true;
    }

    /// Something goes to the caller, who takes it when they can.
    pub(super) fn spoke(&mut self) {
        self.has_spoken = true;
        self.is_waiting = false;
    }

    /// Waits for the upstream.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let (deadline, tick) = (self.deadline, self.tick);
        let next = || deadline.min(Instant::now() + tick);
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next())));
            if timer.as_mut().poll(cx).is_pending() {
                self.is_waiting = true;
                return Poll::Pending;
            }
            let (ticked, is_over) = (timer.deadline(), timer.deadline() >= deadline);
            self.is_held_up |= !self.is_waiting && Instant::now() >= ticked + HELD_UP;
            let count = |flag: &mut bool, ticks: u32| if std::mem::take(flag) { 0 } else { ticks + 1 };
            self.silent = count(&mut self.has_heard, self.silent);
            self.quiet = count(&mut self.has_spoken, self.quiet);
            if is_over || self.silent >= self.most_silent {
                return Poll::Ready(Due::TimedOut);
            }
            timer.as_mut().reset(next());
            if self.quiet >= self.most_quiet {
                self.quiet = 0;
                return Poll::Ready(Due::KeepAlive);
            }
        }
    }

    /// Whether the caller has kept the upstream from going on, so that it may have given up.
    pub(super) fn is_held_up(&self) -> bool {
        let is_overdue = |timer: &Pin<Box<Sleep>>| Instant::now() >= timer.deadline() + HELD_UP;
        self.is_held_up || !self.is_waiting && self.timer.as_ref().is_some_and(is_overdue)
    }
}
