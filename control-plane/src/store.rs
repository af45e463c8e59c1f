//! The durable copy of everything that admins write: an ordered keyspace with revisions, modelled on etcd's semantics, so that an
//! embedded store and etcd are equals.
//!
//! No resource is named here: keys are text, values are bytes, secrets in them are sealed before they come.
//!
//! ```text
//! commit(preconditions, changes) ─► one atomic batch ─► fdatasync ─► answer ─► watchers
//! ```

pub mod checkpoint;
mod key;
#[cfg(test)]
pub(crate) mod memory;
mod record;
pub mod seal;
pub mod sled;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use shared::revision::{Epoch, Revision, StoreId};

/// What a store's methods answer: a future behind a pointer, so that the store can be one too.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A durable, ordered keyspace with revisions.
pub trait Store: fmt::Debug + Send + Sync {
    /// Which store this is, and in which epoch.
    fn identity(&self) -> Identity;

    /// The last commit that is durable.
    fn head(&self) -> Revision;

    /// Makes all of the changes, or none, and answers when they are durable. Two commits never interleave.
    ///
    /// # Errors
    ///
    /// When a precondition does not hold, a record is too large, or the store can't write.
    ///
    /// # Cancel safety
    ///
    /// A commit whose future is dropped is made or not, as a whole.
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Result<Revision, CommitError>>;

    /// Every record whose key begins with the prefix, in the order of the keys, all at one revision.
    ///
    /// # Errors
    ///
    /// When the store can't be read.
    fn range(&self, prefix: &str) -> StoreFuture<'_, Result<Range, StoreError>>;

    /// The commits after a revision, in order, each whole.
    fn watch(&self, after: Revision) -> Box<dyn Watch>;

    /// Puts and deletes observations: small values of which the last one counts and none is missed, in a tree of their own. They make no
    /// revision, stand in no log and no checkpoint, and wake no watch. All of them, or none; durable when it answers.
    ///
    /// # Errors
    ///
    /// When one is over [`MAX_OBSERVATION_BYTES`], or the store can't write.
    ///
    /// # Cancel safety
    ///
    /// They are made or not, as a whole.
    fn observe(&self, changes: Vec<Change>) -> StoreFuture<'_, Result<(), ObserveError>>;

    /// Every observation whose key begins with the prefix, in the order of the keys.
    ///
    /// # Errors
    ///
    /// When the store can't be read.
    fn observed(&self, prefix: &str) -> StoreFuture<'_, Result<Vec<Observation>, StoreError>>;

    /// Forgets the log of commits up to a revision. Records stay.
    ///
    /// # Errors
    ///
    /// When the store can't write.
    fn compact(&self, up_to: Revision) -> StoreFuture<'_, Result<(), StoreError>>;
}

/// A place in the sequence of commits.
pub trait Watch: fmt::Debug + Send {
    /// The next commit, when it is durable.
    ///
    /// # Errors
    ///
    /// When the log no longer holds it, or the store has stopped.
    ///
    /// # Cancel safety
    ///
    /// No commit is lost when the future is dropped.
    fn next(&mut self) -> StoreFuture<'_, Result<Arc<Committed>, WatchError>>;
}

/// Which store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Made with the store.
    pub store_id: StoreId,
    /// Made with the store, anew by every restore.
    pub epoch: Epoch,
}

/// Changes to be made together.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// What has to hold, compared on revisions.
    pub preconditions: Vec<Precondition>,
    /// What changes; a key stands in it at most once.
    pub changes: Vec<Change>,
}

/// One key's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, `spec/projects/p` and its like.
    pub key: Arc<str>,
    /// The new value; `None` deletes. Deleting what is not there is no error.
    pub value: Option<Bytes>,
}

/// What has to hold for a commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// The key has a record.
    Exists(Arc<str>),
    /// The key has none.
    Absent(Arc<str>),
    /// The key's record was last changed by this revision.
    Unchanged(Arc<str>, Revision),
    /// No key with the prefix was put or deleted after this revision.
    PrefixUnchanged(Arc<str>, Revision),
}

/// A commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its number.
    pub revision: Revision,
    /// When it was made, by the wall clock: for people, not for order.
    pub time: SystemTime,
    /// What changed, in the order of the commit.
    pub changes: Vec<Change>,
}

/// One key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: Arc<str>,
    /// The commit that last changed it.
    pub revision: Revision,
    /// The value.
    pub value: Bytes,
}

/// What was observed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: Bytes,
}

/// Records at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The revision that they were read at.
    pub revision: Revision,
    /// The records, in the order of their keys.
    pub records: Vec<Record>,
}

/// Why a commit was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition does not hold.
    #[error("the precondition {precondition:?} does not hold")]
    Precondition {
        /// The first one that does not.
        precondition: Precondition,
        /// The revision that last changed its key; `None` where there is no record, or for a prefix.
        current: Option<Revision>,
    },
    /// A value is over [`MAX_VALUE_BYTES`].
    #[error("the record {key} has {bytes} bytes, more than {MAX_VALUE_BYTES}")]
    TooLarge {
        /// Its key.
        key: Arc<str>,
        /// Its size.
        bytes: usize,
    },
    /// The disk is full. Reads go on.
    #[error("the disk of the data directory is full; free some space, then try again")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most bytes that one value may have.
pub const MAX_VALUE_BYTES: usize = 60 * 1024;

/// Why observations were not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    /// One is over [`MAX_OBSERVATION_BYTES`].
    #[error("the observation {key} has {bytes} bytes, more than {MAX_OBSERVATION_BYTES}")]
    TooLarge {
        /// Its key.
        key: Arc<str>,
        /// Its size.
        bytes: usize,
    },
    /// The disk is full.
    #[error("the disk of the data directory is full; free some space")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most bytes that one observation may have.
pub const MAX_OBSERVATION_BYTES: usize = 4096;

/// Why the store could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store has stopped, or is stopping.
    #[error("the store has stopped")]
    Stopped,
    /// It could not be opened.
    #[error("the store in {path} can't be opened: {problem}; {remedy}")]
    Open {
        /// The data directory.
        path: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// What it holds can't be read.
    #[error("the store's record {key} can't be read: {problem}")]
    Corrupt {
        /// The record's key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Why a watch can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The log was compacted past the watch's place: read everything anew.
    #[error("the log no longer holds the commit after revision {0}")]
    Compacted(Revision),
    /// The store has stopped.
    #[error("the store has stopped")]
    Stopped,
}

fn refuse_large_observations(changes: &[Change]) -> Result<(), ObserveError> {
    for change in changes {
        let bytes = change.value.as_ref().map_or(0, Bytes::len);
        if bytes > MAX_OBSERVATION_BYTES {
            return Err(ObserveError::TooLarge { key: Arc::clone(&change.key), bytes });
        }
    }
    Ok(())
}
