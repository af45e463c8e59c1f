//! What admins write, as typed values: parsed once from the admin API's messages, then trusted.
//!
//! One file per resource: its type, its rules, its form in the admin API. What is observed of a resource ([`CredentialStatus`], [`Proxy`])
//! is a record of its own, so that health never races an admin.

mod caller_key;
mod credential;
mod environment;
mod join_token;
mod model;
mod project;
mod provider;
mod proxy;

pub use caller_key::CallerKey;
pub use credential::{
    Credential, CredentialProblem, CredentialState, CredentialStatus, Health, HealthReason, SealedValue, Weight,
};
pub use environment::Environment;
pub use join_token::{JoinToken, JoinTokenUse};
pub use model::{Model, Target};
pub use project::Project;
pub use provider::{AuthMode, ExposedModel, Provider};
pub use proxy::Proxy;

use std::fmt;
use std::time::SystemTime;

use shared::name::ResourceName;
use shared::revision::Revision;

/// What an admin sets of one kind of resource.
pub trait Resource: Clone + fmt::Debug + Send + Sync + 'static {
    /// Its name's type.
    type Name: ResourceName;

    /// The kind as errors and dependents spell it, `Provider` and its like.
    const KIND: &'static str;

    /// What its uids begin with, `aip_` and its like.
    const UID_PREFIX: &'static str;
}

/// A resource with what the server adds to it.
#[derive(Debug, Clone)]
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
    /// The commit that last changed what an admin set.
    pub revision: Revision,
    /// 1, then one more per change.
    pub generation: u64,
    /// When it was made.
    pub create_time: SystemTime,
    /// When an admin last changed it.
    pub update_time: SystemTime,
}
