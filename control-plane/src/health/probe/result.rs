//! What a probe came to: the outcome, the part at fault, and what to check, in our words.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use shared::adapter::{Adapter, NoAddress};
use shared::base_url::{BaseUrl, WrongAnswer, likely_fix};
use shared::dial::DialFailure;
use shared::failure::Failure;
use shared::oauth::MintError;

use super::ask::{Answer, NoAnswer};
use super::plan::Proof;
use super::{Question, TIMEOUT};
use crate::health::ProbeOutcome;
use crate::resource::CredentialProblem;

/// What a provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// What it means.
    pub outcome: ProbeOutcome,
    /// How far the probe came.
    pub stage: Stage,
    /// The upstream's status; `None` where it did not answer.
    pub upstream_status: Option<u16>,
    /// Why there was no answer; `None` where there was one, or too late.
    pub failure: Option<DialFailure>,
    /// The models that the credential can list, in the answer's order; empty unless it passed.
    pub models: Vec<String>,
    /// What is likely to put the provider right; `None` where nothing is known.
    pub likely_fix: Option<String>,
}

/// How far a probe came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The value can't be sent: nobody was asked.
    Value,
    /// The provider lacks what its addresses are made of: nobody was asked.
    Address(NoAddress),
    /// There is nothing to ask at no cost.
    NothingToAsk,
    /// The token endpoint was asked.
    Token,
    /// The upstream was asked what costs nothing.
    Free,
    /// The upstream was asked to serve a model.
    Paid,
}

impl ProbeResult {
    pub(super) fn new(outcome: ProbeOutcome, stage: Stage) -> Self {
        Self { outcome, stage, upstream_status: None, failure: None, models: Vec::new(), likely_fix: None }
    }

