//! A service account's assertion: a token that it signs itself (JWT, RS256), which Google's endpoint changes for one of its own.
//!
//! Sources: RFC 7519, RFC 7523, and developers.google.com/identity, "Using OAuth 2.0 for server to server applications", read in autumn 2026.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

use super::super::{TokenRequest, UnfitSecret};
use crate::credential::ServiceAccount;
use crate::secret::Secret;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest life that Google takes.
const LIFETIME_SECONDS: u64 = 3600;
const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";

/// How the token of a service account is fetched.
///
/// # Errors
///
/// When its key can't sign.
pub(super) fn token_request(account: &ServiceAccount, now: SystemTime) -> Result<TokenRequest, UnfitSecret> {
    let uri = account.token_uri().parse().map_err(|_| UnfitSecret)?;
    // Both parts are base64 for URLs, which a form carries as it is.
    let form = format!("{GRANT}{}", assertion(account, now)?);
    Ok(TokenRequest { uri, form: Secret::from(form) })
}

fn assertion(account: &ServiceAccount, now: SystemTime) -> Result<String, UnfitSecret> {
    let issued = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| UnfitSecret)?.as_secs();
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": account.private_key_id()});
    let claims = json!({
        "iss": account.client_email(),
        "scope": SCOPE,
        "aud": account.token_uri(),
        "iat": issued,
        "exp": issued.saturating_add(LIFETIME_SECONDS),
    });
    let encoded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    let key = RsaKeyPair::from_pkcs8(account.private_key().expose()).map_err(|_| UnfitSecret)?;
    let mut signature = vec![0; key.public().modulus_len()];
    // The randomness hides the key from those who measure time; the signature does not depend on it.
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(|_| UnfitSecret)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
