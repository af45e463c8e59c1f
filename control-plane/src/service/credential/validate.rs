//! Validation of a new value: a free question to its provider, and what the answer lets happen.

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use shared::adapter::Place;

use crate::access::Call;
use crate::error::Error;
use crate::health::ProbeOutcome;
use crate::health::probe::{Prober, Question};
use crate::resource::{CredentialProblem, CredentialStatus, Health, HealthReason};
use crate::service::Allowance;
use crate::service::value::Used;

/// How long an answer is waited for where validation may be skipped: a slow upstream must not hold a bulk load up.
const BRIEFLY: Duration = Duration::from_secs(1);

/// The most questions of one request that are asked at a time.
const AT_A_TIME: usize = 8;

/// The most of a principal's allowance that one request takes.
const MOST_TAKEN: usize = 10;

/// Asks providers about new values.
#[derive(Debug, Clone)]
pub(in crate::service) struct Validator {
    prober: Prober,
    allowance: Allowance,
}

/// A question, and the stored values that it is asked with: where one of them changes meanwhile, the answer says nothing.
#[derive(Debug, Clone)]
pub(in crate::service) struct Ask {
    pub(in crate::service) question: Question,
    pub(in crate::service) used: Vec<Used>,
}

/// What a provider said of a value.
#[derive(Debug)]
pub(in crate::service) struct Validated {
    place: Place,
    used: Vec<Used>,
    /// `None` where it was not asked, or did not answer in the time that there was.
    answer: Option<Answer>,
}

/// What a provider answered, with the models that the value can list.
#[derive(Debug)]
pub(in crate::service) struct Seen {
    pub(in crate::service) validated: Validated,
    pub(in crate::service) models: Vec<String>,
}

#[derive(Debug)]
struct Answer {
    outcome: ProbeOutcome,
    problem: Option<CredentialProblem>,
    time: SystemTime,
}

impl Validator {
    pub(in crate::service) fn new(prober: Prober, allowance: Allowance) -> Self {
        Self { prober, allowance }
    }

    /// Asks every question, and lets the values through if each answer does: one that does not refuses all.
    ///
    /// # Errors
    ///
    /// [`Error::CredentialRefused`], or [`Error::RateLimited`] where the principal may ask no more and validation is not to be skipped.
    pub(in crate::service) async fn validate(
        &self,
        call: &Call,
        asks: Vec<Ask>,
        skip_validation: bool,
    ) -> Result<Vec<Validated>, Error> {
        // The limit is on what is asked of providers, not on what is written. A request that asks more than ten of them once each is one
        // that could else never be made.
        let taken = u32::try_from(asks.len().min(MOST_TAKEN)).unwrap_or(u32::MAX);
        let may_ask = if taken == 0 { Ok(()) } else { self.allowance.take_several(&call.principal.name, taken) };
        let answered: Vec<BoxFuture<'_, Validated>> = match (may_ask, skip_validation) {
            (Ok(()), false) => asks.into_iter().map(|ask| self.ask(ask).boxed()).collect(),
            (Ok(()), true) => asks.into_iter().map(|ask| self.ask_briefly(ask).boxed()).collect(),
            (Err(_), true) => return Ok(asks.into_iter().map(Validated::unasked).collect()),
            (Err(spent), false) => return Err(spent),
        };
        let validated: Vec<_> = futures_util::stream::iter(answered).buffered(AT_A_TIME).collect().await;
        validated.iter().try_for_each(|one| one.admit(skip_validation))?;
        Ok(validated)
    }

    /// Asks every question, and gives what each answer says and the models in it, good or bad.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] where the principal may not ask so much.
    pub(in crate::service) async fn look(&self, call: &Call, asks: Vec<Ask>) -> Result<Vec<Seen>, Error> {
        let taken = u32::try_from(asks.len()).unwrap_or(u32::MAX);
        self.allowance.take_several(&call.principal.name, taken)?;
        let answered: Vec<BoxFuture<'_, Seen>> = asks.into_iter().map(|ask| self.see(ask).boxed()).collect();
        Ok(futures_util::stream::iter(answered).buffered(AT_A_TIME).collect().await)
    }

    async fn ask(&self, ask: Ask) -> Validated {
        self.see(ask).await.validated
    }

    async fn see(&self, ask: Ask) -> Seen {
        let Ask { question, used } = ask;
        let result = self.prober.probe(&question, SystemTime::now()).await;
        let time = SystemTime::now();
        let problem = result.problem(&question.place.base_url, time);
        let answer = Answer { problem, outcome: result.outcome, time };
        Seen { validated: Validated { place: question.place, used, answer: Some(answer) }, models: result.models }
    }

    /// Asks, and goes on without an answer when there is none soon.
    async fn ask_briefly(&self, ask: Ask) -> Validated {
        let unasked = Validated::unasked(ask.clone());
        tokio::time::timeout(BRIEFLY, self.ask(ask)).await.unwrap_or(unasked)
    }
}

