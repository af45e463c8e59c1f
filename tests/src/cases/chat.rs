//! Chats through real proxies: weights, keys that die and come back, keys that are rate limited.

use std::time::Duration;

use http::StatusCode;
use proto::admin::v1::{Credential, CredentialState, CredentialStateReason};

use crate::caller::Load;
use crate::condition::{eventually, within};
use crate::provider::Script;
use crate::world::{MODEL, World};

/// So many chats through a proxy, one after the other; each is answered.
async fn chats(world: &World, proxy: usize, count: u32) -> anyhow::Result<()> {
    let caller = world.proxies[proxy].caller(&world.caller_key);
    for _ in 0..count {
        let answer = caller.chat(MODEL).await?;
        anyhow::ensure!(answer.status == StatusCode::OK, "{}: {}", answer.status, answer.body);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_of_3_2_1_share_6000_requests_exactly() -> anyhow::Result<()> {
    let world = World::start(&[("sk-three-0001", 3), ("sk-two-000002", 2), ("sk-one-000003", 1)], 1).await?;
    chats(&world, 0, 6000).await?;
    let counts = ["sk-three-0001", "sk-two-000002", "sk-one-000003"].map(|key| world.provider.counts(key).requests);
    assert_eq!(counts, [3000, 2000, 1000]);
    Ok(())
}

/// Waits until a credential is out for the fleet, with why.
async fn inactive_within_a_second(world: &World, index: usize) -> anyhow::Result<Credential> {
    let name = world.credential(index);
    let (credential, _) = within(Duration::from_secs(1), "the credential is INACTIVE", async || {
        let credential = world.admin.credential(&name).await.ok()?;
        (credential.state() == CredentialState::Inactive).then_some(credential)
    })
    .await?;
    Ok(credential)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_dies_costs_no_caller_anything_and_comes_back_when_it_is_repaired() -> anyhow::Result<()> {
    let world = World::start(&[("sk-alive-0001", 1), ("sk-dies-00002", 1)], 2).await?;
    chats(&world, 0, 100).await?;
    chats(&world, 1, 100).await?;
    world.provider.script("sk-dies-00002", Script::rejected());
    world.provider.reset_counts();

    // The key is every other one's turn, so that the second request meets it, and a second later the fleet knows.
    let told = async {
        chats(&world, 0, 2).await?;
        inactive_within_a_second(&world, 1).await
    };
    let (credential, others) = tokio::join!(told, chats(&world, 1, 2500));
    others?;
    let credential = credential?;
    assert_eq!(credential.state_reason(), CredentialStateReason::Rejected);
    assert_eq!(credential.last_error.unwrap_or_default().upstream_status, 401);

    // None is in flight beside the one that each proxy meets: 5,000 in all succeed.
    chats(&world, 0, 2500).await?;
    let counts = world.provider.counts("sk-dies-00002");
    assert!((1..=2).contains(&counts.requests), "{counts:?}");
    assert!(counts.probes >= 1, "the control plane asks before it believes: {counts:?}");

    world.provider.accept("sk-dies-00002");
    let checked = world.admin.check_credential(&world.credential(1)).await?;
    assert_eq!(checked.state(), CredentialState::Active);
    world.admin.rolled_out(0).await?;
    for proxy in [0, 1] {
        world.provider.reset_counts();
        chats(&world, proxy, 100).await?;
        // A sixth of its share at first, so 1 of 7, and all of it after half a minute.
        let served = world.provider.counts("sk-dies-00002").requests;
        assert!((10..=50).contains(&served), "proxy {proxy}: {served}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_dies_under_load_sees_only_what_was_in_flight() -> anyhow::Result<()> {
    const WORKERS: usize = 4;
    let world = World::start(&[("sk-alive-0001", 1), ("sk-alive-0002", 1), ("sk-dies-00003", 1)], 2).await?;
    let loads: Vec<_> =
        world.proxies.iter().map(|proxy| Load::start(&proxy.caller(&world.caller_key), MODEL, WORKERS)).collect();
    for load in &loads {
        load.serves_more(100).await?;
    }
    world.provider.script("sk-dies-00003", Script::rejected());
    inactive_within_a_second(&world, 2).await?;
    for load in loads {
        load.serves_more(2500).await?;
        let (served, failures) = load.stop().await;
        assert!(failures.is_empty(), "of {served}: {failures:?}");
    }
    let counts = world.provider.counts("sk-dies-00003");
    assert!(counts.requests > counts.refused, "it served before: {counts:?}");
    assert!((1..=2 * WORKERS as u64).contains(&counts.refused), "{counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_of_eight_equal_keys_share_evenly_while_one_is_rate_limited() -> anyhow::Result<()> {
    let keys: Vec<_> = (0..8).map(|index| format!("sk-equal-{index:04}")).collect();
    let weighted: Vec<_> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    let world = World::start(&weighted, 1).await?;
    world.provider.script(&keys[3], Script::rate_limited("600"));
    chats(&world, 0, 8).await?;
    world.provider.reset_counts();
    chats(&world, 0, 700).await?;
    let counts: Vec<_> = keys.iter().map(|key| world.provider.counts(key).requests).collect();
    assert_eq!(counts, [100, 100, 100, 0, 100, 100, 100, 100]);
    // It stays local: the fleet's state is as it was.
    let credential = world.admin.credential(&world.credential(3)).await?;
    assert_ne!(credential.state(), CredentialState::Inactive);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_without_a_usable_credential_says_so_and_when_to_come_back() -> anyhow::Result<()> {
    let world = World::start(&[("sk-only-00001", 1)], 1).await?;
    world.provider.script("sk-only-00001", Script::rejected());
    let caller = world.caller();
    let answer = eventually("the proxy has none left", async || {
        let answer = caller.chat(MODEL).await.ok()?;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await?;
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    assert!(!answer.body.contains("sk-only"), "{}", answer.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_the_upstream_cuts_never_ends_well() -> anyhow::Result<()> {
    let world = World::start(&[("sk-cuts-00001", 1)], 1).await?;
    world.provider.script("sk-cuts-00001", Script { cut_after: Some(1), ..Script::default() });
    let stream = world.caller().stream(MODEL).await?;
    // An error event, or a body that breaks off: both tell the caller, and `[DONE]` would lie.
    if let Ok(text) = stream.rest().await {
        assert!(text.contains("\"error\"") && !text.contains("[DONE]"), "{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_never_sees_the_caller_key() -> anyhow::Result<()> {
    let world = World::start(&[("sk-seen-00001", 1)], 1).await?;
    chats(&world, 0, 3).await?;
    let seen = world.provider.seen();
    assert!(!seen.is_empty());
    for request in seen {
        assert!(!request.contains(&world.caller_key), "{request}");
    }
    Ok(())
}
