//! The one type that may hold a secret.
//!
//! It is zeroized when its last clone goes, prints as `Secret(..)`, and can't be compared, displayed or serialized. Three purposes may
//! [`expose`](Secret::expose) one: sealing for the store, encoding for a sync stream, and signing an upstream request; besides them, the
//! ends where one is taken in, hashed or shown once. A test in `tests/src/tidy/code.rs` lists each file that does, with its purpose.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

/// A secret's bytes. Clones share them.
#[derive(Clone)]
pub struct Secret(Bytes);

impl Secret {
    /// Takes the bytes over; they are zeroized when the last clone is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        struct Owner(Zeroizing<Vec<u8>>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Self(Bytes::from_owner(Owner(Zeroizing::new(bytes))))
    }

    /// A secret inside bytes that are zeroized by their owner, such as a frame of the sync stream.
    #[must_use]
    pub fn from_zeroized(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes in clear. For sealing, sync encoding and signing only.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes in clear and shared, so that a header or a frame need not copy them. For sealing, sync encoding and signing only.
    #[must_use]
    pub fn expose_shared(&self) -> Bytes {
        self.0.clone()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What people may see of it: its first four and last three characters, `sk-a...xyz`; `***` where it has fewer than 12 or is not
    /// visible ASCII.
    #[must_use]
    pub fn mask(&self) -> String {
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.len() >= 12 && text.bytes().all(|b| b.is_ascii_graphic()) => {
                format!("{}...{}", &text[..4], &text[text.len() - 3..])
            }
            _ => "***".to_owned(),
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_seven_characters_at_the_most() {
        for (value, mask) in
            [("sk-abcdefxyz", "sk-a...xyz"), ("sk-abcdefxy", "***"), ("", "***"), ("sk-abcdéfxyz", "***")]
        {
            assert_eq!(Secret::from(value.to_owned()).mask(), mask);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::from("canary".to_owned())), "Secret(..)");
    }
}
