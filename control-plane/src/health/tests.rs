//! The machine as tables, and what holds after any inputs.

use std::time::SystemTime;

use proptest::prelude::*;

use super::*;

fn status(health: Health, reason: Option<HealthReason>) -> CredentialStatus {
    CredentialStatus { value_version: 2, health, reason, last_check_time: None, last_error: None }
}

fn subject(status: &CredentialStatus) -> Subject<'_> {
    Subject { status, value_version: 2, standing: Standing::InUse, agreed: None }
}

fn at(start: Instant, seconds: u64) -> Moment {
    Moment {
        now: start + Duration::from_secs(seconds),
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        random: 0,
    }
}

fn told(finding: Finding) -> Input {
    Input::Evidence { finding, value_version: 2, upstream_status: Some(401) }
}

fn check() -> Input {
    Input::CheckRequested { paid_check_model: None }
}

fn probed(outcome: ProbeOutcome) -> Input {
    let problem = outcome.reason().map(|reason| CredentialProblem {
        reason: reason.to_owned(),
        upstream_status: Some(401),
        message: String::new(),
        time: SystemTime::UNIX_EPOCH,
    });
    Input::Probed { value_version: 2, outcome, problem }
}

fn committed(action: Action) -> (Health, Option<HealthReason>) {
    match action {
        Action::Commit(status) => (status.health, status.reason),
        Action::Nothing | Action::Probe => panic!("{action:?}"),
    }
}

const UNVERIFIED: (Health, Option<HealthReason>) = (Health::Unverified, Some(HealthReason::NotYetUsed));
const ACTIVE: (Health, Option<HealthReason>) = (Health::Active, None);
const LIMITED: (Health, Option<HealthReason>) = (Health::Active, Some(HealthReason::Limited));
const REJECTED: (Health, Option<HealthReason>) = (Health::Inactive, Some(HealthReason::Rejected));
const EXHAUSTED: (Health, Option<HealthReason>) = (Health::Inactive, Some(HealthReason::Exhausted));

#[test]
fn a_probe_leads_from_every_state_to_what_it_says() {
    let unreached = |health| (health, Some(HealthReason::Unreachable));
    for (before, outcome, after) in [
        (UNVERIFIED, ProbeOutcome::Passed, ACTIVE),
        (UNVERIFIED, ProbeOutcome::Limited, LIMITED),
        (UNVERIFIED, ProbeOutcome::Rejected, REJECTED),
        (UNVERIFIED, ProbeOutcome::Exhausted, EXHAUSTED),
        (UNVERIFIED, ProbeOutcome::Unreachable, unreached(Health::Unverified)),
        (UNVERIFIED, ProbeOutcome::EndpointWrong, unreached(Health::Unverified)),
        (ACTIVE, ProbeOutcome::Passed, ACTIVE),
        (ACTIVE, ProbeOutcome::Limited, LIMITED),
        (ACTIVE, ProbeOutcome::Rejected, REJECTED),
        (ACTIVE, ProbeOutcome::Exhausted, EXHAUSTED),
        (ACTIVE, ProbeOutcome::Unreachable, unreached(Health::Active)),
        (ACTIVE, ProbeOutcome::TlsFailed, unreached(Health::Active)),
        (LIMITED, ProbeOutcome::Passed, ACTIVE),
        (REJECTED, ProbeOutcome::Passed, ACTIVE),
        (REJECTED, ProbeOutcome::Limited, LIMITED),
        (REJECTED, ProbeOutcome::Rejected, REJECTED),
        (REJECTED, ProbeOutcome::Unreachable, REJECTED),
        (EXHAUSTED, ProbeOutcome::Passed, ACTIVE),
        (EXHAUSTED, ProbeOutcome::RegionWrong, EXHAUSTED),
        (UNVERIFIED, ProbeOutcome::Recognized, UNVERIFIED),
        (ACTIVE, ProbeOutcome::Recognized, ACTIVE),
        (LIMITED, ProbeOutcome::Unverifiable, LIMITED),
        (REJECTED, ProbeOutcome::Recognized, UNVERIFIED),
        (EXHAUSTED, ProbeOutcome::Unverifiable, UNVERIFIED),
        (UNVERIFIED, ProbeOutcome::Served, ACTIVE),
        (EXHAUSTED, ProbeOutcome::Served, ACTIVE),
        (ACTIVE, ProbeOutcome::ModelUnknown, ACTIVE),
        (REJECTED, ProbeOutcome::ModelUnknown, REJECTED),
        (unreached(Health::Active), ProbeOutcome::ModelUnknown, ACTIVE),
    ] {
        let before = status(before.0, before.1);
        let mut machine = Machine::default();
        let start = Instant::now();
        assert_eq!(machine.step(subject(&before), check(), at(start, 0)), Action::Probe);
        let action = machine.step(subject(&before), probed(outcome), at(start, 1));
        let Action::Commit(after_status) = &action else { panic!("{action:?}") };
        assert_eq!(after_status.last_check_time, Some(at(start, 1).wall));
        assert_eq!(after_status.last_error.is_some(), outcome.reason().is_some());
        assert_eq!(committed(action), after, "{before:?} {outcome:?}");
        let good = after.0 != Health::Inactive && after.1 != Some(HealthReason::Unreachable);
        assert_eq!(machine.recheck_at().is_none(), good, "{outcome:?}");
    }
}

