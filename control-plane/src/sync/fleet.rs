//! Who is connected, what each proxy has applied, what it can't use. In memory: what a restart forgets, the proxies' hellos tell again.
//!
//! Watching is level-triggered: a wake-up carries no data, and whoever wakes asks what changed since they last looked.

pub mod rollout;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use shared::id;
use shared::name::{EnvironmentName, ProxyName};
use shared::revision::Revision;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ca::ProxyIdentity;
use super::feeds::Published;
use super::refusal::Refusal;
use crate::resource::Proxy;

/// The most resources that are remembered as unusable, for each environment of a proxy.
pub const MAX_UNUSABLE: usize = 100;

/// Everything that is known of the fleet's proxies besides their records.
#[derive(Debug, Default)]
pub struct Fleet {
    members: Mutex<Members>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Members {
    by_name: BTreeMap<ProxyName, Member>,
    next_session: u64,
    /// Counts changes, so that watchers can ask for what is later.
    clock: u64,
}

/// What is known of one proxy.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// Its open stream; `None` where it has none.
    pub connection: Option<Connection>,
    /// Its build, as it says.
    pub build: String,
    /// What it has applied of each environment.
    pub applied: BTreeMap<EnvironmentName, Applied>,
    /// When it was last heard of; `None` if it was not since this process started.
    pub last_seen: Option<SystemTime>,
    enrollment: String,
    batches: Option<([u8; 16], u64)>,
    /// How many findings it has dropped since its start, as it said last.
    dropped: u64,
    changed_at: u64,
}

/// An open stream.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Where it comes from.
    pub address: SocketAddr,
    session: u64,
    taken_over: CancellationToken,
}

/// What a proxy has applied of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The revision.
    pub revision: Revision,
    /// When it said so.
    pub time: SystemTime,
    /// What it holds and can't use, by name, with its reason.
    pub unusable: Vec<(String, String)>,
}

/// Whether a batch of reports is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchCount {
    /// It is, and counts from now on.
    New,
    /// It was counted already.
    Counted,
}

impl Fleet {
    /// A fleet of which nothing was heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for one more enrollment of a proxy. It sorts after the last one, where the clock has gone back since, too.
    #[must_use]
    pub fn next_enrollment(&self, proxy: &ProxyName, now: SystemTime) -> String {
        let members = self.lock();
        let last = members.by_name.get(proxy).map_or("", |member| member.enrollment.as_str());
        let mut ahead = Duration::from_secs(1);
        let mut enrollment = id::uid("enr_", now);
        while enrollment.as_str() <= last
            && let Some(later) = now.checked_add(ahead)
        {
            enrollment = id::uid("enr_", later);
            ahead = ahead.saturating_mul(2);
        }
        enrollment
    }

    /// Notes an enrollment: streams of earlier ones end, and none of them begins again.
    pub fn enrolled(&self, identity: &ProxyIdentity) {
        let mut members = self.lock();
        let member = members.by_name.entry(identity.name.clone()).or_default();
        if member.enrollment < identity.enrollment {
            member.enrollment.clone_from(&identity.enrollment);
            if let Some(connection) = member.connection.take() {
                connection.taken_over.cancel();
            }
        }
        self.note_change(members, &identity.name);
    }

