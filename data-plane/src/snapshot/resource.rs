//! The resources of an environment as this proxy uses them, parsed from the sync stream's forms.
//!
//! What parses can be served; what does not is held as unusable with the reason that the parser gives. A reason never holds a secret.

mod caller_key;
mod defaults;
mod fields;
mod provider;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use proto::sync::v1::{CallerKeyConfig, CredentialConfig, Kind, ModelConfig, ModelTarget, credential_config::Value};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrlError;
use shared::credential::{CredentialType, CredentialValue};
use shared::dial::BadAuthorities;
use shared::name::{
    CallerKeyName, CredentialName, EnvironmentName, ModelName, ProjectName, ProviderName, ResourceName,
};
use shared::secret::Secret;

pub use self::caller_key::{CallerKey, ModelPattern};
pub use self::defaults::Defaults;
pub use self::fields::{Edits as FieldEdits, Fields};
pub use self::provider::{Auth, Dialing, Edits, Exposed, Patience, Provider};
pub use self::rules::ModelRules;
pub(crate) use self::rules::{BodyChanges, Peculiar};

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
    /// Callers can't bring keys of their own: the API's sign, or mint.
    #[error("callers can't bring their own keys to this adapter")]
    NoOwnKey,
    /// The base URL can't be used.
    #[error("its base URL can't be used: {0}")]
    BadBaseUrl(#[from] BaseUrlError),
    /// The provider's `config` is wrong.
    #[error("its config can't be used: {0}")]
    BadConfig(String),
    /// A header can't be what a field says that it is.
    #[error("{header:?} can't be in {field}")]
    BadHeader {
        /// The field.
        field: &'static str,
        /// The header's name, cut.
        header: String,
    },
    /// The defaults of request bodies are wrong.
    #[error("its request_defaults can't be used: {0}")]
    BadDefaults(String),
    /// The certificate authorities are no PEM.
    #[error("its ca_certificates can't be used: {0}")]
    BadCertificates(BadAuthorities),
    /// The credential has no value, or one of a type that this build does not know.
    #[error("this proxy does not know the type of its value")]
    UnknownValue,
    /// The value is none of its type.
    #[error("its value is not of the type that it is said to be")]
    NotAValue,
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
    PutProvider(ProviderName, Arc<Provider>),
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
                Ok(Self::PutProvider(name, Arc::new(Provider::parse(policy, decode(put)?)?)))
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

/// What authenticates to a provider.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What authenticates.
    pub value: CredentialValue,
    /// A second key.
    pub additional_key: Option<Secret>,
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

impl TryFrom<CredentialConfig> for Credential {
    type Error = Unusable;

    fn try_from(config: CredentialConfig) -> Result<Self, Unusable> {
        let (kind, bytes) = match config.value.ok_or(Unusable::UnknownValue)? {
            Value::ApiKey(bytes) => (CredentialType::ApiKey, bytes),
            Value::AccessKeyPair(bytes) => (CredentialType::AccessKeyPair, bytes),
            Value::ServiceAccountJson(bytes) => (CredentialType::ServiceAccount, bytes),
            Value::ClientSecret(bytes) => (CredentialType::ClientSecret, bytes),
        };
        let is_fit = |bytes: &Bytes| HeaderValue::from_bytes(bytes).is_ok();
        if (kind == CredentialType::ApiKey && !is_fit(&bytes)) || !is_fit(&config.additional_key) {
            return Err(Unusable::UnfitSecret);
        }
        // Copies, so that one credential does not keep the whole frame it came in alive, with the others' secrets.
        let value = CredentialValue::from_bytes(kind, Secret::new(bytes.to_vec())).map_err(|_| Unusable::NotAValue)?;
        let additional = &config.additional_key;
        Ok(Self {
            value,
            additional_key: (!additional.is_empty()).then(|| Secret::new(additional.to_vec())),
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
