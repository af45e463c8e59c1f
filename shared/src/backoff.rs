//! Exponential back-off with full jitter. Pure: the caller gives the randomness and does the waiting.

use std::time::Duration;

/// Delays that double from a first bound to a last one.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Delays under `first`, then under twice that, and never over `most`.
    #[must_use]
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// The next delay's bound, without jitter: `first · 2ⁿ`, at most `most`.
    #[must_use]
    pub fn next_bound(&mut self) -> Duration {
        let bound =
            self.first.saturating_mul(1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        bound
    }

    /// The next delay: anywhere in `[0, bound)`, as the random number says.
    #[must_use]
    pub fn next_delay(&mut self, random: u64) -> Duration {
        let bound = self.next_bound();
        // A fraction of 2³² keeps the product within u128.
        let fraction = u128::from(random >> 32);
        Duration::from_nanos(u64::try_from((bound.as_nanos() * fraction) >> 32).unwrap_or(u64::MAX))
    }

    /// Begins again at the first bound.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_most_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        let bounds: Vec<_> = (0..4).map(|_| backoff.next_bound().as_millis()).collect();
        assert_eq!(bounds, [200, 400, 800, 1000]);
        backoff.reset();
        assert!(backoff.next_delay(u64::MAX) < Duration::from_millis(200));
        assert_eq!(backoff.next_delay(0), Duration::ZERO);
    }
}
