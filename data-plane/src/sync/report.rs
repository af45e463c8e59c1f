//! Tells the control plane what requests learned of credentials and what they used, on a stream with a flow control of its own.
//!
//! What is told lives in [`Evidence`] and outlasts every stream: a batch is sent until it is acknowledged.

use std::time::Duration;

use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{Batch, BatchAck};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::evidence::{Evidence, MOST_UNACKNOWLEDGED};
use crate::evidence::{EvidenceReceiver, Observation};
use crate::observe::sync::SyncMetrics;
use shared::backoff::Backoff;
use shared::task::Tasks;

/// At most one batch in this time, after one that goes at once.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often what was used is told.
const USES_INTERVAL: Duration = Duration::from_secs(5);
/// How long a stop waits for the last acknowledgement.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the control plane may take to begin a stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What the reporter works with.
pub(super) struct Reporter {
    pub(super) boot_id: [u8; 16],
    pub(super) observations: EvidenceReceiver,
    /// The connection of the session that lives, if one does.
    pub(super) channel: watch::Receiver<Option<Channel>>,
    pub(super) metrics: SyncMetrics,
    pub(super) tasks: Tasks,
}

/// Why reporting went back to waiting for a connection.
enum End {
    /// The stream broke.
    Lost,
    /// The process stops, and everything that could be told was.
    Stopped,
}

impl Reporter {
    /// Reports until the process stops.
    pub(super) async fn run(mut self) {
        let mut evidence = Evidence::new(self.boot_id);
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        loop {
            let Some(channel) = self.connected(&mut evidence).await else { return };
            match self.open(channel).await {
                Some((batches, acks)) => {
                    let before = evidence.acknowledged();
                    if let End::Stopped = self.stream(&mut evidence, batches, acks).await {
                        return;
                    }
                    if evidence.acknowledged() > before {
                        backoff.reset();
                    }
                }
                None if self.tasks.is_stopping() => return,
                None => {}
            }
            let pause = Instant::now() + backoff.next_delay(u64::from_le_bytes(shared::id::random()));
            self.take_until(&mut evidence, pause).await;
        }
    }

    /// Waits for a connection and takes observations meanwhile; `None` at a stop.
    async fn connected(&mut self, evidence: &mut Evidence) -> Option<Channel> {
        loop {
            if let Some(channel) = self.channel.borrow_and_update().clone() {
                return Some(channel);
            }
            tokio::select! {
                () = self.tasks.stopping() => return None,
                changed = self.channel.changed() => changed.ok()?,
                observation = self.observations.next() => self.take(evidence, observation?),
            }
        }
    }

    async fn take_until(&mut self, evidence: &mut Evidence, deadline: Instant) {
        loop {
            tokio::select! {
                () = self.tasks.stopping() => return,
                () = tokio::time::sleep_until(deadline) => return,
                Some(observation) = self.observations.next() => self.take(evidence, observation),
            }
        }
    }

    async fn open(&self, channel: Channel) -> Option<(mpsc::Sender<Batch>, Streaming<BatchAck>)> {
        let (tx, rx) = mpsc::channel(MOST_UNACKNOWLEDGED);
        let mut client = SyncServiceClient::new(channel);
        let answer = tokio::select! {
            () = self.out_of_time() => return None,
            answer = tokio::time::timeout(OPEN_TIMEOUT, client.report(ReceiverStream::new(rx))) => answer.ok()?,
        };
        match answer {
            Ok(acks) => Some((tx, acks.into_inner())),
            Err(status) => {
                tracing::debug!(code = ?status.code(), message = status.message(), "no stream for reports");
                None
            }
        }
    }

    /// A stop was asked for, and the last words have had their time.
    async fn out_of_time(&self) {
        self.tasks.stopping().await;
        tokio::time::sleep(LAST_WORDS).await;
    }

    /// One stream: what is not acknowledged goes first, in its order.
    async fn stream(
        &mut self,
        evidence: &mut Evidence,
        batches: mpsc::Sender<Batch>,
        mut acks: Streaming<BatchAck>,
    ) -> End {
        for batch in evidence.unacknowledged() {
            // There is room for all of them.
            if batches.try_send(batch).is_err() {
                return End::Lost;
            }
        }
        let (mut due, mut uses_due) = (Instant::now(), Instant::now() + USES_INTERVAL);
        let mut stop_by = None;
        loop {
            if stop_by.is_some() && evidence.is_told() {
                return End::Stopped;
            }
            tokio::select! {
                () = self.tasks.stopping(), if stop_by.is_none() => {
                    stop_by = Some(Instant::now() + LAST_WORDS);
                    while let Some(observation) = self.observations.try_next() {
                        self.take(evidence, observation);
                    }
                    self.take_uses(evidence);
                }
                () = tokio::time::sleep_until(uses_due) => {
                    uses_due = Instant::now() + USES_INTERVAL;
                    self.take_uses(evidence);
                }
                () = sleep_until_some(stop_by) => return End::Stopped,
                () = replaced(&mut self.channel), if stop_by.is_none() => return End::Lost,
                Some(observation) = self.observations.next() => self.take(evidence, observation),
                () = tokio::time::sleep_until(due), if evidence.can_seal() => {
                    due = Instant::now() + INTERVAL;
                    let batch = evidence.seal(self.observations.dropped());
                    if batches.try_send(batch).is_err() {
                        return End::Lost;
                    }
                }
                ack = acks.message() => match ack {
                    Ok(Some(ack)) => evidence.acknowledge(ack.sequence),
                    Ok(None) | Err(_) => return End::Lost,
                },
            }
        }
    }

    fn take(&self, evidence: &mut Evidence, observation: Observation) {
        evidence.take(observation);
        self.metrics.evidence_dropped(evidence.dropped() + self.observations.dropped());
    }

    fn take_uses(&mut self, evidence: &mut Evidence) {
        while evidence.has_room_for_uses()
            && let Some((subject, at)) = self.observations.try_next_use()
        {
            evidence.take_use(subject, at);
        }
    }
}

/// Waits until the session that lent its connection is over, so that the connection can close. The client's own end is none: at a stop the
/// last words still go out on it.
async fn replaced(channel: &mut watch::Receiver<Option<Channel>>) {
    if channel.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
