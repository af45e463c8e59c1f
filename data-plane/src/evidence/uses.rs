//! When what was used last: credentials, providers and caller keys.
//!
//! A request reads one number for each of them and writes it at most once in a second. Whoever is used first since the reporter came by
//! goes into a queue, so that nobody has to look through all that was not used; where the queue is full, the next second's use tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use shared::name::{CallerKeyName, CredentialName, ProviderName, ResourceName};
use tokio::sync::mpsc;

use crate::balance::moment::Moment;

/// How many may wait for the reporter.
const ROOM: usize = 4096;
/// Uses in the same span of so many milliseconds are one.
const SPAN: u64 = 1000;

/// What is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A credential, with the version of its value.
    Credential(CredentialName, u64),
    /// A provider.
    Provider(ProviderName),
    /// A caller key.
    CallerKey(CallerKeyName),
}

impl Subject {
    /// The resource's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Credential(name, _) => name.as_str(),
            Self::Provider(name) => name.as_str(),
            Self::CallerKey(name) => name.as_str(),
        }
    }

    /// Of a credential: which of its values; 0 of anything else.
    #[must_use]
    pub fn value_version(&self) -> u64 {
        match self {
            Self::Credential(_, version) => *version,
            Self::Provider(_) | Self::CallerKey(_) => 0,
        }
    }
}

/// Something that requests use, and when they last did.
#[derive(Debug)]
pub(crate) struct Used {
    subject: Subject,
    /// The last use; [`NEVER`](Moment::NEVER) before the first.
    last: AtomicU64,
    /// The reporter will come by.
    is_queued: AtomicBool,
}

impl Used {
    /// A credential's value that was not used yet.
    pub(crate) fn credential(name: CredentialName, value_version: u64) -> Arc<Self> {
        Self::new(Subject::Credential(name, value_version))
    }

    /// A provider that was not used yet.
    pub(crate) fn provider(name: ProviderName) -> Arc<Self> {
        Self::new(Subject::Provider(name))
    }

    /// A caller key that was not used yet.
    pub(crate) fn caller_key(name: CallerKeyName) -> Arc<Self> {
        Self::new(Subject::CallerKey(name))
    }

    fn new(subject: Subject) -> Arc<Self> {
        Arc::new(Self { subject, last: AtomicU64::new(Moment::NEVER.0), is_queued: AtomicBool::new(false) })
    }
}

/// The request path's end.
#[derive(Debug, Clone)]
pub(super) struct UseSender(mpsc::Sender<Arc<Used>>);

/// The reporter's end.
#[derive(Debug)]
pub(super) struct UseReceiver(mpsc::Receiver<Arc<Used>>);

/// The two ends.
pub(super) fn channel() -> (UseSender, UseReceiver) {
    let (tx, rx) = mpsc::channel(ROOM);
    (UseSender(tx), UseReceiver(rx))
}

impl UseSender {
    /// It is used at `now`.
    pub(super) fn note(&self, used: &Arc<Used>, now: Moment) {
        if used.last.load(Ordering::Relaxed) / SPAN == now.0 / SPAN {
            return;
        }
        used.last.store(now.0, Ordering::Relaxed);
        if !used.is_queued.swap(true, Ordering::AcqRel) && self.0.try_send(Arc::clone(used)).is_err() {
            used.is_queued.store(false, Ordering::Release);
        }
    }
}

impl UseReceiver {
    /// Something that was used since this was asked of it last, and when.
    pub(super) fn try_next(&mut self) -> Option<(Subject, SystemTime)> {
        let used = self.0.try_recv().ok()?;
        // Before the time is read: a use from here on queues it again.
        used.is_queued.store(false, Ordering::Release);
        let ago = Moment::now().since(Moment(used.last.load(Ordering::Acquire)));
        let now = SystemTime::now();
        Some((used.subject.clone(), now.checked_sub(ago).unwrap_or(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(id: usize) -> Arc<Used> {
        Used::provider(format!("projects/p/providers/a{id}").parse().unwrap())
    }

    #[test]
    fn many_uses_are_told_once_until_the_reporter_came_by() {
        let (tx, mut rx) = channel();
        let used = provider(0);
        for millisecond in (1000..9000).step_by(100) {
            tx.note(&used, Moment(millisecond));
        }
        assert_eq!(rx.try_next().unwrap().0, used.subject);
        assert!(rx.try_next().is_none());
        tx.note(&used, Moment(8999));
        assert!(rx.try_next().is_none(), "the same second is the same use");
        tx.note(&used, Moment(9000));
        assert!(rx.try_next().is_some());
    }

    #[test]
    fn one_that_found_no_room_is_told_after_its_next_use() {
        let (tx, mut rx) = channel();
        let all: Vec<_> = (0..=ROOM).map(provider).collect();
        all.iter().for_each(|used| tx.note(used, Moment(1000)));
        assert_eq!(std::iter::from_fn(|| rx.try_next()).count(), ROOM);
        all.iter().for_each(|used| tx.note(used, Moment(1500)));
        assert!(rx.try_next().is_none());
        tx.note(&all[ROOM], Moment(2000));
        assert_eq!(rx.try_next().unwrap().0, all[ROOM].subject);
    }
}
