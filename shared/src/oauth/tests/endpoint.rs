//! A token endpoint on loopback: it counts its calls, answers as it is told, and can be made to wait.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::task::Tasks;

/// A token endpoint. Without other answers it grants `token-1`, `token-2`, … for an hour, `token-N` to its Nth call.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    forms: watch::Sender<Vec<String>>,
    answers: Mutex<VecDeque<Response<Full<Bytes>>>>,
    /// One permit for each answer that may go.
    gate: Semaphore,
}

impl Endpoint {
    pub(super) async fn start(tasks: &Tasks) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        let state = Arc::new(State { forms: watch::Sender::default(), answers: Mutex::default(), gate });
        let (serving, connections) = (Arc::clone(&state), tasks.clone());
        tasks.spawn("endpoint", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                connections.spawn("connection", async move {
                    let service = service_fn(|request| answer(Arc::clone(&state), request));
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { port, state }
    }

    /// The next call gets this answer.
    pub(super) fn will_answer(
        &self,
        status: u16,
        header: Option<(&'static str, &'static str)>,
        body: impl Into<Bytes>,
    ) {
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status.try_into().unwrap();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        self.state.answers.lock().unwrap().push_back(response);
    }

    /// Answers wait until [`open`](Self::open).
    pub(super) fn close(&self) {
        self.state.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn open(&self) {
        self.state.gate.add_permits(1_000_000);
    }

    /// How many calls came.
    pub(super) fn calls(&self) -> usize {
        self.state.forms.borrow().len()
    }

    /// The last form.
    pub(super) fn last_form(&self) -> String {
        self.state.forms.borrow().last().cloned().unwrap_or_default()
    }

    /// Waits until so many calls came.
    pub(super) async fn called(&self, calls: usize) {
        self.state.forms.subscribe().wait_for(|forms| forms.len() >= calls).await.unwrap();
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    let form = request.into_body().collect().await.unwrap().to_bytes();
    let mut call = 0;
    state.forms.send_modify(|forms| {
        forms.push(String::from_utf8(form.to_vec()).unwrap());
        call = forms.len();
    });
    state.gate.acquire().await.unwrap().forget();
    let told = state.answers.lock().unwrap().pop_front();
    let granted = || format!(r#"{{"access_token":"token-{call}","expires_in":3600,"token_type":"Bearer"}}"#);
    Ok(told.unwrap_or_else(|| Response::new(Full::from(granted()))))
}
