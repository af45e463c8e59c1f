//! A stream's place in one environment's feed, and what it sends next from there.
//!
//! ```text
//! Bridging ─► Following ──behind, refused──► Wanting ─► Loading ─► Sending ─► Following
//! Frozen: nothing, until an operator accepts the rollback
//! ```

use std::sync::Arc;

use shared::name::EnvironmentName;
use shared::revision::Revision;

use super::window::Window;
use crate::sync::decide::{self, Cause, Claim, Decision, Here, Mark};
use crate::sync::feed::{Feed, Next, Pending, Snapshot};
use crate::sync::frame::{Encoder, Frame};

/// A stream's place in one environment's feed.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) feed: Arc<Feed>,
    /// The last state that was sent whole.
    pub(super) at: Mark,
    pub(super) stage: Stage,
}

/// What a cursor does.
#[derive(Debug)]
pub(super) enum Stage {
    /// Sends an empty delta to a later revision with the same digest, then follows from there.
    Bridging { to: Revision },
    /// Sends what the log has after its place.
    Following,
    /// Waits for its turn to have a snapshot encoded.
    Wanting,
    /// Waits for the snapshot.
    Loading,
    /// Sends the snapshot; it keeps its place in the feed in use, so that the log stays long enough.
    Sending { snapshot: Arc<Snapshot>, next: usize, _in_use: Arc<Pending> },
    /// Sends nothing.
    Frozen,
}

/// A frame to send.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) frame: Frame,
    /// It ended a snapshot.
    pub(super) ended_snapshot: bool,
}

impl Cursor {
    /// The place that a hello's claim leads to, with what was decided.
    pub(super) fn begin(feed: Arc<Feed>, claim: &Claim, here: &Here) -> (Self, Decision) {
        let (decision, head) = feed.with_history(|log| {
            let decision = decide::decide(claim, here, Some(log));
            (decision, decide::History::head(log))
        });
        let held = claim.position.map(|position| Mark { revision: position.revision, digest: position.digest });
        let bridge = |held: Mark, to: Revision| match held.revision < to {
            true => (held, Stage::Bridging { to }),
            false => (Mark { revision: to, ..held }, Stage::Following),
        };
        let nowhere = Mark { revision: Revision(0), digest: shared::digest::Digest::default() };
        let (at, stage) = match (decision, held) {
            (Decision::UpToDate, Some(held)) => bridge(held, head.revision),
            (Decision::Deltas { after }, Some(held)) => bridge(held, after),
            (Decision::Frozen, _) => (nowhere, Stage::Frozen),
            (Decision::Snapshot(_) | Decision::Unavailable, _)
            | (Decision::UpToDate | Decision::Deltas { .. }, None) => (nowhere, Stage::Wanting),
        };
        (Self { feed, at, stage }, decision)
    }

    /// A place of which the proxy has nothing yet.
    pub(super) fn granted(feed: Arc<Feed>, here: &Here) -> Self {
        let nothing = Claim { position: None, proof: decide::ProofCheck::Wrong };
        Self::begin(feed, &nothing, here).0
    }

    /// Whether everything that was sent of the environment is whole: what a heartbeat may speak of.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Following)
    }

    /// Asks for a snapshot, unless one is on its way.
    pub(super) fn want_snapshot(&mut self) {
        match self.stage {
            Stage::Bridging { .. } | Stage::Following => self.stage = Stage::Wanting,
            Stage::Wanting | Stage::Loading | Stage::Sending { .. } | Stage::Frozen => {}
        }
    }

    /// Takes the snapshot that it waited for; `None` where it could not be had.
    pub(super) fn loaded(&mut self, snapshot: Option<Arc<Snapshot>>, in_use: Arc<Pending>) {
        if matches!(self.stage, Stage::Loading) {
            self.stage = match snapshot {
                Some(snapshot) => Stage::Sending { snapshot, next: 0, _in_use: in_use },
                None => Stage::Wanting,
            };
        }
    }

    /// The next delta, if the window has room.
    pub(super) fn next_delta(&mut self, window: &mut Window, encoder: &Encoder) -> Option<Outgoing> {
        let (frame, at) = match self.stage {
            Stage::Bridging { to } => match self.feed.bridge(self.at.revision, to, encoder) {
                Some(frame) => (frame, Mark { revision: to, ..self.at }),
                None => {
                    self.want_snapshot();
                    return None;
                }
            },
            Stage::Following => match self.feed.next(self.at.revision) {
                Next::AtHead => return None,
                Next::Delta(entry) => {
                    let position = entry.state.position;
                    (entry.frame.clone(), Mark { revision: position.revision, digest: position.digest })
                }
                Next::Behind => {
                    self.want_snapshot();
                    return None;
                }
            },
            Stage::Wanting | Stage::Loading | Stage::Sending { .. } | Stage::Frozen => return None,
        };
        if !window.has_room(frame.len()) {
            return None;
        }
        window.sent(self.environment().clone(), at.revision, frame.len());
        self.at = at;
        self.stage = Stage::Following;
        Some(Outgoing { frame, ended_snapshot: false })
    }

    /// The next frame of the snapshot that is being sent.
    pub(super) fn next_of_snapshot(&mut self, window: &mut Window) -> Option<Outgoing> {
        let Stage::Sending { snapshot, next, .. } = &mut self.stage else { return None };
        let frame = snapshot.frames.get(*next)?.clone();
        *next += 1;
        let ended_snapshot = *next == snapshot.frames.len();
        if ended_snapshot {
            let position = snapshot.state.position;
            self.at = Mark { revision: position.revision, digest: position.digest };
            self.stage = Stage::Following;
            window.sent(self.environment().clone(), self.at.revision, 0);
        }
        Some(Outgoing { frame, ended_snapshot })
    }

    pub(super) fn environment(&self) -> &EnvironmentName {
        &self.feed.environment
    }
}

/// Whether a decision has to be heard by somebody.
pub(super) fn is_alarming(decision: Decision) -> bool {
    matches!(decision, Decision::Frozen | Decision::Snapshot(Cause::BadProof | Cause::Drift))
}
