//! What the outcomes of attempts do to the credentials that were used.
//!
//! A provider forbids what a key may not do, and also what a request may not ask, with the same answers. So a denial counts when another
//! credential or target served the very request that was denied: else a caller could take a credential out for everybody with one request
//! that nobody may make, or fill what is known of it with models that nobody has. A model that an admin wrote and that is not there counts at once.

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use shared::failure::{EffectHere, Failure, Retry};

use super::attempt::{Answer, Failed};
use super::{Missing, Next, Run, Trouble};
use crate::balance::cooldown::Cause;
use crate::balance::moment::Moment;
use crate::balance::{Member, Pick, Scope};
use crate::evidence::{Finding, Observation};
use crate::snapshot::resource::Auth;
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
struct Seen {
    finding: Finding,
    status: u16,
    provider_code: Option<&'static str>,
}

/// Whether an answer says that the model does not exist.
fn is_missing(failed: &Failed) -> bool {
    failed.failure == Failure::Denied && failed.status == Some(StatusCode::NOT_FOUND)
}

impl Run<'_> {
    /// Draws the conclusions from an answer.
    pub(super) fn served(&mut self, stop: &Stop, pick: Option<Pick>, answer: &Answer) {
        self.context.metrics.attempt_served();
        if let Some(pick) = pick {
            let member = Arc::clone(pick.member());
            if pick.succeeded(Moment::now) {
                let status = answer.head.status.as_u16();
                self.observe(
                    &stop.upstream_model,
                    &member,
                    Seen { finding: Finding::Served, status, provider_code: None },
                );
            }
        }
        self.confirm_denials();
    }

    /// Draws every conclusion from a failure: for the credential here, for the fleet, for the target, for this request.
    pub(super) fn failed(&mut self, stop: &Stop, pick: Option<Pick>, failed: Failed) -> Next {
        let failure = failed.failure;
        let now = Moment::now();
        if failed.unsupported {
            // Nothing was called, and nothing is wrong with the target.
            self.trail.attempts -= 1;
            self.trouble.get_or_insert(Trouble::Failed { failed, provider: Arc::clone(&stop.upstream.id) });
            return Next::Target;
        }
        let is_missing = is_missing(&failed);
        self.missing = match (self.missing, is_missing) {
            (Missing::Unknown | Missing::ForAll, true) => Missing::ForAll,
            (Missing::NotForAll, true) | (_, false) => Missing::NotForAll,
        };
        self.context.metrics.attempt_failed(failure);
        // A connection that was kept for reuse may have been closing: that says nothing of anybody, so the same target is asked once more.
        if failed.broke && !std::mem::replace(&mut self.was_broken, true) && self.context.budget.retry() {
            return Next::Credential;
        }
        if let Some(pick) = pick {
            self.tried.push(Arc::clone(pick.member()));
            self.conclude(stop, pick, &failed, now);
        }
        if let Some(breaker) = &stop.breaker {
            match failure.effect_here() {
                EffectHere::CountsAgainstTarget => breaker.failed(now),
                EffectHere::OutForAll
                | EffectHere::OutForModel
                | EffectHere::CooldownForModel
                | EffectHere::Nothing => {
                    // Whatever is wrong with the credential or the request, a target that says so lives.
                    if failed.status.is_some() {
                        breaker.succeeded();
                    }
                }
            }
        }
        if failure == Failure::RateLimited {
            self.waits.rate_limited(failed.retry_after);
        } else if is_missing {
            self.waits.missing(failed.retry_after);
        } else {
            self.waits.out(failed.retry_after);
        }
        // What the caller's own key met is the caller's to know.
        let is_callers = failed.fault.is_some() && stop.upstream.provider.auth == Auth::Passthrough;
        // Without credentials there is no next one.
        let has_others = stop.upstream.provider.auth == Auth::Managed;
        self.trouble = Some(Trouble::Failed { failed, provider: Arc::clone(&stop.upstream.id) });
        if is_callers {
            return Next::Nowhere;
        }
        match failure.scope_of_retry() {
            Retry::NextCredential if has_others => Next::Credential,
            Retry::NextCredentialOnce if has_others && !std::mem::replace(&mut self.was_denied, true) => {
                Next::Credential
            }
            Retry::NextCredential | Retry::NextCredentialOnce => Next::Target,
            Retry::NextTarget => Next::BudgetedTarget,
            Retry::Stop => Next::Nowhere,
        }
    }

    /// Draws the conclusions from a failure for the credential here and for the fleet.
    fn conclude(&mut self, stop: &Stop, pick: Pick, failed: &Failed, now: Moment) {
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
    fn confirm_denials(&mut self) {
        for Denial { pick, upstream_model, seen, is_news } in std::mem::take(&mut self.denials) {
            if is_news {
                self.observe(&upstream_model, pick.member(), seen);
            }
            let cause = if seen.status == StatusCode::NOT_FOUND.as_u16() { Cause::Missing } else { Cause::Denied };
            pick.failed(Scope::Model, &upstream_model, cause, None, Moment::now());
        }
    }

    fn observe(&self, upstream_model: &Arc<str>, member: &Member, seen: Seen) {
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
