//! All feeds, and the view that they were published from.
//!
//! One task publishes; streams read. What was published is swapped as one pointer, so that a snapshot's state and its position agree.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use imbl::OrdMap;
use shared::digest::Digest;
use shared::name::{CredentialName, EnvironmentName};
use shared::revision::Revision;
use tokio::sync::watch;

use super::decide::Here;
use super::feed::{Entry, Feed, Limits, Snapshot, State};
use super::frame::{Delta, Encoder};
use super::metrics::Metrics;
use super::position::{PROJECTION, Position, ProofKey};
use super::projection::{self, Key, Step};
use crate::store::seal::OpenValue;
use crate::view::View;

/// The most bytes that all logs have together.
const ALL_LOGS_BYTES: usize = 1024 * 1024 * 1024;

/// The most bytes of puts that a delta may have. Beyond it the log begins anew, and every stream gets a snapshot in chunks, since gRPC clients
/// refuse messages over 4 MiB.
const MAX_DELTA_BYTES: usize = 1024 * 1024;

/// What was published last.
#[derive(Debug)]
pub struct Published {
    /// The view that the feeds are of.
    pub view: Arc<View>,
    /// Every environment's feed with its state.
    pub places: OrdMap<EnvironmentName, Place>,
}

/// One environment of what was published.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its feed.
    pub feed: Arc<Feed>,
    /// Where it was when this was published; the feed itself may be further already.
    pub state: State,
}

/// All feeds.
#[derive(Debug)]
pub struct Feeds<O> {
    published: ArcSwap<Published>,
    grants: watch::Sender<()>,
    moved: watch::Sender<()>,
    opener: O,
    key: ProofKey,
    encoder: Encoder,
    metrics: Arc<Metrics>,
}

/// What a publication did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Publication {
    /// How many environments moved.
    pub environments: usize,
    /// How many streams were woken.
    pub woken: usize,
}

/// What changed since the last publication.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// The resources.
    pub keys: BTreeSet<Key>,
    /// A proxy's record is gone.
    pub proxies_removed: bool,
    /// When the last commit was made.
    pub commit_time: Option<SystemTime>,
}

impl<O: OpenValue> Feeds<O> {
    /// Reads the whole view: opens every credential once for each of its environments, so it blocks for a while.
    #[must_use]
    pub fn load(view: Arc<View>, key: ProofKey, opener: O, metrics: Arc<Metrics>) -> Self {
        let encoder = Encoder::new(Arc::clone(&metrics));
        let empty = Published { view: Arc::clone(&view), places: OrdMap::new() };
        let feeds = Self {
            published: ArcSwap::from_pointee(empty),
            grants: watch::Sender::new(()),
            moved: watch::Sender::new(()),
            opener,
            key,
            encoder,
            metrics,
        };
        feeds.reload(view);
        feeds
    }

    /// Begins every log anew, at the view: what to do when the store's own log does not lead on from what was published.
    pub fn reload(&self, view: Arc<View>) {
        let now = SystemTime::now();
        let old = self.published.load_full();
        let places = view.environments.keys().map(|environment| {
            let whole = projection::whole(&view, environment, &self.opener);
            self.note_unopened(&whole.unopened);
            let content = Content { digest: whole.digest(), resources: whole.resources.len() as u64 };
            let state = self.state(&view, environment, content, now);
            let feed = match old.places.get(environment) {
                Some(place) => {
                    place.feed.restart(state.clone());
                    Arc::clone(&place.feed)
                }
                None => Arc::new(Feed::new(environment.clone(), state.clone())),
            };
            (environment.clone(), Place { feed, state })
        });
        let places: OrdMap<_, _> = places.collect();
        let published = Arc::new(Published { view, places });
        self.published.store(Arc::clone(&published));
        published.places.values().for_each(|place| {
            place.feed.wake();
        });
        self.moved.send_replace(());
        self.grants.send_replace(());
    }

    /// Publishes what the changed keys change between the view published last and this one. Called by one task alone.
    pub fn publish(&self, view: Arc<View>, changed: &Changed) -> Publication {
        let old = self.published.load_full();
        let projected = projection::project(&old.view, &view, &changed.keys, &self.opener);
        self.note_unopened(&projected.unopened);
        let commit_time = changed.commit_time.unwrap_or_else(SystemTime::now);
        let (mut places, regranted) = self.follow_environments(&old, &view, commit_time);
        let mut moved = Vec::with_capacity(projected.steps.len());
        for (environment, steps) in projected.steps {
            let Some(place) = places.get_mut(&environment) else { continue };
            place.state = self.advance(&old.view, &view, place, &steps, commit_time);
            moved.push(Arc::clone(&place.feed));
        }
        self.published.store(Arc::new(Published { view, places }));
        self.keep_within_memory();
        let publication = Publication { environments: moved.len(), woken: moved.iter().map(|feed| feed.wake()).sum() };
        self.moved.send_replace(());
        if regranted || changed.proxies_removed {
            self.grants.send_replace(());
        }
        publication
    }

    /// What was published last.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// Wakes when proxies may be granted other environments, or none any more.
    #[must_use]
    pub fn grants(&self) -> watch::Receiver<()> {
        self.grants.subscribe()
    }

