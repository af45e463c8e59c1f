//! What requests read: one immutable value behind one pointer.
//!
//! A [`Snapshot`] is built beside the old one and shares its structure, so that a change costs what it changes, whatever else is there.
//! A request loads it once and uses it to the end.

pub mod resource;
pub(crate) mod route;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwap;
use shared::name::{CallerKeyName, CredentialName, EnvironmentName, ProviderName, ResourceName};

use self::resource::{CallerKey, Change, Credential, Provider};
use self::route::{Route, Upstream};
use crate::balance::moment::Moment;
use crate::balance::{Groups, Member, Pool};
use crate::evidence::uses::Used;

/// The state of every environment that the proxy serves.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// What the control plane grants; `None` until it said so.
    granted: Option<Arc<BTreeSet<EnvironmentName>>>,
    environments: imbl::HashMap<EnvironmentName, Arc<Environment>>,
    /// The caller keys of all environments, by their SHA-256.
    callers: imbl::HashMap<[u8; 32], Arc<Caller>>,
    /// Credentials that a former snapshot had and this one has not.
    retired: Vec<Arc<Member>>,
}

/// One environment's resources. Ids stand for names: all are of the environment's project.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) name: EnvironmentName,
    pub(crate) upstreams: imbl::HashMap<Arc<str>, Arc<Upstream>>,
    pub(crate) routes: imbl::HashMap<Arc<str>, Arc<Route>>,
    credentials: imbl::OrdMap<CredentialName, Arc<Credential>>,
    /// The accounts that credentials of several providers may share.
    groups: Groups,
    caller_keys: imbl::HashMap<CallerKeyName, [u8; 32]>,
}

/// A caller key and where it belongs.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) environment: EnvironmentName,
    pub(crate) name: CallerKeyName,
    pub(crate) key: CallerKey,
    pub(crate) used: Arc<Used>,
}

impl Snapshot {
    /// Nothing, and nothing granted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these environments granted and no other: one that is not among them is withdrawn.
    #[must_use]
    pub fn granting(&self, environments: impl IntoIterator<Item = EnvironmentName>) -> Self {
        let granted: BTreeSet<_> = environments.into_iter().collect();
        let withdrawn: Vec<_> = self.environments.keys().filter(|name| !granted.contains(*name)).cloned().collect();
        let mut next = withdrawn.iter().fold(self.clone(), |next, name| next.withdraw(name));
        next.granted = Some(Arc::new(granted));
        next
    }

    /// With one more environment granted.
    #[must_use]
    pub fn grant(&self, environment: &EnvironmentName) -> Self {
        let mut next = self.clone();
        Arc::make_mut(next.granted.get_or_insert_default()).insert(environment.clone());
        next
    }

    /// Without an environment: its grant, its resources, its secrets.
    #[must_use]
    pub fn withdraw(&self, environment: &EnvironmentName) -> Self {
        let mut next = self.clone();
        if let Some(granted) = &mut next.granted {
            Arc::make_mut(granted).remove(environment);
        }
        if let Some(former) = next.environments.remove(environment) {
            next.forget(&former, None);
        }
        next
    }

    /// With changes to one environment, all of them or, if this snapshot is never stored, none. It has a state from then on.
    #[must_use]
    pub fn with(&self, environment: &EnvironmentName, changes: impl IntoIterator<Item = Change>) -> Self {
        let former = self.environments.get(environment);
        let base = former.map_or_else(|| Environment::new(environment), |former| Environment::clone(former));
        self.clone().build(base, former.map(Arc::as_ref), changes)
    }

    /// With another state of one environment, made of puts alone. Credentials that stay keep what was learned of them.
    #[must_use]
    pub fn replacing(&self, environment: &EnvironmentName, puts: impl IntoIterator<Item = Change>) -> Self {
        let former = self.environments.get(environment);
        let mut next = self.clone();
        if let Some(former) = former {
            next.forget_callers(former);
        }
        let groups = former.map(|former| former.groups.clone()).unwrap_or_default();
        let base = Environment { groups, ..Environment::new(environment) };
        let mut next = next.build(base, former.map(Arc::as_ref), puts);
        if let (Some(former), Some(state)) = (former, next.environments.get(environment).cloned()) {
            next.forget(former, Some(&state));
        }
        next
    }

