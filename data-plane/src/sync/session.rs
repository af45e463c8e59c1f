//! One stream: hello, welcome, then frames until it ends.
//!
//! What is to be answered waits as one word for each environment, so that a control plane that does not read costs nothing, and an answer
//! always tells the newest position.

mod checkup;
mod replies;

use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{self, ControlFrame, Directive, Heartbeat, ProxyFrame, Welcome, control_frame, directive};
use shared::id;
use shared::name::EnvironmentName;
use shared::telemetry::ErrorChain;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use self::checkup::Checkup;
use self::replies::Replies;
use super::apply::Refusal;
use super::client::Client;
use super::enroll::{self, EnrollError, Identity};
use super::environments::{Agreement, Carrier, Environments, Step};
use crate::snapshot::SnapshotStore;

/// The versions of the protocol that this proxy speaks.
const PROTOCOL: std::ops::RangeInclusive<u32> = 1..=1;
/// The policy's heartbeat until a welcome names it, and its bounds.
const HEARTBEAT: Duration = Duration::from_secs(10);
const HEARTBEAT_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(300));
/// The longest that a control plane may put a proxy off.
const PUT_OFF_AT_MOST: Duration = Duration::from_secs(60);
/// The longest that it may spread reconnects over.
const SPREAD_AT_MOST: Duration = Duration::from_secs(600);
/// The largest frame: a delta may hold a whole log's worth.
const MOST_FRAME_BYTES: usize = 64 << 20;
/// From so many changes on, a delta is applied on a thread of its own, so that no request on this one waits for it.
const MANY_CHANGES: usize = 256;
/// A renewal that failed is tried again within this time.
const RENEW_AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// One stream of a client.
pub(super) struct Session<'a> {
    client: &'a mut Client,
    channel: Channel,
    replies: Replies,
    checkup: Checkup,
    renewal: Renewal,
    heartbeat: Duration,
    silent_at: Instant,
    leave_at: Option<Instant>,
    seen: Seen,
}

/// What a session came to, however it ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// The control plane took the proxy.
    pub(super) welcome: bool,
    /// Something was applied, or what is held was confirmed.
    pub(super) progress: bool,
}

/// How a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// The control plane asks for some patience; the connection is good.
    PutOff(Duration),
    /// It asks the proxy to connect again then.
    SentAway {
        /// When.
        not_before: Instant,
    },
    /// The stream broke.
    Lost {
        /// Why.
        error: Lost,
        /// When to connect again, where that had been said.
        not_before: Option<Instant>,
    },
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("it was ended by an error")]
    Status(#[from] Box<Status>),
    #[error("it was closed")]
    Closed,
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    #[error("it did not begin with a welcome")]
    NoWelcome,
    #[error("the control plane speaks version {0} of the protocol, which this proxy does not")]
    Protocol(u32),
    #[error("a frame could not be applied, and everything is asked for anew")]
    Broken,
    #[error("its snapshots of {environment} are not usable")]
    BadSnapshots { environment: EnvironmentName, source: Refusal },
}

#[derive(Default)]
struct Renewal {
    at: Option<Instant>,
    running: Option<Pin<Box<dyn Future<Output = Result<Identity, EnrollError>> + Send>>>,
}

/// What ends a session from within.
enum Exit {
    Leave,
    Lost(Lost),
}

