//! A credential's health, whole or for one model: serving → cooling → probation → returning → serving.
//!
//! ```text
//!              fail                    due, claimed by one request
//!   Serving ──────────► Cooling(until) ──────────────────────────► Probation
//!      ▲                  ▲ ▲ ▲ fail: the longer deadline wins         │ │ │
//!      │                  │ │ └────────────────────────────────────────┘ │ │
//!      │                  │ │   fail: the delay doubles                  │ │
//!      │                  │ └── nothing learned: due again at once ──────┘ │
//!      │                  │ fail: the delay doubles                        │
//!      └────────────── Returning(until) ◄───────────────────── success ────┘
//!        until comes      takes a growing part of its share
//! ```
//!
//! [`State`] is pure; [`Cooldown`] is a state in one atomic word, so that no request waits for another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::moment::Moment;
use super::ramp;

/// The first delay, which doubles with each failed probation.
const FIRST: Duration = Duration::from_secs(30);
/// The longest delay without a hint.
const MOST: Duration = Duration::from_secs(600);
/// After this a probation whose request never reported is open to another.
const PROBATION: Duration = Duration::from_secs(60);
/// What a caller is told to wait for a probation's outcome.
const PROBED_SOON: Duration = Duration::from_secs(1);

/// Why a credential is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The provider refuses it.
    Rejected,
    /// Its account is empty.
    Exhausted,
    /// It may not do this.
    Denied,
    /// The model does not exist for it.
    Missing,
    /// It is asked too often.
    RateLimited,
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It takes its turns.
    Serving,
    /// It is out until then.
    Cooling { until: Moment, failures: u8, cause: Cause },
    /// One request tries it; `until` is when another may.
    Probation { until: Moment, failures: u8, cause: Cause },
    /// It takes a growing part of its turns, and from `until` on all of them.
    Returning { until: Moment, failures: u8, cause: Cause },
}

impl State {
    /// After a failure at `now`, for which the provider asked to wait `hint`.
    #[must_use]
    pub(crate) fn failed(self, cause: Cause, hint: Option<Duration>, now: Moment) -> Self {
        let (failures, at_least) = match self {
            Self::Serving => (1, now),
            Self::Returning { until, .. } if until <= now => (1, now),
            // Requests that were under way when it went out say nothing new.
            Self::Cooling { until, failures, .. } => (failures, until),
            // One that fails again before it is all back came back too early.
            Self::Probation { failures, .. } | Self::Returning { failures, .. } => {
                (failures.saturating_add(1).min(MOST_FAILURES), now)
            }
        };
        let wait = match (hint, cause) {
            (Some(hint), Cause::RateLimited) => hint,
            // A hint is about traffic. It does not mend a credential any sooner.
            (Some(hint), Cause::Rejected | Cause::Exhausted | Cause::Denied | Cause::Missing) => {
                hint.max(delay(failures))
            }
            (None, _) => delay(failures),
        };
        Self::Cooling { until: now.plus(wait).max(at_least), failures, cause }
    }

    /// In probation, if it is due at `now`.
    #[must_use]
    pub(crate) fn claimed(self, now: Moment) -> Option<Self> {
        match self {
            Self::Cooling { until, failures, cause } | Self::Probation { until, failures, cause } if until <= now => {
                Some(Self::Probation { until: now.plus(PROBATION), failures, cause })
            }
            Self::Serving | Self::Returning { .. } | Self::Cooling { .. } | Self::Probation { .. } => None,
        }
    }

    /// After its probation's success at `now`. A late success of an older request does not end a cooldown.
    #[must_use]
    pub(crate) fn succeeded(self, now: Moment) -> Self {
        match self {
            Self::Probation { failures, cause, .. } => {
                Self::Returning { until: now.plus(ramp::LENGTH), failures, cause }
            }
            other @ (Self::Serving | Self::Returning { .. } | Self::Cooling { .. }) => other,
        }
    }

    /// Back at `now`, by somebody else's word.
    #[must_use]
    pub(crate) fn returned(now: Moment) -> Self {
        Self::Returning { until: now.plus(ramp::LENGTH), failures: 0, cause: Cause::Rejected }
    }

    /// With its time come at `now`, if it waits for it.
    #[must_use]
    pub(crate) fn due(self, now: Moment) -> Self {
        match self {
            Self::Cooling { until, failures, cause } => Self::Cooling { until: until.min(now), failures, cause },
            other @ (Self::Serving | Self::Returning { .. } | Self::Probation { .. }) => other,
        }
    }

