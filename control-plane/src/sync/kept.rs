//! Secrets of the control plane's own, made at the first start and kept sealed in the store under `meta/`.

use std::sync::Arc;

use prost::Message as _;
use shared::secret::Secret;

use crate::store::seal::{Binding, SealError, Sealed, Sealer};
use crate::store::{Change, Commit, CommitError, Precondition, Store, StoreError};

/// Why a secret of our own can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The store can't be read.
    #[error("the store can't be read")]
    Read(#[from] StoreError),
    /// It could not be stored.
    #[error("the record {key} can't be stored")]
    Write {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// The record does not have its form.
    #[error("the record {key} does not have its form")]
    Malformed {
        /// Its key.
        key: String,
    },
    /// The sealed value does not open.
    #[error("the record {key} does not open")]
    DoesNotOpen {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: SealError,
    },
}

/// A secret with what may be known of it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What may be known.
    pub public: Vec<u8>,
    /// The secret.
    pub secret: Secret,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(bytes = "vec", tag = "1")]
    public: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    sealed: Option<Sealed>,
}

/// The secret under a key of the store, or a new one, stored before it is answered.
///
/// # Errors
///
/// When the store can't be read or written, or what it has does not open.
pub async fn load_or_make<E: From<KeptError>>(
    store: &dyn Store,
    sealer: &Sealer,
    key: &str,
    make: impl FnOnce() -> Result<Kept, E>,
) -> Result<Kept, E> {
    if let Some(kept) = load(store, sealer, key).await? {
        return Ok(kept);
    }
    let kept = make()?;
    let record = Record { public: kept.public.clone(), sealed: Some(sealer.seal(&kept.secret, binding(store, key))) };
    let commit = Commit {
        preconditions: vec![Precondition::Absent(key.into())],
        changes: vec![Change { key: Arc::from(key), value: Some(record.encode_to_vec().into()) }],
    };
    match store.commit(commit).await {
        Ok(_) => Ok(kept),
        // Another replica was first: its one counts.
        Err(source @ CommitError::Precondition { .. }) => match load(store, sealer, key).await? {
            Some(kept) => Ok(kept),
            None => Err(KeptError::Write { key: key.to_owned(), source }.into()),
        },
        Err(source) => Err(KeptError::Write { key: key.to_owned(), source }.into()),
    }
}

async fn load(store: &dyn Store, sealer: &Sealer, key: &str) -> Result<Option<Kept>, KeptError> {
    let range = store.range(key).await?;
    let Some(record) = range.records.iter().find(|record| &*record.key == key) else { return Ok(None) };
    let malformed = || KeptError::Malformed { key: key.to_owned() };
    let record = Record::decode(record.value.clone()).map_err(|_decode| malformed())?;
    let sealed = record.sealed.ok_or_else(malformed)?;
    let opened = sealer.open(&sealed, binding(store, key));
    let secret = opened.map_err(|source| KeptError::DoesNotOpen { key: key.to_owned(), source })?;
    Ok(Some(Kept { public: record.public, secret }))
}

/// The key stands for the uid: there is one record of each.
fn binding<'a>(store: &dyn Store, key: &'a str) -> Binding<'a> {
    Binding { store_id: store.identity().store_id, uid: key, field: "secret", version: 1, origin: "" }
}
