//! `request_id`: the same request twice within an hour is made once and answers the same.
//!
//! The answer is stored in the same commit as the change, sealed, since it may hold a key in clear. What the commit itself gives (its
//! revision) is the revision of the record.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message;
use sha2::{Digest as _, Sha256};
use shared::revision::{Revision, StoreId};
use shared::secret::Secret;

use super::{Answer, Draft};
use crate::access::Call;
use crate::error::{Error, FieldReason};
use crate::resource::key;
use crate::resource::record::{AnswerRecord, RequestRecord};
use crate::store::seal::{Binding, Sealer};
use crate::store::{Change, Commit, CommitError, Precondition, Store};

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// The most characters of a request id.
const REQUEST_ID_CHARACTERS: usize = 64;

/// The most that one commit forgets.
const FORGOTTEN_AT_ONCE: usize = 500;

/// A request that may come again.
#[derive(Debug)]
pub(super) struct Repetition {
    request_id: String,
    key: Arc<str>,
    sha256: [u8; 32],
    /// The commit of an expired answer that stands there still.
    expired: Option<Revision>,
}

impl Repetition {
    pub(super) fn new<Q: Message>(call: &Call, request: &Q, request_id: &str) -> Result<Self, Error> {
        let fits = request_id.len() <= REQUEST_ID_CHARACTERS && request_id.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            let description = format!("use up to {REQUEST_ID_CHARACTERS} visible ASCII characters");
            return Err(Error::field("request_id", FieldReason::Malformed, description));
        }
        // The permission names the rpc; its length keeps it apart from the body.
        let mut hash = Sha256::new();
        hash.update((call.permission.len() as u64).to_le_bytes());
        hash.update(call.permission.as_bytes());
        hash.update(request.encode_to_vec());
        Ok(Self {
            request_id: request_id.to_owned(),
            key: key::request(&call.principal.name, request_id),
            sha256: hash.finalize().into(),
            expired: None,
        })
    }

    /// What the same request answered before.
    pub(super) async fn find<A: Answer>(
        &mut self,
        store: &dyn Store,
        sealer: &Sealer,
        now: SystemTime,
    ) -> Result<Option<A>, Error> {
        let range = store.range(&self.key).await?;
        let Some(found) = range.records.into_iter().find(|record| record.key == self.key) else { return Ok(None) };
        let record = RequestRecord::decode(found.value).map_err(Error::Unreadable)?;
        if record.is_expired(now, REMEMBERED) {
            self.expired = Some(found.revision);
            return Ok(None);
        }
        let identity = store.identity();
        let sealed = record.sealed.unwrap_or_default();
        let opened = sealer.open(&sealed, self.binding(identity.store_id))?;
        let remembered = AnswerRecord::decode(opened.expose()).map_err(Error::Unreadable)?;
        if remembered.request_sha256 != self.sha256 {
            return Err(Error::RequestIdReused { request_id: self.request_id.clone() });
        }
        let mut answer = A::decode(remembered.answer.as_slice()).map_err(Error::Unreadable)?;
        answer.made_at(identity.epoch, found.revision);
        Ok(Some(answer))
    }

    /// Adds the answer to the change's own commit.
    pub(super) fn remember<A: Answer>(
        &self,
        draft: &mut Draft,
        sealer: &Sealer,
        store_id: StoreId,
        now: SystemTime,
        answer: &A,
    ) {
        let remembered = AnswerRecord { request_sha256: self.sha256.to_vec(), answer: answer.encode_to_vec() };
        let sealed = sealer.seal(&Secret::new(remembered.encode_to_vec()), self.binding(store_id));
        draft.require(match self.expired {
            None => Precondition::Absent(self.key.clone()),
            Some(revision) => Precondition::Unchanged(self.key.clone(), revision),
        });
        draft.put(self.key.clone(), RequestRecord::new(now, sealed).encode_to_vec());
    }

    fn binding(&self, store_id: StoreId) -> Binding<'_> {
        Binding { store_id, uid: &self.key, field: "answer", version: 1, origin: "" }
    }
}

/// Forgets the answers that have expired. To be called now and then.
///
/// # Errors
///
/// When the store can't be read or written.
pub async fn forget_expired(store: &dyn Store, now: SystemTime) -> Result<usize, Error> {
    let range = store.range(key::REQUEST).await?;
    let expired: Vec<_> = range
        .records
        .into_iter()
        .filter(|record| {
            RequestRecord::decode(record.value.clone()).is_ok_and(|request| request.is_expired(now, REMEMBERED))
        })
        .collect();
    let mut forgotten = 0;
    for chunk in expired.chunks(FORGOTTEN_AT_ONCE) {
        let unchanged = |record: &crate::store::Record| Precondition::Unchanged(record.key.clone(), record.revision);
        let delete = |record: &crate::store::Record| Change { key: record.key.clone(), value: None::<Bytes> };
        let commit = Commit {
            preconditions: chunk.iter().map(unchanged).collect(),
            changes: chunk.iter().map(delete).collect(),
        };
        match store.commit(commit).await {
            Ok(_) => forgotten += chunk.len(),
            // One of them was just used anew; the next round forgets the others.
            Err(CommitError::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(forgotten)
}
