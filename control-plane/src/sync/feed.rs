//! One environment's feed: where its state stands, and the encoded deltas that led there.
//!
//! The puts are not kept: a snapshot is made from the view, where secrets are sealed. A stream is a cursor into the log, woken by a signal
//! that carries no data.

mod log;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use shared::digest::Digest;
use shared::name::EnvironmentName;
use shared::revision::Revision;
use tokio::sync::Notify;

pub use log::{Entry, Limits, Log, Next};
pub(super) use snapshot::Pending;
pub use snapshot::{MAX_CHUNK_BYTES, Snapshot};

use super::decide::{History, Mark};
use super::frame::{Delta, Encoder, Frame};
use super::position::{Position, Proof, ProofKey};

/// How many bridges are kept encoded: after a restart all proxies ask for the same few.
const BRIDGES: usize = 16;

/// Where an environment is.
#[derive(Debug, Clone)]
pub struct State {
    /// Its position.
    pub position: Position,
    /// What proves it in a later hello.
    pub proof: Proof,
    /// When the last of its commits was made, by the wall clock.
    pub commit_time: SystemTime,
    /// How many resources it has.
    pub resources: u64,
}

impl State {
    /// A state with its proof.
    #[must_use]
    pub fn new(
        environment: &EnvironmentName,
        position: Position,
        resources: u64,
        commit_time: SystemTime,
        key: &ProofKey,
    ) -> Self {
        Self { position, proof: key.prove(environment, &position), commit_time, resources }
    }

    fn mark(&self) -> Mark {
        Mark { revision: self.position.revision, digest: self.position.digest }
    }
}

/// One environment's feed. The publisher writes it, streams read it.
#[derive(Debug)]
pub struct Feed {
    /// The environment.
    pub environment: EnvironmentName,
    log: Mutex<Log>,
    subscribers: Mutex<BTreeMap<u64, Arc<Notify>>>,
    bridges: Mutex<BTreeMap<(Revision, Revision), Frame>>,
    snapshot: snapshot::Slot,
}

impl Feed {
    /// A feed whose past begins at a state.
    #[must_use]
    pub fn new(environment: EnvironmentName, state: State) -> Self {
        Self {
            environment,
            log: Mutex::new(Log::new(state)),
            subscribers: Mutex::default(),
            bridges: Mutex::default(),
            snapshot: snapshot::Slot::default(),
        }
    }

    /// Where the environment is.
    #[must_use]
    pub fn state(&self) -> State {
        self.log().head().clone()
    }

    /// What a stream at a revision gets next.
    #[must_use]
    pub fn next(&self, after: Revision) -> Next {
        self.log().next(after)
    }

    /// Decides with the log held, so that its answer and what follows agree.
    pub fn with_history<T>(&self, decide: impl FnOnce(&Log) -> T) -> T {
        decide(&self.log())
    }

    /// Appends a delta.
    pub fn append(&self, entry: Entry, limits: Limits) {
        let pinned = self.snapshot.revision_in_use();
        self.log().append(entry, limits, pinned);
        self.lock_bridges().clear();
    }

    /// Begins the log anew: streams elsewhere get a snapshot.
    pub fn restart(&self, state: State) {
        self.log().restart(state);
        self.lock_bridges().clear();
    }

    /// Forgets the oldest delta and answers how many bytes that gave back.
    pub fn shrink(&self) -> usize {
        self.log().shrink()
    }

    /// How many bytes the log has.
    #[must_use]
    pub fn log_bytes(&self) -> usize {
        self.log().bytes()
    }

    /// An empty delta from a revision with the same digest to one of the log; encoded once for all who are there.
    ///
    /// `None` where the log does not have the revision any more.
    #[must_use]
    pub fn bridge(&self, from: Revision, to: Revision, encoder: &Encoder) -> Option<Frame> {
        let mut bridges = self.lock_bridges();
        if let Some(frame) = bridges.get(&(from, to)) {
            return Some(frame.clone());
        }
        let state = self.log().state_at(to)?.clone();
        let delta = Delta { environment: &self.environment, previous: from, state: &state, steps: &[], folded: true };
        let frame = encoder.delta(delta);
        if bridges.len() == BRIDGES {
            bridges.pop_first();
        }
        bridges.insert((from, to), frame.clone());
        Some(frame)
    }

    /// The snapshot that is in use, if the log leads on from it; else a place for a new one.
    pub(super) fn snapshot(&self) -> &snapshot::Slot {
        &self.snapshot
    }

    /// Has a stream woken whenever the environment moves.
    pub fn subscribe(&self, session: u64, wake: Arc<Notify>) {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).insert(session, wake);
    }

    /// Ends that.
    pub fn unsubscribe(&self, session: u64) {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }

    /// Wakes every stream, and answers how many there are.
    pub fn wake(&self) -> usize {
        let subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.values().for_each(|wake| wake.notify_one());
        subscribers.len()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_bridges(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Revision, Revision), Frame>> {
        self.bridges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for Log {
    fn head(&self) -> Mark {
        self.head().mark()
    }

    fn floor(&self) -> Mark {
        self.floor_state().mark()
    }

    fn digest_at(&self, revision: Revision) -> Option<Digest> {
        self.state_at(revision).map(|state| state.position.digest)
    }
}
