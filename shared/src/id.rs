//! Uids, and the tokens that people and programs hold: their forms, their checksums, their hashes.
//!
//! Random bytes come from the operating system. A token is shown once, stored as SHA-256 and looked up by the whole hash.

use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::secret::Secret;

/// Bytes from the operating system's random source.
///
/// # Panics
///
/// When the operating system has none: nothing safe can be done then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "without randomness no key, nonce or token is safe")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random number under `bound`; 0 for a bound of 0. For jitter, not for keys: it is biased by less than one in 2³².
#[must_use]
pub fn random_below(bound: u64) -> u64 {
    u64::from_le_bytes(random()).checked_rem(bound).unwrap_or(0)
}

/// A random duration under `bound`.
#[must_use]
pub fn random_duration(bound: Duration) -> Duration {
    Duration::from_nanos(random_below(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX)))
}

/// A resource's uid: the prefix (`prj_`), then a UUIDv7 (RFC 9562, section 5.7) as 26 lower-case Crockford characters.
#[must_use]
pub fn uid(prefix: &str, now: SystemTime) -> String {
    let mut bytes: [u8; 16] = random();
    let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    format!("{prefix}{}", crockford(u128::from_be_bytes(bytes)))
}

fn crockford(value: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    (0..26).rev().map(|digit| char::from(ALPHABET[(value >> (digit * 5)) as usize & 31])).collect()
}

/// What kind of token a text is, by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// What an admin authenticates with, `kpa_`.
    Admin,
    /// What an application authenticates with, `kp_`.
    CallerKey,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Admin => "kpa_",
            Self::CallerKey => "kp_",
        }
    }
}

/// A new token: the prefix, 43 base62 characters of 256 random bits, 6 of the CRC-32 of what stands before them, so that scanners find leaks.
#[must_use]
pub fn new_token(kind: TokenKind) -> Secret {
    let body = base62(&random::<32>(), 43);
    let checked = format!("{}{body}", kind.prefix());
    Secret::from(format!("{checked}{}", checksum(&checked)))
}

/// Whether a text has the form and the checksum of a token. Says nothing of whether it is known.
#[must_use]
pub fn is_token(kind: TokenKind, text: &str) -> bool {
    let Some(body) = text.strip_prefix(kind.prefix()) else { return false };
    if body.len() != 49 || !body.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let (checked, check) = text.split_at(text.len() - 6);
    checksum(checked) == check
}

/// The SHA-256 of a token, which is what is stored and looked up.
#[must_use]
pub fn token_hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn checksum(text: &str) -> String {
    base62(&crc32fast::hash(text.as_bytes()).to_be_bytes(), 6)
}

/// A big-endian number in base 62, padded to `width` digits.
fn base62(bytes: &[u8], width: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_sort_by_time_and_have_their_form() {
        let early = uid("prj_", SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let late = uid("prj_", SystemTime::UNIX_EPOCH + Duration::from_secs(2));
        assert!(early < late);
        assert_eq!(early.len(), 4 + 26);
    }

    #[test]
    fn a_token_is_recognized_and_a_typo_is_not() {
        for kind in [TokenKind::Admin, TokenKind::CallerKey] {
            let token = String::from_utf8(new_token(kind).expose().to_vec()).unwrap();
            assert_eq!(token.len(), kind.prefix().len() + 49);
            assert!(is_token(kind, &token));
            let typo = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
            assert!(!is_token(kind, &typo));
        }
        assert!(!is_token(TokenKind::CallerKey, "kp_é"));
    }

    #[test]
    fn base62_pads_and_carries() {
        assert_eq!(base62(&[0], 3), "000");
        assert_eq!(base62(&[1, 0], 3), "048");
    }
}
