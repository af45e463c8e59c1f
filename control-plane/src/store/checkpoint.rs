//! Checkpoints: the whole store at one revision as one portable file, which any kind of store can be made of.
//!
//! ```text
//! "keyplane checkpoint 1\n" ‖ delimited Header ‖ delimited Entry … ‖ BLAKE3 of all before, 32 bytes
//! ```
//!
//! A file has its final name only when it is whole and synced. Values are as the store has them: secrets in them are sealed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use prost::Message;
use shared::revision::{Epoch, Revision, StoreId};

use super::{Identity, Record, StoreError, record};

const MAGIC: &[u8] = b"keyplane checkpoint 1\n";
const HASH_BYTES: usize = 32;
const SUFFIX: &str = "checkpoint";
const TEMPORARY: &str = "tmp";
const KEPT: usize = 3;

/// A store at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which store it is of.
    pub identity: Identity,
    /// The last commit that is in it.
    pub revision: Revision,
    /// Every record, in the order of the keys.
    pub records: Vec<Record>,
}

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("the checkpoint {path} can't be written or read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no checkpoint, or was changed or cut since it was written.
    #[error("{path} is no whole checkpoint: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The disk is too full for another checkpoint.
    #[error("the disk of the data directory is full; free some space, then try again")]
    Full,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(bytes = "vec", tag = "1")]
    store_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    epoch: Vec<u8>,
    #[prost(uint64, tag = "3")]
    revision: u64,
    #[prost(uint64, tag = "4")]
    records: u64,
    #[prost(uint64, tag = "5")]
    time_micros: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(uint64, tag = "2")]
    revision: u64,
    #[prost(bytes = "bytes", tag = "3")]
    value: Bytes,
}

/// Writes a checkpoint into the folder and removes all but the newest three.
///
/// # Errors
///
/// When the file system refuses; nothing that was there is lost then.
pub(super) fn write(folder: &Path, checkpoint: &Checkpoint, now: SystemTime) -> Result<PathBuf, CheckpointError> {
    // Zero-padded, so that the order of the names is the order of the revisions.
    let path = folder.join(format!("{:020}.{SUFFIX}", checkpoint.revision.0));
    let temporary = path.with_extension(TEMPORARY);
    remove_attempts(folder);
    let written = write_file(&temporary, checkpoint, now)
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| File::open(folder)?.sync_all());
    match written {
        Ok(()) => {
            remove_old(folder);
            Ok(path)
        }
        Err(source) => {
            // What is left of the attempt would only take space; the next attempt overwrites it where this fails.
            let _ = fs::remove_file(&temporary);
            Err(CheckpointError::File { path, source })
        }
    }
}

/// Reads a checkpoint and proves that it is whole.
///
/// # Errors
///
/// When the file can't be read, or is not what was written.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let bytes = fs::read(path).map_err(|source| CheckpointError::File { path: path.to_owned(), source })?;
    parse(bytes.into()).map_err(|problem| CheckpointError::Damaged { path: path.to_owned(), problem })
}

/// The newest checkpoint of the folder, if there is one.
#[must_use]
pub fn newest(folder: &Path) -> Option<PathBuf> {
    list(folder, SUFFIX).pop()
}

/// The folder's checkpoints that were made after a revision, the oldest first.
pub(super) fn after(folder: &Path, revision: Revision) -> Vec<PathBuf> {
    let mut paths = list(folder, SUFFIX);
    paths.retain(|path| revision_of(path).is_some_and(|its| its > revision));
    paths
}

/// The revision that a checkpoint's name says.
pub(super) fn revision_of(path: &Path) -> Option<Revision> {
    path.file_stem()?.to_str()?.parse().ok().map(Revision)
}

