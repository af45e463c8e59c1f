//! One proxy's stream: a cursor into each of its environments' feeds.
//!
//! It waits for: a feed moved, a frame of the proxy, the heartbeat, the stall check, other grants, a later stream of the same proxy, the end.
//! Nothing is queued for it beyond a few frames, whatever it reads or acknowledges.

mod cursor;
mod grants;
mod hello;
mod receive;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::HeaderMap;
use hyper::body::Frame as BodyFrame;
use proto::sync::v1::{self, control_frame, directive};
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
use super::feed::{Pending, Snapshot};
use super::fleet::Session;
use super::frame::Frame;
use super::metrics::EndWord;
use super::refusal::Refusal;
use super::tls::Peer;

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
    let result = match hello::open(&shared, &peer, &identity, &mut frames).await {
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

struct Stream {
    shared: Arc<Shared>,
    proxy: String,
    identity: super::ca::ProxyIdentity,
    session: Session,
    /// When the certificate expires that the connection was made with.
    expires: Instant,
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
    async fn run(&mut self, frames: &mut Streaming<v1::ProxyFrame>, out: &mpsc::Sender<Part>) -> Result<(), Refusal> {
        let shared = Arc::clone(&self.shared);
        let wake = Arc::clone(&self.wake);
        let mut heartbeat = Instant::now() + jittered(HEARTBEAT);
        loop {
            self.start_loads();
            let stalls_at = self.stalls_at();
            tokio::select! {
                biased;
                () = shared.tasks.stopping() => return Err(say_goodbye(out, Refusal::Stopping).await),
                () = sleep_until(self.expires) => return Err(say_goodbye(out, Refusal::CertificateExpired).await),
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
async fn say_goodbye(out: &mpsc::Sender<Part>, why: Refusal) -> Refusal {
    let directive = v1::Directive { directive: wire(RECONNECT_SPREAD).map(directive::Directive::ReconnectWithin) };
    let frame = Frame::encode(control_frame::Frame::Directive(directive));
    let send = out.send(Ok(BodyFrame::data(frame.bytes())));
    // A proxy that does not read learns it from the end of its stream.
    let _ = tokio::time::timeout(Duration::from_secs(1), send).await;
    why
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
