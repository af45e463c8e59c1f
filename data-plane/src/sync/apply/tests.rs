use proptest::prelude::*;
use proto::sync::v1::SnapshotBegin;
use shared::address::AddressPolicy;

use super::*;
use crate::sync::model::{Control, Op, Serving, commits, environment};

fn from_snapshot(held: Option<&State>, control: &Control, chunk_len: usize) -> Result<Outcome, Refusal> {
    let (begin, chunks, end) = control.snapshot(chunk_len);
    let mut assembly = Assembly::new(AddressPolicy::Public, environment(), &begin);
    for chunk in &chunks {
        assembly.chunk(held, chunk)?;
    }
    assembly.end(held, &end)
}

fn next(outcome: Result<Outcome, Refusal>) -> (State, Vec<Change>) {
    match outcome.unwrap() {
        Outcome::Next { state, changes } => (state, changes),
        Outcome::Old => panic!("it is taken for old"),
    }
}

fn empty() -> State {
    next(from_snapshot(None, &Control::default(), 1)).0
}

/// The state after all commits, with every delta and every state on the way.
fn run(commits: &[Vec<Op>]) -> (Control, Vec<(Delta, State)>, Serving) {
    let (mut control, mut state, mut serving) = (Control::default(), empty(), Serving::default());
    let mut way = Vec::new();
    for ops in commits {
        let frame = control.commit(ops);
        let (after, changes) = next(delta(Some(&state), &frame));
        serving.change(&changes);
        state = after;
        way.push((frame, state.clone()));
    }
    (control, way, serving)
}

proptest! {
    /// P1, P3, P14: whatever can't be used, every revision applies and is exactly the committed state.
    #[test]
    fn every_state_is_the_committed_one_of_its_revision(commits in commits(12)) {
        let (mut control, mut state, mut expected, mut serving) =
            (Control::default(), empty(), Serving::default(), Serving::default());
        for ops in &commits {
            let frame = control.commit(ops);
            let (after, changes) = next(delta(Some(&state), &frame));
            serving.change(&changes);
            expected.expect(&frame);
            prop_assert_eq!(after.position(), control.position());
            prop_assert!(after.position().revision > state.position().revision);
            prop_assert_eq!(after.dump(), control.dump());
            prop_assert_eq!(&serving, &expected);
            let unusable: Vec<_> = after.unusable(usize::MAX).into_iter().map(|it| it.name).collect();
            prop_assert_eq!(unusable, control.unusable());
            prop_assert_eq!(after.unusable_len(), control.unusable().len());
            prop_assert!(after.is_intact());
            state = after;
        }
    }

    /// P7: a folded delta is its parts.
    #[test]
    fn a_fold_is_the_sequence_of_its_parts(commits in commits(8), from in any::<prop::sample::Index>()) {
        let (control, way, _) = run(&commits);
        let from = from.index(way.len());
        let before = if from == 0 { empty() } else { way[from - 1].1.clone() };
        let mut last = std::collections::BTreeMap::new();
        for (frame, _) in &way[from..] {
            last.extend(frame.changes.iter().map(|change| ((change.kind, change.name.clone()), change.clone())));
        }
        let folded = control.delta(before.position().revision.0, last.into_values().collect(), true);
        let (state, _) = next(delta(Some(&before), &folded));
        let (_, stepped) = way.last().unwrap();
        prop_assert_eq!(state.position(), stepped.position());
        prop_assert_eq!(state.dump(), stepped.dump());
    }

    /// P8: a snapshot in chunks of any size is what the deltas led to, and tells the request path only what differs.
    #[test]
    fn a_snapshot_is_what_the_deltas_led_to(commits in commits(8), at in any::<prop::sample::Index>(), chunk_len in 1..7_usize) {
        let (control, way, _) = run(&commits);
        let (_, head) = way.last().unwrap();
        let (fresh, _) = next(from_snapshot(None, &control, chunk_len));
        prop_assert_eq!(fresh.dump(), head.dump());
        prop_assert_eq!(fresh.position(), head.position());
        let (same, changes) = next(from_snapshot(Some(head), &control, chunk_len));
        prop_assert_eq!(same.dump(), head.dump());
        prop_assert!(changes.is_empty(), "{:?}", changes);

        // Over an older state, the request path ends where the deltas would have led it, but for what can't be used.
        let at = at.index(way.len());
        let (_, serving_then) = (&way[at].1, run(&commits[..=at]).2);
        let (_, changes) = next(from_snapshot(Some(&way[at].1), &control, chunk_len));
        let mut serving = serving_then;
        serving.change(&changes);
        let (_, from_nothing) = next(from_snapshot(None, &control, 3));
        for change in &from_nothing {
            let before = serving.clone();
            serving.change(std::slice::from_ref(change));
            if !is_remove(change) {
                prop_assert_eq!(&serving, &before);
            }
        }
    }

    /// P9: a change that is dropped, altered or doubled is caught at its frame, and nothing has changed.
    #[test]
    fn every_mutation_is_caught_at_its_frame(
        commits in commits(6),
        which in any::<prop::sample::Index>(),
        how in 0..6_u8,
        byte in any::<prop::sample::Index>(),
    ) {
        let (_, way, _) = run(&commits);
        let mut before = empty();
        for (frame, after) in &way {
            if !frame.changes.is_empty() {
                let mut frame = frame.clone();
                mutate(&mut frame.changes, which, how, byte);
                prop_assert!(delta(Some(&before), &frame).is_err(), "{:?}", frame.changes.len());
                prop_assert!(before.is_intact());
            }
            before = after.clone();
        }
    }

    /// P13: whatever was applied before changes nothing when it comes again.
    #[test]
    fn replayed_frames_change_nothing(commits in commits(8)) {
        let (control, way, _) = run(&commits);
        let (_, head) = way.last().unwrap();
        for (frame, _) in &way {
            prop_assert!(matches!(delta(Some(head), frame), Ok(Outcome::Old)));
        }
        let (_, older) = &way[0];
        let older_control = { let mut control = Control::default(); control.commit(&commits[0]); control };
        prop_assert_eq!(older_control.position(), older.position());
        let replayed = from_snapshot(Some(head), &older_control, 2);
        prop_assert!(way.len() == 1 || matches!(replayed, Ok(Outcome::Old)));
        prop_assert_eq!(head.dump(), control.dump());
    }

    /// A delta whose predecessor is missing is a gap, whatever it holds.
    #[test]
    fn a_gap_is_refused(commits in commits(8).prop_filter("two at least", |commits| commits.len() > 1)) {
        let (_, way, _) = run(&commits);
        let (last, _) = way.last().unwrap();
        let before = if way.len() > 2 { way[way.len() - 3].1.clone() } else { empty() };
        prop_assert_eq!(delta(Some(&before), last).unwrap_err().reason(), RefusalReason::Gap);
        prop_assert_eq!(delta(None, last).unwrap_err().reason(), RefusalReason::Gap);
    }

    /// F17.
    #[test]
    fn a_flipped_bit_is_found(commits in commits(8)) {
        let (_, way, _) = run(&commits);
        let (_, head) = way.last().unwrap();
        if let Some(flipped) = head.clone().with_a_flipped_bit() {
            prop_assert!(!flipped.is_intact());
        }
        prop_assert!(head.is_intact());
    }
}

