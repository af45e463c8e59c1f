//! Opening the store of a data directory, and saying what to do where that fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use shared::revision::{Epoch, Revision, StoreId};
use sled::Db;

use super::Options;
use super::disk;
use super::folder::Folder;
use super::log::Extent;
use super::witness::{self, Testimony, Witness};
use crate::store::{Identity, StoreError, key, record};

/// How long sled's threads may hold its file after the store that had it before was closed.
const RELEASE_TRIES: u32 = 500;
const RELEASE_DELAY: Duration = Duration::from_millis(10);

/// A store, open, with all that its thread needs.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) db: Db,
    pub(super) identity: Identity,
    pub(super) head: Revision,
    pub(super) extent: Extent,
    pub(super) witness: Witness,
    pub(super) folder: Folder,
    pub(super) lock: File,
}

/// Opens the store, or makes one where there is none.
pub(super) fn open(path: &Path, options: Options) -> Result<Opened, StoreError> {
    let folder = Folder::create(path)?;
    let lock = lock(&folder)?;
    disk::free_ballast_if_full(&folder);
    let db = open_or_repair(&folder, options)?;
    let testimony = witness::read(&folder);
    let identity = match read_identity(&db, &folder)? {
        Some(identity) => identity,
        None => make_identity(&db, &folder, testimony.as_ref())?,
    };
    let head = read_head(&db, &folder)?;
    refuse_missing_commits(&folder, identity, head, testimony.as_ref())?;
    let check_disk = |error: io::Error| folder.refusal(&error, "check the disk and the permissions");
    folder.sync().map_err(check_disk)?;
    let witness = Witness::open(&folder, identity.epoch).map_err(check_disk)?;
    let extent = Extent::of(&db, head).map_err(|error| folder.damaged(&error))?;
    disk::fill_ballast(&folder);
    Ok(Opened { db, identity, head, extent, witness, folder, lock })
}

/// Takes the directory for this process, until the file is closed.
pub(super) fn lock(folder: &Folder) -> Result<File, StoreError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(folder.lock()).map_err(|error| {
        folder.refusal(&error, "check that the directory may be written to, and that its disk is not full")
    })?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(folder.refusal(
            &"another control plane uses it",
            "stop that one, or give this one another --data-dir: one directory serves one control plane",
        )),
        Err(error) => Err(folder.refusal(&error, "use a file system with locks: a local one")),
    }
}

/// Opens sled, and once more without its snapshots, which only save time and of which a damaged one keeps it from opening.
pub(super) fn open_or_repair(folder: &Folder, options: Options) -> Result<Db, StoreError> {
    let first = match open_sled(folder, options) {
        Ok(db) => return Ok(db),
        Err(error) => error,
    };
    tracing::warn!(error = %first, path = %folder.root().display(), "the store does not open: trying without snapshots");
    remove_snapshots(folder).map_err(|error| folder.damaged(&error))?;
    open_sled(folder, options).map_err(|error| {
        if is_full(&error) {
            return folder.refusal(&"its disk is full", "free some space, then start again");
        }
        folder.damaged(&error)
    })
}

fn open_sled(folder: &Folder, options: Options) -> Result<Db, sled::Error> {
    wait_for_release(&folder.database())?;
    let config = sled::Config::new()
        .path(folder.sled())
        .mode(sled::Mode::LowSpace)
        .cache_capacity(options.cache_bytes)
        // Its own thread cleans the file up; what is durable does not depend on it.
        .flush_every_ms(Some(500));
    // sled asserts what a damaged file breaks. Nothing of it is left after an unwind but its file's lock, for a moment.
    catch_unwind(AssertUnwindSafe(|| config.open()))
        .unwrap_or_else(|_| Err(sled::Error::ReportableBug("it panicked over its files".to_owned())))
}

/// Waits until no thread of an earlier store in this process holds sled's file: other processes are kept out by our own lock.
fn wait_for_release(database: &Path) -> io::Result<()> {
    let file = match File::open(database) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for _ in 0..RELEASE_TRIES {
        if flock(&file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK) {
            break;
        }
        thread::sleep(RELEASE_DELAY);
    }
    Ok(())
}

fn remove_snapshots(folder: &Folder) -> io::Result<()> {
    for entry in fs::read_dir(folder.sled())? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"snap.") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_full(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull)
}

fn read_identity(db: &Db, folder: &Folder) -> Result<Option<Identity>, StoreError> {
    let Some(bytes) = db.get(key::IDENTITY).map_err(|error| folder.damaged(&error))? else { return Ok(None) };
    match record::parse_identity(&bytes) {
        Some(identity) => Ok(Some(identity)),
        None => Err(folder.damaged(&"its identity can't be read")),
    }
}

fn make_identity(db: &Db, folder: &Folder, testimony: Option<&Testimony>) -> Result<Identity, StoreError> {
    // A store that sled finds empty, though commits were made, has been damaged or taken away.
    if testimony.is_some() || !db.is_empty() {
        return Err(folder.damaged(&"it holds no identity, but it had one"));
    }
    let identity = Identity { store_id: StoreId(shared::id::random()), epoch: new_epoch() };
    let make = || -> Result<(), sled::Error> {
        db.insert(key::IDENTITY, record::identity_bytes(identity))?;
        db.flush()?;
        Ok(())
    };
    make().map_err(|error| folder.refusal(&error, "check the disk and its free space"))?;
    Ok(identity)
}

/// An epoch that never was.
pub(super) fn new_epoch() -> Epoch {
    Epoch(shared::id::random())
}

fn read_head(db: &Db, folder: &Folder) -> Result<Revision, StoreError> {
    let Some(bytes) = db.get(key::HEAD).map_err(|error| folder.damaged(&error))? else { return Ok(Revision(0)) };
    let head = bytes.as_ref().try_into().map_err(|_| folder.damaged(&"its head can't be read"))?;
    Ok(Revision(u64::from_be_bytes(head)))
}

fn refuse_missing_commits(
    folder: &Folder,
    identity: Identity,
    head: Revision,
    testimony: Option<&Testimony>,
) -> Result<(), StoreError> {
    match testimony {
        Some(testimony) if testimony.epoch == identity.epoch && testimony.head > head => {
            let problem = format!(
                "its files are damaged: it ends at revision {head}, but revision {} was answered",
                testimony.head
            );
            Err(folder.damaged(&problem))
        }
        _ => Ok(()),
    }
}
