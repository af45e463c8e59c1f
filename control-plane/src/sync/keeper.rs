//! The fleet's housekeeping: when proxies were last seen is stored now and then, those that were not seen for a day vanish, and the lag is
//! shown.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shared::name::{ProxyName, ResourceName};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Shared;
use super::enroll::put_proxy;
use crate::resource::{Proxy, key};
use crate::store::{Change, Commit, Precondition};

/// A record vanishes so long after its proxy was last seen, and an hour later at the latest.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How often records are looked at. The first time is an hour after the start, when those that live have come back.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// How often the lag is shown anew.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// How many records one commit changes.
const BATCH: usize = 500;

/// Keeps the fleet's records until the tasks are asked to stop.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut sweep = interval_at(Instant::now() + SWEEP_EVERY, SWEEP_EVERY);
    let mut measure = interval_at(Instant::now() + MEASURE_EVERY, MEASURE_EVERY);
    measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.tasks.stopping() => return,
            _ = measure.tick() => shared.measure_lag(SystemTime::now()),
            _ = sweep.tick() => {
                shared.allowances.forget_quiet(Instant::now());
                shared.sweep(SystemTime::now()).await;
            }
        }
    }
}

impl Shared {
    fn measure_lag(&self, now: SystemTime) {
        let published = self.feeds.published();
        let longest = self.fleet.with_members(|members| {
            let connected = members.iter().filter(|(_, member)| member.connection.is_some());
            let lags = connected.filter_map(|(name, member)| {
                published.view.proxies.get(name).map(|record| member.lag(&published, record, now))
            });
            lags.max().unwrap_or_default()
        });
        self.metrics.lag_seconds.set(i64::try_from(longest.as_secs()).unwrap_or(i64::MAX));
    }

    async fn sweep(&self, now: SystemTime) {
        let view = self.views.load();
        let mut commit = Commit::default();
        for (name, record) in &view.proxies {
            let (kept, change) = self.swept(name, record, now);
            if kept == Kept::Forgotten {
                self.fleet.forget(name);
            }
            if let Some(change) = change {
                // A proxy that enrolls meanwhile must not be lost, nor one that was removed come back.
                commit.preconditions.push(Precondition::Exists(Arc::clone(&change.key)));
                commit.changes.push(change);
            }
            if commit.changes.len() == BATCH {
                self.store_sweep(std::mem::take(&mut commit)).await;
            }
        }
        if !commit.changes.is_empty() {
            self.store_sweep(commit).await;
        }
    }

    /// What becomes of one record.
    fn swept(&self, name: &ProxyName, record: &Proxy, now: SystemTime) -> (Kept, Option<Change>) {
        let member = self.fleet.member(name);
        let connected = member.connection.is_some();
        let seen = if connected { now } else { member.last_seen.unwrap_or(record.last_seen_time) };
        let seen = seen.max(record.last_seen_time);
        if now.duration_since(seen).is_ok_and(|away| away >= FORGOTTEN_AFTER) {
            return (Kept::Forgotten, Some(Change { key: key::status(name.as_str()), value: None }));
        }
        let changed = seen > record.last_seen_time;
        (Kept::Kept, changed.then(|| put_proxy(name, &Proxy { last_seen_time: seen, ..record.clone() })))
    }

    async fn store_sweep(&self, commit: Commit) {
        if let Err(error) = self.store.commit(commit).await {
            // The next sweep tries again.
            tracing::warn!(error = &error as &dyn std::error::Error, "the proxies' last seen times are not stored");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Kept,
    Forgotten,
}
