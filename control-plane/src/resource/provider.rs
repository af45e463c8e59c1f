//! Providers: connections to upstreams.

use std::collections::BTreeSet;

use shared::adapter::AdapterKind;
use shared::base_url::BaseUrl;
use shared::name::{EnvironmentName, ProviderName};

use super::Resource;

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
}

impl Provider {
    /// Whether callers may reach the upstream's model.
    #[must_use]
    pub fn exposes(&self, upstream_model: &str) -> bool {
        self.exposed_models
            .iter()
            .any(|exposed| exposed.upstream_model == "*" || exposed.upstream_model == upstream_model)
    }
}

impl Resource for Provider {
    type Name = ProviderName;
    const KIND: &'static str = "Provider";
    const UID_PREFIX: &'static str = "aip_";
}