#[test]
fn evidence_asks_for_a_probe_only_where_it_could_change_something() {
    for (before, finding, expected) in [
        (ACTIVE, Finding::Rejected, Action::Probe),
        (ACTIVE, Finding::Exhausted, Action::Probe),
        (UNVERIFIED, Finding::Rejected, Action::Probe),
        (REJECTED, Finding::Rejected, Action::Nothing),
        (EXHAUSTED, Finding::Exhausted, Action::Nothing),
        (ACTIVE, Finding::Served, Action::Nothing),
        (REJECTED, Finding::Served, Action::Nothing),
        (ACTIVE, Finding::RateLimited, Action::Nothing),
        (REJECTED, Finding::Denied, Action::Nothing),
        (LIMITED, Finding::Denied, Action::Nothing),
    ] {
        let before = status(before.0, before.1);
        let action = Machine::default().step(subject(&before), told(finding), at(Instant::now(), 0));
        assert_eq!(action, expected, "{before:?} {finding:?}");
    }
}

#[test]
fn the_first_use_makes_it_active_and_a_missing_right_is_noted() {
    let unverified = status(UNVERIFIED.0, UNVERIFIED.1);
    let served = Machine::default().step(subject(&unverified), told(Finding::Served), at(Instant::now(), 0));
    assert_eq!(committed(served), ACTIVE);
    let problem = CredentialProblem::unsettled(Finding::Exhausted, None, SystemTime::UNIX_EPOCH);
    let unreached = CredentialStatus { last_error: problem, ..unverified };
    let served = Machine::default().step(subject(&unreached), told(Finding::Served), at(Instant::now(), 0));
    let Action::Commit(served) = served else { panic!("{served:?}") };
    assert_eq!(served.last_error, None, "what was wrong is wrong no more");
    let active = status(ACTIVE.0, ACTIVE.1);
    let denied = Machine::default().step(subject(&active), told(Finding::Denied), at(Instant::now(), 0));
    assert_eq!(committed(denied), LIMITED);
    let of_a_model = Input::Evidence { finding: Finding::Denied, value_version: 2, upstream_status: Some(404) };
    assert_eq!(Machine::default().step(subject(&active), of_a_model, at(Instant::now(), 0)), Action::Nothing);
}

#[test]
fn what_is_of_another_value_disabled_or_elsewhere_changes_nothing() {
    let active = status(ACTIVE.0, ACTIVE.1);
    let now = at(Instant::now(), 0);
    for finding in [Finding::Served, Finding::Rejected, Finding::Denied, Finding::Exhausted] {
        for value_version in [0, 1, 3, u64::MAX] {
            let input = Input::Evidence { finding, value_version, upstream_status: Some(401) };
            assert_eq!(Machine::default().step(subject(&active), input, now), Action::Nothing);
        }
        for standing in [Standing::OutOfUse, Standing::Elsewhere] {
            let subject = Subject { standing, ..subject(&active) };
            assert_eq!(Machine::default().step(subject, told(finding), now), Action::Nothing);
        }
    }
    let elsewhere = Subject { standing: Standing::Elsewhere, ..subject(&active) };
    assert_eq!(Machine::default().step(elsewhere, check(), now), Action::Nothing);
    // An admin may ask about one that is disabled.
    let disabled = Subject { standing: Standing::OutOfUse, ..subject(&active) };
    assert_eq!(Machine::default().step(disabled, check(), now), Action::Probe);
    // A probe's result that comes after another value is of nothing.
    let mut machine = Machine::default();
    assert_eq!(machine.step(subject(&active), told(Finding::Rejected), now), Action::Probe);
    let newer = Subject { value_version: 3, ..subject(&active) };
    assert_eq!(machine.step(newer, probed(ProbeOutcome::Rejected), now), Action::Nothing);
    assert!(!machine.is_probing());
}

