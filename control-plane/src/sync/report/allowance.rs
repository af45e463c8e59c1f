//! How much one proxy may tell: what is over it is dropped and counted, so that a proxy that tells too much slows nobody else down.
//!
//! Proxies are told apart by their certificates' names, so that no number of connections gives one of them more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::name::ProxyName;
use tokio::time::Instant;

/// How much may be told at once, and then how fast.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) each: Duration,
}

/// What each proxy may still tell of one kind of thing.
#[derive(Debug)]
pub(crate) struct Allowance {
    rate: Rate,
    /// For each proxy, when its whole allowance is there again.
    full_at: Mutex<HashMap<ProxyName, Instant>>,
}

impl Allowance {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::default() }
    }

    /// Takes as many of `wanted` as the proxy may tell now.
    pub(super) fn take(&self, proxy: &ProxyName, wanted: usize, now: Instant) -> usize {
        let Rate { burst, each } = self.rate;
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(burst);
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = all.get(proxy).copied().filter(|full_at| *full_at > now).unwrap_or(now);
        let spent = full_at - now;
        let left = (each * burst).saturating_sub(spent).as_nanos() / each.as_nanos().max(1);
        let taken = wanted.min(u32::try_from(left).unwrap_or(u32::MAX));
        if taken > 0 {
            all.insert(proxy.clone(), full_at + each * taken);
        }
        taken as usize
    }

    /// Forgets a proxy whose whole allowance is there again.
    pub(super) fn forget_quiet(&self, now: Instant) {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, full_at| *full_at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_rate_is_not_taken_and_others_have_their_own() {
        let allowance = Allowance::new(Rate { burst: 10, each: Duration::from_millis(100) });
        let (one, other): (ProxyName, ProxyName) = ("proxies/a".parse().unwrap(), "proxies/b".parse().unwrap());
        let start = Instant::now();
        assert_eq!(allowance.take(&one, 7, start), 7);
        assert_eq!(allowance.take(&one, 7, start), 3);
        assert_eq!(allowance.take(&one, 1, start), 0);
        assert_eq!(allowance.take(&other, 1000, start), 10);
        assert_eq!(allowance.take(&one, 5, start + Duration::from_millis(250)), 2);
        assert_eq!(allowance.take(&one, 50, start + Duration::from_secs(60)), 10);
        allowance.forget_quiet(start + Duration::from_secs(120));
        assert!(allowance.full_at.lock().unwrap().is_empty());
    }
}
