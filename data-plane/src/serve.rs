//! The request path: from a model's name to an answer, over as many attempts as it takes and as are allowed.
//!
//! Nothing goes to the caller before an attempt has served, so that until then another credential, or another target, can take over.

pub(crate) mod attempt;
mod budget;
pub(crate) mod relay;
mod waits;

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use shared::adapter::Operation;
use shared::failure::{EffectHere, Failure, Retry};
use shared::name::EnvironmentName;
use tokio::time::Instant;

use self::attempt::{Answer, Call, Failed, attempt};
pub(crate) use self::budget::Budget;
use self::waits::Waits;
use crate::balance::cooldown::Cause;
use crate::balance::moment::Moment;
use crate::balance::{Member, NoPick, Pick, Scope};
use crate::error::{Refusal, shown};
use crate::evidence::{EvidenceHandle, Finding, Observation};
use crate::http::header;
use crate::http::respond::Body;
use crate::observe::{Metrics, Tally};
use crate::protocol::openai::scan::scan;
use crate::snapshot::resource::Auth;
use crate::snapshot::route::{self, NoRoute, Plan, Stop};
use crate::snapshot::{Caller, Environment};
use crate::upstream::{Client, Payload};

/// What serving needs of its worker.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) evidence: EvidenceHandle,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) budget: Budget,
}

/// A request of a known caller.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) operation: Operation,
    pub(crate) caller: &'a Caller,
    pub(crate) environment: &'a Environment,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

/// What the answer's own headers say of how it came about, also where it failed.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The last provider called.
    pub(crate) provider: Option<HeaderValue>,
    pub(crate) attempts: u32,
}

/// Serves a request. The tally is taken by an answer that goes on after this returns.
///
/// # Errors
///
/// What the caller is told.
pub(crate) async fn serve(
    context: &Context,
    ask: Ask<'_>,
    trail: &mut Trail,
    tally: &mut Option<Tally>,
) -> Result<Response<Body>, Refusal> {
    let now = Instant::now();
    context.evidence.used(&ask.caller.used, Moment::of(now.into_std()));
    let asked = scan(&ask.body)?;
    let plan = route::plan(ask.environment, &ask.caller.key, &asked.model).map_err(|no| no_route(no, &asked.model))?;
    context.budget.request();
    let mut run = Run {
        context,
        environment: &ask.environment.name,
        call: Call { operation: ask.operation, headers: ask.headers, deadline: now + plan.timeout },
        max_attempts: plan.max_attempts,
        trail,
        tried: Vec::new(),
        was_denied: false,
        was_broken: false,
        trouble: None,
        waits: Waits::default(),
    };
    let payload = |stop: &Stop| {
        if *stop.upstream_model == *asked.model {
            return Payload::whole(ask.body.clone());
        }
        Payload::spliced(&ask.body, asked.model_at.clone(), &quoted(&stop.upstream_model))
    };
    match run.targets(&plan, payload).await {
        Some(Served { answer, stop }) => {
            let adapter = stop.upstream.adapter;
            let deadline = run.call.deadline;
            let (head, relay) = answer.into_relay(deadline, stop.breaker.clone(), tally.take());
            let mut response = Response::new(Body::Relay(Box::new(relay)));
            *response.status_mut() = head.status;
            *response.headers_mut() = header::for_caller(&head.headers, adapter);
            Ok(response)
        }
        None => Err(run.refusal(&asked.model)),
    }
}

struct Served<'p> {
    answer: Answer,
    stop: &'p Stop,
}

/// One request on its way over the targets.
struct Run<'a> {
    context: &'a Context,
    environment: &'a EnvironmentName,
    call: Call<'a>,
    max_attempts: u32,
    trail: &'a mut Trail,
    tried: Vec<Arc<Member>>,
    was_denied: bool,
    was_broken: bool,
    /// The last thing that kept the request from being served.
    trouble: Option<Trouble>,
    waits: Waits,
}

