//! Frames, encoded once: the same bytes serve every stream and are zeroized when the last reference goes.
//!
//! A frame carries gRPC's own prefix already (one byte for "not compressed", four for the length), so that a stream hands it to HTTP/2 as it
//! is: no copy of a secret is left in a stream's buffers.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use proto::sync::v1::{self, control_frame};
use shared::name::EnvironmentName;
use shared::secret::Secret;

use super::feed::State;
use super::metrics::Metrics;
use super::position::Position;
use super::projection::{Form, Step};
use shared::revision::Revision;

/// How many bytes gRPC puts before a message.
const PREFIX_BYTES: usize = 5;

/// An encoded frame. Clones share its bytes.
#[derive(Debug, Clone)]
pub struct Frame(Secret);

impl Frame {
    /// Encodes a frame.
    #[must_use]
    pub fn encode(frame: control_frame::Frame) -> Self {
        let message = v1::ControlFrame { frame: Some(frame) };
        let length = message.encoded_len();
        // Exactly as large as needed: a buffer that grew would leave its old place behind, unzeroized.
        let mut bytes = Vec::with_capacity(PREFIX_BYTES + length);
        bytes.push(0);
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
        message.encode_raw(&mut bytes);
        Self(Secret::new(bytes))
    }

    /// The bytes for the wire, gRPC's prefix included.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.expose_shared()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a frame has at least its prefix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Encodes what is shared by streams, and counts how often.
#[derive(Debug, Clone)]
pub struct Encoder {
    metrics: Arc<Metrics>,
}

impl Encoder {
    /// An encoder that counts.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// What leads from one state of an environment to a later one.
    #[must_use]
    pub fn delta(&self, delta: Delta<'_>) -> Frame {
        let changes = delta.steps.iter().map(|step| change(step, delta.state.position)).collect();
        self.encode(control_frame::Frame::Delta(v1::Delta {
            environment: delta.environment.to_string(),
            previous_revision: delta.previous.0,
            position: Some(delta.state.position.to_message()),
            proof: delta.state.proof.to_vec().into(),
            commit_time: Some(delta.state.commit_time.into()),
            changes,
            folded: delta.folded,
        }))
    }

    /// Begins a whole state.
    #[must_use]
    pub fn snapshot_begin(&self, environment: &EnvironmentName, revision: Revision) -> Frame {
        let environment = environment.to_string();
        self.encode(control_frame::Frame::SnapshotBegin(v1::SnapshotBegin { environment, revision: revision.0 }))
    }

    /// A part of a whole state.
    #[must_use]
    pub fn snapshot_chunk(&self, environment: &EnvironmentName, changes: Vec<v1::Change>) -> Frame {
        let environment = environment.to_string();
        self.encode(control_frame::Frame::SnapshotChunk(v1::SnapshotChunk { environment, changes }))
    }

    /// Ends a whole state.
    #[must_use]
    pub fn snapshot_end(&self, environment: &EnvironmentName, state: &State) -> Frame {
        self.encode(control_frame::Frame::SnapshotEnd(v1::SnapshotEnd {
            environment: environment.to_string(),
            position: Some(state.position.to_message()),
            proof: state.proof.to_vec().into(),
        }))
    }

    fn encode(&self, frame: control_frame::Frame) -> Frame {
        self.metrics.encodings.inc();
        Frame::encode(frame)
    }
}

/// What a delta's frame is made of.
#[derive(Debug, Clone, Copy)]
pub struct Delta<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Its revision before.
    pub previous: Revision,
    /// Its state after.
    pub state: &'a State,
    /// What changed; empty where only the revision moves.
    pub steps: &'a [Step],
    /// Several revisions may be in it.
    pub folded: bool,
}

/// A resource's put, for a chunk of a snapshot.
#[must_use]
pub fn put(kind: v1::Kind, name: &str, form: Form) -> v1::Change {
    let change = Some(v1::change::Change::Put(form.put));
    v1::Change { kind: kind.into(), name: name.to_owned(), version: form.version, change }
}

fn change(step: &Step, after: Position) -> v1::Change {
    match &step.after {
        Some(form) => put(step.kind, &step.name, form.clone()),
        None => v1::Change {
            kind: step.kind.into(),
            name: step.name.clone(),
            version: after.revision.0,
            change: Some(v1::change::Change::Delete(true)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_grpc_message_and_shared_by_its_clones() {
        let begin = v1::SnapshotBegin { environment: "projects/p/environments/e".into(), revision: 3 };
        let frame = Frame::encode(control_frame::Frame::SnapshotBegin(begin.clone()));
        let bytes = frame.bytes();
        assert_eq!(bytes[0], 0);
        assert_eq!(bytes[1..5], ((bytes.len() - 5) as u32).to_be_bytes());
        let read = v1::ControlFrame::decode(&bytes[5..]).unwrap();
        assert_eq!(read.frame, Some(control_frame::Frame::SnapshotBegin(begin)));
        assert_eq!(frame.clone().bytes().as_ptr(), bytes.as_ptr());
    }
}
