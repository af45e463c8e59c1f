//! The double for unit tests: a store in memory, with the semantics of the real ones.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use shared::revision::{Epoch, Revision, StoreId};
use tokio::sync::watch;

use super::{
    Change, Commit, CommitError, Committed, Identity, MAX_VALUE_BYTES, Observation, ObserveError, Precondition, Range,
    Record, Store, StoreError, StoreFuture, Watch, WatchError, refuse_large_observations,
};

/// A store that forgets everything at its end.
#[derive(Debug, Clone)]
pub(crate) struct MemoryStore {
    state: Arc<Mutex<State>>,
    moved: watch::Sender<Revision>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Arc<str>, (Revision, Bytes)>,
    observed: BTreeMap<Arc<str>, Bytes>,
    log: Vec<Arc<Committed>>,
    head: Revision,
}

#[derive(Debug)]
struct MemoryWatch {
    store: MemoryStore,
    after: Revision,
    moved: watch::Receiver<Revision>,
}

impl MemoryStore {
    /// An empty store.
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), moved: watch::channel(Revision(0)).0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn holds(&self, precondition: &Precondition) -> bool {
        let revision = |key: &Arc<str>| self.records.get(key).map(|(revision, _)| *revision);
        match precondition {
            Precondition::Exists(key) => revision(key).is_some(),
            Precondition::Absent(key) => revision(key).is_none(),
            Precondition::Unchanged(key, at) => revision(key) == Some(*at),
            Precondition::PrefixUnchanged(prefix, at) => !self
                .log
                .iter()
                .filter(|committed| committed.revision > *at)
                .any(|committed| committed.changes.iter().any(|change| change.key.starts_with(&**prefix))),
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<Revision, CommitError> {
        for precondition in commit.preconditions {
            if !self.holds(&precondition) {
                return Err(CommitError::Precondition { precondition, current: None });
            }
        }
        for change in &commit.changes {
            let bytes = change.value.as_ref().map_or(0, Bytes::len);
            if bytes > MAX_VALUE_BYTES {
                return Err(CommitError::TooLarge { key: change.key.clone(), bytes });
            }
        }
        self.head = self.head.next();
        for change in &commit.changes {
            match &change.value {
                Some(value) => self.records.insert(change.key.clone(), (self.head, value.clone())),
                None => self.records.remove(&change.key),
            };
        }
        let time = SystemTime::UNIX_EPOCH;
        self.log.push(Arc::new(Committed { revision: self.head, time, changes: commit.changes }));
        Ok(self.head)
    }
}

impl Store for MemoryStore {
    fn identity(&self) -> Identity {
        Identity { store_id: StoreId([1; 16]), epoch: Epoch([2; 16]) }
    }

    fn head(&self) -> Revision {
        self.state().head
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let revision = self.state().commit(commit)?;
            self.moved.send_replace(revision);
            Ok(revision)
        })
    }

    fn range(&self, prefix: &str) -> StoreFuture<'_, Result<Range, StoreError>> {
        let prefix: Arc<str> = prefix.into();
        Box::pin(async move {
            let state = self.state();
            let records = state.records.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&*prefix));
            let records = records.map(|(key, (revision, value))| Record {
                key: key.clone(),
                revision: *revision,
                value: value.clone(),
            });
            Ok(Range { revision: state.head, records: records.collect() })
        })
    }

    fn watch(&self, after: Revision) -> Box<dyn Watch> {
        Box::new(MemoryWatch { store: self.clone(), after, moved: self.moved.subscribe() })
    }

    fn observe(&self, changes: Vec<Change>) -> StoreFuture<'_, Result<(), ObserveError>> {
        Box::pin(async move {
            refuse_large_observations(&changes)?;
            let mut state = self.state();
            for Change { key, value } in changes {
                match value {
                    Some(value) => state.observed.insert(key, value),
                    None => state.observed.remove(&key),
                };
            }
            Ok(())
        })
    }

    fn observed(&self, prefix: &str) -> StoreFuture<'_, Result<Vec<Observation>, StoreError>> {
        let prefix: Arc<str> = prefix.into();
        Box::pin(async move {
            let state = self.state();
            let found = state.observed.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&*prefix));
            Ok(found.map(|(key, value)| Observation { key: key.clone(), value: value.clone() }).collect())
        })
    }

    fn compact(&self, _up_to: Revision) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Watch for MemoryWatch {
    fn next(&mut self) -> StoreFuture<'_, Result<Arc<Committed>, WatchError>> {
        Box::pin(async move {
            let after = self.after;
            self.moved.wait_for(|head| *head > after).await.map_err(|_| WatchError::Stopped)?;
            let next = self.store.state().log.iter().find(|committed| committed.revision > after).cloned();
            let next = next.ok_or(WatchError::Stopped)?;
            self.after = next.revision;
            Ok(next)
        })
    }
}
