//! Connecting a provider: it, its first credential, its environments and its models, in one commit or not at all.
//!
//! ```text
//! faults of every part, at once ─► the value, validated with the provider as it would be ─► one commit
//! ```

use std::collections::BTreeSet;

use prost::Message as _;
use proto::admin::v1;
use shared::id;
use shared::name::{EnvironmentName, ProjectName, ProviderName, ResourceName as _};

use super::credential::plan::{self, New, Planned};
use super::credential::validate::Validated;
use super::provider::{Providers, counts, message};
use super::{Begun, Mode, Named, Plan, parent};
use crate::access::{Allowed, Call};
use crate::error::{Error, FieldReason, FieldViolations};
use crate::resource::{
    AuthMode, Credential, CredentialState, Exposure, Model, Project, Provider, Resource as _, Rules, Stored, Targets,
};
use crate::store::MAX_VALUE_BYTES;
use crate::view::View;

/// The id of a first credential that nobody calls anything.
const FIRST_CREDENTIAL: &str = "default";

/// The most bytes of an answer: it is remembered in one record.
const MOST_ANSWER_BYTES: usize = MAX_VALUE_BYTES - 4096;

/// The parts of a request that are good.
struct Parts {
    provider_name: Allowed<ProviderName>,
    provider: Provider,
    models: Vec<(Allowed<shared::name::ModelName>, Model)>,
}

/// The uids of what is made, the same in every decision: values are sealed for them.
struct Uids {
    provider: String,
    credential: String,
}

/// What can be referred to, once the provider is there.
#[derive(Debug)]
struct WithProvider<'a> {
    view: &'a View,
    name: &'a ProviderName,
    provider: &'a Provider,
}

impl Targets for WithProvider<'_> {
    fn has_environment(&self, name: &EnvironmentName) -> bool {
        self.view.has_environment(name)
    }

    fn exposure(&self, provider: &ProviderName, upstream_model: &str) -> Exposure {
        match provider == self.name {
            true if self.provider.exposes(upstream_model) => Exposure::Exposed,
            true => Exposure::NotExposed,
            false => self.view.exposure(provider, upstream_model),
        }
    }

    fn auth_mode(&self, provider: &ProviderName) -> Option<AuthMode> {
        if provider == self.name { Some(self.provider.auth_mode) } else { self.view.auth_mode(provider) }
    }
}

impl Providers {
    pub(super) async fn connect(
        &self,
        call: &Call,
        mut request: v1::ConnectProviderRequest,
    ) -> Result<v1::ConnectProviderResponse, Error> {
        let mode = request.clone();
        let mode = Mode::of(mode.validate_only, &mode.request_id);
        let write = match self.context.begin(call, &request, mode).await? {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(write) => write,
        };
        complete(&mut request);
        let uids = Uids {
            provider: id::uid(Provider::UID_PREFIX, call.now),
            credential: id::uid(Credential::UID_PREFIX, call.now),
        };
        let asks = {
            let view = self.context.views.load();
            let mut plan = Plan::new(&view, call, self.context.addresses, true);
            self.plan_connect(&mut plan, &request, &uids, &[])?.asks
        };
        let validated = self.validator.validate(call, asks, request.skip_validation).await?;
        write.commit(|plan| self.plan_connect(plan, &request, &uids, &validated)?.into_answer()).await
    }

    fn plan_connect(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::ConnectProviderRequest,
        uids: &Uids,
        validated: &[Validated],
    ) -> Result<Planned<v1::ConnectProviderResponse>, Error> {
        let project = parent::<Project>(plan.view, plan.call, &request.parent)?;
        let Parts { provider_name, provider, models } = read(plan, &project, request)?;
        let stored = plan.insert(provider_name, uids.provider.clone(), provider)?;
        let mut answer =
            v1::ConnectProviderResponse { provider: Some(message(plan.view, &stored)), ..Default::default() };
        let mut asks = Vec::new();
        if request.credential.is_some() {
            let new = New {
                provider: &stored,
                id: &request.credential_id,
                credential: &request.credential,
                uid: &uids.credential,
            };
            let planned = plan::insert(&self.context, plan, new, validated)?;
            let state = CredentialState::ALL.into_iter().filter(|state| state.to_message() == planned.answer.state());
            if let Some(provider) = &mut answer.provider {
                provider.credential_counts = counts(state);
            }
            answer.credential = Some(planned.answer);
            asks = planned.asks;
        }
        for (name, model) in models {
            let made = plan.insert(name, id::uid(Model::UID_PREFIX, plan.call.now), model)?;
            answer.models.push(made.to_message(plan.view.identity.epoch));
        }
        if answer.encoded_len() > MOST_ANSWER_BYTES {
            return Err(Error::field("models", FieldReason::TooLong, "make fewer models at once"));
        }
        Ok(Planned { answer, asks })
    }
}