enum Trouble {
    NoPick,
    Failed { failed: Failed, provider: Arc<str> },
}

/// Where to go after a failed attempt.
enum Next {
    Credential,
    Target,
    /// The next target, if the budget has room for it.
    BudgetedTarget,
    Nowhere,
}

impl Run<'_> {
    /// Tries the targets in order, those that are open last: when all are, the first is tried.
    async fn targets<'p>(&mut self, plan: &'p Plan, payload: impl Fn(&Stop) -> Payload) -> Option<Served<'p>> {
        let (mut any_admitted, mut is_budgeted) = (false, false);
        for stop in &plan.stops {
            let now = Moment::now();
            if let Some(breaker) = stop.breaker.as_ref().filter(|breaker| !breaker.admits(now)) {
                self.waits.out(breaker.wait(now));
                continue;
            }
            any_admitted = true;
            if is_budgeted && !self.context.budget.retry() {
                self.context.metrics.retries_refused.inc();
                return None;
            }
            let attempts = self.trail.attempts;
            let tried = self.target(stop, &payload).await;
            if let Some(breaker) = stop.breaker.as_ref().filter(|_| self.trail.attempts == attempts) {
                breaker.released(now);
            }
            match tried {
                Ok(answer) => return Some(Served { answer, stop }),
                Err(Next::Nowhere) => return None,
                Err(Next::BudgetedTarget) => is_budgeted = true,
                Err(Next::Target | Next::Credential) => is_budgeted = false,
            }
        }
        let first = plan.stops.first().filter(|_| !any_admitted)?;
        self.target(first, &payload).await.ok().map(|answer| Served { answer, stop: first })
    }

    /// Tries a target's credentials until one serves or the failure is not theirs.
    async fn target(&mut self, stop: &Stop, payload: &impl Fn(&Stop) -> Payload) -> Result<Answer, Next> {
        loop {
            let now = Instant::now();
            let moment = Moment::of(now.into_std());
            if self.trail.attempts >= self.max_attempts || now >= self.call.deadline {
                return Err(Next::Nowhere);
            }
            let pick = match stop.upstream.provider.auth {
                Auth::None | Auth::Passthrough => None,
                Auth::Managed => {
                    let pick = stop.upstream.pool.pick(&stop.upstream_model, &self.tried, moment);
                    Some(pick.map_err(|no_pick| self.no_pick(stop, no_pick))?)
                }
            };
            self.context.evidence.used(&stop.upstream.used, moment);
            if let Some(pick) = &pick {
                self.context.evidence.used(&pick.member().used, moment);
            }
            self.trail.attempts += 1;
            self.trail.provider = Some(stop.upstream.header.clone());
            let attempted = attempt(&self.context.client, &self.call, now, stop, pick.as_ref(), payload(stop)).await;
            match attempted {
                Ok(answer) => {
                    self.served(stop, pick, &answer);
                    return Ok(answer);
                }
                Err(failed) => match self.failed(stop, pick, failed) {
                    Next::Credential => {}
                    other @ (Next::Target | Next::BudgetedTarget | Next::Nowhere) => return Err(other),
                },
            }
        }
    }

    fn no_pick(&mut self, stop: &Stop, no_pick: NoPick) -> Next {
        self.waits.no_pick(no_pick);
        // What an upstream said tells more than that nobody is left.
        if self.trouble.is_none() || no_pick != NoPick::Tried {
            let keep = matches!(&self.trouble, Some(Trouble::Failed { failed, provider })
                if failed.failure.is_credentials_fault() && *provider == stop.upstream.id);
            if !keep {
                self.trouble = Some(Trouble::NoPick);
            }
        }
        Next::Target
    }

    fn served(&self, stop: &Stop, pick: Option<Pick>, answer: &Answer) {
        self.context.metrics.attempt_served();
        if let Some(pick) = pick {
            let member = Arc::clone(pick.member());
            if pick.succeeded(Moment::now) {
                self.observe(stop, &member, Finding::Served, answer.head.status.as_u16(), None);
            }
        }
    }

    /// Draws every conclusion from a failure: for the credential here, for the fleet, for the target, for this request.
    fn failed(&mut self, stop: &Stop, pick: Option<Pick>, failed: Failed) -> Next {
        let failure = failed.failure;
        let now = Moment::now();
        self.context.metrics.attempt_failed(failure);
        // A connection that was kept for reuse may have been closing: that says nothing of anybody, so the same target is asked once more.
        if failed.broke && !std::mem::replace(&mut self.was_broken, true) && self.context.budget.retry() {
            return Next::Credential;
        }
        if let Some(pick) = pick {
            let member = Arc::clone(pick.member());
            if let Some(finding) = Finding::of(failure) {
                let status = failed.status.map_or(0, |status| status.as_u16());
                self.observe(stop, &member, finding, status, failed.provider_code);
            }
            if let Some((scope, cause)) = effect(failure) {
                pick.failed(scope, &stop.upstream_model, cause, failed.retry_after, now);
            }
            self.tried.push(member);
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
        } else {
            self.waits.out(failed.retry_after);
        }
        // Without credentials there is no next one.
        let has_others = stop.upstream.provider.auth == Auth::Managed;
        self.trouble = Some(Trouble::Failed { failed, provider: Arc::clone(&stop.upstream.id) });
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

    fn observe(
        &self,
        stop: &Stop,
        member: &Member,
        finding: Finding,
        status: u16,
        provider_code: Option<&'static str>,
    ) {
        self.context.evidence.offer(Observation {
            environment: self.environment.clone(),
            credential: member.name.clone(),
            value_version: member.value_version,
            upstream_model: Arc::clone(&stop.upstream_model),
            finding,
            status,
            provider_code,
            at: SystemTime::now(),
        });
    }

    /// What the caller is told in the end.
    fn refusal(self, model: &str) -> Refusal {
        let (shortest, all_rate_limited) = (self.waits.shortest(), self.waits.all_rate_limited());
        let (failed, provider) = match self.trouble {
            Some(Trouble::Failed { failed, provider }) => (failed, provider.to_string()),
            Some(Trouble::NoPick) | None => {
                let rate_limited = all_rate_limited && shortest.is_some();
                return Refusal::NoCredential { model: shown(model), retry_after: shortest, rate_limited };
            }
        };
        let Failed { failure, retry_after, fault, .. } = failed;
        match fault {
            Some(fault) => Refusal::CallersFault(fault),
            None if failure.is_credentials_fault() => Refusal::UpstreamAuth { provider },
            None => {
                // Somebody else may be back earlier than the one who was asked last.
                let retry_after = if failure == Failure::Overloaded { shortest } else { retry_after };
                Refusal::Upstream { provider, failure, retry_after }
            }
        }
    }
}

/// What a failure does to the credential here.
fn effect(failure: Failure) -> Option<(Scope, Cause)> {
    let scope = match failure.effect_here() {
        EffectHere::OutForAll => Scope::Whole,
        EffectHere::OutForModel | EffectHere::CooldownForModel => Scope::Model,
        EffectHere::CountsAgainstTarget | EffectHere::Nothing => return None,
    };
    let cause = match failure {
        Failure::Rejected => Cause::Rejected,
        Failure::Exhausted => Cause::Exhausted,
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

fn no_route(no: NoRoute, model: &str) -> Refusal {
    let model = shown(model);
    match no {
        NoRoute::Unknown => Refusal::ModelUnknown { model },
        NoRoute::NotAllowed => Refusal::ModelNotAllowed { model },
        NoRoute::NoTarget => Refusal::NoTarget { model },
    }
}

/// A name as a JSON string.
fn quoted(name: &str) -> Vec<u8> {
    // A string always serializes.
    serde_json::to_vec(name).unwrap_or_default()
}
