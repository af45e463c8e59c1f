//! One stream: hello, welcome, then frames until it ends.
//!
//! What is to be answered waits as one word for each environment, so that a control plane that does not read costs nothing, and an answer
//! always tells the newest position.

mod checkup;
mod end;
mod receive;
mod renewal;
mod replies;

use std::future;
use std::time::Duration;

use proto::sync::v1::sync_service_client::SyncServiceClient;
use proto::sync::v1::{self, ControlFrame, ProxyFrame, control_frame};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

pub(super) use self::end::{End, Lost};

use self::checkup::Checkup;
use self::end::{Exit, Seen, put_off};
use self::renewal::Renewal;
use self::replies::Replies;
use super::client::Client;

/// The versions of the protocol that this proxy speaks.
const PROTOCOL: std::ops::RangeInclusive<u32> = 1..=1;
/// The policy's heartbeat until a welcome names it.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The largest frame: a delta may hold a whole log's worth.
const MOST_FRAME_BYTES: usize = 64 << 20;

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

impl<'a> Session<'a> {
    pub(super) fn new(client: &'a mut Client, channel: Channel) -> Self {
        let renewal = Renewal::new(client.identity.as_ref());
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
                renewed = self.renewal.next(self.client.identity.as_ref(), &self.channel) => {
                    self.renewal.take(renewed, &mut self.client.identity);
                }
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
