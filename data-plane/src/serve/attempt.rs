//! One upstream call: address, sign, send, and what the answer means.

mod answer;
mod whole;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use shared::adapter::{Delivery, Key, NoAddress, Unsigned};
use shared::credential::{CredentialType, CredentialValue};
use shared::failure::Failure;
use shared::oauth::{MintError, Minter, Refused, Source};
use shared::secret::Secret;
use tokio::time::{Instant, timeout_at};

use self::answer::answer;
use crate::balance::{Member, Pick};
use crate::error::Fault;
use crate::http::header;
use crate::protocol::watch::Watch;
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
    /// The caller's own provider key, and the header that it goes in.
    pub(crate) own_key: Option<(HeaderName, HeaderValue)>,
    pub(crate) deadline: Instant,
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
    pick: Option<&Pick>,
    said: &Said,
) -> Result<Answer, Failed> {
    let member = pick.map(|pick| &**pick.member());
    let until = call.deadline.min(now + stop.upstream.provider.patience.first_byte);
    let attempted = async {
        match member.filter(|member| mints(&member.value)) {
            None => once(&caller.client, call, stop, member, None, said).await,
            // Rare, and large: the others' futures need not have room for it.
            Some(member) => Box::pin(minted(caller, call, stop, member, said)).await,
        }
    };
    let answer = timeout_at(until, attempted).await.map_err(|_| Failed::of(Failure::TimedOut))??;
    match &said.translated {
        // A whole answer has to be there before any of it can be written in another format; its first byte is.
        Some(translated) if answer.watch.is_none() => {
            Box::pin(whole::translated(answer, call, translated, &stop.upstream)).await
        }
        Some(_) | None => Ok(answer),
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
    let key = member.map(|member| member.value.kind());
    let uri = stop.address(said.operation, call.delivery, key).map_err(no_address)?;
    let mut headers =
        header::for_upstream(call.headers, upstream.adapter, upstream.provider.auth, &upstream.provider.edits);
    if let Some(translated) = &said.translated {
        header::for_another_format(&mut headers, translated, upstream, call.delivery);
    }
    if let Some((name, value)) = &call.own_key {
        headers.insert(name.clone(), value.clone());
    }
    match member {
        Some(member) => sign(upstream, member, token, &uri, &mut headers, &payload)?,
        None => upstream.adapter.complete_headers(&mut headers),
    }
    let mut request = Request::new(payload);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    answer(client, call, said, upstream, request).await
}

fn sign(
    upstream: &Upstream,
    member: &Member,
    token: Option<&Secret>,
    uri: &Uri,
    headers: &mut HeaderMap,
    payload: &Payload,
) -> Result<(), Failed> {
    let key = Key { value: &member.value, token, additional: member.additional_key.as_ref() };
    let body = payload.parts();
    let unsigned = Unsigned { method: &Method::POST, uri, headers, body: &body, now: SystemTime::now() };
    // A value that no header can carry was refused when it came; another adapter may be stricter.
    upstream.adapter.sign(&upstream.provider.place, key, unsigned).map_err(|_| Failed::of(Failure::Rejected))
}

fn no_address(no_address: NoAddress) -> Failed {
    tracing::debug!(%no_address, "an upstream can't be addressed");
    Failed { unsupported: no_address == NoAddress::Unsupported, ..Failed::of(Failure::Unreachable) }
}
