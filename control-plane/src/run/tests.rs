use std::net::SocketAddr;
use std::path::Path;

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use proto::admin::v1;
use proto::admin::v1::project_service_client::ProjectServiceClient;
use proto::admin::v1::system_service_client::SystemServiceClient;
use shared::address::AddressPolicy;
use shared::telemetry::LogFormat;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::*;

/// A control plane in this process, on ports of its own.
struct Running {
    admin: SocketAddr,
    metrics: SocketAddr,
    sync: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), RunError>>,
}

fn config(folder: &Path) -> Config {
    let anywhere = "127.0.0.1:0".parse().unwrap();
    Config {
        admin_listen: anywhere,
        sync_listen: anywhere,
        metrics_listen: anywhere,
        data_dir: folder.join("data"),
        master_key_file: folder.join("keys"),
        bootstrap_token_file: folder.join("token"),
        bootstrap_join_token_file: None,
        admin_tls: None,
        admin_allow_plaintext: false,
        addresses: AddressPolicy::Public,
        log_format: LogFormat::Text,
        log_level: "info".into(),
    }
}

impl Running {
    async fn start(config: Config) -> Self {
        let listeners = Listeners::bind(&config).await.unwrap();
        let (admin, metrics) = (listeners.admin.local_addr().unwrap(), listeners.metrics.local_addr().unwrap());
        let sync = listeners.sync.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let done = Tasks::new().spawn("control plane", run(config, listeners, shutdown));
        let running = Self { admin, metrics, sync, stop, done };
        while running.get("/readyz").await != StatusCode::OK {
            assert!(!running.done.is_finished());
            tokio::task::yield_now().await;
        }
        running
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.done.await.unwrap().unwrap();
    }

    async fn get(&self, path: &str) -> StatusCode {
        self.fetch(path).await.0
    }

    async fn fetch(&self, path: &str) -> (StatusCode, String) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let request = Request::get(format!("http://{}{path}", self.metrics)).body(Empty::new()).unwrap();
        let response = client.request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.admin)).unwrap().connect().await.unwrap()
    }
}

fn with_token<T>(folder: &Path, message: T) -> tonic::Request<T> {
    let token = std::fs::read_to_string(folder.join("token")).unwrap();
    with(&format!("Bearer {}", token.trim()), message)
}

fn with<T>(authorization: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(authorization).unwrap());
    request
}

fn create(id: &str) -> v1::CreateProjectRequest {
    let project = Some(v1::Project::default());
    v1::CreateProjectRequest { project_id: id.into(), project, ..Default::default() }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn what_an_admin_wrote_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut projects = ProjectServiceClient::new(running.channel().await);
    let made = projects.create_project(with_token(folder.path(), create("p"))).await.unwrap().into_inner();
    running.stop().await;

    let running = Running::start(config(folder.path())).await;
    let mut projects = ProjectServiceClient::new(running.channel().await);
    let request = v1::GetProjectRequest { name: "projects/p".into() };
    let read = projects.get_project(with_token(folder.path(), request)).await.unwrap().into_inner();
    assert_eq!(read, made);
    let mut system = SystemServiceClient::new(running.channel().await);
    let status = system.get_status(with_token(folder.path(), v1::GetStatusRequest {})).await.unwrap().into_inner();
    assert_eq!((status.sealed_reason.as_str(), status.store_id.len()), ("", 32));
    assert!(status.revision >= made.revision);
    running.stop().await;
}

#[tokio::test]
async fn nobody_is_served_without_a_known_token() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut projects = ProjectServiceClient::new(running.channel().await);
    let request = || v1::ListProjectsRequest::default();
    for request in
        [tonic::Request::new(request()), with("Bearer kpa_nonsense", request()), with("Basic abc", request())]
    {
        let refused = projects.list_projects(request).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "TOKEN_INVALID"));
    }
    assert!(projects.list_projects(with_token(folder.path(), request())).await.is_ok());
    running.stop().await;
}

#[tokio::test]
async fn health_needs_no_token_and_other_packages_are_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut health = HealthClient::new(running.channel().await);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
    let mut sync = proto::sync::v1::sync_service_client::SyncServiceClient::new(running.channel().await);
    let refused = sync.enroll(with_token(folder.path(), Default::default())).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unimplemented, "RPC_UNKNOWN"));
    assert_eq!(running.get("/healthz").await, StatusCode::OK);
    assert_eq!(running.get("/metrics").await, StatusCode::OK);
    running.stop().await;
}

