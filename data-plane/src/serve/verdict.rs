//! What the outcomes of attempts do to the credentials that were used.
//!
//! A provider forbids what a key may not do, and also what a request may not ask, with the same answers. So a denial counts when another
//! credential or target served the very request that was denied: else a caller could take a credential out for everybody with one request
//! that nobody may make, or fill what is known of it with models that nobody has. A model that an admin wrote and that is not there counts at once.

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use shared::failure::{EffectHere, Failure};

use super::Run;
use super::attempt::Failed;
use crate::balance::cooldown::Cause;
use crate::balance::moment::Moment;
use crate::balance::{Member, Pick, Scope};
use crate::evidence::{Finding, Observation};
use crate::snapshot::route::Stop;

/// A denial that nothing has confirmed yet.
pub(super) struct Denial {
    pick: Pick,
    upstream_model: Arc<str>,
    seen: Seen,
    /// Whether the fleet is still to be told.
    is_news: bool,
}

/// What an attempt showed of a credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) finding: Finding,
    pub(super) status: u16,
    pub(super) provider_code: Option<&'static str>,
}

/// Whether an answer says that the model does not exist.
pub(super) fn is_missing(failed: &Failed) -> bool {
    failed.failure == Failure::Denied && failed.status == Some(StatusCode::NOT_FOUND)
}

impl Run<'_> {
    /// Draws the conclusions from a failure for the credential here and for the fleet.
    pub(super) fn conclude(&mut self, stop: &Stop, pick: Pick, failed: &Failed, now: Moment) {
        let status = failed.status.map_or(0, |status| status.as_u16());
        let seen = |finding| Seen { finding, status, provider_code: failed.provider_code };
        // Targets have a breaker; without one the caller made up the model's name.
        let is_known = stop.breaker.is_some();
        let is_certain = failed.failure != Failure::Denied || is_known && is_missing(failed);
        if let Some(finding) = Finding::of(failed.failure).filter(|_| is_known || is_certain) {
            self.observe(&stop.upstream_model, pick.member(), seen(finding));
        }
        match effect(failed) {
            None => {}
            Some((scope, cause)) if is_certain => {
                pick.failed(scope, &stop.upstream_model, cause, failed.retry_after, now);
            }
            Some(_) => {
                let upstream_model = Arc::clone(&stop.upstream_model);
                self.denials.push(Denial { pick, upstream_model, seen: seen(Finding::Denied), is_news: !is_known });
            }
        }
    }

    /// Somebody served what others denied: it was their credentials, not the request.
    pub(super) fn confirm_denials(&mut self) {
        for Denial { pick, upstream_model, seen, is_news } in std::mem::take(&mut self.denials) {
            if is_news {
                self.observe(&upstream_model, pick.member(), seen);
            }
            let cause = if seen.status == StatusCode::NOT_FOUND.as_u16() { Cause::Missing } else { Cause::Denied };
            pick.failed(Scope::Model, &upstream_model, cause, None, Moment::now());
        }
    }

    pub(super) fn observe(&self, upstream_model: &Arc<str>, member: &Member, seen: Seen) {
        let Seen { finding, status, provider_code } = seen;
        self.context.evidence.offer(Observation {
            environment: self.environment.clone(),
            credential: member.name.clone(),
            value_version: member.value_version,
            upstream_model: Arc::clone(upstream_model),
            finding,
            status,
            provider_code,
            at: SystemTime::now(),
        });
    }
}

/// What a failure does to the credential here.
fn effect(failed: &Failed) -> Option<(Scope, Cause)> {
    let scope = match failed.failure.effect_here() {
        EffectHere::OutForAll => Scope::Whole,
        EffectHere::OutForModel | EffectHere::CooldownForModel => Scope::Model,
        EffectHere::CountsAgainstTarget | EffectHere::Nothing => return None,
    };
    let cause = match failed.failure {
        Failure::Rejected => Cause::Rejected,
        Failure::Exhausted => Cause::Exhausted,
        Failure::Denied if is_missing(failed) => Cause::Missing,
        Failure::Denied => Cause::Denied,
        Failure::RateLimited => Cause::RateLimited,
        Failure::Overloaded
        | Failure::ServerError
        | Failure::Unreachable
        | Failure::TimedOut
        | Failure::CallersFault => return None,
    };
    Some((scope, cause))
}
