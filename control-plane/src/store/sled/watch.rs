//! A watch: a place in the sequence of commits, read from memory, or from the log where memory does not reach.

use std::collections::VecDeque;
use std::sync::Arc;

use shared::revision::Revision;
use tokio::sync::{mpsc, oneshot, watch as signal};

use super::tail::{Next, Tail};
use super::writer::Request;
use crate::store::{Committed, StoreFuture, Watch, WatchError};

/// A watch of the embedded store.
#[derive(Debug)]
pub(super) struct SledWatch {
    after: Revision,
    tail: Arc<Tail>,
    /// Says that the tail moved, and nothing else.
    moved: signal::Receiver<()>,
    /// Weak, so that a forgotten watch does not keep the store open.
    requests: mpsc::WeakSender<Request>,
    /// What was read from the log and not yet given out; it follows `after` without a gap.
    read_ahead: VecDeque<Arc<Committed>>,
}

impl SledWatch {
    pub(super) fn new(
        after: Revision,
        tail: Arc<Tail>,
        moved: signal::Receiver<()>,
        requests: mpsc::WeakSender<Request>,
    ) -> Self {
        Self { after, tail, moved, requests, read_ahead: VecDeque::new() }
    }

    async fn find_next(&mut self) -> Result<Arc<Committed>, WatchError> {
        loop {
            if let Some(commit) = self.read_ahead.pop_front() {
                self.after = commit.revision;
                return Ok(commit);
            }
            // Marked before the tail is read, so that a move between the two is not missed.
            self.moved.mark_unchanged();
            match self.tail.next_after(self.after) {
                Next::Commit(commit) => self.read_ahead.push_back(commit),
                Next::InLog => self.read_ahead = self.read_log().await?.into(),
                Next::NotYet => self.moved.changed().await.map_err(|_| WatchError::Stopped)?,
            }
        }
    }

    async fn read_log(&self) -> Result<Vec<Arc<Committed>>, WatchError> {
        let requests = self.requests.upgrade().ok_or(WatchError::Stopped)?;
        let (answer, answered) = oneshot::channel();
        requests.send(Request::Log(self.after, answer)).await.map_err(|_| WatchError::Stopped)?;
        answered.await.map_err(|_| WatchError::Stopped)?
    }
}

impl Watch for SledWatch {
    fn next(&mut self) -> StoreFuture<'_, Result<Arc<Committed>, WatchError>> {
        Box::pin(self.find_next())
    }
}
