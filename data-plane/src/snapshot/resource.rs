//! The resources of an environment as this proxy uses them, parsed from the sync stream's forms.
//!
//! What parses can be served; what does not is held as unusable with the reason that the parser gives. A reason never holds a secret.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use proto::sync::v1::{
    CallerKeyConfig, CredentialConfig, Kind, ModelConfig, ModelTarget, ProviderConfig, UpstreamAdapter, UpstreamAuth,
    credential_config::Value,
};
use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::{BaseUrl, BaseUrlError};
use shared::credential::CredentialValue;
use shared::name::{
    CallerKeyName, CredentialName, EnvironmentName, ModelName, ProjectName, ProviderName, ResourceName,
};
use shared::secret::Secret;

/// Why a resource can't be used by this proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A kind that this build does not know.
    #[error("this proxy does not know resources of kind {0}")]
    UnknownKind(i32),
    /// The name is not one of the kind.
    #[error("its name is not one of a resource of its kind")]
    BadName,
    /// The name belongs to another project than the environment.
    #[error("it belongs to another project than the environment")]
    ForeignProject,
    /// The bytes are not the kind's message.
    #[error("its content can't be decoded")]
    Undecodable,
    /// The upstream speaks an API that this build does not.
    #[error("this proxy does not speak the API of adapter {0}")]
    UnknownAdapter(i32),
    /// Requests authenticate in a way that this build does not know.
    #[error("this proxy does not know the authentication {0}")]
    UnknownAuth(i32),
    /// The base URL can't be used.
    #[error("its base URL can't be used: {0}")]
    BadBaseUrl(#[from] BaseUrlError),
    /// The credential has no value, or one of a type that this build does not know.
    #[error("this proxy does not know the type of its value")]
    UnknownValue,
    /// The value does not fit into a header.
    #[error("its value holds characters that a header can't carry")]
    UnfitSecret,
    /// A weight over 100.
    #[error("its weight {0} is over 100")]
    WeightTooHigh(u32),
    /// A target's provider is not a name of the project.
    #[error("target {0} does not name a provider of the project")]
    BadTarget(usize),
    /// The hash is not 32 bytes.
    #[error("its hash is not a SHA-256")]
    BadHash,
}

/// One resource of an environment, put or removed.
#[derive(Debug, Clone)]
pub enum Change {
    /// A provider is there, or another than before.
    PutProvider(ProviderName, Provider),
    /// A credential is.
    PutCredential(CredentialName, Credential),
    /// A model is.
    PutModel(ModelName, Model),
    /// A caller key is.
    PutCallerKey(CallerKeyName, CallerKey),
    /// A provider is gone.
    RemoveProvider(ProviderName),
    /// A credential is.
    RemoveCredential(CredentialName),
    /// A model is.
    RemoveModel(ModelName),
    /// A caller key is.
    RemoveCallerKey(CallerKeyName),
}

impl Change {
    /// Parses a put of the sync stream: the wire's kind, name and bytes. `policy` says which base URLs this proxy may call.
    ///
    /// # Errors
    ///
    /// When this proxy can't use the resource; what it had of that name stays as it was.
    pub fn put(
        policy: AddressPolicy,
        environment: &EnvironmentName,
        kind: i32,
        name: &str,
        put: &Bytes,
    ) -> Result<Self, Unusable> {
        let project = environment.project();
        match Kind::try_from(kind) {
            Ok(Kind::Provider) => {
                let name: ProviderName = parse_name(name)?;
                same_project(&project, &name.project())?;
                Ok(Self::PutProvider(name, Provider::parse(policy, decode(put)?)?))
            }
            Ok(Kind::Credential) => {
                let name: CredentialName = parse_name(name)?;
                same_project(&project, &name.project())?;
                Ok(Self::PutCredential(name, decode::<CredentialConfig>(put)?.try_into()?))
            }
            Ok(Kind::Model) => {
                let name: ModelName = parse_name(name)?;
                same_project(&project, &name.project())?;
                Ok(Self::PutModel(name, Model::parse(&project, decode(put)?)?))
            }
            Ok(Kind::CallerKey) => {
                let name: CallerKeyName = parse_name(name)?;
                same_project(&project, &name.project())?;
                Ok(Self::PutCallerKey(name, decode::<CallerKeyConfig>(put)?.try_into()?))
            }
            Ok(Kind::Unspecified) | Err(_) => Err(Unusable::UnknownKind(kind)),
        }
    }

