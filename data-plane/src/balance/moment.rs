//! A point in time that fits into an atomic: milliseconds since the process first asked.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds on the monotonic clock. Only differences mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    /// Later than every other.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// What the clock says. For the edges: everything else takes it as an argument.
    pub(crate) fn now() -> Self {
        // Begins at 1: the packed states use 0 for "no time".
        Self(1 + START.elapsed().as_millis() as u64)
    }

    /// What the clock said when `instant` was read from it.
    pub(crate) fn of(instant: Instant) -> Self {
        Self(1 + instant.saturating_duration_since(*START).as_millis() as u64)
    }

    /// This much later.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_millis() as u64))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
