//! Providers: connections to upstreams.

use std::collections::BTreeSet;

use proto::admin::v1;
use shared::adapter::{AdapterKind, Place, Settings};
use shared::base_url::BaseUrl;
use shared::catalog;
use shared::name::{EnvironmentName, ProviderName, is_id};

use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// What an admin sets of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What people call it.
    pub display_name: String,
    /// Who is upstream.
    pub vendor: String,
    /// Which API the upstream speaks.
    pub adapter: AdapterKind,
    /// Where the upstream is.
    pub base_url: BaseUrl,
    /// Whether proxies may use it.
    pub enabled: bool,
    /// How requests authenticate upstream.
    pub auth_mode: AuthMode,
    /// Where it is active.
    pub environments: BTreeSet<EnvironmentName>,
    /// The upstream's models that callers may reach; one `*` is all of them.
    pub exposed_models: Vec<ExposedModel>,
    /// What serves a caller who asks for the provider alone.
    pub default_model: Option<String>,
}

/// One of the upstream's models that callers may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedModel {
    /// The upstream's own name for it, or `*`.
    pub upstream_model: String,
    /// What people call it.
    pub display_name: Option<String>,
}

/// How requests authenticate upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// With the provider's credentials.
    Managed,
    /// Not at all.
    None,
    /// With the caller's own provider key, which is stored nowhere.
    Passthrough,
}

/// What stands for every model of the upstream.
const EVERY_MODEL: &str = "*";

impl Provider {
    /// Whether callers may reach the upstream's model.
    #[must_use]
    pub fn exposes(&self, upstream_model: &str) -> bool {
        exposes(&self.exposed_models, upstream_model)
    }

    /// Whether callers may reach any of the upstream's models whose name begins so.
    #[must_use]
    pub fn exposes_any_beginning(&self, prefix: &str) -> bool {
        let begins = |exposed: &ExposedModel| exposed.upstream_model.starts_with(prefix);
        self.exposed_models.iter().any(|exposed| exposed.upstream_model == EVERY_MODEL || begins(exposed))
    }

    /// Where it is, as its adapter sees it.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            base_url: self.base_url.clone(),
            region: None,
            settings: Settings::default(),
            key_header: None,
            additional_key_header: None,
        }
    }
}

fn exposes(exposed_models: &[ExposedModel], upstream_model: &str) -> bool {
    exposed_models
        .iter()
        .any(|exposed| exposed.upstream_model == EVERY_MODEL || exposed.upstream_model == upstream_model)
}

impl AuthMode {
    /// As the API spells it, without its prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "MANAGED",
            Self::None => "NONE",
            Self::Passthrough => "PASSTHROUGH",
        }
    }

    /// As the API has it.
    #[must_use]
    pub fn to_message(self) -> v1::AuthMode {
        match self {
            Self::Managed => v1::AuthMode::Managed,
            Self::None => v1::AuthMode::None,
            Self::Passthrough => v1::AuthMode::Passthrough,
        }
    }
}

impl Resource for Provider {
    type Name = ProviderName;
    type Message = v1::Provider;
    type Hidden = ();
    const KIND: &'static str = "Provider";
    const FIELD: &'static str = "provider";
    const UID_PREFIX: &'static str = "aip_";

    fn read(
        message: v1::Provider,
        name: &ProviderName,
        (): (),
        rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        let display_name = field::display_name(message.display_name, violations);
        let vendor = read_vendor(message.vendor, violations);
        let adapter = read_adapter(message.adapter, &vendor, violations);
        let base_url = read_base_url(&message.base_url, &vendor, adapter, rules, violations);
        let auth_mode = read_auth_mode(message.auth_mode, violations);
        let environments = field::environments(&message.environments, &name.project(), rules, violations);
        let exposed_models = read_exposed_models(message.exposed_models, violations);
        let default_model = read_default_model(message.default_model, &exposed_models, violations);
        Some(Self {
            display_name,
            vendor,
            adapter: adapter?,
            base_url: base_url?,
            enabled: message.enabled.unwrap_or(true),
            auth_mode,
            environments,
            exposed_models,
            default_model,
        })
    }

