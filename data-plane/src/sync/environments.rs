//! Every environment that this proxy is granted, and what each frame of the stream does to it. Pure.
//!
//! One environment goes
//!
//! ```text
//! Cold ──snapshot──► Live ──gap, digest mismatch, corrupt frame, drift──► Repair (the last good state serves)
//!                     ▲                                                    │
//!                     └────────────────────────snapshot────────────────────┘
//! ```
//!
//! While a snapshot is on its way or asked for, deltas are passed over: what they say is in the snapshot or comes after it.

use std::collections::BTreeMap;

use proto::sync::v1::{self, Delta, Heartbeat, SnapshotBegin, SnapshotChunk, SnapshotEnd};
use shared::address::AddressPolicy;
use shared::digest::Digest;
use shared::name::{EnvironmentName, ResourceName};

use super::apply::{self, Assembly, Outcome, Refusal};
use super::state::State;
use crate::snapshot::resource::Change;

/// How many refused snapshots in a row end the stream: asking the same control plane again would only repeat it.
const SNAPSHOTS_REFUSED_AT_MOST: u32 = 2;

/// The environments that are granted, with what is held of each.
#[derive(Debug)]
pub struct Environments {
    policy: AddressPolicy,
    granted: BTreeMap<EnvironmentName, Environment>,
    /// Where the last heartbeat disagreed although every byte was as it was received.
    disagreed: Option<(u64, Digest)>,
}

#[derive(Debug, Default)]
struct Environment {
    state: Option<State>,
    assembly: Option<Assembly>,
    /// What serves is in doubt, so that a hello must not name it, and a snapshot was asked for.
    repair: bool,
    snapshots_refused: u32,
}

/// What a frame asks for.
#[derive(Debug)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// A state was applied: the request path takes the changes over, then the control plane is told.
    Applied {
        /// The environment.
        environment: EnvironmentName,
        /// What changed.
        changes: Vec<Change>,
        /// What brought it.
        by: Carrier,
    },
    /// The frame was refused: the control plane is told, and sends a snapshot.
    Refused {
        /// The environment.
        environment: EnvironmentName,
        /// The revision that the frame led to.
        revision: u64,
        /// Why.
        refusal: Refusal,
    },
    /// Snapshots were refused again and again: another control plane may do better.
    GiveUp {
        /// The environment.
        environment: EnvironmentName,
        /// Why the last one was.
        refusal: Refusal,
    },
}

/// What brought a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A delta.
    Delta,
    /// A snapshot.
    Snapshot,
}

/// What a heartbeat showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Equally far, and the digests are the same.
    Same,
    /// Equally far, and they differ.
    Differs,
    /// One side is ahead, or something is not there yet: nothing can be said.
    NotEquallyFar,
}

impl Environments {
    /// Nothing is granted yet. `policy` says which base URLs this proxy may call.
    #[must_use]
    pub fn new(policy: AddressPolicy) -> Self {
        Self { policy, granted: BTreeMap::new(), disagreed: None }
    }

