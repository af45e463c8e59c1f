//! A control plane that is killed and comes back: nothing acknowledged is lost, and no proxy notices more than it must.

use std::sync::Arc;

use shared::task::Tasks;
use tokio::sync::Mutex;

use super::short_or_long;
use crate::caller::Load;
use crate::condition::eventually;
use crate::control::Control;
use crate::http::metric;
use crate::world::{MODEL, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_control_plane_costs_no_request_and_proxies_resume_without_a_snapshot() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-load-00001", 1), ("sk-load-00002", 1)], 2).await?;
    let loads: Vec<_> =
        world.proxies.iter().map(|proxy| Load::start(&proxy.caller(&world.caller_key), MODEL, 2)).collect();
    serve_more(&loads, 200).await?;
    world.control.kill()?;
    serve_more(&loads, 500).await?;
    world.control.start_again().await?;
    eventually("both proxies are back", async || {
        let metrics = world.control.metrics().await.ok()?;
        (metric(&metrics, "keyplane_sync_streams", "") >= 2.0).then_some(())
    })
    .await?;
    serve_more(&loads, 200).await?;
    for load in loads {
        let (served, failures) = load.stop().await;
        assert!(served >= 900 && failures.is_empty(), "of {served}: {failures:?}");
    }

    let metrics = world.control.metrics().await?;
    assert!(metric(&metrics, "keyplane_sync_hellos_total", "UpToDate") >= 2.0, "{metrics}");
    assert_eq!(metric(&metrics, "keyplane_sync_snapshots_sent_total", ""), 0.0);
    // And it is not only the stream that came back: a new credential reaches both.
    world.provider.accept("sk-load-00003");
    world.admin.make_credential(crate::world::PROVIDER, "later", "sk-load-00003", 1).await?;
    let rollout = world.admin.rolled_out(0).await?;
    assert_eq!(rollout.acknowledged.len(), 2);
    Ok(())
}

async fn serve_more(loads: &[Load], count: u64) -> anyhow::Result<()> {
    for load in loads {
        load.serves_more(count).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_however_often_it_is_killed() -> anyhow::Result<()> {
    const WRITERS: u32 = 8;
    let dir = tempfile::tempdir()?;
    let mut control = Control::start(dir.path()).await?;
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    for round in 0..short_or_long(5, 100) {
        let (tasks, before) = (Tasks::new(), acknowledged.lock().await.len());
        for writer in 0..WRITERS {
            let (admin, acknowledged, stopping) = (control.admin()?, Arc::clone(&acknowledged), tasks.clone());
            tasks.spawn("writer", async move {
                for count in 0_u32.. {
                    let id = format!("r{round}-w{writer}-{count}");
                    match admin.make_project(&id).await {
                        Ok(project) => acknowledged.lock().await.push(project.name),
                        Err(_) => return,
                    }
                    if stopping.is_stopping() {
                        return;
                    }
                }
            });
        }
        let enough = before + 10 + shared::id::random_below(40) as usize;
        eventually("writes are acknowledged", async || (acknowledged.lock().await.len() >= enough).then_some(()))
            .await?;
        control.kill()?;
        tasks.stopped().await;
        control.start_again().await?;
        missing_none(&control, &acknowledged.lock().await).await?;
    }
    Ok(())
}

async fn missing_none(control: &Control, acknowledged: &[String]) -> anyhow::Result<()> {
    let projects = control.admin()?.projects();
    for name in acknowledged {
        let request = proto::admin::v1::GetProjectRequest { name: name.clone() };
        let found = projects.clone().get_project(request).await;
        anyhow::ensure!(found.is_ok(), "{name} was acknowledged and is lost");
    }
    Ok(())
}