    fn write(&self) -> v1::Provider {
        let exposed_models = self.exposed_models.iter().map(|exposed| v1::ExposedModel {
            upstream_model: exposed.upstream_model.clone(),
            display_name: exposed.display_name.clone().unwrap_or_default(),
        });
        v1::Provider {
            display_name: self.display_name.clone(),
            vendor: self.vendor.clone(),
            adapter: write_adapter(self.adapter).into(),
            base_url: self.base_url.as_str().to_owned(),
            enabled: Some(self.enabled),
            auth_mode: self.auth_mode.to_message().into(),
            environments: field::texts(&self.environments),
            exposed_models: exposed_models.collect(),
            default_model: self.default_model.clone().unwrap_or_default(),
            ..Default::default()
        }
    }

    fn hidden(&self) {}

    fn apply(mut current: v1::Provider, given: v1::Provider, merge: &mut Merge<'_>) -> v1::Provider {
        let v1::Provider {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            vendor,
            adapter,
            base_url,
            enabled,
            auth_mode,
            environments,
            exposed_models,
            default_model,
            credential_counts: _,
            ..
        } = given;
        merge.ignored(&mask::HEADER);
        merge.ignored(&["credential_counts"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("vendor", &current.vendor, &vendor);
        merge.immutable("adapter", &current.adapter, &adapter);
        merge.set("base_url", &mut current.base_url, base_url);
        merge.set("enabled", &mut current.enabled, enabled);
        merge.immutable("auth_mode", &current.auth_mode, &auth_mode);
        merge.set("environments", &mut current.environments, environments);
        merge.set("exposed_models", &mut current.exposed_models, exposed_models);
        merge.set("default_model", &mut current.default_model, default_model);
        current
    }

    fn header(message: &mut v1::Provider) -> Header<'_> {
        Header {
            name: &mut message.name,
            uid: &mut message.uid,
            etag: &mut message.etag,
            revision: &mut message.revision,
            generation: &mut message.generation,
            create_time: &mut message.create_time,
            update_time: &mut message.update_time,
        }
    }

    fn display_name(&self) -> &str {
        &self.display_name
    }

    fn display_name_of(message: &v1::Provider) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        self.environments.iter().cloned().map(Reference::Environment).collect()
    }
}

fn read_vendor(given: String, violations: &mut FieldViolations) -> String {
    if given.is_empty() {
        violations.add("vendor", FieldReason::Required, "say who is upstream, such as openai");
    } else if !is_id(&given) {
        violations.add("vendor", FieldReason::Malformed, "use [a-z]([a-z0-9-]{0,61}[a-z0-9])?");
    }
    given
}

fn read_adapter(given: i32, vendor: &str, violations: &mut FieldViolations) -> Option<AdapterKind> {
    match v1::Adapter::try_from(given) {
        Ok(v1::Adapter::Openai) => Some(AdapterKind::OpenAi),
        Ok(v1::Adapter::AzureOpenai) => Some(AdapterKind::AzureOpenAi),
        Ok(v1::Adapter::Anthropic) => Some(AdapterKind::Anthropic),
        Ok(v1::Adapter::Gemini) => Some(AdapterKind::Gemini),
        Ok(v1::Adapter::Vertex) => Some(AdapterKind::Vertex),
        Ok(v1::Adapter::Bedrock) => Some(AdapterKind::Bedrock),
        Ok(v1::Adapter::Cohere) => Some(AdapterKind::Cohere),
        Ok(v1::Adapter::Unspecified) => {
            let known = catalog::entry(vendor).map(|entry| entry.adapter);
            if known.is_none() {
                let description = "say which API the upstream speaks: the catalog does not know the vendor";
                violations.add("adapter", FieldReason::Required, description);
            }
            known
        }
        Err(_) => {
            violations.add("adapter", FieldReason::Unsupported, format!("this version has no adapter {given}"));
            None
        }
    }
}

