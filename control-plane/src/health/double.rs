//! The double for tests: a small provider on loopback that answers every request alike, until it is told otherwise.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::credential::CredentialValue;
use shared::dial::{CONNECT_TIMEOUT, Dialer};
use shared::oauth::Minter;
use shared::secret::Secret;
use shared::task::Tasks;
use tokio::net::TcpListener;

use super::probe::{Prober, Question};

/// A list of models, as OpenAI gives it.
pub(crate) const MODELS: &str = r#"{"object":"list","data":[{"id":"gpt-b"},{"id":"gpt-a"}]}"#;

/// A provider that answers every request alike.
#[derive(Debug)]
pub(crate) struct ProviderDouble {
    pub(crate) base_url: BaseUrl,
    state: Arc<Mutex<State>>,
    tasks: Tasks,
}

#[derive(Debug)]
struct State {
    status: u16,
    body: Bytes,
    /// What comes first, in order.
    next: VecDeque<(u16, Bytes)>,
    asked: Vec<(String, HeaderMap)>,
}

impl ProviderDouble {
    pub(crate) async fn answering(status: u16, body: impl Into<Bytes>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = base_url(&format!("http://{}/v1", listener.local_addr().unwrap()));
        let state = Arc::new(Mutex::new(State { status, body: body.into(), next: VecDeque::new(), asked: Vec::new() }));
        let tasks = Tasks::new();
        let (served, connections) = (state.clone(), tasks.clone());
        tasks.spawn("provider", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = served.clone();
                let service =
                    service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&state, &request))));
                connections.spawn("connection", async move {
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { base_url, state, tasks }
    }

    /// Answers this from now on.
    pub(crate) fn answer(&self, status: u16, body: impl Into<Bytes>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.status, state.body) = (status, body.into());
    }

    /// Answers this once, after what is to come first already, and before what it answers else.
    pub(crate) fn answer_next(&self, status: u16, body: impl Into<Bytes>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).next.push_back((status, body.into()));
    }

    /// The paths and headers that it was asked with.
    pub(crate) fn asked(&self) -> Vec<(String, HeaderMap)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

impl Drop for ProviderDouble {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

fn answer(state: &Mutex<State>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.asked.push((request.uri().to_string(), request.headers().clone()));
    let always = (state.status, state.body.clone());
    let (status, body) = state.next.pop_front().unwrap_or(always);
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub(crate) fn base_url(text: &str) -> BaseUrl {
    BaseUrl::parse(AdapterKind::OpenAi, text, AddressPolicy::AllowPrivate).unwrap()
}

/// Asks without trusting any certificate.
pub(crate) fn prober(policy: AddressPolicy) -> Prober {
    let dialer = Dialer::with_roots(policy, CONNECT_TIMEOUT, RootCertStore::empty()).unwrap();
    Prober::new(&dialer, Minter::new(&dialer, &Tasks::new()))
}

/// What is asked of an upstream that speaks OpenAI's API and has a key.
pub(crate) fn question(base_url: &BaseUrl, key: &str) -> Question {
    let settings = Settings::default();
    Question {
        vendor: "my-upstream".to_owned(),
        adapter: AdapterKind::OpenAi,
        place: Place {
            base_url: base_url.clone(),
            region: None,
            settings,
            key_header: None,
            additional_key_header: None,
        },
        ca_certificates: String::new(),
        connect_timeout: CONNECT_TIMEOUT,
        request_headers: HeaderMap::new(),
        value: Some(CredentialValue::ApiKey(Secret::from(key.to_owned()))),
        additional_key: None,
        paid_check_model: None,
    }
}
