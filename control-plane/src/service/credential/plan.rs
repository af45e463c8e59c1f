//! What a write of a credential puts, with what has to be asked of the provider first.

use proto::admin::v1;
use shared::name::ProviderName;

use super::form::{message, message_at};
use super::validate::{Ask, Validated};
use crate::error::{Error, FieldReason, FieldViolations};
use crate::health::probe::Question;
use crate::resource::{
    AuthMode, Credential, CredentialSettings, CredentialStatus, Provider, Resource as _, Stored, key,
};
use crate::service::value::{AdditionalKeyChange, Given, Made, Used};
use crate::service::{Context, Named, Plan};
use crate::store::Precondition;
use crate::view::{OpenedValues, View};

/// A change that was decided.
#[derive(Debug)]
pub(in crate::service) struct Planned<A> {
    pub(in crate::service) answer: A,
    /// What has to be asked first; empty where nothing has, or it was.
    pub(in crate::service) asks: Vec<Ask>,
}

impl<A> Planned<A> {
    /// The answer, once everything was asked.
    ///
    /// # Errors
    ///
    /// When the world moved so that something has to be asked that was not.
    pub(in crate::service) fn into_answer(self) -> Result<A, Error> {
        if self.asks.is_empty() { Ok(self.answer) } else { Err(Error::StoreUnavailable(None)) }
    }
}

/// A credential that is to be made.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct New<'a> {
    /// Its provider, which the same commit may make.
    pub(in crate::service) provider: &'a Stored<Provider>,
    /// The id that was given, or none.
    pub(in crate::service) id: &'a str,
    /// What was given.
    pub(in crate::service) credential: &'a Option<v1::Credential>,
    /// Its uid, the same in every decision: values are sealed for it.
    pub(in crate::service) uid: &'a str,
}

/// Puts a new credential.
pub(in crate::service) fn insert(
    context: &Context,
    plan: &mut Plan<'_>,
    new: New<'_>,
    validated: &[Validated],
) -> Result<Planned<v1::Credential>, Error> {
    let New { provider, id, credential, uid } = new;
    takes_credentials(provider)?;
    let mut message =
        credential.clone().ok_or_else(|| Error::field("credential", FieldReason::Required, "give the Credential"))?;
    let Named { allowed, name, mut violations } =
        plan.new_name::<Credential>(provider.name.to_string().as_str(), id, &message)?;
    let mut fields = FieldViolations::new();
    let given = Given::read_new(plan.view, &provider.name, &provider.spec, &mut message, &mut fields);
    let settings = CredentialSettings::read(message, &name, &mut fields);
    violations.append(fields.within(Credential::FIELD));
    let name = violations.into_result(allowed)?;
    let made = given.make(context, plan.view, (&provider.spec, uid), None)?;
    let stored = plan.insert(name, uid.to_owned(), settings.with_values(made.values.clone()))?;
    finish(plan, &stored, (provider, made), validated)
}

/// What is wrong with the fields of a new credential, without putting it: for whoever names the faults of other parts too.
pub(in crate::service) fn faults(plan: &Plan<'_>, new: New<'_>) -> Result<FieldViolations, Error> {
    let New { provider, id, credential, .. } = new;
    let mut message = credential.clone().unwrap_or_default();
    let Named { name, mut violations, .. } =
        plan.new_name::<Credential>(provider.name.to_string().as_str(), id, &message)?;
    let mut fields = FieldViolations::new();
    let _ = Given::read_new(plan.view, &provider.name, &provider.spec, &mut message, &mut fields);
    let _ = CredentialSettings::read(message, &name, &mut fields);
    violations.append(fields.within(Credential::FIELD));
    Ok(violations)
}

