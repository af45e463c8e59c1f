//! Checkpoints: collected between batches, written by a thread of their own.

use std::path::PathBuf;
use std::time::SystemTime;

use super::super::collect::{Asker, Collection, Progress};
use super::super::disk;
use super::Writer;
use crate::store::checkpoint::{self, CheckpointError};

impl Writer {
    /// Begins a checkpoint. Whoever asks while one is collected already gets that one, which will be at a later revision.
    pub(super) fn checkpoint(&mut self, asker: Option<Asker>) {
        match &mut self.collecting {
            Some(collection) if collection.asker.is_none() => collection.asker = asker,
            _ => {
                self.collect_rest();
                self.collecting = Some(Collection::new(asker));
            }
        }
    }

    pub(super) fn collect_rest(&mut self) {
        while self.collecting.is_some() {
            self.collect_some();
        }
    }

    /// Reads a little of the checkpoint that is collected; when it is whole, a thread of its own writes it.
    pub(super) fn collect_some(&mut self) {
        let Some(mut collection) = self.collecting.take() else { return };
        let error = match collection.read_slice(&self.db) {
            Ok(Progress::More) => {
                self.collecting = Some(collection);
                return;
            }
            Ok(Progress::Whole) if disk::has_room(&*self.disk, collection.bytes()) => return self.write(collection),
            Ok(Progress::Whole) => CheckpointError::Full,
            Err(error) => error.into(),
        };
        self.since_checkpoint = 0;
        tell(collection.asker, Err(error));
    }

    fn write(&mut self, mut collection: Collection) {
        self.since_checkpoint = 0;
        self.finish_checkpoint();
        disk::fill_ballast(&self.folder);
        let (identity, revision) = (self.identity, self.tail.head());
        let folder = self.folder.checkpoints();
        let write = move || {
            let asker = collection.asker.take();
            let checkpoint = collection.into_checkpoint(identity, revision);
            tell(asker, checkpoint::write(&folder, &checkpoint, SystemTime::now()));
        };
        match std::thread::Builder::new().name("checkpoint".to_owned()).spawn(write) {
            Ok(thread) => self.checkpointing = Some(thread),
            Err(error) => tracing::warn!(%error, "no checkpoint was written: there is no thread for it"),
        }
    }

    pub(super) fn finish_checkpoint(&mut self) {
        if let Some(thread) = self.checkpointing.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that wrote a checkpoint panicked");
        }
    }
}

/// Logs what became of a checkpoint, and answers whoever asked for it.
fn tell(asker: Option<Asker>, written: Result<PathBuf, CheckpointError>) {
    match &written {
        Ok(path) => tracing::info!(path = %path.display(), "a checkpoint was written"),
        Err(error) => tracing::warn!(error = error as &dyn std::error::Error, "no checkpoint was written"),
    }
    if let Some(asker) = asker {
        // It may have gone.
        let _ = asker.send(written);
    }
}
