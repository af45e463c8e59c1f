//! Making a store of a checkpoint: the same store id, a new epoch.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use shared::revision::Revision;
use sled::{Batch, Db};

use super::folder::Folder;
use super::{Options, open};
use crate::store::checkpoint::{self, Checkpoint, CheckpointError};
use crate::store::{Identity, StoreError, key, record};

/// How many bytes one batch has, so that neither memory nor sled's pages grow with the checkpoint.
const BATCH_BYTES: usize = 256 << 10;

/// Why a checkpoint was not restored. The data directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The checkpoint can't be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The data directory can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The new store can't be written.
    #[error("the restored store can't be written")]
    Sled(#[from] sled::Error),
    /// The file system refused.
    #[error("the restored store can't be put in its place")]
    File(#[from] io::Error),
}

/// Makes a data directory's store anew from a checkpoint and gives its identity and revision. A store that was there is not deleted but
/// renamed to `sled.replaced-<n>`.
///
/// # Errors
///
/// When the checkpoint is not whole, a control plane uses the directory, or the disk refuses.
pub fn restore(from: &Path, data_dir: &Path) -> Result<(Identity, Revision), RestoreError> {
    let checkpoint = checkpoint::read(from)?;
    let folder = Folder::create(data_dir)?;
    let _lock = open::lock(&folder)?;
    // Proxies compare revisions inside one epoch only: what was committed after the checkpoint must not be taken for what comes now.
    let identity = Identity { epoch: open::new_epoch(), ..checkpoint.identity };
    let workshop = data_dir.join("restoring");
    remove_if_there(&workshop)?;
    build(&workshop, &checkpoint, identity)?;
    if folder.sled().exists() {
        fs::rename(folder.sled(), unused_name(data_dir))?;
    }
    fs::rename(workshop.join("sled"), folder.sled())?;
    // Without it a start could take the store for one whose commits were lost.
    remove_file_if_there(&folder.head())?;
    folder.sync()?;
    remove_if_there(&workshop)?;
    Ok((identity, checkpoint.revision))
}

/// Writes the store into a directory of its own, so that an attempt that was cut leaves the real one alone.
fn build(workshop: &Path, checkpoint: &Checkpoint, identity: Identity) -> Result<(), RestoreError> {
    let folder = Folder::create(workshop)?;
    let db = open::open_or_repair(&folder, Options::default())?;
    let mut batch = Batch::default();
    let mut bytes = 0;
    for record in &checkpoint.records {
        for (part, value) in (0..).zip(record::record_parts(record.revision, &record.value)) {
            bytes += value.len();
            batch.insert(key::record(&record.key, part), value);
        }
        if bytes >= BATCH_BYTES {
            bytes = 0;
            apply(&db, std::mem::take(&mut batch))?;
        }
    }
    batch.insert(key::HEAD, &checkpoint.revision.0.to_be_bytes());
    batch.insert(key::IDENTITY, Bytes::from(record::identity_bytes(identity)).as_ref());
    apply(&db, batch)?;
    drop(db);
    File::open(folder.database())?.sync_all()?;
    folder.sync()?;
    Ok(())
}

fn apply(db: &Db, batch: Batch) -> Result<(), sled::Error> {
    db.apply_batch(batch)?;
    db.flush()?;
    Ok(())
}

fn unused_name(data_dir: &Path) -> PathBuf {
    (1_u32..)
        .map(|n| data_dir.join(format!("sled.replaced-{n}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| data_dir.join("sled.replaced"))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_file_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
