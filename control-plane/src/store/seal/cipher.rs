//! The cipher: XChaCha20-Poly1305 with random nonces, of which 192 bits are enough never to meet twice.
//!
//! Source: draft-irtf-cfrg-xchacha-03.

use std::fmt;

use chacha20poly1305::{AeadInPlace, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use shared::secret::Secret;
use zeroize::Zeroizing;

pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const CHECK_BYTES: usize = 16;

/// A key of 256 bits, zeroized when it is dropped. It stays where it is on the heap, so that no move leaves a copy behind.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<Vec<u8>>);

/// What sealing makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) nonce: Vec<u8>,
    /// With the tag at its end.
    pub(super) ciphertext: Vec<u8>,
}

impl Key {
    /// A new key.
    pub(super) fn random() -> Self {
        let bytes = Zeroizing::new(shared::id::random::<KEY_BYTES>());
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The key of its bytes; `None` where they are not 32.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The key in clear: to wrap it, or to write it to a new master key file.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// What a stored wrapping recognizes the key by. It says nothing of a key that was not guessed already.
    pub(super) fn check_value(&self) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_derive_key("keyplane 2026 master key check value");
        hasher.update(&self.0);
        hasher.finalize().as_bytes()[..CHECK_BYTES].to_vec()
    }

    /// Seals with a random nonce.
    pub(super) fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Envelope {
        let nonce = shared::id::random();
        Envelope { nonce: nonce.to_vec(), ciphertext: self.seal_with(&nonce, plaintext, associated_data) }
    }

    fn seal_with(&self, nonce: &[u8; NONCE_BYTES], plaintext: &[u8], associated_data: &[u8]) -> Vec<u8> {
        // Room for the tag from the start: a buffer that grew would leave the plaintext behind.
        let mut buffer = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        buffer.extend_from_slice(plaintext);
        #[expect(clippy::expect_used, reason = "it fails for plaintexts over 256 GiB only")]
        let tag = self
            .cipher()
            .encrypt_in_place_detached(XNonce::from_slice(nonce), associated_data, &mut buffer)
            .expect("a value is far under 256 GiB");
        buffer.extend_from_slice(&tag);
        buffer
    }

    /// Opens; `None` where anything was altered or bound to other data.
    pub(super) fn open(&self, nonce: &[u8], ciphertext: &[u8], associated_data: &[u8]) -> Option<Secret> {
        let nonce: &[u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let (body, tag) = ciphertext.split_last_chunk::<TAG_BYTES>()?;
        let mut buffer = body.to_vec();
        // The tag is compared before anything is deciphered, so that a refusal leaves no plaintext in the buffer.
        self.cipher()
            .decrypt_in_place_detached(XNonce::from_slice(nonce), associated_data, &mut buffer, Tag::from_slice(tag))
            .ok()?;
        Some(Secret::new(buffer))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(chacha20poly1305::Key::from_slice(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAINTEXT: &[u8] = b"Ladies and Gentlemen of the class of '99: \
        If I could offer you only one tip for the future, sunscreen would be it.";

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<_> = hexadecimal.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn the_vector_of_the_draft_holds() {
        // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
        let key = Key::new(&(0x80..0xa0).collect::<Vec<u8>>()).unwrap();
        let nonce: [u8; NONCE_BYTES] = (0x40..0x58).collect::<Vec<u8>>().try_into().unwrap();
        let associated_data = bytes("50515253c0c1c2c3c4c5c6c7");
        let expected = bytes(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
             731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
             2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
             21f9664c97637da9768812f615c68b13b52e
             c0875924c1c7987947deafd8780acf49",
        );
        assert_eq!(key.seal_with(&nonce, PLAINTEXT, &associated_data), expected);
        assert_eq!(key.open(&nonce, &expected, &associated_data).unwrap().expose(), PLAINTEXT);
        assert!(key.open(&nonce, &expected, b"").is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Key::new(&[65; 32])), "Some(Key(..))");
        assert!(Key::new(&[65; 31]).is_none());
    }
}
