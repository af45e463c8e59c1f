//! One proxy's stream: a cursor into each of its environments' feeds.
//!
//! It waits for: a feed moved, a frame of the proxy, the heartbeat, the stall check, other grants, a later stream of the same proxy, the end.
//! Nothing is queued for it beyond a few frames, whatever it reads or acknowledges.

mod cursor;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::HeaderMap;
use hyper::body::Frame as BodyFrame;
use proto::sync::v1::{self, control_frame, directive, proxy_frame};
use shared::digest::Digest;
use shared::id;
use shared::name::EnvironmentName;
use shared::revision::Revision;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status, Streaming};

use self::cursor::{Cursor, Stage};
use self::window::Window;
use super::Shared;
use super::decide::{Claim, Decision, ProofCheck};
use super::feed::{Pending, Snapshot};
use super::fleet::{self, Applied, MAX_UNUSABLE, Session};
use super::frame::Frame;
use super::metrics::EndWord;
use super::position::Position;
use super::refusal::Refusal;
use super::tls::Peer;
use crate::resource::Proxy;

/// The version of the protocol that is spoken.
pub const PROTOCOL: u32 = 1;

/// How often a heartbeat comes, before its jitter of a fifth.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long to wait for an acknowledgement.
const STALL: Duration = Duration::from_secs(30);

/// Over what time to spread a reconnect that was asked for.
const RECONNECT_SPREAD: Duration = Duration::from_secs(10);

/// How long a proxy may take for its hello, and for reading a stream's end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many frames wait for HTTP/2: the window of a snapshot's chunks.
pub(super) const HANDED_OVER: usize = 4;

/// How many snapshots one stream has encoded at a time.
const LOADS: usize = 2;

/// How long to wait where a snapshot could not be had.
const LOAD_RETRY: Duration = Duration::from_millis(100);

/// How many frames without news a proxy may send between two heartbeats.
const IDLE_FRAMES: u32 = 1000;

/// How many refusals a proxy may send without applying anything.
const REFUSALS: u32 = 8;

/// A part of the answer's body: frames, then the trailers.
pub(super) type Part = Result<BodyFrame<Bytes>, Infallible>;

type Load = std::pin::Pin<Box<dyn Future<Output = (EnvironmentName, Arc<Pending>, Option<Arc<Snapshot>>)> + Send>>;

/// Serves one stream to its end, and says in its trailers how it ended.
pub(super) async fn serve(
    shared: Arc<Shared>,
    peer: Peer,
    identity: super::ca::ProxyIdentity,
    mut frames: Streaming<v1::ProxyFrame>,
    out: mpsc::Sender<Part>,
) {
    let result = match open(&shared, &peer, &identity, &mut frames).await {
        Ok(mut stream) => {
            shared.metrics.streams.inc();
            let result = stream.run(&mut frames, &out).await;
            stream.unsubscribe();
            shared.metrics.streams.dec();
            result
        }
        Err(refusal) => Err(refusal),
    };
    let status = match result {
        Ok(()) => Status::new(Code::Ok, ""),
        Err(refusal) => {
            tracing::info!(proxy = %identity.name, %refusal, "a sync stream ends");
            note_end(&shared, &refusal);
            refusal.into()
        }
    };
    finish(status, &out, &peer).await;
}

fn note_end(shared: &Shared, refusal: &Refusal) {
    let word = match refusal {
        Refusal::Stalled { .. } => EndWord::Stalled,
        Refusal::Garbage { .. } => EndWord::Garbage,
        Refusal::TakenOver { .. } => EndWord::TakenOver,
        Refusal::NotEnrolled { .. } => EndWord::Revoked,
        Refusal::Stopping => EndWord::Stopping,
        _ => return,
    };
    shared.metrics.ended(word);
}

/// Writes the trailers; a peer that does not read them is hung up on.
async fn finish(status: Status, out: &mpsc::Sender<Part>, peer: &Peer) {
    let mut trailers = HeaderMap::new();
    // A status of ours has no text that is no header.
    let _ = status.add_header(&mut trailers);
    let read = async {
        if out.send(Ok(BodyFrame::trailers(trailers))).await.is_ok() {
            out.closed().await;
        }
    };
    if tokio::time::timeout(PATIENCE, read).await.is_err() {
        peer.hang_up.cancel();
    }
}