    /// After a probation that taught nothing: the next request may try.
    #[must_use]
    pub(crate) fn released(self, now: Moment) -> Self {
        match self {
            Self::Probation { failures, cause, .. } => Self::Cooling { until: now, failures, cause },
            other @ (Self::Serving | Self::Returning { .. } | Self::Cooling { .. }) => other,
        }
    }

    /// When it may be tried, and why it is out; `None` while it serves.
    #[must_use]
    pub(crate) fn out(self) -> Option<(Moment, Cause)> {
        match self {
            Self::Serving | Self::Returning { .. } => None,
            Self::Cooling { until, cause, .. } | Self::Probation { until, cause, .. } => Some((until, cause)),
        }
    }
}

impl State {
    /// How long a caller had better wait for it, and why it is out; `None` while it serves.
    #[must_use]
    pub(crate) fn wait(self, now: Moment) -> Option<(Duration, Cause)> {
        match self {
            Self::Serving | Self::Returning { .. } => None,
            Self::Cooling { until, cause, .. } => Some((until.since(now), cause)),
            // The request that probes it will know soon.
            Self::Probation { until, cause, .. } => Some((until.since(now).min(PROBED_SOON), cause)),
        }
    }

    /// When its time comes, or its part grows, if that is after `now`; never otherwise.
    #[must_use]
    pub(crate) fn due_after(self, now: Moment) -> Moment {
        let next = match self {
            Self::Serving => None,
            Self::Returning { until, .. } => ramp::next_step(until, now),
            Self::Cooling { until, .. } | Self::Probation { until, .. } => Some(until),
        };
        next.filter(|next| *next > now).unwrap_or(Moment::NEVER)
    }

    /// The part of its share, in the parts that [`ramp`] counts, that it takes while it serves.
    #[must_use]
    pub(crate) fn part(self, now: Moment) -> u32 {
        match self {
            Self::Returning { until, .. } => ramp::part(until, now),
            Self::Serving | Self::Cooling { .. } | Self::Probation { .. } => ramp::WHOLE,
        }
    }

    /// Whether it serves wholly, so that nothing is left to remember.
    #[must_use]
    pub(crate) fn is_settled(self, now: Moment) -> bool {
        match self {
            Self::Serving => true,
            Self::Returning { until, .. } => until <= now,
            Self::Cooling { .. } | Self::Probation { .. } => false,
        }
    }
}

fn delay(failures: u8) -> Duration {
    FIRST.saturating_mul(1 << u32::from(failures.saturating_sub(1)).min(16)).min(MOST)
}

const MOST_FAILURES: u8 = 31;
const CAUSE_BIT: u32 = 59;
const RETURNING: u64 = 3;
const UNTIL_BITS: u32 = 54;
const UNTIL_MOST: u64 = (1 << UNTIL_BITS) - 1;

impl State {
    /// In one word: 2 bits of state, 3 of cause, 5 of failures, 54 of time. 0 is serving.
    fn pack(self) -> u64 {
        let (tag, until, failures, cause) = match self {
            Self::Serving => return 0,
            Self::Cooling { until, failures, cause } => (1_u64, until, failures, cause),
            Self::Probation { until, failures, cause } => (2, until, failures, cause),
            Self::Returning { until, failures, cause } => (RETURNING, until, failures, cause),
        };
        let cause: u64 = match cause {
            Cause::Rejected => 0,
            Cause::Exhausted => 1,
            Cause::Denied => 2,
            Cause::RateLimited => 3,
            Cause::Missing => 4,
        };
        tag << 62 | cause << CAUSE_BIT | u64::from(failures.min(MOST_FAILURES)) << UNTIL_BITS | until.0.min(UNTIL_MOST)
    }

    fn unpack(word: u64) -> Self {
        let until = Moment(word & UNTIL_MOST);
        let failures = (word >> UNTIL_BITS) as u8 & MOST_FAILURES;
        let cause = match word >> CAUSE_BIT & 7 {
            0 => Cause::Rejected,
            1 => Cause::Exhausted,
            2 => Cause::Denied,
            3 => Cause::RateLimited,
            _ => Cause::Missing,
        };
        match word >> 62 {
            0 => Self::Serving,
            1 => Self::Cooling { until, failures, cause },
            2 => Self::Probation { until, failures, cause },
            _ => Self::Returning { until, failures, cause },
        }
    }
}

/// A [`State`] that threads share without a lock.
#[derive(Debug, Default)]
pub(crate) struct Cooldown(AtomicU64);

