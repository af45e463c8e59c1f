//! From the name that a caller asks for to the places that may serve it.

pub(crate) mod address;
mod peculiar;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderValue, Uri};
use shared::adapter::{Adapter, Delivery, Format, NoAddress, Operation, adapter};
use shared::credential::CredentialType;
use shared::name::{ProviderName, ResourceName};

use self::address::{Addresses, ModelOf, Where};
use self::peculiar::{Known, Named};
use super::Environment;
use super::resource::{CallerKey, DEFAULT_ATTEMPTS, DEFAULT_TIMEOUT, Exposed, Model, Peculiar, Provider, Target};
use crate::balance::Pool;
use crate::balance::breaker::Breaker;
use crate::balance::ring;
use crate::evidence::uses::Used;

/// A provider, ready to be called.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The provider's id.
    pub(crate) id: Arc<str>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) adapter: &'static dyn Adapter,
    /// The adapter's format.
    pub(crate) format: Format,
    pub(crate) pool: Pool,
    pub(crate) used: Arc<Used>,
    /// The id as `x-keyplane-provider` has it.
    pub(crate) header: HeaderValue,
    /// Made at the first call: most of 100,000 providers may never see one in this proxy.
    addresses: OnceLock<Box<Addresses>>,
    named: Named,
}

impl Upstream {
    pub(super) fn new(name: &ProviderName, provider: Arc<Provider>, pool: Pool) -> Self {
        let adapter = adapter(provider.adapter);
        Self {
            id: name.id().into(),
            adapter,
            format: adapter.format(),
            pool,
            used: Used::provider(name.clone()),
            // An id is lower-case ASCII.
            header: HeaderValue::from_str(name.id()).unwrap_or_else(|_| HeaderValue::from_static("")),
            addresses: OnceLock::new(),
            named: Named::default(),
            provider,
        }
    }

    /// Whether a key may ask for whatever it has: what can't be judged by a model's name.
    pub(crate) fn is_open_to(&self, key: &CallerKey) -> bool {
        self.provider.exposed == Exposed::All && key.allows_all_of(&self.id)
    }

    /// Where it is.
    pub(crate) fn addresses(&self) -> &Addresses {
        let Provider { place, dialing, .. } = &*self.provider;
        self.addresses.get_or_init(|| Box::new(Addresses::new(self.adapter, place, dialing)))
    }
}

/// A model's targets in the order of their priority.
#[derive(Debug)]
pub(crate) struct Route {
    groups: Box<[Group]>,
    timeout: Duration,
    max_attempts: u32,
}

/// The targets of one priority, which take turns.
#[derive(Debug)]
struct Group {
    targets: Box<[Placed]>,
    order: Box<[u32]>,
    /// Outlives the route, so that an edit does not start the turns anew.
    cursor: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Placed {
    target: Target,
    breaker: Arc<Breaker>,
    known: Known,
}

impl Route {
    /// A model's route, with the counters and breakers of the one before.
    pub(super) fn new(model: Model, former: Option<&Self>) -> Self {
        let known = |target: &Target| {
            let mut targets = former.iter().flat_map(|former| &former.groups).flat_map(|group| &group.targets);
            targets.find(|known| known.target.is_same_place(target)).map(|known| Arc::clone(&known.breaker))
        };
        let mut targets = model.targets;
        // Stable: targets of one priority stay in the order that the admin gave.
        targets.sort_by_key(|target| target.priority);
        let groups = targets.chunk_by(|a, b| a.priority == b.priority).enumerate().map(|(index, targets)| {
            let weights: Vec<u32> = targets.iter().map(|target| target.weight).collect();
            let cursor = former.and_then(|former| former.groups.get(index)).map(|group| Arc::clone(&group.cursor));
            let place = |target: &Target| Placed {
                target: target.clone(),
                breaker: known(target).unwrap_or_default(),
                known: Known::default(),
            };
            Group {
                targets: targets.iter().map(place).collect(),
                order: ring::order(&weights),
                cursor: cursor.unwrap_or_default(),
            }
        });
        Self { groups: groups.collect(), timeout: model.timeout, max_attempts: model.max_attempts }
    }
}

impl Target {
    fn is_same_place(&self, other: &Self) -> bool {
        self.provider == other.provider && self.upstream_model == other.upstream_model
    }
}

/// Where a request may go, best first.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) stops: Vec<Stop>,
    pub(crate) timeout: Duration,
    pub(crate) max_attempts: u32,
}

/// One target that may serve.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) upstream_model: Arc<str>,
    pub(crate) breaker: Option<Arc<Breaker>>,
    peculiar: Arc<Peculiar>,
}

impl Stop {
    /// A provider, for no model.
    pub(crate) fn below(upstream: &Arc<Upstream>) -> Self {
        Self::named(upstream, "")
    }

    /// A provider's model, which the caller named.
    fn named(upstream: &Arc<Upstream>, model: &str) -> Self {
        let (upstream_model, peculiar) = upstream.named.of(&upstream.provider, model);
        Self { upstream: Arc::clone(upstream), upstream_model, breaker: None, peculiar }
    }

