//! How many upstream calls a failing target may add: a tenth of the requests, and a few to begin with.

use std::sync::atomic::{AtomicU32, Ordering};

/// What a retry costs, in what each request brings in.
const RETRY: u32 = 10;
/// The most that is saved up: ten retries.
const MOST: u32 = 10 * RETRY;

/// A token bucket, one for each worker.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(MOST))
    }
}

impl Budget {
    /// A request came. A full bucket is not written to.
    pub(crate) fn request(&self) {
        let saved = self.0.load(Ordering::Relaxed);
        if saved < MOST {
            // A lost update under contention saves a little less.
            self.0.store(saved + 1, Ordering::Relaxed);
        }
    }

    /// Takes a retry's cost, if it is there.
    pub(crate) fn retry(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(RETRY)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_add_a_tenth_once_the_savings_are_gone() {
        let budget = Budget::default();
        let retries = (0..1000)
            .filter(|_| {
                budget.request();
                budget.retry()
            })
            .count();
        assert!((100..=110).contains(&retries), "{retries}");
    }
}
