//! The caller's key, from the headers that clients put it into.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use shared::id::token_hash;

use crate::error::Refusal;
use crate::serve::GivenKey;
use crate::snapshot::{Caller, Environment, Snapshot};

/// How far clocks may be apart before a key counts as expired.
const TOLERANCE: Duration = Duration::from_secs(30);

const OWN_HEADER: HeaderName = HeaderName::from_static("x-keyplane-key");
/// Where a key is looked for, if our own header is not there. Each is what some client library uses.
const KEY_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Whose request it is, and in which environment.
#[derive(Debug)]
pub(crate) struct Identified<'s, 'h> {
    pub(crate) caller: &'s Arc<Caller>,
    pub(crate) environment: &'s Arc<Environment>,
    /// How the key came.
    pub(crate) given: GivenKey<'h>,
}

/// Finds whose request it is, and in which environment.
///
/// # Errors
///
/// When there is no key, more than one, or one that is not good now.
pub(crate) fn identify<'s, 'h>(headers: &'h HeaderMap, snapshot: &'s Snapshot) -> Result<Identified<'s, 'h>, Refusal> {
    let key = key(headers)?;
    let found =
        snapshot.caller(&token_hash(key)).and_then(|caller| Some((caller, snapshot.environment(&caller.environment)?)));
    let Some((caller, environment)) = found else {
        // The key may be among what has not come yet.
        return Err(if snapshot.is_ready() { Refusal::KeyInvalid } else { Refusal::NotReady });
    };
    if caller.key.disabled {
        return Err(Refusal::KeyDisabled);
    }
    // The clock is read only for keys that have an end.
    if caller.key.expire_time.is_some_and(|end| SystemTime::now() > end + TOLERANCE) {
        return Err(Refusal::KeyExpired);
    }
    let is_own = headers.contains_key(OWN_HEADER);
    let given = if is_own { GivenKey::InOwnHeader(key) } else { GivenKey::InAnothersHeader };
    Ok(Identified { caller, environment, given })
}

/// The one key that the headers hold.
fn key(headers: &HeaderMap) -> Result<&[u8], Refusal> {
    let mut own = headers.get_all(OWN_HEADER).iter().map(|value| value.as_bytes());
    if let Some(key) = own.next() {
        return if own.all(|other| other == key) { Ok(key) } else { Err(Refusal::KeysDiffer) };
    }
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()));
    let others = KEY_HEADERS.into_iter().flat_map(|name| headers.get_all(name)).map(|value| value.as_bytes());
    let mut keys = bearer.chain(others).filter(|key| !key.is_empty());
    let key = keys.next().ok_or(Refusal::KeyMissing)?;
    if keys.all(|other| other == key) { Ok(key) } else { Err(Refusal::KeysDiffer) }
}

/// What follows `Bearer`, in any case (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(headers: &[(&'static str, &str)]) -> Result<String, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        key(&map).map(|key| String::from_utf8_lossy(key).into_owned()).map_err(|refusal| refusal.code().to_owned())
    }

    #[test]
    fn a_key_is_found_wherever_clients_put_it() {
        for headers in [
            &[("authorization", "Bearer k")][..],
            &[("authorization", "bearer  k ")],
            &[("x-api-key", "k")],
            &[("api-key", "k"), ("authorization", "Bearer k")],
            &[("x-goog-api-key", "k"), ("authorization", "Basic other")],
            &[("x-keyplane-key", "k"), ("authorization", "Bearer other"), ("x-api-key", "third")],
        ] {
            assert_eq!(given(headers).as_deref(), Ok("k"), "{headers:?}");
        }
    }

    #[test]
    fn two_keys_that_differ_and_no_key_are_refused() {
        let mut map = HeaderMap::new();
        map.append("api-key", "a".parse().unwrap());
        map.append("x-api-key", "b".parse().unwrap());
        assert!(matches!(key(&map), Err(Refusal::KeysDiffer)));
        assert!(matches!(key(&HeaderMap::new()), Err(Refusal::KeyMissing)));
        assert!(given(&[("x-keyplane-key", "a"), ("x-keyplane-key", "b")]).is_err());
        assert!(given(&[("authorization", "Bearer ")]).is_err());
    }
}
