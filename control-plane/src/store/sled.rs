//! The embedded store, on sled, which runs on a thread of its own.
//!
//! ```text
//! commit ─► bounded channel ─► batch: preconditions, records, log ─► apply_batch ─► flush ─► fdatasync ─► answers
//!                                                                                               └─► tail ─► watches
//! ```
//!
//! Requests that come while the disk syncs wait together and share the next sync. After a failed sync nothing is known of what is on the
//! disk, so the thread ends and everything answers [`StoreError::Stopped`]: no answer is ever given for what may be lost.

mod batch;
mod collect;
mod disk;
mod folder;
mod log;
mod make;
mod open;
mod restore;
mod scan;
mod tail;
mod watch;
mod witness;
mod writer;

pub use restore::{RestoreError, restore};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::revision::Revision;
use tokio::sync::{mpsc, oneshot, watch as signal};

use self::disk::Disk;
use self::tail::Tail;
use self::watch::SledWatch;
use self::writer::{Request, Writer};
use super::checkpoint::CheckpointError;
use super::{
    Change, Commit, CommitError, Identity, MAX_VALUE_BYTES, Observation, ObserveError, Range, Store, StoreError,
    StoreFuture, Watch, refuse_large_observations,
};

/// How many requests may wait for the store's thread.
const QUEUE: usize = 1024;

/// What can be set about a store.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// A checkpoint is written after so many commits.
    pub checkpoint_every: u64,
    /// How many commits the log keeps.
    pub keep_log: u64,
    /// How many bytes of pages sled may cache. Readers use the view, so this serves preconditions only.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { checkpoint_every: 10_000, keep_log: 100_000, cache_bytes: 64 << 20 }
    }
}

/// The store in a data directory of this machine, for one control plane.
#[derive(Debug)]
pub struct SledStore {
    identity: Identity,
    tail: Arc<Tail>,
    requests: mpsc::Sender<Request>,
    moved: signal::Receiver<()>,
}

impl SledStore {
    /// Opens the store of a data directory, or makes one where there is none. It blocks: for the start only.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`], when another process uses the directory, the disk is full or refuses, the files are damaged, or commits that
    /// were answered are not in them. It says what to do.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let opened = open::open(path, options)?;
        let disk = disk::LocalDisk::open(&opened.folder)
            .map_err(|error| opened.folder.refusal(&error, "check the disk and the permissions"))?;
        Self::start(opened, Box::new(disk), options)
    }

    fn start(opened: open::Opened, disk: Box<dyn Disk>, options: Options) -> Result<Self, StoreError> {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (moved, moves) = signal::channel(());
        let tail = Arc::new(Tail::new(opened.head));
        let identity = opened.identity;
        let folder = opened.folder.clone();
        let writer = Writer::new(opened, disk, Arc::clone(&tail), moved, options);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(|error| folder.refusal(&error, "let the process have more threads"))?;
        Ok(Self { identity, tail, requests, moved: moves })
    }

    /// Writes a checkpoint now and gives its path.
    ///
    /// # Errors
    ///
    /// When the disk is full or refuses, or the store has stopped.
    pub async fn checkpoint(&self) -> Result<PathBuf, CheckpointError> {
        self.ask(Request::Checkpoint).await?
    }

    /// Ends when the store has stopped: closed, or by itself after a failed write. The process should end then, and start again.
    pub async fn stopped(&self) {
        let mut moved = self.moved.clone();
        while moved.changed().await.is_ok() {}
    }

    /// Ends the store's thread after what was asked before, and lets the data directory go. Later calls answer [`StoreError::Stopped`].
    pub async fn close(&self) {
        // A store that has stopped by itself is closed.
        let _ = self.ask(Request::Close).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)
    }
}

impl Store for SledStore {
    fn identity(&self) -> Identity {
        self.identity
    }

    fn head(&self) -> Revision {
        self.tail.head()
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            refuse_large_values(&commit)?;
            self.ask(|answer| Request::Commit(commit, answer)).await?
        })
    }

    fn range(&self, prefix: &str) -> StoreFuture<'_, Result<Range, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(async move { self.ask(|answer| Request::Range(prefix, answer)).await? })
    }

    fn watch(&self, after: Revision) -> Box<dyn Watch> {
        Box::new(SledWatch::new(after, Arc::clone(&self.tail), self.moved.clone(), self.requests.downgrade()))
    }

    fn observe(&self, changes: Vec<Change>) -> StoreFuture<'_, Result<(), ObserveError>> {
        Box::pin(async move {
            refuse_large_observations(&changes)?;
            self.ask(|answer| Request::Observe(changes, answer)).await?
        })
    }

    fn observed(&self, prefix: &str) -> StoreFuture<'_, Result<Vec<Observation>, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(async move { self.ask(|answer| Request::Observed(prefix, answer)).await? })
    }

    fn compact(&self, up_to: Revision) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(self.ask(move |answer| Request::Compact(up_to, answer)))
    }
}

fn refuse_large_values(commit: &Commit) -> Result<(), CommitError> {
    for change in &commit.changes {
        let bytes = change.value.as_ref().map_or(0, bytes::Bytes::len);
        if bytes > MAX_VALUE_BYTES {
            return Err(CommitError::TooLarge { key: Arc::clone(&change.key), bytes });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
