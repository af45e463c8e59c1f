//! Calls to small servers on loopback, and the ways in which calls fail.

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::task::Tasks;

/// Serves `hello`, or a redirect at `/redirect`, over TLS if it is given. Answers its port.
async fn serve(tasks: &Tasks, tls: Option<rustls::ServerConfig>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let connections = tasks.clone();
    tasks.spawn("server", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            connections.spawn("connection", async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let service = service_fn(answer);
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            let _ = server.serve_connection(TokioIo::new(stream), service).await;
                        }
                    }
                    None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                }
            });
        }
    });
    port
}

async fn answer(request: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let mut response = Response::new(Full::from("hello"));
    if request.uri().path() == "/redirect" {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert("location", "/".parse().unwrap());
    }
    Ok(response)
}

fn certificate() -> (rustls::ServerConfig, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    (config, roots)
}

fn dialer(policy: AddressPolicy, roots: RootCertStore) -> Dialer {
    Dialer::with_roots(policy, Duration::from_millis(500), roots).unwrap()
}

async fn get(dialer: &Dialer, url: &str) -> Result<Response<hyper::body::Incoming>, DialFailure> {
    dialer.client::<Empty<Bytes>>().get(url.parse::<Uri>().unwrap()).await.map_err(|error| DialFailure::of(&error))
}

#[tokio::test]
async fn a_plain_upstream_answers_and_its_redirect_is_not_followed() {
    let tasks = Tasks::new();
    let port = serve(&tasks, None).await;
    let dialer = dialer(AddressPolicy::AllowPrivate, RootCertStore::empty());
    for host in ["127.0.0.1", "localhost"] {
        let response = get(&dialer, &format!("http://{host}:{port}/")).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_11);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
    let response = get(&dialer, &format!("http://127.0.0.1:{port}/redirect")).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_tls_upstream_is_verified_and_spoken_to_in_http_2() {
    let tasks = Tasks::new();
    let (config, roots) = certificate();
    let port = serve(&tasks, Some(config)).await;
    let trusting = dialer(AddressPolicy::AllowPrivate, roots);
    let response = get(&trusting, &format!("https://localhost:{port}/")).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    // The certificate is for another name, then from nobody we know.
    assert_eq!(get(&trusting, &format!("https://127.0.0.1:{port}/")).await.unwrap_err(), DialFailure::Tls);
    let distrusting = dialer(AddressPolicy::AllowPrivate, RootCertStore::empty());
    assert_eq!(get(&distrusting, &format!("https://localhost:{port}/")).await.unwrap_err(), DialFailure::Tls);
    // No HTTP at a TLS port, no TLS at an HTTP port.
    assert_eq!(get(&trusting, &format!("http://localhost:{port}/")).await.unwrap_err(), DialFailure::Broken);
    let plain = serve(&tasks, None).await;
    assert_eq!(get(&trusting, &format!("https://localhost:{plain}/")).await.unwrap_err(), DialFailure::Tls);
}

#[tokio::test]
async fn addresses_are_refused_however_the_url_says_them() {
    let public = dialer(AddressPolicy::Public, RootCertStore::empty());
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.1.2.3", "[fd00::1]"] {
        let failure = get(&public, &format!("https://{host}:1/")).await.unwrap_err();
        assert!(matches!(failure, DialFailure::RefusedAddress(RefusedAddress::Private(_))), "{host}: {failure:?}");
    }
    // Odd forms are names to the connector: no certificate can be for some of them, and the others come back as what they are.
    for host in ["127.1", "0x7f000001", "2130706433", "0177.0.0.1"] {
        let failure = get(&public, &format!("https://{host}:1/")).await.unwrap_err();
        assert!(matches!(failure, DialFailure::Tls | DialFailure::RefusedAddress(_)), "{host}: {failure:?}");
    }
    assert_eq!(get(&public, "http://localhost:1/").await.unwrap_err(), DialFailure::RefusedScheme);
    let private = dialer(AddressPolicy::AllowPrivate, RootCertStore::empty());
    for host in
        ["169.254.169.254", "[fe80::1]", "0.0.0.0", "0", "[::]", "2852039166", "169.254.43518", "[::ffff:a9fe:a9fe]"]
    {
        let failure = get(&private, &format!("http://{host}:1/")).await.unwrap_err();
        assert!(matches!(failure, DialFailure::RefusedAddress(RefusedAddress::Never(_))), "{host}: {failure:?}");
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let dialer = dialer(AddressPolicy::AllowPrivate, RootCertStore::empty());
    let free = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap().port()
    };
    assert_eq!(get(&dialer, &format!("http://127.0.0.1:{free}/")).await.unwrap_err(), DialFailure::Connect);
    assert_eq!(get(&dialer, "http://nothing.invalid/").await.unwrap_err(), DialFailure::Dns);
    // Accepted by the kernel, and then nothing says a word of TLS.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(get(&dialer, &format!("https://127.0.0.1:{port}/")).await.unwrap_err(), DialFailure::ConnectTimedOut);
    // Accepted and closed.
    let tasks = Tasks::new();
    let closing = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = closing.local_addr().unwrap().port();
    tasks.spawn("closer", async move {
        loop {
            drop(closing.accept().await);
        }
    });
    assert_eq!(get(&dialer, &format!("http://127.0.0.1:{port}/")).await.unwrap_err(), DialFailure::Broken);
}
