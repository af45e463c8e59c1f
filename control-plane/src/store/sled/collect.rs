//! Collecting a checkpoint, a little at a time between batches, so that no commit waits for a large store to be read.
//!
//! ```text
//! key ───────────────────────┬──────────────────────────►
//!    collected: follows each │ not read yet: the tree
//!    commit from here on     │ will have it
//! ```
//!
//! The thread that commits also reads, so a slice and a commit never overlap, and what is there at the end is the store at its head.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shared::revision::Revision;
use sled::Tree;

use super::scan;
use super::writer::Answer;
use crate::store::checkpoint::{Checkpoint, CheckpointError};
use crate::store::{Committed, Identity, Record, StoreError};

/// How many records are read between two batches: about two milliseconds.
const SLICE_RECORDS: usize = 1000;

/// Who waits for a checkpoint.
pub(super) type Asker = Answer<Result<PathBuf, CheckpointError>>;

/// Whether there is more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Whole,
}

/// A checkpoint on its way.
#[derive(Debug, Default)]
pub(super) struct Collection {
    records: BTreeMap<Arc<str>, Record>,
    /// The last key that was read.
    reached: Option<Arc<str>>,
    pub(super) asker: Option<Asker>,
}

impl Collection {
    pub(super) fn new(asker: Option<Asker>) -> Self {
        Self { asker, ..Self::default() }
    }

    /// Reads the next records.
    pub(super) fn read_slice(&mut self, tree: &Tree) -> Result<Progress, StoreError> {
        let slice = scan::records_after(tree, self.reached.as_deref(), SLICE_RECORDS)?;
        let progress = if slice.len() < SLICE_RECORDS { Progress::Whole } else { Progress::More };
        if let Some(last) = slice.last() {
            self.reached = Some(Arc::clone(&last.key));
        }
        self.records.extend(slice.into_iter().map(|record| (Arc::clone(&record.key), record)));
        Ok(progress)
    }

    /// Takes over what a commit changed of what was read already.
    pub(super) fn follow(&mut self, commit: &Committed) {
        let Some(reached) = &self.reached else { return };
        for change in commit.changes.iter().filter(|change| change.key <= *reached) {
            match &change.value {
                Some(value) => {
                    let record =
                        Record { key: Arc::clone(&change.key), revision: commit.revision, value: value.clone() };
                    self.records.insert(Arc::clone(&change.key), record);
                }
                None => {
                    self.records.remove(&change.key);
                }
            }
        }
    }

    /// About how many bytes a checkpoint of it has.
    pub(super) fn bytes(&self) -> usize {
        self.records.values().map(|record| record.key.len() + record.value.len()).sum()
    }

    /// The checkpoint, once all is read.
    pub(super) fn into_checkpoint(self, identity: Identity, revision: Revision) -> Checkpoint {
        Checkpoint { identity, revision, records: self.records.into_values().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use shared::revision::{Epoch, StoreId};

    use super::super::batch::Batch;
    use super::super::log::Extent;
    use super::super::tail::Tail;
    use super::*;
    use crate::store::{Change, Commit};

    /// Commits as the writer does, and answers what was made.
    fn commit(tree: &Tree, tail: &Tail, changes: Vec<Change>) -> Committed {
        let extent = Extent { floor: Revision(0), trimmed: Revision(0) };
        let mut batch = Batch::new(tree, tail, extent, SystemTime::UNIX_EPOCH);
        batch.add(Commit { preconditions: Vec::new(), changes }).unwrap();
        let Batch { mut made, writes, .. } = batch;
        tree.apply_batch(writes).unwrap();
        tail.extend(made.clone());
        made.remove(0)
    }

    fn change(number: u64, value: Option<u64>) -> Change {
        // Several parts now and then.
        let bytes = |value: u64| vec![value as u8; if value.is_multiple_of(50) { 9000 } else { 10 }].into();
        Change { key: format!("k/{number:05}").into(), value: value.map(bytes) }
    }

    #[test]
    fn what_is_committed_between_slices_is_in_the_checkpoint_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let db = sled::Config::new().path(folder.path()).open().unwrap();
        let tail = Tail::new(Revision(0));
        // Every other number, so that new ones have a place among them.
        commit(&db, &tail, (0..3500).map(|number| change(2 * number, Some(number))).collect());
        let (mut collection, mut random, mut slices) = (Collection::new(None), 1_u64, 1);
        while collection.read_slice(&db).unwrap() == Progress::More {
            slices += 1;
            for _ in 0..100 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let value = (random >> 20).is_multiple_of(3).then_some(random >> 40);
                collection.follow(&commit(&db, &tail, vec![change((random >> 33) % 7000, value)]));
            }
        }
        assert!(slices > 3, "{slices}");
        let identity = Identity { store_id: StoreId([1; 16]), epoch: Epoch([2; 16]) };
        let checkpoint = collection.into_checkpoint(identity, tail.head());
        assert_eq!(checkpoint.records, scan::records(&db, "").unwrap());
    }
}
