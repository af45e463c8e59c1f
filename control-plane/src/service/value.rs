//! The values that a request gives of a credential: read, resolved where they link to a Secret, opened for where the provider is, sealed.
//!
//! ```text
//! message ─► Given: shape, type, link ─┬─► opened for the provider's origin ─► a question, if it may go there
//!                                      └─► sealed, bound to that origin     ─► a record
//! ```

mod seal;

use std::sync::Arc;

use proto::admin::v1;
use shared::adapter::{Call, Delivery, NoAddress, Operation, adapter};
use shared::credential::{CredentialType, CredentialValue};
use shared::name::{ProviderName, ResourceName as _};
use shared::secret::Secret;

use super::Context;
use crate::error::{Error, FieldReason, FieldViolations};
use crate::resource::{
    AdditionalKey, Credential, CredentialValues, GivenValue, NamedSecret, Provider, Stored, kind_as_str,
    kind_of_message, read_additional_key, taken, value_path,
};
use crate::store::seal::SealError;
use crate::view::{NotOpened, OpenedValues, View, open_additional_key, open_secret, open_value, open_values};

use seal::Sealing;
pub use seal::{linked, seal_value};

/// The values that a request gives of a credential, without a fault of their own.
#[derive(Debug, Clone)]
pub struct Given {
    /// The value; `None` where the stored one stays.
    pub value: Option<Source>,
    /// What happens to the second key.
    pub additional_key: AdditionalKeyChange,
}

/// Where a given value comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The request holds it.
    Own(CredentialValue),
    /// A Secret has it.
    Linked(Arc<Stored<NamedSecret>>),
}

/// What a request does to the second key.
#[derive(Debug, Clone)]
pub enum AdditionalKeyChange {
    /// It stays, if there is one.
    Keep,
    /// It goes.
    Drop,
    /// It is this one.
    New(Secret),
}

/// A stored value that a question is asked with: whose it is, and which version.
pub type Used = (String, u64);

/// A credential's new values.
#[derive(Debug)]
pub struct Made {
    /// As they are stored.
    pub values: CredentialValues,
    /// As the provider is asked about them.
    pub opened: OpenedValues,
    /// Those of them that were stored before.
    pub used: Vec<Used>,
}

