//! Every resource, in memory: persistent maps behind one pointer, swapped per revision.
//!
//! Readers never block the writer, a snapshot is the clone of a pointer, and a list of 100,000 providers needs no disk. One task takes the
//! commits from the store's watch and is the only writer.

use std::sync::Arc;

use imbl::OrdMap;
use shared::name::{CredentialName, JoinTokenName, ProxyName};
use shared::revision::Revision;

use crate::resource::{
    CallerKey, Credential, CredentialStatus, Environment, JoinToken, JoinTokenUse, Model, Project, Provider, Proxy,
    Resource, Stored,
};
use crate::store::Identity;

/// The resources of one kind, in the order of their names.
pub type Table<R> = OrdMap<<R as Resource>::Name, Arc<Stored<R>>>;

/// Everything at one revision. A clone shares its structure.
#[derive(Debug, Clone)]
pub struct View {
    /// The store that it is of.
    pub identity: Identity,
    /// The last commit that is in it.
    pub revision: Revision,
    /// Projects.
    pub projects: Table<Project>,
    /// Environments.
    pub environments: Table<Environment>,
    /// Providers.
    pub providers: Table<Provider>,
    /// Credentials.
    pub credentials: Table<Credential>,
    /// What was observed of each credential.
    pub credential_status: OrdMap<CredentialName, Arc<CredentialStatus>>,
    /// Models.
    pub models: Table<Model>,
    /// Caller keys.
    pub caller_keys: Table<CallerKey>,
    /// Join tokens.
    pub join_tokens: Table<JoinToken>,
    /// How often each join token was used.
    pub join_token_uses: OrdMap<JoinTokenName, JoinTokenUse>,
    /// Enrolled proxies.
    pub proxies: OrdMap<ProxyName, Arc<Proxy>>,
}
