//! Reading records from the tree.

use std::sync::Arc;

use bytes::Bytes;
use shared::revision::Revision;
use sled::Tree;

use crate::store::record::{Joined, Joiner};
use crate::store::{Observation, Record, StoreError, key, record};

/// What stands for a key: the commit that last changed it, and how many parts it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) revision: Revision,
    pub(super) parts: u8,
}

/// What stands for a key; `None` where it has no record.
pub(super) fn stamp(tree: &Tree, key: &str) -> Result<Option<Stamp>, StoreError> {
    let Some(first) = tree.get(key::record(key, 0)).map_err(|error| corrupt(key, &error))? else { return Ok(None) };
    let (revision, parts) =
        record::parse_first_part(&first).ok_or_else(|| corrupt(key, &"its first part has no header"))?;
    Ok(Some(Stamp { revision, parts }))
}

/// Every record whose key begins with the prefix, in the order of the keys.
pub(super) fn records(tree: &Tree, prefix: &str) -> Result<Vec<Record>, StoreError> {
    read(tree.scan_prefix(key::record_prefix(prefix)), prefix, usize::MAX)
}

/// Up to so many records after a key, or from the first one on.
pub(super) fn records_after(tree: &Tree, after: Option<&str>, most: usize) -> Result<Vec<Record>, StoreError> {
    // No record has as many parts as this.
    let from = after.map_or_else(|| key::record_prefix(""), |after| key::record(after, u8::MAX));
    read(tree.range(from..key::after_records()), after.unwrap_or_default(), most)
}

/// Every observation whose key begins with the prefix, in the order of the keys.
pub(super) fn observations(tree: &Tree, prefix: &str) -> Result<Vec<Observation>, StoreError> {
    let items = tree.scan_prefix(key::observation(prefix)).map(|item| {
        let (bytes, value) = item.map_err(|error| corrupt(prefix, &error))?;
        let key = key::parse_observation(&bytes).ok_or_else(|| corrupt(prefix, &"its key can't be read"))?;
        Ok(Observation { key: Arc::from(key), value: Bytes::copy_from_slice(&value) })
    });
    items.collect()
}

fn read(items: sled::Iter, place: &str, most: usize) -> Result<Vec<Record>, StoreError> {
    let mut records = Vec::new();
    let mut current = String::new();
    let mut joiner = Joiner::default();
    for item in items {
        let (bytes, value) = item.map_err(|error| corrupt(place, &error))?;
        let (key, part) = key::parse_record(&bytes).ok_or_else(|| corrupt(place, &"its key can't be read"))?;
        if part == 0 && joiner.is_empty() {
            current = key;
        } else if current != key {
            return Err(corrupt(&current, &"a part of it is missing"));
        }
        match joiner.push(part.into(), &value) {
            Ok(Joined::Partly) => {}
            Ok(Joined::Whole(joined)) => records.push(parse(&current, joined)?),
            Err(_) => return Err(corrupt(&current, &"its parts do not make a whole")),
        }
        if records.len() == most {
            break;
        }
    }
    if joiner.is_empty() { Ok(records) } else { Err(corrupt(&current, &"its last part is missing")) }
}

fn parse(key: &str, joined: Bytes) -> Result<Record, StoreError> {
    let (revision, value) = record::parse_record(joined).ok_or_else(|| corrupt(key, &"it has no revision"))?;
    Ok(Record { key: Arc::from(key), revision, value })
}

/// What can't be read.
pub(super) fn corrupt(key: &str, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt { key: key.to_owned(), problem: problem.to_string() }
}