impl Given {
    /// Reads the values of a credential's message for a provider, which need not be stored yet, and takes the secrets out of the message.
    /// A message without a value leaves the stored one, as in an update.
    #[must_use]
    pub fn read(
        view: &View,
        name: &ProviderName,
        provider: &Provider,
        message: &mut v1::Credential,
        violations: &mut FieldViolations,
    ) -> Self {
        let wanted = kind_of_message(message.r#type, violations);
        // Where no value is given, the type is that of the stored one, which was taken.
        let new = wanted.filter(|_| message.value.is_some());
        if let Some(kind) = new.filter(|kind| !taken(&provider.vendor, provider.adapter).contains(kind)) {
            violations.add("type", FieldReason::Unsupported, not_taken(provider, kind));
        }
        let value = message.value.take().and_then(|value| {
            let given = GivenValue::read(Some(value), &name.project(), violations)?;
            let source = Source::of(view, given, violations)?;
            source.check_type(provider, wanted, violations);
            source.check_address(provider, violations);
            Some(source)
        });
        let given = std::mem::take(&mut message.additional_key);
        let additional_key = match read_additional_key(given, violations) {
            Some(key) => AdditionalKeyChange::New(key),
            None => AdditionalKeyChange::Keep,
        };
        if matches!(additional_key, AdditionalKeyChange::New(_)) && provider.place().additional_key_header.is_none() {
            let description = "the provider has no additional_key_header: say there first where the key goes";
            violations.add("additional_key", FieldReason::Unsupported, description);
        }
        Self { value, additional_key }
    }

    /// Reads the values of a new credential, which needs one.
    #[must_use]
    pub fn read_new(
        view: &View,
        name: &ProviderName,
        provider: &Provider,
        message: &mut v1::Credential,
        violations: &mut FieldViolations,
    ) -> Self {
        if message.value.is_none() {
            violations.add("value", FieldReason::Required, "give the credential's value");
        }
        Self::read(view, name, provider, message, violations)
    }

    /// The values in clear, for where the provider is: what a connection is tested with. Nothing is stored.
    ///
    /// # Errors
    ///
    /// [`Error::DestinationChanged`] where the Secret may not be sent there.
    pub fn open(&self, context: &Context, view: &View, provider: &Provider) -> Result<Option<OpenedValues>, Error> {
        let Some(source) = &self.value else { return Ok(None) };
        let additional_key = match &self.additional_key {
            AdditionalKeyChange::New(key) => Some(key.clone()),
            AdditionalKeyChange::Keep | AdditionalKeyChange::Drop => None,
        };
        Ok(Some(OpenedValues { value: source.open(context, view, provider)?, additional_key }))
    }

    /// Makes the values of the credential `uid`, of what is given and, where it is an update, of what it had before. Whatever is not given
    /// anew has to be good where the provider is now.
    ///
    /// # Errors
    ///
    /// [`Error::DestinationChanged`] where a value may not be sent there; when the store is sealed, or a stored value does not open.
    pub fn make(
        &self,
        context: &Context,
        view: &View,
        (provider, uid): (&Provider, &str),
        before: Option<&Stored<Credential>>,
    ) -> Result<Made, Error> {
        let sealing = Sealing { context, provider, uid };
        let version = before.map_or(1, |before| before.spec.value.version + 1);
        let mut used = Vec::new();
        let (value, opened) = match (&self.value, before) {
            (Some(source), _) => {
                if let Source::Linked(secret) = source {
                    used.push((secret.name.to_string(), secret.spec.value.version));
                }
                (sealing.value(source, version)?, source.open(context, view, provider)?)
            }
            (None, Some(before)) => {
                let opened = stored_value(context, view, before, provider)?;
                used.push((before.name.to_string(), before.spec.value.version));
                (sealing.again(&before.spec.value, &opened, version)?, opened)
            }
            (None, None) => return Err(Error::field("value", FieldReason::Required, "give the credential's value")),
        };
        let (additional_key, opened_key) = match (&self.additional_key, before) {
            (AdditionalKeyChange::New(key), _) => (Some(sealing.additional_key(key, version)?), Some(key.clone())),
            (AdditionalKeyChange::Keep, Some(before)) => stored_additional_key(context, view, before, provider)?,
            (AdditionalKeyChange::Keep, None) | (AdditionalKeyChange::Drop, _) => (None, None),
        };
        if let Some(key) = additional_key.as_ref().filter(|key| key.version < version) {
            used.push((format!("{uid}/additional_key"), key.version));
        }
        let opened = OpenedValues { value: opened, additional_key: opened_key };
        Ok(Made { values: CredentialValues { value, additional_key }, opened, used })
    }
}

impl Source {
    fn of(view: &View, given: GivenValue, violations: &mut FieldViolations) -> Option<Self> {
        match given {
            GivenValue::Own(value) => Some(Self::Own(value)),
            GivenValue::Linked(name) => {
                let secret = view.secrets.get(&name).cloned();
                if secret.is_none() {
                    violations.add("value.secret", FieldReason::ReferenceNotFound, format!("{name} does not exist"));
                }
                secret.map(Self::Linked)
            }
        }
    }

    fn kind(&self) -> CredentialType {
        match self {
            Self::Own(value) => value.kind(),
            Self::Linked(secret) => secret.spec.value.kind,
        }
    }

    fn path(&self) -> &'static str {
        match self {
            Self::Own(value) => value_path(value.kind()),
            Self::Linked(_) => "value.secret",
        }
    }

