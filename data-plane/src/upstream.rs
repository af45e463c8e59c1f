//! Calls to upstreams: each worker has a client with connections of its own.
//!
//! ```text
//! Client ─► Pool ── one Host for each destination: idle HTTP/1.1 connections, shared HTTP/2 connections
//!    │
//!    └────► shared::dial::Connector, when the pool has none that is free
//! ```
//!
//! An HTTP/1.1 connection has no task: the request that uses it drives it, head and body, and hands it back when the answer has ended. So
//! an answer wakes the one task that waits for it, and dropping a request closes its connection, wherever the request was.

pub(crate) mod event_stream;
mod http1;
mod http2;
mod payload;
mod pool;
mod received;
pub(crate) mod sse;

use std::sync::Arc;

use http::{Request, Response};
use hyper_util::client::legacy::connect::Connection as _;
use shared::dial::{DialFailure, Dialer};
use tower::ServiceExt as _;

use self::http1::{Http1, Unanswered};
use self::http2::Http2;
pub(crate) use self::payload::Payload;
use self::pool::{Host, Pool};
pub(crate) use self::received::Received;
use crate::snapshot::resource::Dialing;

/// A worker's client.
#[derive(Debug)]
pub(crate) struct Client {
    dialer: Dialer,
    pool: Arc<Pool>,
}

/// Which connections a request may use, and how one is made where none is free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    /// Names them. Requests with the same name share connections.
    pub(crate) pool: &'a str,
    pub(crate) dialing: &'a Dialing,
}

impl Client {
    pub(crate) fn new(dialer: &Dialer) -> Self {
        Self { dialer: dialer.clone(), pool: Arc::default() }
    }

    /// Sends a request for an absolute URI at this destination. Dropping the future, or the body that comes of it, ends the call.
    ///
    /// # Errors
    ///
    /// When no head of an answer came.
    pub(crate) async fn request(
        &self,
        destination: Destination<'_>,
        mut request: Request<Payload>,
    ) -> Result<Response<Received>, DialFailure> {
        let host = self.pool.host(destination, request.uri(), &self.dialer)?;
        // Each round uses up a connection that the upstream has closed since it was put back.
        while let Some(connection) = host.take_http1() {
            match host.send(connection, request).await {
                Ok(response) => return Ok(response),
                Err(Unanswered::Unsent(unsent)) => request = *unsent,
                Err(Unanswered::Broken) => return Err(DialFailure::Broken),
            }
        }
        if let Some(connection) = host.share_http2() {
            return connection.send(request).await;
        }
        self.dial_and_send(&host, request).await
    }

    async fn dial_and_send(
        &self,
        host: &Arc<Host>,
        request: Request<Payload>,
    ) -> Result<Response<Received>, DialFailure> {
        let stream = host.connector().oneshot(request.uri().clone()).await?;
        if stream.connected().is_negotiated_h2() {
            // Others may have dialled at the same time: one connection is enough for all.
            let connection = match host.share_http2() {
                Some(connection) => connection,
                None => host.add_http2(Http2::new(stream, self.pool.tasks()).await?),
            };
            return connection.send(request).await;
        }
        host.send(Box::new(Http1::new(stream).await?), request).await.map_err(|_| DialFailure::Broken)
    }
}

#[cfg(test)]
mod tests;
