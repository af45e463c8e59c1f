//! What proxies tell: batches, counted once, of which only what a proxy may speak of is handed on.

use std::sync::Arc;
use std::time::SystemTime;

use proto::sync::v1;
use shared::name::ProxyName;
use shared::task::Tasks;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::{Status, Streaming};

use super::ca::ProxyIdentity;
use super::fleet::BatchCount;
use super::metrics::EvidenceDropWord;
use super::refusal::Refusal;
use super::{Shared, fleet};
use crate::health::evidence::Evidence;
use crate::health::schedule::HealthHandle;
use crate::resource::Proxy;
use crate::view::View;

/// The most findings that one batch may have.
const MAX_FINDINGS: usize = 1000;

/// How many acknowledgements wait for HTTP/2.
pub(super) const ACKS: usize = 16;

/// What one batch of a proxy told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The proxy.
    pub proxy: ProxyName,
    /// What it found, of credentials that it has.
    pub evidence: Vec<Evidence>,
    /// When it came.
    pub time: SystemTime,
}

/// Takes evidence to whoever decides over credentials' health. A full one holds up the reports, and nothing else.
#[derive(Debug, Clone)]
pub struct EvidenceSink(mpsc::Sender<Reported>);

impl EvidenceSink {
    /// A sink that holds so many batches, and where they come out.
    #[must_use]
    pub fn channel(batches: usize) -> (Self, mpsc::Receiver<Reported>) {
        let (sender, receiver) = mpsc::channel(batches);
        (Self(sender), receiver)
    }

    /// Hands a batch on; `false` where nobody takes it any more.
    async fn hand_on(&self, reported: Reported) -> bool {
        self.0.send(reported).await.is_ok()
    }
}

/// Hands what comes out of a sink to the health engine, until the tasks are asked to stop.
pub async fn forward(mut reported: mpsc::Receiver<Reported>, health: HealthHandle, tasks: Tasks) {
    loop {
        let next = tokio::select! {
            () = tasks.stopping() => return,
            next = reported.recv() => next,
        };
        let Some(Reported { proxy, evidence, time: _ }) = next else { return };
        if health.report(&proxy, evidence).await.is_err() {
            return;
        }
    }
}

/// Takes a proxy's batches until it or the control plane ends.
pub(super) async fn take(
    shared: Arc<Shared>,
    identity: ProxyIdentity,
    expires: Instant,
    mut batches: Streaming<v1::Batch>,
    acks: mpsc::Sender<Result<v1::BatchAck, Status>>,
) {
    let ends = loop {
        let batch = tokio::select! {
            () = shared.tasks.stopping() => break Refusal::Stopping,
            () = sleep_until(expires) => break Refusal::CertificateExpired,
            () = acks.closed() => return,
            batch = batches.message() => batch,
        };
        let taken = match batch {
            Ok(Some(batch)) => shared.take_batch(&identity, batch).await,
            Ok(None) => return,
            Err(_) => Err(Refusal::Garbage { problem: "a batch can't be read" }),
        };
        let refused = taken.is_err();
        if acks.send(taken.map_err(Status::from)).await.is_err() || refused {
            return;
        }
    };
    // Whoever does not read it learns it from the end of the stream.
    let _ = acks.try_send(Err(ends.into()));
}

impl Shared {
    async fn take_batch(&self, identity: &ProxyIdentity, batch: v1::Batch) -> Result<v1::BatchAck, Refusal> {
        let boot = batch.boot_id.as_ref().try_into();
        let boot = boot.map_err(|_length| Refusal::Garbage { problem: "a boot id must have 16 bytes" })?;
        if batch.sequence == 0 {
            return Err(Refusal::Garbage { problem: "batches count from 1" });
        }
        self.fleet.check(identity)?;
        let view = self.views.load();
        let record = view.proxies.get(&identity.name);
        let record = record.ok_or_else(|| Refusal::NotEnrolled { proxy: identity.name.to_string() })?;
        let ack = v1::BatchAck { sequence: batch.sequence };
        if self.fleet.count_batch(&identity.name, boot, batch.sequence) == BatchCount::Counted {
            return Ok(ack);
        }
        let evidence = self.sift(&view, record, &batch.credential_evidence);
        let reported = Reported { proxy: identity.name.clone(), evidence, time: SystemTime::now() };
        if !reported.evidence.is_empty() && !self.evidence.hand_on(reported).await {
            return Err(Refusal::Stopping);
        }
        Ok(ack)
    }

    /// The findings that the proxy may speak of.
    fn sift(&self, view: &View, record: &Proxy, found: &[v1::CredentialEvidence]) -> Vec<Evidence> {
        if let Some(over) = found.len().checked_sub(MAX_FINDINGS).filter(|over| *over > 0) {
            self.metrics.evidence_dropped(EvidenceDropWord::TooMany, over as u64);
        }
        let read = found.iter().take(MAX_FINDINGS).filter_map(|wire| {
            let read = Evidence::try_from(wire);
            if read.is_err() {
                self.metrics.evidence_dropped(EvidenceDropWord::Unreadable, 1);
            }
            read.ok()
        });
        read.filter(|evidence| {
            let granted = may_speak_of(view, record, evidence);
            if !granted {
                self.metrics.evidence_dropped(EvidenceDropWord::NotGranted, 1);
            }
            granted
        })
        .collect()
    }
}

/// Whether the proxy has the credential: its provider is active in one of the proxy's environments.
fn may_speak_of(view: &View, record: &Proxy, evidence: &Evidence) -> bool {
    let Some(provider) = view.providers.get(&evidence.credential.provider()) else { return false };
    provider.spec.environments.iter().any(|environment| fleet::is_granted(record, environment))
}
