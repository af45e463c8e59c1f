//! A provider as this proxy uses it: where it is, how it is spoken to, and what is done to the requests and answers of its callers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use proto::sync::v1::{Pair, ProviderConfig, UpstreamAdapter, UpstreamAuth};
use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::dial::check_authorities;

use super::{ModelRules, Unusable, defaults::Defaults};
use crate::hop::{holds_a_key, stays_here};

/// A connection to one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Which API it speaks.
    pub adapter: AdapterKind,
    /// Where it is, and how its adapter speaks to it.
    pub place: Place,
    /// Taken out by an admin.
    pub disabled: bool,
    /// How requests authenticate.
    pub auth: Auth,
    /// The upstream models that callers may reach.
    pub exposed: Exposed,
    /// The upstream model of a caller who asks for the provider alone.
    pub default_model: Option<Arc<str>>,
    /// What is changed on the way.
    pub edits: Edits,
    /// What is peculiar to its models.
    pub rules: ModelRules,
    /// How connections to it are made.
    pub dialing: Dialing,
    /// How long it may take.
    pub patience: Patience,
    /// What logs say of its requests.
    pub telemetry_tags: Vec<(String, String)>,
}

/// How requests authenticate upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// With the provider's credentials.
    Managed,
    /// Not at all.
    None,
    /// With the caller's own provider key.
    Passthrough,
}

/// The upstream models that callers may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposed {
    /// All that there are.
    All,
    /// These; none where it is empty.
    Only(HashSet<Arc<str>>),
}

/// What is changed in requests and answers on their way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Headers that pass in neither direction.
    pub strip_headers: Vec<HeaderName>,
    /// Headers that are added to requests.
    pub request_headers: Vec<(HeaderName, HeaderValue)>,
    /// Fields that are added to requests' bodies where they are absent.
    pub request_defaults: Defaults,
}

/// How connections to a provider are made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dialing {
    /// Certificate authorities beside the system's, as PEM.
    pub ca_certificates: Option<Arc<str>>,
    /// How long a connection may take to make.
    pub connect_timeout: Duration,
}

/// How long a provider may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To an answer's first byte.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
}

impl Default for Dialing {
    fn default() -> Self {
        Self { ca_certificates: None, connect_timeout: shared::dial::CONNECT_TIMEOUT }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { first_byte: FIRST_BYTE, idle: IDLE }
    }
}

const FIRST_BYTE: Duration = Duration::from_secs(300);
const IDLE: Duration = Duration::from_secs(300);

impl Exposed {
    /// Whether a model is one of them.
    #[must_use]
    pub fn has(&self, upstream_model: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(models) => models.contains(upstream_model),
        }
    }

    /// Those that are known by name: none where all are exposed.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Arc<str>> {
        let models = match self {
            Self::All => None,
            Self::Only(models) => Some(models.iter()),
        };
        models.into_iter().flatten()
    }
}

impl Provider {
    /// A provider with nothing but where it is: all models exposed, managed credentials, and the defaults of everything else.
    #[must_use]
    pub fn new(adapter: AdapterKind, place: Place) -> Self {
        Self {
            adapter,
            place,
            disabled: false,
            auth: Auth::Managed,
            exposed: Exposed::All,
            default_model: None,
            edits: Edits::default(),
            rules: ModelRules::default(),
            dialing: Dialing::default(),
            patience: Patience::default(),
            telemetry_tags: Vec::new(),
        }
    }

    pub(super) fn parse(policy: AddressPolicy, config: ProviderConfig) -> Result<Self, Unusable> {
        let adapter = adapter_kind(config.adapter)?;
        let auth = match UpstreamAuth::try_from(config.auth) {
            Ok(UpstreamAuth::Managed) => Auth::Managed,
            Ok(UpstreamAuth::None) => Auth::None,
            Ok(UpstreamAuth::Passthrough) => Auth::Passthrough,
            Ok(UpstreamAuth::Unspecified) | Err(_) => return Err(Unusable::UnknownAuth(config.auth)),
        };
        let place = Place {
            base_url: BaseUrl::parse(adapter, &config.base_url, policy)?,
            region: (!config.region.is_empty()).then(|| config.region.clone()),
            settings: settings(adapter, &config.config_json)?,
            key_header: header_name("key_header", &config.key_header)?,
            additional_key_header: header_name("additional_key_header", &config.additional_key_header)?,
        };
        if auth == Auth::Passthrough && shared::adapter::adapter(adapter).own_key_header(&place).is_none() {
            return Err(Unusable::NoOwnKey);
        }
        let exposed = if config.exposed_models.iter().any(|model| model == "*") {
            Exposed::All
        } else {
            Exposed::Only(config.exposed_models.iter().map(|model| Arc::from(model.as_str())).collect())
        };
        let tags = config.telemetry_tags.iter().map(|Pair { key, value }| (key.clone(), value.clone()));
        Ok(Self {
            disabled: config.disabled,
            auth,
            exposed,
            default_model: (!config.default_model.is_empty()).then(|| config.default_model.as_str().into()),
            edits: Edits::parse(&config)?,
            rules: ModelRules::parse(&config.model_rules),
            dialing: Dialing::parse(&config)?,
            patience: Patience {
                first_byte: millis(config.first_byte_timeout_ms).unwrap_or(FIRST_BYTE),
                idle: millis(config.idle_timeout_ms).unwrap_or(IDLE),
            },
            telemetry_tags: tags.collect(),
            ..Self::new(adapter, place)
        })
    }
}

