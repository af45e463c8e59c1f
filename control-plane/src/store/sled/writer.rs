//! The store's thread: the one that touches sled.

mod checkpoints;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

use shared::revision::Revision;
use sled::Db;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch as signal};

use super::batch::Batch;
use super::collect::{Asker, Collection};
use super::disk::{self, Disk};
use super::folder::Folder;
use super::log::{self, Extent};
use super::open::Opened;
use super::tail::Tail;
use super::witness::Witness;
use super::{Options, scan};
use crate::store::checkpoint;
use crate::store::{
    Change, Commit, CommitError, Committed, Identity, Observation, ObserveError, Range, StoreError, WatchError, key,
};

/// How much one batch takes at the most: a sync is worth sharing, but not waiting for forever.
const BATCH_COMMITS: usize = 512;
const BATCH_BYTES: usize = 1 << 20;

/// How many forgotten commits an explicit compaction removes from the tree in one batch.
const TRIM_COMMITS: u64 = 1024;

pub(super) type Answer<T> = oneshot::Sender<T>;

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Commit(Commit, Answer<Result<Revision, CommitError>>),
    Range(String, Answer<Result<Range, StoreError>>),
    Log(Revision, Answer<Result<Vec<Arc<Committed>>, WatchError>>),
    Observe(Vec<Change>, Answer<Result<(), ObserveError>>),
    Observed(String, Answer<Result<Vec<Observation>, StoreError>>),
    Compact(Revision, Answer<()>),
    Checkpoint(Asker),
    Close(Answer<()>),
}

type Waiting = (Commit, Answer<Result<Revision, CommitError>>);

/// What the thread has. The order of the fields is the order in which they are let go: the lock is the last.
#[derive(Debug)]
pub(super) struct Writer {
    db: Db,
    disk: Box<dyn Disk>,
    witness: Witness,
    identity: Identity,
    tail: Arc<Tail>,
    moved: signal::Sender<()>,
    extent: Extent,
    options: Options,
    since_checkpoint: u64,
    /// The checkpoint that is collected now.
    collecting: Option<Collection>,
    /// The thread that writes the one before.
    checkpointing: Option<JoinHandle<()>>,
    folder: Folder,
    _lock: File,
}