impl<E: Into<Lost>> From<E> for Exit {
    fn from(error: E) -> Self {
        Self::Lost(error.into())
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(client: &'a mut Client, channel: Channel) -> Self {
        let renewal = Renewal { at: client.identity.as_ref().map(Identity::renew_at), running: None };
        Self {
            client,
            channel,
            replies: Replies::default(),
            checkup: Checkup::default(),
            renewal,
            heartbeat: HEARTBEAT,
            silent_at: Instant::now() + silence(HEARTBEAT),
            leave_at: None,
            seen: Seen::default(),
        }
    }

    /// Runs the stream to its end.
    pub(super) async fn run(mut self) -> (End, Seen) {
        let exit = match self.stream().await {
            Ok(never) => match never {},
            Err(exit) => exit,
        };
        let end = match (exit, self.leave_at) {
            (Exit::Leave, leave_at) => End::SentAway { not_before: leave_at.unwrap_or_else(Instant::now) },
            (Exit::Lost(Lost::Status(status)), None) if put_off(&status).is_some() => {
                End::PutOff(put_off(&status).unwrap_or_default())
            }
            (Exit::Lost(error), not_before) => End::Lost { error, not_before },
        };
        (end, self.seen)
    }

    async fn stream(&mut self) -> Result<std::convert::Infallible, Exit> {
        let (tx, rx) = mpsc::channel(16);
        // The channel is new and has room.
        tx.try_send(self.hello()).map_err(|_| Lost::Closed)?;
        let mut client = SyncServiceClient::new(self.channel.clone()).max_decoding_message_size(MOST_FRAME_BYTES);
        let answer = tokio::time::timeout_at(self.silent_at, client.sync(ReceiverStream::new(rx))).await;
        let mut frames = answer.map_err(|_| self.silent())?.map_err(Box::new).map_err(Lost::Status)?.into_inner();
        self.begin(&mut frames).await?;
        loop {
            tokio::select! {
                frame = frames.message() => {
                    let frame = frame.map_err(Box::new).map_err(Lost::Status)?.ok_or(Lost::Closed)?;
                    self.silent_at = Instant::now() + silence(self.heartbeat);
                    self.take(frame).await?;
                }
                permit = tx.reserve(), if !self.replies.is_empty() => {
                    let permit = permit.map_err(|_| Lost::Closed)?;
                    if let Some(frame) = self.replies.next(&self.client.environments) {
                        permit.send(frame);
                    }
                }
                drifted = self.checkup.done() => self.repair(&drifted)?,
                renewed = self.renewal.next(&self.client.identity, &self.channel) => self.renewed(renewed),
                () = at(self.leave_at) => return Err(Exit::Leave),
                () = tokio::time::sleep_until(self.silent_at) => return Err(self.silent().into()),
            }
        }
    }

    fn hello(&mut self) -> ProxyFrame {
        let hello = v1::Hello {
            protocol_min: *PROTOCOL.start(),
            protocol_max: *PROTOCOL.end(),
            boot_id: bytes::Bytes::copy_from_slice(&self.client.boot_id),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            held: self.client.environments.hello(),
        };
        ProxyFrame { frame: Some(v1::proxy_frame::Frame::Hello(hello)) }
    }

    fn silent(&self) -> Lost {
        Lost::Silent(silence(self.heartbeat))
    }

    async fn begin(&mut self, frames: &mut Streaming<ControlFrame>) -> Result<(), Exit> {
        let first = tokio::time::timeout_at(self.silent_at, frames.message()).await.map_err(|_| self.silent())?;
        let first = first.map_err(Box::new).map_err(Lost::Status)?.ok_or(Lost::Closed)?;
        let Some(control_frame::Frame::Welcome(welcome)) = first.frame else { return Err(Lost::NoWelcome.into()) };
        if !PROTOCOL.contains(&welcome.protocol) {
            return Err(Lost::Protocol(welcome.protocol).into());
        }
        self.welcome(&welcome);
        Ok(())
    }

    fn welcome(&mut self, welcome: &Welcome) {
        let given = welcome.policy.as_ref().and_then(|policy| Duration::try_from(policy.heartbeat?).ok());
        let (least, most) = HEARTBEAT_BOUNDS;
        self.heartbeat = given.unwrap_or(HEARTBEAT).clamp(least, most);
        self.silent_at = Instant::now() + silence(self.heartbeat);
        let granted: Vec<EnvironmentName> = welcome.environments.iter().filter_map(|name| parse(name)).collect();
        for environment in self.client.environments.grant_exactly(&granted) {
            self.client.metrics.withdrawn(&environment);
            tracing::info!(%environment, "withdrawn");
        }
        let snapshots = &self.client.snapshots;
        snapshots.store(snapshots.load().granting(granted));
        self.seen.welcome = true;
        self.client.metrics.connected();
        self.client.live.send_replace(Some(self.channel.clone()));
        tracing::info!(session = welcome.session_id, environments = welcome.environments.len(), "connected");
    }

    async fn take(&mut self, frame: ControlFrame) -> Result<(), Exit> {
        use control_frame::Frame;
        let step = match frame.frame {
            Some(Frame::Delta(_) | Frame::SnapshotEnd(_)) => self.apply(frame).await?,
            Some(Frame::SnapshotBegin(begin)) => self.client.environments.snapshot_begin(&begin),
            Some(Frame::SnapshotChunk(chunk)) => self.client.environments.snapshot_chunk(&chunk),
            Some(Frame::Heartbeat(heartbeat)) => return self.compare(&heartbeat),
            Some(Frame::Directive(directive)) => {
                self.obey(directive);
                return Ok(());
            }
            // A second welcome changes nothing; frames of a newer control plane are passed over.
            Some(Frame::Welcome(_)) | None => Step::Nothing,
        };
        self.account(step)
    }

    /// Applies what may be large: there on a thread of its own, while this task waits.
    async fn apply(&mut self, frame: ControlFrame) -> Result<Step, Lost> {
        if !is_large(&frame) {
            return Ok(apply(&mut self.client.environments, &self.client.snapshots, &frame));
        }
        let mut environments = self.client.environments.take();
        let snapshots = Arc::clone(&self.client.snapshots);
        let work = self.client.tasks.spawn_blocking(move || {
            let step = apply(&mut environments, &snapshots, &frame);
            (environments, step)
        });
        // It panicked, which was logged, or the process stops. What serves stays, and the next hello names nothing.
        let (environments, step) = work.await.map_err(|_| Lost::Broken)?;
        self.client.environments = environments;
        Ok(step)
    }

    fn account(&mut self, step: Step) -> Result<(), Exit> {
        match step {
            Step::Nothing => {}
            Step::Applied { environment, by, .. } => self.applied(environment, by),
            Step::Refused { environment, revision, refusal } => {
                tracing::warn!(%environment, revision, error = %ErrorChain(&refusal), "refused; a snapshot repairs it");
                self.client.metrics.refused(reason_label(&refusal));
                self.replies.refused(environment, revision, refusal.reason());
            }
            Step::GiveUp { environment, refusal } => {
                self.client.metrics.refused(reason_label(&refusal));
                return Err(Lost::BadSnapshots { environment, source: refusal }.into());
            }
        }
        Ok(())
    }

    fn applied(&mut self, environment: EnvironmentName, by: Carrier) {
        self.seen.progress = true;
        self.client.environments.agrees();
        let metrics = &self.client.metrics;
        if let Some(state) = self.client.environments.state(&environment) {
            let (revision, unusable) = (state.position().revision.0, state.unusable_len());
            metrics.stands(&environment, revision, unusable);
            match by {
                Carrier::Delta => {
                    metrics.delta_applied();
                    tracing::debug!(%environment, revision, unusable, "delta applied");
                }
                Carrier::Snapshot => {
                    metrics.snapshot_applied();
                    tracing::info!(%environment, revision, resources = state.len(), unusable, "snapshot applied");
                }
            }
        }
        self.replies.applied(environment);
    }

    fn compare(&mut self, heartbeat: &Heartbeat) -> Result<(), Exit> {
        // Every byte that is held is hashed anew meanwhile, whatever the heartbeat says.
        self.checkup.begin(&self.client.tasks, &self.client.environments);
        match self.client.environments.compare(heartbeat) {
            Agreement::Same => {
                self.seen.progress = true;
                self.client.environments.agrees();
                Ok(())
            }
            Agreement::NotEquallyFar => Ok(()),
            Agreement::Differs if self.client.environments.disagrees_again() => {
                let all: Vec<_> = self.client.environments.states().map(|(name, _)| name.clone()).collect();
                self.repair(&all)
            }
            Agreement::Differs => Ok(()),
        }
    }

    fn repair(&mut self, drifted: &[EnvironmentName]) -> Result<(), Exit> {
        for environment in drifted {
            let step = self.client.environments.repair(environment);
            if matches!(step, Step::Refused { .. }) {
                self.client.metrics.repairing();
                tracing::error!(%environment, "what is held is not what was received");
            }
            self.account(step)?;
        }
        Ok(())
    }

    fn obey(&mut self, directive: Directive) {
        let snapshots = &self.client.snapshots;
        match directive.directive {
            Some(directive::Directive::ReconnectWithin(spread)) => {
                let spread = Duration::try_from(spread).unwrap_or_default().min(SPREAD_AT_MOST);
                self.leave_at.get_or_insert(Instant::now() + id::random_duration(spread));
            }
            Some(directive::Directive::EnvironmentGranted(name)) => {
                let Some(environment) = parse(&name) else { return };
                self.client.environments.grant(&environment);
                snapshots.store(snapshots.load().grant(&environment));
                tracing::info!(%environment, "granted");
            }
            Some(directive::Directive::EnvironmentWithdrawn(name)) => {
                let Some(environment) = parse(&name) else { return };
                if self.client.environments.withdraw(&environment) {
                    snapshots.store(snapshots.load().withdraw(&environment));
                    self.client.metrics.withdrawn(&environment);
                    self.replies.forget(&environment);
                    tracing::info!(%environment, "withdrawn");
                }
            }
            None => {}
        }
    }

    fn renewed(&mut self, renewed: Result<Identity, EnrollError>) {
        match renewed {
            Ok(identity) => {
                self.renewal.at = Some(identity.renew_at());
                self.client.identity = Some(identity);
                tracing::debug!("certificate renewed");
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "the certificate could not be renewed");
                self.renewal.at = Some(Instant::now() + id::random_duration(RENEW_AGAIN_WITHIN));
                if matches!(error, EnrollError::IdentityRefused(_)) {
                    // The stream goes on as long as it is let; the next connection enrolls again.
                    self.client.identity = None;
                    self.renewal.at = None;
                }
            }
        }
    }
}