/// Fills in what the request leaves to its place: the credential's id.
fn complete(request: &mut v1::ConnectProviderRequest) {
    let unnamed = request.credential.as_ref().is_some_and(|credential| credential.display_name.trim().is_empty());
    if unnamed && request.credential_id.is_empty() {
        FIRST_CREDENTIAL.clone_into(&mut request.credential_id);
    }
}

/// Reads every part, and names every bad field of all of them.
fn read(plan: &Plan<'_>, project: &ProjectName, request: &v1::ConnectProviderRequest) -> Result<Parts, Error> {
    let Some(given) = request.provider.clone() else {
        return Err(Error::field("provider", FieldReason::Required, "give the Provider"));
    };
    let Named { allowed: provider_name, name, mut violations } =
        plan.new_name::<Provider>(project.as_str(), &request.provider_id, &given)?;
    let mut fields = FieldViolations::new();
    let provider = Provider::read(given.clone(), &name, (), &plan.rules(), &mut fields);
    violations.append(fields.within(Provider::FIELD));
    // Without a provider that stands, one in its place lets the other parts be read.
    let standing = provider.clone().or_else(|| stand_in(plan, &name, given));
    let mut models = Vec::new();
    if let Some(standing) = standing {
        violations.append(credential_faults(plan, request, &name, &standing)?);
        let targets = WithProvider { view: plan.view, name: &name, provider: &standing };
        let rules = Rules { targets: &targets, ..plan.rules() };
        models = read_models(plan, project, request, (&name, &rules), &mut violations)?;
    }
    let (provider_name, provider) = violations.into_result(provider_name.zip(provider))?;
    Ok(Parts { provider_name, provider, models })
}

/// The provider with an address where its own is missing, so that faults of other parts are found beside that one.
fn stand_in(plan: &Plan<'_>, name: &ProviderName, given: v1::Provider) -> Option<Provider> {
    let base_url = "https://upstream.example".to_owned();
    let given = v1::Provider { base_url, ..given };
    Provider::read(given, name, (), &plan.rules(), &mut FieldViolations::new())
}

fn credential_faults(
    plan: &Plan<'_>,
    request: &v1::ConnectProviderRequest,
    name: &ProviderName,
    provider: &Provider,
) -> Result<FieldViolations, Error> {
    let mut violations = FieldViolations::new();
    if request.credential.is_some() {
        let provider = Stored::new(name.clone(), String::new(), provider.clone(), plan.call.now);
        let new = New { provider: &provider, id: &request.credential_id, credential: &request.credential, uid: "" };
        violations.append(plan::faults(plan, new)?);
        return Ok(violations);
    }
    if provider.auth_mode == AuthMode::Managed {
        violations.add("credential", FieldReason::Required, "give the first credential, or another auth_mode");
    }
    if !request.credential_id.is_empty() {
        violations.add("credential_id", FieldReason::Unsupported, "leave it out, or give the credential that it names");
    }
    Ok(violations)
}

fn read_models(
    plan: &Plan<'_>,
    project: &ProjectName,
    request: &v1::ConnectProviderRequest,
    (provider, rules): (&ProviderName, &Rules<'_>),
    violations: &mut FieldViolations,
) -> Result<Vec<(Allowed<shared::name::ModelName>, Model)>, Error> {
    let (mut ids, mut display_names) = (BTreeSet::new(), BTreeSet::new());
    let mut models = Vec::with_capacity(request.models.len());
    for (at, v1::ConnectedModel { model_id, model }) in request.models.iter().enumerate() {
        let mut faults = FieldViolations::new();
        if model.is_none() {
            faults.add("model", FieldReason::Required, "give the Model");
        }
        let mut given = model.clone().unwrap_or_default();
        for target in given.targets.iter_mut().filter(|target| target.provider.is_empty()) {
            target.provider = provider.to_string();
        }
        if model_id.is_empty() {
            faults.add("model_id", FieldReason::Required, "say what callers ask for");
        } else if !ids.insert(model_id) {
            faults.add("model_id", FieldReason::Duplicate, "another model of the request has it");
        }
        let id = if model_id.is_empty() { "unnamed" } else { model_id };
        let Named { allowed, name, violations: named } = plan.new_name::<Model>(project.as_str(), id, &given)?;
        faults.append(named);
        let mut fields = FieldViolations::new();
        let read = Model::read(given, &name, (), rules, &mut fields);
        if read.as_ref().is_some_and(|read| !display_names.insert(read.display_name.clone())) {
            fields.add("display_name", FieldReason::Duplicate, "another model of the request has it");
        }
        faults.append(fields.within(Model::FIELD));
        violations.append(faults.within(&format!("models[{at}]")));
        models.extend(allowed.zip(read));
    }
    Ok(models)
}

#[cfg(test)]
mod tests;
