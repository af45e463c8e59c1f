//! The request path: from a model's name to an answer, over as many attempts as it takes and as are allowed.
//!
//! Nothing goes to the caller before an attempt has served, so that until then another credential, or another target, can take over.

pub(crate) mod attempt;
mod budget;
mod header;
mod own_key;
mod prepare;
pub(crate) mod provider;
mod refusal;
pub(crate) mod relay;
mod say;
mod verdict;
mod waits;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use shared::adapter::{Format, Operation};
use shared::name::EnvironmentName;
use tokio::time::Instant;

use self::attempt::{Answer, Call, Caller as Attempts, Failed, attempt};
pub(crate) use self::budget::Budget;
pub(crate) use self::own_key::GivenKey;
use self::own_key::own_key;
use self::prepare::{allow_others, asked, keep_those_that_speak, no_route};
use self::relay::{Limits, Relay};
use self::say::{Said, Speaker};
use self::verdict::Denial;
use self::waits::Waits;
use crate::balance::moment::Moment;
use crate::balance::{Member, NoPick, Pick};
use crate::error::Refusal;
use crate::evidence::EvidenceHandle;
use crate::observe::{Metrics, Tally};
use crate::protocol::route::UrlModel;
use crate::snapshot::resource::Auth;
use crate::snapshot::route::{self, Plan, Stop, Upstream};
use crate::snapshot::{Caller, Environment};

/// What serving needs of its worker.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) attempts: Attempts,
    pub(crate) evidence: EvidenceHandle,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) budget: Budget,
}

/// A request of a known caller.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// What the caller speaks.
    pub(crate) format: Format,
    pub(crate) operation: Operation,
    /// What the URL says of the model, in formats that name it there.
    pub(crate) url: Option<&'a UrlModel>,
    pub(crate) caller: &'a Caller,
    /// How the caller key came.
    pub(crate) given: GivenKey<'a>,
    pub(crate) environment: &'a Environment,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

/// What the answer's own headers say of how it came about, also where it failed.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The last provider called.
    pub(crate) upstream: Option<Arc<Upstream>>,
    /// What the last provider called the request.
    pub(crate) request_id: Option<HeaderValue>,
    pub(crate) attempts: u32,
    /// What the caller speaks, where the path did not say.
    pub(crate) format: Option<Format>,
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
) -> Result<Response<Box<Relay>>, Refusal> {
    let now = Instant::now();
    context.evidence.used(&ask.caller.used, Moment::of(now.into_std()));
    let asked = asked(&ask)?;
    let mut plan =
        route::plan(ask.environment, &ask.caller.key, &asked.model).map_err(|no| no_route(no, &asked.model))?;
    keep_those_that_speak(&mut plan, &ask, &asked.model)?;
    allow_others(&plan, &ask, &asked)?;
    let own_key = own_key(&mut plan, ask.given, ask.headers)?;
    context.budget.request();
    let mut run = Run {
        context,
        environment: &ask.environment.name,
        speaker: Speaker { ask: &ask, asked: &asked, read: None },
        call: Call {
            delivery: asked.delivery,
            headers: ask.headers,
            below: None,
            own_key,
            deadline: now + plan.timeout,
        },
        max_attempts: plan.max_attempts,
        trail,
        tried: Vec::new(),
        denials: Vec::new(),
        was_denied: false,
        was_broken: false,
        missing: Missing::Unknown,
        trouble: None,
        unsaid: None,
        waits: Waits::default(),
    };
    match run.targets(&plan).await {
        Some(Served { answer, said, stop }) => {
            let upstream = &*stop.upstream;
            let mut response = Response::new(());
            *response.status_mut() = answer.head.status;
            let headers = header::for_caller(&answer.head.headers, &upstream.provider);
            *response.headers_mut() = match &said.translated {
                None => headers,
                Some(translated) => header::translated(headers, translated, asked.delivery),
            };
            header::warn_of_changes(response.headers_mut(), &said.changed);
            header::warn_of_refused(response.headers_mut(), &said.refused);
            let limits = Limits { deadline: run.call.deadline, idle: upstream.provider.patience.idle };
            let relay = Relay::new(answer, limits, stop.breaker.clone(), tally.take());
            Ok(response.map(|()| Box::new(relay)))
        }
        None => Err(run.refusal(&asked.model, ask.format)),
    }
}

