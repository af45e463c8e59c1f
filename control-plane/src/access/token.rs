//! Admin tokens: from a request's header to a principal.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use shared::id::{TokenKind, is_token, token_hash};
use subtle::ConstantTimeEq as _;

use super::{Grants, Principal};
use crate::error::Error;
use crate::view::View;

/// The name of whoever holds the token of the first start.
#[must_use]
pub fn bootstrap_principal() -> Principal {
    Principal { name: "adminTokens/bootstrap".into(), grants: Grants::Everything }
}

/// Whose token the request has, as `authorization: Bearer <token>`. The token is looked up by the whole hash, never by a part of it.
///
/// # Errors
///
/// [`Error::TokenInvalid`] when there is none, more than one, or an unknown one: which of these is nobody's business.
pub fn authenticate(view: &View, headers: &HeaderMap) -> Result<Principal, Error> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (given.next(), given.next()) else { return Err(Error::TokenInvalid) };
    let token = header.to_str().ok().and_then(bearer).ok_or(Error::TokenInvalid)?;
    if !is_token(TokenKind::Admin, token) {
        return Err(Error::TokenInvalid);
    }
    let hash = token_hash(token.as_bytes());
    let (known, name) = view.admin_tokens.get_key_value(&hash).ok_or(Error::TokenInvalid)?;
    if !bool::from(known.as_slice().ct_eq(hash.as_slice())) {
        return Err(Error::TokenInvalid);
    }
    Ok(Principal { name: name.clone(), grants: Grants::Everything })
}

/// The scheme is compared without case, as RFC 9110, section 11.1, has it.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use shared::id::new_token;
    use shared::revision::{Epoch, StoreId};

    use super::*;
    use crate::store::Identity;

    fn with(headers: &[&str]) -> HeaderMap {
        headers.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_a_whole_known_token_in_one_header_is_somebody() {
        let mut view = View::empty(Identity { store_id: StoreId([0; 16]), epoch: Epoch([0; 16]) });
        let text = |secret: &shared::secret::Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        let known = text(&new_token(TokenKind::Admin));
        let unknown = text(&new_token(TokenKind::Admin));
        view.admin_tokens.insert(token_hash(known.as_bytes()), "adminTokens/bootstrap".into());
        let good = format!("bearer {known}");
        let (known, good) = (known.as_str(), good.as_str());
        assert_eq!(authenticate(&view, &with(&[good])).unwrap(), bootstrap_principal());
        let unknown = format!("Bearer {unknown}");
        let cut = format!("Bearer {}", &known[..known.len() - 1]);
        for bad in [&[][..], &[good, good], &[&unknown], &[&cut], &[known], &["Basic a"], &["Bearer "]] {
            assert!(matches!(authenticate(&view, &with(bad)), Err(Error::TokenInvalid)), "{bad:?}");
        }
    }
}
