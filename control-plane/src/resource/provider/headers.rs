//! The headers that a provider names: those that carry its keys, those that are added, and those that pass in neither direction.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, HeaderName, HeaderValue};
use shared::adapter::AdapterKind;

use super::auth::own_key_header;
use crate::error::{FieldReason, FieldViolations};

/// What passes in neither direction where a provider says nothing.
const STRIPPED: [&str; 4] = ["authorization", "cookie", "set-cookie", "x-api-key"];

/// The most headers that are stripped, and the most that are added.
const MOST_HEADERS: usize = 32;

/// The most bytes of an added header's value.
const VALUE_BYTES: usize = 1024;

/// What authenticates: the adapters' own key headers, signatures, cookies, and the caller key.
const AUTHENTICATING: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
    "x-keyplane-key",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// What belongs to one connection (RFC 9110, 7.6.1), and what frames or encodes a body: made anew for every request.
const CONNECTION: [&str; 14] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "expect",
    "via",
];

/// The headers that carry keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyHeaders {
    pub(super) key: Option<HeaderName>,
    pub(super) additional: Option<HeaderName>,
}

pub(super) fn read_key_headers(
    key: &str,
    additional: &str,
    adapter: Option<AdapterKind>,
    violations: &mut FieldViolations,
) -> KeyHeaders {
    let key = read_key_header(key, "key_header", violations);
    let additional = read_key_header(additional, "additional_key_header", violations);
    let effective = key.clone().or_else(|| adapter.and_then(own_key_header));
    if additional.is_some() && additional == effective {
        violations.add(
            "additional_key_header",
            FieldReason::Duplicate,
            "the key itself goes there: name another header",
        );
    }
    KeyHeaders { key, additional }
}

fn read_key_header(given: &str, field: &'static str, violations: &mut FieldViolations) -> Option<HeaderName> {
    if given.trim().is_empty() {
        return None;
    }
    let name = read_name(given, field, violations)?;
    let carries_no_key = ["cookie", "set-cookie", "x-keyplane-key"].contains(&name.as_str());
    if CONNECTION.contains(&name.as_str()) || carries_no_key {
        violations.add(field, FieldReason::Unsupported, format!("{name} can't carry a provider's key"));
    }
    Some(name)
}

fn read_name(given: &str, field: impl Into<String>, violations: &mut FieldViolations) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(given.trim().as_bytes()).ok();
    if name.is_none() {
        violations.add(field, FieldReason::Malformed, "use a header's name, such as x-team");
    }
    name
}

/// The headers that pass in neither direction, in lower case, each once.
pub(super) fn read_strip_headers(given: &[String], violations: &mut FieldViolations) -> BTreeSet<String> {
    if given.is_empty() {
        return STRIPPED.map(str::to_owned).into();
    }
    let names = given.iter().enumerate();
    let names: BTreeSet<_> = names
        .filter_map(|(at, name)| read_name(name, format!("strip_headers[{at}]"), violations))
        .map(|name| name.as_str().to_owned())
        .collect();
    if names.len() > MOST_HEADERS {
        violations.add("strip_headers", FieldReason::TooLong, format!("name at most {MOST_HEADERS} headers"));
    }
    names
}

/// The headers that are added to every request: never those that authenticate, nor those of one connection.
pub(super) fn read_request_headers(
    given: &BTreeMap<String, String>,
    keys: &KeyHeaders,
    violations: &mut FieldViolations,
) -> HeaderMap {
    if given.len() > MOST_HEADERS {
        violations.add("request_headers", FieldReason::TooLong, format!("add at most {MOST_HEADERS} headers"));
    }
    let mut headers = HeaderMap::with_capacity(given.len().min(MOST_HEADERS));
    for (given_name, value) in given.iter().take(MOST_HEADERS) {
        let field = format!("request_headers[{given_name:?}]");
        let Some(name) = read_name(given_name, field.clone(), violations) else { continue };
        let text = name.as_str();
        let is_key = [&keys.key, &keys.additional].into_iter().any(|key| key.as_ref() == Some(&name));
        if is_key || AUTHENTICATING.contains(&text) {
            violations.add(field, FieldReason::Unsupported, "it authenticates: give a credential instead");
        } else if CONNECTION.contains(&text) {
            violations.add(field, FieldReason::Unsupported, "it is made anew for every request: leave it out");
        } else if headers.contains_key(&name) {
            violations.add(field, FieldReason::Duplicate, format!("{name} is given twice"));
        } else if let Some(value) = read_value(value) {
            headers.insert(name, value);
        } else {
            let description = format!("use 1 to {VALUE_BYTES} visible ASCII characters and spaces between them");
            violations.add(field, FieldReason::Malformed, description);
        }
    }
    headers
}

fn read_value(given: &str) -> Option<HeaderValue> {
    let given = given.trim();
    let visible = given.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let fits = visible && (1..=VALUE_BYTES).contains(&given.len());
    HeaderValue::from_str(given).ok().filter(|_| fits)
}

/// Added headers as the API has them.
pub(super) fn write_request_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