impl Renewal {
    /// Waits for the time, asks, and gives the answer.
    ///
    /// # Cancel safety
    ///
    /// What was asked goes on at the next call.
    async fn next(&mut self, identity: &Option<Identity>, channel: &Channel) -> Result<Identity, EnrollError> {
        let running = match &mut self.running {
            Some(running) => running,
            None => {
                at(self.at).await;
                let Some(identity) = identity.clone() else { return future::pending().await };
                self.running.insert(Box::pin(enroll::renew(identity, channel.clone())))
            }
        };
        let renewed = running.await;
        self.running = None;
        renewed
    }
}

/// Applies a frame and hands what changed to the request path: one pointer swap.
fn apply(environments: &mut Environments, snapshots: &SnapshotStore, frame: &ControlFrame) -> Step {
    let mut step = match &frame.frame {
        Some(control_frame::Frame::Delta(delta)) => environments.delta(delta),
        Some(control_frame::Frame::SnapshotEnd(end)) => environments.snapshot_end(end),
        _ => Step::Nothing,
    };
    if let Step::Applied { environment, changes, .. } = &mut step {
        snapshots.store(snapshots.load().with(environment, std::mem::take(changes)));
    }
    step
}

fn is_large(frame: &ControlFrame) -> bool {
    match &frame.frame {
        Some(control_frame::Frame::Delta(delta)) => delta.changes.len() >= MANY_CHANGES,
        Some(control_frame::Frame::SnapshotEnd(_)) => true,
        _ => false,
    }
}

/// How long to wait for a sign of life.
fn silence(heartbeat: Duration) -> Duration {
    heartbeat.mul_f64(2.5)
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => future::pending().await,
    }
}

/// How long the control plane asks to wait, if it does; a text that is no number of milliseconds is no such wish.
fn put_off(status: &Status) -> Option<Duration> {
    if status.code() != Code::Unavailable {
        return None;
    }
    let text = status.metadata().get("grpc-retry-pushback-ms")?.to_str().ok()?;
    Some(Duration::from_millis(text.parse().ok()?).min(PUT_OFF_AT_MOST))
}

fn parse(name: &str) -> Option<EnvironmentName> {
    let parsed = name.parse();
    if parsed.is_err() {
        tracing::warn!(name, "the control plane names an environment that is none");
    }
    parsed.ok()
}

fn reason_label(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Gap { .. } => "gap",
        Refusal::DigestMismatch => "digest_mismatch",
        Refusal::Corrupt(_) => "corrupt_frame",
    }
}