#[tokio::test]
async fn with_another_master_key_it_starts_sealed_and_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut projects = ProjectServiceClient::new(running.channel().await);
    projects.create_project(with_token(folder.path(), create("p"))).await.unwrap();
    running.stop().await;

    std::fs::remove_file(folder.path().join("keys")).unwrap();
    let running = Running::start(config(folder.path())).await;
    assert!(!folder.path().join("keys").exists());
    let mut projects = ProjectServiceClient::new(running.channel().await);
    let request = v1::GetProjectRequest { name: "projects/p".into() };
    assert!(projects.get_project(with_token(folder.path(), request)).await.is_ok());
    let refused = projects.create_project(with_token(folder.path(), create("q"))).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "STORE_SEALED"));
    running.stop().await;
}

#[tokio::test]
async fn a_second_control_plane_on_the_data_directory_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let second = config(folder.path());
    let listeners = Listeners::bind(&second).await.unwrap();
    let refused = run(second, listeners, std::future::pending()).await;
    assert!(matches!(refused, Err(RunError::Store(StoreError::Open { .. }))), "{refused:?}");
    running.stop().await;
}

#[tokio::test]
async fn tokens_do_not_travel_in_clear_to_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    let open = Config { admin_listen: "0.0.0.0:0".parse().unwrap(), ..config(folder.path()) };
    let listeners = Listeners::bind(&open).await.unwrap();
    let refused = run(open, listeners, std::future::pending()).await;
    assert!(matches!(refused, Err(RunError::Plaintext(_))), "{refused:?}");
}

#[tokio::test]
async fn with_a_certificate_the_admin_api_speaks_tls_and_http_2() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let admin_tls = Some(config::AdminTls { certificate, key });
    let running = Running::start(Config { admin_tls, ..config(folder.path()) }).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(running.admin).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    drop(stream);
    running.stop().await;
}

#[tokio::test]
async fn many_writers_of_one_resource_all_come_through() {
    const WRITERS: u64 = 24;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let projects = ProjectServiceClient::new(running.channel().await);
    projects.clone().create_project(with_token(folder.path(), create("p"))).await.unwrap();
    let tasks = Tasks::new();
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let mut projects = projects.clone();
            let project =
                v1::Project { name: "projects/p".into(), display_name: format!("P {n}"), ..Default::default() };
            let request = v1::UpdateProjectRequest { project: Some(project), ..Default::default() };
            let request = with_token(folder.path(), request);
            tasks.spawn("writer", async move { projects.update_project(request).await })
        })
        .collect();
    let mut generations = std::collections::BTreeSet::new();
    for writer in writers {
        generations.insert(writer.await.unwrap().unwrap().into_inner().generation);
    }
    assert_eq!(generations, (2..WRITERS + 2).collect());
    running.stop().await;
}

#[tokio::test]
async fn a_first_start_without_a_usable_master_key_leaves_the_store_empty_for_the_next_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("k1:{}=\n", "A".repeat(43))).unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    Running::start(config(folder.path())).await.stop().await;
    assert!(!folder.path().join("token").exists());

    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut projects = ProjectServiceClient::new(running.channel().await);
    projects.create_project(with_token(folder.path(), create("p"))).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn whoever_connects_and_asks_nothing_does_not_hold_up_the_stop() {
    use tokio::io::AsyncWriteExt as _;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut quiet = tokio::net::TcpStream::connect(running.admin).await.unwrap();
    quiet.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut half = tokio::net::TcpStream::connect(running.metrics).await.unwrap();
    half.write_all(b"GET /metrics HTTP/1.1\r\nho").await.unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots(folder.path(), &running).await)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(running.sync).await.unwrap();
    let name = crate::sync::ca::SERVER_NAME.try_into().unwrap();
    let secured = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    // Far less than the drain of requests, and than for ever.
    tokio::time::timeout(Duration::from_secs(7), running.stop()).await.expect("it stops soon");
    drop((quiet, half, secured));
}

/// What a client of the sync listener trusts: the CA of a join token.
async fn roots(folder: &Path, running: &Running) -> rustls::RootCertStore {
    use proto::admin::v1::fleet_service_client::FleetServiceClient;
    let join_token = v1::JoinToken { environments: vec!["projects/-/environments/-".into()], ..Default::default() };
    let request =
        v1::CreateJoinTokenRequest { join_token_id: "t".into(), join_token: Some(join_token), ..Default::default() };
    let mut fleet = FleetServiceClient::new(running.channel().await);
    let made = fleet.create_join_token(with_token(folder, request)).await.unwrap().into_inner();
    let lines: String = made.ca_certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, lines).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der.into()).unwrap();
    roots
}

#[tokio::test]
async fn every_metric_stands_in_the_operators_page() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(config(folder.path())).await;
    let mut projects = ProjectServiceClient::new(running.channel().await);
    projects.create_project(with_token(folder.path(), create("p"))).await.unwrap();
    let (_, metrics) = running.fetch("/metrics").await;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operators.md")).unwrap();
    let names: Vec<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() >= 8, "{metrics}");
    for name in names {
        assert!(page.contains(name), "{name} is not in docs/operators.md");
    }
    running.stop().await;
}
