//! The log of commits, in the tree.

use std::ops::RangeInclusive;
use std::sync::Arc;

use shared::revision::Revision;
use sled::{Batch, Tree};

use super::scan::corrupt;
use super::tail;
use crate::store::record::{Joined, Joiner};
use crate::store::{Committed, StoreError, key, record};

/// How much one read of the log gives at the most.
const READ_COMMITS: usize = 512;
const READ_BYTES: usize = 1 << 20;

/// Which part of the log there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// The last commit that is forgotten: nobody gets it or an earlier one.
    pub(super) floor: Revision,
    /// The last commit that is gone from the tree too. It follows the floor, a little with every batch.
    pub(super) trimmed: Revision,
}

impl Extent {
    /// What a tree has.
    pub(super) fn of(tree: &Tree, head: Revision) -> Result<Self, StoreError> {
        let first = tree.scan_prefix(key::LOG).keys().next().transpose().map_err(|error| corrupt("log", &error))?;
        let before = match first {
            Some(first) => {
                let (revision, _) = key::parse_log(&first).ok_or_else(|| corrupt("log", &"its first key"))?;
                Revision(revision.0.saturating_sub(1))
            }
            None => head,
        };
        Ok(Self { floor: before, trimmed: before })
    }

    /// Removes up to `limit` forgotten commits from the tree, as a part of the batch.
    pub(super) fn trim(&mut self, tree: &Tree, writes: &mut Batch, limit: u64) -> Result<(), StoreError> {
        let last = Revision(self.floor.0.min(self.trimmed.0.saturating_add(limit)));
        if last > self.trimmed {
            for item in tree.range(keys(self.trimmed.next(), last)).keys() {
                writes.remove(item.map_err(|error| corrupt("log", &error))?);
            }
            self.trimmed = last;
        }
        Ok(())
    }
}

/// Adds a commit to the log.
pub(super) fn append(writes: &mut Batch, commit: &Committed) {
    for (part, bytes) in (0..).zip(record::commit_parts(commit.time, &commit.changes)) {
        writes.insert(&key::log(commit.revision, part), bytes);
    }
}

/// Some of the commits after a revision, without a gap; at least one, as long as there is one up to the head.
pub(super) fn read(tree: &Tree, after: Revision, head: Revision) -> Result<Vec<Arc<Committed>>, StoreError> {
    let mut commits = Vec::new();
    let mut bytes = 0;
    scan(tree, after, head, |commit| {
        bytes += tail::size(&commit);
        commits.push(Arc::new(commit));
        commits.len() < READ_COMMITS && bytes < READ_BYTES
    })?;
    Ok(commits)
}

/// Gives the commits after a revision, in order, for as long as the visitor says so.
pub(super) fn scan(
    tree: &Tree,
    after: Revision,
    head: Revision,
    mut visit: impl FnMut(Committed) -> bool,
) -> Result<(), StoreError> {
    let mut expected = after.next();
    let mut joiner = Joiner::default();
    for item in tree.range(keys(expected, head)) {
        let (bytes, value) = item.map_err(|error| corrupt("log", &error))?;
        let unreadable = || corrupt(&format!("log/{expected}"), &"it is missing or cut");
        let (revision, part) = key::parse_log(&bytes).ok_or_else(unreadable)?;
        if revision != expected {
            return Err(unreadable());
        }
        if let Joined::Whole(joined) = joiner.push(part, &value).map_err(|_| unreadable())? {
            let commit = record::parse_commit(revision, joined).ok_or_else(unreadable)?;
            if !visit(commit) {
                return Ok(());
            }
            expected = expected.next();
        }
    }
    if expected == head.next() { Ok(()) } else { Err(corrupt(&format!("log/{expected}"), &"it is missing or cut")) }
}

fn keys(first: Revision, last: Revision) -> RangeInclusive<[u8; 13]> {
    key::log(first, 0)..=key::log(last, u32::MAX)
}