    /// Whether no later enrollment has taken the name over.
    ///
    /// # Errors
    ///
    /// When one has.
    pub fn check(&self, identity: &ProxyIdentity) -> Result<(), Refusal> {
        let members = self.lock();
        match members.by_name.get(&identity.name) {
            Some(member) if member.enrollment > identity.enrollment => {
                Err(Refusal::TakenOver { proxy: identity.name.to_string() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Notes a stream. An older one of the same proxy ends.
    ///
    /// # Errors
    ///
    /// When a later enrollment has taken the name over.
    pub fn connect(
        self: &Arc<Self>,
        identity: &ProxyIdentity,
        address: SocketAddr,
        build: String,
        now: SystemTime,
    ) -> Result<Session, Refusal> {
        self.check(identity)?;
        let mut members = self.lock();
        members.next_session += 1;
        let session = members.next_session;
        let taken_over = CancellationToken::new();
        let member = members.by_name.entry(identity.name.clone()).or_default();
        member.enrollment.clone_from(&identity.enrollment);
        let connection = Connection { address, session, taken_over: taken_over.clone() };
        if let Some(older) = member.connection.replace(connection) {
            older.taken_over.cancel();
        }
        member.build = build;
        member.applied.clear();
        member.last_seen = Some(now);
        self.note_change(members, &identity.name);
        Ok(Session { fleet: Arc::clone(self), proxy: identity.name.clone(), id: session, taken_over })
    }

    /// Counts a batch of reports once.
    pub fn count_batch(&self, proxy: &ProxyName, boot: [u8; 16], sequence: u64) -> BatchCount {
        let mut members = self.lock();
        let member = members.by_name.entry(proxy.clone()).or_default();
        match member.batches {
            Some((counted, last)) if counted == boot && sequence <= last => BatchCount::Counted,
            counted => {
                if counted.is_none_or(|(counted, _)| counted != boot) {
                    member.dropped = 0;
                }
                member.batches = Some((boot, sequence));
                BatchCount::New
            }
        }
    }

    /// How many more findings a proxy has dropped for want of room than it said before, in its present boot.
    pub fn count_dropped(&self, proxy: &ProxyName, dropped: u64) -> u64 {
        let mut members = self.lock();
        let member = members.by_name.entry(proxy.clone()).or_default();
        let more = dropped.saturating_sub(member.dropped);
        member.dropped = dropped.max(member.dropped);
        more
    }

    /// What is known of a proxy; nothing where it was not heard of since this process started.
    #[must_use]
    pub fn member(&self, proxy: &ProxyName) -> Member {
        self.lock().by_name.get(proxy).cloned().unwrap_or_default()
    }

    /// Calls a function with everything that is known, under the lock: it must be quick.
    pub fn with_members<T>(&self, read: impl FnOnce(&BTreeMap<ProxyName, Member>) -> T) -> T {
        read(&self.lock().by_name)
    }

    /// Forgets a proxy whose record is gone.
    pub fn forget(&self, proxy: &ProxyName) {
        let mut members = self.lock();
        members.by_name.remove(proxy);
        members.clock += 1;
        self.changed.send_replace(members.clock);
    }

    /// Wakes whenever something changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The proxies that changed after a moment of the fleet's own clock, and that clock now.
    #[must_use]
    pub fn changed_after(&self, clock: u64) -> (Vec<ProxyName>, u64) {
        let members = self.lock();
        let changed = members.by_name.iter().filter(|(_, member)| member.changed_at > clock);
        (changed.map(|(name, _)| name.clone()).collect(), members.clock)
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_change(&self, mut members: MutexGuard<'_, Members>, proxy: &ProxyName) {
        members.clock += 1;
        let clock = members.clock;
        if let Some(member) = members.by_name.get_mut(proxy) {
            member.changed_at = clock;
        }
        drop(members);
        self.changed.send_replace(clock);
    }
}

/// An open stream of a proxy: it is detached when this is dropped.
#[derive(Debug)]
pub struct Session {
    fleet: Arc<Fleet>,
    proxy: ProxyName,
    id: u64,
    taken_over: CancellationToken,
}

impl Session {
    /// A number that no other session of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Ends when a later stream of the same proxy took over.
    pub async fn taken_over(&self) {
        self.taken_over.cancelled().await;
    }

    /// Notes what the proxy has applied.
    pub fn applied(&self, environment: &EnvironmentName, applied: Applied) {
        self.change(|member| {
            member.last_seen = Some(applied.time);
            member.applied.insert(environment.clone(), applied);
        });
    }

    /// Notes that the proxy holds an environment no more.
    pub fn withdrawn(&self, environment: &EnvironmentName) {
        self.change(|member| {
            member.applied.remove(environment);
        });
    }

    /// Notes that the proxy was heard of: no change that watchers are woken for.
    pub fn seen(&self, now: SystemTime) {
        if let Some(member) = self.fleet.lock().by_name.get_mut(&self.proxy) {
            member.last_seen = Some(now);
        }
    }

    /// Changes what is known of the proxy, while this is its session.
    fn change(&self, change: impl FnOnce(&mut Member)) {
        let mut members = self.fleet.lock();
        let member = members.by_name.get_mut(&self.proxy);
        if let Some(member) = member.filter(|member| member.session() == Some(self.id)) {
            change(member);
            self.fleet.note_change(members, &self.proxy);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.change(|member| {
            member.connection = None;
            member.last_seen = Some(SystemTime::now());
        });
    }
}

impl Member {
    fn session(&self) -> Option<u64> {
        self.connection.as_ref().map(|connection| connection.session)
    }

    /// How long it has been behind the head of its environments; zero means that it is not.
    #[must_use]
    pub fn lag(&self, published: &Published, record: &Proxy, now: SystemTime) -> Duration {
        let since = granted(published, record).filter_map(|(environment, place)| {
            let at = self.applied.get(environment).map_or(Revision(0), |applied| applied.revision);
            if at >= place.state.position.revision {
                return None;
            }
            place.feed.with_history(|log| {
                let lacking = if at >= log.floor_state().position.revision { log.first_lacking(at) } else { None };
                Some(lacking.unwrap_or_else(|| log.floor_state()).commit_time)
            })
        });
        since.min().map_or(Duration::ZERO, |since| now.duration_since(since).unwrap_or_default())
    }
}

/// The environments that a proxy is granted, with their places.
pub fn granted<'a>(
    published: &'a Published,
    record: &'a Proxy,
) -> impl Iterator<Item = (&'a EnvironmentName, &'a super::feeds::Place)> {
    published.places.iter().filter(|(name, _)| is_granted(record, name))
}

/// Whether a proxy is granted an environment.
#[must_use]
pub fn is_granted(record: &Proxy, environment: &EnvironmentName) -> bool {
    record.environments.iter().any(|pattern| pattern.matches(environment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(enrollment: &str) -> ProxyIdentity {
        ProxyIdentity { name: "proxies/edge-1".parse().unwrap(), enrollment: enrollment.to_owned() }
    }

    fn connect(fleet: &Arc<Fleet>, enrollment: &str) -> Result<Session, Refusal> {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        fleet.connect(&identity(enrollment), address, "build".into(), SystemTime::UNIX_EPOCH)
    }

    #[tokio::test]
    async fn a_later_enrollment_ends_the_older_stream_and_keeps_it_away() {
        let fleet = Arc::new(Fleet::new());
        let older = connect(&fleet, "enr_1").unwrap();
        fleet.enrolled(&identity("enr_2"));
        older.taken_over().await;
        assert!(matches!(connect(&fleet, "enr_1"), Err(Refusal::TakenOver { .. })));
        let newer = connect(&fleet, "enr_2").unwrap();
        drop(older);
        assert!(fleet.member(&newer.proxy).connection.is_some(), "the older one's end is not the newer one's");
        drop(newer);
        assert!(fleet.member(&identity("enr_2").name).connection.is_none());
    }

    #[test]
    fn a_later_enrollment_is_the_later_one_when_the_clock_has_gone_back() {
        let fleet = Fleet::new();
        let proxy = identity("").name;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut last = String::new();
        for back in [0, 0, 1, 600, 86_400 * 365] {
            let enrollment = fleet.next_enrollment(&proxy, now - Duration::from_secs(back));
            assert!(enrollment > last, "{enrollment} after {last}");
            fleet.enrolled(&identity(&enrollment));
            fleet.check(&identity(&enrollment)).unwrap();
            last = enrollment;
        }
    }

    #[test]
    fn a_batch_counts_once_and_each_boot_counts_anew() {
        let fleet = Fleet::new();
        let proxy = identity("enr_1").name;
        for (boot, sequence, expected) in [
            ([1; 16], 1, BatchCount::New),
            ([1; 16], 1, BatchCount::Counted),
            ([1; 16], 3, BatchCount::New),
            ([1; 16], 2, BatchCount::Counted),
            ([2; 16], 1, BatchCount::New),
        ] {
            assert_eq!(fleet.count_batch(&proxy, boot, sequence), expected, "{sequence}");
        }
    }

    #[test]
    fn a_watcher_learns_what_changed_since_it_last_looked() {
        let fleet = Arc::new(Fleet::new());
        let session = connect(&fleet, "enr_1").unwrap();
        let (changed, clock) = fleet.changed_after(0);
        assert_eq!(changed, [identity("enr_1").name]);
        assert_eq!(fleet.changed_after(clock).0, []);
        let applied = Applied { revision: Revision(4), time: SystemTime::UNIX_EPOCH, unusable: vec![] };
        session.applied(&"projects/p/environments/e".parse().unwrap(), applied);
        assert_eq!(fleet.changed_after(clock).0.len(), 1);
    }
}