fn write_adapter(adapter: AdapterKind) -> v1::Adapter {
    match adapter {
        AdapterKind::OpenAi => v1::Adapter::Openai,
        AdapterKind::AzureOpenAi => v1::Adapter::AzureOpenai,
        AdapterKind::Anthropic => v1::Adapter::Anthropic,
        AdapterKind::Gemini => v1::Adapter::Gemini,
        AdapterKind::Vertex => v1::Adapter::Vertex,
        AdapterKind::Bedrock => v1::Adapter::Bedrock,
        AdapterKind::Cohere => v1::Adapter::Cohere,
    }
}

/// The base URL; the catalog's only for the catalog's own vendor and adapter, or a foreign vendor's key would go to another's host.
fn read_base_url(
    given: &str,
    vendor: &str,
    adapter: Option<AdapterKind>,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> Option<BaseUrl> {
    let default =
        catalog::entry(vendor).filter(|entry| Some(entry.adapter) == adapter).and_then(|entry| entry.default_base_url);
    let text = match (given.trim(), default) {
        ("", Some(default)) => default,
        ("", None) => {
            let description = "give the base URL of the upstream's API: the catalog has none for the vendor";
            violations.add("base_url", FieldReason::Required, description);
            return None;
        }
        (given, _) => given,
    };
    // What is wrong with a URL is so for every adapter: without one, any stands in, so that all bad fields are found at once.
    BaseUrl::parse(adapter.unwrap_or(AdapterKind::OpenAi), text, rules.addresses)
        .map_err(|error| violations.add("base_url", FieldReason::Malformed, error.to_string()))
        .ok()
}

fn read_auth_mode(given: i32, violations: &mut FieldViolations) -> AuthMode {
    match v1::AuthMode::try_from(given) {
        Ok(v1::AuthMode::Unspecified | v1::AuthMode::Managed) => AuthMode::Managed,
        Ok(v1::AuthMode::None) => AuthMode::None,
        Ok(v1::AuthMode::Passthrough) => AuthMode::Passthrough,
        Err(_) => {
            violations.add("auth_mode", FieldReason::Unsupported, format!("this version has no auth mode {given}"));
            AuthMode::Managed
        }
    }
}

fn read_exposed_models(given: Vec<v1::ExposedModel>, violations: &mut FieldViolations) -> Vec<ExposedModel> {
    let mut seen = BTreeSet::new();
    let alone = given.len() == 1;
    let mut exposed_models = Vec::with_capacity(given.len());
    for (at, v1::ExposedModel { upstream_model, display_name }) in given.into_iter().enumerate() {
        let field = format!("exposed_models[{at}].upstream_model");
        if !field::is_upstream_model(&upstream_model) {
            violations.add(field, FieldReason::Malformed, "use 1 to 200 visible ASCII characters");
        } else if upstream_model == EVERY_MODEL && !alone {
            violations.add(field, FieldReason::Duplicate, "* exposes every model: leave out the others");
        } else if !seen.insert(upstream_model.clone()) {
            violations.add(field, FieldReason::Duplicate, format!("{upstream_model} stands in the list twice"));
        }
        if display_name.chars().count() > 100 {
            let field = format!("exposed_models[{at}].display_name");
            violations.add(field, FieldReason::TooLong, "use at most 100 characters");
        }
        exposed_models
            .push(ExposedModel { upstream_model, display_name: Some(display_name).filter(|name| !name.is_empty()) });
    }
    exposed_models
}

fn read_default_model(
    given: String,
    exposed_models: &[ExposedModel],
    violations: &mut FieldViolations,
) -> Option<String> {
    if given.is_empty() {
        return None;
    }
    if !field::is_upstream_model(&given) || given == EVERY_MODEL {
        violations.add("default_model", FieldReason::Malformed, "name one model of the upstream");
    } else if !exposes(exposed_models, &given) {
        violations.add("default_model", FieldReason::NotExposed, format!("{given} is not among the exposed models"));
    }
    Some(given)
}

#[cfg(test)]
mod tests;
