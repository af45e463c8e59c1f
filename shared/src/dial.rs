//! The one way out to upstreams: name resolution, the address rules, TLS, the HTTP client. Both planes dial through it.
//!
//! ```text
//! Client or a pool elsewhere ─► Connector ── connect timeout over all of it
//!              ├─ resolve: the system's resolver, the rules on every answer, the last good answer while it fails
//!              ├─ TCP: the checked address is the dialled one
//!              └─ TLS: the system's roots and a provider's own; verification can't be switched off; HTTP/1.1 or HTTP/2 by ALPN
//! ```
//!
//! Redirects are not followed, no proxy from the environment is used, and no header is added but `host`.

mod authorities;
mod connect;
mod resolve;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::address::{AddressPolicy, RefusedAddress};
use crate::dial::resolve::Resolver;

pub use authorities::{BadAuthorities, check_authorities};
pub use connect::{Connector, Stream};

/// An HTTP client with a pool of its own. Its clones share the pool.
pub type Client<B> = legacy::Client<Connector, B>;

/// How long a connection may take, from the name's lookup to the end of the TLS handshake, where nobody says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle connections end before most servers would end them (60 s is common), so that few requests meet a closing one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// Idle connections that a pool keeps to one host; above it they are closed after use.
const POOL_IDLE_PER_HOST: usize = 4096;

/// Finds half-open connections: HTTP/2 pings, and keep-alive probes of TCP.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A stream's window, so that one answer is not held up by the round trip.
const HTTP2_STREAM_WINDOW: u32 = 1 << 20;
/// A connection's window: the sum over its streams.
const HTTP2_CONNECTION_WINDOW: u32 = 8 << 20;

/// Makes clients. Its clones share the DNS answers and the TLS sessions.
#[derive(Debug, Clone)]
pub struct Dialer {
    policy: AddressPolicy,
    resolver: Resolver,
    roots: Arc<RootCertStore>,
    connector: Connector,
}

/// Why there is no dialer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DialError {
    /// The system has no certificate authorities, so that no upstream could be verified.
    #[error(
        "no certificate authorities were found: install the package ca-certificates, or name a file in SSL_CERT_FILE"
    )]
    NoRoots,
    /// Certificate authorities that were given can't be used.
    #[error("the certificate authorities can't be used")]
    BadAuthorities(#[from] BadAuthorities),
    /// The TLS library refused its set-up.
    #[error("TLS can't be set up")]
    Tls(#[from] rustls::Error),
}

/// Why a call got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// The host's address may not be called.
    #[error("the address may not be called")]
    RefusedAddress(#[source] RefusedAddress),
    /// The URL's scheme is none that may be called: plain `http` where it is not allowed, or another one.
    #[error("the scheme may not be called")]
    RefusedScheme,
    /// The host's name could not be resolved.
    #[error("the host's name could not be resolved")]
    Dns,
    /// Nothing accepted the connection.
    #[error("the connection was not accepted")]
    Connect,
    /// The connection was not made in time.
    #[error("the connection was not made in time")]
    ConnectTimedOut,
    /// The TLS handshake failed: a certificate that can't be verified, or no TLS at all.
    #[error("the TLS handshake failed")]
    Tls,
    /// The connection was made and then broke before the whole head of an answer came, or what came is not HTTP.
    #[error("the connection broke before an answer came")]
    Broken,
}

impl DialFailure {
    /// What an error of a [`Client`] means. It reads types, never texts.
    #[must_use]
    pub fn of(error: &legacy::Error) -> Self {
        error.source().and_then(find_in_chain).unwrap_or(Self::Broken)
    }

    /// Whether the request can't have reached the upstream.
    #[must_use]
    pub fn is_before_the_request(self) -> bool {
        match self {
            Self::RefusedAddress(_)
            | Self::RefusedScheme
            | Self::Dns
            | Self::Connect
            | Self::ConnectTimedOut
            | Self::Tls => true,
            Self::Broken => false,
        }
    }
}

impl Dialer {
    /// A dialer that trusts the system's certificate authorities.
    ///
    /// # Errors
    ///
    /// [`DialError::NoRoots`] where the system has none and only TLS may be called, [`DialError::Tls`] when the TLS library refuses.
    pub fn new(policy: AddressPolicy, connect_timeout: Duration) -> Result<Self, DialError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(added, ignored, unreadable = found.errors.len(), "certificate authorities of the system");
        if added == 0 {
            match policy {
                AddressPolicy::Public => return Err(DialError::NoRoots),
                // Plain upstreams work without.
                AddressPolicy::AllowPrivate => {
                    tracing::warn!("no certificate authorities were found, so that TLS upstreams will fail")
                }
            }
        }
        Self::with_roots(policy, connect_timeout, roots)
    }

    /// A dialer that trusts the given certificate authorities and no others.
    ///
    /// # Errors
    ///
    /// [`DialError::Tls`] when the TLS library refuses.
    pub fn with_roots(
        policy: AddressPolicy,
        connect_timeout: Duration,
        roots: RootCertStore,
    ) -> Result<Self, DialError> {
        Self::assemble(policy, connect_timeout, Resolver::new(policy), Arc::new(roots))
    }

    /// A dialer for one provider: it trusts the provider's certificate authorities, as PEM, beside those that this one trusts, and has a
    /// connect timeout of its own. The rules for addresses and the DNS answers are this one's.
    ///
    /// # Errors
    ///
    /// [`DialError::BadAuthorities`] when `authorities` is not empty and [`check_authorities`] refuses it, [`DialError::Tls`] when the TLS
    /// library refuses.
    pub fn for_provider(&self, authorities: &str, connect_timeout: Duration) -> Result<Self, DialError> {
        let roots = if authorities.trim().is_empty() {
            Arc::clone(&self.roots)
        } else {
            Arc::new(authorities::beside(&self.roots, authorities)?)
        };
        Self::assemble(self.policy, connect_timeout, self.resolver.clone(), roots)
    }

    fn assemble(
        policy: AddressPolicy,
        connect_timeout: Duration,
        resolver: Resolver,
        roots: Arc<RootCertStore>,
    ) -> Result<Self, DialError> {
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        let connector = Connector::new(policy, connect_timeout, resolver.clone(), tls);
        Ok(Self { policy, resolver, roots, connector })
    }

    /// What makes the connections, for a pool that is none of ours. The upstream chooses between HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// A new client with a pool of its own, for one thread or for all, that speaks HTTP/2 where the upstream does. `B` is what its
    /// requests carry.
    #[must_use]
    pub fn client<B>(&self) -> Client<B>
    where
        B: Body + Send + 'static + Unpin,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
            .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build(self.connector.clone())
    }
}

/// The first of our own failures in an error's chain.
fn find_in_chain(mut error: &(dyn Error + 'static)) -> Option<DialFailure> {
    loop {
        if let Some(failure) = error.downcast_ref::<DialFailure>() {
            return Some(*failure);
        }
        error = error.source()?;
    }
}

#[cfg(test)]
mod tests;
