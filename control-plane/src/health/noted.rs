//! What a proxy's report changes by itself, without a probe: what was served at last, and what lacks a right.

use std::time::SystemTime;

use super::{Action, Subject};
use crate::resource::{CredentialProblem, CredentialStatus, Health, HealthReason};

/// A request was served: what was wrong before is wrong no more, but for a right that is missing for other requests.
pub(super) fn served_at_last(subject: Subject<'_>) -> CredentialStatus {
    let limited = subject.status.reason.filter(|reason| *reason == HealthReason::Limited);
    CredentialStatus {
        value_version: subject.value_version,
        health: Health::Active,
        reason: limited,
        last_check_time: subject.status.last_check_time,
        last_error: subject.status.last_error.clone().filter(|_| limited.is_some()),
    }
}

/// A key that lacks a right still serves the rest. A model's 404 is not noted, since callers could cause it at will.
pub(super) fn denied(subject: Subject<'_>, status: Option<u16>, wall: SystemTime) -> Action {
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
