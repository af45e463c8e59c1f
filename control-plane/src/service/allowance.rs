//! How often a principal may have a provider asked: each question spends a request of somebody else's limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// Questions in a minute.
const PER_MINUTE: u32 = 10;
/// How long it takes until one more is allowed.
const EVERY: Duration = Duration::from_millis(60_000 / PER_MINUTE as u64);

/// For each principal, when its whole allowance is there again. Clones share it: one allowance for all services that ask.
#[derive(Debug, Clone, Default)]
pub struct Allowance {
    full_at: Arc<Mutex<HashMap<Arc<str>, Instant>>>,
}

impl Allowance {
    /// Takes one question of the principal's ten a minute.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] with the time until the next one, when they are used up.
    pub fn take(&self, principal: &Arc<str>) -> Result<(), Error> {
        self.take_several(principal, 1)
    }

    /// Takes so many questions, at most ten, or none of them.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] with the time until there are so many.
    pub fn take_several(&self, principal: &Arc<str>, questions: u32) -> Result<(), Error> {
        let now = Instant::now();
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has a whole allowance needs no entry, so that there are at most as many as asked within a minute.
        all.retain(|_, full_at| *full_at > now);
        let full_at = all.get(principal).copied().unwrap_or(now) + EVERY * questions;
        let late = full_at.saturating_duration_since(now + EVERY * PER_MINUTE);
        if !late.is_zero() {
            return Err(Error::RateLimited { retry_after: late });
        }
        all.insert(principal.clone(), full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn several_are_taken_together_or_not_at_all() {
        let allowance = Allowance::default();
        let one: Arc<str> = "one".into();
        allowance.take_several(&one, 8).unwrap();
        let Err(Error::RateLimited { retry_after }) = allowance.clone().take_several(&one, 3) else { panic!("of ten") };
        assert_eq!(retry_after, EVERY);
        allowance.take_several(&one, 2).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn ten_a_minute_and_principal() {
        let allowance = Allowance::default();
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        for _ in 0..PER_MINUTE {
            allowance.take(&one).unwrap();
        }
        let Err(Error::RateLimited { retry_after }) = allowance.take(&one) else { panic!("the eleventh is refused") };
        assert_eq!(retry_after, EVERY);
        allowance.take(&other).unwrap();
        tokio::time::advance(EVERY).await;
        allowance.take(&one).unwrap();
        assert!(allowance.take(&one).is_err());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!((0..PER_MINUTE).all(|_| allowance.take(&one).is_ok()));
    }
}
