//! From a name to addresses that may be called.
//!
//! Every answer of the system's resolver passes the address rules, and the connector dials what passed, not the name: a name that changes
//! its address between a check and a connection gains nothing. A good answer serves a burst of connections for some seconds, and for five
//! minutes while lookups fail.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::time::Instant;
use tower_service::Service;

use crate::address::{AddressPolicy, RefusedAddress};

/// For so long an answer is not asked for again.
const FRESH: Duration = Duration::from_secs(5);
/// For so long an answer serves while lookups fail.
const KEPT: Duration = Duration::from_secs(300);
/// A lookup that takes longer has failed: it leaves time to connect to the last good answer.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// Names whose answers are kept.
const MOST_NAMES: usize = 1024;

/// Why a name gives no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    /// The lookup failed, and there is no earlier answer.
    #[error("the lookup failed")]
    Failed,
    /// No address of the answer may be called.
    #[error(transparent)]
    Refused(RefusedAddress),
}

type Lookup = dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Resolves names. Clones share the answers.
#[derive(Clone)]
pub(super) struct Resolver {
    policy: AddressPolicy,
    lookup: Arc<Lookup>,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
}

#[derive(Clone)]
struct Answer {
    time: Instant,
    addresses: Vec<SocketAddr>,
}

impl Resolver {
    /// Resolves with the system's resolver.
    pub(super) fn new(policy: AddressPolicy) -> Self {
        Self::with_lookup(policy, |name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }

    pub(super) fn with_lookup(
        policy: AddressPolicy,
        lookup: impl Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self { policy, lookup: Arc::new(lookup), answers: Arc::default() }
    }

    pub(super) async fn resolve(&self, name: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let kept = self.kept(name);
        if let Some(answer) = kept.as_ref().filter(|answer| answer.time.elapsed() < FRESH) {
            return Ok(answer.addresses.clone());
        }
        match tokio::time::timeout(LOOKUP_TIMEOUT, (self.lookup)(name.to_owned())).await {
            Ok(Ok(found)) if !found.is_empty() => {
                let addresses = self.allowed(found)?;
                self.keep(name, Answer { time: Instant::now(), addresses: addresses.clone() });
                Ok(addresses)
            }
            _ => kept.map(|answer| answer.addresses).ok_or(ResolveError::Failed),
        }
    }

    fn allowed(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ResolveError> {
        let mut refused = None;
        let allowed: Vec<_> = found
            .into_iter()
            .filter(|address| match self.policy.check(address.ip()) {
                Ok(()) => true,
                Err(error) => {
                    refused = Some(error);
                    false
                }
            })
            .collect();
        match refused {
            Some(error) if allowed.is_empty() => Err(ResolveError::Refused(error)),
            _ => Ok(allowed),
        }
    }

    fn kept(&self, name: &str) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(name).filter(|answer| answer.time.elapsed() < KEPT).cloned()
    }

    fn keep(&self, name: &str, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST_NAMES && !answers.contains_key(name) {
            answers.retain(|_, answer| answer.time.elapsed() < KEPT);
            if answers.len() >= MOST_NAMES {
                return;
            }
        }
        answers.insert(name.to_owned(), answer);
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { Ok(resolver.resolve(name.as_str()).await?.into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn addresses(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
    }

    /// Answers each lookup with the next of the script; an empty one is a failure. Counts the lookups.
    fn scripted(policy: AddressPolicy, script: &'static [&'static [&'static str]]) -> (Resolver, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let resolver = Resolver::with_lookup(policy, move |_| {
            let answer = script[counted.fetch_add(1, Ordering::SeqCst).min(script.len() - 1)];
            Box::pin(async move {
                if answer.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses(answer)) }
            })
        });
        (resolver, count)
    }

    #[tokio::test(start_paused = true)]
    async fn only_addresses_that_may_be_called_come_back() {
        let (resolver, _) = scripted(AddressPolicy::Public, &[&["127.0.0.1", "8.8.8.8", "169.254.169.254", "::1"]]);
        assert_eq!(resolver.resolve("h").await, Ok(addresses(&["8.8.8.8"])));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_rebound_is_refused() {
        let (resolver, _) = scripted(AddressPolicy::Public, &[&["8.8.8.8"], &["10.0.0.1"], &["169.254.169.254"]]);
        assert!(resolver.resolve("h").await.is_ok());
        for _ in 0..2 {
            tokio::time::advance(FRESH).await;
            assert!(matches!(resolver.resolve("h").await, Err(ResolveError::Refused(_))));
        }
        let (resolver, _) = scripted(AddressPolicy::AllowPrivate, &[&["10.0.0.1"], &["fe80::1"]]);
        assert!(resolver.resolve("h").await.is_ok());
        tokio::time::advance(FRESH).await;
        assert!(matches!(resolver.resolve("h").await, Err(ResolveError::Refused(RefusedAddress::Never(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_asks_once() {
        let (resolver, count) = scripted(AddressPolicy::Public, &[&["8.8.8.8"]]);
        for _ in 0..100 {
            assert!(resolver.resolve("h").await.is_ok());
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_good_answer_serves_for_five_minutes_while_lookups_fail() {
        let (resolver, _) = scripted(AddressPolicy::Public, &[&["8.8.8.8"], &[]]);
        assert!(resolver.resolve("h").await.is_ok());
        tokio::time::advance(KEPT - Duration::from_secs(1)).await;
        assert_eq!(resolver.resolve("h").await, Ok(addresses(&["8.8.8.8"])));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(resolver.resolve("h").await, Err(ResolveError::Failed));
        assert_eq!(resolver.resolve("other").await, Err(ResolveError::Failed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_hangs_has_failed() {
        let resolver = Resolver::with_lookup(AddressPolicy::Public, |_| Box::pin(std::future::pending()));
        assert_eq!(resolver.resolve("h").await, Err(ResolveError::Failed));
    }
}
