//! How long a caller had better wait, over all the targets that could not serve.

use std::time::Duration;

use crate::balance::NoPick;
use crate::balance::cooldown::Cause;

/// What is known of the targets that a request was turned away from.
#[derive(Debug, Default)]
pub(super) struct Waits {
    shortest: Option<Duration>,
    /// One is out for another reason than that it is asked too often.
    has_other_reason: bool,
    /// One is out because the model does not exist there.
    is_missing: bool,
    /// One is out for anything else.
    is_elsewhere: bool,
}

impl Waits {
    /// A target is asked too often, and has to be left alone for so long.
    pub(super) fn rate_limited(&mut self, wait: Option<Duration>) {
        self.is_elsewhere = true;
        self.note(wait);
    }

    /// The model does not exist at a target.
    pub(super) fn missing(&mut self, wait: Option<Duration>) {
        (self.is_missing, self.has_other_reason) = (true, true);
        self.note(wait);
    }

    fn note(&mut self, wait: Option<Duration>) {
        self.shortest = self.shortest.into_iter().chain(wait).min();
    }

    /// A target can't serve for another reason, for so long if that is known.
    pub(super) fn out(&mut self, wait: Option<Duration>) {
        self.has_other_reason = true;
        self.rate_limited(wait);
    }

    /// A target's credentials are out. One without any says nothing of how long others take.
    pub(super) fn no_pick(&mut self, no_pick: NoPick) {
        match no_pick {
            NoPick::Out { retry_after, cause: Some(Cause::RateLimited) } => self.rate_limited(Some(retry_after)),
            NoPick::Out { retry_after, cause: Some(Cause::Missing) } => self.missing(Some(retry_after)),
            NoPick::Out { retry_after, .. } => self.out(Some(retry_after)),
            NoPick::Empty | NoPick::Tried => {}
        }
    }

    /// The shortest wait, if one is known.
    pub(super) fn shortest(&self) -> Option<Duration> {
        self.shortest
    }

    /// Whether all that keeps the request from being served is that somebody is asked too often.
    pub(super) fn all_rate_limited(&self) -> bool {
        !self.has_other_reason
    }

    /// Whether the model exists nowhere, for anybody.
    pub(super) fn all_missing(&self) -> bool {
        self.is_missing && !self.is_elsewhere
    }
}
