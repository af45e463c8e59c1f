//! What a provider's fields do to its requests, answers and connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_plane::snapshot::resource::{Change, Dialing, Patience, Provider};
use prost::Message as _;
use proto::sync::v1::{Kind, Pair, ProviderConfig, UpstreamAdapter, UpstreamAuth};
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::harness::{
    Answered, KEY, Proxy, credential, environment, model, place, provider, provider_of, put_provider,
};
use super::upstream::{Reply, Upstream};

/// A provider as the sync stream brings it.
pub(crate) fn synced(config: ProviderConfig) -> Change {
    let config = ProviderConfig {
        adapter: UpstreamAdapter::Openai.into(),
        auth: UpstreamAuth::Managed.into(),
        exposed_models: vec!["*".into()],
        ..config
    };
    let put = Bytes::from(config.encode_to_vec());
    Change::put(AddressPolicy::AllowPrivate, &environment(), Kind::Provider.into(), "projects/p/providers/a", &put)
        .unwrap()
}

fn pair(key: &str, value: &str) -> Pair {
    Pair { key: key.into(), value: value.into() }
}

#[tokio::test]
async fn headers_are_stripped_and_added_and_fields_are_set() {
    let upstream =
        Upstream::start(|_| Reply::Json(200, &[("openai-version", "1"), ("openai-model", "x")], "{}".into())).await;
    let config = ProviderConfig {
        base_url: format!("http://{}/v1", upstream.address),
        strip_headers: vec!["authorization".into(), "openai-beta".into(), "openai-version".into()],
        request_headers: vec![pair("x-team", "search")],
        request_defaults_json: r#"{"service_tier":"flex","temperature":1.0}"#.into(),
        key_header: "x-my-key".into(),
        ..Default::default()
    };
    let proxy = Proxy::start([synced(config), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let mut request = proxy.request(r#"{"model":"m" ,"temperature": 0, "x":[]} "#);
    request.headers_mut().insert("openai-beta", "b".parse().unwrap());
    let answered = Answered::of(proxy.send(request).await).await;
    assert_eq!((answered.status, answered.header("openai-version"), answered.header("openai-model")), (200, "", "x"));
    let asked = upstream.asked().remove(0);
    assert_eq!(asked.body, r#"{"model":"upstream-model" ,"temperature": 0, "x":[],"service_tier":"flex"} "#);
    assert_eq!(asked.headers["x-team"], "search");
    assert!(!asked.headers.contains_key("openai-beta"));
    assert!(asked.headers["x-my-key"].to_str().unwrap().contains("sk-k1"));
}

#[tokio::test]
async fn what_is_set_for_conversations_is_set_in_nothing_else() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], "{}".into())).await;
    let config = ProviderConfig {
        base_url: format!("http://{}/v1", upstream.address),
        request_defaults_json: r#"{"temperature":0.5}"#.into(),
        ..Default::default()
    };
    let proxy = Proxy::start([synced(config), model("m", &["a"]), credential("a", "k1", 1)]).await;
    for (path, is_set) in [
        ("/v1/chat/completions", true),
        ("/v1/responses", true),
        ("/v1/completions", true),
        ("/v1/embeddings", false),
        ("/v1/responses/input_tokens", false),
        ("/v1/moderations", false),
        ("/v1/images/generations", false),
    ] {
        proxy.post_to(path, &[("x-api-key", KEY)], r#"{"model":"m"}"#).await;
        let asked = upstream.asked().pop().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!((asked.path.contains(&path[3..]), body["temperature"].is_number()), (true, is_set), "{path}");
    }
}

#[tokio::test]
async fn a_first_byte_and_a_pause_take_no_longer_than_they_may() {
    let (_never, silent) = mpsc::channel(1);
    let (tx, pausing) = mpsc::channel(4);
    let (silent, pausing) = (std::sync::Mutex::new(Some(silent)), std::sync::Mutex::new(Some(pausing)));
    let upstream = Upstream::start(move |asked| {
        let which = if asked.key == "sk-silent" { &silent } else { &pausing };
        Reply::Channel(which.lock().unwrap().take().unwrap())
    })
    .await;
    let brief = Duration::from_millis(400);
    let long = Duration::from_secs(300);
    let with = |id, first_byte, idle| {
        let place = place(
            BaseUrl::parse(AdapterKind::OpenAi, &format!("http://{}", upstream.address), AddressPolicy::AllowPrivate)
                .unwrap(),
        );
        put_provider(
            id,
            Provider { patience: Patience { first_byte, idle }, ..Provider::new(AdapterKind::OpenAi, place) },
        )
    };
    let proxy = Proxy::start([
        with("a", brief, long),
        with("b", long, brief),
        credential("a", "silent", 1),
        credential("b", "pausing", 1),
    ])
    .await;
    let answered = proxy.chat("a/x").await;
    assert_eq!((answered.status, &*answered.code()), (504, "upstream_timeout"));
    tx.send(Ok(Bytes::from("data: {}\n\n"))).await.unwrap();
    let answered = proxy.post(r#"{"model":"b/x","stream":true}"#).await;
    assert!(
        answered.body.starts_with("data: {}\n\n") && answered.body.contains("upstream_timeout"),
        "{}",
        answered.body
    );
}

#[tokio::test]
async fn a_provider_is_trusted_by_its_own_authorities_alone() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let upstream = Upstream::start_with(Some(TlsAcceptor::from(Arc::new(config))), |_| Reply::ok()).await;
    let with = |id, ca_certificates: Option<String>| {
        let url = format!("https://{}", upstream.address);
        let place = place(BaseUrl::parse(AdapterKind::OpenAi, &url, AddressPolicy::AllowPrivate).unwrap());
        let dialing = Dialing { ca_certificates: ca_certificates.map(Into::into), ..Dialing::default() };
        put_provider(id, Provider { dialing, ..Provider::new(AdapterKind::OpenAi, place) })
    };
    let proxy = Proxy::start([
        with("a", Some(made.cert.pem())),
        with("b", None),
        credential("a", "k", 1),
        credential("b", "k", 1),
    ])
    .await;
    // The same origin: a connection that one may use is none of the other's.
    for _ in 0..4 {
        assert_eq!(proxy.chat("a/x").await.status, 200);
        let answered = proxy.chat("b/x").await;
        assert_eq!((answered.status, &*answered.code()), (502, "upstream_unreachable"));
    }
}

#[tokio::test]
async fn an_azure_deployment_stands_in_the_url() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let azure = provider_of(AdapterKind::AzureOpenAi, upstream.address);
    let proxy = Proxy::start([
        put_provider("z", azure),
        provider("a", upstream.address),
        credential("z", "k", 1),
        model("m", &["z"]),
    ])
    .await;
    for _ in 0..2 {
        for name in ["m", "z/other"] {
            assert_eq!(proxy.chat(name).await.status, 200);
        }
    }
    let paths: Vec<_> = upstream.asked().into_iter().map(|asked| asked.path).collect();
    for (path, deployment) in paths.iter().zip(["upstream-model", "other"].into_iter().cycle()) {
        assert!(path.contains(&format!("/deployments/{deployment}/chat/completions?api-version=")), "{path}");
    }
}
