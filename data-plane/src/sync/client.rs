//! The one task that owns all of the client's state: finds a control plane, keeps a stream to it, and comes back when it is lost.
//!
//! What serves is never touched by a loss: the last state stays in the snapshot until a later one replaces it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use shared::backoff::Backoff;
use shared::id;
use shared::task::Tasks;
use shared::telemetry::ErrorChain;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use super::SyncConfig;
use super::connect::{self, ConnectError, ControlUrl};
use super::enroll::{self, EnrollError, Identity};
use super::environments::Environments;
use super::session::{End, Lost, Session};
use crate::observe::sync::SyncMetrics;
use crate::snapshot::SnapshotStore;

/// Bounds of the delay before another connection.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const MOST_DELAY: Duration = Duration::from_secs(30);
/// A proxy that holds nothing can't serve, so that it comes back sooner: ready within a second of the control plane's return.
const MOST_DELAY_COLD: Duration = Duration::from_millis(800);
/// So many sessions in a row that end before they are welcome make the proxy enroll again: its certificate may be refused below gRPC.
const UNWELCOME_AT_MOST: u32 = 5;

/// The client. What outlasts a stream is here.
pub(super) struct Client {
    pub(super) config: SyncConfig,
    pub(super) snapshots: Arc<SnapshotStore>,
    pub(super) metrics: SyncMetrics,
    pub(super) tasks: Tasks,
    pub(super) boot_id: [u8; 16],
    pub(super) environments: Environments,
    pub(super) identity: Option<Identity>,
    /// The connection of the session that lives, for the reporter.
    pub(super) live: watch::Sender<Option<Channel>>,
}

