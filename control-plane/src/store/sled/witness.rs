//! The number of the last commit that was answered, in a file of its own.
//!
//! sled takes a damaged record of its log for the end of it: a flipped bit there would take later commits away without a word. This file
//! says how many there were. It is written after the sync and not synced itself: it may lag behind the store after a power loss, and is
//! never ahead of it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use shared::revision::{Epoch, Revision};

use super::folder::Folder;

const BODY_BYTES: usize = 24;
const BYTES: usize = BODY_BYTES + 8;

/// The file, open.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    epoch: Epoch,
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Testimony {
    /// The epoch that the revision is of.
    pub(super) epoch: Epoch,
    /// The last commit that was answered.
    pub(super) head: Revision,
}

impl Witness {
    /// Opens the file of a store.
    pub(super) fn open(folder: &Folder, epoch: Epoch) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.head())?;
        Ok(Self { file, epoch })
    }

    /// Notes that a commit is about to be answered.
    pub(super) fn note(&self, head: Revision) -> io::Result<()> {
        self.file.write_all_at(&encode(self.epoch, head), 0)
    }
}

/// What the data directory's file says; `None` where there is none, or it can't be read, as after a power loss.
pub(super) fn read(folder: &Folder) -> Option<Testimony> {
    decode(&std::fs::read(folder.head()).ok()?)
}

fn encode(epoch: Epoch, head: Revision) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..16].copy_from_slice(&epoch.0);
    bytes[16..BODY_BYTES].copy_from_slice(&head.0.to_be_bytes());
    let check = blake3::hash(&bytes[..BODY_BYTES]);
    bytes[BODY_BYTES..].copy_from_slice(&check.as_bytes()[..8]);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Testimony> {
    let (epoch, rest) = bytes.split_first_chunk::<16>()?;
    let head = Revision(u64::from_be_bytes(*rest.first_chunk()?));
    (encode(Epoch(*epoch), head) == bytes).then_some(Testimony { epoch: Epoch(*epoch), head })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_testimony_is_read_as_it_was_written_or_not_at_all() {
        let bytes = encode(Epoch([3; 16]), Revision(9));
        assert_eq!(decode(&bytes), Some(Testimony { epoch: Epoch([3; 16]), head: Revision(9) }));
        for at in 0..BYTES {
            let mut flipped = bytes;
            flipped[at] ^= 1;
            assert_eq!(decode(&flipped), None);
            assert_eq!(decode(&bytes[..at]), None);
        }
    }
}
