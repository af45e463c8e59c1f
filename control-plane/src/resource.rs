//! What admins write, as typed values: parsed once from the admin API's messages, then trusted.
//!
//! One file per resource: its type, its rules, its form in the admin API. What is observed of a resource ([`CredentialStatus`], [`Proxy`])
//! is a record of its own, so that health never races an admin.
//!
//! ```text
//! message ─► apply(mask) over the stored one ─► read: defaults, every bad field ─► typed value ─► write ─► message, record
//! ```

pub mod key;
pub mod record;

mod caller_key;
mod credential;
mod decimal;
mod environment;
mod field;
mod join_token;
mod mask;
mod model;
mod project;
mod provider;
mod proxy;
mod rate;
mod secret;

pub use caller_key::CallerKey;
pub use credential::{
    API_KEY_BYTES, AdditionalKey, Credential, CredentialProblem, CredentialSettings, CredentialState, CredentialStatus,
    CredentialValues, Destinations, GivenValue, Health, HealthReason, HeldValue, SealedField, SealedValue, StoredValue,
    Weight, kind_as_str, kind_of_message, kind_to_message, read_additional_key, read_own_value, taken, value_path,
};
pub use decimal::{Decimal, NotADecimal};
pub use environment::Environment;
pub use field::{is_upstream_model, seconds, timestamp};
pub use join_token::{JoinToken, JoinTokenUse};
pub use mask::{Mask, Merge};
pub use model::{Model, Target};
pub use project::Project;
pub use provider::{AuthMode, ExposedModel, Object, Provider, Timeouts, adapter_to_message};
pub use proxy::Proxy;
pub use rate::Rate;
pub use secret::NamedSecret;

use std::fmt;
use std::time::SystemTime;

use prost_types::Timestamp;
use shared::address::AddressPolicy;
use shared::name::{EnvironmentName, ProviderName, ResourceName, SecretName};
use shared::revision::{Epoch, Revision, etag};

use crate::error::FieldViolations;
use record::Hidden;

/// What an admin sets of one kind of resource.
pub trait Resource: Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Its name's type.
    type Name: ResourceName;

    /// Its form in the admin API.
    type Message: prost::Message + Default + Clone;

    /// What is stored of it and never in its message: a sealed value, a hash.
    type Hidden: Hidden;

    /// The kind as errors and dependents spell it, `Provider` and its like.
    const KIND: &'static str;

    /// The field of a request that holds one, `provider` and its like.
    const FIELD: &'static str;

    /// What its uids begin with, `aip_` and its like.
    const UID_PREFIX: &'static str;

    /// Reads the fields that an admin sets, with the defaults where they are absent. Every bad field is added to the violations; `None`
    /// where no value can be made of the rest.
    fn read(
        message: Self::Message,
        name: &Self::Name,
        hidden: Self::Hidden,
        rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self>;

    /// The message with the fields that an admin sets and nothing else.
    fn write(&self) -> Self::Message;

    /// What is stored and never in the message.
    fn hidden(&self) -> Self::Hidden;

    /// The current message with the fields that the mask takes from the given one. Every field of the message has its rule here.
    fn apply(current: Self::Message, given: Self::Message, merge: &mut Merge<'_>) -> Self::Message;

    /// The fields that every resource has.
    fn header(message: &mut Self::Message) -> Header<'_>;

    /// What people call it.
    fn display_name(&self) -> &str;

    /// What a message that was not read yet says that people call it.
    fn display_name_of(message: &Self::Message) -> &str;

    /// What it refers to, each once.
    fn references(&self) -> Vec<Reference>;
}

/// What a field is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Which upstream addresses may be configured.
    pub addresses: AddressPolicy,
    /// The resources that can be referred to.
    pub targets: &'a dyn Targets,
    /// Where the message comes from.
    pub source: Source,
}

/// Where a resource's message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From a caller: every rule holds.
    Request,
    /// From the store: whoever wrote it kept the rules of the time. A rule that came later must not keep a store from opening.
    Record,
}

/// The resources that others refer to.
pub trait Targets: fmt::Debug {
    /// Whether the environment exists.
    fn has_environment(&self, name: &EnvironmentName) -> bool;

    /// Whether the provider exists and exposes the upstream model.
    fn exposure(&self, provider: &ProviderName, upstream_model: &str) -> Exposure;

    /// How requests to the provider authenticate; `None` where that is of no account, or there is no such provider.
    fn auth_mode(&self, provider: &ProviderName) -> Option<AuthMode>;
}

/// Whether a provider exposes a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// It does.
    Exposed,
    /// It does not.
    NotExposed,
    /// There is no such provider.
    NoProvider,
}

/// What a resource refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// An environment.
    Environment(EnvironmentName),
    /// A provider.
    Provider(ProviderName),
    /// A Secret.
    Secret(SecretName),
}

impl Reference {
    /// The name of what is referred to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Environment(name) => name.as_str(),
            Self::Provider(name) => name.as_str(),
            Self::Secret(name) => name.as_str(),
        }
    }
}

/// A resource with what the server adds to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<R: Resource> {
    /// Its name.
    pub name: R::Name,
    /// What the server knows of it.
    pub meta: Meta,
    /// What an admin set.
    pub spec: R,
}

/// What the server adds to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Made with it, never used twice.
    pub uid: String,
    /// The commit that last changed what an admin set; 0 before the first one is made.
    pub revision: Revision,
    /// 1, then one more per change.
    pub generation: u64,
    /// When it was made.
    pub create_time: SystemTime,
    /// When an admin last changed it.
    pub update_time: SystemTime,
}

/// The fields that every resource's message has.
#[derive(Debug)]
pub struct Header<'a> {
    /// `name`.
    pub name: &'a mut String,
    /// `uid`.
    pub uid: &'a mut String,
    /// `etag`.
    pub etag: &'a mut String,
    /// `revision`.
    pub revision: &'a mut u64,
    /// `generation`.
    pub generation: &'a mut u64,
    /// `create_time`.
    pub create_time: &'a mut Option<Timestamp>,
    /// `update_time`.
    pub update_time: &'a mut Option<Timestamp>,
}

impl Header<'_> {
    /// Sets what a commit gives, where it is not set yet.
    pub fn made_at(self, epoch: Epoch, revision: Revision) {
        if *self.revision == 0 && revision.0 > 0 {
            *self.revision = revision.0;
            *self.etag = etag(epoch, revision);
        }
    }
}

impl<R: Resource> Stored<R> {
    /// A resource that is not committed, and may never be.
    #[must_use]
    pub fn new(name: R::Name, uid: String, spec: R, now: SystemTime) -> Self {
        let meta = Meta { uid, revision: Revision(0), generation: 1, create_time: now, update_time: now };
        Self { name, meta, spec }
    }

    /// The message that the API answers, without what is observed. A resource that is not committed has no revision and no etag yet.
    #[must_use]
    pub fn to_message(&self, epoch: Epoch) -> R::Message {
        let mut message = self.spec.write();
        let header = R::header(&mut message);
        self.name.as_str().clone_into(header.name);
        self.meta.uid.clone_into(header.uid);
        *header.generation = self.meta.generation;
        *header.create_time = Some(timestamp(self.meta.create_time));
        *header.update_time = Some(timestamp(self.meta.update_time));
        header.made_at(epoch, self.meta.revision);
        message
    }

    /// Its etag.
    #[must_use]
    pub fn etag(&self, epoch: Epoch) -> String {
        etag(epoch, self.meta.revision)
    }
}

#[cfg(test)]
mod tests;
