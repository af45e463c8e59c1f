//! Which credential of a provider a request uses.
//!
//! A [`Pool`] has a provider's credentials as one snapshot knows them, in an order that is computed ahead ([`ring`]) and holds only those
//! that serve, so that none inherits another's share; one that comes back takes up its share in steps ([`ramp`]). Picking is one atomic add on a counter that outlives the snapshot, as does what was
//! learned of each credential ([`cooldown`]) and of each account that several share ([`group`]). Whoever changes a credential's health moves the pool's generation on; the order is remade by
//! the next request that finds it old, or finds that somebody's time has come. So no timer is needed, and a credential that is out is
//! never picked again, not even through an older snapshot.

pub(crate) mod breaker;
pub(crate) mod cooldown;
mod group;
mod health;
mod member;
pub(crate) mod moment;
mod ramp;
pub(crate) mod ring;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::name::CredentialName;

use self::cooldown::{Cause, Cooldown, State};
pub(crate) use self::group::Groups;
use self::health::Standing;
use self::member::Former;
pub(crate) use self::member::Member;
use self::moment::Moment;
use crate::snapshot::resource::Credential;

/// A provider's credentials and their order.
#[derive(Debug)]
pub(crate) struct Pool {
    members: Box<[Arc<Member>]>,
    /// Those that went away, so that one that comes back is known; the latest [`DEPARTED`].
    departed: Box<[CredentialName]>,
    ring: ArcSwap<Ring>,
    shared: Arc<Shared>,
}

/// How many credentials a pool remembers that went away.
const DEPARTED: usize = 256;

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
    /// When somebody's time comes, or somebody's part grows; then the ring is old.
    due: Moment,
    base: Turns,
    /// For the models that somebody is out for, or comes back for.
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
    /// Of the group.
    Account,
    /// Of the member or of its group.
    Model(Arc<Cooldown>),
}

/// Why no member could be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPick {
    /// There is none with a weight.
    Empty,
    /// Everyone is out; `retry_after` is the shortest wait, `cause` the one that all of them are out for.
    Out { retry_after: Duration, cause: Option<Cause> },
    /// Everyone who serves was tried in this request.
    Tried,
}

