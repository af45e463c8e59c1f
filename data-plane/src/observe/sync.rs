//! What the sync client counts.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shared::name::{EnvironmentName, ResourceName};

/// The sync client's metrics. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SyncMetrics {
    connected: Gauge,
    revision: Family<Environment, Gauge>,
    unusable: Family<Environment, Gauge>,
    deltas: Counter,
    snapshots: Counter,
    refused: Family<Refused, Counter>,
    repairs: Counter,
    reconnects: Counter,
    evidence_dropped: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Environment {
    environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

impl SyncMetrics {
    /// Names them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("keyplane_proxy_sync");
        registry.register("connected", "1 while a stream to a control plane lives", self.connected.clone());
        registry.register("revision", "Revision of the environment's state that is served", self.revision.clone());
        registry.register("unusable", "Resources held that this proxy can't use", self.unusable.clone());
        registry.register("deltas_applied", "Deltas applied", self.deltas.clone());
        registry.register("snapshots_applied", "Snapshots applied", self.snapshots.clone());
        registry.register("refused", "Frames refused, by reason", self.refused.clone());
        registry.register("repairs", "Times that the state held was found to be wrong", self.repairs.clone());
        registry.register("reconnects", "Connections tried after the first", self.reconnects.clone());
        registry.register("evidence_dropped", "Findings dropped for want of room", self.evidence_dropped.clone());
    }

    /// A stream lives.
    pub(crate) fn connected(&self) {
        self.connected.set(1);
    }

    /// It does not any more.
    pub(crate) fn disconnected(&self) {
        self.connected.set(0);
    }

    /// A connection is tried again.
    pub(crate) fn reconnecting(&self) {
        self.reconnects.inc();
    }

    /// A delta was applied.
    pub(crate) fn delta_applied(&self) {
        self.deltas.inc();
    }

    /// A snapshot was.
    pub(crate) fn snapshot_applied(&self) {
        self.snapshots.inc();
    }

    /// Where an environment stands.
    pub(crate) fn stands(&self, environment: &EnvironmentName, revision: u64, unusable: usize) {
        self.revision.get_or_create(&label(environment)).set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.unusable.get_or_create(&label(environment)).set(i64::try_from(unusable).unwrap_or(i64::MAX));
    }

    /// An environment was withdrawn.
    pub(crate) fn withdrawn(&self, environment: &EnvironmentName) {
        self.revision.remove(&label(environment));
        self.unusable.remove(&label(environment));
    }

    /// A frame was refused.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    /// What is held was found to be wrong.
    pub(crate) fn repairing(&self) {
        self.repairs.inc();
    }

    /// How many findings were dropped since the start.
    pub(crate) fn evidence_dropped(&self, since_start: u64) {
        self.evidence_dropped.inner().fetch_max(since_start, Ordering::Relaxed);
    }
}

fn label(environment: &EnvironmentName) -> Environment {
    Environment { environment: environment.as_str().to_owned() }
}
