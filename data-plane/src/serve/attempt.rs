//! One upstream call: address, sign, send, and what the answer means.

mod answer;
mod whole;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use shared::adapter::{Delivery, Key, NoAddress, Unsigned, is_plain_path};
use shared::credential::{CredentialType, CredentialValue};
use shared::failure::Failure;
use shared::oauth::{MintError, Minter, Refused, Source};
use shared::secret::Secret;
use tokio::time::{Instant, timeout_at};

use self::answer::{Of, answer, preface};
use crate::balance::Member;
use crate::error::Fault;
use crate::protocol::Dialect;
use crate::protocol::watch::Watch;
use crate::serve::header;
use crate::serve::say::Said;
use crate::snapshot::route::{Stop, Upstream};
use crate::upstream::{Client, Payload, Received};

/// What makes calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) minter: Minter,
}

/// What to call for.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) delivery: Delivery,
    /// The caller's headers.
    pub(crate) headers: &'a HeaderMap,
    /// What is called by a path of the caller's; `None` where an operation is.
    pub(crate) below: Option<CallBelow<'a>>,
    /// The caller's own provider key, and the header that it goes in.
    pub(crate) own_key: Option<(HeaderName, HeaderValue)>,
    pub(crate) deadline: Instant,
}

/// A call of a provider by a path of the caller's.
#[derive(Debug)]
pub(crate) struct CallBelow<'a> {
    pub(crate) method: &'a Method,
    /// With its query; it begins with `/`.
    pub(crate) path: &'a str,
    pub(crate) base: Base,
}

/// What a path stands below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The provider's base URL, whatever it is.
    BaseUrl,
    /// What the adapter puts before every path of its API.
    Api,
}

impl CallBelow<'_> {
    fn address(&self, upstream: &Upstream) -> Result<Uri, NoAddress> {
        let place = &upstream.provider.place;
        match self.base {
            Base::Api => upstream.adapter.address_below(place, self.path),
            Base::BaseUrl if is_plain_path(self.path) => Ok(place.base_url.with_path(self.path)),
            Base::BaseUrl => Err(NoAddress::Path),
        }
    }
}

/// An answer that may go to the caller.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    /// What came of it already.
    pub(crate) passed: Bytes,
    /// The rest; `None` where nothing more comes.
    pub(crate) rest: Option<Received>,
    /// Of a stream.
    pub(crate) watch: Option<Watch>,
}

/// A call that failed. Nothing of it went to the caller.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) provider_code: Option<&'static str>,
    /// The upstream's status, if it answered.
    pub(crate) status: Option<StatusCode>,
    /// What the upstream calls the request.
    pub(crate) request_id: Option<HeaderValue>,
    /// A connection that was made broke before a byte of an answer came, as one does that was closing while the request was sent.
    pub(crate) broke: bool,
    /// The provider has no such operation, so that nothing was called.
    pub(crate) unsupported: bool,
    /// What the caller gets if the request is at fault, or the key that came with it.
    pub(crate) fault: Option<Box<Fault>>,
}

impl Failed {
    fn of(failure: Failure) -> Self {
        Self {
            failure,
            retry_after: None,
            provider_code: None,
            status: None,
            request_id: None,
            broke: false,
            unsupported: false,
            fault: None,
        }
    }
}

/// Makes one call, up to the first event of a stream, or the head of any other answer.
///
/// # Errors
///
/// What failed. Dropping the future ends the call.
pub(crate) async fn attempt(
    caller: &Caller,
    call: &Call<'_>,
    now: Instant,
    stop: &Stop,
    member: Option<&Arc<Member>>,
    said: &Said,
) -> Result<Answer, Failed> {
    let member = member.map(|member| &**member);
    let until = call.deadline.min(now + stop.upstream.provider.patience.first_byte);
    let attempted = async {
        match member.filter(|member| mints(&member.value)) {
            None => once(&caller.client, call, stop, member, None, said).await,
            // Rare, and large: the others' futures need not have room for it.
            Some(member) => Box::pin(minted(caller, call, stop, member, said)).await,
        }
    };
    let answer = timeout_at(until, attempted).await.map_err(|_| Failed::of(Failure::TimedOut))??;
    let of = Of { upstream: &stop.upstream, translated: said.translated.as_deref() };
    let answer = preface(answer, until, call.deadline, of).await?;
    match &said.translated {
        // A whole answer has to be there before any of it can be written in another format; its first byte is.
        Some(translated) if answer.watch.is_none() => {
            let parts = Parts { caller, call, stop, member, said };
            Box::pin(whole::translated(answer, &parts, translated)).await
        }
        None if answer.watch.is_none() && call.delivery == Delivery::Stream && call.below.is_none() => {
            match Dialect::of(stop.upstream.format, said.operation) {
                Some(dialect) => {
                    let parts = Parts { caller, call, stop, member, said };
                    Box::pin(whole::replayed(answer, &parts, dialect)).await
                }
                None => Ok(answer),
            }
        }
        Some(_) | None => Ok(answer),
    }
}

/// What it takes to make the further calls of a request that goes in parts.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    caller: &'a Caller,
    call: &'a Call<'a>,
    stop: &'a Stop,
    member: Option<&'a Member>,
    said: &'a Said,
}

