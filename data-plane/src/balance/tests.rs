use proptest::prelude::*;

use shared::credential::CredentialValue;
use shared::secret::Secret;

use super::health::MODELS;
use super::*;

mod group;
mod returning;

fn credential(weight: u32, value_version: u64) -> Credential {
    let value = CredentialValue::ApiKey(Secret::from("sk-test".to_owned()));
    Credential { value, additional_key: None, value_version, weight, quota_group: None, unverified: false }
}

fn pool_of(credentials: &[(CredentialName, Credential)], former: Option<&Pool>) -> Pool {
    let credentials = credentials.iter().map(|(name, credential)| (name, credential));
    Pool::new(credentials, former, &mut Groups::default(), NOW)
}

fn name(index: usize) -> CredentialName {
    format!("projects/p/providers/a/credentials/c{index}").parse().unwrap()
}

fn pool_after(weights: &[u32], former: Option<&Pool>) -> Pool {
    let credentials: Vec<_> =
        weights.iter().enumerate().map(|(index, weight)| (name(index), credential(*weight, 1))).collect();
    pool_of(&credentials, former)
}

fn pool(weights: &[u32]) -> Pool {
    pool_after(weights, None)
}

fn model() -> Arc<str> {
    "gpt".into()
}

fn index(pick: &Pick) -> usize {
    pick.member().name.id_number()
}

trait IdNumber {
    fn id_number(&self) -> usize;
}

impl IdNumber for CredentialName {
    fn id_number(&self) -> usize {
        self.to_string().rsplit('c').next().unwrap().parse().unwrap()
    }
}

/// How often each is picked in a run.
fn run(pool: &Pool, model: &str, picks: usize, members: usize, now: Moment) -> Vec<usize> {
    let mut served = vec![0; members];
    for _ in 0..picks {
        served[index(&pool.pick(model, &[], now).unwrap())] += 1;
    }
    served
}

const NOW: Moment = Moment(1000);

#[test]
fn seven_share_evenly_when_one_of_eight_is_out() {
    let pool = pool(&[1; 8]);
    run(&pool, "gpt", 3, 8, NOW);
    pool.pick("gpt", &[], NOW).unwrap().failed(Scope::Model, &model(), Cause::RateLimited, None, NOW);
    assert_eq!(run(&pool, "gpt", 700, 8, NOW), [100, 100, 100, 0, 100, 100, 100, 100]);
    assert_eq!(run(&pool, "other", 800, 8, NOW), [100; 8], "for another model it serves");
}

#[test]
fn a_rejected_credential_is_out_at_once_and_one_request_probes_it_later() {
    let pool = pool(&[1, 1]);
    let pick = pool.pick("gpt", &[], NOW).unwrap();
    let out = index(&pick);
    pick.failed(Scope::Whole, &model(), Cause::Rejected, None, NOW);
    let mut expected = [0, 0];
    expected[1 - out] = 100;
    assert_eq!(run(&pool, "gpt", 100, 2, NOW), expected);

    let due = NOW.plus(Duration::from_secs(30));
    let probe = pool.pick("gpt", &[], due).unwrap();
    assert_eq!(index(&probe), out);
    assert_eq!(run(&pool, "gpt", 100, 2, due), expected, "others stay away while one probes");
    assert!(probe.succeeded(|| due), "the fleet is told that it serves again");
    assert_eq!(run(&pool, "gpt", 100, 2, due.plus(ramp::LENGTH)), [50, 50]);
}

#[test]
fn a_probe_that_is_dropped_leaves_the_probation_to_the_next_request() {
    let pool = pool(&[1]);
    pool.pick("gpt", &[], NOW).unwrap().failed(Scope::Whole, &model(), Cause::Exhausted, None, NOW);
    // A drop reads the real clock, which is near its beginning here.
    let due = NOW.plus(Duration::from_secs(3600));
    drop(pool.pick("gpt", &[], due).unwrap());
    assert!(pool.pick("gpt", &[], due).is_ok());
}

#[test]
fn when_all_are_out_the_shortest_wait_is_told() {
    let pool = pool(&[1, 1]);
    for seconds in [50, 20] {
        let hint = Some(Duration::from_secs(seconds));
        pool.pick("gpt", &[], NOW).unwrap().failed(Scope::Model, &model(), Cause::RateLimited, hint, NOW);
    }
    let out = |cause, seconds| NoPick::Out { retry_after: Duration::from_secs(seconds), cause };
    assert_eq!(pool.pick("gpt", &[], NOW).unwrap_err(), out(Some(Cause::RateLimited), 20));
    assert!(pool.pick("other", &[], NOW).is_ok());
    for _ in 0..2 {
        pool.pick("other", &[], NOW).unwrap().failed(Scope::Whole, &model(), Cause::Rejected, None, NOW);
    }
    assert_eq!(pool.pick("gpt", &[], NOW).unwrap_err(), out(None, 30));
}

#[test]
fn an_empty_pool_and_one_that_was_tried_are_told_apart() {
    assert_eq!(pool(&[]).pick("gpt", &[], NOW).unwrap_err(), NoPick::Empty);
    assert_eq!(pool(&[0, 0]).pick("gpt", &[], NOW).unwrap_err(), NoPick::Empty);
    let pool = pool(&[1]);
    let tried = [Arc::clone(pool.pick("gpt", &[], NOW).unwrap().member())];
    assert_eq!(pool.pick("gpt", &tried, NOW).unwrap_err(), NoPick::Tried);
}

