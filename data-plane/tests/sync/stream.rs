//! The calls of a proxy, in the hands of a test: it reads what the proxy says and sends what it likes.

use std::time::Duration;

use proto::sync::v1::{
    Applied, Batch, BatchAck, ControlFrame, Delta, Directive, Heartbeat, Hello, Policy, ProxyFrame, Refused, Welcome,
    control_frame, directive, proxy_frame,
};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::environment::Environment;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// One `Sync` call, in the hands of the test.
pub(crate) struct Stream {
    pub(crate) frames: Streaming<ProxyFrame>,
    pub(crate) tx: mpsc::Sender<Result<ControlFrame, Status>>,
}

/// One `Report` call.
pub(crate) struct Reports {
    pub(crate) batches: Streaming<Batch>,
    pub(crate) tx: mpsc::Sender<Result<BatchAck, Status>>,
}

impl Stream {
    pub(crate) async fn next(&mut self) -> proxy_frame::Frame {
        within(self.frames.message()).await.unwrap().expect("the proxy ended the stream").frame.unwrap()
    }

    pub(crate) async fn hello(&mut self) -> Hello {
        match self.next().await {
            proxy_frame::Frame::Hello(hello) => hello,
            other => panic!("not a hello: {other:?}"),
        }
    }

    pub(crate) async fn applied(&mut self) -> Applied {
        match self.next().await {
            proxy_frame::Frame::Applied(applied) => applied,
            other => panic!("not an ack: {other:?}"),
        }
    }

    pub(crate) async fn refused(&mut self) -> Refused {
        match self.next().await {
            proxy_frame::Frame::Refused(refused) => refused,
            other => panic!("not a refusal: {other:?}"),
        }
    }

    /// Whether the proxy hung up.
    pub(crate) async fn ended(&mut self) -> bool {
        matches!(within(self.frames.message()).await, Ok(None) | Err(_))
    }

    pub(crate) async fn send(&self, frame: impl Into<Frame>) {
        self.tx.send(Ok(ControlFrame { frame: Some(frame.into().0) })).await.unwrap();
    }

    pub(crate) async fn welcome(&self, environments: &[&str]) {
        self.welcome_beating(environments, Duration::from_secs(10)).await;
    }

    pub(crate) async fn welcome_beating(&self, environments: &[&str], heartbeat: Duration) {
        let policy = Policy { heartbeat: prost_types::Duration::try_from(heartbeat).ok(), ..Default::default() };
        self.send(Frame(control_frame::Frame::Welcome(Welcome {
            session_id: "ses_test".into(),
            server_time: None,
            protocol: 1,
            policy: Some(policy),
            environments: environments.iter().map(|&name| name.to_owned()).collect(),
        })))
        .await;
    }

    pub(crate) async fn snapshot(&self, environment: &Environment) {
        for frame in environment.snapshot() {
            self.send(Frame(frame)).await;
        }
    }

    pub(crate) async fn direct(&self, directive: directive::Directive) {
        self.send(Frame(control_frame::Frame::Directive(Directive { directive: Some(directive) }))).await;
    }

    pub(crate) async fn fail(self, status: Status) {
        self.tx.send(Err(status)).await.unwrap();
    }
}

impl Reports {
    pub(crate) async fn next(&mut self) -> Batch {
        within(self.batches.message()).await.unwrap().expect("the proxy ended the stream")
    }

    /// Whether the proxy hung up.
    pub(crate) async fn ended(&mut self) -> bool {
        matches!(within(self.batches.message()).await, Ok(None) | Err(_))
    }

    pub(crate) async fn acknowledge(&self, sequence: u64) {
        self.tx.send(Ok(BatchAck { sequence })).await.unwrap();
    }
}

/// A frame to send.
pub(crate) struct Frame(control_frame::Frame);

impl From<Delta> for Frame {
    fn from(delta: Delta) -> Self {
        Self(control_frame::Frame::Delta(delta))
    }
}

impl From<Heartbeat> for Frame {
    fn from(heartbeat: Heartbeat) -> Self {
        Self(control_frame::Frame::Heartbeat(heartbeat))
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

/// Waits for a condition.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
