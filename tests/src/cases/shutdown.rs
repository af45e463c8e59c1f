//! SIGTERM: what is in flight ends well, the exit is 0, and the others carry on.

use std::time::Duration;

use crate::caller::Load;
use crate::condition::eventually;
use crate::provider::Script;
use crate::world::{MODEL, World};

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
    for stream in streams {
        let text = stream.rest().await?;
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert!(text.contains("\"19 \""), "every piece came: {text}");
    }
    assert_eq!(world.proxies[0].ended().await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_is_asked_to_stop_exits_with_0_and_its_proxies_return() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-good-00001", 1)], 2).await?;
    let load = Load::start(&world.caller(), MODEL, 2);
    load.serves_more(50).await?;
    assert_eq!(world.control.stop().await?.code(), Some(0));
    load.serves_more(50).await?;
    world.control.start_again().await?;
    eventually("both proxies are back", async || {
        let request = proto::admin::v1::GetStatusRequest {};
        let status = world.admin.system().get_status(request).await.ok()?.into_inner();
        (status.connected_proxies == 2).then_some(())
    })
    .await?;
    let (served, failures) = load.stop().await;
    assert!(failures.is_empty(), "of {served}: {failures:?}");
    Ok(())
}
