//! Which headers cross the proxy: those that the adapter lists, never a hop's own, never a key.

mod below;

use http::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, WARNING};
use http::{HeaderMap, HeaderName, HeaderValue};
use shared::adapter::{Delivery, Format, Operation, adapter};

use super::say::Translated;
use crate::hop::stays_here;
use crate::protocol::watch::is_of_kind;
use crate::snapshot::resource::{Auth, Edits, Provider};
use crate::snapshot::route::Upstream;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// A caller who sees so many has seen enough.
const MOST_WARNINGS: usize = 16;

/// What providers call a request's id: OpenAI and its like, Anthropic, Amazon, Azure, Cohere.
const REQUEST_IDS: [&str; 5] =
    ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-debug-trace-id"];
/// The longest that is taken for one.
const LONGEST_REQUEST_ID: usize = 128;

/// What the provider calls a request, by the head of its answer: what its support asks for.
pub(super) fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = REQUEST_IDS.iter().find_map(|name| headers.get(*name))?;
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let is_id = (1..=LONGEST_REQUEST_ID).contains(&given.len()) && given.as_bytes().iter().all(is_sign);
    is_id.then(|| given.clone())
}

/// The caller's headers that go upstream, and those that the provider adds. Framing and the credential are added later, by those who own
/// them.
pub(super) fn for_upstream(headers: &HeaderMap, provider: &Provider) -> HeaderMap {
    let adapter = adapter(provider.adapter);
    let forwards = |name: &str| adapter.forwards_request_header(name);
    with_added(filtered(headers, forwards, provider), &provider.edits)
}

/// The caller's headers that go upstream with a call whose meaning nobody knows: those that any such API may have use for.
pub(super) fn for_upstream_as_it_is(headers: &HeaderMap, provider: &Provider) -> HeaderMap {
    let (kind, adapter) = (provider.adapter, adapter(provider.adapter));
    let forwards = |name: &str| adapter.forwards_request_header(name) || below::goes_up(kind, name);
    let mut kept = filtered(headers, forwards, provider);
    encoding(headers, &mut kept, &provider.edits);
    with_added(kept, &provider.edits)
}

/// The upstream's headers that go to the caller of such a call.
pub(super) fn for_caller_as_it_is(headers: &HeaderMap, provider: &Provider) -> HeaderMap {
    let (kind, adapter) = (provider.adapter, adapter(provider.adapter));
    let forwards = |name: &str| adapter.forwards_response_header(name) || below::comes_down(kind, name);
    let mut kept = filtered(headers, forwards, provider);
    encoding(headers, &mut kept, &provider.edits);
    kept
}

