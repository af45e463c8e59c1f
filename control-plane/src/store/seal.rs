//! Sealing: the one place with a cipher.
//!
//! XChaCha20-Poly1305 under one data key per store, which is itself wrapped under every listed master key. A ciphertext is bound to the
//! store, the resource, the field, the value's version and the origin that it may be sent to: moved anywhere else, it does not open.
//!
//! ```text
//! master key (a file) ─wraps─► data key (the store's record meta/data_keys) ─seals─► values
//! ```

mod cipher;
mod data_key;
mod master_key;

pub use data_key::{DATA_KEYS, SealedReason};
pub use master_key::{KeyFileWarning, MasterKeyError, MasterKeys};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use shared::revision::StoreId;
use shared::secret::Secret;

use self::cipher::{Envelope, Key};
use super::Store;

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

/// Opens sealed values: the store's sealer, or a test's.
pub trait OpenValue {
    /// Opens one.
    ///
    /// # Errors
    ///
    /// When it was altered, moved, or sealed with another data key.
    fn open(&self, sealed: &Sealed, binding: Binding<'_>) -> Result<Secret, SealError>;
}

impl OpenValue for Sealer {
    fn open(&self, sealed: &Sealed, binding: Binding<'_>) -> Result<Secret, SealError> {
        Self::open(self, sealed, binding)
    }
}

impl<O: OpenValue> OpenValue for Arc<O> {
    fn open(&self, sealed: &Sealed, binding: Binding<'_>) -> Result<Secret, SealError> {
        O::open(self, sealed, binding)
    }
}

/// Seals and opens values with the store's data key.
pub struct Sealer {
    keys: BTreeMap<u32, Key>,
    /// Which of them seals; the others open what they sealed.
    current: (u32, Key),
}

impl Sealer {
    /// Opens the store's data key with the master keys; makes one in a store that has no record yet, and wraps it under listed master keys
    /// that are new.
    ///
    /// # Errors
    ///
    /// When the store has to stay sealed, and what to do then. Nothing that is in the store is overwritten.
    pub async fn unlock(store: &dyn Store, keys: &MasterKeys) -> Result<Self, SealedReason> {
        data_key::unlock(store, keys).await
    }

    /// Seals a value.
    #[must_use]
    pub fn seal(&self, secret: &Secret, binding: Binding<'_>) -> Sealed {
        let (data_key, key) = &self.current;
        let Envelope { nonce, ciphertext } = key.seal(secret.expose(), &binding.associated_data());
        Sealed { data_key: *data_key, nonce, ciphertext }
    }

    /// Opens a value.
    ///
    /// # Errors
    ///
    /// When it was altered, moved, or sealed with another data key.
    pub fn open(&self, sealed: &Sealed, binding: Binding<'_>) -> Result<Secret, SealError> {
        let key = self.keys.get(&sealed.data_key).ok_or(SealError::UnknownDataKey(sealed.data_key))?;
        key.open(&sealed.nonce, &sealed.ciphertext, &binding.associated_data()).ok_or(SealError::DoesNotOpen)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("data_key", &self.current.0).finish_non_exhaustive()
    }
}

impl Binding<'_> {
    fn associated_data(&self) -> Vec<u8> {
        length_prefixed(&[
            b"keyplane sealed value",
            &self.store_id.0,
            self.uid.as_bytes(),
            self.field.as_bytes(),
            &self.version.to_be_bytes(),
            self.origin.as_bytes(),
        ])
    }
}