impl Parts<'_> {
    /// One of the further calls, up to its answer's head.
    async fn call(&self, payload: Payload) -> Result<Answer, Failed> {
        let Self { caller, call, stop, member, said } = *self;
        let Said { operation, ref translated, .. } = *said;
        let (more, refused, changed, translated) = (Vec::new(), Vec::new(), Vec::new(), translated.clone());
        let said = Said { operation, payload, more, refused, changed, translated };
        let until = call.deadline.min(Instant::now() + stop.upstream.provider.patience.first_byte);
        let called = async {
            match member.filter(|member| mints(&member.value)) {
                None => once(&caller.client, call, stop, member, None, &said).await,
                Some(member) => minted(caller, call, stop, member, &said).await,
            }
        };
        timeout_at(until, called).await.map_err(|_| Failed::of(Failure::TimedOut))?
    }
}

/// Whether a value signs with tokens that are minted from it.
fn mints(value: &CredentialValue) -> bool {
    match value.kind() {
        CredentialType::ApiKey | CredentialType::AccessKeyPair => false,
        CredentialType::ServiceAccount | CredentialType::ClientSecret => true,
    }
}

/// A call with a token. One that the provider refuses may have been an old one: the credential is at fault when a new one is refused too.
async fn minted(caller: &Caller, call: &Call<'_>, stop: &Stop, member: &Member, said: &Said) -> Result<Answer, Failed> {
    let upstream = &*stop.upstream;
    let source = Source { adapter: upstream.adapter, place: &upstream.provider.place, value: &member.value };
    let token = caller.minter.token(source, SystemTime::now()).await.map_err(unminted)?;
    let first = once(&caller.client, call, stop, Some(member), token.as_ref(), said).await;
    let refused = match (&first, &token) {
        (Err(failed), Some(token)) if failed.status == Some(StatusCode::UNAUTHORIZED) => token,
        _ => return first,
    };
    if caller.minter.refused(source, refused, SystemTime::now()) == Refused::Believe {
        return first;
    }
    let token = caller.minter.token(source, SystemTime::now()).await.map_err(unminted)?;
    once(&caller.client, call, stop, Some(member), token.as_ref(), said).await
}

/// What it means that there is no token.
fn unminted(error: MintError) -> Failed {
    tracing::debug!(%error, "no token to sign with");
    let retry_after = error.retry_after();
    let (status, provider_code) = match &error {
        MintError::Refused { status, code, .. } => (StatusCode::from_u16(*status).ok(), *code),
        MintError::Unfit(_)
        | MintError::NoAnswer(_)
        | MintError::TimedOut
        | MintError::NotAToken
        | MintError::Stopping => (None, None),
    };
    // What is wrong with the question for a token is wrong with the credential: the caller had no part in it.
    let failure = match error.failure() {
        Failure::CallersFault => Failure::Rejected,
        other => other,
    };
    Failed { retry_after, status, provider_code, ..Failed::of(failure) }
}

async fn once(
    client: &Client,
    call: &Call<'_>,
    stop: &Stop,
    member: Option<&Member>,
    token: Option<&Secret>,
    said: &Said,
) -> Result<Answer, Failed> {
    let upstream = &*stop.upstream;
    let payload = said.payload.clone();
    let method = call.below.as_ref().map_or(&Method::POST, |below| below.method);
    let key = member.map(|member| member.value.kind());
    let uri = match &call.below {
        None => stop.address(said.operation, call.delivery, key),
        Some(below) => below.address(upstream),
    };
    let uri = uri.map_err(no_address)?;
    let mut headers = match &call.below {
        None => header::for_upstream(call.headers, &upstream.provider),
        Some(_) => header::for_upstream_as_it_is(call.headers, &upstream.provider),
    };
    if call.below.is_none() {
        header::as_it_was_read(&mut headers, said.operation);
    }
    if let Some(translated) = &said.translated {
        header::for_another_format(&mut headers, translated, upstream, call.delivery);
    }
    if let Some((name, value)) = &call.own_key {
        headers.insert(name.clone(), value.clone());
    }
    match member {
        Some(member) => {
            let unsigned =
                Unsigned { method, uri: &uri, headers: &mut headers, body: &payload.parts(), now: SystemTime::now() };
            sign(upstream, member, token, unsigned)?;
        }
        None => upstream.adapter.complete_headers(&mut headers),
    }
    let method = method.clone();
    let mut request = Request::new(payload);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    answer(client, call, said, upstream, request).await
}

fn sign(upstream: &Upstream, member: &Member, token: Option<&Secret>, unsigned: Unsigned<'_>) -> Result<(), Failed> {
    let key = Key { value: &member.value, token, additional: member.additional_key.as_ref() };
    // A value that no header can carry was refused when it came; another adapter may be stricter.
    upstream.adapter.sign(&upstream.provider.place, key, unsigned).map_err(|_| Failed::of(Failure::Rejected))
}

fn no_address(no_address: NoAddress) -> Failed {
    tracing::debug!(%no_address, "an upstream can't be addressed");
    Failed { unsupported: no_address == NoAddress::Unsupported, ..Failed::of(Failure::Unreachable) }
}
