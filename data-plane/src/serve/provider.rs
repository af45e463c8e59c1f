//! Calls of a provider for whatever it has, by a path of the caller's: its credential is added, and nothing of the path and the body is
//! changed. Its answer is the caller's, whatever its status, but for one that says that our credential is no good.
//!
//! What comes of them says nothing of a credential: a path may ask for what no key of the kind may do, and callers must not be able to take
//! credentials out by asking. Ids of what is kept at a provider are good for the account that made them, so that every call takes the
//! same credential, the first by name that serves.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Response};
use shared::adapter::{Delivery, Format, Operation, is_plain_path};
use tokio::time::Instant;

use super::attempt::{Base, Call, CallBelow, Failed, attempt};
use super::own_key::own_key;
use super::relay::{Limits, Relay};
use super::say::Said;
use super::{Context, GivenKey, Trail, header};
use crate::balance::moment::Moment;
use crate::error::{Refusal, shown};
use crate::observe::Tally;
use crate::snapshot::resource::{Auth, DEFAULT_TIMEOUT};
use crate::snapshot::route::{Plan, Stop, Upstream};
use crate::snapshot::{Caller, Environment};
use crate::upstream::Payload;

/// Names the provider where the path doesn't.
const PROVIDER: HeaderName = HeaderName::from_static("x-keyplane-provider");

/// A call of a known caller.
#[derive(Debug)]
pub(crate) struct AskBelow<'a> {
    pub(crate) method: &'a Method,
    /// The provider's id, where the path names it.
    pub(crate) provider: Option<&'a str>,
    /// What stands behind it, with the query.
    pub(crate) path: &'a str,
    pub(crate) caller: &'a Caller,
    pub(crate) given: GivenKey<'a>,
    pub(crate) environment: &'a Environment,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

/// Makes the call.
///
/// # Errors
///
/// What the caller is told.
pub(crate) async fn call_below(
    context: &Context,
    ask: AskBelow<'_>,
    trail: &mut Trail,
    tally: &mut Option<Tally>,
) -> Result<Response<Box<Relay>>, Refusal> {
    let now = Instant::now();
    let moment = Moment::of(now.into_std());
    context.evidence.used(&ask.caller.used, moment);
    if !is_plain_path(ask.path) {
        return Err(Refusal::NoRoute);
    }
    let (stop, base) = place(&ask)?;
    let mut plan = Plan { stops: vec![stop], timeout: DEFAULT_TIMEOUT, max_attempts: 1 };
    let own_key = own_key(&mut plan, ask.given, ask.headers)?;
    let Some(stop) = plan.stops.first() else { return Err(Refusal::Internal) };
    let upstream = &*stop.upstream;
    let member = match upstream.provider.auth {
        Auth::None | Auth::Passthrough => None,
        Auth::Managed => Some(upstream.pool.first().ok_or_else(|| no_credential(ask.path))?),
    };
    context.evidence.used(&upstream.used, moment);
    if let Some(member) = member {
        context.evidence.used(&member.used, moment);
    }
    let deadline = now + plan.timeout;
    let below = Some(CallBelow { method: ask.method, path: ask.path, base });
    let call = Call { delivery: Delivery::Whole, headers: ask.headers, below, own_key, deadline };
    // The operation stands for none: the path says what is called.
    let payload = Payload::whole(ask.body.clone());
    let (operation, more, refused, changed) = (Operation::Invoke, Vec::new(), Vec::new(), Vec::new());
    let said = Said { operation, payload, more, refused, changed, translated: None };
    trail.upstream = Some(Arc::clone(&stop.upstream));
    trail.attempts = 1;
    let mut answered = attempt(&context.attempts, &call, now, stop, member, &said).await;
    // A connection that was closing while it was used says nothing; to ask again is safe where asking twice is.
    if answered.as_ref().is_err_and(|failed| failed.broke) && ask.method.is_idempotent() && context.budget.retry() {
        trail.attempts += 1;
        answered = attempt(&context.attempts, &call, now, stop, member, &said).await;
    }
    trail.request_id = match &answered {
        Ok(answer) => header::request_id(&answer.head.headers),
        Err(failed) => failed.request_id.clone(),
    };
    let answer = answered.map_err(|failed| refusal(failed, upstream.id.to_string()))?;
    let mut response = Response::new(());
    *response.status_mut() = answer.head.status;
    *response.headers_mut() = header::for_caller_as_it_is(&answer.head.headers, &upstream.provider);
    let limits = Limits { deadline, idle: upstream.provider.patience.idle };
    let relay = Relay::new(answer, limits, None, tally.take());
    Ok(response.map(|()| Box::new(relay)))
}

/// The provider that is called, if the caller may call it for whatever it has.
fn place(ask: &AskBelow<'_>) -> Result<(Stop, Base), Refusal> {
    if let Some(id) = ask.provider {
        return Ok((provider(ask, id)?, Base::BaseUrl));
    }
    if let Some(id) = ask.headers.get(PROVIDER) {
        let id = String::from_utf8_lossy(id.as_bytes());
        let stop = provider(ask, &id)?;
        let is_openais = stop.upstream.format == Format::OpenAi;
        return if is_openais { Ok((stop, Base::Api)) } else { Err(Refusal::NoProvider { provider: shown(&id) }) };
    }
    let is_candidate = |upstream: &&Arc<Upstream>| {
        upstream.format == Format::OpenAi && !upstream.provider.disabled && upstream.is_open_to(&ask.caller.key)
    };
    let mut candidates = ask.environment.upstreams.values().filter(is_candidate);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok((Stop::below(only), Base::Api)),
        (Some(_), Some(_)) => Err(Refusal::ProviderUnnamed { header: PROVIDER }),
        (None, _) => Err(Refusal::NoOpenProvider),
    }
}

/// A provider that a caller may call for whatever it has. What a path asks for is nobody's to judge, so that the key has to allow all of the
/// provider's models, and the provider to expose them.
fn provider(ask: &AskBelow<'_>, id: &str) -> Result<Stop, Refusal> {
    let upstream = ask.environment.upstreams.get(id).filter(|upstream| !upstream.provider.disabled);
    let upstream = upstream.ok_or_else(|| Refusal::NoProvider { provider: shown(id) })?;
    if !upstream.is_open_to(&ask.caller.key) {
        return Err(Refusal::ProviderNotAllowed { provider: shown(id) });
    }
    Ok(Stop::below(upstream))
}

fn no_credential(path: &str) -> Refusal {
    Refusal::NoCredential { model: shown(path), retry_after: None, rate_limited: false }
}

fn refusal(failed: Failed, provider: String) -> Refusal {
    let Failed { failure, retry_after, fault, unsupported, .. } = failed;
    match fault {
        Some(fault) => Refusal::CallersFault(fault),
        None if unsupported => Refusal::NoRoute,
        None if failure.is_credentials_fault() => Refusal::UpstreamAuth { provider },
        None => Refusal::Upstream { provider, failure, retry_after },
    }
}