struct Served<'p> {
    answer: Answer,
    said: Said,
    stop: &'p Stop,
}

/// One request on its way over the targets.
struct Run<'a> {
    context: &'a Context,
    environment: &'a EnvironmentName,
    speaker: Speaker<'a>,
    call: Call<'a>,
    max_attempts: u32,
    trail: &'a mut Trail,
    tried: Vec<Arc<Member>>,
    /// Nobody knows yet whose fault they are.
    denials: Vec<Denial>,
    was_denied: bool,
    was_broken: bool,
    missing: Missing,
    /// The last thing that kept the request from being served.
    trouble: Option<Trouble>,
    /// Why it could not be said to the first target of those to which it could not.
    unsaid: Option<Refusal>,
    waits: Waits,
}

enum Trouble {
    NoPick { provider: Arc<str> },
    Failed { failed: Failed, provider: Arc<str> },
}

/// Whether every credential that was asked says that the model does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// None was asked.
    Unknown,
    ForAll,
    NotForAll,
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
    async fn targets<'p>(&mut self, plan: &'p Plan) -> Option<Served<'p>> {
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
            let tried = self.target(stop).await;
            if let Some(breaker) = stop.breaker.as_ref().filter(|_| self.trail.attempts == attempts) {
                breaker.released(now);
            }
            match tried {
                Ok(served) => return Some(served),
                Err(Next::Nowhere) => return None,
                Err(Next::BudgetedTarget) => is_budgeted = true,
                Err(Next::Target | Next::Credential) => is_budgeted = false,
            }
        }
        let first = plan.stops.first().filter(|_| !any_admitted)?;
        self.target(first).await.ok()
    }

    /// Tries a target's credentials until one serves or the failure is not theirs.
    async fn target<'p>(&mut self, stop: &'p Stop) -> Result<Served<'p>, Next> {
        let said = match self.speaker.say(stop) {
            Ok(said) => said,
            Err(refusal) => {
                self.unsaid.get_or_insert(refusal);
                return Err(Next::Target);
            }
        };
        loop {
            let now = Instant::now();
            let moment = Moment::of(now.into_std());
            if self.trail.attempts >= self.max_attempts || now >= self.call.deadline {
                return Err(Next::Nowhere);
            }
            let pick = match stop.upstream.provider.auth {
                Auth::None | Auth::Passthrough => None,
                Auth::Managed => {
                    let (pool, model) = (&stop.upstream.pool, &stop.upstream_model);
                    let pick = match self.speaker.is_kept() {
                        true => pool.pick_first(model, &self.tried, moment),
                        false => pool.pick(model, &self.tried, moment),
                    };
                    Some(pick.map_err(|no_pick| self.no_pick(stop, no_pick))?)
                }
            };
            self.context.evidence.used(&stop.upstream.used, moment);
            if let Some(pick) = &pick {
                self.context.evidence.used(&pick.member().used, moment);
            }
            self.trail.attempts += 1;
            self.trail.upstream = Some(Arc::clone(&stop.upstream));
            let attempted =
                attempt(&self.context.attempts, &self.call, now, stop, pick.as_ref().map(Pick::member), &said).await;
            match attempted {
                Ok(answer) => {
                    self.trail.request_id = header::request_id(&answer.head.headers);
                    self.served(stop, pick, &answer);
                    return Ok(Served { answer, said, stop });
                }
                Err(mut failed) => {
                    self.trail.request_id = failed.request_id.take();
                    match self.failed(stop, pick, failed) {
                        Next::Credential => {}
                        other @ (Next::Target | Next::BudgetedTarget | Next::Nowhere) => return Err(other),
                    }
                }
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
                self.trouble = Some(Trouble::NoPick { provider: Arc::clone(&stop.upstream.id) });
            }
        }
        Next::Target
    }
}