/// The store can't go on: what is on the disk is not known any more.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("sled failed")]
    Sled(#[from] sled::Error),
    #[error("the store's file can't be synced")]
    Sync(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        disk: Box<dyn Disk>,
        tail: Arc<Tail>,
        moved: signal::Sender<()>,
        options: Options,
    ) -> Self {
        // Counted over restarts: a process that never lives long writes checkpoints too.
        let newest = checkpoint::newest(&opened.folder.checkpoints()).and_then(|path| checkpoint::revision_of(&path));
        let since_checkpoint = opened.head.0.saturating_sub(newest.unwrap_or_default().0);
        Self {
            db: opened.db,
            disk,
            witness: opened.witness,
            identity: opened.identity,
            tail,
            moved,
            extent: opened.extent,
            options,
            since_checkpoint,
            collecting: None,
            checkpointing: None,
            folder: opened.folder,
            _lock: opened.lock,
        }
    }

    /// Serves until the store is closed, let go of, or fails. Whoever still waits then learns that it has stopped.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let closed = match self.serve(&mut requests) {
            Ok(closed) => closed,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    path = %self.folder.root().display(),
                    "the store has stopped: no commit is answered from here on"
                );
                // The tree may have what is not durable.
                self.collecting = None;
                None
            }
        };
        // Before the drop, so that no request waits while sled closes.
        drop(requests);
        self.collect_rest();
        self.finish_checkpoint();
        disk::free_ballast_if_full(&self.folder);
        drop(self);
        if let Some(closed) = closed {
            // Whoever asked may have gone.
            let _ = closed.send(());
        }
    }

    fn serve(&mut self, requests: &mut mpsc::Receiver<Request>) -> Result<Option<Answer<()>>, Failure> {
        let mut next = self.next(requests);
        // An answer may go nowhere, since whoever asked may have gone: that is no error.
        while let Some(request) = next.take() {
            match request {
                Request::Commit(commit, answer) => {
                    let (batch, other) = gather((commit, answer), requests);
                    self.commit(batch)?;
                    next = other;
                }
                Request::Range(prefix, answer) => drop(answer.send(self.range(&prefix))),
                Request::Log(after, answer) => drop(answer.send(self.log(after))),
                Request::Observe(changes, answer) => {
                    let result = self.observe(changes)?;
                    let _ = answer.send(result);
                }
                Request::Observed(prefix, answer) => drop(answer.send(scan::observations(&self.db, &prefix))),
                Request::Compact(up_to, answer) => {
                    self.compact(up_to)?;
                    let _ = answer.send(());
                }
                Request::Checkpoint(answer) => self.checkpoint(Some(answer)),
                Request::Close(answer) => return Ok(Some(answer)),
            }
            if next.is_none() {
                next = self.next(requests);
            }
        }
        Ok(None)
    }

    /// The next request. A checkpoint that is collected goes a little further before each, and on while there is none.
    fn next(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<Request> {
        while self.collecting.is_some() {
            self.collect_some();
            match requests.try_recv() {
                Ok(request) => return Some(request),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return None,
            }
        }
        requests.blocking_recv()
    }

    fn commit(&mut self, waiting: Vec<Waiting>) -> Result<(), Failure> {
        let bytes = waiting.iter().map(|(commit, _)| size(commit)).sum();
        if !disk::has_room(&*self.disk, bytes) {
            for (_, answer) in waiting {
                let _ = answer.send(Err(CommitError::Full));
            }
            return Ok(());
        }
        let mut batch = Batch::new(&self.db, &self.tail, self.extent, SystemTime::now());
        // Answers wait for the sync, refusals too: they were judged by commits that are not durable before.
        let answers: Vec<_> = waiting.into_iter().map(|(commit, answer)| (answer, batch.add(commit))).collect();
        let Batch { made, mut writes, .. } = batch;
        if let Some(last) = made.last() {
            let head = last.revision;
            writes.insert(key::HEAD, &head.0.to_be_bytes());
            self.forget_old(head, &mut writes, made.len() as u64)?;
            self.make_durable(writes)?;
            if let Err(error) = self.witness.note(head) {
                tracing::warn!(%error, %head, "the head can't be noted beside the store");
            }
            self.publish(made);
        }
        for (answer, result) in answers {
            let _ = answer.send(result);
        }
        let is_due = self.since_checkpoint >= self.options.checkpoint_every;
        if is_due && self.collecting.is_none() && self.checkpointing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.checkpoint(None);
        }
        Ok(())
    }

    /// Beside the commits: no revision, no log, nobody is woken.
    fn observe(&mut self, changes: Vec<Change>) -> Result<Result<(), ObserveError>, Failure> {
        if !disk::has_room(&*self.disk, size_of(&changes)) {
            return Ok(Err(ObserveError::Full));
        }
        let mut writes = sled::Batch::default();
        for Change { key, value } in changes {
            match value {
                Some(value) => writes.insert(key::observation(&key), &*value),
                None => writes.remove(key::observation(&key)),
            }
        }
        self.make_durable(writes)?;
        Ok(Ok(()))
    }

    /// Keeps the log at its length: as a part of the batch, so that it costs no sync.
    fn forget_old(&mut self, head: Revision, writes: &mut sled::Batch, made: u64) -> Result<(), StoreError> {
        let floor = Revision(head.0.saturating_sub(self.options.keep_log));
        self.extent.floor = self.extent.floor.max(floor);
        // Faster than the log grows, so that one that has become too long gets shorter.
        self.extent.trim(&self.db, writes, 2 * made)
    }

    fn make_durable(&self, writes: sled::Batch) -> Result<(), Failure> {
        self.db.apply_batch(writes)?;
        // It hands the bytes to the kernel, which sled takes for enough.
        self.db.flush()?;
        self.disk.sync().map_err(Failure::Sync)
    }

    fn publish(&mut self, made: Vec<Committed>) {
        self.since_checkpoint += made.len() as u64;
        if let Some(collection) = &mut self.collecting {
            made.iter().for_each(|commit| collection.follow(commit));
        }
        self.tail.extend(made);
        self.moved.send_replace(());
    }

    fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        Ok(Range { revision: self.tail.head(), records: scan::records(&self.db, prefix)? })
    }

    fn log(&self, after: Revision) -> Result<Vec<Arc<Committed>>, WatchError> {
        if after < self.extent.floor {
            return Err(WatchError::Compacted(after));
        }
        log::read(&self.db, after, self.tail.head()).map_err(|error| {
            tracing::error!(%error, "the log of commits can't be read: a watch has to read everything anew");
            WatchError::Compacted(after)
        })
    }

    fn compact(&mut self, up_to: Revision) -> Result<(), Failure> {
        self.extent.floor = self.extent.floor.max(up_to.min(self.tail.head()));
        self.tail.forget(self.extent.floor);
        // On a full disk the tree is trimmed later, by the commits that then go on.
        while self.extent.trimmed < self.extent.floor && disk::has_room(&*self.disk, 0) {
            let mut writes = sled::Batch::default();
            self.extent.trim(&self.db, &mut writes, TRIM_COMMITS)?;
            self.make_durable(writes)?;
        }
        Ok(())
    }
}

/// The commits that wait already, and what came after them that is none.
fn gather(first: Waiting, requests: &mut mpsc::Receiver<Request>) -> (Vec<Waiting>, Option<Request>) {
    let mut bytes = size(&first.0);
    let mut batch = vec![first];
    while batch.len() < BATCH_COMMITS && bytes < BATCH_BYTES {
        match requests.try_recv() {
            Ok(Request::Commit(commit, answer)) => {
                bytes += size(&commit);
                batch.push((commit, answer));
            }
            Ok(other) => return (batch, Some(other)),
            // Empty, or nobody is left to ask: the next receive tells.
            Err(_) => break,
        }
    }
    (batch, None)
}

/// About how many bytes a commit has.
fn size(commit: &Commit) -> usize {
    size_of(&commit.changes)
}

fn size_of(changes: &[Change]) -> usize {
    changes.iter().map(|change| change.key.len() + change.value.as_ref().map_or(0, bytes::Bytes::len)).sum()
}
