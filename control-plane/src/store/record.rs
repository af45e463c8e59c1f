//! Byte forms: of a record and of a commit in the log, both cut into parts, and of the store's identity.
//!
//! ```text
//! record, joined:  u64be revision ‖ value
//! commit, joined:  LoggedCommit (protobuf)
//! parts:           u32be length of the joined form ‖ bytes      the first
//!                  bytes                                        the others
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use prost::Message;
use shared::revision::{Epoch, Revision, StoreId};

use super::key::PART_BYTES;
use super::{Change, Committed, Identity};

const LENGTH_BYTES: usize = 4;
const REVISION_BYTES: usize = 8;

/// A commit as the log has it.
#[derive(Clone, PartialEq, Message)]
struct LoggedCommit {
    #[prost(uint64, tag = "1")]
    time_micros: u64,
    #[prost(message, repeated, tag = "2")]
    changes: Vec<LoggedChange>,
}

#[derive(Clone, PartialEq, Message)]
struct LoggedChange {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    value: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredIdentity {
    #[prost(bytes = "vec", tag = "1")]
    store_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    epoch: Vec<u8>,
}

/// A record as the tree has it: parts, in order.
pub(super) fn record_parts(revision: Revision, value: &[u8]) -> Vec<Vec<u8>> {
    parts(&[&revision.0.to_be_bytes(), value])
}

/// The revision and value of a record that was joined from its parts.
pub(super) fn parse_record(mut joined: Bytes) -> Option<(Revision, Bytes)> {
    let revision = first_eight(&joined)?;
    let value = joined.split_off(REVISION_BYTES);
    Some((revision, value))
}

/// The revision and the number of parts of a record, of its first part alone.
pub(super) fn parse_first_part(first: &[u8]) -> Option<(Revision, u8)> {
    let (length, rest) = first.split_first_chunk::<LENGTH_BYTES>()?;
    let parts = (u32::from_be_bytes(*length) as usize).div_ceil(PART_BYTES);
    Some((first_eight(rest)?, u8::try_from(parts).ok()?))
}

/// A commit as the log has it: parts, in order.
pub(super) fn commit_parts(time: SystemTime, changes: &[Change]) -> Vec<Vec<u8>> {
    let logged = LoggedCommit {
        time_micros: micros(time),
        changes: changes
            .iter()
            .map(|change| LoggedChange { key: change.key.to_string(), value: change.value.clone() })
            .collect(),
    };
    parts(&[&logged.encode_to_vec()])
}

/// The commit that was joined from its parts.
pub(super) fn parse_commit(revision: Revision, joined: Bytes) -> Option<Committed> {
    let logged = LoggedCommit::decode(joined).ok()?;
    let changes =
        logged.changes.into_iter().map(|change| Change { key: Arc::from(change.key), value: change.value }).collect();
    Some(Committed { revision, time: time(logged.time_micros), changes })
}

/// The identity's bytes.
pub(super) fn identity_bytes(identity: Identity) -> Vec<u8> {
    StoredIdentity { store_id: identity.store_id.0.to_vec(), epoch: identity.epoch.0.to_vec() }.encode_to_vec()
}

/// The identity of its bytes.
pub(super) fn parse_identity(bytes: &[u8]) -> Option<Identity> {
    let stored = StoredIdentity::decode(bytes).ok()?;
    Some(Identity { store_id: StoreId(stored.store_id.try_into().ok()?), epoch: Epoch(stored.epoch.try_into().ok()?) })
}

/// Microseconds since 1970; what came before is 1970.
pub(super) fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The time so many microseconds after 1970.
pub(super) fn time(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn first_eight(bytes: &[u8]) -> Option<Revision> {
    bytes.first_chunk::<REVISION_BYTES>().map(|revision| Revision(u64::from_be_bytes(*revision)))
}

fn parts(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let joined = pieces.concat();
    let mut parts: Vec<_> = joined.chunks(PART_BYTES).map(<[u8]>::to_vec).collect();
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    // A store's values are under 64 KiB and a commit is far under 4 GiB, so the cast loses nothing.
    parts[0].splice(..0, (joined.len() as u32).to_be_bytes());
    parts
}

/// Joins parts that come in order.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    next_part: u32,
    length: usize,
    joined: BytesMut,
}

/// What one more part makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// More are to come.
    Partly,
    /// All are there.
    Whole(Bytes),
}

/// A part is missing, out of order, or has the wrong length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartError;

impl Joiner {
    /// Takes the next part.
    pub(super) fn push(&mut self, part: u32, bytes: &[u8]) -> Result<Joined, PartError> {
        if part != self.next_part {
            return Err(PartError);
        }
        let mut bytes = bytes;
        if part == 0 {
            let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or(PartError)?;
            self.length = u32::from_be_bytes(*length) as usize;
            bytes = rest;
        }
        self.joined.extend_from_slice(bytes);
        self.next_part += 1;
        if self.joined.len() < self.length {
            return Ok(Joined::Partly);
        }
        let whole = std::mem::take(self);
        if whole.joined.len() == whole.length { Ok(Joined::Whole(whole.joined.freeze())) } else { Err(PartError) }
    }

    /// Whether no part waits for others.
    pub(super) fn is_empty(&self) -> bool {
        self.next_part == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn join(parts: &[Vec<u8>]) -> Option<Bytes> {
        let mut joiner = Joiner::default();
        let mut last = None;
        for (part, bytes) in parts.iter().enumerate() {
            assert!(last.is_none(), "whole before the last part");
            if let Joined::Whole(whole) = joiner.push(part as u32, bytes).ok()? {
                last = Some(whole);
            }
        }
        assert!(joiner.is_empty() == last.is_some());
        last
    }

    proptest! {
        #[test]
        fn a_record_survives_its_parts(revision: u64, length in 0..3 * PART_BYTES, byte: u8) {
            let value = vec![byte; length];
            let parts = record_parts(Revision(revision), &value);
            prop_assert!(parts.iter().all(|part| part.len() <= PART_BYTES + LENGTH_BYTES));
            prop_assert_eq!(parse_first_part(&parts[0]), Some((Revision(revision), parts.len() as u8)));
            let (read, bytes) = parse_record(join(&parts).unwrap()).unwrap();
            prop_assert_eq!((read, &*bytes), (Revision(revision), &*value));
        }

        #[test]
        fn a_commit_survives_its_parts(
            changes in prop::collection::vec((".{0,9}", prop::option::of(0..9000_usize)), 0..5),
            time in 0..u64::MAX / 4,
        ) {
            let changes: Vec<_> = changes
                .into_iter()
                .map(|(key, length)| Change { key: key.into(), value: length.map(|n| Bytes::from(vec![7; n])) })
                .collect();
            let parts = commit_parts(super::time(time), &changes);
            let commit = parse_commit(Revision(3), join(&parts).unwrap()).unwrap();
            prop_assert_eq!(commit.changes, changes);
            prop_assert_eq!(micros(commit.time), time);
        }

        #[test]
        fn a_missing_part_is_noticed(length in 2 * PART_BYTES..4 * PART_BYTES, missing: prop::sample::Index) {
            let mut parts = record_parts(Revision(1), &vec![1; length]);
            parts.remove(missing.index(parts.len()));
            prop_assert!(join(&parts).is_none());
        }
    }

    #[test]
    fn an_identity_survives_its_bytes() {
        let identity = Identity { store_id: StoreId([1; 16]), epoch: Epoch([2; 16]) };
        assert_eq!(parse_identity(&identity_bytes(identity)), Some(identity));
        assert_eq!(parse_identity(b"nonsense"), None);
    }
}
