//! Which credential of a provider a request uses.
//!
//! A [`Pool`] has a provider's credentials as one snapshot knows them, in an order that is computed ahead ([`ring`]) and holds only those
//! that serve, so that none inherits another's share. Picking is one atomic add on a counter that outlives the snapshot, as does what was
//! learned of each credential ([`cooldown`]). Whoever changes a credential's health moves the pool's generation on; the order is remade by
//! the next request that finds it old, or finds that somebody's time has come. So no timer is needed, and a credential that is out is
//! never picked again, not even through an older snapshot.

pub(crate) mod breaker;
pub(crate) mod cooldown;
mod member;
pub(crate) mod moment;
pub(crate) mod ring;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::name::CredentialName;

use self::cooldown::{Cause, Cooldown, State};
pub(crate) use self::member::Member;
use self::member::Standing;
use self::moment::Moment;
use crate::snapshot::resource::Credential;

/// A provider's credentials and their order.
#[derive(Debug)]
pub(crate) struct Pool {
    members: Box<[Arc<Member>]>,
    ring: ArcSwap<Ring>,
    shared: Arc<Shared>,
}

/// What outlives a pool's snapshot.
#[derive(Debug, Default)]
struct Shared {
    /// Counts the picks.
    cursor: AtomicU64,
    /// Moves on with every change of a member's health.
    generation: AtomicU64,
}

/// The order of the members that serve, as of one generation.
#[derive(Debug)]
struct Ring {
    generation: u64,
    /// When somebody's time comes; then the ring is old.
    due: Moment,
    base: Turns,
    /// For the models that somebody is out for.
    by_model: HashMap<Arc<str>, ModelTurns>,
}

/// What a pool begins with: of no generation, and so old.
static UNMADE: LazyLock<Arc<Ring>> = LazyLock::new(|| {
    Arc::new(Ring { generation: u64::MAX, due: Moment::NEVER, base: Turns::default(), by_model: HashMap::new() })
});

#[derive(Debug, Default)]
struct Turns {
    order: Box<[u32]>,
    /// Somebody waits for a request to probe with.
    probation: bool,
}

#[derive(Debug)]
struct ModelTurns {
    turns: Turns,
    /// Its own counter: requests for other models would step over its turns.
    cursor: Arc<AtomicU64>,
}

/// A member picked for one attempt. Whoever has it says how it went; dropped without a word, it taught nothing.
#[derive(Debug)]
pub(crate) struct Pick {
    member: Arc<Member>,
    shared: Arc<Shared>,
    /// The cooldowns that this attempt may end. Almost always empty, which allocates nothing.
    probes: Vec<Probe>,
}

#[derive(Debug)]
enum Probe {
    Whole,
    Model(Arc<Cooldown>),
}

/// Why no member could be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPick {
    /// There is none with a weight.
    Empty,
    /// Everyone is out; `retry_after` is the shortest wait.
    Out { retry_after: Duration, all_rate_limited: bool },
    /// Everyone who serves was tried in this request.
    Tried,
}

