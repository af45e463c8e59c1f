//! What is counted of the admin API.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

/// The upper ends of the buckets, in seconds: from a read to a write on a slow disk.
const BUCKETS: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// What is counted. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    requests: Family<Labels, Counter>,
    durations: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// As gRPC numbers it.
    code: i32,
}

impl Metrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self { requests: Family::default(), durations: Histogram::new(BUCKETS) };
        let help = "Requests to the admin API that were answered, by the gRPC code of the answer";
        registry.register("keyplane_admin_requests", help, metrics.requests.clone());
        let help = "Time until the head of an answer of the admin API";
        registry.register_with_unit("keyplane_admin_request_duration", help, Unit::Seconds, metrics.durations.clone());
        metrics
    }

    pub(super) fn answered(&self, code: Code, elapsed: Duration) {
        self.requests.get_or_create(&Labels { code: code.into() }).inc();
        self.durations.observe(elapsed.as_secs_f64());
    }
}
