//! What requests learn of credentials, on its way to the control plane.
//!
//! The request path offers an [`Observation`] and goes on at once: where there is no room it is dropped and counted. The sync client
//! takes them from the other end, coalesces and reports them. What requests use goes the same way ([`uses`]).

pub mod uses;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use shared::failure::Failure;
use shared::name::{CredentialName, EnvironmentName};
use tokio::sync::mpsc;

use self::uses::{Subject, UseReceiver, UseSender, Used};
use crate::balance::moment::Moment;

/// How many observations may wait. One takes some hundred bytes, and a reader takes them all at once.
const ROOM: usize = 1024;

/// What one request met with one credential.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The environment that the request was served in.
    pub environment: EnvironmentName,
    /// The credential.
    pub credential: CredentialName,
    /// Which of its values was used.
    pub value_version: u64,
    /// The upstream's own name for the model.
    pub upstream_model: Arc<str>,
    /// What was met.
    pub finding: Finding,
    /// The upstream's HTTP status.
    pub status: u16,
    /// The provider's error code, if it is one that we know.
    pub provider_code: Option<&'static str>,
    /// When.
    pub at: SystemTime,
}

/// What the fleet is told of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// It served, after it was unverified or had failed.
    Served,
    /// The provider refuses it.
    Rejected,
    /// It is good, but may not do this.
    Denied,
    /// Its account has no credit or quota left.
    Exhausted,
}

impl Finding {
    /// What a failure tells the fleet; `None` for one that stays local.
    #[must_use]
    pub fn of(failure: Failure) -> Option<Self> {
        match failure {
            Failure::Rejected => Some(Self::Rejected),
            Failure::Denied => Some(Self::Denied),
            Failure::Exhausted => Some(Self::Exhausted),
            Failure::RateLimited
            | Failure::Overloaded
            | Failure::ServerError
            | Failure::Unreachable
            | Failure::TimedOut
            | Failure::CallersFault => None,
        }
    }
}

/// The request path's end. Clones share the room and the count.
#[derive(Debug, Clone)]
pub struct EvidenceHandle {
    tx: mpsc::Sender<Observation>,
    dropped: Arc<AtomicU64>,
    uses: UseSender,
}

/// The sync client's end.
#[derive(Debug)]
pub struct EvidenceReceiver {
    rx: mpsc::Receiver<Observation>,
    dropped: Arc<AtomicU64>,
    uses: UseReceiver,
}

/// The two ends.
#[must_use]
pub fn channel() -> (EvidenceHandle, EvidenceReceiver) {
    let (tx, rx) = mpsc::channel(ROOM);
    let dropped = Arc::new(AtomicU64::new(0));
    let (use_tx, use_rx) = uses::channel();
    let handle = EvidenceHandle { tx, dropped: Arc::clone(&dropped), uses: use_tx };
    (handle, EvidenceReceiver { rx, dropped, uses: use_rx })
}

impl EvidenceHandle {
    /// Hands an observation over without waiting; without room, or when nobody listens any more, it is dropped and counted.
    pub fn offer(&self, observation: Observation) {
        if self.tx.try_send(observation).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that something is used.
    pub(crate) fn used(&self, used: &Arc<Used>, now: Moment) {
        self.uses.note(used, now);
    }

    /// How many were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl EvidenceReceiver {
    /// The next observation; `None` when every handle is gone and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Observation> {
        self.rx.recv().await
    }

    /// An observation that waits already.
    pub fn try_next(&mut self) -> Option<Observation> {
        self.rx.try_recv().ok()
    }

    /// Something that was used since this was asked last, and when it was.
    pub fn try_next_use(&mut self) -> Option<(Subject, SystemTime)> {
        self.uses.try_next()
    }

    /// How many were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
