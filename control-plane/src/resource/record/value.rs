//! The byte forms of sealed values.

use std::collections::BTreeSet;

use prost::Message;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::{BaseUrl, Origin};
use shared::credential::CredentialType;

use super::{Hidden, HiddenRecord, RecordError};
use crate::error::FieldViolations;
use crate::resource::{
    AdditionalKey, CredentialValues, Destinations, HeldValue, SealedValue, StoredValue, kind_of_message,
    kind_to_message,
};
use crate::store::seal::Sealed;

/// A value, or the link to one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueRecord {
    /// Absent where the value is a Secret's.
    #[prost(message, optional, tag = "1")]
    sealed: Option<Sealed>,
    #[prost(string, tag = "2")]
    masked: String,
    #[prost(uint64, tag = "3")]
    version: u64,
    /// The origins as URLs, in their order, a space between them; empty is anywhere.
    #[prost(string, tag = "4")]
    destinations: String,
    /// The admin API's number; 0, which the first version wrote, is an API key.
    #[prost(int32, tag = "5")]
    kind: i32,
    /// The Secret that has the value; empty where it is here.
    #[prost(string, tag = "6")]
    secret: String,
}

impl ValueRecord {
    fn kind(&self) -> Result<CredentialType, RecordError> {
        let mut violations = FieldViolations::new();
        match kind_of_message(self.kind, &mut violations) {
            Some(kind) => Ok(kind),
            None if violations.is_empty() => Ok(CredentialType::ApiKey),
            None => Err(RecordError::Field("kind")),
        }
    }
}

impl Hidden for SealedValue {
    fn put(self, record: &mut HiddenRecord) {
        let Self { kind, sealed, masked, version, destinations } = self;
        record.value = Some(ValueRecord {
            sealed: Some(sealed),
            masked,
            version,
            destinations: destinations.as_text(),
            kind: kind_to_message(kind).into(),
            secret: String::new(),
        });
    }

    fn take(record: HiddenRecord) -> Result<Self, RecordError> {
        let record = record.value.ok_or(RecordError::Field("value"))?;
        let (kind, destinations) = (record.kind()?, read_destinations(&record.destinations)?);
        let sealed = record.sealed.ok_or(RecordError::Field("sealed"))?;
        Ok(Self { kind, sealed, masked: record.masked, version: record.version, destinations })
    }
}

impl Hidden for CredentialValues {
    fn put(self, record: &mut HiddenRecord) {
        let StoredValue { kind, held, masked, version, destinations } = self.value;
        let (sealed, secret) = match held {
            HeldValue::Here(sealed) => (Some(sealed), String::new()),
            HeldValue::In(name) => (None, name.to_string()),
        };
        let (kind, destinations) = (kind_to_message(kind).into(), destinations.as_text());
        record.value = Some(ValueRecord { sealed, masked, version, destinations, kind, secret });
        record.additional_key = self.additional_key.map(|key| ValueRecord {
            sealed: Some(key.sealed),
            version: key.version,
            destinations: key.destinations.as_text(),
            ..ValueRecord::default()
        });
    }

    fn take(record: HiddenRecord) -> Result<Self, RecordError> {
        let additional_key = record.additional_key.map(read_additional_key).transpose()?;
        let record = record.value.ok_or(RecordError::Field("value"))?;
        let (kind, destinations) = (record.kind()?, read_destinations(&record.destinations)?);
        let ValueRecord { sealed, masked, version, secret, .. } = record;
        let held = match sealed {
            Some(sealed) => HeldValue::Here(sealed),
            None if secret.is_empty() => return Err(RecordError::Field("sealed")),
            None => HeldValue::In(secret.parse()?),
        };
        Ok(Self { value: StoredValue { kind, held, masked, version, destinations }, additional_key })
    }
}

fn read_additional_key(record: ValueRecord) -> Result<AdditionalKey, RecordError> {
    let destinations = read_destinations(&record.destinations)?;
    let sealed = record.sealed.ok_or(RecordError::Field("additional_key"))?;
    Ok(AdditionalKey { sealed, version: record.version, destinations })
}

fn read_destinations(text: &str) -> Result<Destinations, RecordError> {
    if text.is_empty() {
        return Ok(Destinations::Anywhere);
    }
    text.split(' ').map(read_origin).collect::<Result<BTreeSet<_>, _>>().map(Destinations::Only)
}

/// An origin is read like a base URL, with the rules of whoever allows the most: what it may be called by now is decided when it is dialled.
pub(super) fn read_origin(text: &str) -> Result<Origin, RecordError> {
    BaseUrl::parse(AdapterKind::OpenAi, text, AddressPolicy::AllowPrivate)
        .map(|url| url.origin())
        .map_err(|_| RecordError::Field("origin"))
}
