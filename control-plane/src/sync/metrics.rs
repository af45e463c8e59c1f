//! What the sync side counts. All names begin with `keyplane_sync_`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use proto::sync::v1;

use super::decide::{Cause, Decision};

/// Counters and gauges of the sync side.
#[derive(Debug, Default)]
pub struct Metrics {
    /// `encodings_total`: frames encoded for all streams together; it does not grow with their number.
    pub encodings: Counter,
    /// `deltas_published_total`.
    pub deltas_published: Counter,
    /// `snapshots_sent_total`: whole states sent, to the end.
    pub snapshots_sent: Counter,
    /// `hellos_total{decision}`: one for each environment of a hello.
    pub hellos: Family<DecisionLabel, Counter>,
    /// `refused_frames_total{reason}`: frames that proxies could not apply.
    pub refused_frames: Family<RefusalLabel, Counter>,
    /// `streams`: open now.
    pub streams: Gauge,
    /// `lag_seconds`: how long the proxy that is furthest behind has been so.
    pub lag_seconds: Gauge,
    /// `streams_ended_total{reason}`: ended by the control plane.
    pub streams_ended: Family<EndLabel, Counter>,
    /// `sessions_turned_away_total`: told to come back later.
    pub sessions_turned_away: Counter,
    /// `handshakes_failed_total`: connections whose TLS handshake failed.
    pub handshakes_failed: Counter,
    /// `enrollments_total{outcome}`.
    pub enrollments: Family<EnrollmentLabel, Counter>,
    /// `credentials_unopened_total`: sealed values that did not open when they were to be sent.
    pub credentials_unopened: Counter,
    /// `evidence_dropped_total{reason}`: findings that changed nothing.
    pub evidence_dropped: Family<EvidenceDropLabel, Counter>,
    /// `uses_dropped_total{reason}`: uses that were not noted.
    pub uses_dropped: Family<EvidenceDropLabel, Counter>,
}

impl Metrics {
    /// Registers everything under `keyplane_sync_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("keyplane_sync");
        registry.register("encodings", "Frames encoded, for all streams together", self.encodings.clone());
        registry.register("deltas_published", "Deltas published", self.deltas_published.clone());
        registry.register("snapshots_sent", "Whole states sent to a proxy", self.snapshots_sent.clone());
        registry.register("hellos", "Environments of hellos, by what was decided", self.hellos.clone());
        registry.register("refused_frames", "Frames that proxies could not apply", self.refused_frames.clone());
        registry.register("streams", "Sync streams open now", self.streams.clone());
        registry.register("lag_seconds", "How long the furthest behind has been so", self.lag_seconds.clone());
        registry.register("streams_ended", "Streams ended by the control plane", self.streams_ended.clone());
        registry.register(
            "sessions_turned_away",
            "Sessions told to come back later",
            self.sessions_turned_away.clone(),
        );
        registry.register("handshakes_failed", "TLS handshakes that failed", self.handshakes_failed.clone());
        registry.register("enrollments", "Enrollments and renewals", self.enrollments.clone());
        registry.register(
            "credentials_unopened",
            "Sealed values that did not open when they were to be sent",
            self.credentials_unopened.clone(),
        );
        registry.register("evidence_dropped", "Findings that changed nothing", self.evidence_dropped.clone());
        registry.register("uses_dropped", "Uses that were not noted", self.uses_dropped.clone());
    }

    /// Counts what was decided for one environment of a hello.
    pub fn decided(&self, decision: Decision) {
        self.hellos.get_or_create(&DecisionLabel { decision: decision.into() }).inc();
    }

    /// Counts a frame that a proxy could not apply.
    pub fn refused(&self, reason: v1::RefusalReason) {
        let reason = match reason {
            v1::RefusalReason::Unspecified => RefusalWord::Unknown,
            v1::RefusalReason::Gap => RefusalWord::Gap,
            v1::RefusalReason::DigestMismatch => RefusalWord::DigestMismatch,
            v1::RefusalReason::CorruptFrame => RefusalWord::CorruptFrame,
        };
        self.refused_frames.get_or_create(&RefusalLabel { reason }).inc();
    }

    /// Counts a stream that the control plane ended.
    pub fn ended(&self, reason: EndWord) {
        self.streams_ended.get_or_create(&EndLabel { reason }).inc();
    }

    /// Counts an enrollment or a renewal.
    pub fn enrolled(&self, outcome: EnrollmentWord) {
        self.enrollments.get_or_create(&EnrollmentLabel { outcome }).inc();
    }

    /// Counts findings that changed nothing.
    pub fn evidence_dropped(&self, reason: EvidenceDropWord, count: u64) {
        if count > 0 {
            self.evidence_dropped.get_or_create(&EvidenceDropLabel { reason }).inc_by(count);
        }
    }

    /// Counts uses that were not noted.
    pub fn uses_dropped(&self, reason: EvidenceDropWord, count: u64) {
        if count > 0 {
            self.uses_dropped.get_or_create(&EvidenceDropLabel { reason }).inc_by(count);
        }
    }
}

/// The label of `hellos_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabel {
    decision: DecisionWord,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "each is a decision or a cause of the same name")]
pub enum DecisionWord {
    Unavailable,
    Frozen,
    UpToDate,
    Deltas,
    SnapshotNew,
    SnapshotProjection,
    SnapshotBadProof,
    SnapshotBehind,
    SnapshotDrift,
}

impl From<Decision> for DecisionWord {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Unavailable => Self::Unavailable,
            Decision::Frozen => Self::Frozen,
            Decision::UpToDate => Self::UpToDate,
            Decision::Deltas { .. } => Self::Deltas,
            Decision::Snapshot(Cause::New) => Self::SnapshotNew,
            Decision::Snapshot(Cause::Projection) => Self::SnapshotProjection,
            Decision::Snapshot(Cause::BadProof) => Self::SnapshotBadProof,
            Decision::Snapshot(Cause::Behind) => Self::SnapshotBehind,
            Decision::Snapshot(Cause::Drift) => Self::SnapshotDrift,
        }
    }
}

/// The label of `refused_frames_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabel {
    reason: RefusalWord,
}

/// Why a proxy refused a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "each is a reason of the protocol of the same name")]
pub enum RefusalWord {
    Unknown,
    Gap,
    DigestMismatch,
    CorruptFrame,
}

/// The label of `streams_ended_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndLabel {
    reason: EndWord,
}

/// Why the control plane ended a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum EndWord {
    /// Nothing was acknowledged for too long.
    Stalled,
    /// The proxy sent what it may not send.
    Garbage,
    /// A newer stream of the same proxy took over.
    TakenOver,
    /// The proxy's record is gone.
    Revoked,
    /// The control plane stops.
    Stopping,
}

/// The label of `enrollments_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EnrollmentLabel {
    outcome: EnrollmentWord,
}

/// How an enrollment or a renewal went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum EnrollmentWord {
    /// A new proxy.
    Joined,
    /// A proxy that took its name over.
    Rejoined,
    /// A new certificate for the old one.
    Renewed,
    /// No.
    Refused,
}

/// The label of `evidence_dropped_total` and `uses_dropped_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EvidenceDropLabel {
    reason: EvidenceDropWord,
}

/// Why a finding changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum EvidenceDropWord {
    /// By the proxy, for want of room.
    AtProxy,
    /// It is of a credential that the proxy does not have.
    NotGranted,
    /// It can't be read, or is of a kind not known here.
    Unreadable,
    /// A batch held more than it may.
    TooMany,
    /// The proxy tells more than one may.
    TooFast,
}
