//! What is counted, and under which names. Nothing else names a metric of the request path.
//!
//! Counters of the path that goes well are found once, at the start; only what goes wrong looks its labels up.

mod histogram;
pub mod sync;

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shared::adapter::{OpenAiRoute, Operation};
use shared::failure::Failure;

use self::histogram::Histogram;

/// The request path's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    served: [Counter; OPERATIONS.len()],
    attempts: Family<AttemptLabels, Counter>,
    attempts_served: Counter,
    durations: [Histogram; OPERATIONS.len()],
    in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_shed: Counter,
    pub(crate) retries_refused: Counter,
    ready: Gauge,
}

/// What calls of a provider for whatever it has are counted under.
pub(crate) const PASSTHROUGH: &str = "passthrough";

/// What requests are counted under, the most frequent first.
const OPERATIONS: [&str; 14] = [
    "chat",
    "responses",
    "embeddings",
    "completion",
    "models",
    "count_tokens",
    "rerank",
    "predict",
    "invoke",
    "images",
    "speech",
    "transcription",
    "moderation",
    PASSTHROUGH,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

/// The outcome of a request that ended as the upstream said.
pub(crate) const SERVED: &str = "served";
/// The outcome of a stream or body that the upstream did not bring to its end.
pub(crate) const CUT: &str = "cut";
/// The outcome of a request whose caller went away.
const ABANDONED: &str = "abandoned";

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("keyplane_proxy");
        let requests = Family::<RequestLabels, Counter>::default();
        let attempts = Family::<AttemptLabels, Counter>::default();
        let durations = Family::<OperationLabels, Histogram>::new_with_constructor(Histogram::default);
        let [connections, in_flight, ready] = [(); 3].map(|()| Gauge::default());
        let [connections_shed, retries_refused] = [(); 2].map(|()| Counter::default());
        registry.register("requests", "Requests by operation and outcome", requests.clone());
        registry.register("attempts", "Upstream calls by result: served, or the failure word", attempts.clone());
        registry.register("request_duration_seconds", "Time from head to end of answer", durations.clone());
        registry.register("requests_in_flight", "Requests being served", in_flight.clone());
        registry.register("connections", "Callers' connections", connections.clone());
        registry.register("connections_shed", "Connections closed over the limit", connections_shed.clone());
        registry.register("retries_refused", "Retries that the budget did not allow", retries_refused.clone());
        registry.register("ready", "Whether every granted environment has a state", ready.clone());
        let labels = |operation| RequestLabels { operation, outcome: SERVED };
        Self {
            served: OPERATIONS.map(|operation| requests.get_or_create_owned(&labels(operation))),
            durations: OPERATIONS.map(|operation| durations.get_or_create_owned(&OperationLabels { operation })),
            attempts_served: attempts.get_or_create_owned(&AttemptLabels { result: SERVED }),
            requests,
            attempts,
            in_flight,
            connections,
            connections_shed,
            retries_refused,
            ready,
        }
    }

    /// An upstream call served.
    pub(crate) fn attempt_served(&self) {
        self.attempts_served.inc();
    }

    /// An upstream call failed.
    pub(crate) fn attempt_failed(&self, failure: Failure) {
        self.attempts.get_or_create(&AttemptLabels { result: failure.word() }).inc();
    }

    /// What is known only when somebody asks.
    pub(crate) fn refresh(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    fn ended(&self, operation: &'static str, outcome: &'static str, started: Instant) {
        let index = OPERATIONS.iter().position(|known| *known == operation).unwrap_or_default();
        if outcome == SERVED {
            self.served[index].inc();
        } else {
            self.requests.get_or_create(&RequestLabels { operation, outcome }).inc();
        }
        self.durations[index].observe(started.elapsed());
        self.in_flight.dec();
    }
}

/// Everything that is registered, in the OpenMetrics text form.
///
/// # Errors
///
/// When a metric can't be written.
pub(crate) fn rendered(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut rendered = String::new();
    text::encode(&mut rendered, registry)?;
    Ok(rendered)
}

pub(crate) fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "chat",
        Operation::Completion => "completion",
        Operation::Embeddings | Operation::EmbeddingBatch => "embeddings",
        Operation::Predict => "predict",
        Operation::Invoke => "invoke",
        Operation::OpenAiOnly(route) => match route {
            OpenAiRoute::ImageGeneration | OpenAiRoute::ImageEdit | OpenAiRoute::ImageVariation => "images",
            OpenAiRoute::Speech => "speech",
            OpenAiRoute::Transcription | OpenAiRoute::Translation => "transcription",
            OpenAiRoute::Moderation => "moderation",
        },
        Operation::ListModels => "models",
        Operation::Responses => "responses",
        Operation::CountTokens => "count_tokens",
        Operation::Rerank => "rerank",
    }
}

/// Counts one request when it is over, however that comes.
#[derive(Debug)]
pub(crate) struct Tally {
    metrics: Arc<Metrics>,
    operation: &'static str,
    started: Instant,
    outcome: &'static str,
}

impl Tally {
    /// A request begins; `operation` is what it is counted under.
    pub(crate) fn begin(metrics: &Arc<Metrics>, operation: &'static str) -> Self {
        metrics.in_flight.inc();
        Self { metrics: Arc::clone(metrics), operation, started: Instant::now(), outcome: ABANDONED }
    }

    /// Says how it went; it is counted when the tally goes.
    pub(crate) fn outcome(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.metrics.ended(self.operation, self.outcome, self.started);
    }
}
