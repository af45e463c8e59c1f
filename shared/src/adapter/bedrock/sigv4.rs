//! Amazon's Signature Version 4.
//!
//! ```text
//! canonical request = method ⏎ path, encoded once more ⏎ query ⏎ headers ⏎ ⏎ their names ⏎ hash of the body
//! string to sign    = AWS4-HMAC-SHA256 ⏎ time ⏎ scope ⏎ hash of the canonical request
//! key               = HMAC over HMAC: "AWS4" + secret → date → region → service → aws4_request
//! ```
//!
//! The key is derived anew for each request: four HMACs of a few bytes cost less than looking them up safely would.
//!
//! Source: docs.aws.amazon.com, IAM user guide, "Create a signed AWS API request", read in autumn 2026.

use std::fmt::Write as _;
use std::time::SystemTime;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::{UnfitSecret, Unsigned};
use crate::credential::AccessKeyPair;
use crate::secret::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Tracing proxies on the way may change it, so that nobody signs it.
const TRACE: &str = "x-amzn-trace-id";

/// What a signature is good for, besides its request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// Signs a request: sets its date, its session's token and its authorization.
///
/// # Errors
///
/// When no header can carry the pair, or the time is none that a signature can name.
pub(super) fn sign(pair: &AccessKeyPair, scope: Scope<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret> {
    let Unsigned { method, uri, headers, body, now } = request;
    let time = time(now)?;
    headers.insert(DATE, HeaderValue::from_str(&time).map_err(|_| UnfitSecret)?);
    headers.remove(SECURITY_TOKEN);
    if let Some(token) = &pair.session_token {
        headers.insert(SECURITY_TOKEN, sensitive(token.clone())?);
    }
    let canonical = canonical_request(method, uri, headers, body);
    let scope_text = format!("{}/{}/{}/aws4_request", &time[..8], scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope_text}\n{}", hex(&Sha256::digest(&canonical.text)));
    let signature = hex(&*hmac(&*signing_key(pair, &time[..8], scope), to_sign.as_bytes()));
    let authorization = [
        format!("{ALGORITHM} Credential=").as_bytes(),
        pair.access_key_id.expose(),
        format!("/{scope_text}, SignedHeaders={}, Signature={signature}", canonical.signed_headers).as_bytes(),
    ]
    .concat();
    headers.insert(AUTHORIZATION, sensitive(Secret::new(authorization))?);
    Ok(())
}

/// A request in the one form that both sides hash.
pub(super) struct Canonical {
    pub(super) text: Vec<u8>,
    pub(super) signed_headers: String,
}

pub(super) fn canonical_request(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[Bytes]) -> Canonical {
    let mut signed = vec![("host", host(uri).into_bytes())];
    signed.extend(headers.keys().filter(|name| is_signed(name)).map(|name| (name.as_str(), joined(headers, name))));
    signed.sort_unstable_by_key(|(name, _)| *name);
    let signed_headers = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");

    let mut text = format!("{method}\n{}\n{}\n", canonical_path(uri.path()), canonical_query(uri)).into_bytes();
    for (name, value) in &signed {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend_from_slice(value);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("\n{signed_headers}\n{}", body_hash(body)).as_bytes());
    Canonical { text, signed_headers }
}

pub(super) fn body_hash(body: &[Bytes]) -> String {
    let mut hasher = Sha256::new();
    body.iter().for_each(|part| hasher.update(part));
    hex(&hasher.finalize())
}

/// The path on the wire, each of its segments encoded once more: all services but S3 want that.
pub(super) fn canonical_path(path: &str) -> String {
    path.split('/').map(|segment| encoded(segment.as_bytes())).collect::<Vec<_>>().join("/")
}

/// What is encoded on the wire is decoded first, and so encoded in the one way.
fn canonical_query(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value))))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The host as the client sends it: with the port, unless it is the scheme's own.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.port_u16(), uri.scheme_str()) {
        (None, _) | (Some(443), Some("https")) | (Some(80), Some("http")) => host.to_owned(),
        (Some(port), _) => format!("{host}:{port}"),
    }
}

/// The least that has to be signed, and Amazon's own headers: others may be changed on the way.
pub(super) fn is_signed(name: &HeaderName) -> bool {
    *name == CONTENT_TYPE || (name.as_str().starts_with("x-amz") && name != TRACE)
}

/// A header's values with a comma between them, without spaces around them and with single ones in them.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let values = headers.get_all(name).iter().map(|value| {
        let words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(&b' ')
    });
    values.collect::<Vec<_>>().join(&b',')
}

fn signing_key(pair: &AccessKeyPair, date: &str, scope: Scope<'_>) -> Zeroizing<[u8; 32]> {
    let secret = Zeroizing::new([b"AWS4".as_slice(), pair.secret_access_key.expose()].concat());
    let parts = [date, scope.region, scope.service, "aws4_request"];
    let first = hmac(&secret, parts[0].as_bytes());
    parts[1..].iter().fold(first, |key, part| hmac(&*key, part.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    // A key of any length is one; the error exists for other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Zeroizing::default() };
    mac.update(message);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// `20150830T123600Z`. Only years of four digits fit the form.
fn time(now: SystemTime) -> Result<String, UnfitSecret> {
    let time = jiff::Timestamp::try_from(now).map_err(|_| UnfitSecret)?.strftime("%Y%m%dT%H%M%SZ").to_string();
    let has_four_digits = time.len() == 16 && time.bytes().take(8).all(|byte| byte.is_ascii_digit());
    if has_four_digits { Ok(time) } else { Err(UnfitSecret) }
}

fn sensitive(secret: Secret) -> Result<HeaderValue, UnfitSecret> {
    let mut value = HeaderValue::from_maybe_shared(secret.expose_shared()).map_err(|_| UnfitSecret)?;
    value.set_sensitive(true);
    Ok(value)
}

/// All but RFC 3986's unreserved characters escaped, in upper case.
fn encoded(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        let pair = after.first_chunk::<2>().and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
