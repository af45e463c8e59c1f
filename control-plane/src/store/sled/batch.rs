//! A batch: commits that share one atomic write and one sync. A later one sees the earlier ones; a precondition that does not hold drops
//! only its own commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use shared::revision::Revision;
use sled::{Batch as Writes, Tree};

use super::log::{self, Extent};
use super::scan::{self, Stamp};
use super::tail::Tail;
use crate::store::{Change, Commit, CommitError, Committed, Precondition, StoreError, key, record};

/// Commits on their way to the disk.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    tree: &'a Tree,
    tail: &'a Tail,
    extent: Extent,
    time: SystemTime,
    /// What the commits so far leave behind, over what the tree has.
    stamps: HashMap<Arc<str>, Option<Stamp>>,
    /// The revision that the tree is at.
    base: Revision,
    pub(super) writes: Writes,
    pub(super) made: Vec<Committed>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(tree: &'a Tree, tail: &'a Tail, extent: Extent, time: SystemTime) -> Self {
        let base = tail.head();
        Self { tree, tail, extent, time, stamps: HashMap::new(), base, writes: Writes::default(), made: Vec::new() }
    }

    /// The revision after the commits so far.
    pub(super) fn head(&self) -> Revision {
        self.made.last().map_or(self.base, |commit| commit.revision)
    }

    /// Adds a commit, if its preconditions hold. It is made when the batch is.
    pub(super) fn add(&mut self, commit: Commit) -> Result<Revision, CommitError> {
        for precondition in commit.preconditions {
            let (holds, current) = self.check(&precondition)?;
            if !holds {
                return Err(CommitError::Precondition { precondition, current });
            }
        }
        // All that can fail comes before the first write: a commit that is dropped leaves nothing behind.
        let befores = commit.changes.iter().map(|change| self.stamp(&change.key)).collect::<Result<Vec<_>, _>>()?;
        let committed = Committed { revision: self.head().next(), time: self.time, changes: commit.changes };
        for (change, before) in committed.changes.iter().zip(befores) {
            self.write(change, before, committed.revision);
        }
        log::append(&mut self.writes, &committed);
        let revision = committed.revision;
        self.made.push(committed);
        Ok(revision)
    }

    fn write(&mut self, change: &Change, before: Option<Stamp>, revision: Revision) {
        let parts = change.value.as_ref().map(|value| record::record_parts(revision, value)).unwrap_or_default();
        let count = parts.len() as u8;
        for (part, bytes) in (0..).zip(parts) {
            self.writes.insert(key::record(&change.key, part), bytes);
        }
        // A key that stands twice in the commit was changed since the store was asked.
        let before = self.stamps.get(&change.key).copied().unwrap_or(before);
        for part in count..before.map_or(0, |before| before.parts) {
            self.writes.remove(key::record(&change.key, part));
        }
        let after = change.value.is_some().then_some(Stamp { revision, parts: count });
        self.stamps.insert(Arc::clone(&change.key), after);
    }

    /// Whether it holds, and the revision that last changed its key.
    fn check(&self, precondition: &Precondition) -> Result<(bool, Option<Revision>), StoreError> {
        let current = |key| Ok::<_, StoreError>(self.stamp(key)?.map(|stamp| stamp.revision));
        Ok(match precondition {
            Precondition::Exists(key) => {
                let current = current(key)?;
                (current.is_some(), current)
            }
            Precondition::Absent(key) => {
                let current = current(key)?;
                (current.is_none(), current)
            }
            Precondition::Unchanged(key, revision) => {
                let current = current(key)?;
                (current == Some(*revision), current)
            }
            Precondition::PrefixUnchanged(prefix, after) => (self.is_unchanged(prefix, *after)?, None),
        })
    }

    fn stamp(&self, key: &str) -> Result<Option<Stamp>, StoreError> {
        match self.stamps.get(key) {
            Some(stamp) => Ok(*stamp),
            None => scan::stamp(self.tree, key),
        }
    }

    /// Deletes leave no record behind, so that the commits themselves are asked. What is forgotten can't be ruled out.
    fn is_unchanged(&self, prefix: &str, after: Revision) -> Result<bool, StoreError> {
        let touches = |commit: &Committed| commit.changes.iter().any(|change| change.key.starts_with(prefix));
        if self.made.iter().any(|commit| commit.revision > after && touches(commit)) || after < self.extent.floor {
            return Ok(false);
        }
        if let Some(touched) = self.tail.any_after(after, touches) {
            return Ok(!touched);
        }
        let mut touched = false;
        log::scan(self.tree, after, self.base, |commit| {
            touched = touches(&commit);
            !touched
        })?;
        Ok(!touched)
    }
}
