//! Times with a store and a view.

use std::collections::{BTreeMap, BTreeSet};

use shared::revision::Revision;

use super::*;
use crate::resource::{CallerKey, Meta, key};
use crate::store::Commit;
use crate::store::memory::MemoryStore;

const NAME: &str = "projects/p/callerKeys/k";

/// A store with a caller key, its view, and what is kept.
struct World {
    store: Arc<dyn Store>,
    views: Views,
    tasks: Tasks,
}

impl World {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        put(&*store, Some(caller_key(ms(1000)))).await;
        Self::of(store).await
    }

    async fn of(store: Arc<dyn Store>) -> Self {
        let tasks = Tasks::new();
        let views = Views::open(store.clone(), &tasks).await.unwrap();
        Self { store, views, tasks }
    }

    fn time(&self) -> Option<Timestamp> {
        let view = self.views.load();
        self.views.last_used().of(view.caller_keys.get(NAME)?)
    }

    async fn write(&self) {
        self.views.last_used().write(&*self.store, &self.views.load()).await.unwrap();
    }

    async fn stored(&self) -> Vec<(Arc<str>, Bytes)> {
        let stored = self.store.observed(PREFIX).await.unwrap();
        stored.into_iter().map(|observation| (observation.key, observation.value)).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

fn ms(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn caller_key(create_time: SystemTime) -> Stored<CallerKey> {
    let uid = "key_1".to_owned();
    let meta = Meta { uid, revision: Revision(0), generation: 1, create_time, update_time: create_time };
    let spec = CallerKey {
        display_name: "k".to_owned(),
        environment: "projects/p/environments/e".parse().unwrap(),
        allowed_models: BTreeSet::new(),
        expire_time: None,
        disabled: false,
        owner: String::new(),
        labels: BTreeMap::new(),
        sha256: [7; 32],
    };
    Stored { name: NAME.parse().unwrap(), meta, spec }
}

async fn put(store: &dyn Store, stored: Option<Stored<CallerKey>>) -> Revision {
    let value = stored.map(|stored| stored.to_record().into());
    let changes = vec![Change { key: key::spec(NAME), value }];
    store.commit(Commit { preconditions: Vec::new(), changes }).await.unwrap()
}

#[tokio::test]
async fn the_latest_use_counts_and_survives_a_restart_without_a_revision() {
    let world = World::new().await;
    let head = world.store.head();
    for time in [3000, 9000, 5000] {
        world.views.last_used().note(NAME, time, ms(20_000));
    }
    assert_eq!(world.time(), Some(timestamp(ms(9000))));
    assert!(world.stored().await.is_empty());
    world.write().await;
    assert_eq!(world.stored().await.len(), 1);
    let again = World::of(world.store.clone()).await;
    assert_eq!(again.time(), Some(timestamp(ms(9000))));
    assert_eq!(world.store.head(), head);
}

#[tokio::test]
async fn a_time_of_the_future_is_now_and_one_before_the_creation_is_none() {
    let world = World::new().await;
    assert_eq!(world.time(), None);
    world.views.last_used().note(NAME, 500, ms(20_000));
    assert_eq!(world.time(), None);
    world.views.last_used().note(NAME, u64::MAX, ms(20_000));
    assert_eq!(world.time(), Some(timestamp(ms(20_000))));
}

#[tokio::test]
async fn what_is_gone_is_forgotten_in_memory_and_in_the_store() {
    let world = World::new().await;
    world.views.last_used().note(NAME, 5000, ms(20_000));
    world.write().await;
    let before = world.views.load();
    let revision = put(&*world.store, None).await;
    let view = world.views.wait_for(revision).await.unwrap();
    world.views.last_used().forget_gone(&before, &view);
    world.write().await;
    assert!(world.stored().await.is_empty());
    // Told a moment too late.
    world.views.last_used().note(NAME, 6000, ms(20_000));
    world.write().await;
    assert!(world.stored().await.is_empty());
    assert!(world.views.last_used().get().by_name.is_empty());
    let revision = put(&*world.store, Some(caller_key(ms(10_000)))).await;
    world.views.wait_for(revision).await.unwrap();
    assert_eq!(world.time(), None);
}

#[tokio::test]
async fn what_the_store_has_of_nothing_goes_with_the_next_write() {
    let world = World::new().await;
    let value = Some(Bytes::from_static(&[0; 8]));
    world.store.observe(vec![Change { key: "last_used/projects/p/callerKeys/x".into(), value }]).await.unwrap();
    let again = World::of(world.store.clone()).await;
    again.write().await;
    assert!(again.stored().await.is_empty());
}
