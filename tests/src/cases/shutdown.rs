//! SIGTERM: what is in flight ends well, the exit is 0, and the others carry on.

use std::time::{Duration, Instant};

use crate::caller::Load;
use crate::condition::eventually;
use crate::http::metric;
use crate::provider::Script;
use crate::world::{MODEL, World};

/// How long requests in flight may take, unless told otherwise.
const DRAIN: Duration = Duration::from_secs(30);
/// Enough that they would all come back at the same moment only if nothing spread them out.
const PROXIES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_asked_to_stop_ends_100_streams_well() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-slow-00001", 1)], 1).await?;
    let slow = Script { pieces: 20, piece_delay: Duration::from_millis(100), ..Script::default() };
    world.provider.script("sk-slow-00001", slow);
    let caller = world.caller();
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = caller.stream(MODEL).await?;
        stream.first_piece().await?;
        streams.push(stream);
    }
    world.proxies[0].process()?.ask_to_stop()?;
    let asked = Instant::now();
    for stream in streams {
        let text = stream.rest().await?;
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert!(text.contains("\"19 \""), "every piece came: {text}");
    }
    assert_eq!(world.proxies[0].ended().await?.code(), Some(0));
    assert!(asked.elapsed() < DRAIN / 2, "it took {:?}", asked.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_is_asked_to_stop_exits_with_0_and_its_proxies_return_spread_out() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-good-00001", 1)], PROXIES).await?;
    let load = Load::start(&world.caller(), MODEL, 2);
    load.serves_more(50).await?;
    // Whoever watches holds nothing up.
    let watch = proto::admin::v1::WatchProxiesRequest::default();
    let mut watched = world.admin.fleet().watch_proxies(watch).await?.into_inner();
    watched.message().await?;
    let asked = Instant::now();
    assert_eq!(world.control.stop().await?.code(), Some(0));
    assert!(asked.elapsed() < DRAIN / 2, "it took {:?}", asked.elapsed());
    load.serves_more(50).await?;
    world.control.start_again().await?;

    let mut returned = [None; PROXIES];
    eventually("all proxies are back", async || {
        for (proxy, returned) in world.proxies.iter().zip(&mut returned) {
            let connected = metric(&proxy.metrics().await.ok()?, "keyplane_proxy_sync_connected", "");
            if returned.is_none() && connected == 1.0 {
                *returned = Some(asked.elapsed());
            }
        }
        returned.iter().all(Option::is_some).then_some(())
    })
    .await?;
    // Each waits for a random part of 10 s: that all do so within the same second happens once in 20,000 runs.
    let (first, last) = (returned.iter().min(), returned.iter().max());
    let spread = last.copied().flatten().unwrap_or_default() - first.copied().flatten().unwrap_or_default();
    assert!(spread > Duration::from_secs(1), "they came back after {returned:?}");

    let status = world.admin.system().get_status(proto::admin::v1::GetStatusRequest {}).await?.into_inner();
    assert_eq!(status.connected_proxies as usize, PROXIES);
    let (served, failures) = load.stop().await;
    assert!(failures.is_empty(), "of {served}: {failures:?}");
    Ok(())
}