/// Why there was no session, or why it ended, as it is logged.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the proxy can't enroll")]
    Enroll(#[from] EnrollError),
    #[error("no connection to the control plane")]
    Connect(#[from] ConnectError),
    #[error("the stream to the control plane ended")]
    Lost(#[from] Lost),
}

/// What one try came to.
struct Tried {
    /// Something was applied, or the control plane confirmed what is held.
    progress: bool,
    /// When the control plane wants to see the proxy again, where it said so.
    not_before: Option<Instant>,
    failure: Option<Failure>,
}

/// Counts what has to be waited out between tries.
struct Pace {
    backoff: Backoff,
    failures: u32,
    unwelcome: u32,
}

impl Client {
    /// Runs until the process stops.
    pub(super) async fn run(mut self) {
        let tasks = self.tasks.clone();
        tokio::select! {
            () = tasks.stopping() => {}
            () = self.stay_connected() => {}
        }
        self.metrics.disconnected();
    }

    async fn stay_connected(&mut self) {
        let urls = in_order(&self.config.control, &self.config.node_id);
        let mut pace = Pace::new();
        let mut next = 0;
        while let Some(url) = urls.get(next % urls.len().max(1)) {
            let tried = self.attempt(url, &mut pace).await;
            // The first in the order is preferred again once one was good, unless that one just sent us away.
            next = if tried.progress && tried.not_before.is_none() { 0 } else { next + 1 };
            let delay = pace.delay(&tried, self.environments.is_cold());
            if let Some(failure) = &tried.failure {
                pace.log(url, failure, delay);
            }
            tokio::time::sleep(delay).await;
            self.metrics.reconnecting();
        }
    }

    async fn attempt(&mut self, url: &ControlUrl, pace: &mut Pace) -> Tried {
        match self.connection(url).await {
            Ok(channel) => self.sessions(channel, pace).await,
            Err(failure) => Tried { progress: false, not_before: None, failure: Some(failure) },
        }
    }

    /// A connection that shows a certificate that is good.
    async fn connection(&mut self, url: &ControlUrl) -> Result<Channel, Failure> {
        let identity = match self.identity.take().filter(|identity| !identity.is_expired(SystemTime::now())) {
            Some(identity) => identity,
            None => self.enrolled(url).await?,
        };
        let tls = identity.tls();
        self.identity = Some(identity);
        Ok(connect::connect(url, tls).await?)
    }

    async fn enrolled(&self, url: &ControlUrl) -> Result<Identity, EnrollError> {
        let token = enroll::join_token(&self.config.join_token_file).await?;
        let identity = enroll::enroll(url, &token, &self.config.node_id).await?;
        tracing::info!(proxy = identity.proxy(), %url, "enrolled");
        Ok(identity)
    }

    /// One session, and more on the same connection as long as the control plane only puts the proxy off.
    async fn sessions(&mut self, channel: Channel, pace: &mut Pace) -> Tried {
        let mut progress = false;
        loop {
            let session = Session::new(self, channel.clone());
            let (end, seen) = session.run().await;
            self.live.send_replace(None);
            self.metrics.disconnected();
            progress |= seen.progress;
            match end {
                End::PutOff(pause) => tokio::time::sleep(pause).await,
                End::SentAway { not_before } => {
                    return Tried { progress, not_before: Some(not_before), failure: None };
                }
                End::Lost { error, not_before } => {
                    pace.unwelcome = if seen.welcome || !is_transports(&error) { 0 } else { pace.unwelcome + 1 };
                    self.doubt_identity(&error, pace);
                    return Tried { progress, not_before, failure: Some(error.into()) };
                }
            }
        }
    }

    fn doubt_identity(&mut self, error: &Lost, pace: &mut Pace) {
        let Lost::Status(status) = error else { return };
        if status.code() == Code::Unauthenticated || pace.unwelcome >= UNWELCOME_AT_MOST {
            pace.unwelcome = 0;
            self.identity = None;
        }
    }
}

impl Pace {
    fn new() -> Self {
        Self { backoff: Backoff::new(FIRST_DELAY, MOST_DELAY), failures: 0, unwelcome: 0 }
    }

    /// How long to wait before the next try.
    fn delay(&mut self, tried: &Tried, cold: bool) -> Duration {
        if tried.progress {
            self.backoff.reset();
            self.failures = 0;
        }
        let asked = tried.not_before.map(|at| at.saturating_duration_since(Instant::now()));
        if let (Some(asked), true) = (asked, tried.progress) {
            return asked;
        }
        self.failures = self.failures.saturating_add(1);
        let bound = self.backoff.next_bound();
        let own = id::random_duration(if cold { bound.min(MOST_DELAY_COLD) } else { bound });
        // Being sent away again and again is no reason to hurry.
        asked.map_or(own, |asked| asked.max(own))
    }

    /// A long outage is told at its beginning and ever more rarely, so that it does not fill the log.
    fn log(&self, url: &ControlUrl, failure: &Failure, delay: Duration) {
        let (error, tries) = (ErrorChain(failure), self.failures);
        if tries.is_power_of_two() {
            tracing::warn!(%url, %error, tries, ?delay, "no stream to the control plane; the last state serves");
        } else {
            tracing::debug!(%url, %error, tries, ?delay, "no stream to the control plane; the last state serves");
        }
    }
}

/// Whether the connection failed, rather than the control plane refusing in so many words. A certificate that TLS does not take shows so.
fn is_transports(error: &Lost) -> bool {
    matches!(error, Lost::Status(status) if std::error::Error::source(status.as_ref()).is_some())
}

/// The control planes in this proxy's own order, so that a fleet spreads over them without being told.
fn in_order(urls: &[ControlUrl], node_id: &str) -> Vec<ControlUrl> {
    let mut urls = urls.to_vec();
    urls.sort_by_cached_key(|url| {
        let hash: [u8; 32] =
            Sha256::new().chain_update(node_id).chain_update([0]).chain_update(url.as_str()).finalize().into();
        hash
    });
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(progress: bool) -> Tried {
        Tried { progress, not_before: None, failure: None }
    }

    #[test]
    fn the_order_is_the_nodes_own_and_differs_between_nodes() {
        let urls: Vec<ControlUrl> = (0..4).map(|n| format!("https://control-{n}:7801").parse().unwrap()).collect();
        let reversed: Vec<_> = urls.iter().rev().cloned().collect();
        assert_eq!(in_order(&urls, "a"), in_order(&reversed, "a"));
        let firsts: std::collections::HashSet<_> =
            (0..100).map(|node| in_order(&urls, &node.to_string())[0].to_string()).collect();
        assert_eq!(firsts.len(), 4);
    }

    #[test]
    fn a_cold_proxy_comes_back_within_a_second_and_others_within_thirty() {
        let mut pace = Pace::new();
        for _ in 0..50 {
            assert!(pace.delay(&tried(false), true) < MOST_DELAY_COLD);
        }
        let longest = (0..200).map(|_| pace.delay(&tried(false), false)).max().unwrap();
        assert!(longest > FIRST_DELAY && longest < MOST_DELAY, "{longest:?}");
    }

    #[test]
    fn a_proxy_that_is_sent_away_waits_as_long_as_it_was_told() {
        let mut pace = Pace::new();
        let minute = Duration::from_secs(60);
        for progress in [true, false] {
            let away = Tried { not_before: Some(Instant::now() + minute), ..tried(progress) };
            assert!(pace.delay(&away, false) > minute / 2);
        }
    }

    #[test]
    fn only_progress_shortens_the_delay_again() {
        let mut pace = Pace::new();
        for _ in 0..20 {
            let _ = pace.delay(&tried(false), false);
        }
        assert!(pace.delay(&tried(true), false) < FIRST_DELAY);
    }
}
