//! One control plane, from its start to its end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus_client::registry::Registry;
use proto::admin::v1::caller_key_service_server::CallerKeyServiceServer;
use proto::admin::v1::credential_service_server::CredentialServiceServer;
use proto::admin::v1::environment_service_server::EnvironmentServiceServer;
use proto::admin::v1::fleet_service_server::FleetServiceServer;
use proto::admin::v1::model_service_server::ModelServiceServer;
use proto::admin::v1::project_service_server::ProjectServiceServer;
use proto::admin::v1::provider_service_server::ProviderServiceServer;
use proto::admin::v1::rate_service_server::RateServiceServer;
use proto::admin::v1::secret_service_server::SecretServiceServer;
use proto::admin::v1::system_service_server::SystemServiceServer;
use shared::dial::{CONNECT_TIMEOUT, DialError, Dialer};
use shared::oauth::Minter;
use shared::revision::Revision;
use shared::task::Tasks;
use tokio::net::TcpListener;
use tokio::task::JoinError;
use tonic::service::Routes;

use crate::bootstrap::{self, BootstrapError, JoinTokenError};
use crate::config::{self, Config};
use crate::health::probe::Prober;
use crate::health::schedule::{self, HealthHandle};
use crate::server::tls::{self, TlsError};
use crate::server::{self};
use crate::service::caller_key::CallerKeys;
use crate::service::credential::Credentials;
use crate::service::environment::Environments;
use crate::service::fleet::Fleet;
use crate::service::model::Models;
use crate::service::project::Projects;
use crate::service::provider::Providers;
use crate::service::rate::Rates;
use crate::service::secret::Secrets;
use crate::service::system::{FleetStatus, System};
use crate::service::{Allowance, Context, Sealing, forget_expired};
use crate::store::sled::{Options, SledStore};
use crate::store::{Store, StoreError};
use crate::surface::grpc::{self, Grpc};
use crate::surface::ops::{Ops, Readiness};
use crate::sync::report::{self, EvidenceSink};
use crate::sync::{Parts, Sync, SyncError};
use crate::view::{OpenError, ViewStopped, Views, last_used};

/// How often remembered answers that have expired are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// How many batches of reports wait for the health engine.
const REPORTS: usize = 64;

/// The sockets that a control plane serves on, bound before it starts, so that port 0 can be asked what it became.
#[derive(Debug)]
pub struct Listeners {
    /// The admin API's.
    pub admin: TcpListener,
    /// The sync streams'.
    pub sync: TcpListener,
    /// The metrics'.
    pub metrics: TcpListener,
}

impl Listeners {
    /// Binds all three.
    ///
    /// # Errors
    ///
    /// When one of the addresses can't be had.
    pub async fn bind(config: &Config) -> Result<Self, RunError> {
        let bind = async |flag, address| {
            TcpListener::bind(address).await.map_err(|source| RunError::Bind { flag, address, source })
        };
        Ok(Self {
            admin: bind("admin-listen", config.admin_listen).await?,
            sync: bind("sync-listen", config.sync_listen).await?,
            metrics: bind("metrics-listen", config.metrics_listen).await?,
        })
    }
}

