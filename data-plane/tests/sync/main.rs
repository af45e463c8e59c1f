//! The sync client against a control plane that does what the test says, over real connections and real TLS.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod control;
mod environment;
mod stream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser as _;
use control::{Ca, Control};
use data_plane::config::Config;
use data_plane::evidence::{self, EvidenceHandle, Finding, Observation};
use data_plane::observe::sync::SyncMetrics;
use data_plane::server::{self, Listeners, Parts};
use data_plane::snapshot::SnapshotStore;
use data_plane::snapshot::resource::{CallerKey, Change};
use data_plane::sync::{self, SyncConfig};
use environment::Environment;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use proto::sync::v1::{CallerKeyConfig, Kind, ProviderConfig, RefusalReason, UpstreamAdapter, UpstreamAuth, directive};
use shared::address::AddressPolicy;
use shared::task::Tasks;
use stream::{Stream, until, within};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Status;

const KEY: &str = "projects/p/callerKeys/k";
const PROVIDER: &str = "projects/p/providers/a";

/// A proxy without its listeners.
struct Proxy {
    tasks: Tasks,
    snapshots: Arc<SnapshotStore>,
    evidence: EvidenceHandle,
    registry: Registry,
    folder: TempDir,
}

impl Proxy {
    fn start(urls: &[String]) -> Self {
        let (folder, tasks, snapshots) = (TempDir::new().unwrap(), Tasks::new(), Arc::new(SnapshotStore::new()));
        let (evidence, observations) = evidence::channel();
        let config = SyncConfig {
            control: urls.iter().map(|url| url.parse().unwrap()).collect(),
            join_token_file: folder.path().join("token"),
            node_id: "node-1".into(),
            addresses: AddressPolicy::Public,
        };
        let (metrics, mut registry) = (SyncMetrics::default(), Registry::default());
        metrics.register(&mut registry);
        sync::start(config, Arc::clone(&snapshots), observations, metrics, &tasks);
        Self { tasks, snapshots, evidence, registry, folder }
    }

    /// What a metric of the sync client says.
    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("keyplane_proxy_sync_{name} ")));
        line.expect("the metric is there").parse().unwrap()
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn give_token(&self, ca: &Ca) {
        std::fs::write(self.token_file(), format!("{}\n", ca.token())).unwrap();
    }

    fn holds(&self, environment: &Environment) -> bool {
        self.snapshots.load().environments().any(|name| name.to_string() == environment.name)
    }
}

fn caller_key(seed: u8) -> CallerKeyConfig {
    CallerKeyConfig { sha256: vec![seed; 32].into(), allowed_models: vec!["*".into()], ..Default::default() }
}

fn provider(adapter: i32) -> ProviderConfig {
    ProviderConfig {
        adapter,
        base_url: "https://api.example/v1".into(),
        auth: UpstreamAuth::Managed.into(),
        ..Default::default()
    }
}

/// A proxy that was welcomed and has applied a snapshot of one environment.
async fn live() -> (Control, Proxy, Stream, Environment) {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let mut control = Control::start(&ca, &tasks).await;
    let proxy = Proxy::start(&[control.url()]);
    proxy.give_token(&ca);
    let mut stream = control.stream().await;
    assert!(stream.hello().await.held.is_empty());
    let mut environment = Environment::new("production");
    environment.put(Kind::CallerKey, KEY, &caller_key(1));
    stream.welcome(&[&environment.name]).await;
    stream.snapshot(&environment).await;
    assert_eq!(stream.applied().await.position, Some(environment.position()));
    (control, proxy, stream, environment)
}

#[tokio::test]
async fn a_proxy_waits_for_its_token_enrolls_and_applies_a_snapshot_and_deltas() {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let mut control = Control::start(&ca, &tasks).await;
    let proxy = Proxy::start(&[control.url()]);
    std::fs::write(proxy.token_file(), "").unwrap();
    proxy.give_token(&ca);
    let enrollment = within(control.enrollments.recv()).await.unwrap();
    assert_eq!((enrollment.join_token, enrollment.node_id.as_str()), (ca.token(), "node-1"));

    let mut stream = control.stream().await;
    let hello = stream.hello().await;
    assert_eq!((hello.protocol_min, hello.boot_id.len(), hello.held.len()), (1, 16, 0));
    let mut environment = Environment::new("production");
    environment.put(Kind::Provider, PROVIDER, &provider(UpstreamAdapter::Openai.into()));
    stream.welcome(&[&environment.name]).await;
    assert!(!proxy.snapshots.is_ready());
    stream.snapshot(&environment).await;
    let applied = stream.applied().await;
    assert_eq!((applied.position, applied.unusable.len()), (Some(environment.position()), 0));
    assert!(proxy.snapshots.is_ready());

    let delta = environment.put(Kind::CallerKey, KEY, &caller_key(1));
    stream.send(delta).await;
    assert_eq!(stream.applied().await.position, Some(environment.position()));
}