    /// The same at another stage.
    pub(super) fn at(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    pub(super) fn of_no_address(problem: NoAddress) -> Self {
        match problem {
            // No probe passes a path on.
            NoAddress::Unsupported | NoAddress::Path => Self::new(ProbeOutcome::Unverifiable, Stage::NothingToAsk),
            NoAddress::Lacks(_) => Self::new(ProbeOutcome::EndpointWrong, Stage::Address(problem)),
            NoAddress::Model => Self::new(ProbeOutcome::ModelUnknown, Stage::Address(problem)),
        }
    }

    pub(super) fn of_no_answer(question: &Question, problem: NoAnswer) -> Self {
        match problem {
            NoAnswer::Unfit => Self::new(ProbeOutcome::Rejected, Stage::Value),
            NoAnswer::Failed(failure) => Self::of_failure(question, failure),
        }
    }

    fn of_failure(question: &Question, failure: DialFailure) -> Self {
        let outcome = match failure {
            DialFailure::Tls => ProbeOutcome::TlsFailed,
            DialFailure::RefusedAddress(_) | DialFailure::RefusedScheme => ProbeOutcome::EndpointWrong,
            // Where the region stands in the host's name, a name that does not exist is a region that does not.
            DialFailure::Dns if question.place.region.is_some() => ProbeOutcome::RegionWrong,
            DialFailure::Dns | DialFailure::Connect | DialFailure::ConnectTimedOut | DialFailure::Broken => {
                ProbeOutcome::Unreachable
            }
        };
        Self { failure: Some(failure), ..Self::new(outcome, Stage::Free) }
    }

    /// The token endpoint is not the provider's: where it can't be reached, that says nothing of the base URL.
    pub(super) fn of_mint_error(error: &MintError) -> Self {
        let (outcome, upstream_status, failure) = match error {
            MintError::Unfit(_) => return Self::new(ProbeOutcome::Rejected, Stage::Value),
            MintError::NoAnswer(DialFailure::Tls) => (ProbeOutcome::TlsFailed, None, Some(DialFailure::Tls)),
            MintError::NoAnswer(failure) => (ProbeOutcome::Unreachable, None, Some(*failure)),
            MintError::TimedOut | MintError::NotAToken | MintError::Stopping => (ProbeOutcome::Unreachable, None, None),
            MintError::Refused { failure: Failure::Rejected | Failure::Denied, status, .. } => {
                (ProbeOutcome::Rejected, Some(*status), None)
            }
            MintError::Refused { status, .. } => (ProbeOutcome::Unreachable, Some(*status), None),
        };
        Self { upstream_status, failure, ..Self::new(outcome, Stage::Token) }
    }

    /// An answer to what costs nothing, and its first models are to be added where it is good.
    pub(super) fn of_free(adapter: &dyn Adapter, answer: &Answer, proof: Proof, now: SystemTime) -> Self {
        let known = |works| if proof == Proof::Works { works } else { ProbeOutcome::Recognized };
        let classified = adapter.classify(answer.status, &answer.headers, &answer.body, now);
        let outcome = match (classified.map(|classified| classified.failure), answer.status) {
            (None, _) => known(ProbeOutcome::Passed),
            (Some(Failure::Rejected), _) => ProbeOutcome::Rejected,
            (Some(Failure::Denied), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => known(ProbeOutcome::Limited),
            (Some(Failure::Exhausted), _) => ProbeOutcome::Exhausted,
            (Some(Failure::CallersFault), StatusCode::FORBIDDEN) => ProbeOutcome::RegionWrong,
            (Some(Failure::Denied | Failure::CallersFault), _) => ProbeOutcome::EndpointWrong,
            (Some(_), status) if status.is_redirection() => ProbeOutcome::EndpointWrong,
            (Some(failure), _) => unreachable_by(failure),
        };
        Self::answered(outcome, Stage::Free, answer)
    }

    /// An answer to the paid check.
    pub(super) fn of_paid(adapter: &dyn Adapter, answer: &Answer, now: SystemTime) -> Self {
        let classified = adapter.classify(answer.status, &answer.headers, &answer.body, now);
        let outcome = match (classified.map(|classified| classified.failure), answer.status) {
            (None, _) => ProbeOutcome::Served,
            (Some(Failure::Rejected), _) => ProbeOutcome::Rejected,
            (Some(Failure::Exhausted), _) => ProbeOutcome::Exhausted,
            (Some(Failure::CallersFault), StatusCode::FORBIDDEN) => ProbeOutcome::RegionWrong,
            (Some(Failure::Denied | Failure::CallersFault), _) => ProbeOutcome::ModelUnknown,
            (Some(_), status) if status.is_redirection() => ProbeOutcome::EndpointWrong,
            (Some(failure), _) => unreachable_by(failure),
        };
        Self::answered(outcome, Stage::Paid, answer)
    }

    fn answered(outcome: ProbeOutcome, stage: Stage, answer: &Answer) -> Self {
        Self { upstream_status: Some(answer.status.as_u16()), ..Self::new(outcome, stage) }
    }

    /// The same, with what is likely to put a wrong base URL right.
    pub(super) fn with_likely_fix(self, question: &Question, answer: &Answer) -> Self {
        if self.outcome != ProbeOutcome::EndpointWrong {
            return self;
        }
        let wrong = WrongAnswer::of(answer.status, &answer.headers, &answer.body);
        let fix = wrong.and_then(|wrong| likely_fix(question.adapter, &question.place.base_url, wrong));
        Self { likely_fix: fix.map(|fix| fix.to_string()), ..self }
    }

    /// What was wrong and what to check, in our words; `None` where nothing is.
    #[must_use]
    pub fn problem(&self, base_url: &BaseUrl, time: SystemTime) -> Option<CredentialProblem> {
        let reason = self.outcome.reason()?;
        let mut message = format!("{}; {}", self.what(base_url), self.advice());
        if let Some(fix) = &self.likely_fix {
            message = format!("{message}; {fix}");
        }
        Some(CredentialProblem { reason: reason.to_owned(), upstream_status: self.upstream_status, message, time })
    }

    fn what(&self, base_url: &BaseUrl) -> String {
        let who = match self.stage {
            Stage::Value => return "the value was not sent: no request can carry it".to_owned(),
            Stage::Address(problem) => return problem.to_string(),
            Stage::Token => "the token endpoint".to_owned(),
            Stage::NothingToAsk | Stage::Free | Stage::Paid => base_url.origin().to_string(),
        };
        match (self.upstream_status, self.failure) {
            (Some(status), _) => format!("{who} answered {status}"),
            (None, Some(failure)) => format!("{who} gave no answer: {failure}"),
            (None, None) => format!("{who} gave no usable answer in {} s", Duration::as_secs(&TIMEOUT)),
        }
    }

    /// What to check.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match (self.outcome, self.upstream_status) {
            (ProbeOutcome::Served | ProbeOutcome::Passed, _) => "nothing is wrong",
            (ProbeOutcome::Recognized | ProbeOutcome::Unverifiable, _) => {
                "nothing more can be found out at no cost: the first use will tell"
            }
            (ProbeOutcome::Limited, _) => {
                "the provider knows the credential, but does not let it list models: check its scopes if it should"
            }
            (ProbeOutcome::Rejected, _) if self.stage == Stage::Value => {
                "check that the value is whole and of the type that this provider takes"
            }
            (ProbeOutcome::Rejected, _) => {
                "check that the value is whole, belongs to this provider, and was not revoked"
            }
            (ProbeOutcome::Exhausted, _) => "check the account's credit, quota and billing with the provider",
            (ProbeOutcome::ModelUnknown, _) => {
                "check the model's name, and that the credential may use it: it was not served"
            }
            (ProbeOutcome::EndpointWrong, None) if matches!(self.stage, Stage::Address(_)) => {
                "add it to the provider, then check again"
            }
            (ProbeOutcome::EndpointWrong, None) => {
                "check the provider's base URL: this installation may not call that address"
            }
            (ProbeOutcome::EndpointWrong, Some(_)) => {
                "check the provider's base URL, its path included: no list of models is there"
            }
            (ProbeOutcome::RegionWrong, None) => "check the provider's region: no host has its name",
            (ProbeOutcome::RegionWrong, Some(_)) => {
                "the provider does not serve the place that this control plane calls from"
            }
            (ProbeOutcome::Unreachable, Some(429)) => "the account is asked too often just now: try again later",
            (ProbeOutcome::Unreachable, Some(_)) => "the provider has a fault of its own: try again later",
            (ProbeOutcome::Unreachable, None) => "check the host in the base URL, the network and the firewall",
            (ProbeOutcome::TlsFailed, _) => {
                "check that the port speaks TLS, and that its certificate is valid for the host and of a known authority"
            }
        }
    }
}

/// What says nothing of the credential, whatever else it says.
fn unreachable_by(failure: Failure) -> ProbeOutcome {
    match failure {
        Failure::RateLimited
        | Failure::Overloaded
        | Failure::ServerError
        | Failure::Unreachable
        | Failure::TimedOut
        | Failure::Rejected
        | Failure::Denied
        | Failure::Exhausted
        | Failure::CallersFault => ProbeOutcome::Unreachable,
    }
}
