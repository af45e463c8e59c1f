//! What depends on a resource, as answers and errors tell it: counted, and sampled by name.
//!
//! ```text
//! provider ─► the models that target it ─┐
//!         └─► its exposed models ────────┴─► the caller keys that may ask for one of them, where the provider is active
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::admin::v1::Dependents;
use shared::name::{ProviderName, ResourceName};

use crate::resource::{CallerKey, Environment, Model, Provider, Resource, Stored};
use crate::view::View;

/// The most names that an answer samples of what depends on a resource.
const SAMPLED: usize = 20;

/// The dependents of one kind, of their names in order; `None` where there are none.
pub fn dependents<'a, R: Resource>(stored: impl Iterator<Item = &'a Arc<Stored<R>>>) -> Option<Dependents> {
    let mut count = 0;
    let mut sample_names = Vec::new();
    for one in stored {
        count += 1;
        if sample_names.len() < SAMPLED {
            sample_names.push(one.name.to_string());
        }
    }
    (count > 0).then(|| Dependents { kind: R::KIND.to_owned(), count, sample_names })
}

/// What the providers serve: the models that target one of them, the caller keys that reach one, by a model or by its own name, and the
/// environments in which one is active. A resource that depends on several is counted once; kinds without any are left out.
#[must_use]
pub fn served_by<'a>(view: &View, providers: impl IntoIterator<Item = &'a ProviderName>) -> Vec<Dependents> {
    let mut models: BTreeMap<&str, &Arc<Stored<Model>>> = BTreeMap::new();
    let mut keys: BTreeMap<&str, &Arc<Stored<CallerKey>>> = BTreeMap::new();
    let mut environments: BTreeMap<&str, &Arc<Stored<Environment>>> = BTreeMap::new();
    for provider in providers.into_iter().filter_map(|name| view.providers.get(name)) {
        models.extend(view.models_of(&provider.name).map(|model| (model.name.as_str(), model)));
        for environment in provider.spec.environments.iter().filter_map(|name| view.environments.get(name)) {
            environments.insert(environment.name.as_str(), environment);
            let here = view.caller_keys_of(&environment.name).filter(|key| reaches_provider(view, key, provider));
            keys.extend(here.map(|key| (key.name.as_str(), key)));
        }
    }
    let found =
        [dependents(models.into_values()), dependents(keys.into_values()), dependents(environments.into_values())];
    found.into_iter().flatten().collect()
}

/// The caller keys that may ask for a model, in the environments that have it.
#[must_use]
pub fn reachers_of(view: &View, model: &Stored<Model>) -> Vec<Dependents> {
    let targets = model.spec.targets.iter().filter_map(|target| view.providers.get(&target.provider));
    let mut environments: Vec<_> = match model.spec.environments.is_empty() {
        true => targets.flat_map(|provider| provider.spec.environments.iter()).collect(),
        false => model.spec.environments.iter().collect(),
    };
    environments.sort_unstable();
    environments.dedup();
    let keys = environments.into_iter().flat_map(|environment| view.caller_keys_of(environment));
    let reaching: BTreeMap<_, _> =
        keys.filter(|key| allows(key, model.name.id())).map(|key| (key.name.as_str(), key)).collect();
    dependents(reaching.into_values()).into_iter().collect()
}

/// Whether the key may ask for something that the provider serves, in the key's environment, where the provider is active.
fn reaches_provider(view: &View, key: &Stored<CallerKey>, provider: &Stored<Provider>) -> bool {
    let here = |model: &Stored<Model>| {
        model.spec.environments.is_empty() || model.spec.environments.contains(&key.spec.environment)
    };
    key.spec.allowed_models.iter().any(|pattern| reaches_directly(pattern, provider.name.id(), &provider.spec))
        || view.models_of(&provider.name).any(|model| here(model) && allows(key, model.name.id()))
}

fn allows(key: &Stored<CallerKey>, model: &str) -> bool {
    key.spec.allowed_models.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => model == pattern,
    })
}

/// Whether a pattern takes in `id` alone, where the provider has a default model, or `id/model` for a model that it exposes.
fn reaches_directly(pattern: &str, id: &str, provider: &Provider) -> bool {
    let has_default = provider.default_model.is_some();
    let Some(prefix) = pattern.strip_suffix('*') else {
        let exposed = pattern.strip_prefix(id).and_then(|rest| rest.strip_prefix('/'));
        return (pattern == id && has_default) || exposed.is_some_and(|model| provider.exposes(model));
    };
    let whole = format!("{id}/");
    match prefix.strip_prefix(whole.as_str()) {
        Some(start) => provider.exposes_any_beginning(start),
        None => {
            whole.starts_with(prefix) && (provider.exposes_any_beginning("") || (has_default && id.starts_with(prefix)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::admin::v1;
    use shared::address::AddressPolicy;

    use super::*;
    use crate::error::FieldViolations;
    use crate::resource::{Rules, Source};

    fn provider(view: &View, exposed: &[&str], default_model: &str) -> Provider {
        let exposed =
            exposed.iter().map(|name| v1::ExposedModel { upstream_model: (*name).into(), ..Default::default() });
        let message = v1::Provider {
            display_name: "A".into(),
            vendor: "openai".into(),
            exposed_models: exposed.collect(),
            default_model: default_model.into(),
            ..Default::default()
        };
        let rules = Rules { addresses: AddressPolicy::Public, targets: view, source: Source::Request };
        let name = "projects/p/providers/acme".parse().unwrap();
        Provider::read(message, &name, (), &rules, &mut FieldViolations::new()).unwrap()
    }

    #[test]
    fn a_pattern_reaches_a_provider_by_what_it_exposes() {
        let view = View::empty(crate::store::Store::identity(&crate::store::memory::MemoryStore::new()));
        let some = provider(&view, &["gpt-4o", "gpt-b"], "gpt-4o");
        let all = provider(&view, &["*"], "");
        let none = provider(&view, &[], "");
        for (pattern, by_some, by_all, by_none) in [
            ("acme/gpt-4o", true, true, false),
            ("acme/claude", false, true, false),
            ("acme/gpt-*", true, true, false),
            ("acme/claude*", false, true, false),
            ("acme", true, false, false),
            ("acme/*", true, true, false),
            ("acme*", true, true, false),
            ("ac*", true, true, false),
            ("*", true, true, false),
            ("acmes/*", false, false, false),
            ("other", false, false, false),
        ] {
            assert_eq!(reaches_directly(pattern, "acme", &some), by_some, "{pattern}");
            assert_eq!(reaches_directly(pattern, "acme", &all), by_all, "{pattern}");
            assert_eq!(reaches_directly(pattern, "acme", &none), by_none, "{pattern}");
        }
    }
}
