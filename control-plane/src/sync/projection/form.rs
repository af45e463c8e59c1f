//! One resource in the form in which the proxies of an environment get it.
//!
//! What is in a form depends on the resource's own record, and for a model on where its targets' providers are active: nothing of one
//! environment may ever stand in another one's bytes, not even a provider's name.

mod credential;
mod provider;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use prost::Message as _;
use proto::sync::v1;
use shared::digest::Digest;
use shared::name::{CredentialName, EnvironmentName};
use shared::secret::Secret;

use super::{Form, Key};
use crate::resource::{CallerKey, Credential, CredentialState, Model, Provider, Stored};
use crate::store::seal::OpenValue;
use crate::view::{OpenedValues, View, open_values};

use self::credential::credential;

/// Makes forms, and notes what does not open.
pub(super) struct Forms<'a, O> {
    opener: &'a O,
    pub(super) unopened: BTreeSet<CredentialName>,
}

impl<'a, O: OpenValue> Forms<'a, O> {
    pub(super) fn new(opener: &'a O) -> Self {
        Self { opener, unopened: BTreeSet::new() }
    }

    /// The resource's form in every environment that has it.
    pub(super) fn of(&mut self, view: &View, key: &Key) -> BTreeMap<EnvironmentName, Form> {
        let environments = environments(view, key);
        if let Key::Model(_) = key {
            let forms = environments.into_iter().filter_map(|environment| {
                let form = self.in_environment(view, key, &environment)?;
                Some((environment, form))
            });
            return forms.collect();
        }
        // The same for all of them, so a value is opened once.
        let Some(first) = environments.first() else { return BTreeMap::new() };
        let Some(form) = self.in_environment(view, key, first) else { return BTreeMap::new() };
        environments.into_iter().map(|environment| (environment, form.clone())).collect()
    }

    /// The resource's form in one environment; `None` where the environment does not have it.
    pub(super) fn in_environment(&mut self, view: &View, key: &Key, environment: &EnvironmentName) -> Option<Form> {
        match key {
            Key::Environment(_) => None,
            Key::Provider(name) => {
                let stored = view.providers.get(name)?;
                let active = stored.spec.environments.contains(environment);
                active.then(|| form(key, stored.meta.revision.0, provider::provider(&stored.spec).encode_to_vec()))
            }
            Key::Credential(name) => {
                let stored = view.credentials.get(name)?;
                let provider = view.providers.get(&name.provider())?;
                let state = serving_state(view, stored, &provider.spec)?;
                if !provider.spec.environments.contains(environment) {
                    return None;
                }
                let opened = self.open(view, stored, &provider.spec)?;
                let message = credential(&stored.spec, state, &opened);
                Some(form(key, stored.meta.revision.0, message.encode_to_vec()))
            }
            Key::Model(name) => {
                let stored = view.models.get(name)?;
                let message = model(view, &stored.spec, environment)?;
                Some(form(key, stored.meta.revision.0, message.encode_to_vec()))
            }
            Key::CallerKey(name) => {
                let stored = view.caller_keys.get(name)?;
                let here = stored.spec.environment == *environment;
                here.then(|| form(key, stored.meta.revision.0, caller_key(&stored.spec).encode_to_vec()))
            }
        }
    }

    /// The values, for where the provider is now.
    fn open(&mut self, view: &View, stored: &Stored<Credential>, provider: &Provider) -> Option<OpenedValues> {
        let opened = open_values(self.opener, view, stored, &provider.base_url.origin());
        if opened.is_err() {
            self.unopened.insert(stored.name.clone());
        }
        opened.ok()
    }
}

/// Whether a credential serves anywhere.
pub(super) fn serves(view: &View, name: &CredentialName) -> bool {
    let (Some(stored), Some(provider)) = (view.credentials.get(name), view.providers.get(&name.provider())) else {
        return false;
    };
    serving_state(view, stored, &provider.spec).is_some()
}

/// The credential's state, if it serves and its provider is enabled.
fn serving_state(view: &View, stored: &Stored<Credential>, provider: &Provider) -> Option<CredentialState> {
    let (state, _) = stored.spec.state(&view.status_of(stored), provider);
    (provider.enabled && state.serves()).then_some(state)
}

/// The environments that may have the resource, those that are not in the view left out.
fn environments(view: &View, key: &Key) -> BTreeSet<EnvironmentName> {
    let mut environments = match key {
        Key::Environment(_) => BTreeSet::new(),
        Key::Provider(name) => {
            view.providers.get(name).map(|stored| stored.spec.environments.clone()).unwrap_or_default()
        }
        Key::Credential(name) => {
            let provider = name.provider();
            view.providers.get(&provider).map(|stored| stored.spec.environments.clone()).unwrap_or_default()
        }
        Key::Model(name) => {
            view.models.get(name).map(|stored| model_environments(view, &stored.spec)).unwrap_or_default()
        }
        Key::CallerKey(name) => {
            view.caller_keys.get(name).map(|stored| stored.spec.environment.clone()).into_iter().collect()
        }
    };
    environments.retain(|environment| view.environments.contains_key(environment));
    environments
}

fn model_environments(view: &View, model: &Model) -> BTreeSet<EnvironmentName> {
    if !model.environments.is_empty() {
        return model.environments.clone();
    }
    let providers = model.targets.iter().filter_map(|target| view.providers.get(&target.provider));
    providers.flat_map(|stored| stored.spec.environments.iter().cloned()).collect()
}

fn form(key: &Key, version: u64, put: Vec<u8>) -> Form {
    let digest = Digest::of(key.kind().into(), key.name(), version, &put);
    // All forms take the way of the secret ones, so that none is forgotten.
    Form { version, put: Secret::new(put).expose_shared(), digest }
}

/// The model's form; `None` where the environment does not have the model.
fn model(view: &View, model: &Model, environment: &EnvironmentName) -> Option<v1::ModelConfig> {
    let active = |provider| {
        view.providers
            .get(provider)
            .is_some_and(|stored: &std::sync::Arc<Stored<Provider>>| stored.spec.environments.contains(environment))
    };
    let targets: Vec<_> = model.targets.iter().filter(|target| active(&target.provider)).collect();
    let here =
        if model.environments.is_empty() { !targets.is_empty() } else { model.environments.contains(environment) };
    here.then(|| v1::ModelConfig {
        targets: targets
            .into_iter()
            .map(|target| v1::ModelTarget {
                provider: target.provider.to_string(),
                upstream_model: target.upstream_model.clone(),
                weight: target.weight.get(),
                priority: target.priority,
            })
            .collect(),
        timeout_ms: u64::try_from(model.timeout.as_millis()).unwrap_or(u64::MAX),
        max_attempts: model.max_attempts,
    })
}

fn caller_key(key: &CallerKey) -> v1::CallerKeyConfig {
    v1::CallerKeyConfig {
        sha256: key.sha256.to_vec().into(),
        allowed_models: key.allowed_models.iter().cloned().collect(),
        expire_time_ms: key.expire_time.map_or(0, millis),
        disabled: key.disabled,
    }
}

/// Milliseconds since 1970. A time before that is the first one, since 0 means never.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
}
