//! Every resource, in memory: persistent maps behind one pointer, swapped per revision.
//!
//! Readers never block the writer, a snapshot is the clone of a pointer, and a list of 100,000 providers needs no disk. One task takes the
//! commits from the store's watch and is the only writer.

mod follow;
mod index;
pub mod last_used;
mod open;

pub use follow::{OpenError, ViewStopped, Views};
pub use index::Index;
pub use last_used::LastUsed;
pub use open::{NotOpened, OpenedValues, open_additional_key, open_secret, open_value, open_values};

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use shared::name::{CredentialName, EnvironmentName, JoinTokenName, ProviderName, ProxyName, ResourceName, SecretName};
use shared::revision::Revision;

use crate::resource::record::{AdminTokenRecord, RecordError};
use crate::resource::{
    AuthMode, CallerKey, Credential, CredentialState, CredentialStatus, Environment, Exposure, HealthReason, JoinToken,
    JoinTokenUse, Model, NamedSecret, Project, Provider, Proxy, Rate, Reference, Resource, Stored, Targets, key,
};
use crate::store::{Change, Committed, Identity, Range};

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
    pub credential_status: OrdMap<CredentialName, ObservedStatus>,
    /// Secrets, to which credentials may link.
    pub secrets: Table<NamedSecret>,
    /// Models.
    pub models: Table<Model>,
    /// Rates.
    pub rates: Table<Rate>,
    /// Caller keys.
    pub caller_keys: Table<CallerKey>,
    /// Join tokens.
    pub join_tokens: Table<JoinToken>,
    /// How often each join token was used.
    pub join_token_uses: OrdMap<JoinTokenName, JoinTokenUse>,
    /// Enrolled proxies.
    pub proxies: OrdMap<ProxyName, Arc<Proxy>>,
    /// Who each admin token is, by the SHA-256 of the whole token.
    pub admin_tokens: OrdMap<[u8; 32], Arc<str>>,
    /// The lookups that are not ranges of names.
    pub index: Index,
}

/// What was observed of a credential.
#[derive(Debug, Clone)]
pub struct ObservedStatus {
    /// The commit that last changed it.
    pub revision: Revision,
    /// What it is.
    pub status: Arc<CredentialStatus>,
}

/// A kind of resource that a view keeps.
pub trait Kept: Resource {
    /// Its table.
    fn table(view: &View) -> &Table<Self>;
}

/// A record that a view can't take.
#[derive(Debug, thiserror::Error)]
#[error("the store's record {key} can't be used")]
pub struct ViewError {
    /// Its key.
    pub key: String,
    /// Why.
    #[source]
    pub source: RecordError,
}

impl View {
    /// The view of an empty store.
    #[must_use]
    pub fn empty(identity: Identity) -> Self {
        Self {
            identity,
            revision: Revision(0),
            projects: OrdMap::new(),
            environments: OrdMap::new(),
            providers: OrdMap::new(),
            credentials: OrdMap::new(),
            credential_status: OrdMap::new(),
            secrets: OrdMap::new(),
            models: OrdMap::new(),
            rates: OrdMap::new(),
            caller_keys: OrdMap::new(),
            join_tokens: OrdMap::new(),
            join_token_uses: OrdMap::new(),
            proxies: OrdMap::new(),
            admin_tokens: OrdMap::new(),
            index: Index::default(),
        }
    }

    /// The view of everything that the store holds.
    ///
    /// # Errors
    ///
    /// When a record is damaged.
    pub fn decode(identity: Identity, range: &Range) -> Result<Self, ViewError> {
        let mut view = Self::empty(identity);
        for record in &range.records {
            view.change(&record.key, record.revision, Some(&record.value))?;
        }
        view.revision = range.revision;
        Ok(view)
    }

    /// The view after one more commit.
    ///
    /// # Errors
    ///
    /// When a record of it is damaged.
    pub fn apply(&self, committed: &Committed) -> Result<Self, ViewError> {
        let mut next = self.clone();
        for Change { key, value } in &committed.changes {
            next.change(key, committed.revision, value.as_deref())?;
        }
        next.revision = committed.revision;
        Ok(next)
    }

    fn change(&mut self, key: &str, revision: Revision, value: Option<&[u8]>) -> Result<(), ViewError> {
        let changed = if let Some(name) = key.strip_prefix(key::SPEC) {
            self.change_spec(name, revision, value)
        } else if let Some(name) = key.strip_prefix(key::STATUS) {
            self.change_status(name, revision, value)
        } else if let Some(hash) = key.strip_prefix(key::ADMIN_TOKENS) {
            self.change_admin_token(hash, value)
        } else {
            // Indexes, remembered answers and the control plane's own records are not of the view.
            Ok(())
        };
        changed.map_err(|source| ViewError { key: key.to_owned(), source })
    }

