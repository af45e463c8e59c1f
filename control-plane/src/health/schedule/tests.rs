//! The task with a store, a view and a provider: what proxies tell, what admins ask, what the clock brings.

use std::sync::Mutex;
use std::time::SystemTime;

use shared::address::AddressPolicy;
use shared::credential::CredentialType;
use shared::revision::Revision;
use shared::secret::Secret;

use super::*;
use crate::health::double::{MODELS, ProviderDouble, base_url, prober};
use crate::health::evidence::Finding;
use crate::resource::{
    Credential, CredentialStatus, Destinations, Health, HealthReason, HeldValue, Meta, Provider, SealedField, Stored,
    StoredValue, Weight, key,
};
use crate::store::memory::MemoryStore;
use crate::store::seal::MasterKeys;
use crate::store::{
    Change, Commit, CommitError, Identity, Observation, ObserveError, Range, StoreError, StoreFuture, Watch,
};

const NAME: &str = "projects/p/providers/a/credentials/c";

struct World {
    provider: ProviderDouble,
    store: Arc<dyn Store>,
    views: Views,
    health: HealthHandle,
    tasks: Tasks,
}

impl World {
    /// A credential of a provider that answers `status`, with the given health.
    async fn new(answer: (u16, &'static str), status: CredentialStatus) -> Self {
        Self::on(Arc::new(MemoryStore::new()), answer, status).await
    }

    async fn on(store: Arc<dyn Store>, answer: (u16, &'static str), status: CredentialStatus) -> Self {
        let provider = ProviderDouble::answering(answer.0, answer.1).await;
        let sealer = Arc::new(Sealer::unlock(&*store, &master_keys()).await.unwrap());
        commit(&*store, seed(&provider, &*store, &sealer, status)).await;
        let tasks = Tasks::new();
        let views = Views::open(store.clone(), &tasks).await.unwrap();
        let prober = prober(AddressPolicy::AllowPrivate);
        let health = start(&tasks, views.clone(), store.clone(), Some(sealer), prober);
        Self { provider, store, views, health, tasks }
    }

    async fn tell(&self, finding: Finding, value_version: u64) {
        let evidence = Evidence { credential: name(), value_version, finding, count: 1, upstream_status: Some(401) };
        self.tell_as("proxies/a", evidence).await;
    }

    async fn tell_as(&self, proxy: &str, evidence: Evidence) {
        let told = Told { evidence: vec![evidence], ..Told::default() };
        self.health.report(&proxy.parse().unwrap(), told).await.unwrap();
    }

    async fn use_as(&self, proxy: &str) {
        let told = Told { uses: vec![(name(), 1)], ..Told::default() };
        self.health.report(&proxy.parse().unwrap(), told).await.unwrap();
    }

    async fn enable_provider(&self, enabled: bool) {
        let mut provider = (*self.views.load().providers[&name().provider()]).clone();
        provider.spec.enabled = enabled;
        let change = Change { key: key::spec("projects/p/providers/a"), value: Some(provider.to_record().into()) };
        commit(&*self.store, vec![change]).await;
        self.views.wait_for(self.store.head()).await.unwrap();
    }

    fn status(&self) -> Arc<CredentialStatus> {
        let view = self.views.load();
        view.status_of(&view.credentials[&name()])
    }

    async fn until(&self, holds: impl Fn(&CredentialStatus) -> bool) -> Arc<CredentialStatus> {
        let mut moved = self.views.subscribe();
        let wait = async {
            while !holds(&self.status()) {
                moved.changed().await.unwrap();
            }
            self.status()
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("the status comes")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

fn master_keys() -> MasterKeys {
    let key = "one:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned();
    MasterKeys::from_text(&Secret::from(key)).unwrap()
}

fn name() -> CredentialName {
    NAME.parse().unwrap()
}

fn meta(uid: &str) -> Meta {
    let time = SystemTime::UNIX_EPOCH;
    Meta { uid: uid.to_owned(), revision: Revision(0), generation: 1, create_time: time, update_time: time }
}

fn seed(provider: &ProviderDouble, store: &dyn Store, sealer: &Sealer, status: CredentialStatus) -> Vec<Change> {
    let origin = provider.base_url.origin();
    let binding = SealedField::value("crd_1").binding(store.identity().store_id, 1, origin.as_str());
    let sealed = sealer.seal(&Secret::from("sk-canary-value".to_owned()), binding);
    let credential = Stored {
        name: name(),
        meta: meta("crd_1"),
        spec: Credential {
            display_name: "c".to_owned(),
            value: StoredValue {
                kind: CredentialType::ApiKey,
                held: HeldValue::Here(sealed),
                masked: "***".to_owned(),
                version: 1,
                destinations: Destinations::of(CredentialType::ApiKey, origin),
            },
            additional_key: None,
            quota_group: None,
            weight: Weight::DEFAULT,
            disabled: false,
            owner: String::new(),
            expire_time: None,
        },
    };
    let provider =
        Stored { name: name().provider(), meta: meta("aip_1"), spec: Provider::stand_in(provider.base_url.clone()) };
    let put = |key: Arc<str>, value: Vec<u8>| Change { key, value: Some(value.into()) };
    vec![
        put(key::spec("projects/p/providers/a"), provider.to_record()),
        put(key::spec(NAME), credential.to_record()),
        put(key::status(NAME), status.to_record()),
    ]
}

async fn commit(store: &dyn Store, changes: Vec<Change>) {
    store.commit(Commit { preconditions: Vec::new(), changes }).await.unwrap();
}

fn known(health: Health, reason: Option<HealthReason>) -> CredentialStatus {
    CredentialStatus { value_version: 1, health, reason, last_check_time: None, last_error: None }
}

#[tokio::test]
async fn a_dead_key_that_every_proxy_reports_is_asked_about_once_and_taken_out() {
    let world = World::new((401, "{}"), known(Health::Active, None)).await;
    let before = world.store.head();
    for _ in 0..200 {
        world.tell(Finding::Rejected, 1).await;
    }
    let status = world.until(|status| status.health == Health::Inactive).await;
    assert_eq!(status.reason, Some(HealthReason::Rejected));
    assert_eq!(status.last_error.as_ref().unwrap().upstream_status, Some(401));
    // A check waits for everything before it.
    world.health.check(name()).await.unwrap();
    assert_eq!(world.provider.asked().len(), 2, "one probe for the reports, one for the check");
    assert_eq!(world.store.head(), Revision(before.0 + 2));
}

/// Nobody else used it in the last minute, but another proxy has it: what the one says takes nothing away.
#[tokio::test]
async fn a_healthy_key_that_a_hostile_proxy_reports_goes_on_serving() {
    let world = World::new((200, MODELS), known(Health::Active, None)).await;
    // First what no probe can refute.
    for finding in [Finding::Exhausted, Finding::Rejected, Finding::RateLimited, Finding::Denied] {
        for _ in 0..50 {
            let told = Told {
                evidence: vec![Evidence { finding, ..exhausted(1000) }],
                shared: [name().provider()].into(),
                ..Told::default()
            };
            world.health.report(&"proxies/hostile".parse().unwrap(), told).await.unwrap();
        }
    }
    let status = world.until(|status| status.last_error.is_some()).await;
    assert_eq!(status.health, Health::Active, "{status:?}");
    assert_eq!(world.provider.asked().len(), 1);
}

#[tokio::test]
async fn reports_of_an_older_value_are_nothing() {
    let world = World::new((401, "{}"), known(Health::Active, None)).await;
    for _ in 0..10 {
        world.tell(Finding::Rejected, 0).await;
        world.tell(Finding::Rejected, 2).await;
    }
    world.tell(Finding::Served, 1).await;
    world.health.check(name()).await.unwrap();
    assert_eq!(world.provider.asked().len(), 1, "only the check asked");
}

#[tokio::test]
async fn the_first_request_that_is_served_makes_a_credential_active() {
    let world = World::new((500, ""), known(Health::Unverified, Some(HealthReason::NotYetUsed))).await;
    world.tell(Finding::Served, 1).await;
    world.until(|status| status.health == Health::Active).await;
    assert_eq!(world.provider.asked().len(), 0);
}

#[tokio::test]
async fn a_check_brings_a_repaired_credential_back() {
    let world = World::new((401, "{}"), known(Health::Active, None)).await;
    world.health.check(name()).await.unwrap();
    assert_eq!(world.status().health, Health::Inactive);
    world.provider.answer(200, MODELS);
    world.health.check(name()).await.unwrap();
    assert_eq!((world.status().health, world.status().reason), (Health::Active, None));
    assert_eq!(world.status().last_error, None);
}

#[tokio::test]
async fn a_check_of_nothing_is_answered() {
    let world = World::new((200, MODELS), known(Health::Active, None)).await;
    let other = "projects/p/providers/a/credentials/other".parse().unwrap();
    assert_eq!(world.health.check(other).await, Ok(()));
    assert_eq!(world.provider.asked().len(), 0);
}

#[tokio::test]
async fn a_value_never_goes_to_another_origin() {
    let world = World::new((200, MODELS), known(Health::Active, None)).await;
    let elsewhere = ProviderDouble::answering(200, MODELS).await;
    let mut provider = (*world.views.load().providers[&name().provider()]).clone();
    provider.spec.base_url = elsewhere.base_url.clone();
    let change = Change { key: key::spec("projects/p/providers/a"), value: Some(provider.to_record().into()) };
    commit(&*world.store, vec![change]).await;
    world.views.wait_for(world.store.head()).await.unwrap();
    world.tell(Finding::Rejected, 1).await;
    world.health.check(name()).await.unwrap();
    assert_eq!((world.provider.asked().len(), elsewhere.asked().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_out_is_asked_about_again_after_a_restart_until_it_is_good() {
    let world = World::new((401, "{}"), known(Health::Inactive, Some(HealthReason::Rejected))).await;
    world.until(|status| status.last_check_time.is_some()).await;
    assert_eq!(world.status().health, Health::Inactive);
    world.provider.answer(200, MODELS);
    world.until(|status| status.health == Health::Active).await;
    assert_eq!(world.provider.asked().len(), 2);
}

/// Its re-check fell into the time in which nobody was to be asked: it is asked about again once somebody may be.
#[tokio::test(start_paused = true)]
async fn what_is_out_is_asked_about_again_when_its_provider_is_enabled_again() {
    let world = World::new((401, "{}"), known(Health::Active, None)).await;
    world.health.check(name()).await.unwrap();
    assert_eq!(world.status().health, Health::Inactive);
    world.enable_provider(false).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(world.provider.asked().len(), 1, "a disabled provider is not asked");
    world.provider.answer(200, MODELS);
    world.enable_provider(true).await;
    world.until(|status| status.health == Health::Active).await;
}

/// Reports of every kind, checks and a moving provider at once: every check is answered, and what is stored is what the provider said last.
#[tokio::test]
async fn every_check_in_a_storm_is_answered() {
    let world = World::new((401, "{}"), known(Health::Active, None)).await;
    let checks = futures_util::future::join_all((0..20).map(|_| world.health.check(name())));
    let reports = async {
        for at in 0..200_u16 {
            let finding =
                [Finding::Rejected, Finding::Served, Finding::Denied, Finding::Exhausted][usize::from(at % 4)];
            let evidence = Evidence {
                credential: name(),
                value_version: 1,
                finding,
                count: 1,
                upstream_status: Some(400 + at % 100),
            };
            world.tell_as("proxies/a", evidence).await;
        }
    };
    let (answers, ()) = tokio::join!(checks, reports);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.status().health, Health::Inactive);
    assert!(world.provider.asked().len() <= 3, "checks that wait are one: {}", world.provider.asked().len());
}

fn exhausted(count: u64) -> Evidence {
    let finding = Finding::Exhausted;
    Evidence { credential: name(), value_version: 1, finding, count, upstream_status: Some(429) }
}

#[tokio::test]
async fn an_empty_account_that_no_list_shows_is_taken_out_by_most_of_its_proxies() {
    let world = World::new((200, MODELS), known(Health::Active, None)).await;
    for proxy in ["proxies/a", "proxies/b", "proxies/c"] {
        world.use_as(proxy).await;
    }
    world.tell_as("proxies/a", exhausted(1_000_000)).await;
    let noted = world.until(|status| status.last_error.is_some()).await;
    assert_eq!(noted.health, Health::Active, "one of three");
    world.tell_as("proxies/b", exhausted(1)).await;
    let status = world.until(|status| status.health == Health::Inactive).await;
    assert_eq!(status.reason, Some(HealthReason::Exhausted));
    assert_eq!(world.provider.asked().len(), 1, "one probe for all of them");
    // An admin who knows better brings it back, and what was said before counts no more.
    world.health.check(name()).await.unwrap();
    assert_eq!(world.status().health, Health::Active);
    world.tell_as("proxies/c", exhausted(1)).await;
    world.health.check(name()).await.unwrap();
    assert_eq!(world.status().health, Health::Active);
}

#[tokio::test]
async fn the_only_proxy_takes_an_empty_account_out_after_five_failures() {
    let world = World::new((200, MODELS), known(Health::Active, None)).await;
    world.tell_as("proxies/a", exhausted(4)).await;
    world.until(|status| status.last_error.is_some()).await;
    assert_eq!(world.status().health, Health::Active);
    world.tell_as("proxies/a", exhausted(1)).await;
    world.until(|status| status.health == Health::Inactive).await;
}

/// Ten thousand findings of a hostile proxy, of a key that others use: nothing changes for them, and the provider is asked once.
#[tokio::test]
async fn a_storm_of_one_hostile_proxy_changes_nothing() {
    let world = World::new((200, MODELS), known(Health::Active, None)).await;
    world.use_as("proxies/honest").await;
    for at in 0..10_000_u64 {
        let finding = if at.is_multiple_of(2) { Finding::Exhausted } else { Finding::Rejected };
        world.tell_as("proxies/hostile", Evidence { finding, ..exhausted(1000) }).await;
    }
    world.health.check(name()).await.unwrap();
    assert_eq!(world.status().health, Health::Active);
    assert!(world.provider.asked().len() <= 3, "{}", world.provider.asked().len());
}

/// A store in which somebody else changes the status just before the first commit that is decided on one.
#[derive(Debug)]
struct RacedStore {
    store: MemoryStore,
    other: Mutex<Option<Change>>,
}

impl Store for RacedStore {
    fn identity(&self) -> Identity {
        self.store.identity()
    }

    fn head(&self) -> Revision {
        self.store.head()
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let other = self.other.lock().unwrap().take_if(|_| !commit.preconditions.is_empty());
            if let Some(change) = other {
                self.store.commit(Commit { preconditions: Vec::new(), changes: vec![change] }).await?;
            }
            self.store.commit(commit).await
        })
    }

    fn range(&self, prefix: &str) -> StoreFuture<'_, Result<Range, StoreError>> {
        self.store.range(prefix)
    }

    fn watch(&self, after: Revision) -> Box<dyn Watch> {
        self.store.watch(after)
    }

    fn observe(&self, changes: Vec<Change>) -> StoreFuture<'_, Result<(), ObserveError>> {
        self.store.observe(changes)
    }

    fn observed(&self, prefix: &str) -> StoreFuture<'_, Result<Vec<Observation>, StoreError>> {
        self.store.observed(prefix)
    }

    fn compact(&self, up_to: Revision) -> StoreFuture<'_, Result<(), StoreError>> {
        self.store.compact(up_to)
    }
}

#[tokio::test]
async fn a_status_is_stored_only_over_the_one_that_it_was_decided_on() {
    let out = known(Health::Inactive, Some(HealthReason::Rejected));
    let change = Change { key: key::status(NAME), value: Some(out.to_record().into()) };
    let store = MemoryStore::new();
    // What unlocking stores has preconditions of its own.
    let keys = master_keys();
    Sealer::unlock(&store, &keys).await.unwrap();
    let store = RacedStore { store, other: Mutex::new(Some(change)) };
    let world = World::on(Arc::new(store), (500, ""), known(Health::Active, None)).await;
    world.health.check(name()).await.unwrap();
    // It answered nothing of use: by the status that was read it would serve, by the one that is there it does not.
    let status = world.status();
    assert_eq!((status.health, status.reason), (Health::Inactive, Some(HealthReason::Rejected)));
    assert!(status.last_check_time.is_some());
    assert_eq!(world.provider.asked().len(), 1, "decided anew, and not asked again");
}

/// The provider moves to another path of its host while it is asked: what it answered there is of another API.
#[tokio::test]
async fn what_was_answered_at_a_place_that_is_the_providers_no_more_is_asked_anew() {
    let store = MemoryStore::new();
    let keys = master_keys();
    Sealer::unlock(&store, &keys).await.unwrap();
    let store = Arc::new(RacedStore { store, other: Mutex::new(None) });
    let world = World::on(store.clone(), (200, MODELS), known(Health::Active, None)).await;
    let mut provider = (*world.views.load().providers[&name().provider()]).clone();
    provider.spec.base_url = base_url(&format!("{}/moved", world.provider.base_url.origin()));
    let change = Change { key: key::spec("projects/p/providers/a"), value: Some(provider.to_record().into()) };
    *store.other.lock().unwrap() = Some(change);
    world.provider.answer_next(401, "{}");
    world.health.check(name()).await.unwrap();
    assert_eq!((world.status().health, world.status().last_error.clone()), (Health::Active, None));
    let asked: Vec<_> = world.provider.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(asked, ["/v1/models", "/moved/models"]);
}
