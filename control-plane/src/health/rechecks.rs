//! When a credential without a good verdict is asked about again: later and later, spread, and not forgiven by one pass.
//!
//! ```text
//! bound = 30 s · 2ⁿ, at most 10 min (1 h for an empty account); the delay lies between half of it and all of it
//! n grows with every time that it goes out and every re-check that finds it still out
//! n is 0 again once it was good for twice the last bound, and for 10 min at the least: until then, to go out again is to wait longer
//! ```

use std::time::{Duration, Instant};

use super::Moment;
use crate::resource::HealthReason;

/// The first bound.
const FIRST: Duration = Duration::from_secs(30);
/// The longest bound.
const MOST: Duration = Duration::from_secs(600);
/// The longest bound of an empty account, which somebody has to fill first.
const MOST_EXHAUSTED: Duration = Duration::from_secs(3600);
/// How long it has to be good at the least before it is trusted again.
const STEADY: Duration = Duration::from_secs(600);

/// One credential's re-checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rechecks {
    /// How often the bound was doubled.
    doublings: u32,
    /// The last bound.
    bound: Duration,
    at: Option<Instant>,
    good_since: Option<Instant>,
}

impl Rechecks {
    /// As a start finds it: after what is left of the first bound since the last check, spread so that a start is no storm.
    pub(super) fn found(since_check: Duration, moment: Moment) -> Self {
        let rest = FIRST.saturating_sub(since_check);
        Self { at: Some(moment.now + rest + fraction(FIRST, moment.random)), ..Self::default() }
    }

    /// The next one was due while nobody was to be asked: soon, spread so that an enabled provider with many credentials is no storm.
    pub(super) fn resume(&mut self, moment: Moment) {
        self.at = Some(moment.now + fraction(FIRST, moment.random));
    }

    /// The next one; `None` for never.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Takes the next one, if its time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Instant> {
        self.at.take_if(|at| *at <= now)
    }

    /// It went out, or was found to be out still: the next re-check is further away.
    pub(super) fn worse(&mut self, reason: Option<HealthReason>, moment: Moment) {
        if self.is_forgiven(moment.now) {
            self.doublings = 0;
        }
        let most = if reason == Some(HealthReason::Exhausted) { MOST_EXHAUSTED } else { MOST };
        self.bound = doubled(FIRST, self.doublings, most);
        self.doublings = self.doublings.saturating_add(1);
        self.good_since = None;
        self.plan(moment);
    }

    /// It is out still, by a check that somebody asked for: as often as they like, that does not keep it away longer.
    pub(super) fn no_better(&mut self, reason: Option<HealthReason>, moment: Moment) {
        if self.bound.is_zero() { self.worse(reason, moment) } else { self.plan(moment) }
    }

    /// It serves: no re-check is needed, and from now on it can be forgiven.
    pub(super) fn good(&mut self, now: Instant) {
        self.at = None;
        self.good_since = self.good_since.or(Some(now));
    }

    /// Whether nothing would change if it were forgotten.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        self.at.is_none() && (self.doublings == 0 || self.is_forgiven(now))
    }

    fn is_forgiven(&self, now: Instant) -> bool {
        let steady = STEADY.max(self.bound * 2);
        self.good_since.is_some_and(|since| now.saturating_duration_since(since) >= steady)
    }

    /// Half of the bound fixed, half of it spread.
    fn plan(&mut self, moment: Moment) {
        let half = self.bound / 2;
        self.at = Some(moment.now + half + fraction(half, moment.random));
    }
}

/// A span doubled so often, up to a bound.
pub(super) fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times.min(31)).unwrap_or(u32::MAX)).min(most)
}

/// A part of a span, as a random number says.
pub(super) fn fraction(span: Duration, random: u64) -> Duration {
    let part = (u128::from(random >> 32) * span.as_nanos()) >> 32;
    Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;

    fn moment(now: Instant, random: u64) -> Moment {
        Moment { now, wall: SystemTime::UNIX_EPOCH, random }
    }

    #[test]
    fn who_was_good_for_long_enough_begins_anew_and_who_was_not_waits_longer() {
        for (good_seconds, expected) in [(1, 60), (599, 60), (600, 30), (5000, 30)] {
            let start = Instant::now();
            let mut rechecks = Rechecks::default();
            rechecks.worse(None, moment(start, u64::MAX));
            let back = start + Duration::from_secs(30);
            rechecks.good(back);
            assert!(!rechecks.is_forgettable(back));
            let out = back + Duration::from_secs(good_seconds);
            assert_eq!(rechecks.is_forgettable(out), expected == 30);
            rechecks.worse(None, moment(out, u64::MAX));
            let delay = rechecks.at().unwrap() - out;
            assert_eq!(delay.as_secs_f64().round() as u64, expected, "good for {good_seconds} s");
        }
    }

    proptest! {
        /// A credential that goes out again soon after each return waits at least as long as the time before, up to the bound.
        #[test]
        fn flapping_makes_every_absence_longer(
            flaps in prop::collection::vec((0_u64..600, any::<u64>()), 2..20),
            exhausted: bool,
        ) {
            let reason = exhausted.then_some(HealthReason::Exhausted);
            let most = if exhausted { MOST_EXHAUSTED } else { MOST };
            let mut now = Instant::now();
            let mut rechecks = Rechecks::default();
            let mut before = Duration::ZERO;
            for (good, random) in flaps {
                rechecks.worse(reason, moment(now, random));
                let delay = rechecks.at().unwrap() - now;
                prop_assert!(delay >= before.min(most / 2), "{delay:?} after {before:?}");
                prop_assert!(delay <= most);
                before = delay;
                now += delay;
                prop_assert!(rechecks.take_due(now).is_some());
                rechecks.good(now);
                now += Duration::from_secs(good);
            }
        }

        /// Checks that somebody asks for keep nothing away longer.
        #[test]
        fn asking_often_does_not_lengthen_the_delay(times in 1_usize..50, random: u64) {
            let now = Instant::now();
            let mut rechecks = Rechecks::default();
            rechecks.worse(None, moment(now, random));
            for _ in 0..times {
                rechecks.no_better(None, moment(now, random));
            }
            prop_assert!(rechecks.at().unwrap() - now <= FIRST);
        }
    }
}