    fn change_spec(&mut self, name: &str, revision: Revision, value: Option<&[u8]>) -> Result<(), RecordError> {
        let Self { projects, environments, providers, credentials, secrets, models, rates, caller_keys, .. } = self;
        let Self { join_tokens, index, .. } = self;
        match collection(name) {
            "projects" => put(projects, index, name, revision, value),
            "environments" => put(environments, index, name, revision, value),
            "providers" => put(providers, index, name, revision, value),
            "credentials" => put(credentials, index, name, revision, value),
            "secrets" => put(secrets, index, name, revision, value),
            "models" => put(models, index, name, revision, value),
            "rates" => put(rates, index, name, revision, value),
            "callerKeys" => put(caller_keys, index, name, revision, value),
            "joinTokens" => {
                if let Some(old) = join_tokens.get(name) {
                    index.forget_join_token(&old.spec.sha256);
                }
                put(join_tokens, index, name, revision, value)?;
                if let Some(new) = join_tokens.get(name) {
                    index.add_join_token(new.spec.sha256, new.name.clone());
                }
                Ok(())
            }
            // Of a newer version: kept by the store, of no use to this one.
            _ => Ok(()),
        }
    }

    fn change_status(&mut self, name: &str, revision: Revision, value: Option<&[u8]>) -> Result<(), RecordError> {
        match collection(name) {
            "credentials" => {
                let status = value.map(CredentialStatus::from_record).transpose()?;
                let observed = status.map(|status| ObservedStatus { revision, status: Arc::new(status) });
                set(&mut self.credential_status, name.parse()?, observed);
            }
            "joinTokens" => {
                let uses = value.map(JoinTokenUse::from_record).transpose()?;
                set(&mut self.join_token_uses, name.parse()?, uses);
            }
            "proxies" => {
                let proxy = value.map(Proxy::from_record).transpose()?;
                set(&mut self.proxies, name.parse()?, proxy.map(Arc::new));
            }
            _ => {}
        }
        Ok(())
    }

    fn change_admin_token(&mut self, hash: &str, value: Option<&[u8]>) -> Result<(), RecordError> {
        let hash = read_hash(hash).ok_or(RecordError::Field("sha256"))?;
        let record = value.map(<AdminTokenRecord as prost::Message>::decode).transpose()?;
        set(&mut self.admin_tokens, hash, record.map(|record| record.principal.into()));
        Ok(())
    }

    /// The credentials of a provider, in the order of their names.
    pub fn credentials_of(&self, provider: &ProviderName) -> impl Iterator<Item = &Arc<Stored<Credential>>> {
        below(&self.credentials, provider.as_str(), "credentials")
    }

    /// The rates of a provider, in the order of their names.
    pub fn rates_of(&self, provider: &ProviderName) -> impl Iterator<Item = &Arc<Stored<Rate>>> {
        below(&self.rates, provider.as_str(), "rates")
    }

    /// What was observed of a credential's present value; what is known of a value that nobody has asked about where there is nothing.
    #[must_use]
    pub fn status_of(&self, credential: &Stored<Credential>) -> Arc<CredentialStatus> {
        let status = self.credential_status.get(&credential.name);
        // What was observed of an older value says nothing of this one.
        let current = status.filter(|observed| observed.status.value_version == credential.spec.value.version);
        current.map(|observed| observed.status.clone()).unwrap_or_default()
    }

    /// The state that the API shows for a credential; `None` where its provider is gone.
    #[must_use]
    pub fn state_of(&self, credential: &Stored<Credential>) -> Option<(CredentialState, Option<HealthReason>)> {
        let provider = self.providers.get(&credential.name.provider())?;
        Some(credential.spec.state(&self.status_of(credential), &provider.spec))
    }

    /// The models with a target at the provider, in the order of their names.
    pub fn models_of(&self, provider: &ProviderName) -> impl Iterator<Item = &Arc<Stored<Model>>> {
        self.index.from(provider.as_str()).filter_map(|from| self.models.get(from))
    }

    /// The caller keys that work in the environment, in the order of their names.
    pub fn caller_keys_of(&self, environment: &EnvironmentName) -> impl Iterator<Item = &Arc<Stored<CallerKey>>> {
        self.index.from(environment.as_str()).filter_map(|from| self.caller_keys.get(from))
    }