    /// Takes everything out and leaves nothing granted.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let policy = self.policy;
        std::mem::replace(self, Self::new(policy))
    }

    /// Takes the whole list of what is granted, and gives what was withdrawn. What is gone is dropped with its secrets.
    pub fn grant_exactly(&mut self, granted: &[EnvironmentName]) -> Vec<EnvironmentName> {
        let withdrawn: Vec<_> = self.granted.keys().filter(|held| !granted.contains(held)).cloned().collect();
        for environment in &withdrawn {
            self.granted.remove(environment);
        }
        for environment in granted {
            self.grant(environment);
        }
        withdrawn
    }

    /// One more is granted.
    pub fn grant(&mut self, environment: &EnvironmentName) {
        self.granted.entry(environment.clone()).or_default();
    }

    /// One is withdrawn. Whether it was granted.
    pub fn withdraw(&mut self, environment: &EnvironmentName) -> bool {
        self.granted.remove(environment).is_some()
    }

    /// What a hello says: every state that is not in doubt. Snapshots that were on their way begin anew with the stream.
    pub fn hello(&mut self) -> Vec<v1::Held> {
        let mut held = Vec::with_capacity(self.granted.len());
        for environment in self.granted.values_mut() {
            environment.assembly = None;
            environment.snapshots_refused = 0;
            held.extend(environment.state.iter().filter(|_| !environment.repair).map(State::to_hello));
        }
        held
    }

    /// What is held of one environment.
    #[must_use]
    pub fn state(&self, environment: &EnvironmentName) -> Option<&State> {
        self.granted.get(environment)?.state.as_ref()
    }

    /// Every state, for a check of what is held.
    pub fn states(&self) -> impl Iterator<Item = (&EnvironmentName, &State)> {
        self.granted.iter().filter_map(|(name, environment)| Some((name, environment.state.as_ref()?)))
    }

    /// Whether nothing is held at all.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        self.states().next().is_none()
    }

    /// Takes a delta.
    pub fn delta(&mut self, delta: &Delta) -> Step {
        let Some((name, environment)) = self.find(&delta.environment) else { return Step::Nothing };
        if environment.repair || environment.assembly.is_some() {
            return Step::Nothing;
        }
        match apply::delta(environment.state.as_ref(), delta) {
            Ok(outcome) => environment.take(name, outcome, Carrier::Delta),
            Err(refusal) => {
                let revision = delta.position.as_ref().map_or(0, |position| position.revision);
                environment.repair = true;
                Step::Refused { environment: name, revision, refusal }
            }
        }
    }

    /// Begins a snapshot. One that was on its way is forgotten.
    pub fn snapshot_begin(&mut self, begin: &SnapshotBegin) -> Step {
        let policy = self.policy;
        if let Some((name, environment)) = self.find(&begin.environment) {
            environment.assembly = Some(Assembly::new(policy, name, begin));
        }
        Step::Nothing
    }

    /// Takes a part of a snapshot. One of a snapshot that was refused before is passed over.
    pub fn snapshot_chunk(&mut self, chunk: &SnapshotChunk) -> Step {
        let Some((name, environment)) = self.find(&chunk.environment) else { return Step::Nothing };
        let Some(mut assembly) = environment.assembly.take() else { return Step::Nothing };
        match assembly.chunk(environment.state.as_ref(), chunk) {
            Ok(()) => {
                environment.assembly = Some(assembly);
                Step::Nothing
            }
            Err(refusal) => environment.refuse_snapshot(name, assembly.revision().0, refusal),
        }
    }

    /// Ends a snapshot.
    pub fn snapshot_end(&mut self, end: &SnapshotEnd) -> Step {
        let Some((name, environment)) = self.find(&end.environment) else { return Step::Nothing };
        let Some(assembly) = environment.assembly.take() else { return Step::Nothing };
        let revision = assembly.revision().0;
        match assembly.end(environment.state.as_ref(), end) {
            Ok(outcome) => environment.take(name, outcome, Carrier::Snapshot),
            Err(refusal) => environment.refuse_snapshot(name, revision, refusal),
        }
    }

    /// Compares what is held with what a heartbeat says should be. Nothing is hashed for it.
    #[must_use]
    pub fn compare(&self, heartbeat: &Heartbeat) -> Agreement {
        let settled = |environment: &Environment| !environment.repair && environment.assembly.is_none();
        if !self.granted.values().all(|environment| environment.state.is_some() && settled(environment)) {
            return Agreement::NotEquallyFar;
        }
        let (revision, sum) = self.sum();
        match <[u8; 32]>::try_from(heartbeat.digest_sum.as_ref()) {
            Ok(theirs) if revision == heartbeat.revision && sum.to_bytes() == theirs => Agreement::Same,
            Ok(_) if revision == heartbeat.revision => Agreement::Differs,
            Ok(_) | Err(_) => Agreement::NotEquallyFar,
        }
    }

    /// Whether the last disagreement was at this very place too. Equal highest revisions do not say that every environment is equally
    /// far, since one's delta may still be on its way; but a delta is not on its way for a whole heartbeat.
    pub fn disagrees_again(&mut self) -> bool {
        let here = self.sum();
        self.disagreed.replace(here) == Some(here)
    }

    /// Forgets an earlier disagreement.
    pub fn agrees(&mut self) {
        self.disagreed = None;
    }

    /// What one environment holds is in doubt: a snapshot is asked for, and what serves goes on serving until it is there.
    pub fn repair(&mut self, environment: &EnvironmentName) -> Step {
        let Some((name, found)) = self.find(environment.as_str()) else { return Step::Nothing };
        let Some(state) = found.state.as_ref().filter(|_| !found.repair && found.assembly.is_none()) else {
            return Step::Nothing;
        };
        let revision = state.position().revision.0;
        found.repair = true;
        Step::Refused { environment: name, revision, refusal: Refusal::DigestMismatch }
    }

    fn sum(&self) -> (u64, Digest) {
        self.states().fold((0, Digest::default()), |(revision, sum), (_, state)| {
            let position = state.position();
            (revision.max(position.revision.0), sum.plus(position.digest))
        })
    }

    fn find(&mut self, name: &str) -> Option<(EnvironmentName, &mut Environment)> {
        // Of an environment that is not granted nothing is taken, whoever sends it.
        let name: EnvironmentName = name.parse().ok()?;
        let environment = self.granted.get_mut(&name)?;
        Some((name, environment))
    }
}

impl Environment {
    fn take(&mut self, environment: EnvironmentName, outcome: Outcome, by: Carrier) -> Step {
        match outcome {
            Outcome::Next { state, changes } => {
                self.state = Some(state);
                self.repair = false;
                self.snapshots_refused = 0;
                Step::Applied { environment, changes, by }
            }
            Outcome::Old => Step::Nothing,
        }
    }

    fn refuse_snapshot(&mut self, environment: EnvironmentName, revision: u64, refusal: Refusal) -> Step {
        self.repair = true;
        self.snapshots_refused += 1;
        if self.snapshots_refused >= SNAPSHOTS_REFUSED_AT_MOST {
            Step::GiveUp { environment, refusal }
        } else {
            Step::Refused { environment, revision, refusal }
        }
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
