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

/// A certificate authority's PEM, and a server's configuration with a certificate of it.
fn authority() -> (String, rustls::ServerConfig) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (pem, config)
}

#[tokio::test]
async fn a_providers_own_authorities_are_trusted_beside_the_others_and_for_it_alone() {
    let tasks = Tasks::new();
    let (config, roots) = certificate();
    let known = serve(&tasks, Some(config)).await;
    let (authority, config) = authority();
    let own = serve(&tasks, Some(config)).await;
    let base = dialer(AddressPolicy::AllowPrivate, roots);
    let url = |port: u16| format!("https://localhost:{port}/");

    let provider = base.for_provider(&authority, Duration::from_millis(500)).unwrap();
    assert_eq!(get(&provider, &url(own)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(get(&provider, &url(known)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(get(&base, &url(own)).await.unwrap_err(), DialFailure::Tls);
    // An authority makes no other name good.
    let failure = get(&provider, &format!("https://127.0.0.1:{own}/")).await.unwrap_err();
    assert_eq!(failure, DialFailure::Tls);

    let without = base.for_provider(" ", Duration::from_millis(500)).unwrap();
    assert_eq!(get(&without, &url(known)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(get(&without, &url(own)).await.unwrap_err(), DialFailure::Tls);
}

#[tokio::test]
async fn a_providers_dialer_keeps_the_rules_for_addresses_and_has_its_own_timeout() {
    let (authority, _) = authority();
    let public = Dialer::with_roots(AddressPolicy::Public, Duration::from_secs(60), RootCertStore::empty()).unwrap();
    let provider = public.for_provider(&authority, Duration::from_millis(50)).unwrap();
    let failure = get(&provider, "https://127.0.0.1:1/").await.unwrap_err();
    assert!(matches!(failure, DialFailure::RefusedAddress(RefusedAddress::Private(_))), "{failure:?}");
    assert_eq!(get(&provider, "http://127.0.0.1:1/").await.unwrap_err(), DialFailure::RefusedScheme);

    let patient = Dialer::with_roots(AddressPolicy::AllowPrivate, Duration::from_secs(60), RootCertStore::empty());
    let hasty = patient.unwrap().for_provider("", Duration::from_millis(50)).unwrap();
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("https://127.0.0.1:{port}/");
    let call = tokio::time::timeout(Duration::from_secs(30), get(&hasty, &url));
    assert_eq!(call.await.unwrap().unwrap_err(), DialFailure::ConnectTimedOut);
}

#[test]
fn texts_that_are_no_authorities_are_refused_with_what_to_do() {
    let (authority, _) = authority();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let cut = authority.lines().take(3).collect::<Vec<_>>().join("\n");
    let damaged = authority.replace("MII", "A!!");
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, expected) in [
        ("", Err(BadAuthorities::NoCertificate)),
        ("my company's CA", Err(BadAuthorities::NoCertificate)),
        (&cut, Err(BadAuthorities::NotPem)),
        (&damaged, Err(BadAuthorities::NotPem)),
        (&format!("{authority}{key}"), Err(BadAuthorities::NotOnlyCertificates)),
        (&format!("{authority}{nonsense}"), Err(BadAuthorities::Unreadable { position: 2 })),
        (&authority.repeat(101), Err(BadAuthorities::TooMany)),
        (&authority, Ok(())),
        (&format!("# our CA\n{authority}\n{authority}"), Ok(())),
    ] {
        assert_eq!(check_authorities(text), expected, "{text}");
    }
    let dialer = dialer(AddressPolicy::AllowPrivate, RootCertStore::empty());
    let refused = dialer.for_provider("my company's CA", CONNECT_TIMEOUT).unwrap_err();
    assert_eq!(refused, DialError::BadAuthorities(BadAuthorities::NoCertificate));
}

proptest::proptest! {
    #[test]
    fn no_text_of_authorities_panics(text: String) {
        let _ = check_authorities(&text);
        let _ = check_authorities(&format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
    }
}