    /// Parses a delete of the sync stream.
    ///
    /// # Errors
    ///
    /// When the kind or the name is not known, so that there was nothing to remove.
    pub fn remove(kind: i32, name: &str) -> Result<Self, Unusable> {
        match Kind::try_from(kind) {
            Ok(Kind::Provider) => Ok(Self::RemoveProvider(parse_name(name)?)),
            Ok(Kind::Credential) => Ok(Self::RemoveCredential(parse_name(name)?)),
            Ok(Kind::Model) => Ok(Self::RemoveModel(parse_name(name)?)),
            Ok(Kind::CallerKey) => Ok(Self::RemoveCallerKey(parse_name(name)?)),
            Ok(Kind::Unspecified) | Err(_) => Err(Unusable::UnknownKind(kind)),
        }
    }
}

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

/// What authenticates to a provider.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What authenticates.
    pub value: CredentialValue,
    /// Counts the values that it has had.
    pub value_version: u64,
    /// Its share, 0 to 100.
    pub weight: u32,
    /// The upstream account whose limits it shares, within the project.
    pub quota_group: Option<Arc<str>>,
    /// Its first success is to be reported.
    pub unverified: bool,
}

/// A name that callers ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Where its requests go.
    pub targets: Vec<Target>,
    /// How long one request may take in all.
    pub timeout: Duration,
    /// How many upstream calls one request may make; at least 1.
    pub max_attempts: u32,
}

/// One place where a model's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The provider's id, within the environment's project.
    pub provider: Arc<str>,
    /// The upstream's own name for the model.
    pub upstream_model: Arc<str>,
    /// Its share among those of the same priority, 0 to 100.
    pub weight: u32,
    /// Those of the lowest number come first.
    pub priority: u32,
}

/// The key that an application sends, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerKey {
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
    /// What it may ask for.
    pub allowed_models: Vec<ModelPattern>,
    /// When it stops working.
    pub expire_time: Option<SystemTime>,
    /// Taken out by an admin.
    pub disabled: bool,
}

/// A model's name, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPattern {
    /// This name.
    Name(Box<str>),
    /// Every name that begins so.
    Prefix(Box<str>),
}

impl ModelPattern {
    /// Whether a name, as asked for, is meant.
    #[must_use]
    pub fn matches(&self, asked: &str) -> bool {
        match self {
            Self::Name(name) => **name == *asked,
            Self::Prefix(prefix) => asked.starts_with(&**prefix),
        }
    }
}

impl CallerKey {
    /// Whether it may ask for a model, by the name as asked for.
    #[must_use]
    pub fn allows(&self, asked: &str) -> bool {
        self.allowed_models.iter().any(|pattern| pattern.matches(asked))
    }
}

impl Provider {
    fn parse(policy: AddressPolicy, config: ProviderConfig) -> Result<Self, Unusable> {
        let adapter = match UpstreamAdapter::try_from(config.adapter) {
            Ok(UpstreamAdapter::Openai) => AdapterKind::OpenAi,
            Ok(UpstreamAdapter::AzureOpenai) => AdapterKind::AzureOpenAi,
            Ok(UpstreamAdapter::Anthropic) => AdapterKind::Anthropic,
            Ok(UpstreamAdapter::Gemini) => AdapterKind::Gemini,
            Ok(UpstreamAdapter::Vertex) => AdapterKind::Vertex,
            Ok(UpstreamAdapter::Bedrock) => AdapterKind::Bedrock,
            Ok(UpstreamAdapter::Cohere) => AdapterKind::Cohere,
            Ok(UpstreamAdapter::Unspecified) | Err(_) => return Err(Unusable::UnknownAdapter(config.adapter)),
        };
        let auth = match UpstreamAuth::try_from(config.auth) {
            Ok(UpstreamAuth::Managed) => Auth::Managed,
            Ok(UpstreamAuth::None) => Auth::None,
            Ok(UpstreamAuth::Passthrough) => Auth::Passthrough,
            Ok(UpstreamAuth::Unspecified) | Err(_) => return Err(Unusable::UnknownAuth(config.auth)),
        };
        let exposed = if config.exposed_models.iter().any(|model| model == "*") {
            Exposed::All
        } else {
            Exposed::Only(config.exposed_models.into_iter().map(Arc::from).collect())
        };
        Ok(Self {
            adapter,
            place: Place {
                base_url: BaseUrl::parse(adapter, &config.base_url, policy)?,
                region: (!config.region.is_empty()).then_some(config.region),
                settings: Settings::default(),
                key_header: None,
                additional_key_header: None,
            },
            disabled: config.disabled,
            auth,
            exposed,
            default_model: (!config.default_model.is_empty()).then(|| config.default_model.into()),
        })
    }
}