#[test]
fn a_storm_of_reports_is_one_probe_and_a_repeated_lie_is_asked_about_less_and_less() {
    let active = status(ACTIVE.0, ACTIVE.1);
    let start = Instant::now();
    let mut machine = Machine::default();
    let mut probes = Vec::new();
    for second in 0..200 {
        for _ in 0..50 {
            if machine.step(subject(&active), told(Finding::Rejected), at(start, second)) == Action::Probe {
                probes.push(second);
            }
        }
        if machine.is_probing() {
            assert_eq!(
                committed(machine.step(subject(&active), probed(ProbeOutcome::Passed), at(start, second))),
                ACTIVE
            );
        }
    }
    assert_eq!(probes, [0, 10, 30, 70, 150]);
}

#[test]
fn a_report_within_the_gap_is_not_lost() {
    let active = status(ACTIVE.0, ACTIVE.1);
    let start = Instant::now();
    let mut machine = Machine::default();
    assert_eq!(machine.step(subject(&active), told(Finding::Rejected), at(start, 0)), Action::Probe);
    let _ = machine.step(subject(&active), probed(ProbeOutcome::Passed), at(start, 1));
    assert_eq!(machine.step(subject(&active), told(Finding::Rejected), at(start, 2)), Action::Nothing);
    assert_eq!(machine.recheck_at(), Some(at(start, 10).now));
    assert_eq!(machine.step(subject(&active), Input::RecheckDue, at(start, 10)), Action::Probe);
    let action = machine.step(subject(&active), probed(ProbeOutcome::Rejected), at(start, 11));
    assert_eq!(committed(action), REJECTED);
}

#[test]
fn an_empty_account_that_the_probe_can_not_see_is_told() {
    let active = status(ACTIVE.0, ACTIVE.1);
    let mut machine = Machine::default();
    let start = Instant::now();
    assert_eq!(machine.step(subject(&active), told(Finding::Exhausted), at(start, 0)), Action::Probe);
    let Action::Commit(after) = machine.step(subject(&active), probed(ProbeOutcome::Passed), at(start, 1)) else {
        panic!("a status is stored")
    };
    assert_eq!((after.health, after.reason), ACTIVE);
    assert!(after.last_error.is_some());
}

#[test]
fn rechecks_come_later_and_later_until_a_pass() {
    let inactive = status(REJECTED.0, REJECTED.1);
    let start = Instant::now();
    let mut machine = Machine::found(subject(&inactive), at(start, 0));
    let mut delays = Vec::new();
    let mut now = at(start, 0);
    for _ in 0..7 {
        let due = machine.recheck_at().unwrap();
        delays.push((due - now.now).as_secs());
        now = Moment { now: due, ..now };
        assert_eq!(machine.step(subject(&inactive), Input::RecheckDue, now), Action::Probe);
        assert_eq!(committed(machine.step(subject(&inactive), probed(ProbeOutcome::Rejected), now)), REJECTED);
    }
    assert_eq!(delays, [30, 15, 30, 60, 120, 240, 300]);
    assert_eq!(machine.step(subject(&inactive), check(), now), Action::Probe);
    assert_eq!(committed(machine.step(subject(&inactive), probed(ProbeOutcome::Passed), now)), ACTIVE);
    assert_eq!(machine.recheck_at(), None);
}

#[test]
fn after_a_restart_the_rest_of_the_delay_is_waited() {
    let start = Instant::now();
    let checked = |seconds, health, reason| CredentialStatus {
        last_check_time: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        ..status(health, reason)
    };
    for (found, due) in [
        (checked(90, REJECTED.0, REJECTED.1), Some(120)),
        (checked(10, REJECTED.0, REJECTED.1), Some(100)),
        (checked(90, Health::Active, Some(HealthReason::Unreachable)), Some(120)),
        (checked(90, ACTIVE.0, ACTIVE.1), None),
        (status(UNVERIFIED.0, UNVERIFIED.1), None),
    ] {
        let machine = Machine::found(subject(&found), at(start, 100));
        assert_eq!(machine.recheck_at(), due.map(|seconds| at(start, seconds).now), "{found:?}");
    }
}