/// Puts a credential's new form.
pub(in crate::service) fn update(
    context: &Context,
    plan: &mut Plan<'_>,
    request: &v1::UpdateCredentialRequest,
    validated: &[Validated],
) -> Result<Planned<v1::Credential>, Error> {
    let (current, mut merged, mut violations) =
        plan.merge::<Credential>(request.credential.clone(), request.update_mask.clone())?;
    let view = plan.view;
    let provider = stored_provider(view, &current.name.provider())?;
    let mut fields = FieldViolations::new();
    let mut given = Given::read(view, &provider.name, &provider.spec, &mut merged, &mut fields);
    if !merged.additional_key_set && matches!(given.additional_key, AdditionalKeyChange::Keep) {
        given.additional_key = match current.spec.additional_key {
            Some(_) => AdditionalKeyChange::Drop,
            None => AdditionalKeyChange::Keep,
        };
    }
    let settings = CredentialSettings::read(merged, &current.name, &mut fields);
    violations.append(fields.within(Credential::FIELD));
    let settings = violations.into_result(Some(settings))?;
    if given.value.is_none() && matches!(given.additional_key, AdditionalKeyChange::Keep) {
        let stored = plan.replace(&current, settings.with_values(current.spec.values()))?;
        let answer = v1::Credential {
            last_used_time: context.views.last_used().of(&stored),
            ..message(plan.view, &stored, &plan.view.status_of(&current))
        };
        return Ok(Planned { answer, asks: Vec::new() });
    }
    renew(context, plan, &current, (settings, given), validated)
}

/// Puts a credential with new values.
pub(super) fn renew(
    context: &Context,
    plan: &mut Plan<'_>,
    current: &Stored<Credential>,
    (settings, given): (CredentialSettings, Given),
    validated: &[Validated],
) -> Result<Planned<v1::Credential>, Error> {
    let view = plan.view;
    let provider = stored_provider(view, &current.name.provider())?;
    takes_credentials(provider)?;
    let made = given.make(context, view, (&provider.spec, &current.meta.uid), Some(current))?;
    let stored = plan.replace(current, settings.with_values(made.values.clone()))?;
    let Planned { answer, asks } = finish(plan, &stored, (provider, made), validated)?;
    let answer = v1::Credential { last_used_time: context.views.last_used().of(&stored), ..answer };
    Ok(Planned { answer, asks })
}

/// Puts the status of new values beside them, and relies on the provider being where they were bound to and asked about.
fn finish(
    plan: &mut Plan<'_>,
    stored: &Stored<Credential>,
    (provider, made): (&Stored<Provider>, Made),
    validated: &[Validated],
) -> Result<Planned<v1::Credential>, Error> {
    let ask = ask_about(&provider.spec, made.opened, made.used);
    let Some(validated) = validated.first() else {
        let answer = message_at(plan.view, stored, &CredentialStatus::default(), &provider.spec);
        return Ok(Planned { answer, asks: vec![ask] });
    };
    let status = put_status(plan, stored, provider, (validated, &ask))?;
    Ok(Planned { answer: message_at(plan.view, stored, &status, &provider.spec), asks: Vec::new() })
}

/// What is asked of the provider about values, some of which were stored before.
pub(in crate::service) fn ask_about(provider: &Provider, opened: OpenedValues, used: Vec<Used>) -> Ask {
    let OpenedValues { value, additional_key } = opened;
    Ask { question: Question { additional_key, ..Question::of(provider, Some(value)) }, used }
}

/// Puts the status that a credential's new values begin with.
pub(in crate::service) fn put_status(
    plan: &mut Plan<'_>,
    stored: &Stored<Credential>,
    provider: &Stored<Provider>,
    (validated, ask): (&Validated, &Ask),
) -> Result<CredentialStatus, Error> {
    if !validated.is_of(ask) {
        // The provider moved, or a stored value changed, while it was asked: what it answered is of something else.
        return Err(Error::StoreUnavailable(None));
    }
    let status = validated.status(stored.spec.value.version);
    // A provider that this commit makes has none yet.
    if provider.meta.revision.0 > 0 {
        plan.draft()
            .require(Precondition::Unchanged(key::spec(provider.name.to_string().as_str()), provider.meta.revision));
    }
    plan.draft().put(key::status(stored.name.to_string().as_str()), status.to_record());
    Ok(status)
}

/// The provider of that name.
pub(in crate::service) fn stored_provider<'v>(
    view: &'v View,
    name: &ProviderName,
) -> Result<&'v Stored<Provider>, Error> {
    view.providers.get(name).map(|provider| &**provider).ok_or_else(|| Error::not_found(name))
}

pub(in crate::service) fn takes_credentials(provider: &Stored<Provider>) -> Result<(), Error> {
    match provider.spec.auth_mode {
        AuthMode::Managed => Ok(()),
        mode @ (AuthMode::None | AuthMode::Passthrough) => {
            Err(Error::AuthModeForbids { name: provider.name.to_string(), auth_mode: mode.as_str().to_owned() })
        }
    }
}
