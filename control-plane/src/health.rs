//! The health of credentials: evidence and probe results in, the next status out. One state machine, without I/O.
//!
//! ```text
//!                  passed · limited · served
//!    UNVERIFIED ───────────────────────────────────────► ACTIVE
//!      │    ▲                                              │ ▲
//!      │    │ re-checked, and the check can't tell         │ │ passed · limited
//!      │    │ whether it is over: the next use will        │ │
//!      │    └───────────────────────────────────┐          │ │
//!      │   a probe says rejected · exhausted    │          ▼ │
//!      └────────────────────────────────────► INACTIVE ◄─────┘
//!          no probe can tell, and enough proxies say so
//!
//!    rejected · exhausted, from a proxy    ─► a probe, at once or when the last one is far enough away
//!      the probe refutes it                ─► the health stays, whatever proxies say
//!      the probe can't tell                ─► told; the proxies' votes decide, now or when the next of them speaks
//!    denied (401, 403), from a proxy       ─► noted as LIMITED; the health stays
//!    a probe that reached no verdict       ─► the health stays, `last_error` says why; asked again later
//!    another value, disabled, elsewhere    ─► nothing
//! ```
//!
//! A proxy's report is evidence, not a verdict: the provider's own answer to the control plane decides, and where it has none (an empty
//! account behind a working list of models, an upstream that lists to anybody) the votes of the proxies that used the credential in the
//! last minute do (`tally`). However many reports come, one probe is in flight, and those that proxies cause are at least five seconds
//! apart; the gap doubles while they turn out to be false. What an admin asks for is not held up by that. What is out is asked about again,
//! later and later, and a pass does not reset the delays: only what stays good is forgiven (`rechecks`).

#[cfg(test)]
pub(crate) mod double;
pub mod evidence;
mod input;
pub mod metrics;
mod noted;
pub mod outcome;
pub mod probe;
mod problem;
mod rechecks;
pub mod schedule;
mod tally;

use std::time::{Duration, Instant};

use crate::health::evidence::Finding;
use crate::health::noted::{denied, served_at_last};
use crate::health::outcome::{ON_PROBATION, unreachable_no_more, verdict};
use crate::health::rechecks::{Rechecks, doubled};
use crate::resource::{CredentialProblem, CredentialStatus, Health, HealthReason};

pub use input::{Action, Input, Moment, Standing, Subject};
pub use outcome::ProbeOutcome;

/// The least time between two probes that proxies cause, and so between two changes that they cause.
const EVIDENCE_GAP: Duration = Duration::from_secs(5);
/// That time's bound while proxies report what probes don't confirm.
const EVIDENCE_GAP_MOST: Duration = Duration::from_secs(80);
/// How long a finding that a probe could not settle is left to the proxies' votes, without another probe.
const OPEN: Duration = Duration::from_secs(120);
/// How long something that failed here is left alone.
const POSTPONED: Duration = Duration::from_secs(15);

/// What is remembered of one credential between inputs. It may be lost: the status is what counts.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Of which value all of this is.
    value_version: u64,
    in_flight: Option<Cause>,
    /// What waits for the gap to end, and when that is.
    deferred: Option<(Cause, Instant)>,
    /// The last probe that proxies caused.
    evidence_probed: Option<Instant>,
    /// How many of those in a row confirmed nothing.
    false_alarms: u32,
    /// What the last of them could not settle, and when it ended.
    open: Option<(Finding, Instant)>,
    rechecks: Rechecks,
}

/// Why a probe is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Evidence(Finding, Option<u16>),
    Admin,
    Schedule,
}

impl Machine {
    /// A machine for a credential as it is found at a start: what was bad is asked about again.
    #[must_use]
    pub fn found(subject: Subject<'_>, moment: Moment) -> Self {
        let mut machine = Self { value_version: subject.value_version, ..Self::default() };
        if wants_recheck(subject) {
            let since = subject.status.last_check_time.and_then(|last| moment.wall.duration_since(last).ok());
            machine.rechecks = Rechecks::found(since.unwrap_or_default(), moment);
        }
        machine
    }

