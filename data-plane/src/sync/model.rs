//! A naive control plane of one environment, for the tests: it keeps everything in plain maps and computes everything anew.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use proto::sync::v1::{
    self, CallerKeyConfig, CredentialConfig, Delta, Kind, ModelConfig, ModelTarget, ProviderConfig, SnapshotBegin,
    SnapshotChunk, SnapshotEnd, UpstreamAdapter, UpstreamAuth, change, credential_config,
};
use shared::address::AddressPolicy;
use shared::digest::Digest;
use shared::name::EnvironmentName;
use shared::revision::{Epoch, Revision};

use super::state::Position;
use crate::snapshot::resource::Change;

/// The environment that all of it is about.
pub(super) const ENVIRONMENT: &str = "projects/p/environments/production";
const EPOCH: Epoch = Epoch([9; 16]);
const ADAPTER_OF_TOMORROW: i32 = 99;
const KIND_OF_TOMORROW: i32 = 77;

pub(super) fn environment() -> EnvironmentName {
    ENVIRONMENT.parse().unwrap()
}

/// What an admin does to one of a few resources.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Put { slot: u8, seed: u8 },
    Delete { slot: u8 },
}

pub(super) fn commits(most: usize) -> impl Strategy<Value = Vec<Vec<Op>>> {
    let op = prop_oneof![
        3 => (0..20_u8, any::<u8>()).prop_map(|(slot, seed)| Op::Put { slot, seed }),
        1 => (0..20_u8).prop_map(|slot| Op::Delete { slot }),
    ];
    prop::collection::vec(prop::collection::vec(op, 1..6), 1..most)
}

/// The environment's state as the control plane has it, and everything that it ever was.
#[derive(Debug, Clone, Default)]
pub(super) struct Control {
    resources: BTreeMap<(i32, String), (u64, Bytes)>,
    revision: u64,
}

impl Control {
    /// One commit: its delta. Revisions skip some numbers, as commits to other environments take them.
    pub(super) fn commit(&mut self, ops: &[Op]) -> Delta {
        let previous = self.revision;
        self.revision += 1 + ops.len() as u64 % 3;
        let before = self.resources.clone();
        let mut changes = BTreeMap::new();
        for op in ops {
            let (key, change) = match op {
                Op::Put { slot, seed } => {
                    let key = key(*slot);
                    let put = put(key.0, *seed);
                    self.resources.insert(key.clone(), (self.revision, put.clone()));
                    (key, change::Change::Put(put))
                }
                Op::Delete { slot } => {
                    let key = key(*slot);
                    if self.resources.remove(&key).is_none() {
                        continue;
                    }
                    (key, change::Change::Delete(true))
                }
            };
            changes.insert(key, change);
        }
        // What came and went within the commit never was there.
        changes.retain(|key, change| matches!(change, change::Change::Put(_)) || before.contains_key(key));
        let changes = changes.into_iter().map(|(key, change)| wire(key, self.revision, change)).collect();
        self.delta(previous, changes, false)
    }

    pub(super) fn delta(&self, previous_revision: u64, changes: Vec<v1::Change>, folded: bool) -> Delta {
        Delta {
            environment: ENVIRONMENT.to_owned(),
            previous_revision,
            position: Some(self.position().to_wire()),
            proof: Bytes::from_static(b"proof"),
            commit_time: None,
            changes,
            folded,
        }
    }

    pub(super) fn position(&self) -> Position {
        let parts = self.resources.iter().map(|((kind, name), (version, put))| Digest::of(*kind, name, *version, put));
        let digest = parts.fold(Digest::default(), Digest::plus);
        Position { epoch: EPOCH, projection: 1, revision: Revision(self.revision), digest }
    }

    pub(super) fn snapshot(&self, chunk_len: usize) -> (SnapshotBegin, Vec<SnapshotChunk>, SnapshotEnd) {
        let environment = || ENVIRONMENT.to_owned();
        let puts: Vec<_> = self
            .resources
            .iter()
            .map(|(key, (version, put))| wire(key.clone(), *version, change::Change::Put(put.clone())))
            .collect();
        let chunks = puts.chunks(chunk_len);
        (
            SnapshotBegin { environment: environment(), revision: self.revision },
            chunks.map(|changes| SnapshotChunk { environment: environment(), changes: changes.to_vec() }).collect(),
            SnapshotEnd {
                environment: environment(),
                position: Some(self.position().to_wire()),
                proof: Bytes::from_static(b"proof"),
            },
        )
    }

    pub(super) fn dump(&self) -> Vec<(i32, String, u64, Vec<u8>)> {
        let all = self.resources.iter();
        all.map(|((kind, name), (version, put))| (*kind, name.clone(), *version, put.to_vec())).collect()
    }