impl TryFrom<CredentialConfig> for Credential {
    type Error = Unusable;

    fn try_from(config: CredentialConfig) -> Result<Self, Unusable> {
        let Some(Value::ApiKey(key)) = config.value else { return Err(Unusable::UnknownValue) };
        if key.is_empty() || HeaderValue::from_bytes(&key).is_err() {
            return Err(Unusable::UnfitSecret);
        }
        Ok(Self {
            // A copy, so that one credential does not keep the whole frame it came in alive, with the others' secrets.
            value: CredentialValue::ApiKey(Secret::new(key.to_vec())),
            value_version: config.value_version,
            weight: weight(config.weight)?,
            quota_group: (!config.quota_group.is_empty()).then(|| config.quota_group.into()),
            unverified: config.unverified,
        })
    }
}

impl Model {
    fn parse(project: &ProjectName, config: ModelConfig) -> Result<Self, Unusable> {
        let targets = config
            .targets
            .into_iter()
            .enumerate()
            .map(|(index, target)| Target::parse(project, index, target))
            .collect::<Result<_, _>>()?;
        // The control plane always sends both; a proxy that got neither would rather serve than refuse.
        let timeout = if config.timeout_ms == 0 { DEFAULT_TIMEOUT } else { Duration::from_millis(config.timeout_ms) };
        let max_attempts = if config.max_attempts == 0 { DEFAULT_ATTEMPTS } else { config.max_attempts };
        Ok(Self { targets, timeout, max_attempts })
    }
}

/// How long a request may take, and how many upstream calls it may make, where no model says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
/// See [`DEFAULT_TIMEOUT`].
pub const DEFAULT_ATTEMPTS: u32 = 4;

impl Target {
    fn parse(project: &ProjectName, index: usize, target: ModelTarget) -> Result<Self, Unusable> {
        let provider: ProviderName = target.provider.parse().map_err(|_| Unusable::BadTarget(index))?;
        if provider.project() != *project {
            return Err(Unusable::BadTarget(index));
        }
        Ok(Self {
            provider: provider.id().into(),
            upstream_model: target.upstream_model.into(),
            weight: weight(target.weight)?,
            priority: target.priority,
        })
    }
}

impl TryFrom<CallerKeyConfig> for CallerKey {
    type Error = Unusable;

    fn try_from(config: CallerKeyConfig) -> Result<Self, Unusable> {
        let allowed_models = config.allowed_models.into_iter().map(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => ModelPattern::Prefix(prefix.into()),
            None => ModelPattern::Name(pattern.into()),
        });
        let expiry = Duration::from_millis(config.expire_time_ms);
        Ok(Self {
            sha256: config.sha256.as_ref().try_into().map_err(|_| Unusable::BadHash)?,
            allowed_models: allowed_models.collect(),
            // A time past the clock's range is as good as never.
            expire_time: (!expiry.is_zero()).then(|| SystemTime::UNIX_EPOCH.checked_add(expiry)).flatten(),
            disabled: config.disabled,
        })
    }
}

fn parse_name<N: ResourceName>(name: &str) -> Result<N, Unusable> {
    name.parse().map_err(|_| Unusable::BadName)
}

fn same_project(environment: &ProjectName, resource: &ProjectName) -> Result<(), Unusable> {
    if environment == resource { Ok(()) } else { Err(Unusable::ForeignProject) }
}

fn decode<M: prost::Message + Default>(put: &Bytes) -> Result<M, Unusable> {
    M::decode(put.clone()).map_err(|_| Unusable::Undecodable)
}

fn weight(weight: u32) -> Result<u32, Unusable> {
    if weight <= 100 { Ok(weight) } else { Err(Unusable::WeightTooHigh(weight)) }
}
