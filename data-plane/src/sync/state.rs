//! What a proxy holds of one environment: the bytes as received, their digest, and where they stand.
//!
//! The maps share their structure with the state before, so that a delta costs what it changes and not what is held.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use prost::Message as _;
use proto::sync::v1::{self, CallerKeyConfig, Kind, ProviderConfig};
use shared::address::AddressPolicy;
use shared::digest::Digest;
use shared::name::EnvironmentName;
use shared::revision::{Epoch, Revision};
use zeroize::Zeroizing;

use crate::snapshot::resource::Change;

/// The whole state of one environment at one position.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) position: Position,
    pub(super) proof: Bytes,
    pub(super) contents: Contents,
}

/// Where a state stands, as the control plane proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The store's epoch.
    pub epoch: Epoch,
    /// The form in which resources are sent.
    pub projection: u32,
    /// The last revision that changed the environment.
    pub revision: Revision,
    /// The digest of the state.
    pub digest: Digest,
}

/// The resources of a state, whatever its position.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    /// Which base URLs this proxy may call.
    policy: AddressPolicy,
    environment: EnvironmentName,
    resources: OrdMap<Key, Held>,
    unusable: OrdMap<Key, Defect>,
    digest: Digest,
}

/// What a resource is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The wire's number, so that kinds of a newer control plane have a place too.
    pub(super) kind: i32,
    pub(super) name: Arc<str>,
}

/// One resource as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    version: u64,
    put: Put,
}

/// Bytes as sent. They may be a secret's, so they are zeroized with the last reference and never printed.
#[derive(Clone, PartialEq, Eq)]
struct Put(Bytes);

/// Why a resource that is held can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Defect {
    version: u64,
    reason: Arc<str>,
}

impl State {
    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// How many resources it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.resources.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.resources.is_empty()
    }

    /// How many of its resources can't be used.
    #[must_use]
    pub fn unusable_len(&self) -> usize {
        self.contents.unusable.len()
    }

    /// Its unusable resources in the order of kind and name, at most so many.
    #[must_use]
    pub fn unusable(&self, most: usize) -> Vec<v1::Unusable> {
        let unusable = self.contents.unusable.iter().take(most);
        unusable
            .map(|(key, defect)| v1::Unusable {
                kind: key.kind,
                name: key.name.to_string(),
                version: defect.version,
                reason: defect.reason.to_string(),
            })
            .collect()
    }

    /// Whether the bytes that are held still have the digest of the position: what a flipped byte in memory breaks. Hashes everything.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.contents.digest == self.position.digest && self.contents.recomputed() == self.position.digest
    }

    /// What a hello says of it.
    #[must_use]
    pub fn to_hello(&self) -> v1::Held {
        v1::Held {
            environment: self.contents.environment.to_string(),
            position: Some(self.position.to_wire()),
            proof: self.proof.clone(),
        }
    }
}

impl Position {
    /// As the wire has it.
    #[must_use]
    pub fn to_wire(self) -> v1::Position {
        v1::Position {
            epoch: Bytes::copy_from_slice(&self.epoch.0),
            projection: self.projection,
            revision: self.revision.0,
            digest: Bytes::copy_from_slice(&self.digest.to_bytes()),
        }
    }

    /// From the wire; `None` where a length is wrong.
    #[must_use]
    pub fn from_wire(wire: &v1::Position) -> Option<Self> {
        Some(Self {
            epoch: Epoch(wire.epoch.as_ref().try_into().ok()?),
            projection: wire.projection,
            revision: Revision(wire.revision),
            digest: Digest::from_bytes(wire.digest.as_ref().try_into().ok()?),
        })
    }
}

impl Contents {
    pub(super) fn new(policy: AddressPolicy, environment: EnvironmentName) -> Self {
        Self { policy, environment, resources: OrdMap::new(), unusable: OrdMap::new(), digest: Digest::default() }
    }

    /// The sum over what was put and deleted, kept along.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Takes a resource in. Gives what the request path has to do: nothing where the resource can't be used, so that its last good
    /// version keeps serving.
    pub(super) fn put(&mut self, key: &Key, version: u64, put: &Bytes) -> Option<Change> {
        self.forget(key);
        self.digest = self.digest.plus(Digest::of(key.kind, &key.name, version, put));
        let held = Held { version, put: Put::copied(put) };
        let reading = Reading::of(self.policy, &self.environment, key, &held.put.0);
        self.resources.insert(key.clone(), held);
        match reading {
            Reading::Usable(change) => Some(change),
            Reading::UnknownKind => None,
            Reading::Unusable { reason, instead } => {
                self.unusable.insert(key.clone(), Defect { version, reason });
                instead
            }
        }
    }

