//! The join token: what a proxy enrols with, and what it knows the control plane by.
//!
//! `kpj_<id>.<secret>.<pin>`, where the pin is the SHA-256 of the CA's public key (SubjectPublicKeyInfo, DER) in 64 hexadecimal digits, lower case.

use std::fmt;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use shared::secret::Secret;

/// A join token, whole.
#[derive(Debug, Clone)]
pub struct JoinToken {
    text: Secret,
    pin: Pin,
}

/// The SHA-256 of a CA's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// Why a text is not a join token. It shows nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a join token of the form kpj_<id>.<secret>.<pin>; copy the whole token as it was shown at its creation")]
pub struct NotAJoinToken;

/// Why no join token could be read.
#[derive(Debug, thiserror::Error)]
pub enum JoinTokenError {
    /// The file can't be read. One that is not there yet is awaited.
    #[error("the join token file can't be read")]
    Unreadable(#[source] std::io::Error),
    /// The file holds something else.
    #[error("the join token file does not hold a join token")]
    Malformed(#[source] NotAJoinToken),
}

impl JoinToken {
    /// Reads a token; white space around it is left out.
    ///
    /// # Errors
    ///
    /// When it does not have the form.
    pub fn parse(text: &str) -> Result<Self, NotAJoinToken> {
        let text = text.trim();
        let mut parts = text.strip_prefix("kpj_").ok_or(NotAJoinToken)?.split('.');
        let (Some(id), Some(secret), Some(pin), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(NotAJoinToken);
        };
        if id.is_empty() || secret.is_empty() {
            return Err(NotAJoinToken);
        }
        let pin = Pin::parse(pin).ok_or(NotAJoinToken)?;
        Ok(Self { text: Secret::from(text.to_owned()), pin })
    }

    /// Reads the token of a file; `None` while the file is not there or empty, as one that is just being written.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or holds something else.
    pub async fn read(path: &Path) -> Result<Option<Self>, JoinTokenError> {
        let text = match tokio::fs::read_to_string(path).await {
            Ok(text) => zeroize::Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JoinTokenError::Unreadable(error)),
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
        Self::parse(&text).map(Some).map_err(JoinTokenError::Malformed)
    }

    /// What the control plane's CA has to be.
    #[must_use]
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// The whole token, for the enrolment alone.
    #[must_use]
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

impl Pin {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut pin = [0; 32];
        for (byte, at) in pin.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(pin))
    }

    /// The pin of a public key, given as SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn of_spki(spki_der: &[u8]) -> Self {
        Self(Sha256::digest(spki_der).into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_its_pin_and_shows_nothing_of_itself() {
        let pin = Pin::of_spki(b"spki");
        let token = JoinToken::parse(&format!(" kpj_abc.secret.{pin}\n")).unwrap();
        assert_eq!(token.pin(), pin);
        assert_eq!(token.text().expose(), format!("kpj_abc.secret.{pin}").as_bytes());
        assert!(!format!("{token:?}").contains("secret."));
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        let pin = Pin::of_spki(b"spki");
        for bad in [
            String::new(),
            "kpj_".into(),
            format!("kpa_abc.secret.{pin}"),
            format!("kpj_abc.{pin}"),
            format!("kpj_.secret.{pin}"),
            format!("kpj_abc..{pin}"),
            format!("kpj_abc.secret.{pin}."),
            "kpj_abc.secret.short".into(),
            format!("kpj_abc.secret.{}", pin.to_string().to_uppercase()),
            format!("kpj_abc.secret.{}", "é".repeat(32)),
        ] {
            assert_eq!(JoinToken::parse(&bad).unwrap_err(), NotAJoinToken, "{bad}");
        }
    }
}
