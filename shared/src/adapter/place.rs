//! What an adapter knows of a provider: where it is, and the settings that stand in its URLs and signatures.

use http::HeaderName;
use serde_json::{Map, Value};

use super::AdapterKind;
use crate::base_url::BaseUrl;

/// Where a provider is, and how its adapter is to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The base URL; for a vendor with one host a region, derived from it where none was given.
    pub base_url: BaseUrl,
    /// The vendor's region; `None` where it has none, or the base URL holds it.
    pub region: Option<String>,
    /// The known keys of the provider's `config`.
    pub settings: Settings,
    /// The header that carries the key, instead of the adapter's.
    pub key_header: Option<HeaderName>,
    /// The header that carries the additional key, instead of the adapter's.
    pub additional_key_header: Option<HeaderName>,
}

/// The known keys of a provider's `config`. Others are kept and mean nothing here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Azure's `api-version`; `None` means 2024-10-21.
    pub api_version: Option<String>,
    /// Google's project, for Vertex.
    pub project: Option<String>,
    /// Google's location, for Vertex; `None` means the region.
    pub location: Option<String>,
    /// The region that signatures name, for Bedrock behind an endpoint of one's own; `None` means the region.
    pub signing_region: Option<String>,
}

/// A known key of `config` that holds something else than it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct SettingsError {
    /// Which key.
    pub key: &'static str,
    /// What is wrong, and what to do.
    pub problem: &'static str,
}

impl Settings {
    /// Reads the known keys of a provider's `config`.
    ///
    /// # Errors
    ///
    /// Every known key that is wrong.
    pub fn parse(_adapter: AdapterKind, config: &Map<String, Value>) -> Result<Self, Vec<SettingsError>> {
        let text = |key| config.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            api_version: text("api_version"),
            project: text("project"),
            location: text("location"),
            signing_region: text("signing_region"),
        })
    }
}
