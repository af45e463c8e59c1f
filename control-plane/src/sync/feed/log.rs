//! The log of one environment's encoded deltas: bounded, oldest first.

use std::collections::VecDeque;
use std::sync::Arc;

use shared::revision::Revision;

use super::State;
use crate::sync::frame::Frame;

/// How much of the past a log keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deltas.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Limits {
    /// What a feed keeps.
    pub const DEFAULT: Self = Self { entries: 4096, bytes: 16 * 1024 * 1024 };

    /// What a feed keeps at the most while a snapshot pins its log.
    fn pinned(self) -> Self {
        Self { entries: self.entries * 2, bytes: self.bytes * 2 }
    }
}

/// A published delta.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The environment's revision before it.
    pub previous: Revision,
    /// The first commit that may be in it.
    pub first: Revision,
    /// The state after it.
    pub state: State,
    /// Its frame.
    pub frame: Frame,
}

/// What a stream gets next.
#[derive(Debug)]
pub enum Next {
    /// Nothing: it is at the head.
    AtHead,
    /// This.
    Delta(Arc<Entry>),
    /// A snapshot: the log does not lead on from where it is.
    Behind,
}

/// Deltas, each from where the one before it ended.
#[derive(Debug)]
pub struct Log {
    floor: State,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Log {
    /// Nothing but a state to begin at.
    #[must_use]
    pub fn new(floor: State) -> Self {
        Self { floor, entries: VecDeque::new(), bytes: 0 }
    }

    /// The last state.
    #[must_use]
    pub fn head(&self) -> &State {
        self.entries.back().map_or(&self.floor, |entry| &entry.state)
    }

    /// The first state from which the log leads on.
    #[must_use]
    pub fn floor_state(&self) -> &State {
        &self.floor
    }

    /// The state that had a revision as its last one.
    #[must_use]
    pub fn state_at(&self, revision: Revision) -> Option<&State> {
        if self.floor.position.revision == revision {
            return Some(&self.floor);
        }
        let at = self.entries.partition_point(|entry| entry.state.position.revision < revision);
        self.entries.get(at).map(|entry| &entry.state).filter(|state| state.position.revision == revision)
    }

    /// What leads on from a revision.
    #[must_use]
    pub fn next(&self, after: Revision) -> Next {
        if after == self.head().position.revision {
            return Next::AtHead;
        }
        let at = self.entries.partition_point(|entry| entry.previous < after);
        match self.entries.get(at) {
            Some(entry) if entry.previous == after => Next::Delta(Arc::clone(entry)),
            _ => Next::Behind,
        }
    }

    /// The revision that a proxy of this environment has to have applied for it to have everything up to a commit.
    #[must_use]
    pub fn required_for(&self, commit: Revision) -> Revision {
        let later = self.entries.partition_point(|entry| entry.first <= commit);
        match later.checked_sub(1).and_then(|last| self.entries.get(last)) {
            Some(entry) => entry.state.position.revision,
            None => self.floor.position.revision.min(commit),
        }
    }

    /// Whether a commit may have changed the environment. Yes where the log does not reach back to it.
    #[must_use]
    pub fn may_have_changed_at(&self, commit: Revision) -> bool {
        let at = self.entries.partition_point(|entry| entry.state.position.revision < commit);
        commit <= self.floor.position.revision || self.entries.get(at).is_some_and(|entry| entry.first <= commit)
    }

    /// The first delta that a proxy at a revision lacks.
    #[must_use]
    pub fn first_lacking(&self, at: Revision) -> Option<&State> {
        let lacking = self.entries.partition_point(|entry| entry.state.position.revision <= at);
        self.entries.get(lacking).map(|entry| &entry.state)
    }

    /// Appends a delta and forgets the oldest ones beyond the limits, but none after `pinned` up to twice the limits.
    pub fn append(&mut self, entry: Entry, limits: Limits, pinned: Option<Revision>) {
        debug_assert_eq!(entry.previous, self.head().position.revision, "a delta begins where the log ends");
        self.bytes += entry.frame.len();
        self.entries.push_back(Arc::new(entry));
        while self.exceeds(limits) {
            let needed = self.entries.front().zip(pinned).is_some_and(|(oldest, pinned)| oldest.previous >= pinned);
            if needed && !self.exceeds(limits.pinned()) {
                break;
            }
            self.shrink();
        }
    }

    /// Forgets everything and begins at a state.
    pub fn restart(&mut self, state: State) {
        *self = Self::new(state);
    }

    /// Forgets the oldest delta and answers how many bytes that gave back.
    pub fn shrink(&mut self) -> usize {
        let Some(oldest) = self.entries.pop_front() else { return 0 };
        self.floor = oldest.state.clone();
        self.bytes -= oldest.frame.len();
        oldest.frame.len()
    }

    /// How many bytes the frames have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn exceeds(&self, limits: Limits) -> bool {
        self.entries.len() > limits.entries || self.bytes > limits.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;
    use proto::sync::v1::{self, control_frame};
    use shared::digest::Digest;
    use shared::revision::Epoch;

    use super::*;
    use crate::sync::position::Position;

    fn state(revision: u64) -> State {
        let position = Position {
            epoch: Epoch([0; 16]),
            projection: 1,
            revision: Revision(revision),
            digest: Digest::of(1, "x", revision, b""),
        };
        State { position, proof: [0; 16], commit_time: SystemTime::UNIX_EPOCH, resources: 1 }
    }

    fn entry(previous: u64, revision: u64) -> Entry {
        let frame = Frame::encode(control_frame::Frame::SnapshotBegin(v1::SnapshotBegin::default()));
        Entry { previous: Revision(previous), first: Revision(previous + 1), state: state(revision), frame }
    }

    const FEW: Limits = Limits { entries: 4, bytes: usize::MAX / 2 };

    #[test]
    fn a_cursor_follows_the_log_to_the_head_or_is_behind() {
        let mut log = Log::new(state(10));
        for (previous, revision) in [(10, 12), (12, 13), (13, 20)] {
            log.append(entry(previous, revision), FEW, None);
        }
        assert!(matches!(log.next(Revision(20)), Next::AtHead));
        assert!(matches!(log.next(Revision(12)), Next::Delta(next) if next.state.position.revision == Revision(13)));
        assert!(matches!(log.next(Revision(11)), Next::Behind));
        assert!(matches!(log.next(Revision(9)), Next::Behind));
        assert!(matches!(log.next(Revision(21)), Next::Behind));
    }

    #[test]
    fn a_rollout_needs_the_last_delta_that_holds_a_commit_up_to_it() {
        let mut log = Log::new(state(10));
        log.append(entry(10, 12), FEW, None);
        log.append(Entry { first: Revision(18), ..entry(12, 20) }, FEW, None);
        for (commit, required) in [(5, 5), (10, 10), (11, 12), (12, 12), (15, 12), (17, 12), (18, 20), (30, 20)] {
            assert_eq!(log.required_for(Revision(commit)), Revision(required), "{commit}");
        }
        for (commit, touched) in [(10, true), (11, true), (13, false), (18, true), (20, true), (21, false)] {
            assert_eq!(log.may_have_changed_at(Revision(commit)), touched, "{commit}");
        }
    }

    #[test]
    fn what_a_snapshot_in_use_needs_is_kept_up_to_twice_the_limit() {
        let mut log = Log::new(state(0));
        for revision in 1..=8 {
            log.append(entry(revision - 1, revision), FEW, Some(Revision(1)));
        }
        assert!(matches!(log.next(Revision(1)), Next::Delta(_)));
        for revision in 9..=12 {
            log.append(entry(revision - 1, revision), FEW, Some(Revision(1)));
        }
        assert!(matches!(log.next(Revision(1)), Next::Behind));
    }

    proptest! {
        #[test]
        fn the_log_is_bounded_and_whole(steps in prop::collection::vec(1..5_u64, 0..40)) {
            let mut log = Log::new(state(0));
            let mut at = 0;
            for step in &steps {
                log.append(entry(at, at + step), FEW, None);
                at += step;
            }
            prop_assert!(log.entries.len() <= FEW.entries);
            prop_assert_eq!(log.bytes, log.entries.iter().map(|entry| entry.frame.len()).sum::<usize>());
            let mut cursor = log.floor_state().position.revision;
            while let Next::Delta(next) = log.next(cursor) {
                cursor = next.state.position.revision;
            }
            prop_assert_eq!(cursor, Revision(at));
        }
    }
}
