//! Keyplane's proxy: serves the APIs that applications speak, with the providers and credentials that the control plane streams.
//!
//! In reading order: `server` accepts, `http` finds operation and caller, `serve` makes attempts until one serves, with what `snapshot`
//! holds and `balance` picks. `sync` keeps the snapshot current.

pub mod config;

pub mod server;

mod http;

mod serve;

mod balance;

mod protocol;

mod upstream;

pub mod snapshot;

pub mod sync;

pub mod evidence;

pub mod observe;

mod error;

mod exchange;

mod json;

mod hop;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

use std::future::Future;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use shared::task::Tasks;

use self::config::Config;
use self::observe::sync::SyncMetrics;
use self::server::{Listeners, Parts, RunError};
use self::snapshot::SnapshotStore;
use self::sync::SyncConfig;

/// Runs a proxy until `shutdown`: follows the control plane, serves applications, and in the end drains.
///
/// # Errors
///
/// When it can't begin, or a worker ended by itself.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let snapshots = Arc::new(SnapshotStore::new());
    let (evidence, observations) = evidence::channel();
    let mut registry = Registry::default();
    let tasks = Tasks::new();
    let sync_metrics = SyncMetrics::default();
    sync_metrics.register(&mut registry);
    let sync_config = SyncConfig {
        control: config.control.clone(),
        join_token_file: config.join_token_file.clone(),
        node_id: config.node_id.clone(),
        addresses: config.address_policy(),
    };
    sync::start(sync_config, Arc::clone(&snapshots), observations, sync_metrics, &tasks);
    server::serve(&config, listeners, Parts { snapshots, evidence, registry, tasks }, shutdown).await
}
