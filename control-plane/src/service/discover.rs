//! Discovering a provider's models: what its stored credentials can list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::admin::v1;
use shared::adapter::{Call as UpstreamCall, Delivery, NoAddress, Operation, adapter};
use shared::catalog;
use shared::name::CredentialName;

use super::connection::MOST_MODELS;
use super::credential::plan::ask_about;
use super::credential::validate::{Ask, Seen};
use super::get;
use super::provider::Providers;
use super::value::open_stored;
use crate::access::Call;
use crate::error::Error;
use crate::health::probe::Question;
use crate::resource::{AuthMode, Credential, CredentialProblem, CredentialState, Provider, Stored};
use crate::view::View;

/// The most credentials that are asked: what several accounts can list differs little, and each question spends one of ten a minute.
const MOST_ASKED: usize = 5;

impl Providers {
    pub(super) async fn discover(&self, call: &Call, name: &str) -> Result<v1::DiscoverModelsResponse, Error> {
        let view = self.context.views.load();
        let provider = get::<Provider>(&view, call, name)?;
        if !lists_models(&provider.spec) {
            let vendor = provider.spec.vendor.clone();
            return Err(Error::ModelListingUnsupported { name: provider.name.to_string(), vendor });
        }
        let asked = match provider.spec.auth_mode {
            AuthMode::Managed => serving(&view, &provider),
            AuthMode::None => {
                let seen = self
                    .validator
                    .look(call, vec![Ask { question: Question::of(&provider.spec, None), used: Vec::new() }]);
                return keyless(&provider, seen.await?);
            }
            mode @ AuthMode::Passthrough => {
                let (name, auth_mode) = (provider.name.to_string(), mode.as_str().to_owned());
                return Err(Error::AuthModeForbids { name, auth_mode });
            }
        };
        let mut asks = Vec::with_capacity(asked.len());
        for credential in &asked {
            let opened = open_stored(&self.context, &view, credential, &provider.spec)?;
            asks.push(ask_about(&provider.spec, opened, Vec::new()));
        }
        let seen = self.validator.look(call, asks).await?;
        let answers = asked.iter().map(|credential| credential.name.clone()).zip(seen);
        Ok(joined(&provider.spec, answers))
    }
}

/// Whether the vendor has a list: the catalog's word, or else the adapter's.
pub(super) fn lists_models(provider: &Provider) -> bool {
    let entry = catalog::entry(&provider.vendor).filter(|entry| entry.adapter == provider.adapter);
    let list = UpstreamCall { operation: Operation::ListModels, model: "", delivery: Delivery::Whole, page: None };
    let address = || adapter(provider.adapter).address(&provider.place(), None, list);
    entry.map_or_else(|| !matches!(address(), Err(NoAddress::Unsupported)), |entry| entry.lists_models)
}

/// The credentials that are asked: those that serve, the proven ones first.
fn serving(view: &View, provider: &Stored<Provider>) -> Vec<Arc<Stored<Credential>>> {
    let state = |credential: &Stored<Credential>| credential.spec.state(&view.status_of(credential), &provider.spec).0;
    let serving = view.credentials_of(&provider.name).filter(|credential| state(credential).serves());
    let (proven, unproven): (Vec<_>, Vec<_>) =
        serving.cloned().partition(|credential| state(credential) == CredentialState::Active);
    proven.into_iter().chain(unproven).take(MOST_ASKED).collect()
}

fn keyless(provider: &Stored<Provider>, seen: Vec<Seen>) -> Result<v1::DiscoverModelsResponse, Error> {
    let mut models = Vec::new();
    for Seen { validated, models: found } in seen {
        // There is no credential that could be named with what was wrong.
        validated.admit(false)?;
        models.extend(found);
    }
    let models: BTreeSet<_> = models.into_iter().collect();
    let discovered = models.into_iter().take(MOST_MODELS).map(|upstream_model| {
        let exposed = provider.spec.exposes(&upstream_model);
        v1::DiscoveredModel { upstream_model, exposed, credentials: Vec::new() }
    });
    Ok(v1::DiscoverModelsResponse { models: discovered.collect(), unlisted: Vec::new() })
}

/// What several credentials can list, together.
fn joined(provider: &Provider, answers: impl Iterator<Item = (CredentialName, Seen)>) -> v1::DiscoverModelsResponse {
    let mut listers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unlisted = Vec::new();
    let mut asked = 0;
    for (credential, Seen { validated, models }) in answers {
        asked += 1;
        if let Some(problem) = validated.status(0).last_error.as_ref().map(CredentialProblem::to_message) {
            unlisted.push(v1::UnlistedCredential { credential: credential.to_string(), error: Some(problem) });
        }
        for model in models {
            listers.entry(model).or_default().insert(credential.to_string());
        }
    }
    let models = listers.into_iter().take(MOST_MODELS).map(|(upstream_model, credentials)| {
        let exposed = provider.exposes(&upstream_model);
        let all = credentials.len() == asked;
        let credentials = if all { Vec::new() } else { credentials.into_iter().collect() };
        v1::DiscoveredModel { upstream_model, exposed, credentials }
    });
    v1::DiscoverModelsResponse { models: models.collect(), unlisted }
}

#[cfg(test)]
mod tests;
