//! What proxies tell: batches, counted once, of which only what a proxy may speak of is handed on, and no more than one proxy may tell.

mod allowance;
mod sift;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::sync::v1;
use shared::name::{CredentialName, ProviderName, ProxyName};
use shared::task::Tasks;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::{Status, Streaming};

use super::Shared;
use super::ca::ProxyIdentity;
use super::fleet::BatchCount;
use super::metrics::EvidenceDropWord;
use super::refusal::Refusal;
use crate::health::evidence::{Evidence, Finding, Told};
use crate::health::schedule::HealthHandle;
use crate::resource::Proxy;
use crate::view::View;

use allowance::{Allowance, Rate};
use sift::{Used, has, may_speak_of};

/// The most findings that one batch may have.
const MAX_FINDINGS: usize = 1000;

/// The most uses that one batch may have.
const MAX_USES: usize = 20_000;

/// How many findings of one proxy are taken: many keys may die at once, but not go on dying.
const FINDINGS: Rate = Rate { burst: 1000, each: Duration::from_millis(20) };

/// How many uses of one proxy are taken.
const USES: Rate = Rate { burst: 50_000, each: Duration::from_micros(100) };

/// How many acknowledgements wait for HTTP/2.
pub(super) const ACKS: usize = 16;

/// What one batch of a proxy told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The proxy.
    pub proxy: ProxyName,
    /// What it used and found, of credentials that it has.
    pub told: Told,
    /// When it came.
    pub time: SystemTime,
}

/// Takes evidence to whoever decides over credentials' health. A full one holds up the reports, and nothing else.
#[derive(Debug, Clone)]
pub struct EvidenceSink(mpsc::Sender<Reported>);

/// How much each proxy may still tell.
#[derive(Debug)]
pub(super) struct Allowances {
    findings: Allowance,
    uses: Allowance,
}

impl Default for Allowances {
    fn default() -> Self {
        Self { findings: Allowance::new(FINDINGS), uses: Allowance::new(USES) }
    }
}

impl Allowances {
    /// Forgets the proxies that are quiet.
    pub(super) fn forget_quiet(&self, now: Instant) {
        self.findings.forget_quiet(now);
        self.uses.forget_quiet(now);
    }
}

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
        let Some(Reported { proxy, told, time: _ }) = next else { return };
        if health.report(&proxy, told).await.is_err() {
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
        // A proxy that lies about it must not wrap the counter around.
        let dropped = self.fleet.count_dropped(&identity.name, batch.dropped).min(u32::MAX.into());
        self.metrics.evidence_dropped(EvidenceDropWord::AtProxy, dropped);
        let time = SystemTime::now();
        let uses = self.take_uses(&view, record, &identity.name, &batch.uses, time);
        let evidence = self.take_evidence(&view, record, &identity.name, &batch.credential_evidence);
        let shared = self.shared_providers(&view, &identity.name, &evidence);
        let reported = Reported { proxy: identity.name.clone(), told: Told { uses, evidence, shared }, time };
        if !reported.told.is_empty() && !self.evidence.hand_on(reported).await {
            return Err(Refusal::Stopping);
        }
        Ok(ack)
    }

    /// The findings that the proxy may speak of, those that say the same as one.
    fn take_evidence(
        &self,
        view: &View,
        record: &Proxy,
        proxy: &ProxyName,
        found: &[v1::CredentialEvidence],
    ) -> Vec<Evidence> {
        let drop = |word, count: usize| self.metrics.evidence_dropped(word, count as u64);
        let within = found.len().min(MAX_FINDINGS);
        drop(EvidenceDropWord::TooMany, found.len() - within);
        let allowed = self.allowances.findings.take(proxy, within, Instant::now());
        drop(EvidenceDropWord::TooFast, within - allowed);
        let mut evidence: Vec<Evidence> = Vec::new();
        let mut known: HashMap<(_, u64, Finding), usize> = HashMap::new();
        for wire in &found[..allowed] {
            let Ok(one) = Evidence::try_from(wire) else {
                drop(EvidenceDropWord::Unreadable, 1);
                continue;
            };
            if !may_speak_of(view, record, &one) {
                drop(EvidenceDropWord::NotGranted, 1);
                continue;
            }
            match known.get(&(one.credential.clone(), one.value_version, one.finding)) {
                Some(at) => evidence[*at].count = evidence[*at].count.saturating_add(one.count),
                None => {
                    known.insert((one.credential.clone(), one.value_version, one.finding), evidence.len());
                    evidence.push(one);
                }
            }
        }
        evidence
    }

    /// The providers of the evidence that another connected proxy has too.
    fn shared_providers(&self, view: &View, proxy: &ProxyName, evidence: &[Evidence]) -> BTreeSet<ProviderName> {
        let providers: BTreeSet<ProviderName> = evidence.iter().map(|one| one.credential.provider()).collect();
        let mut alone = providers.clone();
        self.fleet.with_members(|members| {
            // As a rule the first one that is met has all of them.
            for (name, _) in members.iter().filter(|(name, member)| *name != proxy && member.connection.is_some()) {
                if alone.is_empty() {
                    return;
                }
                if let Some(other) = view.proxies.get(name) {
                    alone.retain(|provider| !has(view, other, provider));
                }
            }
        });
        &providers - &alone
    }

    /// Notes when what the proxy may speak of was last used, and gives the credentials among it.
    fn take_uses(
        &self,
        view: &View,
        record: &Proxy,
        proxy: &ProxyName,
        uses: &[v1::Use],
        now: SystemTime,
    ) -> Vec<(CredentialName, u64)> {
        let drop = |word, count: usize| self.metrics.uses_dropped(word, count as u64);
        let within = uses.len().min(MAX_USES);
        drop(EvidenceDropWord::TooMany, uses.len() - within);
        let allowed = self.allowances.uses.take(proxy, within, Instant::now());
        drop(EvidenceDropWord::TooFast, within - allowed);
        let mut credentials = Vec::new();
        for wire in &uses[..allowed] {
            let Some(used) = Used::read(wire) else {
                drop(EvidenceDropWord::Unreadable, 1);
                continue;
            };
            if !used.is_granted(view, record) {
                drop(EvidenceDropWord::NotGranted, 1);
                continue;
            }
            self.views.last_used().note(used.name(), wire.last_time_ms, now);
            if let Used::Credential(name, version) = used {
                credentials.push((name, version));
            }
        }
        credentials
    }
}
