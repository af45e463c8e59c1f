//! `(State, frame) -> State or refusal`. Pure: no clock, no I/O, and nothing of the old state changes.
//!
//! A delta is built beside the old state and counts only if the digest over the bytes received is the one that the delta promises. A
//! snapshot is gathered beside the old state, chunk by chunk, and replaces it whole.

use std::collections::HashSet;

use proto::sync::v1::{self, Delta, RefusalReason, SnapshotBegin, SnapshotChunk, SnapshotEnd, change};
use shared::address::AddressPolicy;
use shared::name::EnvironmentName;
use shared::revision::Revision;

use super::state::{Contents, Key, Position, State};
use crate::snapshot::resource::Change;

/// What a frame led to.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would cost each delta an allocation"
)]
pub enum Outcome {
    /// There is a next state.
    Next {
        /// The state.
        state: State,
        /// What the request path has to change for it, at most one change for a resource.
        changes: Vec<Change>,
    },
    /// The frame leads to what is held already, or to something older: nothing changes.
    Old,
}

/// Why a frame was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The delta follows another revision than the one held, or is of another epoch or projection.
    #[error("it follows revision {previous}, and revision {held:?} is held")]
    Gap {
        /// The revision that it follows.
        previous: u64,
        /// The one held; `None` where nothing is.
        held: Option<u64>,
    },
    /// The bytes do not add up to the digest.
    #[error("its digest does not agree with the bytes received")]
    DigestMismatch,
    /// The frame is not one that a control plane sends.
    #[error("the frame is corrupt: {0}")]
    Corrupt(&'static str),
}

impl Refusal {
    /// As the wire has it.
    #[must_use]
    pub fn reason(&self) -> RefusalReason {
        match self {
            Self::Gap { .. } => RefusalReason::Gap,
            Self::DigestMismatch => RefusalReason::DigestMismatch,
            Self::Corrupt(_) => RefusalReason::CorruptFrame,
        }
    }
}

/// Applies a delta to the state held, if any.
///
/// # Errors
///
/// [`Refusal`]: the state held stays as it is, and a snapshot is needed.
pub fn delta(held: Option<&State>, delta: &Delta) -> Result<Outcome, Refusal> {
    let position = read_position(delta.position.as_ref())?;
    let previous = delta.previous_revision;
    let Some(state) = held else { return Err(Refusal::Gap { previous, held: None }) };
    let at = state.position;
    let gap = Refusal::Gap { previous, held: Some(at.revision.0) };
    if position.epoch != at.epoch {
        return Err(gap);
    }
    if position.revision <= at.revision {
        return Ok(Outcome::Old);
    }
    if previous != at.revision.0 || position.projection != at.projection {
        return Err(gap);
    }
    let mut contents = state.contents.clone();
    let changes = change_all(&mut contents, &delta.changes)?;
    if contents.digest() != position.digest {
        return Err(Refusal::DigestMismatch);
    }
    Ok(Outcome::Next { state: State { position, proof: delta.proof.clone(), contents }, changes })
}

fn change_all(contents: &mut Contents, changes: &[v1::Change]) -> Result<Vec<Change>, Refusal> {
    let mut seen = HashSet::with_capacity(changes.len());
    let mut out = Vec::with_capacity(changes.len());
    for change in changes {
        if !seen.insert((change.kind, change.name.as_str())) {
            return Err(Refusal::Corrupt("two changes of one resource"));
        }
        let key = Key::of(change);
        match &change.change {
            Some(change::Change::Put(put)) => out.extend(contents.put(&key, change.version, put)),
            Some(change::Change::Delete(true)) if contents.contains(&key) => out.extend(contents.delete(&key)),
            // A fold may delete what was never seen here; the digest says whether it should have been.
            Some(change::Change::Delete(true)) => {}
            Some(change::Change::Delete(false)) | None => return Err(Refusal::Corrupt("a change without content")),
        }
    }
    Ok(out)
}

/// A snapshot on its way, gathered beside the state that serves.
#[derive(Debug)]
pub struct Assembly {
    revision: Revision,
    contents: Contents,
    changes: Vec<Change>,
}

impl Assembly {
    /// Begins one. `policy` says which base URLs this proxy may call.
    #[must_use]
    pub fn new(policy: AddressPolicy, environment: EnvironmentName, begin: &SnapshotBegin) -> Self {
        Self { revision: Revision(begin.revision), contents: Contents::new(policy, environment), changes: Vec::new() }
    }

    /// The revision that it leads to.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Takes a chunk. What the state held has already in the same form is no change to the request path.
    ///
    /// # Errors
    ///
    /// [`Refusal::Corrupt`]: the snapshot is of no use any more.
    pub fn chunk(&mut self, held: Option<&State>, chunk: &SnapshotChunk) -> Result<(), Refusal> {
        for change in &chunk.changes {
            let Some(change::Change::Put(put)) = &change.change else {
                return Err(Refusal::Corrupt("a snapshot with something else than a put"));
            };
            let key = Key::of(change);
            if self.contents.contains(&key) {
                return Err(Refusal::Corrupt("a snapshot with one resource twice"));
            }
            let known = held.is_some_and(|held| held.contents.holds(&key, change.version, put));
            let changed = self.contents.put(&key, change.version, put);
            if !known {
                self.changes.extend(changed);
            }
        }
        Ok(())
    }

    /// Makes the state that replaces the one held.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the state held stays as it is.
    pub fn end(self, held: Option<&State>, end: &SnapshotEnd) -> Result<Outcome, Refusal> {
        let position = read_position(end.position.as_ref())?;
        if position.revision != self.revision {
            return Err(Refusal::Corrupt("a snapshot that ends at another revision than it began with"));
        }
        if position.digest != self.contents.digest() {
            return Err(Refusal::DigestMismatch);
        }
        // Inside an epoch a proxy never goes back in time, whatever a replica that lags may send.
        if held.is_some_and(|held| held.position.epoch == position.epoch && position.revision < held.position.revision)
        {
            return Ok(Outcome::Old);
        }
        let Self { contents, changes: puts, .. } = self;
        let gone = held.iter().flat_map(|held| held.contents.keys()).filter(|key| !contents.contains(key));
        let mut changes: Vec<_> = gone.filter_map(|key| Change::remove(key.kind, &key.name).ok()).collect();
        changes.extend(puts);
        Ok(Outcome::Next { state: State { position, proof: end.proof.clone(), contents }, changes })
    }
}

fn read_position(position: Option<&v1::Position>) -> Result<Position, Refusal> {
    position.and_then(Position::from_wire).ok_or(Refusal::Corrupt("a position that can't be read"))
}

#[cfg(test)]
mod tests;
