//! The embedded store's keyspace, as bytes: one ordered tree for everything, so that one batch can change everything at once.
//!
//! ```text
//! l ‖ u64be revision ‖ u32be part            the log of commits
//! m ‖ name                                   what the store says of itself
//! o ‖ key                                    observations, which have no revision
//! r ‖ escaped key ‖ 0x00 ‖ u8 part           records
//! ```
//!
//! A value is cut into parts, since the tree puts up to twenty of them into a page, and a page over 128 KiB goes to a file that is never
//! synced. NUL is escaped in keys (`00` → `00 ff`), so that no key can be mistaken for a part of another one and the order of the keys is
//! the order of the bytes.

use shared::revision::Revision;

/// The most bytes of a value that stand under one key of the tree.
pub(super) const PART_BYTES: usize = 4096;

/// Where the store's identity stands.
pub(super) const IDENTITY: &[u8] = b"m\0identity";

/// Where the last commit's number stands.
pub(super) const HEAD: &[u8] = b"m\0head";

/// What every key of the log begins with.
pub(super) const LOG: &[u8] = b"l";

const OBSERVATION: u8 = b'o';
const RECORD: u8 = b'r';
const NUL: u8 = 0;
const ESCAPE: u8 = 0xff;

/// The key of one part of a commit in the log.
pub(super) fn log(revision: Revision, part: u32) -> [u8; 13] {
    let mut key = [0; 13];
    key[0] = LOG[0];
    key[1..9].copy_from_slice(&revision.0.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The key of an observation, and what the keys of all of those begin with whose keys begin with it.
pub(super) fn observation(key: &str) -> Vec<u8> {
    [&[OBSERVATION], key.as_bytes()].concat()
}

/// The observation's key; `None` for any other key of the tree.
pub(super) fn parse_observation(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(&[OBSERVATION])?).ok()
}

/// The revision and part of a key of the log; `None` for any other key.
pub(super) fn parse_log(key: &[u8]) -> Option<(Revision, u32)> {
    let rest = key.strip_prefix(LOG)?;
    let (revision, part) = rest.split_first_chunk::<8>()?;
    Some((Revision(u64::from_be_bytes(*revision)), u32::from_be_bytes(part.try_into().ok()?)))
}

/// The key of one part of a record.
pub(super) fn record(key: &str, part: u8) -> Vec<u8> {
    let mut bytes = record_prefix(key);
    bytes.extend([NUL, part]);
    bytes
}

/// What the tree's keys of all records begin with whose keys begin with `prefix`.
pub(super) fn record_prefix(prefix: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(prefix.len() + 3);
    bytes.push(RECORD);
    for byte in prefix.bytes() {
        bytes.push(byte);
        if byte == NUL {
            bytes.push(ESCAPE);
        }
    }
    bytes
}

/// What stands behind the keys of all records.
pub(super) fn after_records() -> Vec<u8> {
    vec![RECORD + 1]
}

/// The record's key and part; `None` for any other key of the tree.
pub(super) fn parse_record(key: &[u8]) -> Option<(String, u8)> {
    let rest = key.strip_prefix(&[RECORD])?;
    let (text, [NUL, part]) = rest.split_last_chunk::<2>()? else { return None };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(*byte);
        if *byte == NUL && rest.next() != Some(&ESCAPE) {
            return None;
        }
    }
    Some((String::from_utf8(bytes).ok()?, *part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_sort_as_their_keys_do(a in "[a\0/é]{0,6}", b in "[a\0/é]{0,6}", x in 0..200_u8, y in 0..200_u8) {
            prop_assert_eq!(record(&a, x).cmp(&record(&b, y)), (a.as_bytes(), x).cmp(&(b.as_bytes(), y)));
            prop_assert_eq!(record(&a, x).starts_with(&record_prefix(&b)), a.starts_with(&b));
            prop_assert_eq!(parse_record(&record(&a, x)), Some((a, x)));
        }

        #[test]
        fn the_log_sorts_by_revision_and_part(a: (u64, u32), b: (u64, u32)) {
            prop_assert_eq!(log(Revision(a.0), a.1).cmp(&log(Revision(b.0), b.1)), a.cmp(&b));
            prop_assert_eq!(parse_log(&log(Revision(a.0), a.1)), Some((Revision(a.0), a.1)));
        }

        #[test]
        fn any_bytes_can_be_parsed(bytes: Vec<u8>) {
            let _ = (parse_record(&bytes), parse_log(&bytes));
        }
    }
}
