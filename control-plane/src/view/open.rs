//! The one way to a stored value in clear: for one origin, and only where every part of it may be sent there.

use shared::base_url::Origin;
use shared::credential::CredentialValue;
use shared::secret::Secret;

use super::View;
use crate::resource::{Credential, Destinations, HeldValue, NamedSecret, SealedField, Stored};
use crate::store::seal::{OpenValue, SealError};

/// A credential's values in clear, for one origin.
#[derive(Debug, Clone)]
pub struct OpenedValues {
    /// The value.
    pub value: CredentialValue,
    /// The second key.
    pub additional_key: Option<Secret>,
}

/// Why a stored value was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It may not be sent there.
    #[error("the value may not be sent to {origin}")]
    Elsewhere {
        /// Where it was to be sent.
        origin: Origin,
    },
    /// The Secret that it links to is not there. Whatever links to one keeps it from being deleted.
    #[error("the Secret that the credential links to is not there")]
    NoSecret,
    /// The ciphertext does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was opened is no value of its type.
    #[error("the opened bytes are not a value of their type")]
    NotAValue,
}

/// Opens a credential's values, those of its Secret where it links to one, for a provider at the origin.
///
/// # Errors
///
/// When a value may not be sent there, or can't be opened.
pub fn open_values<O: OpenValue>(
    opener: &O,
    view: &View,
    credential: &Stored<Credential>,
    origin: &Origin,
) -> Result<OpenedValues, NotOpened> {
    // Both are looked at before either is opened.
    if !credential.spec.may_be_sent_to(origin) {
        return Err(NotOpened::Elsewhere { origin: origin.clone() });
    }
    let value = open_value(opener, view, credential, origin)?;
    Ok(OpenedValues { value, additional_key: open_additional_key(opener, view, credential, origin)? })
}

/// Opens a credential's value without its additional key.
///
/// # Errors
///
/// When it may not be sent there, or can't be opened.
pub fn open_value<O: OpenValue>(
    opener: &O,
    view: &View,
    credential: &Stored<Credential>,
    origin: &Origin,
) -> Result<CredentialValue, NotOpened> {
    let value = &credential.spec.value;
    let sealed = match &value.held {
        HeldValue::In(_) => {
            let secret = view.secret_of(credential).ok_or(NotOpened::NoSecret)?;
            return open_secret(opener, view, secret, origin);
        }
        HeldValue::Here(sealed) => sealed,
    };
    let destinations = allowing(&value.destinations, origin)?;
    let field = SealedField::value(&credential.meta.uid);
    let opened = opener.open(sealed, field.binding(view.identity.store_id, value.version, &destinations))?;
    CredentialValue::from_bytes(value.kind, opened).map_err(|_| NotOpened::NotAValue)
}

/// Opens a credential's additional key, if it has one.
///
/// # Errors
///
/// When it may not be sent there, or can't be opened.
pub fn open_additional_key<O: OpenValue>(
    opener: &O,
    view: &View,
    credential: &Stored<Credential>,
    origin: &Origin,
) -> Result<Option<Secret>, NotOpened> {
    let Some(key) = &credential.spec.additional_key else { return Ok(None) };
    let destinations = allowing(&key.destinations, origin)?;
    let field = SealedField::additional_key(&credential.meta.uid);
    Ok(Some(opener.open(&key.sealed, field.binding(view.identity.store_id, key.version, &destinations))?))
}

/// Opens a Secret's value for a provider at the origin.
///
/// # Errors
///
/// When it may not be sent there, or can't be opened.
pub fn open_secret<O: OpenValue>(
    opener: &O,
    view: &View,
    secret: &Stored<NamedSecret>,
    origin: &Origin,
) -> Result<CredentialValue, NotOpened> {
    let value = &secret.spec.value;
    let destinations = allowing(&value.destinations, origin)?;
    let field = SealedField::value(&secret.meta.uid);
    let opened = opener.open(&value.sealed, field.binding(view.identity.store_id, value.version, &destinations))?;
    CredentialValue::from_bytes(value.kind, opened).map_err(|_| NotOpened::NotAValue)
}

/// The text that a value is sealed with, if the origin is among its destinations.
fn allowing(destinations: &Destinations, origin: &Origin) -> Result<String, NotOpened> {
    if destinations.allow(origin) {
        return Ok(destinations.as_text());
    }
    Err(NotOpened::Elsewhere { origin: origin.clone() })
}
