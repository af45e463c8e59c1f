//! What a commit changes for which environments. Pure.
//!
//! ```text
//! changed keys ─► affected resources ─► forms in the old view ┐
//!                                   └─► forms in the new view ┴─► steps, per environment
//! ```
//!
//! A feed keeps no puts, so that secrets stay sealed in memory: what a resource was before is projected anew from the old view. The naive
//! difference of two whole states is the oracle of the tests.

mod form;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use imbl::OrdMap;
use proto::sync::v1;
use shared::digest::Digest;
use shared::name::{
    CallerKeyName, CredentialName, EnvironmentName, ModelName, ProjectName, ProviderName, ResourceName,
};

use crate::store::seal::OpenValue;
use crate::view::View;

/// A resource that proxies get, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An environment: not sent itself, but it begins and ends its feed.
    Environment(EnvironmentName),
    /// A provider.
    Provider(ProviderName),
    /// A credential, whether what an admin set or what was observed of it.
    Credential(CredentialName),
    /// A model.
    Model(ModelName),
    /// A caller key.
    CallerKey(CallerKeyName),
}

impl Key {
    /// The resource that a store's key is of; `None` for what no proxy gets.
    #[must_use]
    pub fn of_record(key: &str) -> Option<Self> {
        let name = key.strip_prefix("spec/").or_else(|| key.strip_prefix("status/"))?;
        match name.split('/').nth(2)? {
            "environments" => name.parse().ok().map(Self::Environment),
            "models" => name.parse().ok().map(Self::Model),
            "callerKeys" => name.parse().ok().map(Self::CallerKey),
            "providers" => {
                let credential = name.parse().ok().map(Self::Credential);
                credential.or_else(|| name.parse().ok().map(Self::Provider))
            }
            _ => None,
        }
    }

    /// Its kind on the wire; unspecified for an environment, which is never sent.
    #[must_use]
    pub fn kind(&self) -> v1::Kind {
        match self {
            Self::Environment(_) => v1::Kind::Unspecified,
            Self::Provider(_) => v1::Kind::Provider,
            Self::Credential(_) => v1::Kind::Credential,
            Self::Model(_) => v1::Kind::Model,
            Self::CallerKey(_) => v1::Kind::CallerKey,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Environment(name) => name.as_str(),
            Self::Provider(name) => name.as_str(),
            Self::Credential(name) => name.as_str(),
            Self::Model(name) => name.as_str(),
            Self::CallerKey(name) => name.as_str(),
        }
    }
}

/// A resource in the form in which proxies get it.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    /// The revision that last wrote its record.
    pub version: u64,
    /// The message of its kind, encoded. Zeroized with its last clone, as it may hold a secret.
    pub put: Bytes,
    /// Its part of the environment's digest.
    pub digest: Digest,
}

/// What changes for one resource in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What kind of resource it is.
    pub kind: v1::Kind,
    /// Its name.
    pub name: String,
    /// Its part of the digest before; `None` where the environment did not have it.
    pub before: Option<Digest>,
    /// Its form after; `None` where the environment has it no more.
    pub after: Option<Form>,
}

/// What changes, and what could not be opened on the way.
#[derive(Debug, Default)]
pub struct Projected {
    /// The steps of each environment that is in the new view and that something changes for, by kind and name.
    pub steps: BTreeMap<EnvironmentName, Vec<Step>>,
    /// Credentials whose value does not open: they are treated as if they did not serve.
    pub unopened: BTreeSet<CredentialName>,
}

/// The whole state of one environment.
#[derive(Debug, Default)]
pub struct Whole {
    /// Its resources, by kind and name.
    pub resources: Vec<(Key, Form)>,
    /// Credentials whose value does not open.
    pub unopened: BTreeSet<CredentialName>,
}

impl Whole {
    /// The digest of the state.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.resources.iter().fold(Digest::default(), |sum, (_, form)| sum.plus(form.digest))
    }
}

/// What the changed keys, of one commit or of several folded ones, change for which environments.
#[must_use]
pub fn project<O: OpenValue>(old: &View, new: &View, changed: &BTreeSet<Key>, opener: &O) -> Projected {
    let mut forms = form::Forms::new(opener);
    let mut steps: BTreeMap<EnvironmentName, Vec<Step>> = BTreeMap::new();
    for key in affected(old, new, changed) {
        let mut before = forms.of(old, &key);
        for (environment, after) in forms.of(new, &key) {
            let before = before.remove(&environment).map(|form| form.digest);
            push(&mut steps, new, environment, &key, before, Some(after));
        }
        for (environment, before) in before {
            push(&mut steps, new, environment, &key, Some(before.digest), None);
        }
    }
    for environment in began(old, new, changed) {
        // Nothing was of it before, whatever its resources' own histories say.
        let whole = whole(new, &environment, opener);
        let puts = whole.resources.into_iter().map(|(key, form)| step(&key, None, Some(form)));
        steps.insert(environment, puts.collect());
        forms.unopened.extend(whole.unopened);
    }
    steps.retain(|_, steps| !steps.is_empty());
    Projected { steps, unopened: forms.unopened }
}

