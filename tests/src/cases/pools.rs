//! Which credential and which target serves: weights, quota groups, priorities, and what is said when all cool down.

use std::time::Duration;

use prost_types::FieldMask;
use proto::admin::v1::{
    CreateCredentialRequest, CreateModelRequest, Credential, Model, Provider, Target, UpdateCredentialRequest,
    UpdateProviderRequest,
};

use crate::admin::api_key;
use crate::caller::Load;
use crate::condition::{eventually, within};
use crate::provider::{Provider as StandIn, Script};
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

const KEYS: [&str; 3] = ["sk-pool-00000001", "sk-pool-00000002", "sk-pool-00000003"];

/// A world whose first two keys are of one account.
async fn grouped() -> anyhow::Result<World> {
    let world = World::start(&[], 1).await?;
    for (key, group) in KEYS.iter().zip(["account", "account", ""]) {
        world.provider.accept(key);
        let credential = Credential { value: Some(api_key(key)), quota_group: group.into(), ..Default::default() };
        let request = CreateCredentialRequest {
            parent: PROVIDER.into(),
            credential_id: key.trim_start_matches("sk-").into(),
            credential: Some(credential),
            skip_validation: true,
            ..Default::default()
        };
        let made = world.admin.credentials().create_credential(request).await?.into_inner();
        assert_eq!(made.quota_group, group);
    }
    world.admin.rolled_out(0).await?;
    world.provider.reset_counts();
    Ok(world)
}

