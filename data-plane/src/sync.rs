//! How this proxy gets its config and tells what it learns.
//!
//! ```text
//! Cold ──state applied──► Live ──stream lost──► Detached (serves its last state) ──resumed──► Live
//!                          │ gap, digest mismatch
//!                          ▼
//!                        Repair (serves its last good state) ──snapshot applied──► Live
//! ```
//!
//! One task owns all of it (`client`); what a frame means is decided without I/O ([`environments`], [`apply`]). Requests meet it in two
//! places only: the snapshot, which it writes, and the evidence, which it reads.

pub mod apply;
mod client;
pub mod connect;
pub mod enroll;
pub mod environments;
pub mod evidence;
mod report;
mod session;
pub mod state;
pub mod token;
pub mod verify;

#[cfg(test)]
mod model;

use std::path::PathBuf;
use std::sync::Arc;

use shared::address::AddressPolicy;
use shared::id;
use shared::task::Tasks;
use tokio::sync::watch;

pub use self::connect::ControlUrl;

use self::client::Client;
use self::environments::Environments;
use self::report::Reporter;
use crate::evidence::EvidenceReceiver;
use crate::observe::sync::SyncMetrics;
use crate::snapshot::SnapshotStore;

/// What the sync client has to be told.
#[derive(Debug, Clone)]
pub struct SyncConfig {
    /// The control planes, in any order; at least one.
    pub control: Vec<ControlUrl>,
    /// Where the join token is. A file that is not there yet is awaited.
    pub join_token_file: PathBuf,
    /// What the proxy calls itself.
    pub node_id: String,
    /// Which base URLs it may call; a provider with another one is unusable.
    pub addresses: AddressPolicy,
}

/// Starts the client. It runs until `tasks` stops, and keeps `snapshots` at what the control plane says: [`SnapshotStore::is_ready`] is
/// true once every granted environment has a state.
pub fn start(
    config: SyncConfig,
    snapshots: Arc<SnapshotStore>,
    observations: EvidenceReceiver,
    metrics: SyncMetrics,
    tasks: &Tasks,
) {
    let boot_id = id::random();
    let (live, channel) = watch::channel(None);
    let reporter = Reporter { boot_id, observations, channel, metrics: metrics.clone(), tasks: tasks.clone() };
    let client = Client {
        environments: Environments::new(config.addresses),
        config,
        snapshots,
        metrics,
        tasks: tasks.clone(),
        boot_id,
        identity: None,
        live,
    };
    tasks.spawn("report", reporter.run());
    tasks.spawn("sync", client.run());
}