    /// Takes a resource out, if it is there.
    pub(super) fn delete(&mut self, key: &Key) -> Option<Change> {
        self.forget(key);
        // A name or a kind that this proxy can't read never got to the request path.
        Change::remove(key.kind, &key.name).ok()
    }

    fn forget(&mut self, key: &Key) {
        if let Some(old) = self.resources.remove(key) {
            // Hashed again rather than remembered: a byte that flipped in memory is found here too.
            self.digest = self.digest.minus(Digest::of(key.kind, &key.name, old.version, &old.put.0));
            self.unusable.remove(key);
        }
    }

    /// Whether exactly this is held already.
    pub(super) fn holds(&self, key: &Key, version: u64, put: &Bytes) -> bool {
        self.resources.get(key).is_some_and(|held| held.version == version && held.put.0 == put)
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.resources.contains_key(key)
    }

    /// The keys in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.resources.keys()
    }

    fn recomputed(&self) -> Digest {
        self.resources.iter().fold(Digest::default(), |sum, (key, held)| {
            sum.plus(Digest::of(key.kind, &key.name, held.version, &held.put.0))
        })
    }
}

/// What a put means to the request path.
enum Reading {
    Usable(Change),
    /// A newer control plane's kind: kept for the digest, and otherwise nobody's business.
    UnknownKind,
    Unusable {
        reason: Arc<str>,
        /// What to do although it can't be used: a disable takes out what serves.
        instead: Option<Change>,
    },
}

impl Reading {
    fn of(policy: AddressPolicy, environment: &EnvironmentName, key: &Key, put: &Bytes) -> Self {
        if matches!(Kind::try_from(key.kind), Err(_) | Ok(Kind::Unspecified)) {
            return Self::UnknownKind;
        }
        match Change::put(policy, environment, key.kind, &key.name, put) {
            Ok(change) => Self::Usable(change),
            Err(unusable) => {
                let instead = is_disabled(key.kind, put).then(|| Change::remove(key.kind, &key.name).ok()).flatten();
                Self::Unusable { reason: unusable.to_string().into(), instead }
            }
        }
    }
}

/// Whether an admin took the resource out, as far as its bytes can be read.
fn is_disabled(kind: i32, put: &Bytes) -> bool {
    match Kind::try_from(kind) {
        Ok(Kind::Provider) => ProviderConfig::decode(put.clone()).is_ok_and(|provider| provider.disabled),
        Ok(Kind::CallerKey) => CallerKeyConfig::decode(put.clone()).is_ok_and(|caller_key| caller_key.disabled),
        // One that is disabled is not sent at all.
        Ok(Kind::Credential | Kind::Model | Kind::Unspecified) | Err(_) => false,
    }
}

impl Put {
    /// A copy in a buffer of its own, since the frame's buffer belongs to the transport, which zeroizes nothing.
    fn copied(bytes: &Bytes) -> Self {
        struct Owner(Zeroizing<Vec<u8>>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Self(Bytes::from_owner(Owner(Zeroizing::new(bytes.to_vec()))))
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Put({} bytes)", self.0.len())
    }
}

impl Key {
    pub(super) fn of(change: &v1::Change) -> Self {
        Self { kind: change.kind, name: change.name.as_str().into() }
    }
}

#[cfg(test)]
impl State {
    /// Kind, name, version and bytes of everything that is held, in order.
    pub(super) fn dump(&self) -> Vec<(i32, String, u64, Vec<u8>)> {
        let all = self.contents.resources.iter();
        all.map(|(key, held)| (key.kind, key.name.to_string(), held.version, held.put.0.to_vec())).collect()
    }

    /// Flips the lowest bit of the first resource that has bytes, as a fault in memory would; `None` where there is none.
    pub(super) fn with_a_flipped_bit(mut self) -> Option<Self> {
        let (key, held) = self.contents.resources.iter().find(|(_, held)| !held.put.0.is_empty())?;
        let (key, version) = (key.clone(), held.version);
        let mut put = held.put.0.to_vec();
        put[0] ^= 1;
        self.contents.resources.insert(key, Held { version, put: Put::copied(&put.into()) });
        Some(self)
    }
}
