//! A value in the form in which it is kept: sealed, and bound to where it may be sent.

use std::collections::BTreeSet;

use shared::base_url::Origin;
use shared::credential::CredentialType;
use shared::name::SecretName;
use shared::revision::StoreId;

use crate::store::seal::{Binding, Sealed};

/// A credential's value: its own, or that of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// What kind of value it is.
    pub kind: CredentialType,
    /// Where it is.
    pub held: HeldValue,
    /// What people may see of it.
    pub masked: String,
    /// Counts the values that the credential has had, from 1.
    pub version: u64,
    /// Where it may be sent. Of a linked value this, like `masked`, is what the Secret says: whatever changes the one writes the other in
    /// the same commit.
    pub destinations: Destinations,
}

/// Where a credential's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldValue {
    /// Here.
    Here(Sealed),
    /// In a Secret.
    In(SecretName),
}

/// A value that is sealed, by itself or as a Secret's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// What kind of value it is.
    pub kind: CredentialType,
    /// The ciphertext.
    pub sealed: Sealed,
    /// What people may see of it.
    pub masked: String,
    /// Counts the values that there were, from 1.
    pub version: u64,
    /// Where it may be sent.
    pub destinations: Destinations,
}

/// A second key, sealed on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdditionalKey {
    /// The ciphertext.
    pub sealed: Sealed,
    /// The version of the value with which it was given.
    pub version: u64,
    /// Where it may be sent.
    pub destinations: Destinations,
}

/// Where a value may be sent. It is part of the value's sealing, so that a changed one opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destinations {
    /// Anywhere: what only signs is never sent.
    Anywhere,
    /// To these origins, one at the least.
    Only(BTreeSet<Origin>),
}

impl Destinations {
    /// Of a value that is given for a provider at this origin.
    #[must_use]
    pub fn of(kind: CredentialType, origin: Origin) -> Self {
        if kind.is_bound_to_origin() { Self::Only(BTreeSet::from([origin])) } else { Self::Anywhere }
    }

    /// Whether the value may be sent there.
    #[must_use]
    pub fn allow(&self, origin: &Origin) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Only(origins) => origins.contains(origin),
        }
    }

    /// As the text that a value is sealed with: the origins in their order, a space between them, which stands in none; empty is anywhere.
    #[must_use]
    pub fn as_text(&self) -> String {
        self.origins().map(Origin::as_str).collect::<Vec<_>>().join(" ")
    }

    /// The origins, in their order; none where it is anywhere.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        let origins = match self {
            Self::Anywhere => None,
            Self::Only(origins) => Some(origins),
        };
        origins.into_iter().flatten()
    }
}

/// Which field of which resource a sealed value is.
#[derive(Debug, Clone, Copy)]
pub struct SealedField<'a> {
    /// The resource's uid.
    pub uid: &'a str,
    /// The field.
    pub field: &'a str,
}

impl<'a> SealedField<'a> {
    /// A credential's or a Secret's value.
    #[must_use]
    pub fn value(uid: &'a str) -> Self {
        Self { uid, field: "value" }
    }

    /// A credential's additional key.
    #[must_use]
    pub fn additional_key(uid: &'a str) -> Self {
        Self { uid, field: "additional_key" }
    }

    /// What the field's value is bound to. `destinations` is [`Destinations::as_text`].
    #[must_use]
    pub fn binding(self, store_id: StoreId, version: u64, destinations: &'a str) -> Binding<'a> {
        Binding { store_id, uid: self.uid, field: self.field, version, origin: destinations }
    }
}