fn is_remove(change: &Change) -> bool {
    matches!(
        change,
        Change::RemoveProvider(_) | Change::RemoveCredential(_) | Change::RemoveModel(_) | Change::RemoveCallerKey(_)
    )
}

fn mutate(changes: &mut Vec<v1::Change>, which: prop::sample::Index, how: u8, byte: prop::sample::Index) {
    let index = which.index(changes.len());
    let change = &mut changes[index];
    match (how, &mut change.change) {
        (0, _) => drop(changes.remove(index)),
        (1, _) => {
            let doubled = change.clone();
            changes.push(doubled);
        }
        (2, _) => change.name.push('x'),
        (3, Some(change::Change::Put(put))) if !put.is_empty() => {
            let mut flipped = put.to_vec();
            flipped[byte.index(put.len())] ^= 1;
            *put = flipped.into();
        }
        (4, Some(change::Change::Put(_))) => change.version += 1,
        (5, _) => change.kind += 1,
        (_, change) => *change = None,
    }
}

#[test]
fn another_epoch_or_projection_needs_a_snapshot() {
    let mut control = Control::default();
    let frame = control.commit(&[Op::Put { slot: 1, seed: 5 }]);
    for alter in
        [(|position: &mut v1::Position| position.epoch = vec![1; 16].into()) as fn(&mut v1::Position), |position| {
            position.projection += 1
        }]
    {
        let mut other = frame.clone();
        alter(other.position.as_mut().unwrap());
        assert_eq!(delta(Some(&empty()), &other).unwrap_err().reason(), RefusalReason::Gap);
    }
}

#[test]
fn frames_that_no_control_plane_sends_are_corrupt() {
    let mut control = Control::default();
    let frame = control.commit(&[Op::Put { slot: 1, seed: 5 }]);
    let mut without = frame.clone();
    without.position = None;
    let mut short = frame.clone();
    short.position.as_mut().unwrap().digest = vec![0; 31].into();
    let mut not_deleted = frame.clone();
    not_deleted.changes[0].change = Some(change::Change::Delete(false));
    for bad in [without, short, not_deleted] {
        assert_eq!(delta(Some(&empty()), &bad).unwrap_err().reason(), RefusalReason::CorruptFrame);
    }

    let (begin, chunks, end) = control.snapshot(1);
    let mut twice = Assembly::new(AddressPolicy::Public, environment(), &begin);
    twice.chunk(None, &chunks[0]).unwrap();
    assert!(twice.chunk(None, &chunks[0]).is_err());
    let mut deleting = chunks[0].clone();
    deleting.changes[0].change = Some(change::Change::Delete(true));
    let mut assembly = Assembly::new(AddressPolicy::Public, environment(), &begin);
    assert!(assembly.chunk(None, &deleting).is_err());
    let elsewhere = SnapshotBegin { revision: begin.revision + 1, ..begin };
    let mut assembly = Assembly::new(AddressPolicy::Public, environment(), &elsewhere);
    assembly.chunk(None, &chunks[0]).unwrap();
    assert_eq!(assembly.end(None, &end).unwrap_err().reason(), RefusalReason::CorruptFrame);
}

#[test]
fn nothing_that_is_held_is_printed() {
    let mut control = Control::default();
    // Slot 1 is a credential, and this seed's value is usable.
    let frame = control.commit(&[Op::Put { slot: 1, seed: 5 }]);
    let (state, changes) = next(delta(Some(&empty()), &frame));
    assert!(state.dump()[0].3.windows(4).any(|bytes| bytes == b"sk-5"));
    assert!(!format!("{state:?} {changes:?}").contains("sk-5"));
}
