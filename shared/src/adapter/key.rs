//! Signing with a key or a token: one function puts a secret into a header, whatever the API.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::header::KeyHeader;
use super::{Key, Place, UnfitSecret};
use crate::secret::Secret;

/// Signs with a key, in the place's header or else in the API's own. Every header that could hold another key goes first.
pub(super) fn sign(
    place: &Place,
    own: KeyHeader,
    secret: &Secret,
    key: Key<'_>,
    headers: &mut HeaderMap,
) -> Result<(), UnfitSecret> {
    let name = place.key_header.clone().unwrap_or_else(|| own.name());
    clear(place, headers);
    put(headers, name, secret)?;
    put_additional(place, key, headers)
}

/// Signs with a token that was minted: always `Authorization: Bearer`, which is what RFC 6750 gives tokens.
pub(super) fn sign_with_token(place: &Place, key: Key<'_>, headers: &mut HeaderMap) -> Result<(), UnfitSecret> {
    let token = key.token.ok_or(UnfitSecret)?;
    clear(place, headers);
    put(headers, AUTHORIZATION, token)?;
    put_additional(place, key, headers)
}

/// Makes the headers ready for a signature that is not a key: every key goes, and a second one comes.
pub(super) fn sign_without(place: &Place, key: Key<'_>, headers: &mut HeaderMap) -> Result<(), UnfitSecret> {
    clear(place, headers);
    put_additional(place, key, headers)
}

/// Whether a key is one of those that begin so.
pub(super) fn begins_with(secret: &Secret, prefix: &str) -> bool {
    secret.expose().starts_with(prefix.as_bytes())
}

fn clear(place: &Place, headers: &mut HeaderMap) {
    for header in KeyHeader::ALL {
        headers.remove(header.name());
    }
    for name in place.key_header.iter().chain(&place.additional_key_header) {
        headers.remove(name);
    }
}

/// A second key without a header to go in can't be used; leaving it out would send half of what the admin gave.
fn put_additional(place: &Place, key: Key<'_>, headers: &mut HeaderMap) -> Result<(), UnfitSecret> {
    match (key.additional, &place.additional_key_header) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(UnfitSecret),
        (Some(secret), Some(name)) => put(headers, name.clone(), secret),
    }
}

/// Only visible ASCII, with spaces inside at the most: whatever else a header could carry, no provider gives in a key.
fn put(headers: &mut HeaderMap, name: HeaderName, secret: &Secret) -> Result<(), UnfitSecret> {
    let exposed = secret.expose();
    let is_fit = !exposed.is_empty()
        && exposed.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && exposed.trim_ascii().len() == exposed.len();
    if !is_fit {
        return Err(UnfitSecret);
    }
    let bytes = if name == AUTHORIZATION {
        // A copy of a secret is one too, and is zeroized when the request is gone.
        Secret::new([b"Bearer ".as_slice(), exposed].concat()).expose_shared()
    } else {
        secret.expose_shared()
    };
    let mut value = HeaderValue::from_maybe_shared(bytes).map_err(|_| UnfitSecret)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