#[test]
fn what_was_learned_outlives_the_pool_unless_the_value_is_another() {
    let first = pool(&[1, 1]);
    let pick = first.pick("gpt", &[], NOW).unwrap();
    let out = index(&pick);
    let second = pool_after(&[3, 3], Some(&first));
    // A failure found through the older pool counts in the newer one.
    pick.failed(Scope::Whole, &model(), Cause::Rejected, None, NOW);
    assert_eq!(run(&second, "gpt", 10, 2, NOW)[out], 0);
    assert_eq!(first.missing_in(Some(&second)).count(), 0);

    let rotated = [(name(0), credential(1, 2)), (name(1), credential(1, 2))];
    let third = pool_of(&rotated, Some(&second));
    assert_eq!(run(&third, "gpt", 10, 2, NOW), [5, 5]);
    assert_eq!(second.missing_in(Some(&third)).count(), 2);
}

#[test]
fn a_credential_that_became_verified_still_serves_who_holds_the_older_pool() {
    let unverified = [(name(0), Credential { unverified: true, ..credential(1, 1) })];
    let first = pool_of(&unverified, None);
    let second = pool_of(&[(name(0), credential(1, 1))], Some(&first));
    for retired in first.missing_in(Some(&second)) {
        retired.retire();
    }
    assert!(first.pick("gpt", &[], NOW).is_ok());
}

#[test]
fn a_retired_credential_is_not_picked_through_an_older_pool() {
    let pool = pool(&[1, 1]);
    run(&pool, "gpt", 2, 2, NOW);
    pool.missing_in(None).next().unwrap().retire();
    assert_eq!(run(&pool, "gpt", 10, 2, NOW), [0, 10]);
}

#[test]
fn callers_can_not_grow_what_is_known_of_a_credential_without_bound() {
    let pool = pool(&[1]);
    for number in 0..1000 {
        let model: Arc<str> = format!("model-{number}").into();
        pool.pick(&model, &[], NOW).unwrap().failed(Scope::Model, &model, Cause::Denied, None, NOW);
    }
    let pick = pool.pick("gpt", &[], NOW).unwrap();
    assert!(pick.member().known.health.models.load().len() <= MODELS);
}

#[test]
fn names_that_nobody_has_make_no_rate_limit_forgotten() {
    let pool = pool(&[1]);
    let hint = Some(Duration::from_secs(5));
    pool.pick("gpt", &[], NOW).unwrap().failed(Scope::Model, &model(), Cause::RateLimited, hint, NOW);
    for number in 0..2 * MODELS {
        let model: Arc<str> = format!("model-{number}").into();
        pool.pick(&model, &[], NOW).unwrap().failed(Scope::Model, &model, Cause::Missing, None, NOW);
    }
    let out = NoPick::Out { retry_after: Duration::from_secs(5), cause: Some(Cause::RateLimited) };
    assert_eq!(pool.pick("gpt", &[], NOW).unwrap_err(), out);
}

#[test]
fn the_first_success_of_an_unverified_credential_is_told_once() {
    let unverified = [(name(0), Credential { unverified: true, ..credential(1, 1) })];
    let pool = pool_of(&unverified, None);
    let told: Vec<_> = (0..3).map(|_| pool.pick("gpt", &[], NOW).unwrap().succeeded(|| NOW)).collect();
    assert_eq!(told, [true, false, false]);
}

proptest! {
    #[test]
    fn shares_stay_exact_through_any_sequence_of_leaving_and_returning(
        weights in prop::collection::vec(0_u32..=20, 1..8), steps in prop::collection::vec((0_usize..8, any::<bool>()), 0..12),
    ) {
        let pool = pool(&weights);
        let mut now = NOW;
        let mut is_out = vec![false; weights.len()];
        for (member, for_model) in steps {
            let member = member % weights.len();
            if is_out[member] {
                // Far enough for everyone's time to have come: all return by a probe.
                now = now.plus(Duration::from_secs(1_000_000));
                for _ in 0..weights.len() {
                    if let Ok(pick) = pool.pick("gpt", &[], now) {
                        pick.succeeded(|| now);
                    }
                }
                now = now.plus(ramp::LENGTH);
                is_out.fill(false);
            } else if weights[member] > 0 {
                let mut tried = Vec::new();
                while let Ok(pick) = pool.pick("gpt", &tried, now) {
                    if index(&pick) == member {
                        let scope = if for_model { Scope::Model } else { Scope::Whole };
                        pick.failed(scope, &model(), Cause::RateLimited, None, now);
                        is_out[member] = true;
                        break;
                    }
                    tried.push(Arc::clone(pick.member()));
                }
            }
            let serving: Vec<u32> = weights.iter().zip(&is_out).map(|(weight, out)| if *out { 0 } else { *weight }).collect();
            let round = ring::order(&serving);
            if round.is_empty() {
                prop_assert!(pool.pick("gpt", &[], now).is_err());
                continue;
            }
            let mut expected = vec![0; weights.len()];
            round.iter().for_each(|member| expected[*member as usize] += 1);
            prop_assert_eq!(run(&pool, "gpt", round.len(), weights.len(), now), expected);
        }
    }
}