    fn check_type(&self, provider: &Provider, wanted: Option<CredentialType>, violations: &mut FieldViolations) {
        let kind = self.kind();
        match wanted {
            Some(wanted) if wanted != kind => {
                let (wanted, kind) = (kind_as_str(wanted), kind_as_str(kind));
                let description = format!("the credential is of type {wanted}, and this value of type {kind}");
                violations.add(self.path(), FieldReason::Malformed, description);
            }
            // Said of `type` already.
            Some(_) => {}
            None if !taken(&provider.vendor, provider.adapter).contains(&kind) => {
                violations.add(self.path(), FieldReason::Unsupported, not_taken(provider, kind));
            }
            None => {}
        }
    }

    /// A value whose requests would have no address serves nobody: a service account on Vertex stands below a project.
    fn check_address(&self, provider: &Provider, violations: &mut FieldViolations) {
        let chat = Call { operation: Operation::Chat, model: "any", delivery: Delivery::Whole, page: None };
        let address = adapter(provider.adapter).address(&provider.place(), Some(self.kind()), chat);
        if let Err(NoAddress::Lacks(what)) = address {
            let description =
                format!("the provider lacks {what}, which requests with such a value need: set it in its config first");
            violations.add(self.path(), FieldReason::Unsupported, description);
        }
    }

    fn open(&self, context: &Context, view: &View, provider: &Provider) -> Result<CredentialValue, Error> {
        match self {
            Self::Own(value) => Ok(value.clone()),
            Self::Linked(secret) => {
                let opened = open_secret(context.sealing.sealer()?, view, secret, &provider.base_url.origin());
                opened.map_err(|error| not_opened(error, secret.name.as_str()))
            }
        }
    }
}

/// The values of a stored credential in clear, for where the provider is.
///
/// # Errors
///
/// [`Error::DestinationChanged`] where they may not be sent there; when the store is sealed, or they don't open.
pub fn open_stored(
    context: &Context,
    view: &View,
    credential: &Stored<Credential>,
    provider: &Provider,
) -> Result<OpenedValues, Error> {
    let opened = open_values(context.sealing.sealer()?, view, credential, &provider.base_url.origin());
    opened.map_err(|error| not_opened(error, credential.name.as_str()))
}

/// The value alone: the second key may be for elsewhere, where it is given anew.
fn stored_value(
    context: &Context,
    view: &View,
    credential: &Stored<Credential>,
    provider: &Provider,
) -> Result<CredentialValue, Error> {
    let opened = open_value(context.sealing.sealer()?, view, credential, &provider.base_url.origin());
    opened.map_err(|error| not_opened(error, credential.name.as_str()))
}

/// The second key of a stored credential, as it is stored and in clear, for where the provider is.
///
/// # Errors
///
/// [`Error::DestinationChanged`] where it may not be sent there; when the store is sealed, or it does not open.
pub fn stored_additional_key(
    context: &Context,
    view: &View,
    credential: &Stored<Credential>,
    provider: &Provider,
) -> Result<(Option<AdditionalKey>, Option<Secret>), Error> {
    let opened = open_additional_key(context.sealing.sealer()?, view, credential, &provider.base_url.origin());
    let opened = opened.map_err(|error| not_opened(error, credential.name.as_str()))?;
    Ok((credential.spec.additional_key.clone(), opened))
}

fn not_opened(error: NotOpened, name: &str) -> Error {
    match error {
        NotOpened::Elsewhere { origin } => {
            Error::DestinationChanged { name: name.to_owned(), origin: origin.to_string() }
        }
        NotOpened::Seal(error) => Error::Sealed(error),
        NotOpened::NoSecret | NotOpened::NotAValue => Error::Sealed(SealError::DoesNotOpen),
    }
}

fn not_taken(provider: &Provider, kind: CredentialType) -> String {
    let types: Vec<_> = taken(&provider.vendor, provider.adapter).iter().map(|kind| kind_as_str(*kind)).collect();
    format!("{} takes no credential of type {}: give one of {}", provider.vendor, kind_as_str(kind), types.join(", "))
}

#[cfg(test)]
mod tests;
