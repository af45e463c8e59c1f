//! A proxy with a snapshot made by hand, and a caller of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser as _;
use data_plane::config::Config;
use data_plane::evidence::{self, EvidenceReceiver};
use data_plane::server::{self, Listeners, Parts, RunError};
use data_plane::snapshot::SnapshotStore;
use data_plane::snapshot::resource::{CallerKey, Change, Credential, Model, ModelPattern, Provider, Target};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prometheus_client::registry::Registry;
use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::credential::CredentialValue;
use shared::name::EnvironmentName;
use shared::secret::Secret;
use shared::task::Tasks;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The caller key that every snapshot here has.
pub(crate) const KEY: &str = "kp_test";

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) metrics_address: SocketAddr,
    pub(crate) snapshots: Arc<SnapshotStore>,
    pub(crate) evidence: EvidenceReceiver,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<Result<(), RunError>>,
    client: Client<HttpConnector, Full<Bytes>>,
    _tasks: Tasks,
}

pub(crate) fn environment() -> EnvironmentName {
    "projects/p/environments/production".parse().unwrap()
}

pub(crate) fn provider(id: &str, address: SocketAddr) -> Change {
    let policy = AddressPolicy::AllowPrivate;
    let base_url = BaseUrl::parse(AdapterKind::OpenAi, &format!("http://{address}/v1"), policy).unwrap();
    let provider = Provider::new(AdapterKind::OpenAi, place(base_url));
    put_provider(id, provider)
}

/// A provider of any adapter, with managed credentials.
pub(crate) fn provider_of(adapter: AdapterKind, address: SocketAddr) -> Provider {
    let base_url = BaseUrl::parse(adapter, &format!("http://{address}"), AddressPolicy::AllowPrivate).unwrap();
    Provider::new(adapter, Place { region: Some("us-east-1".into()), ..place(base_url) })
}

pub(crate) fn put_provider(id: &str, provider: Provider) -> Change {
    Change::PutProvider(format!("projects/p/providers/{id}").parse().unwrap(), Arc::new(provider))
}

/// A place with nothing but its base URL.
pub(crate) fn place(base_url: BaseUrl) -> Place {
    Place { base_url, region: None, settings: Settings::default(), key_header: None, additional_key_header: None }
}

pub(crate) fn credential(provider: &str, id: &str, weight: u32) -> Change {
    grouped(provider, id, weight, None)
}

/// A credential of an upstream account.
pub(crate) fn grouped(provider: &str, id: &str, weight: u32, group: Option<&str>) -> Change {
    let value = CredentialValue::ApiKey(Secret::from(format!("sk-{id}")));
    put_credential(provider, id, value, weight, group)
}

pub(crate) fn put_credential(
    provider: &str,
    id: &str,
    value: CredentialValue,
    weight: u32,
    group: Option<&str>,
) -> Change {
    let quota_group = group.map(Into::into);
    let credential =
        Credential { value, additional_key: None, value_version: 1, weight, quota_group, unverified: false };
    Change::PutCredential(format!("projects/p/providers/{provider}/credentials/{id}").parse().unwrap(), credential)
}

pub(crate) fn model(id: &str, providers: &[&str]) -> Change {
    model_within(id, providers, Duration::from_secs(600))
}

pub(crate) fn model_within(id: &str, providers: &[&str], timeout: Duration) -> Change {
    let targets: Vec<_> =
        providers.iter().enumerate().map(|(priority, provider)| (*provider, 1, priority as u32)).collect();
    model_of(id, &targets, timeout)
}

/// A model of providers with a weight and a priority each.
pub(crate) fn model_of(id: &str, targets: &[(&str, u32, u32)], timeout: Duration) -> Change {
    let target = |(provider, weight, priority): &(&str, u32, u32)| Target {
        provider: (*provider).into(),
        upstream_model: "upstream-model".into(),
        weight: *weight,
        priority: *priority,
    };
    let model = Model { targets: targets.iter().map(target).collect(), timeout, max_attempts: 4 };
    Change::PutModel(format!("projects/p/models/{id}").parse().unwrap(), model)
}

