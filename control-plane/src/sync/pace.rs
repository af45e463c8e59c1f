//! When to publish: the first change after a quiet spell at once, then folded, so that fan-out takes at most about a quarter of a core.
//! Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two publications.
const SHORTEST: Duration = Duration::from_millis(20);

/// The longest one.
const LONGEST: Duration = Duration::from_millis(500);

/// What one stream costs per publication: waking it, and handing a frame to HTTP/2 and TLS.
const COST_PER_STREAM: Duration = Duration::from_micros(20);

/// When the next publication may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    open_at: Option<Instant>,
}

/// How much a change hurries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hurry {
    /// It may be folded with what follows.
    Folds,
    /// Something serves no more: at once.
    AtOnce,
}

impl Pace {
    /// When a change that waits now is due.
    #[must_use]
    pub fn due(&self, now: Instant, hurry: Hurry) -> Instant {
        match (hurry, self.open_at) {
            (Hurry::Folds, Some(open_at)) => open_at.max(now),
            (Hurry::AtOnce, _) | (Hurry::Folds, None) => now,
        }
    }

    /// Notes a publication, what making it took, and how many streams it woke.
    pub fn published(&mut self, now: Instant, took: Duration, woken: usize) {
        let streams = u32::try_from(woken).unwrap_or(u32::MAX);
        let cost = took.saturating_add(COST_PER_STREAM.saturating_mul(streams));
        self.open_at = Some(now + cost.saturating_mul(4).clamp(SHORTEST, LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_after_a_quiet_spell_goes_at_once_and_the_next_ones_fold() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.due(now, Hurry::Folds), now);
        pace.published(now, Duration::ZERO, 0);
        assert_eq!(pace.due(now, Hurry::Folds), now + SHORTEST);
        assert_eq!(pace.due(now, Hurry::AtOnce), now);
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.due(later, Hurry::Folds), later);
    }

    #[test]
    fn the_window_grows_with_the_fan_out_up_to_its_end() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.published(now, Duration::from_millis(5), 1000);
        assert_eq!(pace.due(now, Hurry::Folds), now + Duration::from_millis(100));
        pace.published(now, Duration::ZERO, 1_000_000);
        assert_eq!(pace.due(now, Hurry::Folds), now + LONGEST);
    }
}
