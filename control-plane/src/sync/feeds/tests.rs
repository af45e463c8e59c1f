//! Whoever follows a feed holds what a snapshot holds.

use proptest::prelude::*;
use prost::Message as _;
use proto::sync::v1::{self, change::Change as Said, control_frame::Frame as Kind};

use super::*;
use crate::sync::feed::Next;
use crate::sync::frame::Frame;
use crate::sync::projection::tests::{self as model, Held, Plain};

fn feeds(view: View) -> Feeds<Plain> {
    Feeds::load(Arc::new(view), ProofKey::new([3; 32]), Plain, Arc::new(Metrics::default()))
}

fn read(frame: &Frame) -> Kind {
    v1::ControlFrame::decode(&frame.bytes()[5..]).unwrap().frame.unwrap()
}

fn apply(held: &mut Held, changes: Vec<v1::Change>) {
    for change in changes {
        let at = (change.kind, change.name);
        match change.change.unwrap() {
            Said::Put(put) => held.insert(at, (change.version, put)),
            Said::Delete(_) => held.remove(&at),
        };
    }
}

fn of_snapshot(snapshot: &Snapshot) -> (Held, Position) {
    let mut held = Held::new();
    for frame in &snapshot.frames {
        assert!(frame.len() <= crate::sync::feed::MAX_CHUNK_BYTES);
        match read(frame) {
            Kind::SnapshotChunk(chunk) => apply(&mut held, chunk.changes),
            Kind::SnapshotEnd(end) => return (held, Position::from_message(&end.position.unwrap()).unwrap()),
            _ => {}
        }
    }
    unreachable!("a snapshot has an end")
}

/// Follows a feed's log from a place, as a proxy would.
fn catch_up(feed: &Feed, at: &mut Revision, held: &mut Held) {
    while let Next::Delta(entry) = feed.next(*at) {
        let Kind::Delta(delta) = read(&entry.frame) else { unreachable!("the log holds deltas") };
        assert_eq!(delta.previous_revision, at.0);
        let position = Position::from_message(&delta.position.unwrap()).unwrap();
        apply(held, delta.changes);
        assert_eq!(model::digest(held), position.digest);
        *at = position.revision;
    }
    assert!(matches!(feed.next(*at), Next::AtHead));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// P7, P8, P9, P12: whoever follows the log, from whatever state, holds what a snapshot holds, by bytes that were encoded once.
    #[test]
    fn a_resume_equals_a_snapshot_byte_for_byte(
        history in model::history(),
        folds in prop::collection::vec(1..5_usize, 60),
        joins in any::<prop::sample::Index>(),
    ) {
        let mut view = model::first_view();
        let feeds = feeds(view.clone());
        let mut early: std::collections::BTreeMap<EnvironmentName, (Arc<Feed>, Revision, Held)> = Default::default();
        let mut changed = Changed::default();
        let mut folds = folds.into_iter().cycle();
        let mut left = folds.next().unwrap_or(1);
        for (at, operation) in history.iter().enumerate() {
            let (next, keys) = model::apply(&view, operation);
            changed.keys.extend(keys);
            view = next;
            left -= 1;
            if left == 0 || at + 1 == history.len() {
                feeds.publish(Arc::new(view.clone()), &std::mem::take(&mut changed));
                left = folds.next().unwrap_or(1);
                if early.is_empty() && at >= joins.index(history.len()) {
                    for (environment, place) in &feeds.published().places {
                        let (held, position) = of_snapshot(&feeds.encode_snapshot(environment).unwrap());
                        early.insert(environment.clone(), (Arc::clone(&place.feed), position.revision, held));
                    }
                }
            }
        }
        let encodings = feeds.metrics.encodings.get();
        for (environment, place) in &feeds.published().places {
            let whole = model::held(&view, environment);
            prop_assert_eq!(place.state.position.digest, model::digest(&whole));
            prop_assert_eq!(place.state.resources, whole.len() as u64);
            if let Some((feed, revision, held)) = early.get(environment)
                && Arc::ptr_eq(feed, &place.feed)
            {
                for _proxy in 0..3 {
                    let (mut revision, mut held) = (*revision, held.clone());
                    catch_up(feed, &mut revision, &mut held);
                    prop_assert_eq!(&held, &whole);
                }
            }
        }
        prop_assert_eq!(feeds.metrics.encodings.get(), encodings, "followers cost no encoding");
        for environment in view.environments.keys() {
            let (held, position) = of_snapshot(&feeds.encode_snapshot(environment).unwrap());
            prop_assert_eq!(&held, &model::held(&view, environment));
            prop_assert_eq!(position.digest, model::digest(&held));
        }
    }
}

#[test]
fn a_bridge_leads_from_an_older_revision_of_the_same_digest() {
    let view = model::first_view();
    let feeds = feeds(view);
    let published = feeds.published();
    let place = published.places.get(&model::environment(0)).unwrap();
    let to = place.state.position.revision;
    let frame = place.feed.bridge(Revision(1), to, feeds.encoder()).unwrap();
    let again = place.feed.bridge(Revision(1), to, feeds.encoder()).unwrap();
    assert_eq!(frame.bytes().as_ptr(), again.bytes().as_ptr(), "encoded once for all who are there");
    let Kind::Delta(delta) = read(&frame) else { unreachable!("a bridge is a delta") };
    assert_eq!((delta.previous_revision, delta.changes.len()), (1, 0));
    let position = Position::from_message(&delta.position.unwrap()).unwrap();
    assert!(feeds.key().verifies(&model::environment(0), &position, &delta.proof));
}
