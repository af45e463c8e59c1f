//! The connections of one worker that are open, by destination.
//!
//! One thread has them all, so that nobody ever waits for a lock here; the locks are what makes that safe to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri, header};
use shared::dial::{Connector, DialFailure, Dialer};
use shared::task::Tasks;
use tokio::time::sleep;

use super::Destination;
use super::http1::{Http1, Unanswered};
use super::http2::Http2;
use super::payload::Payload;
use super::received::Received;
use crate::snapshot::resource::Dialing;

/// How often idle connections are looked at, and how many looks one outlives. That is less than most servers keep a connection that is
/// not used (60 s is common), so that few requests meet a closing one.
const LOOK: Duration = Duration::from_secs(5);
pub(super) const LOOKS: u8 = 10;
/// Idle connections to one host; above it they are closed after use.
const IDLE_PER_HOST: usize = 1024;

/// A worker's connections.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    tasks: Tasks,
}

#[derive(Debug, Default)]
struct State {
    hosts: HashMap<Box<str>, Arc<Host>>,
    is_kept_clean: bool,
}

/// The connections to one destination.
#[derive(Debug)]
pub(super) struct Host {
    /// What stands in the `host` header.
    name: HeaderValue,
    /// Makes another one.
    connector: Connector,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The last that was used is the last here, and is used next.
    http1: Vec<Idle<Box<Http1>>>,
    http2: Vec<Idle<Http2>>,
}

#[derive(Debug)]
struct Idle<T> {
    connection: T,
    /// The looks since it was used. Counting them costs a request no look at the clock.
    looks: u8,
}

impl Pool {
    /// The connections to a destination.
    pub(super) fn host(
        self: &Arc<Self>,
        destination: Destination<'_>,
        uri: &Uri,
        dialer: &Dialer,
    ) -> Result<Arc<Host>, DialFailure> {
        let mut state = lock(&self.state);
        if let Some(host) = state.hosts.get(destination.pool) {
            return Ok(Arc::clone(host));
        }
        let host = Arc::new(Host::new(uri, connector(destination.dialing, dialer)?));
        state.hosts.insert(destination.pool.into(), Arc::clone(&host));
        if !std::mem::replace(&mut state.is_kept_clean, true) {
            self.keep_clean();
        }
        Ok(host)
    }

    /// What drives the connections that are shared.
    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Has idle connections closed in time, for as long as there is a host.
    fn keep_clean(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        self.tasks.spawn("upstream pool", async move {
            loop {
                sleep(LOOK).await;
                let Some(pool) = pool.upgrade() else { return };
                if !pool.clean() {
                    return;
                }
            }
        });
    }

    /// Closes what has been idle for too long. Says whether there is anything left to look at.
    pub(super) fn clean(&self) -> bool {
        let mut state = lock(&self.state);
        state.hosts.retain(|_, host| host.clean() || Arc::strong_count(host) > 1);
        state.is_kept_clean = !state.hosts.is_empty();
        state.is_kept_clean
    }
}

impl Host {
    fn new(uri: &Uri, connector: Connector) -> Self {
        let name = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        // An authority of a base URL is always fit for a header.
        Self { name: name.unwrap_or(HeaderValue::from_static("")), connector, open: Mutex::default() }
    }

    /// What makes another connection.
    pub(super) fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// Sends a request on a connection that nobody else has.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut connection: Box<Http1>,
        mut request: Request<Payload>,
    ) -> Result<Response<Received>, Unanswered> {
        request.headers_mut().insert(header::HOST, self.name.clone());
        let response = connection.send(request).await?;
        Ok(response.map(|body| Received::own(body, connection, Arc::clone(self))))
    }

    /// An idle connection: the one that was used last.
    pub(super) fn take_http1(&self) -> Option<Box<Http1>> {
        lock(&self.open).http1.pop().map(|idle| idle.connection)
    }

    /// Keeps a connection for the next request, if it is fit for one.
    pub(super) fn put_http1(&self, mut connection: Box<Http1>) {
        if !connection.is_free() {
            return;
        }
        let mut open = lock(&self.open);
        if open.http1.len() < IDLE_PER_HOST {
            open.http1.push(Idle { connection, looks: 0 });
        }
    }

    /// A connection with room for one more request.
    pub(super) fn share_http2(&self) -> Option<Http2> {
        let open = lock(&self.open);
        open.http2.iter().find(|idle| idle.connection.has_room()).map(|idle| idle.connection.clone())
    }

    /// Lets others share a connection.
    pub(super) fn add_http2(&self, connection: Http2) -> Http2 {
        lock(&self.open).http2.push(Idle { connection: connection.clone(), looks: 0 });
        connection
    }

    /// One look at what is idle. Says whether anything is left.
    fn clean(&self) -> bool {
        let mut open = lock(&self.open);
        open.http1.retain_mut(|idle| idle.outlives_a_look() && idle.connection.is_free());
        open.http2.retain_mut(|idle| {
            if !idle.connection.is_idle() {
                idle.looks = 0;
            }
            idle.outlives_a_look() && !idle.connection.is_closed()
        });
        !open.http1.is_empty() || !open.http2.is_empty()
    }
}

impl<T> Idle<T> {
    fn outlives_a_look(&mut self) -> bool {
        self.looks += 1;
        self.looks <= LOOKS
    }
}

/// What makes connections as a provider asks.
fn connector(dialing: &Dialing, dialer: &Dialer) -> Result<Connector, DialFailure> {
    if *dialing == Dialing::default() {
        return Ok(dialer.connector());
    }
    let authorities = dialing.ca_certificates.as_deref().unwrap_or_default();
    let own = dialer.for_provider(authorities, dialing.connect_timeout);
    // What can't be used was refused with the provider.
    own.map(|own| own.connector()).map_err(|_| DialFailure::Tls)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