/// A finding of enough proxies, and what the probe that it causes says.
fn after_votes(finding: Finding, outcome: ProbeOutcome, agreed: Option<Finding>) -> CredentialStatus {
    let active = status(ACTIVE.0, ACTIVE.1);
    let start = Instant::now();
    let mut machine = Machine::default();
    let subject = Subject { agreed, ..subject(&active) };
    assert_eq!(machine.step(subject, told(finding), at(start, 0)), Action::Probe, "a probe comes first");
    match machine.step(subject, probed(outcome), at(start, 1)) {
        Action::Commit(status) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn votes_decide_only_where_the_probe_can_not_tell() {
    for outcome in ProbeOutcome::ALL {
        for finding in [Finding::Rejected, Finding::Exhausted] {
            let after = after_votes(finding, outcome, Some(finding));
            let is_out = outcome.bad().is_some() || !outcome.refutes(finding);
            assert_eq!(after.health == Health::Inactive, is_out, "{finding:?} {outcome:?}");
            let without = after_votes(finding, outcome, None);
            assert_eq!(without.health == Health::Inactive, outcome.bad().is_some(), "{finding:?} {outcome:?}");
            assert_ne!(without.health, Health::Unverified);
        }
    }
    let empty = after_votes(Finding::Exhausted, ProbeOutcome::Passed, Some(Finding::Exhausted));
    assert_eq!((empty.health, empty.reason), EXHAUSTED);
    let refuted = after_votes(Finding::Rejected, ProbeOutcome::Passed, Some(Finding::Rejected));
    assert_eq!((refuted.health, refuted.reason), ACTIVE);
}

#[test]
fn a_vote_that_comes_after_the_probe_needs_no_other_probe() {
    let active = status(ACTIVE.0, ACTIVE.1);
    let start = Instant::now();
    let mut machine = Machine::default();
    assert_eq!(machine.step(subject(&active), told(Finding::Exhausted), at(start, 0)), Action::Probe);
    let _ = machine.step(subject(&active), probed(ProbeOutcome::Passed), at(start, 1));
    assert_eq!(machine.step(subject(&active), told(Finding::Exhausted), at(start, 2)), Action::Nothing);
    let agreed = Subject { agreed: Some(Finding::Exhausted), ..subject(&active) };
    // Another finding than what was left open is asked about, when the gap is over.
    assert_eq!(machine.step(agreed, told(Finding::Rejected), at(start, 2)), Action::Nothing);
    assert_eq!(committed(machine.step(agreed, told(Finding::Exhausted), at(start, 2))), EXHAUSTED);
}

#[test]
fn an_account_that_was_empty_comes_back_on_probation() {
    let empty = status(EXHAUSTED.0, EXHAUSTED.1);
    let start = Instant::now();
    let mut machine = Machine::found(subject(&empty), at(start, 0));
    assert_eq!(machine.step(subject(&empty), Input::RecheckDue, at(start, 30)), Action::Probe);
    let back = machine.step(subject(&empty), probed(ProbeOutcome::Passed), at(start, 30));
    assert_eq!(committed(back), UNVERIFIED);
    let unverified = status(UNVERIFIED.0, UNVERIFIED.1);
    let served = machine.step(subject(&unverified), told(Finding::Served), at(start, 31));
    assert_eq!(committed(served), ACTIVE);
}

#[test]
fn what_goes_out_again_soon_waits_longer() {
    let (active, out) = (status(ACTIVE.0, ACTIVE.1), status(REJECTED.0, REJECTED.1));
    let start = Instant::now();
    let (mut machine, mut now, mut delays) = (Machine::default(), 0, Vec::new());
    for _ in 0..5 {
        assert_eq!(machine.step(subject(&active), told(Finding::Rejected), at(start, now)), Action::Probe);
        assert_eq!(committed(machine.step(subject(&active), probed(ProbeOutcome::Rejected), at(start, now))), REJECTED);
        let due = machine.recheck_at().unwrap() - at(start, now).now;
        delays.push(due.as_secs());
        now += due.as_secs();
        assert_eq!(machine.step(subject(&out), Input::RecheckDue, at(start, now)), Action::Probe);
        assert_eq!(committed(machine.step(subject(&out), probed(ProbeOutcome::Passed), at(start, now))), ACTIVE);
        assert!(!machine.is_forgettable(at(start, now).now), "one pass forgives nothing");
        now += 60;
    }
    assert_eq!(delays, [15, 30, 60, 120, 240]);
}

fn any_finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        Just(Finding::Served),
        Just(Finding::Rejected),
        Just(Finding::Denied),
        Just(Finding::Exhausted),
        Just(Finding::RateLimited)
    ]
}