impl Cooldown {
    /// In a state.
    pub(crate) fn new(state: State) -> Self {
        Self(AtomicU64::new(state.pack()))
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> State {
        State::unpack(self.0.load(Ordering::Acquire))
    }

    /// Whether it takes its turns: one load, for the request path.
    pub(crate) fn serves(&self) -> bool {
        let word = self.0.load(Ordering::Acquire);
        word == 0 || word >> 62 == RETURNING
    }

    /// Moves on by a pure step.
    pub(crate) fn step(&self, step: impl Fn(State) -> State) {
        let moved =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(step(State::unpack(word)).pack()));
        // The step above never refuses.
        debug_assert!(moved.is_ok());
    }

    /// Claims its probation, if it is due and nobody else was faster.
    pub(crate) fn claim(&self, now: Moment) -> bool {
        let claim = |word| State::unpack(word).claimed(now).map(State::pack);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, claim).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Moment {
        Moment(seconds * 1000)
    }

    #[test]
    fn delays_grow_with_failed_probations_up_to_ten_minutes() {
        let mut state = State::Serving;
        let mut now = seconds(1);
        for expected in [30, 60, 120, 240, 480, 600, 600] {
            state = state.failed(Cause::RateLimited, None, now);
            let (until, _) = state.out().unwrap();
            assert_eq!(until.since(now), Duration::from_secs(expected));
            assert_eq!(state.claimed(Moment(until.0 - 1)), None);
            now = until;
            state = state.claimed(now).unwrap();
            assert_eq!(state.claimed(now), None, "one request probes");
        }
        let state = state.succeeded(now);
        assert_eq!((state.part(now), state.is_settled(now)), (1, false));
        let all_back = now.plus(ramp::LENGTH);
        assert_eq!((state.part(all_back), state.is_settled(all_back)), (ramp::WHOLE, true));
    }

    #[test]
    fn one_that_fails_while_it_comes_back_waits_longer_than_before() {
        let back = State::Serving.failed(Cause::RateLimited, None, seconds(0)).claimed(seconds(30)).unwrap();
        let back = back.succeeded(seconds(30));
        let again = |now: Moment| back.failed(Cause::RateLimited, None, now).out().unwrap().0.since(now).as_secs();
        assert_eq!(again(seconds(31)), 60);
        assert_eq!(again(seconds(60)), 30, "all back, it is as one that never failed");
        assert_eq!(State::returned(seconds(1)).failed(Cause::Rejected, None, seconds(2)).out().unwrap().0, seconds(32));
    }

    #[test]
    fn the_longer_deadline_wins_and_failures_under_way_do_not_double_it() {
        let state = State::Serving.failed(Cause::RateLimited, Some(Duration::from_secs(100)), seconds(1));
        let state = state.failed(Cause::RateLimited, Some(Duration::from_secs(5)), seconds(2));
        assert_eq!(state.out().unwrap().0, seconds(101));
        let state = state.failed(Cause::RateLimited, None, seconds(90));
        assert_eq!(state.out().unwrap().0, seconds(120), "the first delay, from now");
        assert_eq!(state.succeeded(seconds(91)), state, "a late success ends nothing");
    }

    #[test]
    fn a_short_hint_brings_back_one_that_is_asked_too_often_and_no_other() {
        for (cause, hint, expected) in [
            (Cause::RateLimited, 1, 1),
            (Cause::Exhausted, 1, 30),
            (Cause::Rejected, 0, 30),
            (Cause::Exhausted, 100, 100),
        ] {
            let state = State::Serving.failed(cause, Some(Duration::from_secs(hint)), seconds(0));
            assert_eq!(state.out().unwrap().0, seconds(expected), "{cause:?} {hint}");
        }
    }

    #[test]
    fn a_probation_that_teaches_nothing_is_open_to_the_next_request() {
        let probation = State::Serving.failed(Cause::Rejected, None, seconds(0)).claimed(seconds(30)).unwrap();
        assert!(probation.released(seconds(31)).claimed(seconds(31)).is_some());
        assert!(probation.claimed(seconds(89)).is_none());
        assert!(probation.claimed(seconds(90)).is_some(), "its request never reported");
    }

    proptest! {
        #[test]
        fn a_word_holds_every_state(tag in 0..4, until in 0..UNTIL_MOST, failures in 0..=MOST_FAILURES, cause in 0..5) {
            let until = Moment(until);
            let causes = [Cause::Rejected, Cause::Exhausted, Cause::Denied, Cause::RateLimited, Cause::Missing];
            let cause = causes[cause as usize];
            let state = match tag {
                0 => State::Serving,
                1 => State::Cooling { until, failures, cause },
                2 => State::Probation { until, failures, cause },
                _ => State::Returning { until, failures, cause },
            };
            prop_assert_eq!(State::unpack(state.pack()), state);
        }
    }
}
