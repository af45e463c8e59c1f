//! The data key: made once, wrapped under every listed master key, kept in one record of the store.
//!
//! ```text
//! no record, store empty ─► make, wrap, commit ─┐
//! record ─► every listed key that has a wrapping: its check value holds? ─► unwrap ─► wrap under new keys ─► Sealer
//!                                                └─ no: sealed                └─ none has one: sealed
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use shared::revision::{Revision, StoreId};

use super::cipher::Key;
use super::master_key::{MasterKey, MasterKeys};
use super::{Sealer, length_prefixed};
use crate::store::{Change, Commit, CommitError, Precondition, Record, Store, StoreError};

/// The store's record of its data keys.
pub const DATA_KEYS: &str = "meta/data_keys";

/// How often the record is read again, when another control plane was quicker to write it.
const TRIES: usize = 5;

/// Why a store stays sealed: no secret is read or written, and nothing is overwritten.
#[derive(Debug, thiserror::Error)]
pub enum SealedReason {
    /// A listed key is another one than that of its name.
    #[error(
        "the master key {id} is not the {id} that this store was sealed with: put the right one into the master key file, or give the \
         new one another id"
    )]
    WrongKey {
        /// The listed key.
        id: String,
    },
    /// None of the listed keys opens the data key.
    #[error(
        "none of the listed master keys ({}) opens this store, which {} would: add one of these to the master key file",
        listed.join(", "), wanted.join(", ")
    )]
    UnknownKeys {
        /// What is listed.
        listed: Vec<String>,
        /// What would open it.
        wanted: Vec<String>,
    },
    /// The store has records, but none of its data keys.
    #[error("this store has records, but its record {DATA_KEYS} is missing: restore a checkpoint")]
    NoDataKey,
    /// The record of the data keys was altered, or comes from another store.
    #[error("the store's record {DATA_KEYS} was altered, or comes from another store: restore a checkpoint")]
    Altered,
    /// The store could not be read.
    #[error("the store can't be read")]
    Store(#[from] StoreError),
    /// The store could not be written.
    #[error("the store's data key can't be written")]
    Commit(#[from] CommitError),
}

#[derive(Clone, PartialEq, Message)]
struct DataKeys {
    #[prost(message, repeated, tag = "1")]
    keys: Vec<DataKey>,
    /// Which one seals.
    #[prost(uint32, tag = "2")]
    current: u32,
}

#[derive(Clone, PartialEq, Message)]
struct DataKey {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(message, repeated, tag = "2")]
    wrappings: Vec<Wrapping>,
}

/// A data key under one master key.
#[derive(Clone, PartialEq, Message)]
struct Wrapping {
    #[prost(string, tag = "1")]
    master_key: String,
    #[prost(bytes = "vec", tag = "2")]
    check_value: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    ciphertext: Vec<u8>,
}

/// Opens the store's data keys, or makes the first.
pub(super) async fn unlock(store: &dyn Store, masters: &MasterKeys) -> Result<Sealer, SealedReason> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_unlock(store, masters).await {
            Err(SealedReason::Commit(CommitError::Precondition { .. })) if tries < TRIES => {}
            other => return other,
        }
    }
}

async fn try_unlock(store: &dyn Store, masters: &MasterKeys) -> Result<Sealer, SealedReason> {
    let store_id = store.identity().store_id;
    let Some((mut record, revision)) = read(store).await? else {
        let key = Key::random();
        let mut first = DataKey { id: 1, wrappings: Vec::new() };
        first.wrap(&key, masters, store_id);
        let record = DataKeys { keys: vec![first], current: 1 };
        write(store, &record, Precondition::Absent(DATA_KEYS.into())).await?;
        return record.sealer(BTreeMap::from([(1, key)]));
    };
    let opened = record.open(masters, store_id)?;
    if record.wrap_under_new(&opened, masters, store_id) {
        write(store, &record, Precondition::Unchanged(DATA_KEYS.into(), revision)).await?;
    }
    record.sealer(opened)
}

