//! Testing a connection: what a credential would come to with a provider, neither of which is stored.

use proto::admin::v1;
use shared::name::{CredentialName, ProjectName, ProviderName};

use super::credential::plan::{ask_about, takes_credentials};
use super::credential::validate::{Ask, Seen};
use super::discover::lists_models;
use super::provider::Providers;
use super::value::Given;
use super::{parent, parse_name};
use crate::access::Call;
use crate::error::{Error, FieldReason, FieldViolations};
use crate::health::probe::Question;
use crate::resource::{
    AuthMode, CredentialProblem, CredentialSettings, CredentialStatus, Health, HealthReason, Project, Provider,
    Resource as _, Rules, Source, Stored, is_upstream_model,
};
use crate::view::View;

/// The most models that an answer names.
pub(super) const MOST_MODELS: usize = 10_000;

/// The id that stands for that of something that is not stored.
const UNSTORED: &str = "test";

/// A request, read: the provider as it would be, and the values that it would be asked with.
struct Tested {
    provider: Stored<Provider>,
    given: Option<Given>,
}

impl Providers {
    pub(super) async fn test(
        &self,
        call: &Call,
        request: v1::TestConnectionRequest,
    ) -> Result<v1::TestConnectionResponse, Error> {
        let view = self.context.views.load();
        let project = parent::<Project>(&view, call, &request.parent)?;
        let paid_check_model = Some(request.paid_check_model.clone()).filter(|model| !model.is_empty());
        let Tested { provider, given } = self.read_test(&view, call, &project, request)?;
        let spec = &provider.spec;
        let ask = match given {
            Some(given) => match given.open(&self.context, &view, spec)? {
                Some(opened) => ask_about(spec, opened, Vec::new()),
                None => return Err(Error::field("credential.value", FieldReason::Required, "give the value")),
            },
            None => Ask { question: Question::of(spec, None), used: Vec::new() },
        };
        let ask = Ask { question: Question { paid_check_model, ..ask.question }, ..ask };
        let seen = self.validator.look(call, vec![ask]).await?.pop().ok_or(Error::StoreUnavailable(None))?;
        Ok(answer(&provider.spec, seen))
    }

    /// Reads the request, every bad field of both parts at once.
    fn read_test(
        &self,
        view: &View,
        call: &Call,
        project: &ProjectName,
        request: v1::TestConnectionRequest,
    ) -> Result<Tested, Error> {
        let rules = Rules { addresses: self.context.addresses, targets: view, source: Source::Request };
        let name: ProviderName = parse_name(&format!("{project}/providers/{UNSTORED}"), "parent")?;
        let Some(mut message) = request.provider else {
            return Err(Error::field("provider", FieldReason::Required, "give the Provider"));
        };
        if message.display_name.is_empty() {
            // Nobody calls it anything yet.
            UNSTORED.clone_into(&mut message.display_name);
        }
        let mut violations = FieldViolations::new();
        let provider = Provider::read(message, &name, (), &rules, &mut violations);
        violations = violations.within(Provider::FIELD);
        if !request.paid_check_model.is_empty() && !is_upstream_model(&request.paid_check_model) {
            violations.add("paid_check_model", FieldReason::Malformed, "name one model of the upstream");
        }
        let given = match (&provider, request.credential) {
            (Some(provider), Some(credential)) => {
                Some(read_credential(view, &name, provider, credential, &mut violations)?)
            }
            (Some(provider), None) if provider.auth_mode == AuthMode::Managed => {
                violations.add("credential", FieldReason::Required, "give the credential to test");
                None
            }
            (Some(_), None) | (None, _) => None,
        };
        let provider = violations.into_result(provider)?;
        let provider = Stored::new(name, String::new(), provider, call.now);
        // A caller's own key is not ours to test.
        if given.is_some() || provider.spec.auth_mode == AuthMode::Passthrough {
            takes_credentials(&provider)?;
        }
        Ok(Tested { provider, given })
    }
}

fn read_credential(
    view: &View,
    provider_name: &ProviderName,
    provider: &Provider,
    mut message: v1::Credential,
    violations: &mut FieldViolations,
) -> Result<Given, Error> {
    let name: CredentialName = parse_name(&format!("{provider_name}/credentials/{UNSTORED}"), "parent")?;
    let mut fields = FieldViolations::new();
    let given = Given::read_new(view, provider_name, provider, &mut message, &mut fields);
    let _ = CredentialSettings::read(message, &name, &mut fields);
    violations.append(fields.within("credential"));
    Ok(given)
}

fn answer(provider: &Provider, seen: Seen) -> v1::TestConnectionResponse {
    let Seen { validated, models } = seen;
    let status = validated.status(0);
    let (state, reason) = verdict(&status);
    v1::TestConnectionResponse {
        state: state.into(),
        state_reason: reason.map_or(0, |reason| reason.to_message().into()),
        error: status.last_error.as_ref().map(CredentialProblem::to_message),
        // A list that the check goes by may be of something else: Azure's has no deployments, which are what is asked for.
        upstream_models: if lists_models(provider) { in_order(models) } else { Vec::new() },
        base_url: provider.base_url.to_string(),
    }
}

/// A value that could only be stored by skipping validation did not pass.
fn verdict(status: &CredentialStatus) -> (v1::CredentialState, Option<HealthReason>) {
    match (status.health, &status.last_error) {
        (Health::Active, _) => (v1::CredentialState::Active, status.reason),
        (Health::Unverified, None) => (v1::CredentialState::Unverified, status.reason),
        (Health::Unverified | Health::Inactive, _) => {
            // Something is known of it.
            (v1::CredentialState::Inactive, status.reason.filter(|reason| *reason != HealthReason::NotYetUsed))
        }
    }
}

/// Models in the order of their names, each once, as many as an answer names.
fn in_order(mut models: Vec<String>) -> Vec<String> {
    models.sort_unstable();
    models.dedup();
    models.truncate(MOST_MODELS);
    models
}

#[cfg(test)]
mod tests;
