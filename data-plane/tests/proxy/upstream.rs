//! An upstream that answers as a test scripts it, and remembers what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use shared::task::Tasks;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The credential, without its scheme.
    pub(crate) key: String,
}

/// What comes back.
pub(crate) enum Reply {
    Json(u16, &'static [(&'static str, &'static str)], String),
    Stream(Vec<&'static str>),
    /// Whatever the test sends, until it sends an error or drops the sender.
    Channel(mpsc::Receiver<io::Result<Bytes>>),
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::Json(200, &[], r#"{"id":"x","object":"chat.completion","model":"upstream-model"}"#.into())
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Json(status, &[], format!(r#"{{"error":{{"message":"m","type":"t","param":null,"code":"{code}"}}}}"#))
    }
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    _tasks: Tasks,
}

impl Upstream {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, tasks, script) = (Arc::<Mutex<Vec<Asked>>>::default(), Tasks::new(), Arc::new(script));
        let (known, spawner, connections) = (Arc::clone(&asked), tasks.clone(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&connections);
        tasks.spawn("upstream", async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (known, script) = (Arc::clone(&known), Arc::clone(&script));
                let service = service_fn(move |request| answer(request, Arc::clone(&known), Arc::clone(&script)));
                spawner.spawn("upstream connection", async move {
                    // A test may cut it.
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { address, asked, connections, _tasks: tasks }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How often each credential was used.
    pub(crate) fn by_key(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        self.asked().into_iter().for_each(|asked| *counts.entry(asked.key).or_default() += 1);
        counts
    }
}

async fn answer<S: Fn(&Asked) -> Reply>(
    request: Request<Incoming>,
    known: Arc<Mutex<Vec<Asked>>>,
    script: Arc<S>,
) -> Result<Response<BoxBody<Bytes, io::Error>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let key = head.headers.get("authorization").map(|value| value.to_str().unwrap().replace("Bearer ", ""));
    let asked = Asked { path: head.uri.to_string(), headers: head.headers, body, key: key.unwrap_or_default() };
    let reply = script(&asked);
    known.lock().unwrap().push(asked);
    Ok(match reply {
        Reply::Json(status, headers, body) => {
            let mut response = Response::new(full(body.into()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert("content-type", "application/json".parse().unwrap());
            for (name, value) in headers {
                if *name == "content-type" {
                    response.headers_mut().remove(*name);
                }
                response.headers_mut().append(*name, value.parse().unwrap());
            }
            response
        }
        Reply::Stream(chunks) => {
            let (tx, rx) = mpsc::channel(chunks.len().max(1));
            chunks.into_iter().for_each(|chunk| tx.try_send(Ok(Bytes::from(chunk))).unwrap());
            event_stream(rx)
        }
        Reply::Channel(rx) => event_stream(rx),
    })
}

fn full(bytes: Bytes) -> BoxBody<Bytes, io::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn event_stream(rx: mpsc::Receiver<io::Result<Bytes>>) -> Response<BoxBody<Bytes, io::Error>> {
    let mut response = Response::new(ChannelBody(rx).boxed());
    response.headers_mut().insert("content-type", "text/event-stream; charset=utf-8".parse().unwrap());
    response
}

struct ChannelBody(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for ChannelBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|next| next.map(|data| data.map(Frame::data)))
    }
}
