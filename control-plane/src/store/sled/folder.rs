//! The data directory: which file stands where.
//!
//! ```text
//! lock                 held by the one process that uses the directory
//! sled/                sled's own files
//! making/              a store that is not whole yet
//! head                 the last commit that was answered
//! ballast              space to open the store with when the disk is full
//! checkpoints/         portable copies
//! replaced-1/          what a restore put aside
//! ```

use std::fmt::Display;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::store::{StoreError, checkpoint};

/// A data directory.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the directory where it is missing, for its owner only.
    pub(super) fn create(root: &Path) -> Result<Self, StoreError> {
        let folder = Self { root: root.to_owned() };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(folder.checkpoints())
            .map_err(|error| folder.refusal(&error, "check that the directory may be written to"))?;
        Ok(folder)
    }

    /// Makes the folder that sled puts its files into, which it would else make for everybody to read.
    pub(super) fn create_sled(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(self.sled())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(super) fn sled(&self) -> PathBuf {
        self.root.join("sled")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.sled().join("db")
    }

    pub(super) fn workshop(&self) -> PathBuf {
        self.root.join("making")
    }

    pub(super) fn head(&self) -> PathBuf {
        self.root.join("head")
    }

    pub(super) fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Syncs what sled leaves unsynced when it makes its files: their content and their names.
    pub(super) fn sync(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.sled())? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(self.sled())?.sync_all()?;
        File::open(&self.root)?.sync_all()
    }

    /// A refusal to open.
    pub(super) fn refusal(&self, problem: &dyn Display, remedy: &str) -> StoreError {
        StoreError::Open {
            path: self.root.display().to_string(),
            problem: problem.to_string(),
            remedy: remedy.to_owned(),
        }
    }

    /// A refusal to open what is damaged: the way back is the newest checkpoint.
    pub(super) fn damaged(&self, problem: &dyn Display) -> StoreError {
        let remedy = match checkpoint::newest(&self.checkpoints()) {
            Some(newest) => format!(
                "to go back to the newest checkpoint: keyplane-control restore --from {} --data-dir {}",
                newest.display(),
                self.root.display()
            ),
            None => "there is no checkpoint: restore the directory from a backup".to_owned(),
        };
        self.refusal(problem, &remedy)
    }
}