fn write_file(path: &Path, checkpoint: &Checkpoint, now: SystemTime) -> io::Result<()> {
    let created = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut file = HashingWriter { inner: BufWriter::new(created), hasher: blake3::Hasher::new() };
    file.write_all(MAGIC)?;
    let header = Header {
        store_id: checkpoint.identity.store_id.0.to_vec(),
        epoch: checkpoint.identity.epoch.0.to_vec(),
        revision: checkpoint.revision.0,
        records: checkpoint.records.len() as u64,
        time_micros: record::micros(now),
    };
    file.write_all(&header.encode_length_delimited_to_vec())?;
    for record in &checkpoint.records {
        let entry = Entry { key: record.key.to_string(), revision: record.revision.0, value: record.value.clone() };
        file.write_all(&entry.encode_length_delimited_to_vec())?;
    }
    let hash = file.hasher.finalize();
    file.inner.write_all(hash.as_bytes())?;
    file.inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn parse(mut bytes: Bytes) -> Result<Checkpoint, &'static str> {
    let Some(body) = bytes.len().checked_sub(HASH_BYTES) else { return Err("it is too short") };
    let hash = bytes.split_off(body);
    if !bytes.starts_with(MAGIC) {
        return Err("it does not begin as a checkpoint does");
    }
    if hash != blake3::hash(&bytes).as_bytes()[..] {
        return Err("its hash is not that of its content: it was cut or changed");
    }
    bytes.advance(MAGIC.len());
    let header = Header::decode_length_delimited(&mut bytes).map_err(|_| "its header can't be read")?;
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let entry = Entry::decode_length_delimited(&mut bytes).map_err(|_| "a record of it can't be read")?;
        records.push(Record { key: Arc::from(entry.key), revision: Revision(entry.revision), value: entry.value });
    }
    if records.len() as u64 != header.records {
        return Err("it has more or fewer records than it says");
    }
    let identity = Identity {
        store_id: StoreId(header.store_id.try_into().map_err(|_| "its store id is none")?),
        epoch: Epoch(header.epoch.try_into().map_err(|_| "its epoch is none")?),
    };
    Ok(Checkpoint { identity, revision: Revision(header.revision), records })
}

/// The folder's files with an extension, the oldest first.
fn list(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == suffix))
        .collect();
    paths.sort();
    paths
}

fn remove_old(folder: &Path) {
    let mut paths = list(folder, SUFFIX);
    paths.truncate(paths.len().saturating_sub(KEPT));
    remove(&paths);
}

/// What a process that was killed left half written.
fn remove_attempts(folder: &Path) {
    remove(&list(folder, TEMPORARY));
}

fn remove(paths: &[PathBuf]) {
    for path in paths {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "an old checkpoint can't be removed");
        }
    }
}

struct HashingWriter {
    inner: BufWriter<File>,
    hasher: blake3::Hasher,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(revision: u64) -> Checkpoint {
        let record = |key: &str| Record { key: key.into(), revision: Revision(2), value: Bytes::from(vec![9; 300]) };
        Checkpoint {
            identity: Identity { store_id: StoreId([1; 16]), epoch: Epoch([2; 16]) },
            revision: Revision(revision),
            records: vec![record("spec/a"), record("spec/b")],
        }
    }

    #[test]
    fn a_checkpoint_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &checkpoint(7), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(read(&path).unwrap(), checkpoint(7));
    }

    #[test]
    fn the_newest_three_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("00000000000000000005.tmp"), "half").unwrap();
        for revision in [9, 10, 100, 101] {
            write(folder.path(), &checkpoint(revision), SystemTime::UNIX_EPOCH).unwrap();
        }
        let kept: Vec<_> =
            after(folder.path(), Revision(0)).iter().map(|path| read(path).unwrap().revision.0).collect();
        assert_eq!(kept, [10, 100, 101]);
        assert_eq!(after(folder.path(), Revision(100)), [newest(folder.path()).unwrap()]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "half a checkpoint is cleared away");
        assert_eq!(read(&newest(folder.path()).unwrap()).unwrap().revision, Revision(101));
    }

    #[test]
    fn every_flip_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &checkpoint(7), SystemTime::UNIX_EPOCH).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(parse(flipped.into()).is_err(), "flip at {at}");
            assert!(parse(Bytes::copy_from_slice(&whole[..at])).is_err(), "cut at {at}");
        }
    }
}
