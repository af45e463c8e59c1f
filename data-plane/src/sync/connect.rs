//! The way to a control plane: one TCP connection, TLS 1.3 by our own verifier, HTTP/2 with pings.
//!
//! tonic's own TLS configuration has no place for a pin, so that the handshake is made here, and tonic gets the connection. It gets it once:
//! a connection that is lost ends its session, and is never made anew behind the client's back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use url::Url;

use super::token::Pin;
use super::verify::{CONTROL_NAME, PinnedVerifier, WrongPin};

/// How long the connection and the handshake may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the connection is tried by a ping, and how long the answer may take: a half-open one is found within their sum.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// The port of the sync listener, where a URL names none.
const DEFAULT_PORT: u16 = 7801;

/// Where a control plane's sync listener is: `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlUrl {
    text: String,
    host: String,
    port: u16,
}

/// Why a text is not the URL of a control plane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a control plane's URL of the form https://host:port")]
pub struct NotAControlUrl(String);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TCP failed: nobody listens, no route, no such name.
    #[error("{url} can't be reached")]
    Unreachable {
        /// The control plane's URL.
        url: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Nothing happened in time.
    #[error("{url} did not answer within 5 s")]
    TimedOut {
        /// The control plane's URL.
        url: String,
    },
    /// Somebody else answered.
    #[error("{url} is not to be trusted")]
    WrongPin {
        /// The control plane's URL.
        url: String,
        /// What is wrong with it.
        #[source]
        source: WrongPin,
    },
    /// The handshake failed.
    #[error("the TLS handshake with {url} failed")]
    Handshake {
        /// The control plane's URL.
        url: String,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// HTTP/2 could not be begun.
    #[error("{url} does not speak HTTP/2")]
    Http {
        /// The control plane's URL.
        url: String,
        /// What went wrong.
        #[source]
        source: tonic::transport::Error,
    },
    /// This proxy's own TLS set-up is at fault.
    #[error("the TLS configuration can't be made")]
    Tls(#[from] rustls::Error),
}

impl ControlUrl {
    /// The URL as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for ControlUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for ControlUrl {
    type Err = NotAControlUrl;

    fn from_str(text: &str) -> Result<Self, NotAControlUrl> {
        let not_one = || NotAControlUrl(text.to_owned());
        let url = Url::parse(text).map_err(|_| not_one())?;
        let bare =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "https" || url.path() != "/" || !bare {
            return Err(not_one());
        }
        let host = url.host_str().ok_or_else(not_one)?.trim_matches(['[', ']']).to_owned();
        // 443 is the scheme's own port and so indistinguishable from none once it is parsed.
        let named = text.trim_end_matches('/').ends_with(":443");
        let port = url.port().unwrap_or(if named { 443 } else { DEFAULT_PORT });
        Ok(Self { text: text.to_owned(), host, port })
    }
}

/// The client's TLS without a certificate of its own, for the enrolment.
///
/// # Errors
///
/// When rustls refuses the set-up.
pub(super) fn anonymous_tls(pin: Pin) -> Result<Arc<ClientConfig>, ConnectError> {
    let builder = verified(pin)?;
    Ok(finished(builder.with_no_client_auth()))
}

/// The client's TLS with the certificate that the enrolment gave.
///
/// # Errors
///
/// When the key does not fit the certificate.
pub(super) fn mutual_tls(
    pin: Pin,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, ConnectError> {
    let builder = verified(pin)?;
    Ok(finished(builder.with_client_auth_cert(chain, key)?))
}

fn verified(pin: Pin) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, ConnectError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = PinnedVerifier::new(pin, control_name()?, Arc::clone(&provider));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

fn finished(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Each connection shows both certificates anew, so that a revoked one is found out at the next.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

fn control_name() -> Result<ServerName<'static>, rustls::Error> {
    ServerName::try_from(CONTROL_NAME).map_err(|_| rustls::Error::General("the fixed name is not one".into()))
}

/// Connects to a control plane.
///
/// # Errors
///
/// [`ConnectError`], each when it says.
pub(super) async fn connect(url: &ControlUrl, tls: Arc<ClientConfig>) -> Result<Channel, ConnectError> {
    let text = || url.text.clone();
    let io = match tokio::time::timeout(CONNECT_TIMEOUT, handshake(url, tls)).await {
        Ok(io) => io?,
        Err(_) => return Err(ConnectError::TimedOut { url: text() }),
    };
    let once = Mutex::new(Some(TokioIo::new(io)));
    let connector = tower::service_fn(move |_: http::Uri| {
        let io = once.lock().ok().and_then(|mut once| once.take());
        std::future::ready(io.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    // The scheme is not looked at: the connection is made, and it is TLS.
    Endpoint::from_static("http://control.keyplane.internal")
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|source| ConnectError::Http { url: text(), source })
}

async fn handshake(
    url: &ControlUrl,
    tls: Arc<ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
    let text = || url.text.clone();
    let tcp = TcpStream::connect((url.host.as_str(), url.port))
        .await
        .map_err(|source| ConnectError::Unreachable { url: text(), source })?;
    // Only slower without it.
    tcp.set_nodelay(true).ok();
    TlsConnector::from(tls).connect(control_name()?, tcp).await.map_err(|source| match wrong_pin(&source) {
        Some(wrong) => ConnectError::WrongPin { url: text(), source: wrong },
        None => ConnectError::Handshake { url: text(), source },
    })
}

fn wrong_pin(error: &std::io::Error) -> Option<WrongPin> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::Other(other) => other.0.downcast_ref().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_urls_have_a_host_and_a_port_and_nothing_else() {
        for (text, host, port) in [
            ("https://control:7801", "control", 7801),
            ("https://control", "control", 7801),
            ("https://control:443", "control", 443),
            ("https://[::1]:7801/", "::1", 7801),
        ] {
            let url: ControlUrl = text.parse().unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port), "{text}");
        }
        for bad in
            ["", "control:7801", "http://control:7801", "https://a@b", "https://a/b", "https://a?b", "https://a#b"]
        {
            assert!(bad.parse::<ControlUrl>().is_err(), "{bad}");
        }
    }
}