/// What a probe may say of a credential that is not dead.
fn any_outcome() -> impl Strategy<Value = ProbeOutcome> {
    prop::sample::select(ProbeOutcome::ALL.to_vec()).prop_filter("it is not dead", |outcome| outcome.bad().is_none())
}

fn any_health() -> impl Strategy<Value = (Health, Option<HealthReason>)> {
    prop_oneof![Just(UNVERIFIED), Just(ACTIVE), Just(LIMITED), Just(REJECTED), Just(EXHAUSTED)]
}

proptest! {
    /// Whatever proxies tell: without a probe that says so, what serves goes on serving and what does not stays out; and probes that
    /// they cause are five seconds apart.
    #[test]
    fn evidence_alone_takes_nothing_away_and_gives_nothing_back(
        before in any_health(),
        outcome in any_outcome(),
        reports in prop::collection::vec((any_finding(), 1_u64..4, prop::option::of(400_u16..430), 0_u64..20), 1..80),
    ) {
        let mut current = status(before.0, before.1);
        let mut machine = Machine::default();
        let start = Instant::now();
        let mut second = 0;
        let mut last_probe = None;
        for (finding, value_version, upstream_status, later) in reports {
            second += later;
            let input = Input::Evidence { finding, value_version, upstream_status };
            match machine.step(subject(&current), input, at(start, second)) {
                Action::Nothing => {}
                Action::Probe => {
                    prop_assert!(last_probe.is_none_or(|last| second - last >= 5));
                    last_probe = Some(second);
                    let action = machine.step(subject(&current), probed(outcome), at(start, second));
                    if let Action::Commit(next) = action { current = next }
                }
                Action::Commit(next) => current = next,
            }
            let serves = |health| health != Health::Inactive;
            prop_assert_eq!(serves(current.health), serves(before.0));
        }
    }

    /// One probe at a time, whatever comes.
    #[test]
    fn there_is_never_more_than_one_probe_in_flight(
        inputs in prop::collection::vec((0_u8..4, any_finding(), 0_u64..30), 1..80),
    ) {
        let mut current = status(Health::Active, None);
        let mut machine = Machine::default();
        let start = Instant::now();
        let (mut second, mut in_flight) = (0, 0);
        for (kind, finding, later) in inputs {
            second += later;
            let input = match kind {
                0 => told(finding),
                1 => check(),
                2 => Input::RecheckDue,
                _ if in_flight == 0 => continue,
                _ => { in_flight -= 1; probed(ProbeOutcome::Rejected) }
            };
            match machine.step(subject(&current), input, at(start, second)) {
                Action::Probe => in_flight += 1,
                Action::Commit(next) => current = next,
                Action::Nothing => {}
            }
            prop_assert!(in_flight <= 1);
            prop_assert_eq!(machine.is_probing(), in_flight == 1);
        }
    }

    /// The same report again, or the same verdict again, ends in the same state.
    #[test]
    fn repetition_changes_nothing_more(before in any_health(), finding in any_finding(), times in 2_usize..10) {
        let start = Instant::now();
        let run = |times: usize| {
            let mut current = status(before.0, before.1);
            let mut machine = Machine::default();
            for _ in 0..times {
                match machine.step(subject(&current), told(finding), at(start, 0)) {
                    Action::Probe => {
                        let action = machine.step(subject(&current), probed(ProbeOutcome::Rejected), at(start, 0));
                        if let Action::Commit(next) = action { current = next }
                    }
                    Action::Commit(next) => current = next,
                    Action::Nothing => {}
                }
            }
            current
        };
        prop_assert_eq!(run(1), run(times));
    }
}