pub(crate) fn caller_key(id: &str, key: &str, allowed: &str) -> Change {
    let key = CallerKey {
        sha256: shared::id::token_hash(key.as_bytes()),
        allowed_models: vec![match allowed.strip_suffix('*') {
            Some(prefix) => ModelPattern::Prefix(prefix.into()),
            None => ModelPattern::Name(allowed.into()),
        }],
        expire_time: None,
        disabled: false,
    };
    Change::PutCallerKey(format!("projects/p/callerKeys/{id}").parse().unwrap(), key)
}

impl Proxy {
    /// A proxy with no environment granted yet.
    pub(crate) async fn cold(flags: &[&str]) -> Self {
        let fixed = [
            "keyplane-proxy",
            "--listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            "--control=https://127.0.0.1:1",
            "--join-token-file=none",
            "--allow-private-upstreams",
        ];
        let config = Config::try_parse_from(fixed.iter().chain(flags)).unwrap();
        let listeners = Listeners::bind(&config).unwrap();
        let (address, metrics_address) = (listeners.callers_addr(), listeners.metrics_addr());
        let snapshots = Arc::new(SnapshotStore::new());
        let (handle, evidence) = evidence::channel();
        let parts = Parts {
            snapshots: Arc::clone(&snapshots),
            evidence: handle,
            registry: Registry::default(),
            tasks: Tasks::new(),
        };
        let (shutdown, tasks) = (CancellationToken::new(), Tasks::new());
        let until = shutdown.clone().cancelled_owned();
        let served = tasks.spawn("proxy", async move { server::serve(&config, listeners, parts, until).await });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, metrics_address, snapshots, evidence, shutdown, served, client, _tasks: tasks }
    }

    /// A proxy with an environment of these resources, and a caller key that may ask for everything.
    pub(crate) async fn start(changes: impl IntoIterator<Item = Change>) -> Self {
        let proxy = Self::cold(&[]).await;
        proxy.snapshots.store(proxy.snapshots.load().granting([environment()]));
        proxy.change(changes.into_iter().chain([caller_key("test", KEY, "*")]));
        proxy
    }

    pub(crate) fn change(&self, changes: impl IntoIterator<Item = Change>) {
        self.snapshots.store(self.snapshots.load().with(&environment(), changes));
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.client.request(request).await.unwrap()
    }

    /// Asks for a chat with a model.
    pub(crate) async fn chat(&self, model: &str) -> Answered {
        self.post(&format!(r#"{{"model":"{model}","messages":[]}}"#)).await
    }

    pub(crate) async fn post(&self, body: &str) -> Answered {
        Answered::of(self.send(self.request(body)).await).await
    }

    /// Posts to a path with these headers and the content's type.
    pub(crate) async fn post_to(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answered {
        let mut request =
            Request::post(format!("http://{}{path}", self.address)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answered::of(self.send(request.body(Full::from(body.into())).unwrap()).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        let request = Request::get(format!("http://{}{path}", self.address)).header("x-api-key", KEY);
        Answered::of(self.send(request.body(Full::default()).unwrap()).await).await
    }

    /// Sends any method to a path with these headers.
    pub(crate) async fn call(
        &self,
        method: http::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answered::of(self.send(request.body(Full::from(body.to_owned())).unwrap()).await).await
    }

    /// Asks the metrics listener.
    pub(crate) async fn ops(&self, path: &str) -> Answered {
        let request = Request::get(format!("http://{}{path}", self.metrics_address)).body(Full::default()).unwrap();
        Answered::of(self.send(request).await).await
    }

    pub(crate) fn request(&self, body: &str) -> Request<Full<Bytes>> {
        Request::post(format!("http://{}/v1/chat/completions", self.address))
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(Full::from(body.to_owned()))
            .unwrap()
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    pub(crate) bytes: Bytes,
}

impl Answered {
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Self { status: head.status.as_u16(), headers: head.headers, body, bytes }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of an error in OpenAI's shape.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}
