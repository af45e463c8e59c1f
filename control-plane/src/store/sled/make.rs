//! Making a store: in a directory of its own, which gets its name when all is synced. sled can't open what a crash left of its first
//! moments.

use std::fs::{self, File};
use std::io;

use shared::revision::Revision;
use sled::{Batch, Db};

use super::folder::Folder;
use super::{Options, open};
use crate::store::{Identity, Record, StoreError, key, record};

/// How many bytes one batch has, so that neither memory nor sled's pages grow with the store.
const BATCH_BYTES: usize = 256 << 10;

/// Why a store was not made. What was there is as it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sled(#[from] sled::Error),
    #[error(transparent)]
    File(#[from] io::Error),
}

/// A store that is whole, but not yet in its place.
#[derive(Debug)]
pub(super) struct Made {
    workshop: Folder,
}

impl Made {
    /// Writes a store beside the one of the folder, if there is one.
    pub(super) fn build(
        folder: &Folder,
        identity: Identity,
        revision: Revision,
        records: &[Record],
    ) -> Result<Self, MakeError> {
        let path = folder.workshop();
        remove_if_there(&path)?;
        let workshop = Folder::create(&path)?;
        workshop.create_sled()?;
        let db = open::open_or_repair(&workshop, Options::default())?;
        write(&db, identity, revision, records)?;
        drop(db);
        File::open(workshop.database())?.sync_all()?;
        workshop.sync()?;
        Ok(Self { workshop })
    }

    /// Puts it where the folder has none.
    pub(super) fn put_in_place(self, folder: &Folder) -> io::Result<()> {
        fs::rename(self.workshop.sled(), folder.sled())?;
        folder.sync()?;
        remove_if_there(self.workshop.root())
    }
}

fn write(db: &Db, identity: Identity, revision: Revision, records: &[Record]) -> Result<(), sled::Error> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    for record in records {
        for (part, value) in (0..).zip(record::record_parts(record.revision, &record.value)) {
            bytes += value.len();
            batch.insert(key::record(&record.key, part), value);
        }
        if bytes >= BATCH_BYTES {
            bytes = 0;
            db.apply_batch(std::mem::take(&mut batch))?;
            db.flush()?;
        }
    }
    batch.insert(key::HEAD, &revision.0.to_be_bytes());
    batch.insert(key::IDENTITY, record::identity_bytes(identity));
    db.apply_batch(batch)?;
    db.flush()?;
    Ok(())
}

fn remove_if_there(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
