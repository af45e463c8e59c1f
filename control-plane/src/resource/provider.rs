//! Providers: connections to upstreams.

mod auth;
mod base_url;
mod certificates;
mod config;
mod exposed;
mod headers;
mod tags;
mod timeouts;
mod vendor;

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, HeaderName};
use proto::admin::v1;
use shared::adapter::{AdapterKind, Place, Settings};
use shared::base_url::BaseUrl;
use shared::name::{EnvironmentName, ProviderName};

use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::FieldViolations;

use exposed::{EVERY_MODEL, exposes};

pub use auth::AuthMode;
pub use config::Object;
pub use exposed::ExposedModel;
pub use timeouts::Timeouts;
pub use vendor::adapter_to_message;

/// What an admin sets of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What people call it.
    pub display_name: String,
    /// Who is upstream, by the catalog's name where it has one.
    pub vendor: String,
    /// Which API the upstream speaks.
    pub adapter: AdapterKind,
    /// Where the upstream is.
    pub base_url: BaseUrl,
    /// The vendor's region; `None` where it has none, or the base URL holds it.
    pub region: Option<String>,
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
    /// What the adapter is told beside, whole.
    pub config: Object,
    /// What the adapter knows of it.
    pub settings: Settings,
    /// Headers that pass in neither direction, in lower case.
    pub strip_headers: BTreeSet<String>,
    /// What logs, traces and usage say of its requests.
    pub telemetry_tags: BTreeMap<String, String>,
    /// The header that carries the key; `None` means the adapter's.
    pub key_header: Option<HeaderName>,
    /// The header that carries a credential's additional key; `None` means that credentials have none.
    pub additional_key_header: Option<HeaderName>,
    /// Headers added to every request.
    pub request_headers: HeaderMap,
    /// Fields that a request's body gets where the caller leaves them out.
    pub request_defaults: Object,
    /// Certificate authorities beside the system's, as PEM; empty where there are none.
    pub ca_certificates: String,
    /// How long the parts of a request may take.
    pub timeouts: Timeouts,
}

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
            region: self.region.clone(),
            settings: self.settings.clone(),
            key_header: self.key_header.clone(),
            additional_key_header: self.additional_key_header.clone(),
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
        let vendor = vendor::read_vendor(&message.vendor, violations);
        let adapter = vendor::read_adapter(message.adapter, &vendor, violations);
        let region = base_url::read_region(&message.region, violations);
        let base_url =
            base_url::read_base_url(&message.base_url, (&vendor, adapter), region.as_deref(), rules, violations);
        let auth_mode = auth::read_auth_mode(message.auth_mode, adapter, rules, violations);
        let environments = field::environments(&message.environments, &name.project(), rules, violations);
        let exposed_models = exposed::read_exposed_models(message.exposed_models, violations);
        let default_model = exposed::read_default_model(message.default_model, &exposed_models, violations);
        let (config, settings) = config::read_config(message.config, adapter, violations);
        let strip_headers = headers::read_strip_headers(&message.strip_headers, violations);
        let telemetry_tags = tags::read_telemetry_tags(message.telemetry_tags, violations);
        let keys = headers::read_key_headers(&message.key_header, &message.additional_key_header, adapter, violations);
        let request_headers = headers::read_request_headers(&message.request_headers, &keys, violations);
        let request_defaults = config::read_request_defaults(message.request_defaults, violations);
        let ca_certificates = certificates::read_ca_certificates(&message.ca_certificates, violations);
        let timeouts = timeouts::read_timeouts(
            message.connect_timeout,
            message.first_byte_timeout,
            message.idle_timeout,
            violations,
        );
        Some(Self {
            display_name,
            vendor,
            adapter: adapter?,
            base_url: base_url?,
            region,
            enabled: message.enabled.unwrap_or(true),
            auth_mode,
            environments,
            exposed_models,
            default_model,
            config,
            settings,
            strip_headers,
            telemetry_tags,
            key_header: keys.key,
            additional_key_header: keys.additional,
            request_headers,
            request_defaults,
            ca_certificates,
            timeouts,
        })
    }

    fn write(&self) -> v1::Provider {
        let header = |name: &Option<HeaderName>| name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default();
        v1::Provider {
            display_name: self.display_name.clone(),
            vendor: self.vendor.clone(),
            adapter: adapter_to_message(self.adapter).into(),
            base_url: self.base_url.as_str().to_owned(),
            region: self.region.clone().unwrap_or_default(),
            enabled: Some(self.enabled),
            auth_mode: self.auth_mode.to_message().into(),
            environments: field::texts(&self.environments),
            exposed_models: self.exposed_models.iter().map(ExposedModel::to_message).collect(),
            default_model: self.default_model.clone().unwrap_or_default(),
            config: self.config.write(),
            strip_headers: self.strip_headers.iter().cloned().collect(),
            telemetry_tags: self.telemetry_tags.clone(),
            key_header: header(&self.key_header),
            additional_key_header: header(&self.additional_key_header),
            request_headers: headers::write_request_headers(&self.request_headers),
            request_defaults: self.request_defaults.write(),
            ca_certificates: self.ca_certificates.clone(),
            connect_timeout: Some(field::seconds(self.timeouts.connect)),
            first_byte_timeout: Some(field::seconds(self.timeouts.first_byte)),
            idle_timeout: Some(field::seconds(self.timeouts.idle)),
            ..Default::default()
        }
    }

    fn hidden(&self) {}

    /// A base URL that says what the catalog and the region give anyway is as good as none: so a change of the region alone moves the
    /// provider.
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
            region,
            config,
            strip_headers,
            telemetry_tags,
            key_header,
            additional_key_header,
            request_headers,
            request_defaults,
            ca_certificates,
            connect_timeout,
            first_byte_timeout,
            idle_timeout,
            last_used_time: _,
        } = given;
        let region_before = current.region.clone();
        merge.ignored(&mask::HEADER);
        merge.ignored(&["credential_counts", "last_used_time"]);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("vendor", &current.vendor, &vendor::canonical(&vendor).to_owned());
        merge.immutable("adapter", &current.adapter, &adapter);
        merge.set("base_url", &mut current.base_url, base_url);
        merge.set("enabled", &mut current.enabled, enabled);
        merge.immutable("auth_mode", &current.auth_mode, &auth_mode);
        merge.set("environments", &mut current.environments, environments);
        merge.set("exposed_models", &mut current.exposed_models, exposed_models);
        merge.set("default_model", &mut current.default_model, default_model);
        merge.set("region", &mut current.region, region);
        merge.set("config", &mut current.config, config);
        merge.set("strip_headers", &mut current.strip_headers, strip_headers);
        merge.set("telemetry_tags", &mut current.telemetry_tags, telemetry_tags);
        merge.set("key_header", &mut current.key_header, key_header);
        merge.set("additional_key_header", &mut current.additional_key_header, additional_key_header);
        merge.set("request_headers", &mut current.request_headers, request_headers);
        merge.set("request_defaults", &mut current.request_defaults, request_defaults);
        merge.set("ca_certificates", &mut current.ca_certificates, ca_certificates);
        merge.set("connect_timeout", &mut current.connect_timeout, connect_timeout);
        merge.set("first_byte_timeout", &mut current.first_byte_timeout, first_byte_timeout);
        merge.set("idle_timeout", &mut current.idle_timeout, idle_timeout);
        if base_url::was_derived(&current, &region_before) {
            current.base_url.clear();
        }
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

#[cfg(test)]
impl Provider {
    /// A managed provider that speaks OpenAI's API there, active nowhere: what tests begin with.
    pub(crate) fn stand_in(base_url: BaseUrl) -> Self {
        let message = v1::Provider {
            display_name: "a".into(),
            vendor: "stand-in".into(),
            adapter: v1::Adapter::Openai.into(),
            base_url: base_url.to_string(),
            ..Default::default()
        };
        let name: ProviderName = "projects/p/providers/a".parse().unwrap();
        let mut violations = FieldViolations::new();
        Self::read(message, &name, (), &super::record::lenient(), &mut violations).unwrap()
    }
}

#[cfg(test)]
mod tests;