    /// Wakes at every publication.
    #[must_use]
    pub fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Encodes what streams share.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What proves positions.
    #[must_use]
    pub fn key(&self) -> &ProofKey {
        &self.key
    }

    /// What a hello is decided by.
    #[must_use]
    pub fn here(&self) -> Here {
        let published = self.published.load();
        Here { epoch: published.view.identity.epoch, projection: PROJECTION, head: published.view.revision }
    }

    /// Encodes the environment's state as it was published last; `None` where the environment is gone. It blocks for a while.
    #[must_use]
    pub fn encode_snapshot(&self, environment: &EnvironmentName) -> Option<Arc<Snapshot>> {
        let published = self.published.load_full();
        let state = published.places.get(environment)?.state.clone();
        let snapshot = Snapshot::encode(&published.view, environment, state, &self.opener, &self.encoder);
        self.note_unopened(&snapshot.unopened.iter().cloned().collect());
        Some(Arc::new(snapshot))
    }

    /// The places, with a feed for every environment of the view and for no other one; and whether there is a difference.
    fn follow_environments(
        &self,
        old: &Published,
        view: &View,
        commit_time: SystemTime,
    ) -> (OrdMap<EnvironmentName, Place>, bool) {
        let mut places = old.places.clone();
        // Maps that were not touched are the same pointer, which is the usual case.
        if old.view.environments.ptr_eq(&view.environments) {
            return (places, false);
        }
        let gone: Vec<_> = places.keys().filter(|name| !view.environments.contains_key(*name)).cloned().collect();
        let new: Vec<_> = view.environments.keys().filter(|name| !places.contains_key(*name)).cloned().collect();
        for environment in &gone {
            places.remove(environment);
        }
        for environment in &new {
            let state = self.state(&old.view, environment, Content::default(), commit_time);
            let feed = Arc::new(Feed::new(environment.clone(), state.clone()));
            places.insert(environment.clone(), Place { feed, state });
        }
        (places, !gone.is_empty() || !new.is_empty())
    }

    /// Appends what changed to an environment's log.
    fn advance(&self, old: &View, view: &View, place: &Place, steps: &[Step], commit_time: SystemTime) -> State {
        let environment = &place.feed.environment;
        let before = Content { digest: place.state.position.digest, resources: place.state.resources };
        let state = self.state(view, environment, before.after(steps), commit_time);
        let bytes: usize = steps.iter().filter_map(|step| step.after.as_ref()).map(|form| form.put.len()).sum();
        if bytes > MAX_DELTA_BYTES || steps.len() > MAX_DELTA_BYTES / 512 {
            tracing::info!(%environment, resources = steps.len(), "the change is too large for a delta: snapshots follow");
            place.feed.restart(state.clone());
            return state;
        }
        let (previous, first) = (place.state.position.revision, old.revision.next());
        let folded = view.revision > first;
        let frame = self.encoder.delta(Delta { environment, previous, state: &state, steps, folded });
        self.metrics.deltas_published.inc();
        place.feed.append(Entry { previous, first, state: state.clone(), frame }, Limits::DEFAULT);
        state
    }

    fn state(&self, view: &View, environment: &EnvironmentName, content: Content, commit_time: SystemTime) -> State {
        let Content { digest, resources } = content;
        let position = Position { epoch: view.identity.epoch, projection: PROJECTION, revision: view.revision, digest };
        State::new(environment, position, resources, commit_time, &self.key)
    }

    fn keep_within_memory(&self) {
        let published = self.published.load();
        let mut bytes: usize = published.places.values().map(|place| place.feed.log_bytes()).sum();
        while bytes > ALL_LOGS_BYTES {
            let largest = published.places.values().max_by_key(|place| place.feed.log_bytes());
            match largest.map(|place| place.feed.shrink()) {
                Some(freed) if freed > 0 => bytes -= freed,
                _ => break,
            }
        }
    }

    fn note_unopened(&self, unopened: &BTreeSet<CredentialName>) {
        for credential in unopened {
            tracing::error!(%credential, "the credential's sealed value does not open: it is not sent to any proxy");
            self.metrics.credentials_unopened.inc();
        }
    }
}

/// What a state holds, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Content {
    /// The sum of the resources' digests.
    pub digest: Digest,
    /// How many there are.
    pub resources: u64,
}

impl Content {
    /// After some steps.
    #[must_use]
    pub fn after(self, steps: &[Step]) -> Self {
        steps.iter().fold(self, |Self { digest, resources }, step| {
            let (digest, resources) = match step.before {
                Some(before) => (digest.minus(before), resources.saturating_sub(1)),
                None => (digest, resources),
            };
            match &step.after {
                Some(form) => Self { digest: digest.plus(form.digest), resources: resources + 1 },
                None => Self { digest, resources },
            }
        })
    }
}

impl Published {
    /// The environments that the commit may have changed: all where the logs do not reach back to it.
    #[must_use]
    pub fn touched_by(&self, commit: Revision) -> BTreeSet<EnvironmentName> {
        let touched =
            self.places.iter().filter(|(_, place)| place.feed.with_history(|log| log.may_have_changed_at(commit)));
        touched.map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