/// Each piece after its length, so that no two lists of pieces give the same bytes.
fn length_prefixed(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 8).sum());
    for piece in pieces {
        bytes.extend((piece.len() as u64).to_be_bytes());
        bytes.extend(*piece);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer() -> Sealer {
        let key = Key::random();
        Sealer { keys: BTreeMap::from([(1, key.clone())]), current: (1, key) }
    }

    prop_compose! {
        fn texts()(uid in "[a-z_]{1,8}", field in "[a-z_]{1,8}", origin in "(https://[a-z.]{1,8})?") -> [String; 3] {
            [uid, field, origin]
        }
    }

    fn binding(store: u8, [uid, field, origin]: &[String; 3], version: u64) -> Binding<'_> {
        Binding { store_id: StoreId([store; 16]), uid, field, version, origin }
    }

    proptest! {
        #[test]
        fn a_value_opens_where_it_belongs(value: Vec<u8>, texts in texts(), store: u8, version: u64) {
            let (sealer, binding) = (sealer(), binding(store, &texts, version));
            let sealed = sealer.seal(&Secret::new(value.clone()), binding);
            let opened = sealer.open(&sealed, binding).unwrap();
            prop_assert_eq!(opened.expose(), &value[..]);
            // The same value twice does not show.
            prop_assert_ne!(sealer.seal(&Secret::new(value), binding), sealed);
        }

        #[test]
        fn a_value_opens_nowhere_else(
            here in (any::<u8>(), texts(), any::<u64>()),
            there in (any::<u8>(), texts(), any::<u64>()),
            which in 0..5_usize,
        ) {
            // One part of the binding, or all of them in turn, from elsewhere.
            let mut mixed = here.clone();
            match which {
                0 => mixed.0 = there.0,
                1 => mixed.2 = there.2,
                text => mixed.1[text - 2].clone_from(&there.1[text - 2]),
            }
            let sealer = sealer();
            let sealed = sealer.seal(&Secret::new(b"value".to_vec()), binding(here.0, &here.1, here.2));
            for other in [mixed, there].iter().filter(|other| **other != here) {
                let opened = sealer.open(&sealed, binding(other.0, &other.1, other.2));
                prop_assert_eq!(opened.err(), Some(SealError::DoesNotOpen));
            }
        }

        #[test]
        fn text_moved_between_fields_does_not_open(text in "[a-z]{2,9}", at in 1..8_usize) {
            let at = at.min(text.len() - 1);
            let (uid, field) = text.split_at(at);
            let binding = |uid, field| Binding { store_id: StoreId([0; 16]), uid, field, version: 1, origin: "" };
            let sealer = sealer();
            let sealed = sealer.seal(&Secret::new(b"value".to_vec()), binding(uid, field));
            prop_assert_eq!(sealer.open(&sealed, binding(&text, "")).err(), Some(SealError::DoesNotOpen));
        }

        #[test]
        fn no_flipped_bit_opens(value: Vec<u8>, at: prop::sample::Index, bit in 0..8_u32) {
            let texts = ["u".to_owned(), "f".to_owned(), String::new()];
            let (sealer, binding) = (sealer(), binding(0, &texts, 1));
            let whole = sealer.seal(&Secret::new(value), binding);
            let mut sealed = whole.clone();
            let at = at.index(whole.nonce.len() + whole.ciphertext.len());
            match at.checked_sub(whole.nonce.len()) {
                Some(at) => sealed.ciphertext[at] ^= 1_u8 << bit,
                None => sealed.nonce[at] ^= 1_u8 << bit,
            }
            prop_assert_eq!(sealer.open(&sealed, binding).err(), Some(SealError::DoesNotOpen));
        }

        #[test]
        fn nothing_made_up_opens(data_key in 0..3_u32, nonce: Vec<u8>, ciphertext: Vec<u8>) {
            let texts = ["u".to_owned(), "f".to_owned(), String::new()];
            let sealed = Sealed { data_key, nonce, ciphertext };
            prop_assert!(sealer().open(&sealed, binding(0, &texts, 1)).is_err());
        }
    }

    #[test]
    fn an_unknown_data_key_is_named() {
        let texts = ["u".to_owned(), "f".to_owned(), String::new()];
        let sealed = Sealed { data_key: 9, ..sealer().seal(&Secret::new(vec![1]), binding(0, &texts, 1)) };
        assert_eq!(sealer().open(&sealed, binding(0, &texts, 1)).err(), Some(SealError::UnknownDataKey(9)));
    }
}
