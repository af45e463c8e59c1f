//! A whole state, in chunks: encoded once per revision, shared by the streams that send it, gone with the last of them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use prost::Message as _;
use shared::name::{CredentialName, EnvironmentName};
use shared::revision::Revision;
use tokio::sync::OnceCell;

use super::{Feed, Next, State};
use crate::store::seal::OpenValue;
use crate::sync::frame::{self, Encoder, Frame};
use crate::sync::projection;
use crate::view::View;

/// The most bytes that a chunk has.
pub const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// What a chunk's own fields may take of that.
const CHUNK_OVERHEAD_BYTES: usize = 1024;

/// A whole state.
#[derive(Debug)]
pub struct Snapshot {
    /// The state that it is of.
    pub state: State,
    /// Its frames, from begin to end.
    pub frames: Vec<Frame>,
    /// Credentials that it lacks, as their values do not open.
    pub unopened: Vec<CredentialName>,
}

impl Snapshot {
    /// Encodes the environment's state.
    #[must_use]
    pub fn encode<O: OpenValue>(
        view: &View,
        environment: &EnvironmentName,
        state: State,
        opener: &O,
        encoder: &Encoder,
    ) -> Self {
        let whole = projection::whole(view, environment, opener);
        let mut frames = vec![encoder.snapshot_begin(environment, state.position.revision)];
        let mut changes = Vec::new();
        let mut bytes = CHUNK_OVERHEAD_BYTES;
        for (key, form) in whole.resources {
            let change = frame::put(key.kind(), key.name(), form);
            let more = change.encoded_len() + 8;
            if bytes + more > MAX_CHUNK_BYTES && !changes.is_empty() {
                frames.push(encoder.snapshot_chunk(environment, std::mem::take(&mut changes)));
                bytes = CHUNK_OVERHEAD_BYTES;
            }
            bytes += more;
            changes.push(change);
        }
        if !changes.is_empty() {
            frames.push(encoder.snapshot_chunk(environment, changes));
        }
        frames.push(encoder.snapshot_end(environment, &state));
        Self { state, frames, unopened: whole.unopened.into_iter().collect() }
    }
}

/// A snapshot that one stream encodes and others wait for.
pub(in crate::sync) type Pending = OnceCell<Arc<Snapshot>>;

/// Where a feed keeps the snapshot that is in use.
#[derive(Debug, Default)]
pub(in crate::sync) struct Slot(Mutex<Option<InUse>>);

#[derive(Debug)]
struct InUse {
    revision: Revision,
    pending: Weak<Pending>,
}

impl Slot {
    /// The snapshot in use, if its feed's log leads on from it; else a place for one of the head.
    pub(in crate::sync) fn current(&self, feed: &Feed, head: Revision) -> Arc<Pending> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(in_use) = &*slot
            && let Some(pending) = in_use.pending.upgrade()
            && !matches!(feed.next(in_use.revision), Next::Behind)
        {
            return pending;
        }
        let pending = Arc::new(Pending::new());
        *slot = Some(InUse { revision: head, pending: Arc::downgrade(&pending) });
        pending
    }

    /// The revision of the snapshot in use, after which the log keeps everything while it can.
    pub(in crate::sync) fn revision_in_use(&self) -> Option<Revision> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().filter(|in_use| in_use.pending.strong_count() > 0).map(|in_use| in_use.revision)
    }
}
