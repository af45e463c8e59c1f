//! A proxy whose state is damaged, or holds what it can't use: it finds out, says so, and goes on.

use std::time::Duration;

use proto::admin::v1::{GetProxyRequest, ListProxiesRequest, Proxy as ProxyResource};

use crate::admin::Admin;
use crate::caller::Load;
use crate::condition::{eventually, within};
use crate::http::metric;
use crate::memory::Memory;
use crate::proxy::{Proxy, Upstreams};
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

/// Two heartbeats of 10 s ± 20 %, and some room.
const TWO_HEARTBEATS: Duration = Duration::from_secs(30);

/// How a credential's bytes on the sync stream end its value and say its version: fields 1 and 2 of `CredentialConfig`.
fn as_sent(key: &str) -> Vec<u8> {
    let length = u8::try_from(key.len()).unwrap();
    [&[0x0a, length], key.as_bytes(), &[0x10, 0x01]].concat()
}

/// Every copy of the bytes is damaged, since which of them is the state that is held can't be told from outside: the others are what
/// reading the stream left behind. The key that requests are signed with is a copy of its own, without the fields around it.
///
/// Needs root, as the proxy keeps everybody else from its memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_flips_in_a_proxy_s_memory_is_found_and_repaired_within_two_heartbeats() -> anyhow::Result<()> {
    let key = format!("sk-flipped-{}", shared::id::random_below(u64::MAX));
    let mut world = World::start(&[(key.as_str(), 1)], 1).await?;
    let load = Load::start(&world.caller(), MODEL, 1);
    load.serves_more(20).await?;
    let before = world.proxies[0].metrics().await?;
    assert_eq!(metric(&before, "keyplane_proxy_sync_repairs_total", ""), 0.0);

    let memory = Memory::of(world.proxies[0].process()?.id())?;
    let needle = as_sent(&key);
    let copies = memory.find(&needle)?;
    anyhow::ensure!(!copies.is_empty(), "the credential's bytes are not in the proxy's memory");
    for copy in &copies {
        // The first letter of the key.
        memory.flip(copy + 2)?;
    }
    assert_eq!(memory.find(&needle)?, Vec::<u64>::new());

    let (after, elapsed) = within(TWO_HEARTBEATS, "the proxy finds and repairs it", async || {
        let metrics = world.proxies[0].metrics().await.ok()?;
        let counted = |name: &str, label: &str| metric(&metrics, name, label) > metric(&before, name, label);
        let found = counted("keyplane_proxy_sync_repairs_total", "")
            && counted("keyplane_proxy_sync_refused_total", "mismatch")
            && counted("keyplane_proxy_sync_snapshots_applied_total", "");
        found.then_some(metrics)
    })
    .await?;
    println!("{} copies were damaged; found and repaired after {elapsed:?}", copies.len());
    assert_eq!(metric(&after, "keyplane_proxy_sync_repairs_total", ""), 1.0);
    assert!(!memory.find(&needle)?.is_empty(), "what is held is as it was sent again");
    let control = world.control.metrics().await?;
    assert!(metric(&control, "keyplane_sync_refused_frames_total", "") >= 1.0, "{control}");

    // Nobody noticed, and the stream goes on with deltas.
    load.serves_more(20).await?;
    let (served, failures) = load.stop().await;
    assert!(failures.is_empty(), "of {served}: {failures:?}");
    let later = world.admin.make_caller_key(PROJECT, "later", ENVIRONMENT).await?;
    world.admin.rolled_out(later.revision).await?;
    assert_eq!(world.proxies[0].caller(&later.plaintext).chat(MODEL).await?.status.as_u16(), 200);
    assert_eq!(metric(&world.proxies[0].metrics().await?, "keyplane_proxy_sync_repairs_total", ""), 1.0);
    Ok(())
}

/// What the fleet says of a proxy, by its node id.
async fn in_fleet(admin: &Admin, node_id: &str) -> anyhow::Result<ProxyResource> {
    let listed = admin.fleet().list_proxies(ListProxiesRequest::default()).await?.into_inner().proxies;
    let found = listed.into_iter().find(|proxy| proxy.node_id == node_id);
    let name = found.ok_or_else(|| anyhow::anyhow!("{node_id} is in the fleet"))?.name;
    Ok(admin.fleet().get_proxy(GetProxyRequest { name }).await?.into_inner())
}

/// The upstream is on loopback, which this proxy may not call, though the control plane and the other proxy may.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_a_proxy_can_t_use_is_reported_and_blocks_nothing() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-unusable-01", 1)], 1).await?;
    let mut strict = Proxy::new(world.dir(), "strict", &world.control.sync_url(), &world.control.join_token_file())?;
    strict.set_upstreams(Upstreams::Public);
    strict.spawn()?;
    strict.ready().await?;
    world.admin.rolled_out(0).await?;

    let reported = eventually("the proxy reports what it can't use", async || {
        let proxy = in_fleet(&world.admin, "strict").await.ok()?;
        (!proxy.unusable.is_empty()).then_some(proxy)
    })
    .await?;
    let names: Vec<_> = reported.unusable.iter().map(|unusable| unusable.name.as_str()).collect();
    assert_eq!(names, [PROVIDER]);
    assert!(reported.unusable[0].reason.contains("base URL"), "{reported:?}");
    assert!(in_fleet(&world.admin, "proxy-0").await?.unusable.is_empty());
    let metrics = strict.metrics().await?;
    assert_eq!(metric(&metrics, "keyplane_proxy_sync_unusable", ENVIRONMENT), 1.0, "{metrics}");

    let refused = strict.caller(&world.caller_key).chat(MODEL).await?;
    let error = &refused.json()["error"];
    assert_eq!((refused.status.as_u16(), &error["code"]), (503, &"no_target_available".into()), "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"));

    // Later revisions apply: a key made now is known, and what it asks for fails for the same reason, not for its own.
    let later = world.admin.make_caller_key(PROJECT, "later", ENVIRONMENT).await?;
    let rollout = world.admin.rolled_out(later.revision).await?;
    assert_eq!(rollout.acknowledged.len(), 2);
    assert_eq!(strict.caller(&later.plaintext).chat(MODEL).await?.json()["error"]["code"], "no_target_available");
    assert_eq!(world.proxies[0].caller(&later.plaintext).chat(MODEL).await?.status.as_u16(), 200);

    // And once the provider is gone nothing is unusable any more.
    world.admin.delete_provider(PROVIDER).await?;
    eventually("nothing is unusable any more", async || {
        in_fleet(&world.admin, "strict").await.ok()?.unusable.is_empty().then_some(())
    })
    .await?;
    assert_eq!(world.control.stop().await?.code(), Some(0));
    Ok(())
}
