//! Where an environment's state stands, and the proof that we said so.
//!
//! A proof is `HMAC-SHA256(epoch's key, u32le len(environment) ‖ environment ‖ epoch ‖ u32le projection ‖ u64le revision ‖ digest)`, cut to its
//! first 16 bytes. It has nothing of one proxy in it, so that frames stay encoded once.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use proto::sync::v1;
use sha2::Sha256;
use shared::digest::Digest;
use shared::name::{EnvironmentName, ResourceName};
use shared::revision::{Epoch, Revision};
use zeroize::Zeroizing;

/// The form in which resources are sent. A change of any `put`'s making counts it up, and proxies of another one get a snapshot.
pub const PROJECTION: u32 = 3;

/// Where an environment's state stands. It says the same to every proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The store's epoch.
    pub epoch: Epoch,
    /// The form in which resources are sent.
    pub projection: u32,
    /// The last revision that changed the environment.
    pub revision: Revision,
    /// The digest of its state.
    pub digest: Digest,
}

impl Position {
    /// From the wire; `None` where a field does not have its length.
    #[must_use]
    pub fn from_message(message: &v1::Position) -> Option<Self> {
        Some(Self {
            epoch: Epoch(message.epoch.as_ref().try_into().ok()?),
            projection: message.projection,
            revision: Revision(message.revision),
            digest: Digest::from_bytes(message.digest.as_ref().try_into().ok()?),
        })
    }

    /// For the wire.
    #[must_use]
    pub fn to_message(self) -> v1::Position {
        v1::Position {
            epoch: self.epoch.0.to_vec().into(),
            projection: self.projection,
            revision: self.revision.0,
            digest: self.digest.to_bytes().to_vec().into(),
        }
    }
}

/// What proves a position in a later hello.
pub type Proof = [u8; 16];

/// The key that proves the positions of one epoch.
#[derive(Clone)]
pub struct ProofKey(Zeroizing<[u8; 32]>);

impl ProofKey {
    /// Takes the key over.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The proof that an environment was at a position.
    #[must_use]
    pub fn prove(&self, environment: &EnvironmentName, position: &Position) -> Proof {
        let mut proof = Proof::default();
        proof.copy_from_slice(&self.mac(environment, position).finalize().into_bytes()[..16]);
        proof
    }

    /// Whether a proof is ours, in constant time.
    #[must_use]
    pub fn verifies(&self, environment: &EnvironmentName, position: &Position, proof: &[u8]) -> bool {
        proof.len() == size_of::<Proof>() && self.mac(environment, position).verify_truncated_left(proof).is_ok()
    }

    fn mac(&self, environment: &EnvironmentName, position: &Position) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        let environment = environment.as_str().as_bytes();
        mac.update(&(environment.len() as u32).to_le_bytes());
        mac.update(environment);
        mac.update(&position.epoch.0);
        mac.update(&position.projection.to_le_bytes());
        mac.update(&position.revision.0.to_le_bytes());
        mac.update(&position.digest.to_bytes());
        mac
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(revision: u64) -> Position {
        Position {
            epoch: Epoch([7; 16]),
            projection: PROJECTION,
            revision: Revision(revision),
            digest: Digest::of(1, "a", 1, b"x"),
        }
    }

    #[test]
    fn a_proof_holds_for_its_environment_and_position_alone() {
        let key = ProofKey::new([1; 32]);
        let production: EnvironmentName = "projects/p/environments/production".parse().unwrap();
        let staging: EnvironmentName = "projects/p/environments/staging".parse().unwrap();
        let proof = key.prove(&production, &position(3));
        assert!(key.verifies(&production, &position(3), &proof));
        assert!(!key.verifies(&staging, &position(3), &proof));
        assert!(!key.verifies(&production, &position(4), &proof));
        assert!(!key.verifies(&production, &position(3), &proof[..15]));
        assert!(!key.verifies(&production, &position(3), &[]));
        assert!(!ProofKey::new([2; 32]).verifies(&production, &position(3), &proof));
    }

    #[test]
    fn a_position_survives_the_wire_and_a_short_field_does_not() {
        let there = position(9).to_message();
        assert_eq!(Position::from_message(&there), Some(position(9)));
        let short = v1::Position { epoch: there.epoch.slice(1..), ..there };
        assert_eq!(Position::from_message(&short), None);
    }
}
