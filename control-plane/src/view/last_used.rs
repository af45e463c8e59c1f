//! When credentials, providers and caller keys were last used, as proxies tell. It is of no revision: nothing is woken by it, and no etag
//! changes.
//!
//! ```text
//! note: the latest time for each name, in memory ─► every 10 s: what is new, to the store ─► read at a start
//! ```
//!
//! A crash forgets ten seconds of it, and the next use tells them again. A name that is made anew begins without: a time before its creation
//! is not shown.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use prost_types::Timestamp;
use shared::name::ResourceName as _;
use shared::task::Tasks;

use super::{Kept, View, Views};
use crate::resource::{Resource, Stored, timestamp};
use crate::store::{Change, Observation, ObserveError, Store, StoreError};

/// What the keys begin with.
const PREFIX: &str = "last_used/";
/// How often what is new is written.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// How many are written at once.
const WRITTEN_AT_ONCE: usize = 1000;

/// When things were last used. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct LastUsed {
    times: Arc<RwLock<Times>>,
}

#[derive(Debug, Default)]
struct Times {
    /// Milliseconds since 1970.
    by_name: HashMap<Arc<str>, u64>,
    /// The names whose time, or absence, is not in the store yet.
    unwritten: HashSet<Arc<str>>,
}

impl LastUsed {
    /// What the store has of what there is in the view; the rest goes with the first write.
    ///
    /// # Errors
    ///
    /// When the store can't be read.
    pub(super) async fn read(store: &dyn Store, view: &View) -> Result<Self, StoreError> {
        let mut times = Times::default();
        for Observation { key, value } in store.observed(PREFIX).await? {
            let (Some(name), Ok(bytes)) = (key.strip_prefix(PREFIX), <[u8; 8]>::try_from(&*value)) else { continue };
            let name: Arc<str> = name.into();
            if exists(view, &name) {
                times.by_name.insert(name, u64::from_be_bytes(bytes));
            } else {
                times.unwritten.insert(name);
            }
        }
        Ok(Self { times: Arc::new(RwLock::new(times)) })
    }

    /// Notes a use, of something that exists. The latest counts; what is of the future is of now.
    pub fn note(&self, name: &str, time_ms: u64, now: SystemTime) {
        let now_ms = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let time_ms = time_ms.min(u64::try_from(now_ms).unwrap_or(u64::MAX));
        if self.get().by_name.get(name).is_some_and(|known| *known >= time_ms) {
            return;
        }
        let mut times = self.change();
        let name: Arc<str> = name.into();
        let known = times.by_name.entry(name.clone()).or_default();
        *known = time_ms.max(*known);
        times.unwritten.insert(name);
    }

    /// When a resource was last used; `None` where it never was since it was made.
    #[must_use]
    pub fn of<R: Resource>(&self, stored: &Stored<R>) -> Option<Timestamp> {
        let time_ms = *self.get().by_name.get(stored.name.as_str())?;
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(time_ms))?;
        (time >= stored.meta.create_time).then(|| timestamp(time))
    }

    /// Forgets what is gone from a view that was there in an earlier one. It costs what has changed between them.
    fn forget_gone(&self, before: &View, view: &View) {
        let gone = gone(&before.credentials, &view.credentials)
            .chain(gone(&before.providers, &view.providers))
            .chain(gone(&before.caller_keys, &view.caller_keys));
        let mut times = self.change();
        for name in gone {
            if times.by_name.remove(&name).is_some() {
                times.unwritten.insert(name);
            }
        }
    }

    /// What is to be written, by key.
    fn take_unwritten(&self, view: &View) -> BTreeMap<Arc<str>, Option<u64>> {
        let mut times = self.change();
        let names = std::mem::take(&mut times.unwritten);
        let change = |name: Arc<str>| {
            // Told after it was gone: it is forgotten here too.
            if !exists(view, &name) {
                times.by_name.remove(&name);
            }
            (name.clone(), times.by_name.get(&name).copied())
        };
        names.into_iter().map(change).collect()
    }

    async fn write(&self, store: &dyn Store, view: &View) -> Result<(), ObserveError> {
        let unwritten = self.take_unwritten(view);
        let mut rest = unwritten.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<_> = rest.by_ref().take(WRITTEN_AT_ONCE).collect();
            let changes = some.iter().map(|(name, time_ms)| Change {
                key: format!("{PREFIX}{name}").into(),
                value: time_ms.map(|time_ms| Bytes::copy_from_slice(&time_ms.to_be_bytes())),
            });
            if let Err(error) = store.observe(changes.collect()).await {
                // Tried again with the next write.
                self.change().unwritten.extend(some.into_iter().chain(rest).map(|(name, _)| name));
                return Err(error);
            }
        }
        Ok(())
    }

    fn get(&self) -> RwLockReadGuard<'_, Times> {
        self.times.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Times> {
        self.times.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is new every ten seconds, and once more at the stop.
pub async fn keep(views: Views, store: Arc<dyn Store>, tasks: Tasks) {
    let mut every = tokio::time::interval(WRITE_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = views.load();
    let mut is_stopping = false;
    while !is_stopping {
        tokio::select! {
            () = tasks.stopping() => is_stopping = true,
            _ = every.tick() => {}
        }
        let view = views.load();
        views.last_used().forget_gone(&before, &view);
        if let Err(error) = views.last_used().write(&*store, &view).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "when things were last used could not be written");
        }
        before = view;
    }
}

fn gone<R: Kept>(
    before: &OrdMap<R::Name, Arc<Stored<R>>>,
    after: &OrdMap<R::Name, Arc<Stored<R>>>,
) -> impl Iterator<Item = Arc<str>> {
    before.diff(after).filter_map(|item| match item {
        DiffItem::Remove(name, _) => Some(name.as_str().into()),
        DiffItem::Add(..) | DiffItem::Update { .. } => None,
    })
}

fn exists(view: &View, name: &str) -> bool {
    view.credentials.contains_key(name) || view.providers.contains_key(name) || view.caller_keys.contains_key(name)
}

#[cfg(test)]
mod tests;