/// The headers with those that an admin adds.
fn with_added(mut headers: HeaderMap, edits: &Edits) -> HeaderMap {
    for (name, value) in &edits.request_headers {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// Keeps what a body is encoded with that goes on as it is.
fn encoding(headers: &HeaderMap, kept: &mut HeaderMap, edits: &Edits) {
    if !edits.strip_headers.contains(&CONTENT_ENCODING) {
        kept.extend(headers.get_all(CONTENT_ENCODING).iter().map(|value| (CONTENT_ENCODING, value.clone())));
    }
}

/// The upstream's headers that go to the caller.
pub(super) fn for_caller(headers: &HeaderMap, provider: &Provider) -> HeaderMap {
    let adapter = adapter(provider.adapter);
    filtered(headers, |name| adapter.forwards_response_header(name), provider)
}

/// Says JSON of a body that was read as JSON, whatever its caller says of it: an upstream that took it for a form could find another model there.
pub(super) fn as_it_was_read(headers: &mut HeaderMap, operation: Operation) {
    let kinds: &[&[u8]] = match operation {
        Operation::OpenAiOnly(_) => &[b"application/x-www-form-urlencoded"],
        _ => &[b"application/x-www-form-urlencoded", b"multipart/"],
    };
    let is_a_form = |value: &HeaderValue| kinds.iter().any(|kind| is_of_kind(value.as_bytes(), kind));
    if headers.get_all(CONTENT_TYPE).iter().any(is_a_form) {
        headers.insert(CONTENT_TYPE, JSON);
    }
}

/// Changes the headers of a request that was written in another format than its caller's: what they say of the body and of the answer is the
/// upstream's format's.
pub(super) fn for_another_format(
    headers: &mut HeaderMap,
    translated: &Translated,
    upstream: &Upstream,
    delivery: Delivery,
) {
    let accept = content_type(upstream.format, delivery);
    for (name, value) in [(CONTENT_TYPE, JSON), (ACCEPT, accept)] {
        // What an admin adds stays.
        if !upstream.provider.edits.request_headers.iter().any(|(added, _)| *added == name) {
            headers.insert(name, value);
        }
    }
    for (name, value) in &translated.headers {
        headers.append(name.clone(), value.clone());
    }
}

/// Changes the headers of an answer that came in another format than its caller's, and says what of the request was left out.
pub(super) fn translated(mut headers: HeaderMap, translated: &Translated, delivery: Delivery) -> HeaderMap {
    let (caller, upstream) = (translated.caller, translated.upstream);
    headers.insert(CONTENT_TYPE, content_type(caller.format(), delivery));
    headers.remove(CACHE_CONTROL);
    if delivery == Delivery::Stream && caller.format() != Format::Bedrock {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    }
    let why = format!("{} has no such thing", upstream.display_name());
    warn(&mut headers, &translated.left_out, &why);
    headers
}

/// Says which fields were left out because the model refuses them.
pub(super) fn warn_of_refused(headers: &mut HeaderMap, refused: &[String]) {
    warn(headers, refused, "the model does not take it");
}

/// Says what was changed for the model that answers.
pub(super) fn warn_of_changes(headers: &mut HeaderMap, changes: &[String]) {
    for change in changes.iter().take(MOST_WARNINGS) {
        headers.extend(HeaderValue::from_str(&format!("199 keyplane \"{change}\"")).map(|value| (WARNING, value)));
    }
}

fn warn(headers: &mut HeaderMap, fields: &[String], why: &str) {
    for field in fields.iter().take(MOST_WARNINGS) {
        headers.append(WARNING, warning(field, why));
    }
}

/// What an answer of a format is.
pub(super) fn content_type(format: Format, delivery: Delivery) -> HeaderValue {
    match (format, delivery) {
        (_, Delivery::Whole) => JSON,
        (Format::Bedrock, Delivery::Stream) => HeaderValue::from_static("application/vnd.amazon.eventstream"),
        (Format::OpenAi | Format::Anthropic | Format::Gemini | Format::Cohere, Delivery::Stream) => {
            HeaderValue::from_static("text/event-stream")
        }
    }
}

/// That a field was left out (RFC 7234, section 5.5). The field is the caller's own text, and may be any.
fn warning(field: &str, why: &str) -> HeaderValue {
    let is_plain = |sign: &char| sign.is_ascii_graphic() && !matches!(sign, '"' | '\\');
    let field: String = field.chars().map(|sign| if is_plain(&sign) { sign } else { '?' }).take(100).collect();
    let text = format!("199 keyplane \"the field {field} was left out: {why}\"");
    // All of it is visible ASCII.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("199 keyplane \"fields were left out\""))
}

/// Those that cross, in either direction: none that names the account behind our credential, or another beside it.
fn filtered(headers: &HeaderMap, forwards: impl Fn(&str) -> bool, provider: &Provider) -> HeaderMap {
    let adapter = adapter(provider.adapter);
    let is_ours = |name: &str| provider.auth != Auth::Passthrough && adapter.belongs_to_the_key(name);
    let crosses = |name: &str| forwards(name) && !is_ours(name);
    let mut kept = HeaderMap::with_capacity(16);
    let lists = headers.contains_key(CONNECTION);
    for (name, value) in headers {
        if crosses(name.as_str()) && !stays_here(name) && !(lists && is_listed(headers, name)) {
            kept.append(name.clone(), value.clone());
        }
    }
    for name in &provider.edits.strip_headers {
        kept.remove(name);
    }
    kept
}

/// Whether `Connection` names it as the hop's own.
fn is_listed(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|listed| listed.split(',').any(|token| token.trim().eq_ignore_ascii_case(name.as_str())))
}

#[cfg(test)]
mod tests;
