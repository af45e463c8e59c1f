//! From a join token to a place in the fleet: certificates for those who have a token, new ones for those who have a certificate.
//!
//! A use of a token is counted in the same commit as the proxy's record. Enrollments take their turn: the next one sees what the one before
//! it has counted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::sync::v1;
use rustls::pki_types::CertificateDer;
use shared::id;
use shared::name::{ProxyName, ResourceName};
use shared::revision::Revision;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::ca::{self, Ca, PROXY_LIFETIME, ProxyIdentity};
use super::fleet::Fleet;
use super::join_token::{self, Presented};
use super::metrics::{EnrollmentWord, Metrics};
use super::refusal::Refusal;
use crate::resource::{JoinToken, JoinTokenUse, Proxy, Stored, key};
use crate::store::{Change, Commit, CommitError, Precondition, Store};
use crate::view::{View, Views};

/// How far the clocks of proxies and admins may be apart.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// A record whose time is younger is not written again.
const SEEN_EVERY: Duration = Duration::from_secs(3600);

/// How often a commit that lost a race is tried again.
const TRIES: usize = 8;

/// Enrolls proxies.
#[derive(Debug)]
pub struct Enroller {
    ca: Arc<Ca>,
    store: Arc<dyn Store>,
    views: Views,
    fleet: Arc<Fleet>,
    metrics: Arc<Metrics>,
    turn: Semaphore,
}

/// A certificate and when to renew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, then the CA's.
    pub chain: Vec<CertificateDer<'static>>,
    /// Half of its life, with jitter.
    pub renew_after: Duration,
}

/// What an enrollment did.
enum Place {
    New(ProxyName),
    TakenOver(ProxyName),
}

impl Enroller {
    /// An enroller for the store's fleet.
    #[must_use]
    pub fn new(ca: Arc<Ca>, store: Arc<dyn Store>, views: Views, fleet: Arc<Fleet>, metrics: Arc<Metrics>) -> Self {
        Self { ca, store, views, fleet, metrics, turn: Semaphore::new(1) }
    }

    /// Gives a certificate for a join token.
    ///
    /// # Errors
    ///
    /// When the token, the node id or the signing request is refused, or the store can't write.
    ///
    /// # Cancel safety
    ///
    /// The record is made or not; the same request again takes it over.
    pub async fn enroll(&self, request: v1::EnrollRequest, now: SystemTime) -> Result<v1::EnrollResponse, Refusal> {
        let enrolled = self.try_enroll(request, now).await;
        match &enrolled {
            Ok((_, word)) => self.metrics.enrolled(*word),
            Err(refusal) => {
                self.metrics.enrolled(EnrollmentWord::Refused);
                tracing::info!(%refusal, "an enrollment was refused");
            }
        }
        enrolled.map(|(response, _)| response)
    }

    async fn try_enroll(
        &self,
        request: v1::EnrollRequest,
        now: SystemTime,
    ) -> Result<(v1::EnrollResponse, EnrollmentWord), Refusal> {
        let presented = join_token::parse(&request.join_token).ok_or(Refusal::TokenMalformed)?;
        if presented.pin != join_token::hex(&self.ca.pin()) {
            return Err(Refusal::TokenOfAnotherCa);
        }
        if !is_node_id(&request.node_id) {
            return Err(Refusal::NodeId);
        }
        let public_key = ca::csr_public_key(&request.csr)?;
        let (name, word) = match self.place(&presented, &request.node_id, now).await? {
            Place::New(name) => (name, EnrollmentWord::Joined),
            Place::TakenOver(name) => (name, EnrollmentWord::Rejoined),
        };
        let identity = ProxyIdentity { enrollment: self.fleet.next_enrollment(&name, now), name };
        let issued = self.issue(&public_key, &identity, now)?;
        self.fleet.enrolled(&identity);
        tracing::info!(proxy = %identity.name, join_token = %presented.name, "a proxy enrolled");
        let response = v1::EnrollResponse {
            certificate_chain: wire(&issued.chain),
            proxy: identity.name.to_string(),
            renew_after: prost_types::Duration::try_from(issued.renew_after).ok(),
        };
        Ok((response, word))
    }

