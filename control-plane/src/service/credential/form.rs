//! A credential as the API shows it: what an admin set with what was observed, and the fields to filter by.

use proto::admin::v1;

use crate::resource::{Credential, CredentialProblem, CredentialStatus, Provider, Stored, timestamp};
use crate::service::{Field, FieldValue};
use crate::view::View;

/// The fields to filter by.
pub(super) const FIELDS: [Field; 5] = [
    Field::of_enum("state", "CREDENTIAL_STATE_", |name| v1::CredentialState::from_str_name(name).is_some()),
    Field::of_enum("state_reason", "CREDENTIAL_STATE_REASON_", |name| {
        v1::CredentialStateReason::from_str_name(name).is_some()
    }),
    Field::text("owner"),
    Field::bool("disabled"),
    Field::text("display_name"),
];

/// A credential as the API answers it, with what was observed of it.
pub(super) fn message(view: &View, credential: &Stored<Credential>, status: &CredentialStatus) -> v1::Credential {
    match view.providers.get(&credential.name.provider()) {
        Some(provider) => message_at(view, credential, status, &provider.spec),
        None => observed(view, credential, status),
    }
}

/// The same with the provider at hand, which the view may not have yet.
pub(super) fn message_at(
    view: &View,
    credential: &Stored<Credential>,
    status: &CredentialStatus,
    provider: &Provider,
) -> v1::Credential {
    let (state, reason) = credential.spec.state(status, provider);
    v1::Credential {
        state: state.to_message().into(),
        state_reason: reason.map_or(0, |reason| reason.to_message().into()),
        ..observed(view, credential, status)
    }
}

fn observed(view: &View, credential: &Stored<Credential>, status: &CredentialStatus) -> v1::Credential {
    let mut message = credential.to_message(view.identity.epoch);
    message.last_check_time = status.last_check_time.map(timestamp);
    message.last_error = status.last_error.as_ref().map(CredentialProblem::to_message);
    message
}

/// One of [`FIELDS`].
pub(super) fn field<'a>(view: &View, credential: &'a Stored<Credential>, name: &str) -> FieldValue<'a> {
    let state = || view.state_of(credential);
    match name {
        "state" => FieldValue::Enum(
            state().map_or(v1::CredentialState::Unspecified, |(state, _)| state.to_message()).as_str_name(),
        ),
        "state_reason" => FieldValue::Enum(
            state()
                .and_then(|(_, reason)| reason)
                .map_or(v1::CredentialStateReason::Unspecified, |reason| reason.to_message())
                .as_str_name(),
        ),
        "owner" => credential.spec.owner.as_str().into(),
        "disabled" => credential.spec.disabled.into(),
        _ => credential.spec.display_name.as_str().into(),
    }
}
