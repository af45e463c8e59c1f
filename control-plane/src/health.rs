//! The health of credentials: evidence and probe results in, the next status out. One state machine, without I/O.
//!
//! ```text
//!                     passed · limited · served
//!    UNVERIFIED ────────────────────────────────► ACTIVE
//!         │                                         │ ▲
//!         │ a probe says                 a probe says │ │ passed · limited
//!         │ rejected · exhausted   rejected · exhausted │ │
//!         ▼                                         ▼ │
//!         └───────────────────────────────────► INACTIVE
//!
//!    rejected · exhausted, from a proxy    ─► a probe, at once or when the last one is far enough away
//!    denied (401, 403), from a proxy       ─► noted as LIMITED; the health stays
//!    a probe that reached no verdict       ─► the health stays, `last_error` says why; asked again later
//!    another value, disabled, elsewhere    ─► nothing
//! ```
//!
//! A proxy's report is evidence, not a verdict: no report takes a credential away from the fleet, only the provider's own answer to the
//! control plane does. However many reports come, one probe is in flight, and those that proxies cause are at least five seconds apart;
//! the gap doubles while they turn out to be false. What an admin asks for is not held up by that.

#[cfg(test)]
pub(crate) mod double;
pub mod evidence;
pub mod probe;
mod problem;
pub mod schedule;

use std::time::{Duration, Instant, SystemTime};

use crate::health::evidence::Finding;
use crate::resource::{CredentialProblem, CredentialStatus, Health, HealthReason};

/// The least time between two probes that proxies cause, and so between two changes that they cause.
const EVIDENCE_GAP: Duration = Duration::from_secs(5);
/// That time's bound while proxies report what probes don't confirm.
const EVIDENCE_GAP_MOST: Duration = Duration::from_secs(80);
/// When a credential without a good verdict is first asked about again.
const RECHECK_FIRST: Duration = Duration::from_secs(30);
/// How long it is never longer.
const RECHECK_MOST: Duration = Duration::from_secs(600);

/// What a probe of the provider came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProbeOutcome {
    /// The provider knows the credential.
    Passed,
    /// It knows it, but the credential may not list models.
    Limited,
    /// It refuses it.
    Rejected,
    /// The account has no credit or quota left.
    Exhausted,
    /// Something answered that is not this API.
    EndpointWrong,
    /// The provider does not serve the place that we call from.
    RegionWrong,
    /// No answer, or one that says nothing of the credential.
    Unreachable,
    /// No connection that can be trusted.
    TlsFailed,
}

/// Something that may change a credential's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A proxy told something of a value.
    Evidence {
        /// What.
        finding: Finding,
        /// Of which value.
        value_version: u64,
        /// The upstream's status; `None` without one.
        upstream_status: Option<u16>,
    },
    /// An admin asks for a check.
    CheckRequested,
    /// The time of [`Machine::recheck_at`] has come.
    RecheckDue,
    /// A probe ended.
    Probed {
        /// Of which value.
        value_version: u64,
        /// With what.
        outcome: ProbeOutcome,
        /// What it found wrong; `None` after a pass.
        problem: Option<CredentialProblem>,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing now; perhaps at [`Machine::recheck_at`].
    Nothing,
    /// Ask the provider about the current value, then come back with [`Input::Probed`].
    Probe,
    /// Store this status.
    Commit(CredentialStatus),
}

/// Whether the provider can and should be asked about a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Proxies may use it.
    InUse,
    /// Proxies don't get it, by an admin's will: only an admin's check asks about it.
    OutOfUse,
    /// Its value may not be sent to where the provider is now.
    Elsewhere,
}

/// What stands in the store of a credential when an input comes.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its last status.
    pub status: &'a CredentialStatus,
    /// Its current value's version.
    pub value_version: u64,
    /// Whether it can be asked about.
    pub standing: Standing,
}

/// When an input comes, and a random number for what has to be spread.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the monotonic clock: for order and delays.
    pub now: Instant,
    /// By the wall clock: for people.
    pub wall: SystemTime,
    /// Any number.
    pub random: u64,
}

/// What is remembered of one credential between inputs. It may be lost: the status is what counts.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Of which value all of this is.
    value_version: u64,
    in_flight: Option<Cause>,
    /// Evidence that waits for the gap to end.
    deferred: Option<Cause>,
    /// The last probe that proxies caused.
    evidence_probed: Option<Instant>,
    /// How many of those in a row found nothing wrong.
    false_alarms: u32,
    /// How many probes in a row gave no good verdict.
    bad_probes: u32,
    recheck_at: Option<Instant>,
}

/// Why a probe is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Evidence(Finding, Option<u16>),
    /// An admin, or the schedule.
    Other,
}

