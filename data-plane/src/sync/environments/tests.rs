use super::*;
use crate::sync::model::{Control, ENVIRONMENT, Op, environment};

fn granted() -> Environments {
    let mut environments = Environments::new(AddressPolicy::Public);
    assert!(environments.grant_exactly(&[environment()]).is_empty());
    environments
}

fn snapshot(environments: &mut Environments, control: &Control) -> Step {
    let (begin, chunks, end) = control.snapshot(2);
    environments.snapshot_begin(&begin);
    for chunk in &chunks {
        let step = environments.snapshot_chunk(chunk);
        if !matches!(step, Step::Nothing) {
            return step;
        }
    }
    environments.snapshot_end(&end)
}

/// With some commits applied.
fn live() -> (Environments, Control) {
    let (mut environments, mut control) = (granted(), Control::default());
    control.commit(&[Op::Put { slot: 0, seed: 2 }, Op::Put { slot: 1, seed: 3 }, Op::Put { slot: 2, seed: 4 }]);
    assert!(matches!(snapshot(&mut environments, &control), Step::Applied { by: Carrier::Snapshot, .. }));
    (environments, control)
}

fn heartbeat(control: &Control) -> Heartbeat {
    let position = control.position().to_wire();
    Heartbeat { digest_sum: position.digest, revision: position.revision, server_time: None }
}

fn reason(step: &Step) -> Option<v1::RefusalReason> {
    match step {
        Step::Refused { refusal, .. } => Some(refusal.reason()),
        Step::Nothing | Step::Applied { .. } | Step::GiveUp { .. } => None,
    }
}

#[test]
fn a_gap_is_refused_once_and_repaired_by_a_snapshot() {
    let (mut environments, mut control) = live();
    let _missed = control.commit(&[Op::Put { slot: 3, seed: 1 }]);
    let after = control.commit(&[Op::Put { slot: 4, seed: 1 }]);
    assert_eq!(reason(&environments.delta(&after)), Some(v1::RefusalReason::Gap));
    // What follows is in the snapshot that was asked for.
    let more = control.commit(&[Op::Delete { slot: 0 }]);
    assert!(matches!(environments.delta(&more), Step::Nothing));
    assert!(environments.hello().is_empty());
    assert!(matches!(snapshot(&mut environments, &control), Step::Applied { .. }));
    assert_eq!(environments.hello().len(), 1);
    let next = control.commit(&[Op::Put { slot: 0, seed: 2 }]);
    assert!(matches!(environments.delta(&next), Step::Applied { by: Carrier::Delta, .. }));
    assert_eq!(environments.state(&environment()).unwrap().dump(), control.dump());
}

#[test]
fn a_flipped_byte_is_repaired_by_a_snapshot_and_serves_on_meanwhile() {
    let (mut environments, control) = live();
    let held = environments.granted.get_mut(&environment()).unwrap();
    held.state = held.state.take().unwrap().with_a_flipped_bit();
    let drifted: Vec<_> = environments.states().filter(|(_, state)| !state.is_intact()).collect();
    assert_eq!(drifted.len(), 1);
    assert_eq!(reason(&environments.repair(&environment())), Some(v1::RefusalReason::DigestMismatch));
    assert!(environments.state(&environment()).is_some());
    // It is asked for once.
    assert!(matches!(environments.repair(&environment()), Step::Nothing));
    assert!(matches!(snapshot(&mut environments, &control), Step::Applied { .. }));
    assert!(environments.state(&environment()).unwrap().is_intact());
}

#[test]
fn heartbeats_are_compared_only_when_equally_far() {
    let (mut environments, mut control) = live();
    assert_eq!(environments.compare(&heartbeat(&control)), Agreement::Same);
    let other = Heartbeat { digest_sum: vec![1; 32].into(), ..heartbeat(&control) };
    assert_eq!(environments.compare(&other), Agreement::Differs);
    let delta = control.commit(&[Op::Delete { slot: 0 }]);
    assert_eq!(environments.compare(&heartbeat(&control)), Agreement::NotEquallyFar);
    environments.delta(&delta);
    assert_eq!(environments.compare(&heartbeat(&control)), Agreement::Same);
    let cold = granted();
    assert_eq!(cold.compare(&heartbeat(&Control::default())), Agreement::NotEquallyFar);
}

#[test]
fn one_disagreement_may_be_a_delta_on_its_way_and_two_at_one_place_are_not() {
    let (mut environments, mut control) = live();
    assert!(!environments.disagrees_again());
    environments.delta(&control.commit(&[Op::Delete { slot: 0 }]));
    assert!(!environments.disagrees_again());
    assert!(environments.disagrees_again());
    environments.agrees();
    assert!(!environments.disagrees_again());
}

#[test]
fn what_is_not_granted_is_not_taken_and_what_is_withdrawn_is_dropped() {
    let (mut environments, mut control) = live();
    let delta = control.commit(&[Op::Delete { slot: 0 }]);
    assert_eq!(environments.grant_exactly(&[]), [environment()]);
    assert!(environments.is_cold());
    assert!(matches!(environments.delta(&delta), Step::Nothing));
    assert!(matches!(snapshot(&mut environments, &control), Step::Nothing));
    assert!(environments.is_cold());
    environments.grant(&environment());
    assert!(matches!(snapshot(&mut environments, &control), Step::Applied { .. }));
    assert!(environments.withdraw(&environment()) && !environments.withdraw(&environment()));
    assert!(environments.state(&environment()).is_none());
}

#[test]
fn a_second_bad_snapshot_gives_up_on_the_stream() {
    let (mut environments, control) = live();
    let (begin, chunks, mut end) = control.snapshot(2);
    end.position.as_mut().unwrap().digest = vec![1; 32].into();
    let mut send = || {
        environments.snapshot_begin(&begin);
        for chunk in &chunks {
            environments.snapshot_chunk(chunk);
        }
        environments.snapshot_end(&end)
    };
    assert_eq!(reason(&send()), Some(v1::RefusalReason::DigestMismatch));
    assert!(matches!(send(), Step::GiveUp { environment, .. } if environment.as_str() == ENVIRONMENT));
    // What is held is in doubt no less, and still there to serve.
    assert!(environments.hello().is_empty() && !environments.is_cold());
}

#[test]
fn deltas_are_passed_over_while_a_snapshot_is_on_its_way_and_a_new_stream_begins_anew() {
    let (mut environments, mut control) = live();
    let (begin, ..) = control.snapshot(2);
    environments.snapshot_begin(&begin);
    let delta = control.commit(&[Op::Delete { slot: 0 }]);
    assert!(matches!(environments.delta(&delta), Step::Nothing));
    assert_eq!(environments.hello().len(), 1);
    assert!(matches!(environments.delta(&delta), Step::Applied { .. }));
}
