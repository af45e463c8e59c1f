//! Join tokens as text: `kpj_<id>.<secret>.<SHA-256 of the CA's public key (SPKI, DER), 64 hexadecimal digits>`.
//!
//! The id is the token's resource id. The secret is 256 random bits in hexadecimal; only its SHA-256 is stored.

use std::fmt::Write as _;

use shared::id;
use shared::name::{JoinTokenName, ResourceName};
use shared::secret::Secret;

const PREFIX: &str = "kpj_";

/// A new token's secret.
#[derive(Debug)]
pub struct JoinSecret(Secret);

impl JoinSecret {
    /// 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(Secret::from(hex(&id::random())))
    }

    /// Its hash, which is what is stored.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        id::token_hash(self.0.expose())
    }

    /// The whole token, which is shown once.
    #[must_use]
    pub fn plaintext(&self, name: &JoinTokenName, pin: [u8; 32]) -> Secret {
        let secret = String::from_utf8_lossy(self.0.expose());
        Secret::from(format!("{PREFIX}{}.{secret}.{}", name.id(), hex(&pin)))
    }
}

/// A token that a proxy sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The join token that it claims to be.
    pub name: JoinTokenName,
    /// The hash of its secret.
    pub sha256: [u8; 32],
    /// The pin of the CA that it was made for.
    pub pin: String,
}

/// Reads a token; `None` where it does not have the form.
#[must_use]
pub fn parse(text: &str) -> Option<Presented> {
    let mut parts = text.trim().strip_prefix(PREFIX)?.split('.');
    let (id, secret, pin) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !is_hex(secret) || !is_hex(pin) {
        return None;
    }
    let name = format!("{}/{id}", JoinTokenName::COLLECTION).parse().ok()?;
    Some(Presented { name, sha256: id::token_hash(secret.as_bytes()), pin: pin.to_owned() })
}

/// 32 bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_made_and_a_damaged_one_is_not() {
        let name: JoinTokenName = "joinTokens/edge".parse().unwrap();
        let secret = JoinSecret::random();
        let (token, sha256) = (secret.plaintext(&name, [0xab; 32]), secret.sha256());
        let text = std::str::from_utf8(token.expose()).unwrap();
        let read = parse(text).unwrap();
        assert_eq!(read, Presented { name, sha256, pin: "ab".repeat(32) });
        assert_eq!(parse(&format!("{text}\n")), Some(read), "a file ends with a line feed");
        for bad in
            ["", "kpj_", "kpj_edge", &text[..text.len() - 1], &format!("{text}.x"), &text.replace("kpj_", "kpa_")]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
