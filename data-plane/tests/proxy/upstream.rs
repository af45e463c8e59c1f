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
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

/// The end of a stream of chat completions.
pub(crate) const END: &str = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

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
    /// Pieces of a body of a type, each sent by itself.
    Pieces(&'static str, Vec<Bytes>),
    /// The other one, once the test says so.
    When(oneshot::Receiver<()>, Box<Self>),
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
        Self::start_with(None, script).await
    }

    /// Over TLS, if there is an acceptor.
    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, tasks, script) = (Arc::<Mutex<Vec<Asked>>>::default(), Tasks::new(), Arc::new(script));
        let (known, spawner, connections) = (Arc::clone(&asked), tasks.clone(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&connections);
        tasks.spawn("upstream", async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (known, script, tls) = (Arc::clone(&known), Arc::clone(&script), tls.clone());
                let service = service_fn(move |request| answer(request, Arc::clone(&known), Arc::clone(&script)));
                spawner.spawn("upstream connection", async move {
                    let server = hyper::server::conn::http1::Builder::new();
                    // A test may cut it, or not trust it.
                    match tls {
                        None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            drop(server.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
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
    let names = ["x-api-key", "api-key", "x-goog-api-key", "authorization"];
    let key = names.into_iter().find_map(|name| head.headers.get(name));
    let key = key.map(|value| value.to_str().unwrap().replace("Bearer ", ""));
    let asked = Asked { path: head.uri.to_string(), headers: head.headers, body, key: key.unwrap_or_default() };
    let mut reply = script(&asked);
    known.lock().unwrap().push(asked);
    while let Reply::When(told, then) = reply {
        // A test that is over says nothing more.
        drop(told.await);
        reply = *then;
    }
    Ok(response(reply))
}

fn response(reply: Reply) -> Response<BoxBody<Bytes, io::Error>> {
    match reply {
        Reply::Json(status, headers, body) => whole(status, headers, body.into()),
        Reply::Stream(chunks) => {
            event_stream("text/event-stream; charset=utf-8", sent(chunks.into_iter().map(Bytes::from).collect()))
        }
        Reply::Pieces(content_type, pieces) => event_stream(content_type, sent(pieces)),
        Reply::Channel(rx) => event_stream("text/event-stream; charset=utf-8", rx),
        Reply::When(..) => unreachable!("it was waited for"),
    }
}

fn whole(status: u16, headers: &[(&'static str, &'static str)], body: Bytes) -> Response<BoxBody<Bytes, io::Error>> {
    let mut response = Response::new(full(body));
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

fn sent(pieces: Vec<Bytes>) -> mpsc::Receiver<io::Result<Bytes>> {
    let (tx, rx) = mpsc::channel(pieces.len().max(1));
    pieces.into_iter().for_each(|piece| tx.try_send(Ok(piece)).unwrap());
    rx
}

fn full(bytes: Bytes) -> BoxBody<Bytes, io::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn event_stream(content_type: &str, rx: mpsc::Receiver<io::Result<Bytes>>) -> Response<BoxBody<Bytes, io::Error>> {
    let mut response = Response::new(ChannelBody(rx).boxed());
    response.headers_mut().insert("content-type", content_type.parse().unwrap());
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