    /// Where a call goes that is signed with a key of this type.
    ///
    /// # Errors
    ///
    /// When the provider has no such address.
    pub(crate) fn address(
        &self,
        operation: Operation,
        delivery: Delivery,
        key: Option<CredentialType>,
    ) -> Result<Uri, NoAddress> {
        let upstream = &*self.upstream;
        // Targets have a breaker.
        let model = match self.breaker {
            Some(_) => ModelOf::Target(&self.upstream_model),
            None => ModelOf::Caller(&self.upstream_model),
        };
        upstream.addresses().find(upstream.adapter, &upstream.provider.place, Where { operation, delivery, key, model })
    }
}

/// Why a request goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// No alias, no exposed upstream model, no provider with a default model has that name.
    Unknown,
    /// The caller's key may not ask for it.
    NotAllowed,
    /// It is known, but everything that could serve it is disabled, missing, or has no weight.
    NoTarget,
}

/// Where a request for a model goes.
///
/// An alias wins over a provider's id. `provider/upstream` splits at the first slash and has to be exposed; a provider alone is its
/// default model. What the key allows is compared with the name as asked for.
///
/// # Errors
///
/// Why it goes nowhere. What is not there is said to be unknown whatever the key allows.
pub(crate) fn plan(environment: &Environment, key: &CallerKey, asked: &str) -> Result<Plan, NoRoute> {
    let plan = match environment.routes.get(asked) {
        Some(route) => route.plan(environment),
        None => direct(environment, asked).ok_or(NoRoute::Unknown)?,
    };
    if !key.allows(asked) {
        return Err(NoRoute::NotAllowed);
    }
    if plan.stops.is_empty() { Err(NoRoute::NoTarget) } else { Ok(plan) }
}

impl Route {
    fn plan(&self, environment: &Environment) -> Plan {
        let mut stops = Vec::with_capacity(self.groups.iter().map(|group| group.targets.len()).sum());
        for group in &self.groups {
            group.push_stops(environment, &mut stops);
        }
        Plan { stops, timeout: self.timeout, max_attempts: self.max_attempts }
    }
}

impl Group {
    /// Every target with a weight once, beginning with the one whose turn it is.
    fn push_stops(&self, environment: &Environment, stops: &mut Vec<Stop>) {
        let length = self.order.len();
        if length == 0 {
            return;
        }
        let turn = (self.cursor.fetch_add(1, Ordering::Relaxed) % length as u64) as usize;
        let begin = stops.len();
        for index in (turn..length).chain(0..turn) {
            let placed = &self.targets[self.order[index] as usize];
            let is_known = stops[begin..].iter().any(|stop| {
                *stop.upstream.id == *placed.target.provider && stop.upstream_model == placed.target.upstream_model
            });
            if !is_known && let Some(stop) = placed.stop(environment) {
                stops.push(stop);
            }
            if stops.len() - begin == self.targets.len() {
                break;
            }
        }
    }
}

impl Placed {
    fn stop(&self, environment: &Environment) -> Option<Stop> {
        let upstream = environment.upstreams.get(&*self.target.provider)?;
        let usable = !upstream.provider.disabled && upstream.provider.exposed.has(&self.target.upstream_model);
        usable.then(|| Stop {
            upstream: Arc::clone(upstream),
            upstream_model: Arc::clone(&self.target.upstream_model),
            breaker: Some(Arc::clone(&self.breaker)),
            peculiar: self.known.of(&upstream.provider, &self.target.upstream_model),
        })
    }
}

fn direct(environment: &Environment, asked: &str) -> Option<Plan> {
    let (id, upstream_model) = match asked.split_once('/') {
        Some((id, upstream_model)) => (id, Some(upstream_model)),
        None => (asked, None),
    };
    let upstream = environment.upstreams.get(id)?;
    let upstream_model = match upstream_model {
        // Providers quote the name in their errors, whose sentences are read: a caller can't name a model by a sentence.
        Some(name) if upstream.provider.exposed == Exposed::All && name.contains(is_no_name) => return None,
        Some(upstream_model) => upstream_model,
        None => upstream.provider.default_model.as_deref()?,
    };
    if upstream_model.is_empty() || !upstream.provider.exposed.has(upstream_model) {
        return None;
    }
    let stops = if upstream.provider.disabled { Vec::new() } else { vec![Stop::named(upstream, upstream_model)] };
    Some(Plan { stops, timeout: DEFAULT_TIMEOUT, max_attempts: DEFAULT_ATTEMPTS })
}

/// Whether no model's name has such a character, unless an admin wrote it.
fn is_no_name(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

/// Whether a name stands for something, whatever may become of a request for it.
pub(crate) fn exists(environment: &Environment, asked: &str) -> bool {
    environment.routes.contains_key(asked) || direct(environment, asked).is_some()
}

/// The names that a key may ask for in an environment, sorted: aliases, and what providers expose by name.
pub(crate) fn listed(environment: &Environment, key: &CallerKey) -> Vec<String> {
    let aliases = environment.routes.keys().map(|id| id.to_string());
    let usable = environment.upstreams.values().filter(|upstream| !upstream.provider.disabled);
    let exposed = usable.flat_map(|upstream| {
        let models = upstream.provider.exposed.listed();
        models.map(|model| format!("{}/{model}", upstream.id)).collect::<Vec<_>>()
    });
    let mut names: Vec<String> = aliases.chain(exposed).filter(|name| key.allows(name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