    /// Whether every granted environment has a state.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.iter().all(|name| self.environments.contains_key(name)))
    }

    /// The environments that have a state.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.environments.keys()
    }

    /// The caller key with a hash.
    pub(crate) fn caller(&self, sha256: &[u8; 32]) -> Option<&Arc<Caller>> {
        self.callers.get(sha256)
    }

    /// An environment's state.
    pub(crate) fn environment(&self, name: &EnvironmentName) -> Option<&Arc<Environment>> {
        self.environments.get(name)
    }

    fn build(
        mut self,
        mut state: Environment,
        former: Option<&Environment>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Self {
        let mut touched = Touched::default();
        for change in changes {
            self.apply(&mut state, former, &mut touched, change);
        }
        for (name, provider) in touched.providers {
            let upstream = state.upstream(&name, provider, former);
            let known = former.and_then(|former| former.upstreams.get(name.id()));
            if let Some(known) = known {
                let missing = known.pool.missing_in(upstream.as_deref().map(|upstream| &upstream.pool));
                self.retired.extend(missing.cloned());
            }
            match upstream {
                Some(upstream) => state.upstreams.insert(Arc::clone(&upstream.id), upstream),
                None => state.upstreams.remove(name.id()),
            };
        }
        self.environments.insert(state.name.clone(), Arc::new(state));
        self
    }

    fn apply(&mut self, state: &mut Environment, former: Option<&Environment>, touched: &mut Touched, change: Change) {
        match change {
            Change::PutProvider(name, provider) => touched.provider(name, Some(Arc::new(provider))),
            Change::RemoveProvider(name) => touched.provider(name, None),
            Change::PutCredential(name, credential) => {
                touched.credentials_of(state, name.provider());
                state.credentials.insert(name, Arc::new(credential));
            }
            Change::RemoveCredential(name) => {
                touched.credentials_of(state, name.provider());
                state.credentials.remove(&name);
            }
            Change::PutModel(name, model) => {
                let known = former.and_then(|former| former.routes.get(name.id()));
                state.routes.insert(name.id().into(), Arc::new(Route::new(model, known.map(Arc::as_ref))));
            }
            Change::RemoveModel(name) => {
                state.routes.remove(name.id());
            }
            Change::PutCallerKey(name, key) => {
                self.forget_caller(state, &name);
                state.caller_keys.insert(name.clone(), key.sha256);
                let used = Used::caller_key(name.clone());
                let caller = Caller { environment: state.name.clone(), name, key, used };
                self.callers.insert(caller.key.sha256, Arc::new(caller));
            }
            Change::RemoveCallerKey(name) => self.forget_caller(state, &name),
        }
    }

    fn forget_caller(&mut self, state: &mut Environment, name: &CallerKeyName) {
        if let Some(sha256) = state.caller_keys.remove(name)
            && self.callers.get(&sha256).is_some_and(|caller| caller.environment == state.name && caller.name == *name)
        {
            self.callers.remove(&sha256);
        }
    }

    fn forget_callers(&mut self, former: &Environment) {
        for (name, sha256) in &former.caller_keys {
            if self.callers.get(sha256).is_some_and(|caller| caller.environment == former.name && caller.name == *name)
            {
                self.callers.remove(sha256);
            }
        }
    }

    /// Takes out what `former` had of caller keys and credentials and `next` has not.
    fn forget(&mut self, former: &Environment, next: Option<&Environment>) {
        if next.is_none() {
            self.forget_callers(former);
        }
        for (id, upstream) in &former.upstreams {
            let kept = next.and_then(|next| next.upstreams.get(id)).map(|upstream| &upstream.pool);
            self.retired.extend(upstream.pool.missing_in(kept).cloned());
        }
    }
}

/// The providers whose pool has to be made anew, each with what it is now; the last word counts.
#[derive(Default)]
struct Touched {
    providers: HashMap<ProviderName, Option<Arc<Provider>>>,
}

impl Touched {
    fn provider(&mut self, name: ProviderName, provider: Option<Arc<Provider>>) {
        self.providers.insert(name, provider);
    }

    fn credentials_of(&mut self, state: &Environment, name: ProviderName) {
        let known = || state.upstreams.get(name.id()).map(|upstream| Arc::clone(&upstream.provider));
        self.providers.entry(name.clone()).or_insert_with(known);
    }
}

impl Environment {
    fn new(name: &EnvironmentName) -> Self {
        Self {
            name: name.clone(),
            upstreams: imbl::HashMap::new(),
            routes: imbl::HashMap::new(),
            credentials: imbl::OrdMap::new(),
            groups: Groups::default(),
            caller_keys: imbl::HashMap::new(),
        }
    }

    /// A provider with its credentials, if there is such a provider.
    fn upstream(
        &mut self,
        name: &ProviderName,
        provider: Option<Arc<Provider>>,
        former: Option<&Self>,
    ) -> Option<Arc<Upstream>> {
        // A provider's credentials are a range of names: all begin with its own and this, and `0` is what follows a slash.
        let (first, end) = (format!("{name}/credentials/"), format!("{name}/credentials0"));
        let range = (Bound::Included(first.as_str()), Bound::Excluded(end.as_str()));
        let credentials = self.credentials.range::<_, str>(range);
        let known = former.and_then(|former| former.upstreams.get(name.id()));
        let pool = Pool::new(
            credentials.map(|(name, credential)| (name, credential.as_ref())),
            known.map(|upstream| &upstream.pool),
            &mut self.groups,
            Moment::now(),
        );
        provider.map(|provider| Arc::new(Upstream::new(name, provider, pool)))
    }
}

/// The one pointer to the current [`Snapshot`]. The sync client writes it, requests read it.
#[derive(Debug, Default)]
pub struct SnapshotStore {
    current: ArcSwap<Snapshot>,
}

impl SnapshotStore {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The current snapshot.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Makes a snapshot the current one; it has to be made from the current one, and by one writer.
    ///
    /// Credentials that are gone finish what they are used for, and are not picked again by a request that still holds an older snapshot.
    pub fn store(&self, mut snapshot: Snapshot) {
        let retired = std::mem::take(&mut snapshot.retired);
        self.current.store(Arc::new(snapshot));
        retired.iter().for_each(|member| member.retire());
    }

    /// Whether every granted environment has a state.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.current.load().is_ready()
    }
}

#[cfg(test)]
mod tests;
