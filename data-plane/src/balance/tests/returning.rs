//! How a credential takes up its share again.

use super::*;

const DELAY: Duration = Duration::from_secs(30);

/// Out by a failure, and back by its probe's success at `NOW + DELAY`.
fn go_and_return(pool: &Pool, scope: Scope) -> usize {
    let pick = pool.pick("gpt", &[], NOW).unwrap();
    let member = index(&pick);
    pick.failed(scope, &model(), Cause::RateLimited, None, NOW);
    let back = NOW.plus(DELAY);
    let probe = pool.pick("gpt", &[], back).unwrap();
    assert_eq!(index(&probe), member);
    probe.succeeded(|| back);
    member
}

#[test]
fn its_share_grows_in_steps_and_the_others_stay_even() {
    let pool = pool(&[1, 1, 1]);
    let returned = go_and_return(&pool, Scope::Model);
    for (second, parts) in [(0, 1), (6, 2), (12, 3), (18, 4), (24, 5), (30, 6)] {
        let now = NOW.plus(DELAY).plus(Duration::from_secs(second));
        let mut expected = [600; 3];
        expected[returned] = 100 * parts;
        assert_eq!(run(&pool, "gpt", expected.iter().sum(), 3, now), expected, "after {second} s");
        assert_eq!(run(&pool, "other", 30, 3, now), [10; 3], "for another model it was never out");
    }
}

#[test]
fn one_that_fails_as_it_returns_is_out_for_longer() {
    let pool = pool(&[1, 0]);
    go_and_return(&pool, Scope::Whole);
    let back = NOW.plus(DELAY);
    pool.pick("gpt", &[], back).unwrap().failed(Scope::Whole, &model(), Cause::Exhausted, None, back);
    let out = NoPick::Out { retry_after: DELAY * 2, cause: Some(Cause::Exhausted) };
    assert_eq!(pool.pick("gpt", &[], back).unwrap_err(), out);
}

#[test]
fn one_that_was_taken_away_and_comes_back_begins_with_a_part() {
    let first = pool(&[1, 1]);
    let one = [(name(1), credential(1, 1))];
    let without = pool_of(&one, Some(&pool_of(&one, Some(&first))));
    let again = pool_after(&[1, 1], Some(&without));
    assert_eq!(run(&again, "gpt", 70, 2, NOW), [10, 60]);
    let kept = pool_after(&[1, 1], Some(&again));
    assert_eq!(run(&kept, "gpt", 60, 2, NOW.plus(ramp::LENGTH)), [30, 30]);
    // A new one is nobody who came back, and neither is a new value.
    let more = pool_after(&[1, 1, 1], Some(&kept));
    assert_eq!(run(&more, "gpt", 60, 3, NOW.plus(ramp::LENGTH)), [20; 3]);
}

#[test]
fn what_went_away_is_remembered_within_bounds() {
    let mut pool = pool(&[]);
    for member in 0..2 * DEPARTED {
        pool = pool_of(&[(name(member), credential(1, 1))], Some(&pool));
    }
    assert_eq!(pool.departed.len(), DEPARTED);
    assert!(pool.departed.contains(&name(2 * DEPARTED - 2)) && !pool.departed.contains(&name(0)));
}

proptest! {
    #[test]
    fn whoever_was_never_out_keeps_an_exact_share_of_the_rest(
        weights in prop::collection::vec(1_u32..=20, 2..8), returned in 0_usize..8, after in 0_u64..40_000, whole in any::<bool>(),
    ) {
        let pool = pool(&weights);
        let returned = returned % weights.len();
        let mut tried = Vec::new();
        loop {
            let pick = pool.pick("gpt", &tried, NOW).unwrap();
            if index(&pick) == returned {
                pick.failed(if whole { Scope::Whole } else { Scope::Model }, &model(), Cause::RateLimited, None, NOW);
                break;
            }
            tried.push(Arc::clone(pick.member()));
        }
        let back = NOW.plus(DELAY);
        pool.pick("gpt", &[], back).unwrap().succeeded(|| back);
        let now = back.plus(Duration::from_millis(after));
        let parts = ramp::part(back.plus(ramp::LENGTH), now);
        let part = |(index, weight): (usize, &u32)| (weight * if index == returned { parts } else { ramp::WHOLE }) as usize;
        let expected: Vec<_> = weights.iter().enumerate().map(part).collect();
        prop_assert_eq!(run(&pool, "gpt", expected.iter().sum(), weights.len(), now), expected);
    }
}
