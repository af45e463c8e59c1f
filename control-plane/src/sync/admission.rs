//! How many new sessions are let in: a bucket whose refusal says when to come back, so that a fleet that returns at once is spread out.
//! Pure.

use std::time::Duration;

use tokio::time::Instant;

/// New sessions per second and core.
pub const SESSIONS_PER_CORE: u32 = 400;

/// A bucket of a second's sessions that refills steadily.
#[derive(Debug)]
pub struct Bucket {
    per_second: f64,
    sessions: f64,
    turned_away: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket for so many cores.
    #[must_use]
    pub fn new(cores: usize, now: Instant) -> Self {
        let cores = u32::try_from(cores.max(1)).unwrap_or(u32::MAX);
        let per_second = f64::from(cores) * f64::from(SESSIONS_PER_CORE);
        Self { per_second, sessions: per_second, turned_away: 0.0, at: now }
    }

    /// Lets a session in, or says when to come back.
    ///
    /// # Errors
    ///
    /// The time after which those turned away before this one will have had their turn.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let refill = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.at = now;
        self.sessions = (self.sessions + refill).min(self.per_second);
        self.turned_away = (self.turned_away - refill).max(0.0);
        if self.sessions >= 1.0 {
            self.sessions -= 1.0;
            return Ok(());
        }
        self.turned_away += 1.0;
        Err(Duration::from_secs_f64((self.turned_away / self.per_second).clamp(0.05, 30.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_that_returns_at_once_is_spread_over_the_time_that_it_takes() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1, now);
        let answers: Vec<_> = (0..1200).map(|_| bucket.admit(now)).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 400);
        assert_eq!(answers.last(), Some(&Err(Duration::from_secs(2))));
        assert!(answers[400].unwrap_err() < Duration::from_millis(100));
    }

    #[test]
    fn the_bucket_refills() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1, now);
        while bucket.admit(now).is_ok() {}
        let later = now + Duration::from_millis(100);
        assert_eq!((0..100).filter(|_| bucket.admit(later).is_ok()).count(), 40);
    }
}