impl Machine {
    /// A machine for a credential as it is found at a start: what was bad is asked about again, `RECHECK_FIRST` after its last check and
    /// no sooner than now, spread so that a start is no storm.
    #[must_use]
    pub fn found(subject: Subject<'_>, moment: Moment) -> Self {
        let mut machine = Self { value_version: subject.value_version, ..Self::default() };
        if wants_recheck(subject) {
            let since = subject.status.last_check_time.and_then(|last| moment.wall.duration_since(last).ok());
            let rest = RECHECK_FIRST.saturating_sub(since.unwrap_or_default());
            machine.recheck_at = Some(moment.now + rest + fraction(RECHECK_FIRST, moment.random));
        }
        machine
    }

    /// When to come with [`Input::RecheckDue`]; `None` for never.
    #[must_use]
    pub fn recheck_at(&self) -> Option<Instant> {
        self.recheck_at
    }

    /// Whether a probe is in flight.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether it remembers nothing that matters, so that it can be dropped.
    #[must_use]
    pub fn is_forgettable(&self, now: Instant) -> bool {
        let quiet =
            self.evidence_probed.is_none_or(|last| now.saturating_duration_since(last) >= EVIDENCE_GAP_MOST * 2);
        self.in_flight.is_none() && self.recheck_at.is_none() && quiet
    }

    /// A status could not be stored, or a probe not be made: comes back later.
    pub fn postpone(&mut self, moment: Moment) {
        self.deferred = self.in_flight.take().or(self.deferred);
        self.recheck_at = Some(moment.now + RECHECK_FIRST / 2 + fraction(RECHECK_FIRST / 2, moment.random));
    }

    /// Takes an input and says what is to be done.
    #[must_use]
    pub fn step(&mut self, subject: Subject<'_>, input: Input, moment: Moment) -> Action {
        if self.value_version != subject.value_version {
            *self = Self { value_version: subject.value_version, in_flight: self.in_flight, ..Self::default() };
        }
        match input {
            Input::Evidence { finding, value_version, upstream_status } => {
                // What was learned of an earlier value says nothing of this one.
                if value_version != subject.value_version || subject.standing != Standing::InUse {
                    return Action::Nothing;
                }
                self.weigh(subject, finding, upstream_status, moment)
            }
            Input::CheckRequested if subject.standing == Standing::Elsewhere => Action::Nothing,
            Input::CheckRequested => self.probe(Cause::Other),
            Input::RecheckDue => {
                self.recheck_at = None;
                match (subject.standing, self.deferred.take()) {
                    (Standing::OutOfUse | Standing::Elsewhere, _) => Action::Nothing,
                    (Standing::InUse, Some(Cause::Other)) => self.probe(Cause::Other),
                    (Standing::InUse, Some(cause)) => self.probe_for_evidence(cause, moment.now),
                    (Standing::InUse, None) if wants_recheck(subject) => self.probe(Cause::Other),
                    (Standing::InUse, None) => Action::Nothing,
                }
            }
            Input::Probed { value_version, outcome, problem } => {
                let cause = self.in_flight.take().unwrap_or(Cause::Other);
                // What was asked elsewhere, or of another value, says nothing of this one.
                if value_version != subject.value_version || subject.standing == Standing::Elsewhere {
                    return Action::Nothing;
                }
                self.deferred = None;
                self.conclude(subject, cause, outcome, problem, moment)
            }
        }
    }

    fn weigh(&mut self, subject: Subject<'_>, finding: Finding, status: Option<u16>, moment: Moment) -> Action {
        match finding {
            Finding::Served if subject.status.health == Health::Unverified => Action::Commit(CredentialStatus {
                value_version: subject.value_version,
                health: Health::Active,
                reason: subject.status.reason.filter(|reason| *reason == HealthReason::Limited),
                ..subject.status.clone()
            }),
            Finding::Denied => note_denied(subject, status, moment.wall),
            // One that is out already is asked about by the schedule.
            Finding::Rejected | Finding::Exhausted if subject.status.health != Health::Inactive => {
                self.probe_for_evidence(Cause::Evidence(finding, status), moment.now)
            }
            Finding::Served | Finding::Rejected | Finding::Exhausted | Finding::RateLimited => Action::Nothing,
        }
    }

    fn probe_for_evidence(&mut self, cause: Cause, now: Instant) -> Action {
        let gap = doubled(EVIDENCE_GAP, self.false_alarms, EVIDENCE_GAP_MOST);
        match self.evidence_probed {
            Some(last) if now < last + gap => {
                // Not lost: asked about when the gap is over.
                let then = last + gap;
                self.deferred = Some(cause);
                self.recheck_at = Some(self.recheck_at.map_or(then, |planned| planned.min(then)));
                Action::Nothing
            }
            last => {
                if last.is_some_and(|last| now >= last + gap * 2) {
                    self.false_alarms = 0;
                }
                if self.in_flight.is_none() {
                    self.evidence_probed = Some(now);
                }
                self.probe(cause)
            }
        }
    }

