//! Opening the store of a data directory, and saying what to do where that fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
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
use super::make::Made;
use super::witness::{self, Testimony, Witness};
use crate::store::{Identity, StoreError, key, record};

/// How often a lock that is held is tried: ours, which tells whether another process is there; sled's, which its threads may hold for a
/// while after an earlier store in this process was closed.
const LOCK_TRIES: u32 = 50;
const RELEASE_TRIES: u32 = 500;
const LOCK_DELAY: Duration = Duration::from_millis(10);

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
    let testimony = witness::read(&folder);
    if !folder.sled().exists() {
        make(&folder, testimony.as_ref())?;
    }
    let db = open_or_repair(&folder, options)?;
    let identity = read_identity(&db, &folder)?;
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
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.lock()).map_err(
        |error| folder.refusal(&error, "check that the directory may be written to, and that its disk is not full"),
    )?;
    match flock_soon(&file, LOCK_TRIES) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(folder.refusal(
            &"another control plane uses it",
            "stop that one, or give this one another --data-dir: one directory serves one control plane",
        )),
        Err(error) => Err(folder.refusal(&error, "use a file system with locks: a local one")),
    }
}

/// Locks the file, and waits a little for whoever has it: a process that was killed holds its locks until the kernel is done with it.
fn flock_soon(file: &File, tries: u32) -> Result<(), Errno> {
    for _ in 1..tries {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::sleep(LOCK_DELAY),
            done => return done,
        }
    }
    flock(file, FlockOperation::NonBlockingLockExclusive)
}

/// Opens sled, and once more without its snapshots, which only save time and of which a damaged one keeps it from opening.
pub(super) fn open_or_repair(folder: &Folder, options: Options) -> Result<Db, StoreError> {
    let full = || folder.refusal(&"its disk is full", "free some space, then start again");
    let first = match open_sled(folder, options) {
        Ok(db) => return Ok(db),
        // Without its snapshot it would have to write a new one.
        Err(error) if is_full(&error) => return Err(full()),
        Err(error) => error,
    };
    tracing::warn!(error = %first, path = %folder.root().display(), "the store does not open: trying without snapshots");
    remove_snapshots(folder).map_err(|error| folder.damaged(&error))?;
    open_sled(folder, options).map_err(|error| if is_full(&error) { full() } else { folder.damaged(&error) })
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
    // Where it is held on, sled says so.
    let _ = flock_soon(&file, RELEASE_TRIES);
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

fn make(folder: &Folder, testimony: Option<&Testimony>) -> Result<(), StoreError> {
    if testimony.is_some() {
        return Err(folder.damaged(&"its folder sled is missing"));
    }
    let identity = Identity { store_id: StoreId(shared::id::random()), epoch: new_epoch() };
    Made::build(folder, identity, Revision(0), &[])
        .and_then(|made| Ok(made.put_in_place(folder)?))
        .map_err(|error| folder.refusal(&error, "check the disk and its free space, then start again"))
}

fn read_identity(db: &Db, folder: &Folder) -> Result<Identity, StoreError> {
    let bytes = db.get(key::IDENTITY).map_err(|error| folder.damaged(&error))?;
    // A store is made with one: sled found less than there was.
    let bytes = bytes.ok_or_else(|| folder.damaged(&"its identity is missing"))?;
    record::parse_identity(&bytes).ok_or_else(|| folder.damaged(&"its identity can't be read"))
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