    /// Gives a new certificate to whoever has one.
    ///
    /// # Errors
    ///
    /// When the proxy's record is gone, another process has its name, or the signing request is refused.
    pub fn renew(&self, identity: &ProxyIdentity, csr: &[u8], now: SystemTime) -> Result<v1::RenewResponse, Refusal> {
        if !self.views.load().proxies.contains_key(&identity.name) {
            return Err(Refusal::NotEnrolled { proxy: identity.name.to_string() });
        }
        self.fleet.check(identity)?;
        let issued = self.issue(&ca::csr_public_key(csr)?, identity, now)?;
        self.metrics.enrolled(EnrollmentWord::Renewed);
        Ok(v1::RenewResponse {
            certificate_chain: wire(&issued.chain),
            renew_after: prost_types::Duration::try_from(issued.renew_after).ok(),
        })
    }

    fn issue(
        &self,
        public_key: &rcgen::SubjectPublicKeyInfo,
        identity: &ProxyIdentity,
        now: SystemTime,
    ) -> Result<Issued, Refusal> {
        let chain = self.ca.issue_proxy(public_key, identity, now).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a certificate can't be made");
            Refusal::Internal
        })?;
        // A tenth of the life as jitter, so that a fleet that joined at once does not renew at once.
        let renew_after = PROXY_LIFETIME / 2 - id::random_duration(PROXY_LIFETIME / 10);
        Ok(Issued { chain, renew_after })
    }

    /// The proxy's record: one that it had, or a new one.
    async fn place(&self, presented: &Presented, node_id: &str, now: SystemTime) -> Result<Place, Refusal> {
        // The semaphore is never closed.
        let _turn = self.turn.acquire().await.map_err(|_closed| Refusal::Stopping)?;
        let mut view = self.views.load();
        for _ in 0..TRIES {
            let token = check_token(&view, presented, now)?;
            let (place, commit) = plan(&view, token, node_id, now)?;
            let Some(commit) = commit else { return Ok(place) };
            let at = match self.store.commit(commit).await {
                Ok(revision) => {
                    self.views.wait_for(revision).await.map_err(|_stopped| Refusal::Stopping)?;
                    return Ok(place);
                }
                // Somebody was faster: what they did is in the store by now.
                Err(CommitError::Precondition { .. }) => self.store.head(),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "an enrollment could not be stored");
                    return Err(Refusal::Store);
                }
            };
            view = self.views.wait_for(at).await.map_err(|_stopped| Refusal::Stopping)?;
        }
        Err(Refusal::Busy { pushback: Duration::from_secs(1) })
    }
}

/// The token, if it may be used now.
fn check_token<'a>(view: &'a View, presented: &Presented, now: SystemTime) -> Result<&'a Stored<JoinToken>, Refusal> {
    let token = view.join_tokens.get(&presented.name).ok_or(Refusal::TokenUnknown)?;
    if !bool::from(token.spec.sha256.ct_eq(&presented.sha256)) {
        return Err(Refusal::TokenUnknown);
    }
    if token.spec.expire_time.is_some_and(|expiry| expiry <= now.checked_sub(CLOCK_TOLERANCE).unwrap_or(now)) {
        return Err(Refusal::TokenExpired);
    }
    Ok(token)
}

