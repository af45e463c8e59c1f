//! The digest of an environment's state, in any order of its resources.
//!
//! It is the sum, as a little-endian 256-bit integer without the carry out, over the resources of
//! `BLAKE3(u32le kind ‖ u32le len(name) ‖ name ‖ u64le version ‖ u32le len(put) ‖ put)`. Adding or removing one resource is one hash. It
//! finds drift and bugs; authenticity comes from TLS. Source: the sync protocol, `docs/sync.md`.

use std::fmt;

/// A digest: of one resource, or the sum of many. The empty state's is 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest([u64; 4]);

impl Digest {
    /// One resource's part.
    ///
    /// `kind` is the wire's number, `version` the revision that last wrote the resource, `put` its bytes as sent.
    #[must_use]
    pub fn of(kind: i32, name: &str, version: u64, put: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&kind.to_le_bytes());
        hasher.update(&length(name.as_bytes()));
        hasher.update(name.as_bytes());
        hasher.update(&version.to_le_bytes());
        hasher.update(&length(put));
        hasher.update(put);
        Self::from_bytes(*hasher.finalize().as_bytes())
    }

    /// The sum with a resource's, or another state's, digest.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut sum = [0; 4];
        let mut carry = 0;
        for ((sum, a), b) in sum.iter_mut().zip(self.0).zip(other.0) {
            let wide = u128::from(a) + u128::from(b) + carry;
            // The low half is the limb, the high half goes on.
            *sum = wide as u64;
            carry = wide >> 64;
        }
        Self(sum)
    }

    /// The difference: takes a resource out again.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        // Two's complement: a − b = a + !b + 1.
        let inverse = Self(other.0.map(|limb| !limb));
        self.plus(inverse).plus(Self([1, 0, 0, 0]))
    }

    /// The 32 bytes of the wire, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// From the 32 bytes of the wire.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(chunk);
            *limb = u64::from_le_bytes(eight);
        }
        Self(limbs)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A length as the wire has it. A resource is under 64 KiB, so the cast loses nothing.
fn length(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        states: Vec<State>,
    }

    #[derive(serde::Deserialize)]
    struct State {
        resources: Vec<Resource>,
        digest: String,
    }

    #[derive(serde::Deserialize)]
    struct Resource {
        kind: i32,
        name: String,
        version: String,
        put: String,
        digest: String,
    }

    fn from_hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// The vectors were made with Python's blake3 from the formula, not with this code.
    #[test]
    fn the_vectors_of_the_protocol_hold() {
        let vectors = include_str!("../../proto/testdata/digest_vectors.json");
        let vectors: Vectors = serde_json::from_str(vectors).unwrap();
        assert!(vectors.states.len() > 3);
        for state in vectors.states {
            let mut sum = Digest::default();
            for resource in state.resources {
                let version = resource.version.parse().unwrap();
                let one = Digest::of(resource.kind, &resource.name, version, &from_hex(&resource.put));
                assert_eq!(format!("{one:?}"), resource.digest, "{}", resource.name);
                sum = sum.plus(one);
            }
            assert_eq!(format!("{sum:?}"), state.digest);
        }
    }

    proptest! {
        #[test]
        fn a_sum_does_not_depend_on_the_order(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
            let [a, b, c] = [a, b, c].map(Digest::from_bytes);
            prop_assert_eq!(a.plus(b).plus(c), c.plus(a).plus(b));
            prop_assert_eq!(a.plus(b).minus(b), a);
            prop_assert_eq!(a.to_bytes(), Digest::from_bytes(a.to_bytes()).to_bytes());
        }

        #[test]
        fn every_single_mutation_is_detected(name in "[a-z]{1,20}", version: u64, put: Vec<u8>, flip: prop::sample::Index) {
            let before = Digest::of(1, &name, version, &put);
            prop_assert_ne!(before, Digest::of(2, &name, version, &put));
            prop_assert_ne!(before, Digest::of(1, &name, version.wrapping_add(1), &put));
            prop_assert_ne!(before, Digest::of(1, &format!("{name}x"), version, &put));
            if !put.is_empty() {
                let mut flipped = put.clone();
                flipped[flip.index(put.len())] ^= 1;
                prop_assert_ne!(before, Digest::of(1, &name, version, &flipped));
            }
        }
    }
}
