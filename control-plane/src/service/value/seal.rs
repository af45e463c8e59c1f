//! Values as they are stored: sealed for one resource, bound to where they may be sent.

use shared::credential::{CredentialType, CredentialValue};
use shared::secret::Secret;

use super::Source;
use crate::error::Error;
use crate::resource::{
    AdditionalKey, Destinations, HeldValue, NamedSecret, Provider, SealedField, SealedValue, Stored, StoredValue,
};
use crate::service::Context;

/// Seals the values of one credential for where its provider is.
pub(super) struct Sealing<'a> {
    pub(super) context: &'a Context,
    pub(super) provider: &'a Provider,
    pub(super) uid: &'a str,
}

impl Sealing<'_> {
    pub(super) fn value(&self, source: &Source, version: u64) -> Result<StoredValue, Error> {
        match source {
            Source::Own(value) => self.own(value, version),
            Source::Linked(secret) => Ok(linked(secret, version)),
        }
    }

    fn own(&self, value: &CredentialValue, version: u64) -> Result<StoredValue, Error> {
        let destinations = Destinations::of(value.kind(), self.provider.base_url.origin());
        let SealedValue { kind, sealed, masked, version, destinations } =
            seal_value(self.context, self.uid, value, version, destinations)?;
        Ok(StoredValue { kind, held: HeldValue::Here(sealed), masked, version, destinations })
    }

    /// The value of before as a newer version.
    pub(super) fn again(
        &self,
        before: &StoredValue,
        opened: &CredentialValue,
        version: u64,
    ) -> Result<StoredValue, Error> {
        match before.held {
            HeldValue::Here(_) => self.own(opened, version),
            HeldValue::In(_) => Ok(StoredValue { version, ..before.clone() }),
        }
    }

    pub(super) fn additional_key(&self, key: &Secret, version: u64) -> Result<AdditionalKey, Error> {
        let destinations = Destinations::of(CredentialType::ApiKey, self.provider.base_url.origin());
        let text = destinations.as_text();
        let binding = SealedField::additional_key(self.uid).binding(self.context.identity().store_id, version, &text);
        Ok(AdditionalKey { sealed: self.context.sealing.sealer()?.seal(key, binding), version, destinations })
    }
}

/// A value, sealed for the resource `uid`.
///
/// # Errors
///
/// When the store is sealed.
pub fn seal_value(
    context: &Context,
    uid: &str,
    value: &CredentialValue,
    version: u64,
    destinations: Destinations,
) -> Result<SealedValue, Error> {
    let text = destinations.as_text();
    let binding = SealedField::value(uid).binding(context.identity().store_id, version, &text);
    let sealed = context.sealing.sealer()?.seal(&value.to_bytes(), binding);
    Ok(SealedValue { kind: value.kind(), sealed, masked: value.mask(), version, destinations })
}

/// The value of a credential that links to a Secret.
#[must_use]
pub fn linked(secret: &Stored<NamedSecret>, version: u64) -> StoredValue {
    let SealedValue { kind, masked, destinations, .. } = secret.spec.value.clone();
    StoredValue { kind, held: HeldValue::In(secret.name.clone()), masked, version, destinations }
}