    /// The machine of a credential that wants a re-check and has none planned: it was not in use when its time came. That it went out before
    /// is not forgotten.
    #[must_use]
    pub fn resumed(mut self, subject: Subject<'_>, moment: Moment) -> Self {
        if self.value_version != subject.value_version {
            return Self::found(subject, moment);
        }
        self.rechecks.resume(moment);
        self
    }

    /// When to come with [`Input::RecheckDue`]; `None` for never.
    #[must_use]
    pub fn recheck_at(&self) -> Option<Instant> {
        let deferred = self.deferred.map(|(_, due)| due);
        deferred.into_iter().chain(self.rechecks.at()).min()
    }

    /// Whether a probe is in flight.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether it remembers nothing that matters, so that it can be dropped.
    #[must_use]
    pub fn is_forgettable(&self, now: Instant) -> bool {
        let long_ago = |then: Instant| now.saturating_duration_since(then) >= EVIDENCE_GAP_MOST * 2;
        let quiet = self.evidence_probed.is_none_or(long_ago) && self.open.is_none_or(|(_, then)| long_ago(then));
        self.in_flight.is_none() && self.deferred.is_none() && self.rechecks.is_forgettable(now) && quiet
    }

    /// A status could not be stored, or a probe not be made: comes back later.
    pub fn postpone(&mut self, moment: Moment) {
        let due = moment.now + POSTPONED + rechecks::fraction(POSTPONED, moment.random);
        let cause = self.in_flight.take().or(self.deferred.map(|(cause, _)| cause));
        self.deferred = Some((cause.unwrap_or(Cause::Schedule), due));
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
            Input::CheckRequested { .. } if subject.standing == Standing::Elsewhere => Action::Nothing,
            Input::CheckRequested { .. } => self.probe(Cause::Admin),
            Input::RecheckDue => self.take_due(subject, moment),
            Input::Probed { value_version, outcome, problem } => {
                let cause = self.in_flight.take().unwrap_or(Cause::Schedule);
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
            Finding::Served if subject.status.health == Health::Unverified => {
                self.rechecks.good(moment.now);
                Action::Commit(served_at_last(subject))
            }
            Finding::Denied => denied(subject, status, moment.wall),
            // One that is out already is asked about by the schedule.
            Finding::Rejected | Finding::Exhausted if subject.status.health != Health::Inactive => {
                if self.is_open(finding, moment.now) && subject.agreed == Some(finding) {
                    return self.take_out(subject, finding, status, moment);
                }
                self.probe_for_evidence(finding, status, moment.now)
            }
            Finding::Served | Finding::Rejected | Finding::Exhausted | Finding::RateLimited => Action::Nothing,
        }
    }

    fn take_due(&mut self, subject: Subject<'_>, moment: Moment) -> Action {
        let deferred = self.deferred.take_if(|(_, due)| *due <= moment.now);
        let due = self.rechecks.take_due(moment.now);
        match (subject.standing, deferred.map(|(cause, _)| cause)) {
            (Standing::OutOfUse | Standing::Elsewhere, _) => Action::Nothing,
            (Standing::InUse, Some(Cause::Evidence(finding, status))) => self.weigh(subject, finding, status, moment),
            (Standing::InUse, Some(cause @ (Cause::Admin | Cause::Schedule))) => self.probe(cause),
            (Standing::InUse, None) if due.is_some() && wants_recheck(subject) => self.probe(Cause::Schedule),
            (Standing::InUse, None) => Action::Nothing,
        }
    }

