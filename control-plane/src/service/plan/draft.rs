//! What a decision asks of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::store::{Change, Commit, Precondition};

/// A write that was decided.
#[derive(Debug, Default)]
pub struct Draft {
    preconditions: Vec<Precondition>,
    /// A key stands in a commit once: the last word counts.
    changes: BTreeMap<Arc<str>, Option<Bytes>>,
}

impl Draft {
    /// Something that has to hold still.
    pub fn require(&mut self, precondition: Precondition) {
        self.preconditions.push(precondition);
    }

    /// A record's new value.
    pub fn put(&mut self, key: Arc<str>, value: Vec<u8>) {
        self.changes.insert(key, Some(value.into()));
    }

    /// A record's end.
    pub fn delete(&mut self, key: Arc<str>) {
        self.changes.insert(key, None);
    }

    /// Whether it puts the record: then it has a precondition of its own, and nothing else needs one on it.
    #[must_use]
    pub fn puts(&self, key: &str) -> bool {
        matches!(self.changes.get(key), Some(Some(_)))
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// For the store.
    #[must_use]
    pub fn into_commit(self) -> Commit {
        let changes = self.changes.into_iter().map(|(key, value)| Change { key, value }).collect();
        Commit { preconditions: self.preconditions, changes }
    }
}