fn requests(upstream: &StandIn) -> [u64; 3] {
    KEYS.map(|key| upstream.counts(key).requests)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_cools_the_whole_quota_group_for_that_model_and_nobody_else() -> anyhow::Result<()> {
    let world = grouped().await?;
    let caller = world.caller();
    world.provider.script(KEYS[0], Script::rate_limited("300"));
    eventually("the first key is limited", async || {
        assert_eq!(caller.chat(MODEL).await.ok()?.status, 200);
        (world.provider.counts(KEYS[0]).refused == 1).then_some(())
    })
    .await?;
    world.provider.reset_counts();
    for _ in 0..12 {
        assert_eq!(caller.chat(MODEL).await?.status, 200);
    }
    assert_eq!(requests(&world.provider), [0, 0, 12], "its account's other key is limited, too");
    // Limits are per model: another one is served by all.
    world.provider.accept(KEYS[0]);
    world.provider.reset_counts();
    for _ in 0..12 {
        assert_eq!(caller.chat("standin/gpt-4o-mini").await?.status, 200);
    }
    assert_eq!(requests(&world.provider), [4, 4, 4]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn weight_zero_drains_and_weights_are_exact() -> anyhow::Result<()> {
    let world = World::start(&[(KEYS[0], 3), (KEYS[1], 1), (KEYS[2], 0)], 1).await?;
    for _ in 0..40 {
        assert_eq!(world.caller().chat(MODEL).await?.status, 200);
    }
    assert_eq!(requests(&world.provider), [30, 10, 0]);
    let request = UpdateCredentialRequest {
        credential: Some(Credential { name: world.credential(0), weight: Some(0), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["weight".into()] }),
        ..Default::default()
    };
    world.admin.credentials().update_credential(request).await?;
    world.admin.rolled_out(0).await?;
    world.provider.reset_counts();
    for _ in 0..10 {
        assert_eq!(world.caller().chat(MODEL).await?.status, 200);
    }
    assert_eq!(requests(&world.provider), [0, 10, 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_cool_down_the_shortest_retry_after_is_told_and_no_call_is_made() -> anyhow::Result<()> {
    let world = World::start(&KEYS.map(|key| (key, 1)), 1).await?;
    for (key, wait) in KEYS.iter().zip(["300", "90", "600"]) {
        world.provider.script(key, Script::rate_limited(wait));
    }
    let caller = world.caller();
    eventually("all are limited", async || {
        let _ = caller.chat(MODEL).await.ok()?;
        KEYS.iter().all(|key| world.provider.counts(key).refused > 0).then_some(())
    })
    .await?;
    world.provider.reset_counts();
    for streams in [false, true] {
        let body = serde_json::json!({"model": MODEL, "stream": streams, "messages": []});
        let refused = caller.post("/v1/chat/completions", &body.to_string()).await?;
        assert!(matches!(refused.status.as_u16(), 429 | 503), "{} {}", refused.status, refused.body);
        let wait: u64 = refused.headers["retry-after"].to_str()?.parse()?;
        assert!((80..=90).contains(&wait), "retry-after: {wait}");
        assert!(!refused.json()["error"]["message"].as_str().unwrap_or_default().is_empty(), "{}", refused.body);
    }
    assert_eq!(requests(&world.provider), [0, 0, 0], "nobody is asked while all cool down");
    Ok(())
}

/// A second provider at a stand-in of its own, and a model that has it behind the first.
async fn second_pool(world: &World) -> anyhow::Result<StandIn> {
    let second = StandIn::start().await?;
    second.accept(KEYS[1]);
    let provider = world.admin.make_provider(PROJECT, "second", &second.base_url(), &[ENVIRONMENT]).await?.name;
    world.admin.make_credential(&provider, "c", KEYS[1], 1).await?;
    let target = |provider: &str, priority| Target {
        provider: provider.into(),
        upstream_model: "gpt-4o".into(),
        priority,
        ..Default::default()
    };
    let request = CreateModelRequest {
        parent: PROJECT.into(),
        model_id: "pooled".into(),
        model: Some(Model { targets: vec![target(&provider, 1), target(PROVIDER, 0)], ..Default::default() }),
        ..Default::default()
    };
    world.admin.models().create_model(request).await?;
    world.admin.rolled_out(0).await?;
    second.reset_counts();
    Ok(second)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_pool_serves_while_the_first_cannot_and_no_longer() -> anyhow::Result<()> {
    let world = World::start(&[(KEYS[0], 1)], 1).await?;
    let second = second_pool(&world).await?;
    let caller = world.caller();
    for _ in 0..10 {
        assert_eq!(caller.chat("pooled").await?.status, 200);
    }
    assert_eq!((world.provider.counts(KEYS[0]).requests, second.counts(KEYS[1]).requests), (10, 0));
    world.provider.script(KEYS[0], Script::rate_limited("2"));
    for _ in 0..10 {
        assert_eq!(caller.chat("pooled").await?.status, 200);
    }
    assert_eq!((world.provider.counts(KEYS[0]).refused, second.counts(KEYS[1]).requests), (1, 10));
    // Its cooldown ends, and it is first again.
    world.provider.accept(KEYS[0]);
    world.provider.reset_counts();
    eventually("the first pool serves again", async || {
        assert_eq!(caller.chat("pooled").await.ok()?.status, 200);
        (world.provider.counts(KEYS[0]).requests > 0).then_some(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_provider_is_unused_everywhere_within_a_second() -> anyhow::Result<()> {
    let world = World::start(&[(KEYS[0], 1)], 3).await?;
    let second = second_pool(&world).await?;
    let start = |proxy: &crate::proxy::Proxy| {
        Load::start_paced(&proxy.caller(&world.caller_key), "pooled", 2, Duration::from_millis(10))
    };
    let loads: Vec<_> = world.proxies.iter().map(start).collect();
    for load in &loads {
        load.serves_more(20).await?;
    }
    let update = async |enabled| {
        let request = UpdateProviderRequest {
            provider: Some(Provider { name: PROVIDER.into(), enabled: Some(enabled), ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["enabled".into()] }),
            ..Default::default()
        };
        world.admin.providers().update_provider(request).await
    };
    update(false).await?;
    let (_, took) = within(Duration::from_secs(1), "all proxies know", async || {
        let loaded = world.admin.rolled_out(0).await.ok()?;
        (loaded.acknowledged.len() == 3).then_some(())
    })
    .await?;
    for load in &loads {
        load.serves_more(4).await?;
    }
    let used = world.provider.counts(KEYS[0]).requests;
    for load in &loads {
        load.serves_more(20).await?;
    }
    assert_eq!(world.provider.counts(KEYS[0]).requests, used, "used after {took:?}");
    assert!(second.counts(KEYS[1]).requests > 0);
    let (probes, name) = (world.provider.counts(KEYS[0]).probes, world.credential(0));
    assert_eq!(world.caller().chat("standin/gpt-4o").await?.status.as_u16() / 100, 5);
    update(true).await?;
    world.admin.rolled_out(0).await?;
    eventually("it serves again", async || (world.provider.counts(KEYS[0]).requests > used).then_some(())).await?;
    assert_eq!((world.provider.counts(KEYS[0]).probes, world.admin.credential(&name).await?.version), (probes, 1));
    for load in loads {
        let (served, failures) = load.stop().await;
        assert!(served > 0 && failures.is_empty(), "of {served}: {failures:?}");
    }
    Ok(())
}