    /// The providers that are active in the environment, in the order of their names.
    pub fn providers_of(&self, environment: &EnvironmentName) -> impl Iterator<Item = &Arc<Stored<Provider>>> {
        self.index.from(environment.as_str()).filter_map(|from| self.providers.get(from))
    }

    /// The credentials that link to the Secret, in the order of their names.
    pub fn credentials_linked_to(&self, secret: &SecretName) -> impl Iterator<Item = &Arc<Stored<Credential>>> {
        self.index.from(secret.as_str()).filter_map(|from| self.credentials.get(from))
    }

    /// The Secret that a credential links to; `None` where it has a value of its own.
    #[must_use]
    pub fn secret_of(&self, credential: &Stored<Credential>) -> Option<&Arc<Stored<NamedSecret>>> {
        credential.spec.linked_secret().and_then(|name| self.secrets.get(name))
    }

    /// The join token with a secret of this hash.
    #[must_use]
    pub fn join_token_by_sha256(&self, sha256: &[u8; 32]) -> Option<&Arc<Stored<JoinToken>>> {
        self.index.join_token(sha256).and_then(|name| self.join_tokens.get(name))
    }

    /// The commit that last changed what is referred to; `None` where it does not exist.
    #[must_use]
    pub fn revision_of(&self, reference: &Reference) -> Option<Revision> {
        match reference {
            Reference::Environment(name) => self.environments.get(name).map(|stored| stored.meta.revision),
            Reference::Provider(name) => self.providers.get(name).map(|stored| stored.meta.revision),
            Reference::Secret(name) => self.secrets.get(name).map(|stored| stored.meta.revision),
        }
    }
}

impl Targets for View {
    fn has_environment(&self, name: &EnvironmentName) -> bool {
        self.environments.contains_key(name)
    }

    fn exposure(&self, provider: &ProviderName, upstream_model: &str) -> Exposure {
        match self.providers.get(provider) {
            None => Exposure::NoProvider,
            Some(provider) if provider.spec.exposes(upstream_model) => Exposure::Exposed,
            Some(_) => Exposure::NotExposed,
        }
    }

    fn auth_mode(&self, provider: &ProviderName) -> Option<AuthMode> {
        self.providers.get(provider).map(|provider| provider.spec.auth_mode)
    }
}

/// The entries of a table whose names stand directly in a parent's collection, in order. An empty parent is the top level.
pub fn below<'a, N, V>(
    table: &'a OrdMap<N, V>,
    parent: &str,
    collection: &str,
) -> impl Iterator<Item = &'a V> + use<'a, N, V>
where
    N: ResourceName + std::borrow::Borrow<str>,
{
    let prefix = if parent.is_empty() { format!("{collection}/") } else { format!("{parent}/{collection}/") };
    let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
    let range = table.range::<_, str>(from);
    range.take_while(move |(name, _)| name.as_str().starts_with(&prefix)).map(|(_, value)| value)
}

macro_rules! kept {
    ($($kind:ty, $table:ident;)+) => {$(impl Kept for $kind {
        fn table(view: &View) -> &Table<Self> {
            &view.$table
        }
    })+};
}

kept! {
    Project, projects;
    Environment, environments;
    Provider, providers;
    Credential, credentials;
    NamedSecret, secrets;
    Model, models;
    Rate, rates;
    CallerKey, caller_keys;
    JoinToken, join_tokens;
}

/// The collection that a name's last segment stands in.
fn collection(name: &str) -> &str {
    let mut segments = name.split('/');
    match (segments.next(), segments.next(), segments.next(), segments.next(), segments.next()) {
        (Some("projects"), Some(_), Some("providers"), Some(_), Some(collection)) => collection,
        (Some("projects"), Some(_), Some(collection), Some(_), _) => collection,
        (Some(collection), Some(_), None, None, None) => collection,
        _ => "",
    }
}

fn put<R: Resource>(
    table: &mut Table<R>,
    index: &mut Index,
    name: &str,
    revision: Revision,
    value: Option<&[u8]>,
) -> Result<(), RecordError> {
    let new = value.map(|value| Stored::<R>::from_record(name, revision, value)).transpose()?.map(Arc::new);
    let name: R::Name = match &new {
        Some(new) => new.name.clone(),
        None => name.parse()?,
    };
    if let Some(old) = table.get(&name) {
        index.forget(old);
    }
    if let Some(new) = &new {
        index.add(new);
    }
    set(table, name, new);
    Ok(())
}

fn set<K: Ord + Clone, V: Clone>(table: &mut OrdMap<K, V>, name: K, value: Option<V>) {
    match value {
        Some(value) => table.insert(name, value),
        None => table.remove(&name),
    };
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