impl Edits {
    fn parse(config: &ProviderConfig) -> Result<Self, Unusable> {
        let name = |text: &String| {
            let name = HeaderName::from_bytes(text.as_bytes());
            name.map_err(|_| Unusable::BadHeader { field: "strip_headers", header: shown(text) })
        };
        let header = |pair: &Pair| {
            let refused = || Unusable::BadHeader { field: "request_headers", header: shown(&pair.key) };
            let name = HeaderName::from_bytes(pair.key.as_bytes()).map_err(|_| refused())?;
            let value = HeaderValue::from_str(&pair.value).map_err(|_| refused())?;
            if stays_here(&name) { Err(refused()) } else { Ok((name, value)) }
        };
        Ok(Self {
            // What stays here anyway costs no request a look.
            strip_headers: config
                .strip_headers
                .iter()
                .map(name)
                .filter(|name| !name.as_ref().is_ok_and(stays_here))
                .collect::<Result<_, _>>()?,
            request_headers: config.request_headers.iter().map(header).collect::<Result<_, _>>()?,
            request_defaults: Defaults::parse(config.request_defaults_json.as_bytes())?,
        })
    }
}

impl Dialing {
    fn parse(config: &ProviderConfig) -> Result<Self, Unusable> {
        let pem = config.ca_certificates.as_str();
        if !pem.is_empty() {
            check_authorities(pem).map_err(Unusable::BadCertificates)?;
        }
        Ok(Self {
            ca_certificates: (!pem.is_empty()).then(|| pem.into()),
            connect_timeout: millis(config.connect_timeout_ms).unwrap_or(shared::dial::CONNECT_TIMEOUT),
        })
    }
}

fn adapter_kind(config: i32) -> Result<AdapterKind, Unusable> {
    match UpstreamAdapter::try_from(config) {
        Ok(UpstreamAdapter::Openai) => Ok(AdapterKind::OpenAi),
        Ok(UpstreamAdapter::AzureOpenai) => Ok(AdapterKind::AzureOpenAi),
        Ok(UpstreamAdapter::Anthropic) => Ok(AdapterKind::Anthropic),
        Ok(UpstreamAdapter::Gemini) => Ok(AdapterKind::Gemini),
        Ok(UpstreamAdapter::Vertex) => Ok(AdapterKind::Vertex),
        Ok(UpstreamAdapter::Bedrock) => Ok(AdapterKind::Bedrock),
        Ok(UpstreamAdapter::Cohere) => Ok(AdapterKind::Cohere),
        Ok(UpstreamAdapter::Unspecified) | Err(_) => Err(Unusable::UnknownAdapter(config)),
    }
}

fn settings(adapter: AdapterKind, json: &str) -> Result<Settings, Unusable> {
    if json.is_empty() {
        return Ok(Settings::default());
    }
    let config = serde_json::from_str(json).map_err(|_| Unusable::BadConfig("it is not a JSON object".to_owned()))?;
    Settings::parse(adapter, &config).map_err(|errors| {
        let reasons: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Unusable::BadConfig(reasons.join("; "))
    })
}

/// The name of a header that carries a key: a header that frames the message can't.
fn header_name(field: &'static str, text: &str) -> Result<Option<HeaderName>, Unusable> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = || Unusable::BadHeader { field, header: shown(text) };
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| refused())?;
    let may_hold_one = name == AUTHORIZATION || holds_a_key(&name) || !stays_here(&name);
    if may_hold_one { Ok(Some(name)) } else { Err(refused()) }
}

fn millis(millis: u64) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis))
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
