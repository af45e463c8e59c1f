//! A credential in a pool, and what was learned of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use shared::credential::CredentialValue;
use shared::name::CredentialName;

use super::cooldown::{Cooldown, State};
use super::moment::Moment;
use crate::snapshot::resource::Credential;

/// How many models a credential may be out for at a time. Callers choose names where all of a provider's models are exposed, so this has
/// to have a bound; the cooldown that ends first makes room.
pub(super) const MODELS: usize = 32;

/// A credential in a pool.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: CredentialName,
    /// What signs.
    pub(crate) value: CredentialValue,
    /// Counts the values that it has had.
    pub(crate) value_version: u64,
    pub(super) weight: u32,
    unverified: bool,
    pub(super) health: Arc<Health>,
}

/// What was learned of one value of a credential.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) whole: Cooldown,
    /// The models that it is out for; at most [`MODELS`].
    pub(super) models: ArcSwap<Vec<(Arc<str>, Arc<Cooldown>)>>,
    /// A newer snapshot does not have it.
    gone: AtomicBool,
    /// Its first success was reported.
    verified: AtomicBool,
}

/// Whether a member takes its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Serving,
    /// It is out, and a request may probe it.
    Due,
    Out,
}

impl Standing {
    pub(super) fn of(state: State, now: Moment) -> Self {
        match state.out() {
            None => Self::Serving,
            Some((until, _)) if until <= now => Self::Due,
            Some(_) => Self::Out,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Serving, Self::Serving) => Self::Serving,
            (Self::Out, _) | (_, Self::Out) => Self::Out,
            (Self::Due, _) | (_, Self::Due) => Self::Due,
        }
    }
}

impl Member {
    /// A credential as of a new snapshot, with what was learned of it if it is the same as before, by value and state.
    pub(super) fn new(name: &CredentialName, credential: &Credential, former: Option<&Self>) -> Self {
        let same = former.filter(|former| {
            former.value_version == credential.value_version && former.unverified == credential.unverified
        });
        Self {
            name: name.clone(),
            value: credential.value.clone(),
            value_version: credential.value_version,
            weight: credential.weight,
            unverified: credential.unverified,
            health: same.map_or_else(Arc::default, |same| Arc::clone(&same.health)),
        }
    }

    /// Whether this is its first success, and nobody knows yet that it is good.
    pub(super) fn is_first_success(&self) -> bool {
        self.unverified && !self.health.verified.swap(true, Ordering::Relaxed)
    }

    pub(super) fn is_in(&self, members: &[Arc<Self>]) -> bool {
        // By health: another snapshot's member of the same credential is the same.
        members.iter().any(|other| Arc::ptr_eq(&other.health, &self.health))
    }

    pub(super) fn standing_whole(&self, now: Moment) -> Standing {
        if self.health.is_gone() { Standing::Out } else { Standing::of(self.health.whole.state(), now) }
    }

    pub(super) fn standing(&self, model: &str, now: Moment) -> Standing {
        let own = self.health.model(model).map_or(State::Serving, |own| own.state());
        self.standing_whole(now).and(Standing::of(own, now))
    }

    /// Keeps requests that hold an older snapshot from picking it again.
    pub(crate) fn retire(&self) {
        self.health.gone.store(true, Ordering::Relaxed);
    }
}

impl Health {
    /// The cooldown for a model, if there is one.
    pub(super) fn model(&self, model: &str) -> Option<Arc<Cooldown>> {
        self.models.load().iter().find(|(own, _)| **own == *model).map(|(_, cooldown)| Arc::clone(cooldown))
    }

    /// Whether a newer snapshot does not have it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Moves the state for a model on by a failure.
    pub(super) fn fail_model(&self, model: &Arc<str>, fail: impl Fn(State) -> State) {
        if let Some(known) = self.model(model) {
            return known.step(fail);
        }
        // Out before anybody sees it: one that serves is cleared away.
        let fresh = Arc::new(Cooldown::new(fail(State::Serving)));
        let mut known = None;
        self.models.rcu(|models| {
            let mut models = Vec::clone(models);
            known = models.iter().find(|(own, _)| own == model).map(|(_, known)| Arc::clone(known));
            if known.is_none() {
                make_room(&mut models);
                models.push((Arc::clone(model), Arc::clone(&fresh)));
            }
            models
        });
        // Somebody was faster.
        if let Some(known) = known {
            known.step(fail);
        }
    }
}

/// Drops what serves again, and, where that is not enough, what would serve first.
fn make_room(models: &mut Vec<(Arc<str>, Arc<Cooldown>)>) {
    models.retain(|(_, cooldown)| !cooldown.serves());
    let until = |(_, (_, cooldown)): &(usize, &(Arc<str>, Arc<Cooldown>))| cooldown.state().out().map(|out| out.0);
    if models.len() >= MODELS
        && let Some((first, _)) = models.iter().enumerate().min_by_key(until)
    {
        models.swap_remove(first);
    }
}
