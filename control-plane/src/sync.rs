//! The control plane's side of the sync protocol: how config reaches proxies, and what they tell back.
//!
//! ```text
//! store.watch ─► publisher ─► projection ─► feeds (encoded once) ─► streams (a cursor each) ─► fleet
//!                                                                   reports ─► evidence
//! ```
//!
//! In reading order: what a state is, what changes it, who gets it.

pub mod position;

pub mod projection;

pub mod frame;

pub mod feed;

pub mod feeds;

pub mod pace;

pub mod publisher;

pub mod decide;

pub mod metrics;

pub mod refusal;

pub mod admission;

pub mod kept;

pub mod ca;

pub mod tls;

pub mod join_token;

pub mod enroll;

pub mod fleet;

pub mod report;

pub mod stream;

mod keeper;

mod server;

#[cfg(test)]
pub(crate) mod tests;

pub use server::SyncServer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::registry::Registry;
use shared::id;
use shared::secret::Secret;
use shared::task::Tasks;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::transport::Server;

use self::admission::Bucket;
use self::ca::{Ca, CaError};
use self::enroll::Enroller;
use self::feeds::Feeds;
use self::fleet::Fleet;
use self::kept::{Kept, KeptError};
use self::metrics::Metrics;
use self::position::ProofKey;
use self::refusal::Refusal;
use self::report::{Allowances, EvidenceSink};
use self::tls::TlsError;
use crate::store::Store;
use crate::store::seal::Sealer;
use crate::view::Views;

/// How often HTTP/2 asks whether the other side is there.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How long the other side may take to answer that.
const PING_ANSWER: Duration = Duration::from_secs(10);

/// The most calls of one connection at a time.
const STREAMS_PER_CONNECTION: u32 = 100;

/// What the sync side is made of.
#[derive(Debug)]
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The view of it.
    pub views: Views,
    /// What opens sealed values.
    pub sealer: Arc<Sealer>,
    /// Where evidence goes.
    pub evidence: EvidenceSink,
    /// What waits for the tasks of the sync side.
    pub tasks: Tasks,
}

/// Why the sync side can't start.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The CA can't be used.
    #[error("the fleet's CA can't be used")]
    Ca(#[from] CaError),
    /// The key that proves positions can't be had.
    #[error("the key of this epoch's positions can't be had")]
    ProofKey(#[from] KeptError),
    /// The listener can't be set up.
    #[error("the sync listener can't be set up")]
    Tls(#[from] TlsError),
    /// The feeds could not be read from the view.
    #[error("the feeds could not be read from the view")]
    Feeds,
    /// The server ended.
    #[error("the sync listener's server ended")]
    Server(#[from] tonic::transport::Error),
}

/// The sync side: what its streams, the admin services and the health engine share. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Sync {
    shared: Arc<Shared>,
}

/// What streams and reports share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Arc<dyn Store>,
    views: Views,
    feeds: Arc<Feeds<Arc<Sealer>>>,
    fleet: Arc<Fleet>,
    ca: Arc<Ca>,
    enroller: Enroller,
    evidence: EvidenceSink,
    allowances: Allowances,
    metrics: Arc<Metrics>,
    admission: Mutex<Bucket>,
    tasks: Tasks,
}

impl Sync {
    /// Makes the CA and the epoch's key at the first start, reads the feeds from the view, and begins to publish.
    ///
    /// # Errors
    ///
    /// When a key can't be had or the view can't be read.
    pub async fn start(parts: Parts, now: SystemTime) -> Result<Self, SyncError> {
        let Parts { store, views, sealer, evidence, tasks } = parts;
        let metrics = Arc::new(Metrics::default());
        let ca = Arc::new(Ca::load_or_make(&*store, &sealer, now).await?);
        let key = proof_key(&*store, &sealer).await?;
        let view = views.load();
        let counted = Arc::clone(&metrics);
        // Every credential is opened once: for a large store that takes longer than a task may hold its thread.
        let loading = tasks.spawn_blocking(move || Feeds::load(view, key, sealer, counted));
        let feeds = Arc::new(loading.await.map_err(|_panicked| SyncError::Feeds)?);
        let fleet = Arc::new(Fleet::new());
        let enroller =
            Enroller::new(Arc::clone(&ca), Arc::clone(&store), views.clone(), Arc::clone(&fleet), Arc::clone(&metrics));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let admission = Mutex::new(Bucket::new(cores, Instant::now()));
        let allowances = Allowances::default();
        let shared =
            Shared { store, views, feeds, fleet, ca, enroller, evidence, allowances, metrics, admission, tasks };
        let shared = Arc::new(shared);
        shared.tasks.spawn(
            "publisher",
            publisher::run(
                Arc::clone(&shared.feeds),
                Arc::clone(&shared.store),
                shared.views.clone(),
                shared.tasks.clone(),
            ),
        );
        shared.tasks.spawn("fleet_keeper", keeper::run(Arc::clone(&shared)));
        Ok(Self { shared })
    }

    /// Serves the sync listener until the tasks are asked to stop and every stream has ended.
    ///
    /// # Errors
    ///
    /// When TLS can't be set up, or the server fails.
    pub async fn serve(&self, listener: TcpListener, now: SystemTime) -> Result<(), SyncError> {
        let shared = &self.shared;
        let (ca, metrics) = (Arc::clone(&shared.ca), Arc::clone(&shared.metrics));
        let connections = tls::accept(listener, ca, metrics, &shared.tasks, now)?;
        let stop = shared.tasks.clone();
        Server::builder()
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_ANSWER))
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .add_service(SyncServer::new(Arc::clone(shared)))
            .serve_with_incoming_shutdown(connections, async move { stop.stopping().await })
            .await?;
        Ok(())
    }

    /// Who is connected, and what each proxy has applied.
    #[must_use]
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.shared.fleet
    }

    /// What is published to proxies.
    #[must_use]
    pub fn feeds(&self) -> &Arc<Feeds<Arc<Sealer>>> {
        &self.shared.feeds
    }

    /// The fleet's CA.
    #[must_use]
    pub fn ca(&self) -> &Ca {
        &self.shared.ca
    }

    /// The tasks of the sync side.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// Registers the sync side's metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.shared.metrics.register(registry);
    }
}

impl Shared {
    /// Lets a session in, or says when to come back.
    fn admit(&self) -> Result<(), Refusal> {
        let admitted = self.admission.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now());
        admitted.map_err(|wait| {
            self.metrics.sessions_turned_away.inc();
            Refusal::Busy { pushback: wait + id::random_duration(wait / 2) }
        })
    }
}

/// The key of the store's epoch: another epoch has another one, so that no position of it verifies.
async fn proof_key(store: &dyn Store, sealer: &Sealer) -> Result<ProofKey, KeptError> {
    let key = format!("meta/sync_key/{}", store.identity().epoch);
    let make = || Ok(Kept { public: Vec::new(), secret: Secret::new(id::random::<32>().to_vec()) });
    let kept = kept::load_or_make::<KeptError>(store, sealer, &key, make).await?;
    let bytes = kept.secret.expose().try_into().map_err(|_length| KeptError::Malformed { key })?;
    Ok(ProofKey::new(bytes))
}
