//! Votes as tables, and what no minority can do.

use proptest::prelude::*;

use super::*;

const NAME: &str = "projects/p/providers/a/credentials/c";

fn credential() -> CredentialName {
    NAME.parse().unwrap()
}

fn proxy(number: usize) -> ProxyName {
    format!("proxies/p{number}").parse().unwrap()
}

/// A credential's tally, by its version 1.
#[derive(Default)]
struct World(Tallies);

impl World {
    fn used(&mut self, number: usize, now: Instant) {
        self.0.used(&credential(), 1, &proxy(number), now);
    }

    fn told(&mut self, number: usize, finding: Finding, count: u64, now: Instant) {
        self.told_in(Company::Alone, number, (finding, count), now);
    }

    fn told_in(&mut self, company: Company, number: usize, (finding, count): (Finding, u64), now: Instant) {
        self.0.told(&credential(), 1, (&proxy(number), (finding, count, company)), now);
    }

    fn agreed(&self, now: Instant) -> Option<Finding> {
        self.0.agreed(&credential(), 1, now)
    }
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn one_of_several_is_no_majority_and_most_of_them_are() {
    let start = Instant::now();
    for (users, sayers, expected) in
        [(2, 1, false), (2, 2, true), (3, 1, false), (3, 2, true), (8, 4, false), (8, 5, true)]
    {
        let mut world = World::default();
        (0..users).for_each(|number| world.used(number, start));
        (0..sayers).for_each(|number| world.told(number, Finding::Exhausted, 1_000_000, start));
        let expected = expected.then_some(Finding::Exhausted);
        assert_eq!(world.agreed(start), expected, "{sayers} of {users}");
    }
}

#[test]
fn the_only_proxy_needs_five_failures_in_a_row() {
    let start = Instant::now();
    let mut world = World::default();
    for at in 0..4 {
        world.told(0, Finding::Rejected, 1, after(start, at));
        assert_eq!(world.agreed(after(start, at)), None);
    }
    world.told(0, Finding::Served, 1, after(start, 4));
    world.told(0, Finding::Rejected, 4, after(start, 5));
    assert_eq!(world.agreed(after(start, 5)), None, "a success came between");
    // A proxy that leaves it alone in between tries it every few minutes.
    world.told(0, Finding::Rejected, 1, after(start, 600));
    assert_eq!(world.agreed(after(start, 600)), Some(Finding::Rejected));
    world.used(1, after(start, 601));
    assert_eq!(world.agreed(after(start, 601)), None, "another one uses it");
}

#[test]
fn the_only_one_that_uses_it_of_several_that_have_it_decides_nothing() {
    let start = Instant::now();
    let mut world = World::default();
    world.told_in(Company::Others, 0, (Finding::Exhausted, 1_000_000), start);
    assert_eq!(world.agreed(start), None);
    world.told_in(Company::Others, 1, (Finding::Exhausted, 1), start);
    assert_eq!(world.agreed(start), Some(Finding::Exhausted), "two of two");
}

#[test]
fn what_is_over_a_minute_old_does_not_count() {
    let start = Instant::now();
    let mut world = World::default();
    (0..3).for_each(|number| world.told(number, Finding::Rejected, 1, start));
    assert_eq!(world.agreed(after(start, 59)), Some(Finding::Rejected));
    (0..3).for_each(|number| world.used(number, after(start, 59)));
    assert_eq!(world.agreed(after(start, 61)), None, "they used it, and said nothing in this minute");
    assert_eq!(world.agreed(after(start, 200)), None, "nobody used it");
}

#[test]
fn another_value_has_a_tally_of_its_own_and_a_return_begins_anew() {
    let start = Instant::now();
    let mut world = World::default();
    (0..3).for_each(|number| world.told(number, Finding::Rejected, 9, start));
    assert_eq!(world.0.agreed(&credential(), 2, start), None);
    world.0.begin_anew(&credential());
    assert_eq!(world.agreed(start), None);
    (0..3).for_each(|number| world.told(number, Finding::Rejected, 9, start));
    world.0.used(&credential(), 2, &proxy(0), start);
    assert_eq!(world.0.agreed(&credential(), 2, start), None);
    assert_eq!(world.agreed(start), None);
}

#[test]
fn more_proxies_than_can_be_counted_decide_nothing_and_are_forgotten() {
    let start = Instant::now();
    let mut world = World::default();
    for number in 0..MOST_PROXIES {
        world.told(number, Finding::Rejected, 1, start);
    }
    assert_eq!(world.agreed(start), Some(Finding::Rejected));
    world.used(MOST_PROXIES, start);
    assert_eq!(world.agreed(start), None);
    assert_eq!(world.0.voices, MOST_PROXIES);
    world.0.sweep(after(start, 3601));
    assert_eq!((world.0.voices, world.0.by_credential.len()), (0, 0));
}

proptest! {
    /// Whatever a minority says, however often: as long as the others use it, nothing is agreed that they don't say.
    #[test]
    fn no_minority_decides(
        honest in 1_usize..20,
        hostile in 1_usize..20,
        reports in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..5, 1_u64..1_000_000, 0_u64..30), 0..200),
    ) {
        prop_assume!(hostile <= honest);
        let (mut world, mut now) = (World::default(), Instant::now());
        for (who, what, count, later) in reports {
            now = after(now, later);
            (0..honest).for_each(|number| world.used(number, now));
            let finding = [
                Finding::Served, Finding::Rejected, Finding::Denied, Finding::Exhausted, Finding::RateLimited,
            ][usize::from(what)];
            world.told(honest + who.index(hostile), finding, count, now);
            prop_assert_eq!(world.agreed(now), None);
        }
    }

    /// Two findings are never agreed at once, and what is agreed was said.
    #[test]
    fn what_is_agreed_was_said(
        reports in prop::collection::vec((0_usize..6, 0_u8..5, 1_u64..10, 0_u64..100), 1..200),
    ) {
        let (mut world, mut now) = (World::default(), Instant::now());
        let mut said = Vec::new();
        for (who, what, count, later) in reports {
            now = after(now, later);
            let finding = [
                Finding::Served, Finding::Rejected, Finding::Denied, Finding::Exhausted, Finding::RateLimited,
            ][usize::from(what)];
            said.push(finding);
            world.told(who, finding, count, now);
            if let Some(agreed) = world.agreed(now) {
                prop_assert!(said.contains(&agreed));
                prop_assert!(matches!(agreed, Finding::Rejected | Finding::Exhausted));
            }
        }
    }
}