    /// The names of what no proxy of today can use.
    pub(super) fn unusable(&self) -> Vec<String> {
        let unusable = self
            .resources
            .iter()
            .filter(|((kind, name), (_, put))| *kind != KIND_OF_TOMORROW && parse(*kind, name, put).is_none());
        unusable.map(|((_, name), _)| name.clone()).collect()
    }
}

/// What the request path has, by name, told by what the state says of its changes, or by the naive rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Serving(BTreeMap<String, String>);

impl Serving {
    pub(super) fn change(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::PutProvider(name, it) => self.0.insert(name.to_string(), format!("{it:?}")),
                Change::PutCredential(name, it) => self.0.insert(name.to_string(), format!("{it:?}")),
                Change::PutModel(name, it) => self.0.insert(name.to_string(), format!("{it:?}")),
                Change::PutCallerKey(name, it) => self.0.insert(name.to_string(), format!("{it:?}")),
                Change::RemoveProvider(name) => self.0.remove(&name.to_string()),
                Change::RemoveCredential(name) => self.0.remove(&name.to_string()),
                Change::RemoveModel(name) => self.0.remove(&name.to_string()),
                Change::RemoveCallerKey(name) => self.0.remove(&name.to_string()),
            };
        }
    }

    /// The rule in its plainest words: what is usable serves, what is not leaves the last good version, deletes and disables always apply.
    pub(super) fn expect(&mut self, delta: &Delta) {
        for change in &delta.changes {
            match change.change.as_ref().unwrap() {
                change::Change::Delete(_) => drop(self.0.remove(&change.name)),
                change::Change::Put(put) => match parse(change.kind, &change.name, put) {
                    Some(usable) => self.change(&[usable]),
                    None if ProviderConfig::decode(put.clone())
                        .is_ok_and(|provider| change.kind == Kind::Provider as i32 && provider.disabled) =>
                    {
                        drop(self.0.remove(&change.name));
                    }
                    None => {}
                },
            }
        }
    }
}

fn parse(kind: i32, name: &str, put: &Bytes) -> Option<Change> {
    Change::put(AddressPolicy::Public, &environment(), kind, name, put).ok()
}

fn wire((kind, name): (i32, String), version: u64, change: change::Change) -> v1::Change {
    v1::Change { kind, name, version, change: Some(change) }
}

fn key(slot: u8) -> (i32, String) {
    let id = slot / 5;
    match slot % 5 {
        0 => (Kind::Provider.into(), format!("projects/p/providers/a{id}")),
        1 => (Kind::Credential.into(), format!("projects/p/providers/a0/credentials/c{id}")),
        2 => (Kind::Model.into(), format!("projects/p/models/m{id}")),
        3 => (Kind::CallerKey.into(), format!("projects/p/callerKeys/k{id}")),
        _ => (KIND_OF_TOMORROW, format!("projects/p/things/t{id}")),
    }
}

/// A resource's bytes; about a third can't be used, each for another reason.
fn put(kind: i32, seed: u8) -> Bytes {
    let bytes = match (Kind::try_from(kind), seed % 6) {
        (Ok(Kind::Provider), bad) => ProviderConfig {
            adapter: if bad < 2 { ADAPTER_OF_TOMORROW } else { UpstreamAdapter::Openai.into() },
            base_url: format!("https://h{seed}.example/v1"),
            disabled: seed.is_multiple_of(4),
            auth: UpstreamAuth::Managed.into(),
            exposed_models: vec!["*".into()],
            default_model: String::new(),
            vendor: "openai".into(),
            ..Default::default()
        }
        .encode_to_vec(),
        (Ok(Kind::Credential), bad) => CredentialConfig {
            value: (bad > 0).then(|| credential_config::Value::ApiKey(format!("sk-{seed}").into())),
            value_version: seed.into(),
            weight: if bad == 1 { 101 } else { 1 },
            ..Default::default()
        }
        .encode_to_vec(),
        (Ok(Kind::Model), bad) => ModelConfig {
            targets: vec![ModelTarget {
                provider: if bad == 0 { "nobody".into() } else { "projects/p/providers/a0".into() },
                upstream_model: format!("u{seed}"),
                weight: 1,
                priority: 0,
            }],
            timeout_ms: 1,
            max_attempts: 1,
        }
        .encode_to_vec(),
        (Ok(Kind::CallerKey), bad) => {
            CallerKeyConfig { sha256: vec![seed; if bad == 0 { 3 } else { 32 }].into(), ..Default::default() }
                .encode_to_vec()
        }
        (Ok(Kind::Unspecified) | Err(_), _) => vec![0xff, seed],
    };
    bytes.into()
}
