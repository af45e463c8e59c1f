//! What members of a quota group share, over pools.

use std::collections::HashMap as Map;

use super::*;

/// Pools of one environment: for each the weight and the group of its members, by number.
fn pools(members: &[(usize, u32, Option<usize>)]) -> Map<usize, Pool> {
    let mut groups = Groups::default();
    let mut by_pool: Map<usize, Vec<(CredentialName, Credential)>> = Map::new();
    for (index, (pool, weight, group)) in members.iter().enumerate() {
        let quota_group = group.map(|group| format!("account-{group}").into());
        by_pool.entry(*pool).or_default().push((name(index), Credential { quota_group, ..credential(*weight, 1) }));
    }
    let pool = |(pool, credentials): (usize, Vec<(CredentialName, Credential)>)| {
        let credentials = credentials.iter().map(|(name, credential)| (name, credential));
        (pool, Pool::new(credentials, None, &mut groups, NOW))
    };
    by_pool.into_iter().map(pool).collect()
}

fn fail(pool: &Pool, member: usize, cause: Cause, scope: Scope, now: Moment) {
    let mut tried = Vec::new();
    loop {
        let pick = pool.pick("gpt", &tried, now).unwrap();
        if index(&pick) == member {
            return pick.failed(scope, &model(), cause, None, now);
        }
        tried.push(Arc::clone(pick.member()));
    }
}

fn rate_limit(pool: &Pool, member: usize, now: Moment) {
    fail(pool, member, Cause::RateLimited, Scope::Model, now);
}

#[test]
fn a_rate_limit_cools_the_account_for_that_model_over_all_pools() {
    let pools = pools(&[(0, 1, Some(7)), (0, 1, None), (1, 1, Some(7)), (1, 1, Some(8))]);
    // Both have made their order before.
    run(&pools[&0], "gpt", 2, 4, NOW);
    run(&pools[&1], "gpt", 2, 4, NOW);
    rate_limit(&pools[&0], 0, NOW);
    assert_eq!(run(&pools[&0], "gpt", 10, 4, NOW), [0, 10, 0, 0]);
    assert_eq!(run(&pools[&1], "gpt", 10, 4, NOW), [0, 0, 0, 10]);
    assert_eq!(run(&pools[&1], "other", 10, 4, NOW), [0, 0, 5, 5], "for another model it serves");
}

#[test]
fn one_request_probes_for_all_members() {
    let pools = pools(&[(0, 1, Some(7)), (1, 1, Some(7)), (1, 1, Some(7))]);
    rate_limit(&pools[&0], 0, NOW);
    let out = NoPick::Out { retry_after: Duration::from_secs(30), cause: Some(Cause::RateLimited) };
    assert_eq!(pools[&1].pick("gpt", &[], NOW).unwrap_err(), out);
    let due = NOW.plus(Duration::from_secs(30));
    let probe = pools[&1].pick("gpt", &[], due).unwrap();
    assert!(pools[&0].pick("gpt", &[], due).is_err() && pools[&1].pick("gpt", &[], due).is_err());
    assert!(probe.succeeded(|| due));
    assert!(pools[&0].pick("gpt", &[], due).is_ok() && pools[&1].pick("gpt", &[], due).is_ok());
}

#[test]
fn an_empty_account_is_out_for_every_model_and_a_rejected_key_alone() {
    let pools = pools(&[(0, 1, Some(7)), (0, 1, Some(7)), (1, 1, Some(7)), (1, 1, None)]);
    fail(&pools[&0], 0, Cause::Rejected, Scope::Whole, NOW);
    assert_eq!(run(&pools[&0], "gpt", 4, 4, NOW), [0, 4, 0, 0]);
    fail(&pools[&1], 2, Cause::Exhausted, Scope::Whole, NOW);
    assert_eq!(run(&pools[&1], "other", 4, 4, NOW), [0, 0, 0, 4]);
    let out = |pool: &Pool| pool.pick("other", &[], NOW).unwrap_err();
    assert!(matches!(out(&pools[&0]), NoPick::Out { cause: Some(Cause::Exhausted), .. }));
}

#[test]
fn a_member_with_a_new_value_lets_an_empty_account_be_tried_again() {
    let mut groups = Groups::default();
    let grouped = |version| Credential { quota_group: Some("account".into()), ..credential(1, version) };
    let mut pool = |versions: [u64; 2], former: Option<&Pool>| {
        let members = [(name(0), grouped(versions[0])), (name(1), grouped(versions[1]))];
        Pool::new(members.iter().map(|(name, credential)| (name, credential)), former, &mut groups, NOW)
    };
    let first = pool([1, 1], None);
    fail(&first, 0, Cause::Exhausted, Scope::Whole, NOW);
    let second = pool([1, 1], Some(&first));
    assert!(second.pick("gpt", &[], NOW).is_err(), "nothing changed");
    let third = pool([2, 1], Some(&second));
    let probe = third.pick("gpt", &[], NOW).unwrap();
    assert!(third.pick("gpt", &[], NOW).is_err(), "one request tries");
    probe.succeeded(|| NOW);
    assert_eq!(run(&third, "gpt", 4, 2, NOW), [2, 2]);
}

#[test]
fn groups_that_nobody_is_in_don_t_gather() {
    let mut groups = Groups::default();
    let kept = groups.get(&"kept".into());
    for number in 0..1000 {
        drop(groups.get(&format!("account-{number}").into()));
    }
    assert!(Arc::ptr_eq(&kept, &groups.get(&"kept".into())));
    assert!(groups.len() <= 3, "{}", groups.len());
}

proptest! {
    #[test]
    fn no_member_of_a_cooling_group_is_picked_and_the_others_keep_exact_shares(
        members in prop::collection::vec((0_usize..3, 0_u32..=20, prop::option::of(0_usize..3)), 1..10),
        steps in prop::collection::vec(0_usize..10, 0..6),
    ) {
        let pools = pools(&members);
        let mut is_out = vec![false; members.len()];
        for step in steps {
            let (pool, weight, group) = members[step % members.len()];
            if weight == 0 || is_out[step % members.len()] {
                continue;
            }
            rate_limit(&pools[&pool], step % members.len(), NOW);
            for (index, (_, _, other)) in members.iter().enumerate() {
                is_out[index] |= index == step % members.len() || (group.is_some() && group == *other);
            }
            for (number, pool) in &pools {
                let weight = |(index, (pool, weight, _)): (usize, &(usize, u32, _))| {
                    if pool == number && !is_out[index] { *weight } else { 0 }
                };
                let round = ring::order(&members.iter().enumerate().map(weight).collect::<Vec<_>>());
                if round.is_empty() {
                    prop_assert!(pool.pick("gpt", &[], NOW).is_err());
                    continue;
                }
                let mut expected = vec![0; members.len()];
                round.iter().for_each(|member| expected[*member as usize] += 1);
                prop_assert_eq!(run(pool, "gpt", round.len(), members.len(), NOW), expected);
            }
        }
    }
}