/// Why a control plane did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address can't be had.
    #[error("--{flag} {address} can't be listened on")]
    Bind {
        /// Which listener's flag.
        flag: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A listener does not know its own address.
    #[error("a listener can't be used")]
    Listener(#[source] io::Error),
    /// The admin API would be served in clear to other machines.
    #[error("{0}")]
    Plaintext(String),
    /// The admin listener's certificate can't be used.
    #[error("the admin listener has no TLS")]
    Tls(#[from] TlsError),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that opens the store ended badly.
    #[error("the store could not be opened")]
    Open(#[source] JoinError),
    /// What the store holds can't be used.
    #[error("what the store holds can't be used")]
    View(#[from] OpenError),
    /// The first admin token could not be made.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The first join token could not be made.
    #[error(transparent)]
    JoinToken(#[from] JoinTokenError),
    /// Upstreams can't be called.
    #[error("upstreams can't be called")]
    Dial(#[from] DialError),
    /// The sync side can't start.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The descriptors of the build can't be read.
    #[error("the descriptors can't be read")]
    Descriptors(#[from] tonic_reflection::server::Error),
    /// The store, or the view of it, ended while serving.
    #[error("the store stopped while serving; the log says why")]
    Stopped(#[from] ViewStopped),
}

/// Runs a control plane until `shutdown`, then stops accepting, lets requests in flight finish and closes the store.
///
/// # Errors
///
/// When it can't start, or its store stops.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let data_dir = config.data_dir.clone();
    let tasks = Tasks::new();
    let opened = tasks.spawn_blocking(move || SledStore::open(&data_dir, Options::default())).await;
    let store = Arc::new(opened.map_err(RunError::Open)??);
    // The view outlives what serves: a write that is in flight at the end is answered once the view shows it.
    let last = Tasks::new();
    let outcome = match Views::open(store.clone(), &last).await {
        Ok(views) => serve(&config, listeners, store.clone(), views, &tasks, shutdown).await,
        Err(error) => Err(error.into()),
    };
    tasks.stopped().await;
    last.stopped().await;
    store.close().await;
    outcome
}

async fn serve(
    config: &Config,
    listeners: Listeners,
    store: Arc<dyn Store>,
    views: Views,
    tasks: &Tasks,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let start_time = SystemTime::now();
    let admin_address = listeners.admin.local_addr().map_err(RunError::Listener)?;
    if let Some(problem) =
        config::plaintext_problem(admin_address, config.admin_tls.as_ref(), config.admin_allow_plaintext)
    {
        return Err(RunError::Plaintext(problem));
    }
    let tls = config.admin_tls.as_ref().map(|files| tls::acceptor(&files.certificate, &files.key)).transpose()?;

    let sealing = bootstrap::unseal(&*store, &config.master_key_file).await;
    if sealing.sealer().is_ok() {
        bootstrap::admin_token(&*store, &views.load(), &config.bootstrap_token_file).await?;
    }
    let context = Context { store, views: views.clone(), sealing, addresses: config.addresses };
    let dialer = Dialer::new(config.addresses, CONNECT_TIMEOUT)?;
    let prober = Prober::new(&dialer, Minter::new(&dialer, tasks));
    let sealer = context.sealing.sealer().ok().cloned();
    let health = schedule::start(tasks, views.clone(), context.store.clone(), sealer, prober.clone());

    let mut registry = Registry::default();
    let sync = start_sync(config, listeners.sync, &context, &health, tasks).await?;
    if let Some(sync) = &sync {
        sync.register(&mut registry);
    }
    health.register(&mut registry);
    let readiness = Readiness::default();
    let routes = routes(&context, prober, health, sync, start_time)?;
    let grpc = Grpc::new(views.clone(), routes, &mut registry);
    let ops = Ops::new(Arc::new(registry), readiness.clone());
    tasks.spawn("admin", server::serve(listeners.admin, tls, grpc, tasks.clone()));
    tasks.spawn("metrics", server::serve(listeners.metrics, None, ops, tasks.clone()));
    tasks.spawn("last_used", last_used::keep(views.clone(), context.store.clone(), tasks.clone()));
    tasks.spawn("forget", forget_now_and_then(context, tasks.clone()));

    readiness.set(true);
    tracing::info!(admin = %admin_address, revision = %views.load().revision, "serving");
    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        stopped = ended(&views) => Err(stopped.into()),
    };
    readiness.set(false);
    outcome
}

/// Starts the sync side, and makes the first join token. While the store is sealed there is none: proxies go on with what they have.
async fn start_sync(
    config: &Config,
    listener: TcpListener,
    context: &Context,
    health: &HealthHandle,
    tasks: &Tasks,
) -> Result<Option<Sync>, RunError> {
    let Sealing::Open(sealer) = &context.sealing else { return Ok(None) };
    let now = SystemTime::now();
    let (evidence, reported) = EvidenceSink::channel(REPORTS);
    tasks.spawn("evidence", report::forward(reported, health.clone(), tasks.clone()));
    let (store, views) = (context.store.clone(), context.views.clone());
    let parts = Parts { store, views, sealer: sealer.clone(), evidence, tasks: tasks.clone() };
    let sync = Sync::start(parts, now).await?;
    if let Some(path) = &config.bootstrap_join_token_file {
        let fleet = Fleet::new(context.clone(), Some(sync.clone()));
        let pin = sync.ca().pin();
        bootstrap::join_token(&*context.store, &context.views.load(), &fleet, pin, path, now).await?;
    }
    let server = sync.clone();
    let address = listener.local_addr().map_err(RunError::Listener)?;
    tracing::info!(sync = %address, "serving proxies");
    tasks.spawn("sync", async move {
        if let Err(error) = server.serve(listener, now).await {
            tracing::error!(error = &error as &dyn std::error::Error, "proxies are not served any more");
        }
    });
    Ok(Some(sync))
}

/// The services of the admin API.
fn routes(
    context: &Context,
    prober: Prober,
    health: HealthHandle,
    sync: Option<Sync>,
    start_time: SystemTime,
) -> Result<Routes, RunError> {
    let context = || context.clone();
    let allowance = Allowance::default();
    let fleet = sync.clone().map(|sync| Arc::new(sync) as Arc<dyn FleetStatus>);
    Ok(grpc::common_routes()?
        .add_service(ProjectServiceServer::new(Projects::new(context())))
        .add_service(EnvironmentServiceServer::new(Environments::new(context())))
        .add_service(ProviderServiceServer::new(Providers::new(context(), prober.clone(), allowance.clone())))
        .add_service(RateServiceServer::new(Rates::new(context())))
        .add_service(ModelServiceServer::new(Models::new(context())))
        .add_service(CallerKeyServiceServer::new(CallerKeys::new(context())))
        .add_service(CredentialServiceServer::new(Credentials::new(
            context(),
            prober.clone(),
            health,
            allowance.clone(),
        )))
        .add_service(SecretServiceServer::new(Secrets::new(context(), prober, allowance)))
        .add_service(FleetServiceServer::new(Fleet::new(context(), sync)))
        .add_service(SystemServiceServer::new(System::new(context(), fleet, start_time))))
}

/// Ends when the view follows the store no longer: a control plane that can't see its writes must not stay.
async fn ended(views: &Views) -> ViewStopped {
    match views.wait_for(Revision(u64::MAX)).await {
        Ok(_) | Err(ViewStopped) => ViewStopped,
    }
}

async fn forget_now_and_then(context: Context, tasks: Tasks) {
    let mut every = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            () = tasks.stopping() => return,
            _ = every.tick() => {}
        }
        if let Err(error) = forget_expired(&*context.store, SystemTime::now()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "remembered answers could not be forgotten");
        }
    }
}

#[cfg(test)]
mod tests;
