//! A target's breaker: five consecutive failures open it for 30 s, doubling to 5 minutes, then one request probes it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::moment::Moment;

/// So many failures in a row open it.
const FAILURES: u8 = 5;
/// Stands for them while a request probes.
const PROBING: u8 = FAILURES + 1;
const FIRST: Duration = Duration::from_secs(30);
const MOST: Duration = Duration::from_secs(300);

/// Where a target stands. Without time in `until` it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    /// Failures in a row, or [`PROBING`].
    failures: u8,
    /// Openings in a row.
    openings: u8,
    /// Open until then; 0 while closed.
    until: u64,
}

impl State {
    /// Whether a request may go there at `now`, and the state after it was let through: the one that probes keeps others away for as
    /// long as the target was open.
    fn admitted(self, now: Moment) -> Option<Self> {
        if self.until == 0 {
            return Some(self);
        }
        (self.until <= now.0).then(|| Self { failures: PROBING, until: now.plus(self.delay()).0, ..self })
    }

    fn failed(self, now: Moment) -> Self {
        let failures = self.failures.saturating_add(1);
        match self.failures {
            // Requests that were under way when it opened say nothing new.
            FAILURES => self,
            _ if failures < FAILURES => Self { failures, ..self },
            _ => {
                let opened = Self { failures: FAILURES, openings: self.openings.saturating_add(1), until: 0 };
                Self { until: now.plus(opened.delay()).0, ..opened }
            }
        }
    }

    /// After a probe that was not made.
    fn released(self, now: Moment) -> Self {
        match self.failures {
            PROBING => Self { failures: FAILURES, until: now.0, ..self },
            _ => self,
        }
    }

    fn delay(self) -> Duration {
        FIRST.saturating_mul(1 << u32::from(self.openings.saturating_sub(1)).min(8)).min(MOST)
    }

    fn pack(self) -> u64 {
        u64::from(self.failures) << 56 | u64::from(self.openings) << 48 | (self.until & TIME)
    }

    fn unpack(word: u64) -> Self {
        Self { failures: (word >> 56) as u8, openings: (word >> 48) as u8, until: word & TIME }
    }
}

const TIME: u64 = (1 << 48) - 1;

/// A breaker that threads share without a lock.
#[derive(Debug, Default)]
pub(crate) struct Breaker(AtomicU64);

impl Breaker {
    /// Whether a request may go there. Where it was open and is due, this one request is the probe.
    pub(crate) fn admits(&self, now: Moment) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        // The common case writes nothing.
        if State::unpack(word).until == 0 {
            return true;
        }
        let admit = |word| State::unpack(word).admitted(now).map(State::pack);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).is_ok()
    }

    /// A request failed there.
    pub(crate) fn failed(&self, now: Moment) {
        let fail = |word| Some(State::unpack(word).failed(now).pack());
        let failed = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fail);
        // The step above never refuses.
        debug_assert!(failed.is_ok());
    }

    /// A request that was let through was not made: the next one may probe.
    pub(crate) fn released(&self, now: Moment) {
        let release = |word| Some(State::unpack(word).released(now).pack());
        if State::unpack(self.0.load(Ordering::Relaxed)).failures == PROBING {
            let released = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, release);
            // The step above never refuses.
            debug_assert!(released.is_ok());
        }
    }

    /// How long it stays open; `None` while it is closed.
    pub(crate) fn wait(&self, now: Moment) -> Option<Duration> {
        let until = State::unpack(self.0.load(Ordering::Relaxed)).until;
        (until != 0).then(|| Moment(until).since(now))
    }

    /// A request succeeded there, or got an answer that says that the target lives.
    pub(crate) fn succeeded(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_open_it_and_one_request_probes() {
        let breaker = Breaker::default();
        let mut now = Moment(1000);
        for _ in 0..4 {
            breaker.failed(now);
        }
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(now);
            assert!(breaker.admits(now));
        }
        for expected in [30, 60, 120, 240, 300, 300] {
            breaker.failed(now);
            breaker.failed(now);
            assert!(!breaker.admits(now.plus(Duration::from_millis(expected * 1000 - 1))), "{expected}");
            now = now.plus(Duration::from_secs(expected));
            assert!(breaker.admits(now), "{expected}");
            assert!(!breaker.admits(now), "one probes");
        }
        breaker.succeeded();
        assert!(breaker.admits(now));
    }

    #[test]
    fn a_probe_that_was_not_made_is_open_to_the_next_request() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed(Moment(1000)));
        assert_eq!(breaker.wait(Moment(1000)), Some(FIRST));
        let due = Moment(1000).plus(FIRST);
        breaker.released(due);
        assert!(breaker.admits(due) && !breaker.admits(due));
        breaker.released(due);
        assert!(breaker.admits(due), "released, it is due at once");
        breaker.failed(due);
        breaker.released(due);
        assert_eq!(breaker.wait(due), Some(FIRST * 2), "one that failed is not released");
    }
}
