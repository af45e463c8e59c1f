//! A credential in a pool, and what was learned of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::credential::CredentialValue;
use shared::name::CredentialName;
use shared::secret::Secret;

use super::cooldown::{Cause, State};
use super::group::Group;
use super::health::{Health, Standing};
use super::moment::Moment;
use crate::evidence::uses::Used;
use crate::snapshot::resource::Credential;

/// A credential in a pool.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: CredentialName,
    /// What signs.
    pub(crate) value: CredentialValue,
    /// What signs beside it, for providers that want two keys.
    pub(crate) additional_key: Option<Secret>,
    /// Counts the values that it has had.
    pub(crate) value_version: u64,
    /// When this value was used last.
    pub(crate) used: Arc<Used>,
    pub(super) weight: u32,
    unverified: bool,
    pub(super) known: Arc<Known>,
    /// The account that it is limited with.
    pub(super) group: Option<Arc<Group>>,
}

/// What was learned of one value of a credential.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) health: Health,
    /// A newer snapshot does not have it.
    gone: AtomicBool,
    /// Its first success was reported.
    verified: AtomicBool,
}

/// What a credential of a new snapshot is to the pool before it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Former<'a> {
    /// It was not there.
    Unknown,
    /// It was there.
    Member(&'a Member),
    /// It was there once, went away and comes back.
    Departed,
}

impl Member {
    /// A credential as of a new snapshot, with what was learned of it if it is the same as before, by value and state.
    pub(super) fn new(
        name: &CredentialName,
        credential: &Credential,
        former: Former<'_>,
        group: Option<Arc<Group>>,
        now: Moment,
    ) -> Self {
        let known = match former {
            Former::Member(former) if former.is_same(credential) => Arc::clone(&former.known),
            Former::Departed => Arc::new(Known::new(State::returned(now))),
            Former::Member(_) | Former::Unknown => Arc::default(),
        };
        let is_fresh = !matches!(former, Former::Member(former) if Arc::ptr_eq(&former.known, &known));
        if let Some(group) = group.as_ref().filter(|_| is_fresh) {
            group.joined(now);
        }
        Self {
            name: name.clone(),
            value: credential.value.clone(),
            additional_key: credential.additional_key.clone(),
            value_version: credential.value_version,
            used: Used::credential(name.clone(), credential.value_version),
            weight: credential.weight,
            unverified: credential.unverified,
            known,
            group,
        }
    }

    fn is_same(&self, credential: &Credential) -> bool {
        self.value_version == credential.value_version && self.unverified == credential.unverified
    }

    /// Whether this is its first success, and nobody knows yet that it is good.
    pub(super) fn is_first_success(&self) -> bool {
        self.unverified && !self.known.verified.swap(true, Ordering::Relaxed)
    }

    pub(super) fn is_in(&self, members: &[Arc<Self>]) -> bool {
        // By what is known: another snapshot's member of the same credential is the same.
        members.iter().any(|other| Arc::ptr_eq(&other.known, &self.known))
    }

    /// Whether it takes turns at all: some loads, for the request path.
    pub(super) fn serves(&self) -> bool {
        self.known.health.whole.serves()
            && self.group.as_ref().is_none_or(|group| group.health.whole.serves())
            && !self.is_gone()
    }

    pub(super) fn standing_whole(&self, now: Moment) -> Standing {
        if self.is_gone() {
            return Standing::Out;
        }
        let whole = |health: &Health| health.standing_whole(now);
        self.healths().map(whole).fold(Standing::WHOLE, Standing::and)
    }

    pub(super) fn standing(&self, model: &str, now: Moment) -> Standing {
        if self.is_gone() {
            return Standing::Out;
        }
        self.healths().map(|health| health.standing(model, now)).fold(Standing::WHOLE, Standing::and)
    }

    /// How long a caller who asks for a model had better wait for it, and why; `None` while it serves.
    pub(super) fn wait(&self, model: &str, now: Moment) -> Option<(Duration, Cause)> {
        self.healths().filter_map(|health| health.wait(model, now)).max_by_key(|(wait, _)| *wait)
    }

    /// Its own health, and its group's.
    pub(super) fn healths(&self) -> impl Iterator<Item = &Health> {
        std::iter::once(&self.known.health).chain(self.group.iter().map(|group| &group.health))
    }

    /// The health that a failure is about: the account's, or its own.
    pub(super) fn health_of(&self, cause: Cause) -> &Health {
        match (&self.group, cause) {
            (Some(group), Cause::RateLimited | Cause::Exhausted) => &group.health,
            (Some(_), Cause::Rejected | Cause::Denied | Cause::Missing) | (None, _) => &self.known.health,
        }
    }

    /// Whether a newer snapshot does not have it.
    pub(super) fn is_gone(&self) -> bool {
        self.known.gone.load(Ordering::Relaxed)
    }

    /// Keeps requests that hold an older snapshot from picking it again.
    pub(crate) fn retire(&self) {
        self.known.gone.store(true, Ordering::Relaxed);
    }
}

impl Known {
    fn new(whole: State) -> Self {
        Self { health: Health::new(whole), ..Self::default() }
    }
}
