//! What the machine is given, and what it says is to be done.

use std::time::{Instant, SystemTime};

use super::ProbeOutcome;
use super::evidence::Finding;
use crate::resource::{CredentialProblem, CredentialStatus};

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
    CheckRequested {
        /// One of the upstream's models, for a check that costs something; `None` asks for nothing that does.
        paid_check_model: Option<String>,
    },
    /// The time of `Machine::recheck_at` has come.
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
    /// Nothing now; perhaps at `Machine::recheck_at`.
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

/// What is known of a credential when an input comes.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its last status.
    pub status: &'a CredentialStatus,
    /// Its current value's version.
    pub value_version: u64,
    /// Whether it can be asked about.
    pub standing: Standing,
    /// What enough of the proxies that use it say of its current value; it counts where no probe can tell.
    pub agreed: Option<Finding>,
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
