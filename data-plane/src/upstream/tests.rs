//! A client against small servers that count their connections.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::task::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn client(roots: RootCertStore) -> Client {
    Client::new(&Dialer::with_roots(AddressPolicy::AllowPrivate, SOON, roots).unwrap())
}

async fn call(client: &Client, url: &str, body: &'static str) -> Result<Response<Received>, DialFailure> {
    let base = BaseUrl::parse(AdapterKind::OpenAi, url, AddressPolicy::AllowPrivate).unwrap();
    let mut request = Request::new(Payload::whole(body.into()));
    (*request.method_mut(), *request.uri_mut()) = (Method::POST, base.with_path("/echo"));
    let dialing = Dialing::default();
    client.request(Destination { pool: base.origin().as_str(), dialing: &dialing }, request).await
}

async fn answer(client: &Client, url: &str, body: &'static str) -> Bytes {
    call(client, url, body).await.unwrap().into_body().collect().await.unwrap().to_bytes()
}

/// Answers with the body that it is sent. Counts connections.
async fn echo(tasks: &Tasks, tls: Option<TlsAcceptor>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (spawner, count) = (tasks.clone(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&count);
    tasks.spawn("echo", async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let tls = tls.clone();
            spawner.spawn("connection", async move {
                let service = service_fn(async |request: Request<Incoming>| {
                    let sent = request.into_body().collect().await.unwrap().to_bytes();
                    Ok::<_, Infallible>(Response::new(Full::new(sent)))
                });
                let server = auto::Builder::new(TokioExecutor::new());
                match tls {
                    Some(tls) => {
                        let stream = tls.accept(stream).await.unwrap();
                        drop(server.serve_connection(TokioIo::new(stream), service).await);
                    }
                    None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                }
            });
        }
    });
    (port, count)
}

/// Reads one request with the body `hello`, and answers it.
async fn serve_one(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"hello") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
}

/// An end of the connection, seen from the server.
async fn ended(stream: &mut TcpStream) {
    assert_eq!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().unwrap_or(0), 0);
}

#[tokio::test]
async fn requests_after_each_other_share_a_connection_and_at_once_they_do_not() {
    let tasks = Tasks::new();
    let (port, connections) = echo(&tasks, None).await;
    let (client, url) = (client(RootCertStore::empty()), format!("http://127.0.0.1:{port}"));
    for body in ["a", "b", "c"] {
        assert_eq!(answer(&client, &url, body).await, body);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let both = tokio::join!(answer(&client, &url, "a"), answer(&client, &url, "b"));
    assert_eq!(both, ("a".into(), "b".into()));
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(RootCertStore::empty());
    let url = format!("http://{}", listener.local_addr().unwrap());
    for _ in 0..2 {
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            serve_one(&mut stream).await;
            stream
        };
        let (answered, mut stream) = tokio::join!(answer(&client, &url, "hello"), serving);
        assert_eq!(answered, "ok");
        stream.shutdown().await.unwrap();
        // The client's side has to hear of it before the next request is sent: a call to somewhere else makes it listen.
        drop(call(&client, "http://127.0.0.1:1", "x").await);
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(RootCertStore::empty());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        serve_one(&mut stream).await;
        stream.read_u8().await.unwrap();
    };
    let calling = async {
        assert_eq!(answer(&client, &url, "hello").await, "ok");
        call(&client, &url, "hello").await.map(drop)
    };
    let (called, ()) = tokio::join!(calling, serving);
    assert_eq!(called.unwrap_err(), DialFailure::Broken);
    assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err());
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(RootCertStore::empty());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await.unwrap();
        stream
    };
    let (called, mut stream) = tokio::join!(call(&client, &url, ""), serving);
    let mut body = called.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "he");
    drop(body);
    // What comes first is the request.
    while timeout(SOON, stream.read(&mut [0; 64])).await.unwrap().unwrap_or(0) > 0 {}
}

#[tokio::test]
async fn what_is_idle_for_long_is_closed_and_its_host_forgotten() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(RootCertStore::empty());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        serve_one(&mut stream).await;
        stream
    };
    let (_, mut stream) = tokio::join!(answer(&client, &url, "hello"), serving);
    assert!((0..pool::LOOKS).all(|_| client.pool.clean()));
    assert!(!client.pool.clean());
    ended(&mut stream).await;
}

#[tokio::test]
async fn http_2_is_spoken_where_tls_agrees_on_it_and_shares_a_connection() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tasks = Tasks::new();
    let (port, connections) = echo(&tasks, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let (client, url) = (client(roots), format!("https://localhost:{port}"));
    assert_eq!(call(&client, &url, "a").await.unwrap().version(), http::Version::HTTP_2);
    let both = tokio::join!(answer(&client, &url, "b"), answer(&client, &url, "c"));
    assert_eq!(both, ("b".into(), "c".into()));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