#[tokio::test]
async fn a_gap_is_refused_and_a_snapshot_repairs_it() {
    let (_control, proxy, mut stream, mut environment) = live().await;
    let _lost = environment.put(Kind::CallerKey, KEY, &caller_key(2));
    stream.send(environment.put(Kind::CallerKey, KEY, &caller_key(3))).await;
    let refused = stream.refused().await;
    assert_eq!((refused.reason(), refused.revision), (RefusalReason::Gap, environment.revision));
    assert!(proxy.snapshots.is_ready());
    stream.snapshot(&environment).await;
    assert_eq!(stream.applied().await.position, Some(environment.position()));
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_a_snapshot_repairs_it() {
    let (_control, _proxy, mut stream, mut environment) = live().await;
    let mut delta = environment.put(Kind::CallerKey, KEY, &caller_key(2));
    delta.changes[0].version += 1;
    stream.send(delta).await;
    assert_eq!(stream.refused().await.reason(), RefusalReason::DigestMismatch);
    stream.snapshot(&environment).await;
    assert_eq!(stream.applied().await.position, Some(environment.position()));
}

#[tokio::test]
async fn a_lost_stream_is_resumed_with_the_position_and_its_proof() {
    let (mut control, proxy, stream, mut environment) = live().await;
    let held = (environment.position(), environment.proof());
    stream.fail(Status::internal("cut")).await;
    let mut stream = control.stream().await;
    let hello = stream.hello().await;
    assert_eq!(hello.held.len(), 1);
    assert_eq!((hello.held[0].position.clone(), hello.held[0].proof.clone()), (Some(held.0), held.1));
    assert!(proxy.snapshots.is_ready(), "the last state serves meanwhile");
    stream.welcome(&[&environment.name]).await;
    stream.send(environment.put(Kind::CallerKey, KEY, &caller_key(2))).await;
    assert_eq!(stream.applied().await.position, Some(environment.position()));
    // The certificate was good, so that there was no second enrollment.
    assert!(control.enrollments.try_recv().is_ok() && control.enrollments.try_recv().is_err());
}

#[tokio::test]
async fn what_the_proxy_cannot_use_is_named_and_blocks_nothing() {
    let (_control, _proxy, mut stream, mut environment) = live().await;
    stream.send(environment.put(Kind::Provider, PROVIDER, &provider(99))).await;
    let applied = stream.applied().await;
    assert_eq!(applied.position, Some(environment.position()));
    assert_eq!((applied.unusable.len(), applied.unusable[0].name.as_str()), (1, PROVIDER));
    assert!(!applied.unusable[0].reason.is_empty());
    stream.send(environment.put(77, "projects/p/things/t", &caller_key(9))).await;
    assert_eq!(stream.applied().await.unusable.len(), 1);
    stream.send(environment.put(Kind::Provider, PROVIDER, &provider(UpstreamAdapter::Openai.into()))).await;
    let applied = stream.applied().await;
    assert_eq!((applied.position, applied.unusable.len()), (Some(environment.position()), 0));
}

#[tokio::test]
async fn a_withdrawn_environment_is_dropped_and_a_granted_one_follows() {
    let (mut control, proxy, mut stream, environment) = live().await;
    stream.direct(directive::Directive::EnvironmentWithdrawn(environment.name.clone())).await;
    until(|| !proxy.holds(&environment)).await;
    let staging = Environment::new("staging");
    stream.direct(directive::Directive::EnvironmentGranted(staging.name.clone())).await;
    until(|| !proxy.snapshots.is_ready()).await;
    stream.snapshot(&staging).await;
    assert_eq!(stream.applied().await.environment, staging.name);
    assert!(proxy.holds(&staging) && proxy.snapshots.is_ready());

    // One that a later welcome does not name is withdrawn too.
    stream.fail(Status::unavailable("cut")).await;
    let mut stream = control.stream().await;
    assert_eq!(stream.hello().await.held.len(), 1);
    stream.welcome(&[]).await;
    until(|| !proxy.holds(&staging)).await;
}

#[tokio::test]
async fn a_control_plane_with_another_ca_gets_neither_the_token_nor_a_stream() {
    let (ca, other, tasks) = (Ca::new(), Ca::new(), Tasks::new());
    let mut control = Control::start(&ca, &tasks).await;
    let proxy = Proxy::start(&[control.url()]);
    proxy.give_token(&other);
    let failed = Arc::clone(&control.failed_handshakes);
    until(|| failed.load(Ordering::SeqCst) > 1).await;
    assert_eq!(control.connections.load(Ordering::SeqCst), 0);
    assert!(control.enrollments.try_recv().is_err());
    // The file is read again, so that a new token helps without a restart.
    proxy.give_token(&ca);
    control.stream().await.hello().await;
}

#[tokio::test]
async fn a_pushback_is_waited_out_on_the_same_connection() {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let mut control = Control::start(&ca, &tasks).await;
    let mut busy = Status::unavailable("busy");
    busy.metadata_mut().insert("grpc-retry-pushback-ms", "20".parse().unwrap());
    *control.refusals.lock().await = vec![busy.clone(), busy];
    let proxy = Proxy::start(&[control.url()]);
    proxy.give_token(&ca);
    control.stream().await.hello().await;
    assert_eq!(control.connections.load(Ordering::SeqCst), 2, "one to enroll, one for the stream");
}

#[tokio::test]
async fn a_certificate_that_is_refused_is_replaced_by_another_enrollment() {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let mut control = Control::start(&ca, &tasks).await;
    *control.refusals.lock().await = vec![Status::unauthenticated("not enrolled any more")];
    let proxy = Proxy::start(&[control.url()]);
    proxy.give_token(&ca);
    control.stream().await.hello().await;
    assert!(control.enrollments.try_recv().is_ok() && control.enrollments.try_recv().is_ok());
}

#[tokio::test]
async fn a_silent_stream_is_given_up() {
    let (mut control, _proxy, mut stream, environment) = live().await;
    stream.send(environment.heartbeat()).await;
    stream.direct(directive::Directive::ReconnectWithin(prost_types::Duration::default())).await;
    assert!(stream.ended().await);
    let mut second = control.stream().await;
    second.hello().await;
    second.welcome_beating(&[&environment.name], Duration::from_millis(100)).await;
    second.send(environment.heartbeat()).await;
    assert!(second.ended().await);
    assert_eq!(control.stream().await.hello().await.held.len(), 1);
}

#[tokio::test]
async fn a_heartbeat_that_disagrees_twice_is_repaired() {
    let (_control, _proxy, mut stream, mut environment) = live().await;
    let held = environment.revision;
    environment.put(Kind::CallerKey, KEY, &caller_key(9));
    environment.revision = held;
    for _ in 0..2 {
        stream.send(environment.heartbeat()).await;
    }
    assert_eq!(stream.refused().await.reason(), RefusalReason::DigestMismatch);
    stream.snapshot(&environment).await;
    assert_eq!(stream.applied().await.position, Some(environment.position()));
}

#[tokio::test]
async fn a_certificate_is_renewed_on_the_stream() {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let mut control = Control::start_renewing(&ca, &tasks, Duration::from_secs(1)).await;
    let proxy = Proxy::start(&[control.url()]);
    proxy.give_token(&ca);
    let mut stream = control.stream().await;
    stream.hello().await;
    stream.welcome(&[]).await;
    within(control.renewals.recv()).await.unwrap();
    within(control.renewals.recv()).await.unwrap();
    assert_eq!(control.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_next_control_plane_is_tried_where_one_is_away() {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let mut control = Control::start(&ca, &tasks).await;
    // Bound and dropped: nobody listens there.
    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&[format!("https://{away}"), control.url()]);
    proxy.give_token(&ca);
    control.stream().await.hello().await;
}

#[tokio::test]
async fn a_cold_proxy_is_back_soon_after_a_long_outage() {
    let (ca, tasks) = (Ca::new(), Tasks::new());
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&[format!("https://{address}")]);
    proxy.give_token(&ca);
    // By the tenth the delays would be anywhere under 30 s, if the proxy had something to serve meanwhile.
    until(|| proxy.metric("reconnects_total") >= 10).await;
    let mut control = Control::start_at(&ca, &tasks, address).await;
    let back = Instant::now();
    control.stream().await.hello().await;
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
}

#[tokio::test]
async fn metrics_tell_where_the_proxy_stands() {
    let (_control, proxy, mut stream, mut environment) = live().await;
    stream.send(environment.put(Kind::Provider, PROVIDER, &provider(99))).await;
    stream.applied().await;
    let label = format!("{{environment=\"{}\"}}", environment.name);
    for (name, value) in [
        ("connected".to_owned(), 1),
        (format!("revision{label}"), environment.revision),
        (format!("unusable{label}"), 1),
        ("deltas_applied_total".to_owned(), 1),
        ("snapshots_applied_total".to_owned(), 1),
        ("repairs_total".to_owned(), 0),
    ] {
        assert_eq!(proxy.metric(&name), value, "{name}");
    }
}

#[tokio::test]
async fn evidence_is_sent_until_it_is_acknowledged() {
    let (mut control, proxy, stream, environment) = live().await;
    let observation = Observation {
        environment: environment.name.parse().unwrap(),
        credential: format!("{PROVIDER}/credentials/c").parse().unwrap(),
        value_version: 3,
        upstream_model: "gpt".into(),
        finding: Finding::Rejected,
        status: 401,
        provider_code: Some("invalid_api_key"),
        at: SystemTime::now(),
    };
    proxy.evidence.offer(observation.clone());
    let mut reports = within(control.reports.recv()).await.unwrap();
    let first = reports.next().await;
    assert_eq!((first.sequence, first.boot_id.len()), (1, 16));
    assert_eq!((first.credential_evidence[0].value_version, first.credential_evidence[0].count), (3, 1));

    // Cut before the acknowledgement: it comes again, as it was.
    stream.fail(Status::internal("cut")).await;
    assert!(reports.ended().await);
    let mut stream = control.stream().await;
    assert_eq!(stream.hello().await.boot_id, first.boot_id);
    stream.welcome(&[&environment.name]).await;
    let mut reports = within(control.reports.recv()).await.unwrap();
    assert_eq!(reports.next().await, first);
    reports.acknowledge(1).await;
    proxy.evidence.offer(observation);
    assert_eq!(reports.next().await.sequence, 2);
}

#[tokio::test]
async fn what_was_learned_before_a_stop_is_told() {
    let (mut control, proxy, _stream, environment) = live().await;
    let mut reports = within(control.reports.recv()).await.unwrap();
    let tasks = proxy.tasks.clone();
    proxy.evidence.offer(Observation {
        environment: environment.name.parse().unwrap(),
        credential: format!("{PROVIDER}/credentials/c").parse().unwrap(),
        value_version: 1,
        upstream_model: "gpt".into(),
        finding: Finding::Exhausted,
        status: 429,
        provider_code: None,
        at: SystemTime::now(),
    });
    tasks.stop();
    let batch = reports.next().await;
    assert_eq!(batch.credential_evidence.len(), 1);
    reports.acknowledge(batch.sequence).await;
    within(tasks.stopped()).await;
}

#[tokio::test]
async fn what_was_used_before_a_stop_is_told() {
    let (mut control, proxy, _stream, environment) = live().await;
    let mut reports = within(control.reports.recv()).await.unwrap();
    let address = serve(&proxy);
    let key = CallerKey {
        sha256: shared::id::token_hash(b"kp_used"),
        allowed_models: Vec::new(),
        expire_time: None,
        disabled: false,
    };
    let name = "projects/p/callerKeys/used";
    let put = Change::PutCallerKey(name.parse().unwrap(), key);
    proxy.snapshots.store(proxy.snapshots.load().with(&environment.name.parse().unwrap(), [put]));

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: kp_used\r\nconnection: close\r\n";
    let request = format!("{head}content-length: 13\r\n\r\n{{\"model\":\"m\"}}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&answer));

    let tasks = proxy.tasks.clone();
    tasks.stop();
    let batch = reports.next().await;
    let told: Vec<_> = batch.uses.iter().map(|told| (told.name.as_str(), told.value_version)).collect();
    assert_eq!(told, [(name, 0)], "the key was good, whatever came of the request");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    assert!(now.abs_diff(batch.uses[0].last_time_ms.into()) < 60_000);
    reports.acknowledge(batch.sequence).await;
    within(tasks.stopped()).await;
}

/// Serves applications with a proxy's snapshot, and returns where.
fn serve(proxy: &Proxy) -> SocketAddr {
    let flags = ["proxy", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--control=https://127.0.0.1:1"];
    let config = Config::try_parse_from(flags.into_iter().chain(["--join-token-file=none"])).unwrap();
    let listeners = Listeners::bind(&config).unwrap();
    let address = listeners.callers_addr();
    let parts = Parts {
        snapshots: Arc::clone(&proxy.snapshots),
        evidence: proxy.evidence.clone(),
        registry: Registry::default(),
        tasks: Tasks::new(),
    };
    let stopping = proxy.tasks.clone();
    proxy.tasks.spawn("server", async move {
        server::serve(&config, listeners, parts, async move { stopping.stopping().await }).await.unwrap();
    });
    address
}
