//! The last commits, in memory: what nearly every watch reads, and the one place that says how far the store is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::revision::Revision;

use crate::store::Committed;

const MAX_COMMITS: usize = 8192;
const MAX_BYTES: usize = 32 << 20;

/// The last commits that are durable.
#[derive(Debug)]
pub(super) struct Tail {
    commits: Mutex<Commits>,
}

#[derive(Debug)]
struct Commits {
    head: Revision,
    /// The commits up to the head, without a gap.
    last: VecDeque<Arc<Committed>>,
    bytes: usize,
}

/// Where the commit after a revision is.
#[derive(Debug)]
pub(super) enum Next {
    /// Here.
    Commit(Arc<Committed>),
    /// In the log on the disk, if anywhere.
    InLog,
    /// Not made yet.
    NotYet,
}

impl Tail {
    /// A store's tail when it opens: the log has it all.
    pub(super) fn new(head: Revision) -> Self {
        Self { commits: Mutex::new(Commits { head, last: VecDeque::new(), bytes: 0 }) }
    }

    /// The last commit.
    pub(super) fn head(&self) -> Revision {
        self.lock().head
    }

    /// The commit after a revision.
    pub(super) fn next_after(&self, after: Revision) -> Next {
        let commits = self.lock();
        if after >= commits.head {
            return Next::NotYet;
        }
        commits.get(after.next()).map_or(Next::InLog, |commit| Next::Commit(Arc::clone(commit)))
    }

    /// Whether a commit after the revision is such; `None` where the tail does not reach back so far.
    pub(super) fn any_after(&self, after: Revision, mut is_such: impl FnMut(&Committed) -> bool) -> Option<bool> {
        let commits = self.lock();
        if after >= commits.head {
            return Some(false);
        }
        let first = commits.index(after.next())?;
        Some(commits.last.range(first..).any(|commit| is_such(commit)))
    }

    /// Takes commits that are durable now.
    pub(super) fn extend(&self, made: Vec<Committed>) {
        let mut commits = self.lock();
        for commit in made {
            commits.head = commit.revision;
            commits.bytes += size(&commit);
            commits.last.push_back(Arc::new(commit));
        }
        while commits.last.len() > MAX_COMMITS || commits.bytes > MAX_BYTES {
            commits.drop_first();
        }
    }

    /// Forgets the commits up to a revision.
    pub(super) fn forget(&self, up_to: Revision) {
        let mut commits = self.lock();
        while commits.last.front().is_some_and(|commit| commit.revision <= up_to) {
            commits.drop_first();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Commits> {
        // Nothing under the lock can panic half way.
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commits {
    fn index(&self, revision: Revision) -> Option<usize> {
        let first = self.last.front()?.revision;
        usize::try_from(revision.0.checked_sub(first.0)?).ok()
    }

    fn get(&self, revision: Revision) -> Option<&Arc<Committed>> {
        self.last.get(self.index(revision)?)
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.last.pop_front() {
            self.bytes -= size(&first);
        }
    }
}

/// About how many bytes a commit has.
pub(super) fn size(commit: &Committed) -> usize {
    commit.changes.iter().map(|change| change.key.len() + change.value.as_ref().map_or(0, bytes::Bytes::len)).sum()
}
