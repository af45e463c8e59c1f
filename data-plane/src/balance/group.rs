//! Credentials of one upstream account, which are limited together.
//!
//! A group belongs to a project, so its members may be in pools of several providers. What is the account's counts for all of them: a rate
//! limit, for the model that was asked for, and an empty account, for every model. What is the key's own stays the key's: a rejection, or a
//! model that it may not use. One request, with any of the members, probes for all.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;

use super::Shared;
use super::health::Health;
use super::moment::Moment;

/// What was learned of a quota group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(super) health: Health,
    /// Those whose order depends on it. They are told when it changes, so that a pick has not to ask it.
    pools: ArcSwap<Vec<Weak<Shared>>>,
}

impl Group {
    /// Tells a pool of changes from now on.
    pub(super) fn subscribe(&self, pool: &Arc<Shared>) {
        let pool = Arc::downgrade(pool);
        if self.pools.load().iter().any(|known| known.ptr_eq(&pool)) {
            return;
        }
        self.pools.rcu(|pools| {
            let mut pools: Vec<_> = pools.iter().filter(|pool| pool.strong_count() > 0).cloned().collect();
            pools.push(Weak::clone(&pool));
            pools
        });
    }

    /// Its health changed: every order that depends on it is old.
    pub(super) fn moved(&self) {
        self.pools.load().iter().filter_map(Weak::upgrade).for_each(|pool| pool.moved());
    }

    /// A member is new, or has another value or state: the account may have credit again, which one request finds out.
    pub(super) fn joined(&self, now: Moment) {
        if !self.health.whole.serves() {
            self.health.whole.step(|state| state.due(now));
            self.moved();
        }
    }
}

/// The quota groups of an environment. One lives as long as a pool has a member of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups(imbl::HashMap<Arc<str>, Weak<Group>>);

impl Groups {
    /// The group of a name.
    pub(super) fn get(&mut self, name: &Arc<str>) -> Arc<Group> {
        if let Some(known) = self.0.get(name).and_then(Weak::upgrade) {
            return known;
        }
        // Each time that there are twice as many, so that names which are gone don't gather.
        if self.0.len().is_power_of_two() {
            self.0.retain(|_, group| group.strong_count() > 0);
        }
        let group = Arc::new(Group::default());
        self.0.insert(Arc::clone(name), Arc::downgrade(&group));
        group
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