#[cfg(test)]
impl Seen {
    /// A pass that lists these models.
    pub(in crate::service) fn of(ask: Ask, models: &[&str]) -> Self {
        let answer = Answer { outcome: ProbeOutcome::Passed, problem: None, time: SystemTime::UNIX_EPOCH };
        let validated = Validated { answer: Some(answer), ..Validated::unasked(ask) };
        Self { validated, models: models.iter().map(|&model| model.to_owned()).collect() }
    }
}

impl Validated {
    /// Nobody was asked: the first use will tell.
    fn unasked(ask: Ask) -> Self {
        Self { place: ask.question.place, used: ask.used, answer: None }
    }

    /// Whether it was asked at the same place with the same stored values.
    pub(in crate::service) fn is_of(&self, ask: &Ask) -> bool {
        self.place == ask.question.place && self.used == ask.used
    }

    /// Lets a value through, or not: a good one always, a rejected one never, the others if validation is to be skipped.
    pub(in crate::service) fn admit(&self, skip_validation: bool) -> Result<(), Error> {
        let Some(Answer { outcome, problem, .. }) = &self.answer else { return Ok(()) };
        let admitted = match outcome {
            // Nothing free could tell: the first use will.
            ProbeOutcome::Recognized | ProbeOutcome::Unverifiable => true,
            ProbeOutcome::Served | ProbeOutcome::Passed | ProbeOutcome::Limited => true,
            ProbeOutcome::Rejected => false,
            ProbeOutcome::Exhausted
            | ProbeOutcome::ModelUnknown
            | ProbeOutcome::EndpointWrong
            | ProbeOutcome::RegionWrong
            | ProbeOutcome::Unreachable
            | ProbeOutcome::TlsFailed => skip_validation,
        };
        match (admitted, problem) {
            (true, _) => Ok(()),
            (false, Some(problem)) => Err(Error::CredentialRefused {
                reason: problem.reason.clone(),
                upstream_status: problem.upstream_status,
                message: problem.message.clone(),
            }),
            // Whatever is not good says why; one that did not is still not let in.
            (false, None) => Err(Error::StoreUnavailable(None)),
        }
    }

    /// The status that the value begins with.
    pub(in crate::service) fn status(&self, value_version: u64) -> CredentialStatus {
        let Some(Answer { outcome, problem, time }) = &self.answer else {
            let reason = Some(HealthReason::NotYetUsed);
            return CredentialStatus { value_version, reason, ..CredentialStatus::default() };
        };
        let (health, reason) = match outcome {
            ProbeOutcome::Served | ProbeOutcome::Passed => (Health::Active, None),
            ProbeOutcome::Limited => (Health::Active, Some(HealthReason::Limited)),
            // Not admitted, and out if it were.
            ProbeOutcome::Rejected => (Health::Inactive, Some(HealthReason::Rejected)),
            ProbeOutcome::Exhausted => (Health::Unverified, Some(HealthReason::Exhausted)),
            // Asked again until there is an answer.
            ProbeOutcome::Unreachable | ProbeOutcome::TlsFailed => {
                (Health::Unverified, Some(HealthReason::Unreachable))
            }
            // Some upstreams have no list of models, and some have one that proves too little: the first use will tell.
            ProbeOutcome::Recognized
            | ProbeOutcome::Unverifiable
            | ProbeOutcome::ModelUnknown
            | ProbeOutcome::EndpointWrong
            | ProbeOutcome::RegionWrong => (Health::Unverified, Some(HealthReason::NotYetUsed)),
        };
        CredentialStatus { value_version, health, reason, last_check_time: Some(*time), last_error: problem.clone() }
    }
}
