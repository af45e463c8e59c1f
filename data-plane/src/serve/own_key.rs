//! A caller's own provider key, for providers that take it instead of ours.

use http::{HeaderMap, HeaderName, HeaderValue};
use shared::id::{TokenKind, is_token};

use crate::error::Refusal;
use crate::snapshot::resource::Auth;
use crate::snapshot::route::{Plan, Stop};

/// How a caller key came.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GivenKey<'a> {
    /// In the header that is ours alone.
    InOwnHeader(&'a [u8]),
    /// In one that providers use for theirs.
    InAnothersHeader,
}

/// The key that the request's provider gets, with its header; `None` where the provider takes ours, or none.
///
/// A plan that begins with such a provider has its targets alone, and any other plan none of them: a caller's key goes to one provider.
///
/// # Errors
///
/// When the key is missing, or is one of Keyplane's.
pub(super) fn own_key(
    plan: &mut Plan,
    given: GivenKey<'_>,
    headers: &HeaderMap,
) -> Result<Option<(HeaderName, HeaderValue)>, Refusal> {
    let takes_own = |stop: &Stop| stop.upstream.provider.auth == Auth::Passthrough;
    let Some(first) = plan.stops.first() else { return Ok(None) };
    if !takes_own(first) {
        plan.stops.retain(|stop| !takes_own(stop));
        return Ok(None);
    }
    let upstream = std::sync::Arc::clone(&first.upstream);
    plan.stops.retain(|stop| stop.upstream.id == upstream.id);
    // A provider whose API has no such header was refused when it came.
    let name = upstream.adapter.own_key_header(&upstream.provider.place).ok_or(Refusal::Internal)?;
    let missing = || Refusal::OwnKeyMissing { header: name.clone() };
    let GivenKey::InOwnHeader(caller_key) = given else { return Err(missing()) };
    let mut value = one(headers, &name)?.ok_or_else(missing)?.clone();
    if holds_a_caller_key(value.as_bytes(), caller_key) {
        return Err(missing());
    }
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

/// The header's one value.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter().filter(|value| !value.as_bytes().trim_ascii().is_empty());
    let first = values.next();
    if values.next().is_some() { Err(Refusal::KeysDiffer) } else { Ok(first) }
}

/// Whether a value is this request's caller key, or another one that came into the wrong header.
fn holds_a_caller_key(value: &[u8], caller_key: &[u8]) -> bool {
    let is_key = |word: &str| is_token(TokenKind::CallerKey, word) || is_token(TokenKind::Admin, word);
    memchr::memmem::find(value, caller_key).is_some()
        || std::str::from_utf8(value).is_ok_and(|text| text.split_ascii_whitespace().any(is_key))
}