/// Which place a node gets, and what has to be stored for it.
fn plan(
    view: &View,
    token: &Stored<JoinToken>,
    node_id: &str,
    now: SystemTime,
) -> Result<(Place, Option<Commit>), Refusal> {
    let token_unchanged = Precondition::Unchanged(key::spec(token.name.as_str()), token.meta.revision);
    let base = base_id(node_id);
    let own = own_record(view, &base, node_id, token);
    if let Some((name, record)) = own {
        let fresh = now.duration_since(record.last_seen_time).is_ok_and(|age| age < SEEN_EVERY);
        if fresh && record.environments == token.spec.environments {
            return Ok((Place::TakenOver(name.clone()), None));
        }
        let record =
            Proxy { last_seen_time: now, environments: token.spec.environments.clone(), ..Proxy::clone(record) };
        let commit = Commit {
            preconditions: vec![token_unchanged, Precondition::Exists(key::status(name.as_str()))],
            changes: vec![put_proxy(name, &record)],
        };
        return Ok((Place::TakenOver(name.clone()), Some(commit)));
    }
    let used = view.join_token_uses.get(&token.name).copied().unwrap_or_default();
    if token.spec.max_uses > 0 && used.uses >= token.spec.max_uses {
        return Err(Refusal::TokenSpent { max_uses: token.spec.max_uses });
    }
    let name = free_name(view, &base)?;
    let record = Proxy {
        uid: id::uid("prx_", now),
        node_id: node_id.to_owned(),
        join_token: token.name.clone(),
        environments: token.spec.environments.clone(),
        create_time: now,
        last_seen_time: now,
    };
    let commit = new_place(view.revision, token, token_unchanged, used, &name, &record);
    Ok((Place::New(name), Some(commit)))
}

fn new_place(
    seen: Revision,
    token: &Stored<JoinToken>,
    token_unchanged: Precondition,
    used: JoinTokenUse,
    name: &ProxyName,
    record: &Proxy,
) -> Commit {
    let uses = key::status(token.name.as_str());
    let counted = JoinTokenUse { uses: used.uses.saturating_add(1) };
    Commit {
        preconditions: vec![
            token_unchanged,
            Precondition::Absent(key::status(name.as_str())),
            Precondition::PrefixUnchanged(Arc::clone(&uses), seen),
        ],
        changes: vec![put_proxy(name, record), Change { key: uses, value: Some(counted.to_record().into()) }],
    }
}

/// The record of a proxy, put.
pub(super) fn put_proxy(name: &ProxyName, record: &Proxy) -> Change {
    Change { key: key::status(name.as_str()), value: Some(record.to_record().into()) }
}

/// The record that the node has under the token: its name begins with what the node id makes.
fn own_record<'a>(
    view: &'a View,
    base: &str,
    node_id: &str,
    token: &Stored<JoinToken>,
) -> Option<(&'a ProxyName, &'a Arc<Proxy>)> {
    let prefix = format!("{}/{base}", ProxyName::COLLECTION);
    let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::<&str>::Unbounded);
    let near = view.proxies.range::<_, str>(from).take_while(|(name, _)| name.as_str().starts_with(&prefix));
    near.into_iter().find(|(_, record)| record.node_id == node_id && record.join_token == token.name)
}

/// A name that no proxy has: the node id's, or that with four random digits where another node has it.
fn free_name(view: &View, base: &str) -> Result<ProxyName, Refusal> {
    let plain = std::iter::once(base.to_owned());
    let numbered = (0..TRIES).map(|_| format!("{base}-{:04}", id::random_below(10_000)));
    let names = plain.chain(numbered).filter_map(|id| format!("{}/{id}", ProxyName::COLLECTION).parse().ok());
    names.into_iter().find(|name| !view.proxies.contains_key(name)).ok_or(Refusal::NodeId)
}

/// A resource id made from a node id, with room for digits behind it.
fn base_id(node_id: &str) -> String {
    let mut base = shared::name::id_from_display_name(node_id).unwrap_or_else(|| "proxy".to_owned());
    base.truncate(58);
    base.trim_end_matches('-').to_owned()
}

fn is_node_id(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn wire(chain: &[CertificateDer<'static>]) -> Vec<bytes::Bytes> {
    chain.iter().map(|certificate| certificate.to_vec().into()).collect()
}
