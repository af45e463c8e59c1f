//! An environment as a control plane has it.

use std::collections::BTreeMap;

use proto::sync::v1::{
    Change, Delta, Heartbeat, Position, SnapshotBegin, SnapshotChunk, SnapshotEnd, change, control_frame,
};
use shared::digest::Digest;

/// An environment's state at the control plane.
pub(crate) struct Environment {
    pub(crate) name: String,
    pub(crate) revision: u64,
    resources: BTreeMap<(i32, String), (u64, Vec<u8>)>,
}

impl Environment {
    pub(crate) fn new(id: &str) -> Self {
        Self { name: format!("projects/p/environments/{id}"), revision: 1, resources: BTreeMap::new() }
    }

    /// Commits one put and gives its delta.
    pub(crate) fn put(&mut self, kind: impl Into<i32>, name: &str, message: &impl prost::Message) -> Delta {
        let (previous, key) = (self.revision, (kind.into(), name.to_owned()));
        self.revision += 1;
        self.resources.insert(key.clone(), (self.revision, message.encode_to_vec()));
        let change = self.change(&key);
        self.delta(previous, vec![change])
    }

    fn delta(&self, previous_revision: u64, changes: Vec<Change>) -> Delta {
        Delta {
            environment: self.name.clone(),
            previous_revision,
            position: Some(self.position()),
            proof: self.proof(),
            commit_time: None,
            changes,
            folded: false,
        }
    }

    fn change(&self, key: &(i32, String)) -> Change {
        let (version, put) = &self.resources[key];
        let change = Some(change::Change::Put(put.clone().into()));
        Change { kind: key.0, name: key.1.clone(), version: *version, change }
    }

    pub(crate) fn proof(&self) -> bytes::Bytes {
        vec![self.revision as u8; 16].into()
    }

    pub(crate) fn position(&self) -> Position {
        let parts = self.resources.iter().map(|((kind, name), (version, put))| Digest::of(*kind, name, *version, put));
        let digest = parts.fold(Digest::default(), Digest::plus);
        Position {
            epoch: vec![7; 16].into(),
            projection: 1,
            revision: self.revision,
            digest: digest.to_bytes().to_vec().into(),
        }
    }

    pub(crate) fn heartbeat(&self) -> Heartbeat {
        let Position { digest, revision, .. } = self.position();
        Heartbeat { digest_sum: digest, revision, server_time: None }
    }

    pub(crate) fn snapshot(&self) -> Vec<control_frame::Frame> {
        let environment = || self.name.clone();
        let changes = self.resources.keys().map(|key| self.change(key)).collect();
        vec![
            control_frame::Frame::SnapshotBegin(SnapshotBegin { environment: environment(), revision: self.revision }),
            control_frame::Frame::SnapshotChunk(SnapshotChunk { environment: environment(), changes }),
            control_frame::Frame::SnapshotEnd(SnapshotEnd {
                environment: environment(),
                position: Some(self.position()),
                proof: self.proof(),
            }),
        ]
    }
}
