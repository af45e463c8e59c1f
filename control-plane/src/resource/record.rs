//! The byte forms of what the store holds. Fields are never renumbered: an older store is read by a newer version.

mod status;
mod value;

use std::time::{Duration, SystemTime};

use prost::Message;
use prost_types::Timestamp;
use shared::address::AddressPolicy;
use shared::name::{EnvironmentName, NameError, ProviderName};
use shared::revision::Revision;

use super::{AuthMode, Exposure, Meta, Resource, Rules, Source, Stored, Targets};
use crate::error::FieldViolations;
use crate::store::seal::Sealed;
use value::ValueRecord;

/// Why a record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is not of the form.
    #[error("the record is damaged")]
    Damaged(#[from] prost::DecodeError),
    /// Its key holds no name that this version knows.
    #[error("the record's name is damaged")]
    Name(#[from] NameError),
    /// What it holds is against the rules.
    #[error("the record is against the rules: {0}")]
    Refused(FieldViolations),
    /// A field holds what it can't.
    #[error("the record's field {0} is damaged")]
    Field(&'static str),
}

/// What an admin set of any resource. The commit that changed it last is the store's to know.
#[derive(Clone, PartialEq, Message)]
struct SpecRecord {
    #[prost(string, tag = "1")]
    uid: String,
    #[prost(uint64, tag = "2")]
    generation: u64,
    #[prost(message, optional, tag = "3")]
    create_time: Option<Timestamp>,
    #[prost(message, optional, tag = "4")]
    update_time: Option<Timestamp>,
    /// The admin API's message with the fields that an admin sets.
    #[prost(bytes = "vec", tag = "5")]
    message: Vec<u8>,
    #[prost(message, optional, tag = "6")]
    value: Option<ValueRecord>,
    #[prost(bytes = "vec", tag = "7")]
    sha256: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    additional_key: Option<ValueRecord>,
}

/// What is stored of a resource and never in its message.
pub trait Hidden: Sized {
    /// Puts it into the record.
    fn put(self, record: &mut HiddenRecord);

    /// Takes it out of the record.
    ///
    /// # Errors
    ///
    /// When it is not there or damaged.
    fn take(record: HiddenRecord) -> Result<Self, RecordError>;
}

/// The record's fields for what is hidden.
#[derive(Debug, Default)]
pub struct HiddenRecord {
    value: Option<ValueRecord>,
    additional_key: Option<ValueRecord>,
    sha256: Vec<u8>,
}

impl Hidden for () {
    fn put(self, _record: &mut HiddenRecord) {}

    fn take(_record: HiddenRecord) -> Result<Self, RecordError> {
        Ok(())
    }
}

impl Hidden for [u8; 32] {
    fn put(self, record: &mut HiddenRecord) {
        record.sha256 = self.to_vec();
    }

    fn take(record: HiddenRecord) -> Result<Self, RecordError> {
        record.sha256.try_into().map_err(|_| RecordError::Field("sha256"))
    }
}

/// Takes every reference for good: the commits that made them checked them.
#[derive(Debug)]
struct Committed;

impl Targets for Committed {
    fn has_environment(&self, _name: &EnvironmentName) -> bool {
        true
    }

    fn exposure(&self, _provider: &ProviderName, _upstream_model: &str) -> Exposure {
        Exposure::Exposed
    }

    fn auth_mode(&self, _provider: &ProviderName) -> Option<AuthMode> {
        None
    }
}

/// The rules for what the store holds.
pub(super) fn lenient() -> Rules<'static> {
    Rules { addresses: AddressPolicy::AllowPrivate, targets: &Committed, source: Source::Record }
}

impl<R: Resource> Stored<R> {
    /// The bytes that the store holds.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let mut hidden = HiddenRecord::default();
        self.spec.hidden().put(&mut hidden);
        let record = SpecRecord {
            uid: self.meta.uid.clone(),
            generation: self.meta.generation,
            create_time: Some(self.meta.create_time.into()),
            update_time: Some(self.meta.update_time.into()),
            message: self.spec.write().encode_to_vec(),
            value: hidden.value,
            sha256: hidden.sha256,
            additional_key: hidden.additional_key,
        };
        record.encode_to_vec()
    }

    /// Reads the bytes that the store holds of the resource `name`, last changed by `revision`.
    ///
    /// # Errors
    ///
    /// When they are damaged, or of a form that this version does not know.
    pub fn from_record(name: &str, revision: Revision, bytes: &[u8]) -> Result<Self, RecordError> {
        let name: R::Name = name.parse()?;
        let record = SpecRecord::decode(bytes)?;
        let SpecRecord { value, additional_key, sha256, .. } = record;
        let hidden = R::Hidden::take(HiddenRecord { value, additional_key, sha256 })?;
        let message = R::Message::decode(record.message.as_slice())?;
        let mut violations = FieldViolations::new();
        let spec = R::read(message, &name, hidden, &lenient(), &mut violations);
        let meta = Meta {
            uid: record.uid,
            revision,
            generation: record.generation,
            create_time: time(record.create_time, "create_time")?,
            update_time: time(record.update_time, "update_time")?,
        };
        Ok(Self { name, meta, spec: violations.into_result(spec).map_err(RecordError::Refused)? })
    }
}

fn time(given: Option<Timestamp>, field: &'static str) -> Result<SystemTime, RecordError> {
    optional_time(given, field)?.ok_or(RecordError::Field(field))
}

fn optional_time(given: Option<Timestamp>, field: &'static str) -> Result<Option<SystemTime>, RecordError> {
    given.map(SystemTime::try_from).transpose().map_err(|_| RecordError::Field(field))
}

/// An admin token that the store knows by its hash.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AdminTokenRecord {
    /// Who it is, `adminTokens/bootstrap` and its like.
    #[prost(string, tag = "1")]
    pub principal: String,
}

/// A remembered answer.
#[derive(Clone, PartialEq, Message)]
pub struct RequestRecord {
    /// When it was given.
    #[prost(message, optional, tag = "1")]
    time: Option<Timestamp>,
    /// [`AnswerRecord`], sealed.
    #[prost(message, optional, tag = "2")]
    pub sealed: Option<Sealed>,
}

impl RequestRecord {
    /// An answer given now.
    #[must_use]
    pub fn new(now: SystemTime, sealed: Sealed) -> Self {
        Self { time: Some(now.into()), sealed: Some(sealed) }
    }

    /// Whether the answer is older than `after`. One without a readable time is.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime, after: Duration) -> bool {
        let given = self.time.and_then(|time| SystemTime::try_from(time).ok());
        given.and_then(|given| given.checked_add(after)).is_none_or(|expiry| expiry <= now)
    }
}

/// What is sealed of a remembered answer: it may hold a key in clear.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AnswerRecord {
    /// The SHA-256 of the rpc and the request.
    #[prost(bytes = "vec", tag = "1")]
    pub request_sha256: Vec<u8>,
    /// The answer, without what only the commit gives.
    #[prost(bytes = "vec", tag = "2")]
    pub answer: Vec<u8>,
}

#[cfg(test)]
mod tests;
