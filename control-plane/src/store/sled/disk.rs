//! The disk: syncing, and how much space is left.

use std::cell::Cell;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs, statvfs};
use rustix::io::Errno;

use super::folder::Folder;

/// Below so much free space no commit is made, so that sled, which can't bear a full disk, never sees one.
pub(super) const WATERMARK_BYTES: u64 = 4 << 20;

/// How much space is held back to open the store with. Freed, it must not lift the disk over the watermark.
const BALLAST_BYTES: u64 = 4 << 20;

/// How much space is reserved behind the end of sled's file. sled moves pages there without being asked, and a write of its own that fails
/// takes reads away too.
const RESERVE_BYTES: u64 = 4 << 20;

/// How much more is reserved at once, so that few batches have to.
const RESERVE_STEP_BYTES: u64 = 1 << 20;

/// How many bytes sled may write for each byte of a batch: the record, the log, and the pages around them.
const AMPLIFICATION: u64 = 8;

/// What the store needs of the disk; a test injects faults here.
pub(super) trait Disk: fmt::Debug + Send {
    /// Waits until all that sled wrote is on the disk.
    fn sync(&self) -> io::Result<()>;

    /// How much space is left.
    fn available_bytes(&self) -> io::Result<u64>;

    /// Reserves space for what sled writes of itself.
    fn reserve(&self) -> io::Result<()>;
}

/// Whether a batch of so many bytes fits above the watermark.
pub(super) fn has_room(disk: &dyn Disk, batch_bytes: usize) -> bool {
    let needed = WATERMARK_BYTES + AMPLIFICATION * batch_bytes as u64;
    match disk.reserve().and_then(|()| disk.available_bytes()) {
        Ok(available) => available >= needed,
        Err(error) if error.kind() == io::ErrorKind::StorageFull => false,
        Err(error) => {
            // Some network file systems can't tell. Writing on is right there; a disk that is full all the same fails the sync.
            tracing::debug!(%error, "the free space of the data directory is unknown");
            true
        }
    }
}

/// The data directory's disk.
#[derive(Debug)]
pub(super) struct LocalDisk {
    /// A second descriptor of sled's file. The kernel reports a failed write-back once to each descriptor, so what sled's own one swallows
    /// is still reported here.
    database: File,
    /// The file's length when space was last reserved, and where that ends.
    reserved: Cell<(u64, u64)>,
}

impl LocalDisk {
    pub(super) fn open(folder: &Folder) -> io::Result<Self> {
        let database = OpenOptions::new().read(true).write(true).open(folder.database())?;
        let disk = Self { database, reserved: Cell::new((0, 0)) };
        if let Err(error) = disk.reserve() {
            // A full disk: reads are served, and the next commit tries again.
            tracing::warn!(%error, "no space is reserved for the store");
        }
        Ok(disk)
    }
}

impl Disk for LocalDisk {
    fn sync(&self) -> io::Result<()> {
        // `fdatasync`: the data, and the file's length with it.
        self.database.sync_data()
    }

    fn available_bytes(&self) -> io::Result<u64> {
        let status = fstatvfs(&self.database)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    fn reserve(&self) -> io::Result<()> {
        let length = self.database.metadata()?.len();
        let (length_then, end) = self.reserved.get();
        // Where sled cut its file, the reserve went with the end.
        if length >= length_then && end >= length + RESERVE_BYTES {
            return Ok(());
        }
        let bytes = RESERVE_BYTES + RESERVE_STEP_BYTES;
        match fallocate(&self.database, FallocateFlags::KEEP_SIZE, length, bytes) {
            // A file system that can't reserve is left with the watermark.
            Ok(()) | Err(Errno::OPNOTSUPP) => {
                self.reserved.set((length, length + bytes));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Frees the ballast when the disk is full, since sled writes when it opens and when it closes.
pub(super) fn free_ballast_if_full(folder: &Folder) {
    if available(folder.root()).is_ok_and(|available| available < WATERMARK_BYTES)
        && let Ok(()) = fs::remove_file(folder.ballast())
    {
        tracing::warn!(path = %folder.root().display(), "the disk is full: the ballast was freed");
    }
}

/// Puts the ballast where it is missing, as long as there is space enough.
pub(super) fn fill_ballast(folder: &Folder) {
    let path = folder.ballast();
    if path.metadata().is_ok_and(|metadata| metadata.len() == BALLAST_BYTES) {
        return;
    }
    let has_space = available(folder.root()).is_ok_and(|available| available >= 2 * WATERMARK_BYTES + BALLAST_BYTES);
    if has_space && let Err(error) = allocate(&path) {
        tracing::warn!(%error, path = %path.display(), "no ballast: a full disk may keep the store from opening");
        // A part of a ballast is none.
        let _ = fs::remove_file(path);
    }
}

fn allocate(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, BALLAST_BYTES)?;
    file.sync_all()
}

fn available(path: &Path) -> io::Result<u64> {
    let status = statvfs(path)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}