    fn probe(&mut self, cause: Cause) -> Action {
        if self.in_flight.is_some() {
            return Action::Nothing;
        }
        self.in_flight = Some(cause);
        Action::Probe
    }

    fn conclude(
        &mut self,
        subject: Subject<'_>,
        cause: Cause,
        outcome: ProbeOutcome,
        problem: Option<CredentialProblem>,
        moment: Moment,
    ) -> Action {
        let (health, reason) = verdict(subject, outcome);
        self.count(cause, outcome, moment);
        let told = match cause {
            Cause::Evidence(Finding::Exhausted, status) if outcome == ProbeOutcome::Passed => {
                Some(CredentialProblem::exhausted_elsewhere(status, moment.wall))
            }
            Cause::Evidence(..) | Cause::Other => None,
        };
        Action::Commit(CredentialStatus {
            value_version: subject.value_version,
            health,
            reason,
            last_check_time: Some(moment.wall),
            last_error: problem.or(told),
        })
    }

    fn count(&mut self, cause: Cause, outcome: ProbeOutcome, moment: Moment) {
        let good = matches!(outcome, ProbeOutcome::Passed | ProbeOutcome::Limited);
        if let (Cause::Evidence(..), true) = (cause, good) {
            self.false_alarms = self.false_alarms.saturating_add(1);
        }
        if good {
            self.bad_probes = 0;
            self.recheck_at = None;
        } else {
            let bound = doubled(RECHECK_FIRST, self.bad_probes, RECHECK_MOST);
            self.bad_probes = self.bad_probes.saturating_add(1);
            // Half of it fixed, half of it spread.
            self.recheck_at = Some(moment.now + bound / 2 + fraction(bound / 2, moment.random));
        }
    }
}

/// What is known after a probe. One that reached no verdict keeps what was known.
fn verdict(subject: Subject<'_>, outcome: ProbeOutcome) -> (Health, Option<HealthReason>) {
    let before = subject.status;
    let known = if before.value_version == subject.value_version { before.health } else { Health::Unverified };
    match outcome {
        ProbeOutcome::Passed => (Health::Active, None),
        ProbeOutcome::Limited => (Health::Active, Some(HealthReason::Limited)),
        ProbeOutcome::Rejected => (Health::Inactive, Some(HealthReason::Rejected)),
        ProbeOutcome::Exhausted => (Health::Inactive, Some(HealthReason::Exhausted)),
        ProbeOutcome::EndpointWrong
        | ProbeOutcome::RegionWrong
        | ProbeOutcome::Unreachable
        | ProbeOutcome::TlsFailed => match known {
            Health::Inactive => (Health::Inactive, before.reason),
            Health::Unverified | Health::Active => (known, Some(HealthReason::Unreachable)),
        },
    }
}

/// A key that lacks a right still serves the rest. A model's 404 is not noted, since callers could cause it at will.
fn note_denied(subject: Subject<'_>, status: Option<u16>, wall: SystemTime) -> Action {
    let noted = subject.status.reason == Some(HealthReason::Limited);
    if noted || subject.status.health == Health::Inactive || !matches!(status, Some(401 | 403)) {
        return Action::Nothing;
    }
    Action::Commit(CredentialStatus {
        reason: Some(HealthReason::Limited),
        last_error: Some(CredentialProblem::denied(status, wall)),
        ..subject.status.clone()
    })
}

/// Whether a credential is asked about without anybody's asking: what is out, and what the provider could not be asked about.
#[must_use]
pub fn wants_recheck(subject: Subject<'_>) -> bool {
    let status = subject.status;
    subject.standing == Standing::InUse
        && (status.health == Health::Inactive || status.reason == Some(HealthReason::Unreachable))
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times.min(31)).unwrap_or(u32::MAX)).min(most)
}

/// A part of a span, as a random number says.
fn fraction(span: Duration, random: u64) -> Duration {
    let part = (u128::from(random >> 32) * span.as_nanos()) >> 32;
    Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
}

impl ProbeOutcome {
    /// The reason of the error table; `None` for a pass.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Passed => None,
            Self::Limited | Self::Rejected | Self::Exhausted => Some("CREDENTIAL_REJECTED"),
            Self::EndpointWrong => Some("ENDPOINT_WRONG"),
            Self::RegionWrong => Some("REGION_WRONG"),
            Self::Unreachable => Some("UPSTREAM_UNREACHABLE"),
            Self::TlsFailed => Some("TLS_FAILED"),
        }
    }
}

#[cfg(test)]
mod tests;