impl Pool {
    /// A provider's credentials, with what a former pool learned of those that are the same: by name, value and state.
    pub(crate) fn new<'a>(
        credentials: impl Iterator<Item = (&'a CredentialName, &'a Credential)>,
        former: Option<&Self>,
    ) -> Self {
        let known: HashMap<&CredentialName, &Arc<Member>> =
            former.iter().flat_map(|pool| &pool.members).map(|member| (&member.name, member)).collect();
        let member = |(name, credential): (&'a CredentialName, &'a Credential)| {
            Arc::new(Member::new(name, credential, known.get(name).map(|known| known.as_ref())))
        };
        let members: Box<[_]> = credentials.map(member).collect();
        let shared = former.map_or_else(Arc::default, |former| Arc::clone(&former.shared));
        // Made at the first pick: a start with 100,000 providers computes no orders that nobody asks for.
        let ring = ArcSwap::new(Arc::clone(&UNMADE));
        Self { members, ring, shared }
    }

    /// The members that `next` has not, or has with another value. They are still picked by requests that hold the older snapshot, until
    /// [`retire`](Member::retire) says otherwise.
    pub(crate) fn missing_in<'a>(&'a self, next: Option<&'a Self>) -> impl Iterator<Item = &'a Arc<Member>> {
        let kept: HashMap<&CredentialName, &Arc<Member>> =
            next.iter().flat_map(|pool| &pool.members).map(|member| (&member.name, member)).collect();
        self.members
            .iter()
            .filter(move |member| !kept.get(&member.name).is_some_and(|kept| Arc::ptr_eq(&kept.health, &member.health)))
    }

    /// The next credential for a model, of those not `tried` in this request.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn pick(&self, model: &str, tried: &[Arc<Member>], now: Moment) -> Result<Pick, NoPick> {
        // Each round ends in a pick, or is followed by another because a member went out meanwhile, which happens once to each.
        for _ in 0..=self.members.len() {
            let ring = self.current(now);
            let own = if ring.by_model.is_empty() { None } else { ring.by_model.get(model) };
            let (turns, cursor) =
                own.map_or((&ring.base, &self.shared.cursor), |own| (&own.turns, own.cursor.as_ref()));
            if turns.probation
                && let Some(pick) = self.claim(model, tried, now)
            {
                return Ok(pick);
            }
            if let Some(member) = self.next_untried(&turns.order, cursor, tried) {
                return Ok(Pick { member: Arc::clone(member), shared: Arc::clone(&self.shared), probes: Vec::new() });
            }
            if self.shared.generation.load(Ordering::Acquire) == ring.generation {
                break;
            }
        }
        Err(self.why_none(model, tried, now))
    }

    fn next_untried(&self, order: &[u32], cursor: &AtomicU64, tried: &[Arc<Member>]) -> Option<&Arc<Member>> {
        for _ in 0..order.len() {
            let turn = cursor.fetch_add(1, Ordering::Relaxed) % order.len() as u64;
            let member = &self.members[order[turn as usize] as usize];
            // The ring may be a moment old.
            if member.health.whole.serves() && !member.health.is_gone() && !member.is_in(tried) {
                return Some(member);
            }
        }
        None
    }

    /// The ring, remade if it is old.
    fn current(&self, now: Moment) -> arc_swap::Guard<Arc<Ring>> {
        let ring = self.ring.load();
        if ring.generation == self.shared.generation.load(Ordering::Acquire) && now < ring.due {
            return ring;
        }
        self.remake(&ring, now);
        self.ring.load()
    }

    /// Puts the members that serve now in order. The generation is read first, so that a change made meanwhile leaves the result old.
    fn remake(&self, former: &Ring, now: Moment) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        let mut due = Moment::NEVER;
        let mut models: HashSet<Arc<str>> = HashSet::new();
        for member in &self.members {
            due = member.health.whole.state().due_after(now).min(due);
            for (model, cooldown) in member.health.models.load().iter().filter(|(_, cooldown)| !cooldown.serves()) {
                due = cooldown.state().due_after(now).min(due);
                models.insert(Arc::clone(model));
            }
        }
        let own_turns = |model: Arc<str>| {
            let turns = self.turns(|member| member.standing(&model, now));
            let cursor = former.by_model.get(&model).map_or_else(Arc::default, |own| Arc::clone(&own.cursor));
            (model, ModelTurns { turns, cursor })
        };
        let by_model = models.into_iter().map(own_turns).collect();
        let base = self.turns(|member| member.standing_whole(now));
        self.ring.store(Arc::new(Ring { generation, due, base, by_model }));
    }

    fn turns(&self, standing: impl Fn(&Member) -> Standing) -> Turns {
        let mut probation = false;
        let weight = |member: &Arc<Member>| match standing(member) {
            Standing::Serving => member.weight,
            Standing::Due => {
                probation |= member.weight > 0;
                0
            }
            Standing::Out => 0,
        };
        let weights: Vec<u32> = self.members.iter().map(weight).collect();
        Turns { order: ring::order(&weights), probation }
    }

    /// Claims the probation of a member whose time has come for this model.
    fn claim(&self, model: &str, tried: &[Arc<Member>], now: Moment) -> Option<Pick> {
        for member in &self.members {
            if member.weight == 0 || member.standing(model, now) != Standing::Due || member.is_in(tried) {
                continue;
            }
            let mut probes = Vec::new();
            if member.health.whole.claim(now) {
                probes.push(Probe::Whole);
            }
            if let Some(own) = member.health.model(model)
                && own.claim(now)
            {
                probes.push(Probe::Model(own));
            }
            if !probes.is_empty() {
                self.shared.moved();
                return Some(Pick { member: Arc::clone(member), shared: Arc::clone(&self.shared), probes });
            }
        }
        None
    }

    fn why_none(&self, model: &str, tried: &[Arc<Member>], now: Moment) -> NoPick {
        let weighted = self.members.iter().filter(|member| member.weight > 0 && !member.health.is_gone());
        let mut retry_after = None::<Duration>;
        let (mut count, mut rate_limited) = (0, 0);
        for member in weighted {
            let own = member.health.model(model).and_then(|own| own.state().wait(now));
            let out = member.health.whole.state().wait(now).into_iter().chain(own).max_by_key(|(wait, _)| *wait);
            count += 1;
            let Some((wait, cause)) = out else { continue };
            rate_limited += usize::from(cause == Cause::RateLimited);
            retry_after = Some(retry_after.map_or(wait, |shortest| shortest.min(wait)));
        }
        match retry_after {
            None if count > 0 || !tried.is_empty() => NoPick::Tried,
            None => NoPick::Empty,
            Some(retry_after) => NoPick::Out { retry_after, all_rate_limited: rate_limited == count },
        }
    }
}

