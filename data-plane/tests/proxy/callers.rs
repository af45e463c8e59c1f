//! What callers may send, and what they are told.

use bytes::Bytes;
use data_plane::snapshot::resource::Change;
use http_body_util::Full;
use shared::credential::CredentialValue;
use shared::secret::Secret;
use tokio::time::timeout;

use super::SOON;
use super::harness::{Answered, KEY, Proxy, caller_key, credential, environment, model, provider};
use super::upstream::{Reply, Upstream};

#[tokio::test]
async fn bad_requests_are_refused_in_the_callers_format() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([
        provider("a", upstream.address),
        model("m", &["a"]),
        credential("a", "k1", 1),
        caller_key("narrow", "kp_narrow", "other"),
    ])
    .await;
    for (body, status, code) in [
        ("nonsense", 400, "body_invalid"),
        (r#"{"messages":[]}"#, 400, "body_invalid"),
        (r#"{"model":"m","mod\u0065l":"n"}"#, 400, "body_invalid"),
        (r#"{"model":"unknown"}"#, 404, "model_not_found"),
    ] {
        let answered = proxy.post(body).await;
        assert_eq!((answered.status, &*answered.code()), (status, code), "{body}");
    }
    assert!(proxy.chat("unknown").await.body.contains("GET /v1/models"));
    let with_key = async |key: &str| {
        let mut request = proxy.request(r#"{"model":"m"}"#);
        request.headers_mut().insert("x-keyplane-key", key.parse().unwrap());
        let answered = Answered::of(proxy.send(request).await).await;
        (answered.status, answered.code())
    };
    assert_eq!(with_key("kp_wrong").await, (401, "caller_key_invalid".into()));
    assert_eq!(with_key("kp_narrow").await, (403, "model_not_allowed".into()));
    assert_eq!(proxy.get("/v1/nothing").await.code(), "route_not_found");
    assert_eq!(proxy.get("/v1/chat/completions").await.status, 405);
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let proxy = Proxy::cold(&["--max-body-bytes=100"]).await;
    proxy.change([caller_key("test", KEY, "*")]);
    assert_eq!(proxy.post(&"x".repeat(101)).await.code(), "body_too_large");
}

#[tokio::test]
async fn models_are_listed_for_those_who_may_use_them() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), model("b/n", &["a"])]).await;
    let list: serde_json::Value = serde_json::from_str(&proxy.get("/v1/models").await.body).unwrap();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!((list["object"].as_str(), ids), (Some("list"), vec!["b/n", "m"]));
    assert_eq!(proxy.get("/v1/models/b%2Fn").await.status, 200);
    assert_eq!(proxy.get("/v1/models/none").await.code(), "model_not_found");
}

#[tokio::test]
async fn a_proxy_without_its_config_says_so() {
    let proxy = Proxy::cold(&[]).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, answered.header("retry-after")), (503, "1"));
    assert_eq!(proxy.ops("/readyz").await.status, 503);
    assert_eq!(proxy.ops("/healthz").await.status, 200);
    proxy.snapshots.store(proxy.snapshots.load().granting([environment()]));
    proxy.change([]);
    assert_eq!(proxy.ops("/readyz").await.status, 200);
    assert_eq!(proxy.chat("m").await.status, 401);
    let metrics = proxy.ops("/metrics").await.body;
    assert!(metrics.contains("keyplane_proxy_requests_total{operation=\"chat\",outcome=\"not_ready\"} 1"), "{metrics}");
}

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http2_only(true)
        .build_http::<Full<Bytes>>();
    let response = client.request(proxy.request(r#"{"model":"m"}"#)).await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (http::Version::HTTP_2, 200));
}

#[tokio::test]
async fn a_head_that_never_ends_and_a_head_that_is_too_large_are_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let proxy = Proxy::cold(&[]).await;
    let mut stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let head = format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nlong: {}\r\n", "x".repeat(70_000));
    // The proxy may close before it took everything.
    drop(stream.write_all(head.as_bytes()).await);
    let mut answer = Vec::new();
    drop(timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap());
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn applications_are_served_over_tls_where_a_certificate_is_given() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let files = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let flags = [format!("--tls-cert={}", certificate.display()), format!("--tls-key={}", key.display())];
    let proxy = Proxy::cold(&flags.each_ref().map(String::as_str)).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap());
    assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
}

/// The body may come long after the head.
#[tokio::test]
async fn a_request_whose_only_credential_is_rotated_while_its_body_comes_is_served_with_the_new_value() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "old", 1)]).await;
    let mut stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let body = r#"{"model":"m","messages":[]}"#;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 25];
    timeout(SOON, stream.read_exact(&mut told)).await.unwrap().unwrap();
    assert!(told.starts_with(b"HTTP/1.1 100 "), "the head is known, and the body is waited for");
    let Change::PutCredential(name, mut rotated) = credential("a", "old", 1) else { panic!("it puts one") };
    rotated.value = CredentialValue::ApiKey(Secret::from("sk-new".to_owned()));
    rotated.value_version += 1;
    proxy.change([Change::PutCredential(name, rotated)]);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(upstream.asked().pop().unwrap().key, "sk-new");
}
