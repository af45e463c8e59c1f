//! Validation of a new value: a free question to its provider, and what the answer lets happen.

use std::time::{Duration, SystemTime};

use shared::base_url::BaseUrl;

use crate::error::Error;
use crate::health::ProbeOutcome;
use crate::health::probe::{Prober, Question};
use crate::resource::{CredentialProblem, CredentialStatus, Health, HealthReason};

/// How long an answer is waited for where validation may be skipped: a slow upstream must not hold a bulk load up.
const BRIEFLY: Duration = Duration::from_secs(1);

/// Asks providers about new values.
#[derive(Debug, Clone)]
pub(super) struct Validator {
    prober: Prober,
}

/// What a provider said of a value.
#[derive(Debug)]
pub(super) struct Validated {
    base_url: BaseUrl,
    /// `None` where it was not asked, or did not answer in the time that there was.
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    outcome: ProbeOutcome,
    problem: Option<CredentialProblem>,
    time: SystemTime,
}

impl Validator {
    pub(super) fn new(prober: Prober) -> Self {
        Self { prober }
    }

    pub(super) async fn ask(&self, question: Question) -> Validated {
        let result = self.prober.probe(&question, SystemTime::now()).await;
        let base_url = question.place.base_url;
        let time = SystemTime::now();
        let answer = Answer { problem: result.problem(&base_url, time), outcome: result.outcome, time };
        Validated { base_url, answer: Some(answer) }
    }

    /// Asks, and goes on without an answer when there is none soon.
    pub(super) async fn ask_briefly(&self, question: Question) -> Validated {
        let unasked = Validated::unasked(&question);
        tokio::time::timeout(BRIEFLY, self.ask(question)).await.unwrap_or(unasked)
    }
}

impl Validated {
    /// Nobody was asked: the first use will tell.
    pub(super) fn unasked(question: &Question) -> Self {
        Self { base_url: question.place.base_url.clone(), answer: None }
    }

    /// Whether it was asked at this base URL.
    pub(super) fn is_of(&self, base_url: &BaseUrl) -> bool {
        self.base_url == *base_url
    }

    /// Lets a value through, or not: a good one always, a rejected one never, the others if validation is to be skipped.
    pub(super) fn admit(&self, skip_validation: bool) -> Result<(), Error> {
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
        match problem {
            Some(problem) if !admitted => Err(Error::CredentialRefused {
                reason: problem.reason.clone(),
                upstream_status: problem.upstream_status,
                message: problem.message.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The status that the value begins with.
    pub(super) fn status(&self, value_version: u64) -> CredentialStatus {
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
