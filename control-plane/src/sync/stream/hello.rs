//! The beginning of a stream: the hello, what is decided for each environment, the welcome.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::stream::FuturesUnordered;
use proto::sync::v1::{self, control_frame, proxy_frame};
use shared::id;
use shared::name::EnvironmentName;
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::Streaming;

use super::cursor::{self, Cursor};
use super::window::{self, Window};
use super::{HEARTBEAT, PATIENCE, PROTOCOL, RECONNECT_SPREAD, STALL, Stream, wire};
use crate::resource::Proxy;
use crate::sync::Shared;
use crate::sync::ca::ProxyIdentity;
use crate::sync::decide::{Claim, Decision, ProofCheck};
use crate::sync::fleet::{self, Applied};
use crate::sync::frame::Frame;
use crate::sync::position::Position;
use crate::sync::refusal::Refusal;
use crate::sync::tls::Peer;

/// Reads the hello and decides, for every environment granted.
pub(super) async fn open(
    shared: &Arc<Shared>,
    peer: &Peer,
    identity: &ProxyIdentity,
    frames: &mut Streaming<v1::ProxyFrame>,
) -> Result<Stream, Refusal> {
    let hello = match tokio::time::timeout(PATIENCE, frames.message()).await {
        Ok(Ok(Some(v1::ProxyFrame { frame: Some(proxy_frame::Frame::Hello(hello)) }))) => hello,
        Ok(Ok(_)) => return Err(Refusal::Garbage { problem: "the first frame must be a hello" }),
        Ok(Err(_)) => return Err(Refusal::Garbage { problem: "the first frame can't be read" }),
        Err(_late) => return Err(Refusal::Garbage { problem: "no hello came in time" }),
    };
    if hello.protocol_min > PROTOCOL || hello.protocol_max < PROTOCOL {
        return Err(Refusal::Protocol { ours: PROTOCOL, min: hello.protocol_min, max: hello.protocol_max });
    }
    let build: String = hello.build.chars().take(100).collect();
    let session = shared.fleet.connect(identity, peer.address, build, SystemTime::now())?;
    let mut stream = Stream {
        grants: shared.feeds.grants(),
        shared: Arc::clone(shared),
        proxy: identity.name.to_string(),
        identity: identity.clone(),
        session,
        expires: peer.expires,
        cursors: BTreeMap::new(),
        window: Window::default(),
        control: VecDeque::new(),
        loads: FuturesUnordered::new(),
        wake: Arc::new(Notify::new()),
        progress: Instant::now(),
        idle_frames: 0,
        refusals: 0,
        has_work: true,
    };
    stream.begin(hello)?;
    Ok(stream)
}

impl Stream {
    /// Decides what the proxy gets of each environment, and welcomes it.
    fn begin(&mut self, hello: v1::Hello) -> Result<(), Refusal> {
        let published = self.shared.feeds.published();
        let record = self.record()?;
        let mut held: BTreeMap<String, v1::Held> =
            hello.held.into_iter().map(|held| (held.environment.clone(), held)).collect();
        let here = self.shared.feeds.here();
        for (environment, place) in fleet::granted(&published, &record) {
            let claim = self.claim(environment, held.remove(&environment.to_string()));
            let (cursor, decision) = Cursor::begin(Arc::clone(&place.feed), &claim, &here);
            self.note_decision(environment, decision);
            if let (Some(position), Decision::UpToDate | Decision::Deltas { .. }) = (claim.position, decision) {
                let applied = Applied { revision: position.revision, time: SystemTime::now(), unusable: Vec::new() };
                self.session.applied(environment, applied);
            }
            place.feed.subscribe(self.session.id(), Arc::clone(&self.wake));
            self.cursors.insert(environment.clone(), cursor);
        }
        let welcome = self.welcome();
        self.control.push_back(Frame::encode(welcome));
        Ok(())
    }

    /// The proxy's record, of the view itself: what is published may be a moment behind an enrollment.
    pub(super) fn record(&self) -> Result<Arc<Proxy>, Refusal> {
        let view = self.shared.views.load();
        let record = view.proxies.get(&self.identity.name).map(Arc::clone);
        record.ok_or_else(|| Refusal::NotEnrolled { proxy: self.proxy.clone() })
    }

    fn claim(&self, environment: &EnvironmentName, held: Option<v1::Held>) -> Claim {
        let Some(held) = held else { return Claim { position: None, proof: ProofCheck::Wrong } };
        let position = held.position.as_ref().and_then(Position::from_message);
        let ours = position.is_some_and(|at| self.shared.feeds.key().verifies(environment, &at, &held.proof));
        Claim { position, proof: if ours { ProofCheck::Ours } else { ProofCheck::Wrong } }
    }

    fn note_decision(&self, environment: &EnvironmentName, decision: Decision) {
        self.shared.metrics.decided(decision);
        if decision == Decision::Frozen {
            tracing::error!(
                proxy = %self.proxy, %environment,
                "the proxy holds revisions that this store lacks: acknowledged writes are missing here (an old data directory?). \
                 Nothing is sent to it until the rollback is accepted"
            );
        } else if cursor::is_alarming(decision) {
            tracing::warn!(proxy = %self.proxy, %environment, ?decision, "the proxy's position is not one of ours");
        }
    }

    fn welcome(&self) -> control_frame::Frame {
        let now = SystemTime::now();
        control_frame::Frame::Welcome(v1::Welcome {
            session_id: id::uid("ses_", now),
            server_time: Some(now.into()),
            protocol: PROTOCOL,
            policy: Some(v1::Policy {
                heartbeat: wire(HEARTBEAT),
                stall: wire(STALL),
                window_deltas: window::DELTAS,
                window_bytes: window::BYTES as u64,
                reconnect_spread: wire(RECONNECT_SPREAD),
            }),
            environments: self.cursors.keys().map(ToString::to_string).collect(),
        })
    }
}