    fn probe_for_evidence(&mut self, finding: Finding, status: Option<u16>, now: Instant) -> Action {
        let gap = doubled(EVIDENCE_GAP, self.false_alarms, EVIDENCE_GAP_MOST);
        let cause = Cause::Evidence(finding, status);
        match self.evidence_probed {
            Some(last) if now < last + gap => {
                // Not lost: asked about when the gap is over.
                self.deferred = Some((cause, last + gap));
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
        let unsettled = match cause {
            Cause::Evidence(finding, status) if outcome.bad().is_none() && !outcome.refutes(finding) => {
                Some((finding, status))
            }
            Cause::Evidence(..) | Cause::Admin | Cause::Schedule => None,
        };
        self.open = unsettled.map(|(finding, _)| (finding, moment.now));
        if let Some((finding, status)) = unsettled.filter(|(finding, _)| subject.agreed == Some(*finding)) {
            return self.take_out(subject, finding, status, moment);
        }
        if matches!(cause, Cause::Evidence(..)) && outcome.bad().is_none() {
            self.false_alarms = self.false_alarms.saturating_add(1);
        }
        let (health, reason) = match unsettled {
            // What could not be settled gives nothing back either.
            Some(_) if !outcome.is_unreached() => unreachable_no_more(subject.status),
            Some(_) | None => judge(subject.status, cause, outcome),
        };
        match (health, reason) {
            (Health::Inactive, _) | (_, Some(HealthReason::Unreachable)) => {
                let is_new = cause != Cause::Admin || subject.status.health != Health::Inactive;
                if is_new { self.rechecks.worse(reason, moment) } else { self.rechecks.no_better(reason, moment) }
            }
            (Health::Unverified | Health::Active, _) => self.rechecks.good(moment.now),
        }
        let told = unsettled.and_then(|(finding, status)| CredentialProblem::unsettled(finding, status, moment.wall));
        Action::Commit(CredentialStatus {
            value_version: subject.value_version,
            health,
            reason,
            last_check_time: Some(moment.wall),
            last_error: problem.or(told),
        })
    }

    /// Whether the last probe could not settle a finding, so that it is for the votes.
    fn is_open(&self, finding: Finding, now: Instant) -> bool {
        self.open.is_some_and(|(open, then)| open == finding && now.saturating_duration_since(then) < OPEN)
    }

    /// Takes it away from the fleet, since no probe can tell and enough proxies say so.
    fn take_out(&mut self, subject: Subject<'_>, finding: Finding, status: Option<u16>, moment: Moment) -> Action {
        let rejected = finding == Finding::Rejected;
        let reason = if rejected { HealthReason::Rejected } else { HealthReason::Exhausted };
        (self.open, self.false_alarms) = (None, 0);
        self.rechecks.worse(Some(reason), moment);
        Action::Commit(CredentialStatus {
            value_version: subject.value_version,
            health: Health::Inactive,
            reason: Some(reason),
            last_check_time: subject.status.last_check_time,
            last_error: Some(CredentialProblem::agreed(reason, status, moment.wall)),
        })
    }
}

/// What is known after a probe that settled what it was made for.
fn judge(before: &CredentialStatus, cause: Cause, outcome: ProbeOutcome) -> (Health, Option<HealthReason>) {
    let was_empty = before.health == Health::Inactive && before.reason == Some(HealthReason::Exhausted);
    match (cause, outcome) {
        // A list of models does not show that an account was filled: the next use does.
        (Cause::Schedule, ProbeOutcome::Passed | ProbeOutcome::Limited) if was_empty => ON_PROBATION,
        (Cause::Evidence(..) | Cause::Admin | Cause::Schedule, _) => verdict(before, outcome),
    }
}

/// Whether a credential is asked about without anybody's asking: what is out, and what the provider could not be asked about.
#[must_use]
pub fn wants_recheck(subject: Subject<'_>) -> bool {
    let status = subject.status;
    subject.standing == Standing::InUse
        && (status.health == Health::Inactive || status.reason == Some(HealthReason::Unreachable))
}

#[cfg(test)]
mod tests;