impl Shared {
    fn moved(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

/// How long a credential is out, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// For every model.
    Whole,
    /// For the model that was asked for.
    Model,
}

impl Pick {
    /// The credential.
    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// It served. Returns whether the fleet should know: it was unverified or had failed.
    pub(crate) fn succeeded(mut self) -> bool {
        let first = self.member.is_first_success();
        if self.probes.is_empty() {
            return first;
        }
        for probe in std::mem::take(&mut self.probes) {
            self.cooldown(&probe).step(State::succeeded);
        }
        self.shared.moved();
        true
    }

    /// It failed: out at once, for every model or for one.
    pub(crate) fn failed(mut self, scope: Scope, model: &Arc<str>, cause: Cause, hint: Option<Duration>, now: Moment) {
        match scope {
            Scope::Whole => self.member.health.whole.step(|state| state.failed(cause, hint, now)),
            Scope::Model => self.member.health.fail_model(model, |state| state.failed(cause, hint, now)),
        }
        // A probe of the other scope learned nothing of its own.
        for probe in std::mem::take(&mut self.probes) {
            self.cooldown(&probe).step(|state| state.released(now));
        }
        self.shared.moved();
    }

    fn cooldown<'a>(&'a self, probe: &'a Probe) -> &'a Cooldown {
        match probe {
            Probe::Whole => &self.member.health.whole,
            Probe::Model(own) => own,
        }
    }
}

impl Drop for Pick {
    fn drop(&mut self) {
        if !self.probes.is_empty() {
            // A request that ended without a verdict: rare, so that reading the clock here costs nothing.
            let now = Moment::now();
            for probe in std::mem::take(&mut self.probes) {
                self.cooldown(&probe).step(|state| state.released(now));
            }
            self.shared.moved();
        }
    }
}

#[cfg(test)]
mod tests;