impl Pool {
    /// A provider's credentials, with what a former pool learned of those that are the same: by name, value and state.
    pub(crate) fn new<'a>(
        credentials: impl Iterator<Item = (&'a CredentialName, &'a Credential)>,
        former: Option<&Self>,
        groups: &mut Groups,
        now: Moment,
    ) -> Self {
        let known: HashMap<&CredentialName, Former<'_>> = former.into_iter().flat_map(Self::known).collect();
        let member = |(name, credential): (&'a CredentialName, &'a Credential)| {
            let former = known.get(name).copied().unwrap_or(Former::Unknown);
            let group = credential.quota_group.as_ref().map(|group| groups.get(group));
            Arc::new(Member::new(name, credential, former, group, now))
        };
        let members: Box<[_]> = credentials.map(member).collect();
        let shared = former.map_or_else(Arc::default, |former| Arc::clone(&former.shared));
        members.iter().filter_map(|member| member.group.as_ref()).for_each(|group| group.subscribe(&shared));
        let departed = former.map(|former| former.departed_before(&members)).unwrap_or_default();
        // Made at the first pick: a start with 100,000 providers computes no orders that nobody asks for.
        let ring = ArcSwap::new(Arc::clone(&UNMADE));
        Self { members, departed, ring, shared }
    }

    /// Everyone who is or was here.
    fn known(&self) -> impl Iterator<Item = (&CredentialName, Former<'_>)> {
        let departed = self.departed.iter().map(|name| (name, Former::Departed));
        departed.chain(self.members.iter().map(|member| (&member.name, Former::Member(member))))
    }

    /// Those who are not among the next members any more.
    fn departed_before(&self, next: &[Arc<Member>]) -> Box<[CredentialName]> {
        let next: HashSet<&CredentialName> = next.iter().map(|member| &member.name).collect();
        let departed = self.known().map(|(name, _)| name).filter(|name| !next.contains(name));
        let mut departed: Vec<_> = departed.cloned().collect();
        departed.drain(..departed.len().saturating_sub(DEPARTED));
        departed.into()
    }

    /// The members that `next` has not, or has with another value: one whose state alone is another serves as before, and its own pool may be
    /// all that a request under way has. They are still picked by requests that hold the older snapshot, until
    /// [`retire`](Member::retire) says otherwise.
    pub(crate) fn missing_in<'a>(&'a self, next: Option<&'a Self>) -> impl Iterator<Item = &'a Arc<Member>> {
        let kept: HashMap<&CredentialName, u64> =
            next.iter().flat_map(|pool| &pool.members).map(|member| (&member.name, member.value_version)).collect();
        self.members.iter().filter(move |member| kept.get(&member.name) != Some(&member.value_version))
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

    /// The [`first`](Self::first) for a request that may ask for nothing of another: tried once, there is no next.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn pick_first(&self, model: &str, tried: &[Arc<Member>], now: Moment) -> Result<Pick, NoPick> {
        match self.first() {
            Some(member) if member.is_in(tried) => Err(NoPick::Tried),
            Some(member) => {
                Ok(Pick { member: Arc::clone(member), shared: Arc::clone(&self.shared), probes: Vec::new() })
            }
            // One whose time has come may serve again.
            None => self.pick(model, tried, now),
        }
    }

    /// The first by name of those that serve with a weight: for calls that have to go to one account.
    pub(crate) fn first(&self) -> Option<&Arc<Member>> {
        let serving = self.members.iter().filter(|member| member.weight > 0 && member.serves());
        serving.min_by(|one, other| one.name.cmp(&other.name))
    }

    fn next_untried(&self, order: &[u32], cursor: &AtomicU64, tried: &[Arc<Member>]) -> Option<&Arc<Member>> {
        for _ in 0..order.len() {
            let turn = cursor.fetch_add(1, Ordering::Relaxed) % order.len() as u64;
            let member = &self.members[order[turn as usize] as usize];
            // The ring may be a moment old.
            if member.serves() && !member.is_in(tried) {
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
        for health in self.members.iter().flat_map(|member| member.healths()) {
            due = health.due_after(now, |model| _ = models.insert(Arc::clone(model))).min(due);
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
            // Whole shares are as many parts each, which the order reduces again.
            Standing::Serving(parts) => member.weight * parts,
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
            let mut pick = Pick { member: Arc::clone(member), shared: Arc::clone(&self.shared), probes: Vec::new() };
            // Where another request was faster with one of them, what was claimed is released as the pick goes.
            if pick.claim(model, now) && !pick.probes.is_empty() {
                pick.moved();
                return Some(pick);
            }
        }
        None
    }

    fn why_none(&self, model: &str, tried: &[Arc<Member>], now: Moment) -> NoPick {
        let weighted = self.members.iter().filter(|member| member.weight > 0 && !member.is_gone());
        let mut retry_after = None::<Duration>;
        let (mut count, mut causes) = (0, Vec::new());
        for member in weighted {
            count += 1;
            let Some((wait, cause)) = member.wait(model, now) else { continue };
            causes.push(cause);
            retry_after = Some(retry_after.map_or(wait, |shortest| shortest.min(wait)));
        }
        match retry_after {
            None if count > 0 || !tried.is_empty() => NoPick::Tried,
            None => NoPick::Empty,
            Some(retry_after) => {
                let first = causes.first().copied();
                let cause = first.filter(|_| causes.len() == count && causes.iter().all(|cause| Some(*cause) == first));
                NoPick::Out { retry_after, cause }
            }
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

    /// It served. Returns whether the fleet should know: it was unverified or had failed. The clock is read only where it matters.
    pub(crate) fn succeeded(mut self, now: impl FnOnce() -> Moment) -> bool {
        let first = self.member.is_first_success();
        if self.probes.is_empty() {
            return first;
        }
        let now = now();
        self.end_probes(|state| state.succeeded(now));
        true
    }

    /// It failed: out at once, for every model or for one; with its group, where the failure is the account's.
    pub(crate) fn failed(mut self, scope: Scope, model: &Arc<str>, cause: Cause, hint: Option<Duration>, now: Moment) {
        let (health, fail) = (self.member.health_of(cause), |state: State| state.failed(cause, hint, now));
        match scope {
            Scope::Whole => health.whole.step(fail),
            Scope::Model => health.fail_model(model, now, fail),
        }
        // A probe of the other scope learned nothing of its own.
        self.end_probes(|state| state.released(now));
    }

    /// Claims every cooldown that keeps the member from serving a model. `false` if one of them is not to be had; those before it are.
    fn claim(&mut self, model: &str, now: Moment) -> bool {
        let Self { member, probes, .. } = self;
        let mut claim = |cooldown: &Cooldown, probe: Probe| {
            let is_needed = !cooldown.serves();
            let is_claimed = is_needed && cooldown.claim(now);
            if is_claimed {
                probes.push(probe);
            }
            is_claimed || !is_needed
        };
        let group = member.group.as_ref().map(|group| &group.health);
        let mut own = member.healths().filter_map(|health| health.model(model));
        claim(&member.known.health.whole, Probe::Whole)
            && group.is_none_or(|group| claim(&group.whole, Probe::Account))
            && own.all(|own| claim(&own, Probe::Model(Arc::clone(&own))))
    }

    fn end_probes(&mut self, step: impl Fn(State) -> State) {
        for probe in std::mem::take(&mut self.probes) {
            match (&probe, &self.member.group) {
                (Probe::Model(own), _) => own.step(&step),
                (Probe::Account, Some(group)) => group.health.whole.step(&step),
                (Probe::Whole | Probe::Account, _) => self.member.known.health.whole.step(&step),
            }
        }
        self.moved();
    }

    /// Makes every order old that knows the member or its group.
    fn moved(&self) {
        self.shared.moved();
        if let Some(group) = &self.member.group {
            group.moved();
        }
    }
}

impl Drop for Pick {
    fn drop(&mut self) {
        if !self.probes.is_empty() {
            // A request that ended without a verdict: rare, so that reading the clock here costs nothing.
            let now = Moment::now();
            self.end_probes(|state| state.released(now));
        }
    }
}

#[cfg(test)]
mod tests;
