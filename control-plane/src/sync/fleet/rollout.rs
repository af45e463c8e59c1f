//! Whether a revision has reached the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use shared::name::{EnvironmentName, ProxyName};
use shared::revision::Revision;
use tokio::sync::watch;

use super::{Fleet, Member, granted};
use crate::resource::Proxy;
use crate::sync::feeds::Published;

/// The shortest time between two looks, so that thousands of acknowledgements cost a few of them.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The revision.
    pub revision: Revision,
    /// The environments; empty means those that the revision touched.
    pub environments: BTreeSet<EnvironmentName>,
    /// Which proxies count.
    pub detached: Detached,
}

/// Whether proxies without a stream count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detached {
    /// They do, as they still serve what they have.
    Count,
    /// They are not waited for.
    Ignored,
}

/// Who has a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// Whether every proxy that counts has it.
    pub complete: bool,
    /// Those that have it.
    pub acknowledged: Vec<Part>,
    /// Connected ones that have not.
    pub pending: Vec<Part>,
    /// Ones without a stream that have not.
    pub detached: Vec<Part>,
}

/// One proxy's part in a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The proxy.
    pub proxy: ProxyName,
    /// The lowest revision that it has applied of the environments; 0 where it has none of one.
    pub revision: Revision,
    /// When it last said so; `None` means never.
    pub time: Option<SystemTime>,
}

/// Who has a revision now.
#[must_use]
pub fn look(published: &Published, members: &BTreeMap<ProxyName, Member>, target: &Target) -> Rollout {
    let mut rollout = Rollout::default();
    if published.view.revision < target.revision {
        return rollout;
    }
    let touched;
    let environments = if target.environments.is_empty() {
        touched = published.touched_by(target.revision);
        &touched
    } else {
        &target.environments
    };
    let nothing = Member::default();
    for (name, record) in &published.view.proxies {
        let member = members.get(name).unwrap_or(&nothing);
        let Some((part, has)) = part(published, name, record, member, environments, target.revision) else { continue };
        match (has, &member.connection) {
            (true, _) => rollout.acknowledged.push(part),
            (false, Some(_)) => rollout.pending.push(part),
            (false, None) => rollout.detached.push(part),
        }
    }
    let detached_allow = rollout.detached.is_empty() || target.detached == Detached::Ignored;
    rollout.complete = rollout.pending.is_empty() && detached_allow;
    rollout
}

/// A proxy's part, and whether it has the revision; `None` where it has none of the environments.
fn part(
    published: &Published,
    name: &ProxyName,
    record: &Proxy,
    member: &Member,
    environments: &BTreeSet<EnvironmentName>,
    revision: Revision,
) -> Option<(Part, bool)> {
    let mut has = true;
    let mut lowest = None;
    let mut time = None;
    for (environment, place) in granted(published, record).filter(|(name, _)| environments.contains(*name)) {
        let applied = member.applied.get(environment);
        let at = applied.map_or(Revision(0), |applied| applied.revision);
        let required = place.feed.with_history(|log| log.required_for(revision));
        has &= applied.is_some() && at >= required;
        lowest = Some(lowest.unwrap_or(at).min(at));
        time = time.max(applied.map(|applied| applied.time));
    }
    Some((Part { proxy: name.clone(), revision: lowest?, time }, has))
}

/// Waits until everyone has the revision; the last look where the time ends first.
///
/// # Cancel safety
///
/// Waiting changes nothing.
pub async fn wait(
    fleet: &Fleet,
    published: impl Fn() -> std::sync::Arc<Published>,
    mut moved: watch::Receiver<()>,
    target: &Target,
    until: tokio::time::Instant,
) -> Rollout {
    let mut changes = fleet.changes();
    loop {
        changes.mark_unchanged();
        moved.mark_unchanged();
        let rollout = fleet.with_members(|members| look(&published(), members, target));
        if rollout.complete || tokio::time::Instant::now() >= until {
            return rollout;
        }
        tokio::select! {
            () = tokio::time::sleep_until(until) => continue,
            // The senders live as long as the fleet and the feeds, which are borrowed or served here.
            _ = changes.changed() => {}
            _ = moved.changed() => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
