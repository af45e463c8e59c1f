//! What was learned of something that may be out: whole, or for single models.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::cooldown::{Cause, Cooldown, State};
use super::moment::Moment;
use super::ramp;

/// How many models something may be out for at a time. Callers choose names where all of a provider's models are exposed, so this has
/// to have a bound. What is only known to be missing or forbidden makes room first, then the cooldown that ends first: names that nobody
/// has must not make a rate limit forgotten.
pub(super) const MODELS: usize = 32;

/// The health of one value of a credential, or of a quota group.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) whole: Cooldown,
    /// The models that it is out for, or comes back for; at most [`MODELS`].
    pub(super) models: ArcSwap<Vec<(Arc<str>, Arc<Cooldown>)>>,
}

/// Whether something takes its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It takes so many parts of its share, 1 to [`ramp::WHOLE`].
    Serving(u32),
    /// It is out, and a request may probe it.
    Due,
    Out,
}

impl Standing {
    pub(super) const WHOLE: Self = Self::Serving(ramp::WHOLE);

    pub(super) fn of(state: State, now: Moment) -> Self {
        match state.out() {
            None => Self::Serving(state.part(now)),
            Some((until, _)) if until <= now => Self::Due,
            Some(_) => Self::Out,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Serving(own), Self::Serving(other)) => Self::Serving(own.min(other)),
            (Self::Out, _) | (_, Self::Out) => Self::Out,
            (Self::Due, _) | (_, Self::Due) => Self::Due,
        }
    }
}

impl Health {
    /// In a state, for every model.
    pub(super) fn new(whole: State) -> Self {
        Self { whole: Cooldown::new(whole), models: ArcSwap::default() }
    }

    /// The cooldown for a model, if there is one.
    pub(super) fn model(&self, model: &str) -> Option<Arc<Cooldown>> {
        self.models.load().iter().find(|(own, _)| **own == *model).map(|(_, cooldown)| Arc::clone(cooldown))
    }

    /// Where it stands for every model.
    pub(super) fn standing_whole(&self, now: Moment) -> Standing {
        Standing::of(self.whole.state(), now)
    }

    /// Where it stands for a model.
    pub(super) fn standing(&self, model: &str, now: Moment) -> Standing {
        let own = self.model(model).map_or(Standing::WHOLE, |own| Standing::of(own.state(), now));
        self.standing_whole(now).and(own)
    }

    /// How long a caller who asks for a model had better wait for it, and why; `None` while it serves.
    pub(super) fn wait(&self, model: &str, now: Moment) -> Option<(Duration, Cause)> {
        let own = self.model(model).and_then(|own| own.state().wait(now));
        self.whole.state().wait(now).into_iter().chain(own).max_by_key(|(wait, _)| *wait)
    }

    /// When the next of its times comes, and the models that it does not serve wholly, handed to `each`.
    pub(super) fn due_after(&self, now: Moment, mut each: impl FnMut(&Arc<str>)) -> Moment {
        let mut due = self.whole.state().due_after(now);
        for (model, cooldown) in self.models.load().iter() {
            let state = cooldown.state();
            if !state.is_settled(now) {
                due = state.due_after(now).min(due);
                each(model);
            }
        }
        due
    }

    /// Moves the state for a model on by a failure.
    pub(super) fn fail_model(&self, model: &Arc<str>, now: Moment, fail: impl Fn(State) -> State) {
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
                make_room(&mut models, now);
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

/// Drops what serves wholly again, and, where that is not enough, what would serve first.
fn make_room(models: &mut Vec<(Arc<str>, Arc<Cooldown>)>, now: Moment) {
    models.retain(|(_, cooldown)| !cooldown.state().is_settled(now));
    let rank = |(_, (_, cooldown)): &(usize, &(Arc<str>, Arc<Cooldown>))| {
        let out = cooldown.state().out();
        (!out.is_some_and(|(_, cause)| matches!(cause, Cause::Denied | Cause::Missing)), out.map(|(until, _)| until))
    };
    if models.len() >= MODELS
        && let Some((first, _)) = models.iter().enumerate().min_by_key(rank)
    {
        models.swap_remove(first);
    }
}