/// The whole state of an environment.
#[must_use]
pub fn whole<O: OpenValue>(view: &View, environment: &EnvironmentName, opener: &O) -> Whole {
    let mut forms = form::Forms::new(opener);
    let mut resources = Vec::new();
    if view.environments.contains_key(environment) {
        for key in keys_of_project(view, &environment.project()) {
            if let Some(form) = forms.in_environment(view, &key, environment) {
                resources.push((key, form));
            }
        }
    }
    Whole { resources, unopened: forms.unopened }
}

/// Whether a proxy has to hear of the change at once: the resource may serve no more.
#[must_use]
pub fn is_urgent(new: &View, key: &Key) -> bool {
    match key {
        Key::Credential(name) => !form::serves(new, name),
        Key::CallerKey(name) => new.caller_keys.get(name).is_none_or(|key| key.spec.disabled),
        Key::Provider(name) => new.providers.get(name).is_none_or(|provider| !provider.spec.enabled),
        Key::Environment(_) | Key::Model(_) => false,
    }
}

fn push(
    steps: &mut BTreeMap<EnvironmentName, Vec<Step>>,
    new: &View,
    environment: EnvironmentName,
    key: &Key,
    before: Option<Digest>,
    after: Option<Form>,
) {
    let same = before.is_some() && before == after.as_ref().map(|form| form.digest);
    if !same && new.environments.contains_key(&environment) {
        steps.entry(environment).or_default().push(step(key, before, after));
    }
}

fn step(key: &Key, before: Option<Digest>, after: Option<Form>) -> Step {
    Step { kind: key.kind(), name: key.name().to_owned(), before, after }
}

/// The environments that the new view has and the old one had not.
fn began<'a>(
    old: &'a View,
    new: &'a View,
    changed: &'a BTreeSet<Key>,
) -> impl Iterator<Item = EnvironmentName> + use<'a> {
    changed.iter().filter_map(|key| match key {
        Key::Environment(name) => {
            (new.environments.contains_key(name) && !old.environments.contains_key(name)).then(|| name.clone())
        }
        Key::Provider(_) | Key::Credential(_) | Key::Model(_) | Key::CallerKey(_) => None,
    })
}

/// The changed resources, with those whose form depends on them.
fn affected(old: &View, new: &View, changed: &BTreeSet<Key>) -> BTreeSet<Key> {
    let mut affected = changed.clone();
    for key in changed {
        let Key::Provider(name) = key else { continue };
        let (before, after) = (old.providers.get(name), new.providers.get(name));
        let (before, after) = (before.map(|stored| &stored.spec), after.map(|stored| &stored.spec));
        let same_places = before.map(|spec| &spec.environments) == after.map(|spec| &spec.environments);
        if !same_places {
            let models = old.models_of(name).chain(new.models_of(name));
            affected.extend(models.map(|model| Key::Model(model.name.clone())));
        }
        let same_for_credentials = same_places
            && before.map(|spec| (spec.enabled, spec.base_url.origin()))
                == after.map(|spec| (spec.enabled, spec.base_url.origin()));
        if !same_for_credentials {
            let prefix = format!("{name}/credentials/");
            affected.extend(names_under(&old.credentials, &prefix).map(Key::Credential));
            affected.extend(names_under(&new.credentials, &prefix).map(Key::Credential));
        }
    }
    affected
}

/// Everything of a project that proxies may get, by kind and name.
fn keys_of_project<'a>(view: &'a View, project: &ProjectName) -> impl Iterator<Item = Key> + use<'a> {
    let providers = format!("{project}/providers/");
    let models = format!("{project}/models/");
    let caller_keys = format!("{project}/callerKeys/");
    names_under(&view.providers, &providers)
        .map(Key::Provider)
        .chain(names_under(&view.credentials, &providers).map(Key::Credential))
        .chain(names_under(&view.models, &models).map(Key::Model))
        .chain(names_under(&view.caller_keys, &caller_keys).map(Key::CallerKey))
}

fn names_under<'a, N: ResourceName + std::borrow::Borrow<str>, V>(
    table: &'a OrdMap<N, V>,
    prefix: &str,
) -> impl Iterator<Item = N> + use<'a, N, V> {
    entries_under(table, prefix.to_owned()).map(|(name, _)| name.clone())
}

fn entries_under<N: ResourceName + std::borrow::Borrow<str>, V>(
    table: &OrdMap<N, V>,
    prefix: String,
) -> impl Iterator<Item = (&N, &V)> + use<'_, N, V> {
    let from = (Bound::Included(prefix.as_str()), Bound::<&str>::Unbounded);
    table.range::<_, str>(from).take_while(move |(name, _)| name.as_str().starts_with(prefix.as_str()))
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The put may hold a secret.
        f.debug_struct("Form").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
