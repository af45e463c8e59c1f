//! From a URL to a connection: TCP to a checked address, TLS over it, a timeout over both.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::resolve::{ResolveError, Resolver};
use super::{DialFailure, KEEP_ALIVE};
use crate::address::AddressPolicy;

/// A connection, in clear or in TLS.
pub type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, DialFailure>> + Send>>;

/// Makes connections for a client.
#[derive(Clone)]
pub struct Connector {
    https: HttpsConnector<Tcp>,
    timeout: Duration,
}

/// Makes TCP connections, to addresses that may be called.
#[derive(Clone)]
struct Tcp {
    policy: AddressPolicy,
    http: HttpConnector<Resolver>,
}

impl Connector {
    /// Over TLS it offers HTTP/2 and HTTP/1.1, as the upstream likes.
    pub(super) fn new(policy: AddressPolicy, timeout: Duration, resolver: Resolver, tls: ClientConfig) -> Self {
        let mut http = HttpConnector::new_with_resolver(resolver);
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(KEEP_ALIVE));
        // Shared out over a name's addresses, so that a dead one leaves time for the next.
        http.set_connect_timeout(Some(timeout));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions();
        Self { https: builder.wrap_connector(Tcp { policy, http }), timeout }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = DialFailure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DialFailure>> {
        Poll::Ready(ready!(self.https.poll_ready(cx)).map_err(|error| failure_over_tcp(&*error)))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.https.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected.map_err(|error| failure_over_tcp(&*error)),
                Err(_) => Err(DialFailure::ConnectTimedOut),
            }
        })
    }
}

/// TCP's failures come as they are; whatever else failed is TLS.
fn failure_over_tcp(error: &(dyn Error + Send + Sync + 'static)) -> DialFailure {
    error.downcast_ref::<DialFailure>().copied().unwrap_or(DialFailure::Tls)
}

impl Tcp {
    /// The resolver sees names only, so that an address in the URL is checked here. Other forms of addresses are names to the connector
    /// too, and come back from the system's resolver as what they are.
    fn check(&self, uri: &Uri) -> Result<(), DialFailure> {
        let scheme = uri.scheme().ok_or(DialFailure::RefusedScheme)?;
        let allowed =
            *scheme == Scheme::HTTPS || (*scheme == Scheme::HTTP && self.policy == AddressPolicy::AllowPrivate);
        if !allowed {
            return Err(DialFailure::RefusedScheme);
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match host.parse::<IpAddr>() {
            Ok(address) => self.policy.check(address).map_err(DialFailure::RefusedAddress),
            Err(_) => Ok(()),
        }
    }
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = DialFailure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DialFailure>> {
        Poll::Ready(ready!(self.http.poll_ready(cx)).map_err(|error| failure_of_tcp(&error)))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Err(failure) = self.check(&uri) {
            return Box::pin(std::future::ready(Err(failure)));
        }
        let connecting = self.http.call(uri);
        Box::pin(async move { connecting.await.map_err(|error| failure_of_tcp(&error)) })
    }
}

fn failure_of_tcp(error: &(dyn Error + 'static)) -> DialFailure {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<ResolveError>() {
            return match error {
                ResolveError::Failed => DialFailure::Dns,
                ResolveError::Refused(refused) => DialFailure::RefusedAddress(*refused),
            };
        }
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return DialFailure::ConnectTimedOut;
        }
        next = error.source();
    }
    DialFailure::Connect
}