/// Reads the hello and decides, for every environment granted.
async fn open(
    shared: &Arc<Shared>,
    peer: &Peer,
    identity: &super::ca::ProxyIdentity,
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

struct Stream {
    shared: Arc<Shared>,
    proxy: String,
    identity: super::ca::ProxyIdentity,
    session: Session,
    grants: watch::Receiver<()>,
    cursors: BTreeMap<EnvironmentName, Cursor>,
    window: Window,
    /// Frames of this stream alone: the welcome, directives, heartbeats. At most one per grant and heartbeat.
    control: VecDeque<Frame>,
    loads: FuturesUnordered<Load>,
    wake: Arc<Notify>,
    /// When the proxy last showed that it goes on.
    progress: Instant,
    idle_frames: u32,
    refusals: u32,
    has_work: bool,
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
    fn record(&self) -> Result<Arc<Proxy>, Refusal> {
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

    async fn run(&mut self, frames: &mut Streaming<v1::ProxyFrame>, out: &mpsc::Sender<Part>) -> Result<(), Refusal> {
        let shared = Arc::clone(&self.shared);
        let wake = Arc::clone(&self.wake);
        let mut heartbeat = Instant::now() + jittered(HEARTBEAT);
        loop {
            self.start_loads();
            let stalls_at = self.stalls_at();
            tokio::select! {
                biased;
                () = shared.tasks.stopping() => return say_goodbye(out).await,
                () = self.session.taken_over() => return Err(Refusal::TakenOver { proxy: self.proxy.clone() }),
                () = out.closed() => return Ok(()),
                frame = frames.message() => match frame {
                    Ok(Some(frame)) => self.receive(frame)?,
                    Ok(None) => return Ok(()),
                    Err(_) => return Err(Refusal::Garbage { problem: "a frame can't be read" }),
                },
                changed = self.grants.changed() => match changed {
                    Ok(()) => self.regrant()?,
                    Err(_) => return Err(Refusal::Stopping),
                },
                () = sleep_until(stalls_at) => return Err(Refusal::Stalled { stall: STALL }),
                () = sleep_until(heartbeat) => {
                    heartbeat = Instant::now() + jittered(HEARTBEAT);
                    self.beat();
                }
                Some((environment, in_use, snapshot)) = self.loads.next() => {
                    if let Some(cursor) = self.cursors.get_mut(&environment) {
                        cursor.loaded(snapshot, in_use);
                    }
                    self.has_work = true;
                }
                permit = out.reserve(), if self.has_work => match permit {
                    Ok(permit) => if let Some(frame) = self.next_frame() {
                        permit.send(Ok(BodyFrame::data(frame.bytes())));
                    },
                    Err(_) => return Ok(()),
                },
                () = wake.notified() => self.has_work = true,
            }
        }
    }

    /// What is sent next: this stream's own frames, then deltas, then snapshots.
    fn next_frame(&mut self) -> Option<Frame> {
        if let Some(frame) = self.control.pop_front() {
            return Some(frame);
        }
        let waited = self.window.is_empty();
        let encoder = self.shared.feeds.encoder();
        let window = &mut self.window;
        let delta = self.cursors.values_mut().find_map(|cursor| cursor.next_delta(window, encoder));
        if let Some(delta) = delta {
            if waited {
                self.progress = Instant::now();
            }
            return Some(delta.frame);
        }
        let Some(part) = self.cursors.values_mut().find_map(|cursor| cursor.next_of_snapshot(window)) else {
            self.has_work = false;
            return None;
        };
        // Room for another chunk shows that the proxy reads.
        self.progress = Instant::now();
        if part.ended_snapshot {
            self.shared.metrics.snapshots_sent.inc();
        }
        Some(part.frame)
    }

    /// When the stream ends if nothing shows until then that the proxy goes on.
    fn stalls_at(&self) -> Instant {
        let sending = self.cursors.values().any(|cursor| matches!(cursor.stage, Stage::Sending { .. }));
        let waits = sending || !self.window.is_empty() || !self.control.is_empty();
        // Far enough to be never: a day.
        if waits { self.progress + STALL } else { Instant::now() + Duration::from_secs(24 * 3600) }
    }

    /// Has snapshots encoded for those that want one, a few at a time.
    fn start_loads(&mut self) {
        if self.loads.len() >= LOADS {
            return;
        }
        for cursor in self.cursors.values_mut().filter(|cursor| matches!(cursor.stage, Stage::Wanting)) {
            cursor.stage = Stage::Loading;
            self.window.forget(cursor.environment());
            self.loads.push(load(Arc::clone(&self.shared), cursor));
            if self.loads.len() >= LOADS {
                return;
            }
        }
    }

    fn receive(&mut self, frame: v1::ProxyFrame) -> Result<(), Refusal> {
        self.idle_frames += 1;
        if self.idle_frames > IDLE_FRAMES {
            return Err(Refusal::Garbage { problem: "too many frames without news" });
        }
        match frame.frame {
            Some(proxy_frame::Frame::Hello(_)) => Err(Refusal::Garbage { problem: "a second hello" }),
            Some(proxy_frame::Frame::Applied(applied)) => self.applied(applied),
            Some(proxy_frame::Frame::Refused(refused)) => self.refused(&refused),
            // Of a newer protocol.
            None => Ok(()),
        }
    }

    fn applied(&mut self, applied: v1::Applied) -> Result<(), Refusal> {
        let Some(position) = applied.position.as_ref().and_then(Position::from_message) else {
            return Err(Refusal::Garbage { problem: "an applied frame without a position" });
        };
        let Some((environment, cursor)) = applied
            .environment
            .parse()
            .ok()
            .and_then(|name: EnvironmentName| self.cursors.get_mut(&name).map(|cursor| (name, cursor)))
        else {
            // Withdrawn while the frame was on its way, or never granted: either way it says nothing of interest.
            return Ok(());
        };
        let (Stage::Following | Stage::Bridging { .. }) = cursor.stage else { return Ok(()) };
        if position.revision > cursor.at.revision {
            return Err(Refusal::Garbage { problem: "a revision was acknowledged that was not sent" });
        }
        if position.revision == cursor.at.revision && position.digest != cursor.at.digest {
            tracing::warn!(proxy = %self.proxy, %environment, "the proxy's state has another digest: a snapshot follows");
            self.shared.metrics.refused(v1::RefusalReason::DigestMismatch);
            cursor.want_snapshot();
            return Ok(());
        }
        if self.window.acknowledged(&environment, position.revision) > 0 {
            self.idle_frames = 0;
            self.refusals = 0;
        }
        self.progress = Instant::now();
        self.has_work = true;
        let unusable = applied.unusable.into_iter().take(MAX_UNUSABLE);
        let unusable = unusable.map(|held| (clip(held.name, 300), clip(held.reason, 300))).collect();
        self.session.applied(&environment, Applied { revision: position.revision, time: SystemTime::now(), unusable });
        Ok(())
    }

    fn refused(&mut self, refused: &v1::Refused) -> Result<(), Refusal> {
        let reason = v1::RefusalReason::try_from(refused.reason).unwrap_or(v1::RefusalReason::Unspecified);
        self.shared.metrics.refused(reason);
        self.refusals += 1;
        if self.refusals > REFUSALS {
            return Err(Refusal::Garbage { problem: "frame after frame was refused" });
        }
        let cursor = refused.environment.parse().ok().and_then(|name: EnvironmentName| self.cursors.get_mut(&name));
        if let Some(cursor) = cursor {
            tracing::warn!(
                proxy = %self.proxy, environment = %refused.environment, revision = refused.revision, ?reason,
                "the proxy refused a frame: a snapshot follows"
            );
            cursor.want_snapshot();
        }
        self.progress = Instant::now();
        Ok(())
    }

    /// Follows what the proxy is granted now.
    fn regrant(&mut self) -> Result<(), Refusal> {
        let published = self.shared.feeds.published();
        let record = self.record()?;
        let granted: BTreeMap<_, _> = fleet::granted(&published, &record).collect();
        // An environment that was deleted and made again has another feed.
        let kept = |cursor: &Cursor| {
            granted.get(cursor.environment()).is_some_and(|place| Arc::ptr_eq(&place.feed, &cursor.feed))
        };
        let gone: Vec<_> =
            self.cursors.values().filter(|cursor| !kept(cursor)).map(|c| c.environment().clone()).collect();
        for environment in gone {
            self.withdraw(&environment);
        }
        let here = self.shared.feeds.here();
        for (environment, place) in granted {
            if !self.cursors.contains_key(environment) {
                place.feed.subscribe(self.session.id(), Arc::clone(&self.wake));
                self.cursors.insert(environment.clone(), Cursor::granted(Arc::clone(&place.feed), &here));
                self.direct(directive::Directive::EnvironmentGranted(environment.to_string()));
            }
        }
        Ok(())
    }

    fn withdraw(&mut self, environment: &EnvironmentName) {
        if let Some(cursor) = self.cursors.remove(environment) {
            cursor.feed.unsubscribe(self.session.id());
        }
        self.window.forget(environment);
        self.session.withdrawn(environment);
        self.direct(directive::Directive::EnvironmentWithdrawn(environment.to_string()));
    }

    fn direct(&mut self, directive: directive::Directive) {
        let directive = v1::Directive { directive: Some(directive) };
        self.queue(control_frame::Frame::Directive(directive));
    }

    fn queue(&mut self, frame: control_frame::Frame) {
        if self.control.is_empty() && self.window.is_empty() {
            self.progress = Instant::now();
        }
        self.control.push_back(Frame::encode(frame));
        self.has_work = true;
    }

    /// Says what the proxy holds once it has applied everything that was sent before: frames keep their order.
    fn beat(&mut self) {
        self.idle_frames = 0;
        let now = SystemTime::now();
        self.session.seen(now);
        // One that waits already says the same to a proxy that does not read.
        if !self.control.is_empty() {
            return;
        }
        let settled = self.cursors.values().all(Cursor::is_settled);
        let marks = self.cursors.values().map(|cursor| cursor.at);
        let (sum, highest) = marks.fold((Digest::default(), Revision(0)), |(sum, highest), at| {
            (sum.plus(at.digest), highest.max(at.revision))
        });
        // While a state is on its way there is nothing to compare: no proxy is at revision 0.
        let revision = if settled { highest } else { Revision(0) };
        self.queue(control_frame::Frame::Heartbeat(v1::Heartbeat {
            digest_sum: sum.to_bytes().to_vec().into(),
            revision: revision.0,
            server_time: Some(now.into()),
        }));
    }

    fn unsubscribe(&self) {
        for cursor in self.cursors.values() {
            cursor.feed.unsubscribe(self.session.id());
        }
    }
}

/// Asks the proxy to come back later, elsewhere or here.
async fn say_goodbye(out: &mpsc::Sender<Part>) -> Result<(), Refusal> {
    let directive = v1::Directive { directive: wire(RECONNECT_SPREAD).map(directive::Directive::ReconnectWithin) };
    let frame = Frame::encode(control_frame::Frame::Directive(directive));
    let send = out.send(Ok(BodyFrame::data(frame.bytes())));
    // A proxy that does not read learns it from the end of its stream.
    let _ = tokio::time::timeout(Duration::from_secs(1), send).await;
    Err(Refusal::Stopping)
}

/// The environment's snapshot, encoded by whoever asks first.
fn load(shared: Arc<Shared>, cursor: &Cursor) -> Load {
    let feed = Arc::clone(&cursor.feed);
    Box::pin(async move {
        let in_use = feed.snapshot().current(&feed, feed.state().position.revision);
        let environment = feed.environment.clone();
        let encode = async {
            let (feeds, environment) = (Arc::clone(&shared.feeds), environment.clone());
            let encoded = shared.tasks.spawn_blocking(move || feeds.encode_snapshot(&environment)).await;
            encoded.ok().flatten().ok_or(())
        };
        let snapshot = in_use.get_or_try_init(|| encode).await.ok().map(Arc::clone);
        if snapshot.is_none() {
            // The environment goes: the stream hears of it soon, and must not ask again in a hurry.
            tokio::time::sleep(LOAD_RETRY).await;
        }
        (environment, in_use, snapshot)
    })
}

/// A duration, a fifth more or less.
fn jittered(duration: Duration) -> Duration {
    duration - duration / 5 + id::random_duration(duration * 2 / 5)
}

fn wire(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

fn clip(text: String, characters: usize) -> String {
    if text.len() <= characters { text } else { text.chars().take(characters).collect() }
}
