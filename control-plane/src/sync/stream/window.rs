//! What a stream has sent and the proxy has not acknowledged. Pure.

use std::collections::VecDeque;

use shared::name::EnvironmentName;
use shared::revision::Revision;

/// The most deltas that may be unacknowledged.
pub(super) const DELTAS: u32 = 64;

/// The most bytes of them.
pub(super) const BYTES: usize = 1024 * 1024;

/// Unacknowledged frames, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    sent: VecDeque<Sent>,
    bytes: usize,
}

#[derive(Debug)]
struct Sent {
    environment: EnvironmentName,
    revision: Revision,
    bytes: usize,
}

impl Window {
    /// Whether a delta of so many bytes may be sent. One alone always may, or it never could.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.sent.is_empty() || (self.sent.len() < DELTAS as usize && self.bytes + bytes <= BYTES)
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Notes a frame that has to be acknowledged. A snapshot's end has no bytes here, as it has a window of its own.
    pub(super) fn sent(&mut self, environment: EnvironmentName, revision: Revision, bytes: usize) {
        self.bytes += bytes;
        self.sent.push_back(Sent { environment, revision, bytes });
    }

    /// Notes that an environment's frames up to a revision are acknowledged, and answers how many those are.
    pub(super) fn acknowledged(&mut self, environment: &EnvironmentName, revision: Revision) -> usize {
        self.drop_where(|sent| sent.environment == *environment && sent.revision <= revision)
    }

    /// Forgets an environment's frames: a snapshot replaces them, or it is withdrawn.
    pub(super) fn forget(&mut self, environment: &EnvironmentName) {
        self.drop_where(|sent| sent.environment == *environment);
    }

    fn drop_where(&mut self, gone: impl Fn(&Sent) -> bool) -> usize {
        let before = self.sent.len();
        self.sent.retain(|sent| !gone(sent));
        self.bytes = self.sent.iter().map(|sent| sent.bytes).sum();
        before - self.sent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> EnvironmentName {
        format!("projects/p/environments/{name}").parse().unwrap()
    }

    #[test]
    fn the_window_closes_and_an_ack_of_a_later_revision_opens_it() {
        let mut window = Window::default();
        for revision in 0..u64::from(DELTAS) {
            assert!(window.has_room(10));
            window.sent(environment("a"), Revision(revision), 10);
        }
        assert!(!window.has_room(10));
        assert_eq!(window.acknowledged(&environment("b"), Revision(99)), 0);
        assert_eq!(window.acknowledged(&environment("a"), Revision(9)), 10);
        assert!(window.has_room(10));
        window.forget(&environment("a"));
        assert!(window.is_empty());
    }

    #[test]
    fn a_delta_larger_than_the_window_goes_alone() {
        let mut window = Window::default();
        assert!(window.has_room(BYTES * 2));
        window.sent(environment("a"), Revision(1), BYTES * 2);
        assert!(!window.has_room(1));
    }
}
