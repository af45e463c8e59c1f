//! Making a store of a checkpoint: the same store id, a new epoch.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use shared::revision::Revision;

use super::folder::Folder;
use super::make::{Made, MakeError};
use super::open;
use crate::store::checkpoint::{self, CheckpointError};
use crate::store::{Identity, StoreError};

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

impl From<MakeError> for RestoreError {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Store(error) => Self::Store(error),
            MakeError::Sled(error) => Self::Sled(error),
            MakeError::File(error) => Self::File(error),
        }
    }
}

/// Makes a data directory's store anew from a checkpoint and gives its identity and revision. A store that was there is not deleted: it
/// goes to `replaced-<n>`, and with it the checkpoints that were made later, which would else be taken for newer than those to come.
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
    let made = Made::build(&folder, identity, checkpoint.revision, &checkpoint.records)?;
    if folder.sled().exists() {
        put_aside(&folder, checkpoint.revision)?;
    }
    // The head that is noted beside the store stays until the next commit. It is of the old epoch: the new store is not measured by it,
    // and where a crash leaves no store here, it keeps the next start from making an empty one.
    made.put_in_place(&folder)?;
    Ok((identity, checkpoint.revision))
}

fn put_aside(folder: &Folder, revision: Revision) -> io::Result<()> {
    let aside = make_unused(folder.root())?;
    for later in checkpoint::after(&folder.checkpoints(), revision) {
        if let Some(name) = later.file_name() {
            fs::rename(&later, aside.join(name))?;
        }
    }
    fs::rename(folder.sled(), aside.join("sled"))
}

fn make_unused(data_dir: &Path) -> io::Result<PathBuf> {
    let mut n = 1;
    loop {
        let path = data_dir.join(format!("replaced-{n}"));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(error) => return Err(error),
        }
    }
}