async fn read(store: &dyn Store) -> Result<Option<(DataKeys, Revision)>, SealedReason> {
    let is_it = |record: &&Record| *record.key == *DATA_KEYS;
    let mut records = store.range(DATA_KEYS).await?.records;
    if !records.iter().any(|record| is_it(&record)) {
        // All of them at one revision: another control plane may have made the record meanwhile.
        records = store.range("").await?.records;
    }
    match records.iter().find(is_it) {
        Some(record) => {
            let keys = DataKeys::decode(&*record.value).map_err(|_| SealedReason::Altered)?;
            Ok(Some((keys, record.revision)))
        }
        None if records.is_empty() => Ok(None),
        // A new data key beside records that an old one sealed would hide that they are lost.
        None => Err(SealedReason::NoDataKey),
    }
}

async fn write(store: &dyn Store, record: &DataKeys, precondition: Precondition) -> Result<Revision, CommitError> {
    let change = Change { key: Arc::from(DATA_KEYS), value: Some(record.encode_to_vec().into()) };
    store.commit(Commit { preconditions: vec![precondition], changes: vec![change] }).await
}

impl DataKeys {
    fn open(&self, masters: &MasterKeys, store_id: StoreId) -> Result<BTreeMap<u32, Key>, SealedReason> {
        self.keys.iter().map(|key| Ok((key.id, key.open(masters, store_id)?))).collect()
    }

    /// Whether there were any.
    fn wrap_under_new(&mut self, opened: &BTreeMap<u32, Key>, masters: &MasterKeys, store_id: StoreId) -> bool {
        let mut any = false;
        for data_key in &mut self.keys {
            if let Some(key) = opened.get(&data_key.id) {
                any |= data_key.wrap(key, masters, store_id);
            }
        }
        any
    }

    fn sealer(&self, keys: BTreeMap<u32, Key>) -> Result<Sealer, SealedReason> {
        let current = keys.get(&self.current).cloned().ok_or(SealedReason::Altered)?;
        Ok(Sealer { keys, current: (self.current, current) })
    }
}

impl DataKey {
    /// Opens it with the first listed key that can. Every listed key is checked, so that a wrong one is noticed while a right one is there.
    fn open(&self, masters: &MasterKeys, store_id: StoreId) -> Result<Key, SealedReason> {
        let mut opened = None;
        for master in masters.iter() {
            let Some(wrapping) = self.wrapping(master) else { continue };
            if wrapping.check_value != master.key.check_value() {
                return Err(SealedReason::WrongKey { id: master.id.clone() });
            }
            let key = wrapping.open(master, &self.associated_data(master, store_id)).ok_or(SealedReason::Altered)?;
            opened.get_or_insert(key);
        }
        opened.ok_or_else(|| SealedReason::UnknownKeys {
            listed: masters.ids(),
            wanted: self.wrappings.iter().map(|wrapping| wrapping.master_key.clone()).collect(),
        })
    }

    /// Wraps it under the listed keys that it is not wrapped under, and says whether there were any.
    fn wrap(&mut self, key: &Key, masters: &MasterKeys, store_id: StoreId) -> bool {
        let before = self.wrappings.len();
        for master in masters.iter() {
            if self.wrapping(master).is_none() {
                let sealed = master.key.seal(key.expose(), &self.associated_data(master, store_id));
                self.wrappings.push(Wrapping {
                    master_key: master.id.clone(),
                    check_value: master.key.check_value(),
                    nonce: sealed.nonce,
                    ciphertext: sealed.ciphertext,
                });
            }
        }
        self.wrappings.len() > before
    }

    fn wrapping(&self, master: &MasterKey) -> Option<&Wrapping> {
        self.wrappings.iter().find(|wrapping| wrapping.master_key == master.id)
    }

    fn associated_data(&self, master: &MasterKey, store_id: StoreId) -> Vec<u8> {
        length_prefixed(&[b"keyplane data key", &store_id.0, &self.id.to_be_bytes(), master.id.as_bytes()])
    }
}

impl Wrapping {
    fn open(&self, master: &MasterKey, associated_data: &[u8]) -> Option<Key> {
        Key::new(master.key.open(&self.nonce, &self.ciphertext, associated_data)?.expose())
    }
}

#[cfg(test)]
mod tests;
