//! One key of a fleet dies, truly or by hearsay.

use std::time::{Duration, Instant};

use proto::admin::v1::{CredentialState, CredentialStateReason};
use proto::sync::v1::{CredentialEvidence, Finding, Use};

use crate::caller::Load;
use crate::condition::{PATIENCE, eventually, within};
use crate::provider::Script;
use crate::sync::{Identity, Subject, enroll};
use crate::world::{ENVIRONMENT, MODEL, World};

const PROXIES: usize = 8;
const KEYS: [(&str, u32); 3] = [("sk-dying-000001", 1), ("sk-dying-000002", 1), ("sk-dying-000003", 1)];
/// Callers of each proxy.
const WORKERS: usize = 2;

fn loads(world: &World, every: Duration) -> Vec<Load> {
    let start =
        |proxy: &crate::proxy::Proxy| Load::start_paced(&proxy.caller(&world.caller_key), MODEL, WORKERS, every);
    world.proxies.iter().map(start).collect()
}

async fn serve_more(loads: &[Load], count: u64) -> anyhow::Result<()> {
    for load in loads {
        load.serves_more(count).await?;
    }
    Ok(())
}

async fn stop(loads: Vec<Load>) {
    for load in loads {
        let (served, failures) = load.stop().await;
        assert!(served > 0 && failures.is_empty(), "of {served}: {failures:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_dies_costs_eight_proxies_a_call_each_and_the_control_plane_one_probe_and_one_commit()
-> anyhow::Result<()> {
    let world = World::start(&KEYS, PROXIES).await?;
    let dying = KEYS[0].0;
    let loads = loads(&world, Duration::from_millis(20));
    serve_more(&loads, 20).await?;
    world.provider.reset_counts();
    let (before, head) = (world.admin.credential(&world.credential(0)).await?, world.admin.head().await?);

    let died = Instant::now();
    world.provider.script(dying, Script::rejected());
    within(PATIENCE, "it is inactive", async || {
        let credential = world.admin.credential(&world.credential(0)).await.ok()?;
        (credential.state() == CredentialState::Inactive).then_some(())
    })
    .await?;
    world.admin.rolled_out(0).await?;
    let took = died.elapsed();
    serve_more(&loads, 20).await?;

    let after = world.admin.credential(&world.credential(0)).await?;
    assert_eq!(after.state_reason(), CredentialStateReason::Rejected);
    assert_eq!((&after.etag, after.generation), (&before.etag, before.generation), "no admin changed it");
    let counts = world.provider.counts(dying);
    assert_eq!(counts.probes, 1, "{counts:?}");
    // One each, and what was in flight beside it.
    let most = (PROXIES * WORKERS) as u64;
    assert!((1..=most).contains(&counts.refused), "{counts:?}");
    let rollout = world.admin.rolled_out(0).await?;
    assert_eq!(rollout.acknowledged.len(), PROXIES);
    assert_eq!(world.admin.head().await?, head + 1, "one commit");
    stop(loads).await;
    assert_eq!(world.provider.counts(dying).refused, counts.refused, "it was used after it was inactive everywhere");
    assert!(took < Duration::from_secs(1), "inactive everywhere after {took:?}");
    Ok(())
}

/// A proxy made by hand.
async fn hostile(world: &World) -> anyhow::Result<Identity> {
    let token = world.admin.make_join_token("hostile", &[ENVIRONMENT], 0).await?;
    let port = world.control.sync_port();
    enroll(port, &token.ca_certificate, &token.plaintext, "hostile", Subject::None).await
}

/// What a hostile proxy says of a credential.
fn slander(credential: &str, finding: Finding, count: u64) -> CredentialEvidence {
    CredentialEvidence {
        credential: credential.to_owned(),
        value_version: 1,
        upstream_model: "gpt-4o".into(),
        finding: finding.into(),
        count,
        upstream_status: 401,
        provider_code: "invalid_api_key".into(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_false_reports_a_second_change_nothing_for_the_others() -> anyhow::Result<()> {
    const REPORTS: u64 = 10_000;
    let world = World::start(&KEYS, 2).await?;
    let credential = world.credential(0);
    let before = world.admin.credential(&credential).await?;
    let identity = hostile(&world).await?;
    let mut reports = identity.reports().await?;
    let loads = loads(&world, Duration::from_millis(5));
    serve_more(&loads, 50).await?;
    let head = world.admin.head().await?;
    world.provider.reset_counts();

    // For a second and more, as fast as it is listened to. It may be shown the door, and comes back.
    let (began, mut told, mut batches) = (Instant::now(), 0, 0_u64);
    while began.elapsed() < Duration::from_secs(2) || told < 2 * REPORTS {
        let evidence =
            [Finding::Rejected, Finding::Exhausted, Finding::Denied].map(|finding| slander(&credential, finding, 50));
        match reports.tell(evidence.to_vec(), vec![]).await {
            Ok(()) => (told, batches) = (told + 150, batches + 1),
            Err(_) => reports = identity.reports().await?,
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "{told} reports were taken in {PATIENCE:?}");
    }
    let counts = world.provider.counts(KEYS[0].0);
    serve_more(&loads, 50).await?;

    let after = world.admin.credential(&credential).await?;
    assert_eq!((after.state(), after.etag), (CredentialState::Active, before.etag));
    assert!(counts.probes <= 10, "{batches} batches made the control plane ask {} times", counts.probes);
    // A check that finds it well, and a scope that it may lack, are noted; no more.
    let commits = world.admin.head().await? - head;
    assert!(commits <= counts.probes + 2, "{commits} commits after {} questions", counts.probes);
    // It goes on serving its share with the others.
    let now = KEYS.map(|(key, _)| world.provider.counts(key).requests);
    assert!(now[0] > counts.requests, "{now:?}");
    assert!(now.iter().all(|count| count * 4 > now.iter().sum::<u64>()), "{now:?}");
    stop(loads).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_lies_of_uses_and_of_what_it_has_not_changes_nothing() -> anyhow::Result<()> {
    let world = World::start(&KEYS, 1).await?;
    let identity = hostile(&world).await?;
    let mut reports = identity.reports().await?;
    let far = u64::MAX;
    let lies = ["projects/acme/providers/standin", "projects/none/providers/none", "nonsense", &world.credential(0)];
    let uses = lies.map(|name| Use { name: name.to_owned(), last_time_ms: far, value_version: 1 });
    reports
        .tell(vec![slander("projects/none/providers/none/credentials/none", Finding::Rejected, 1)], uses.to_vec())
        .await?;
    let credential = world.admin.credential(&world.credential(0)).await?;
    let latest = std::time::SystemTime::now() + Duration::from_secs(60);
    let used = credential.last_used_time.map(std::time::SystemTime::try_from).transpose()?;
    assert!(used.is_none_or(|used| used < latest), "used in the future: {used:?}");
    assert_eq!(credential.state(), CredentialState::Active);
    assert_eq!(world.caller().chat(MODEL).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_key_leaves_the_fleet_and_is_back_when_it_is_paid_for() -> anyhow::Result<()> {
    let world = World::start(&KEYS[..2], 2).await?;
    let empty = Script { status: 429, code: "insufficient_quota", ..Script::default() };
    world.provider.script(KEYS[0].0, empty);
    let caller = world.caller();
    let is = async |state, reason| {
        eventually("the credential's state is known", async || {
            assert_eq!(caller.chat(MODEL).await.ok()?.status, 200);
            let credential = world.admin.credential(&world.credential(0)).await.ok()?;
            (credential.state() == state && credential.state_reason() == reason).then_some(credential)
        })
        .await
    };
    let out = is(CredentialState::Inactive, CredentialStateReason::Exhausted).await?;
    assert_eq!(out.last_error.map(|error| error.upstream_status), Some(429));
    world.provider.accept(KEYS[0].0);
    world.admin.check_credential(&world.credential(0)).await?;
    is(CredentialState::Active, CredentialStateReason::Unspecified).await?;
    world.admin.rolled_out(0).await?;
    world.provider.reset_counts();
    eventually("it serves again", async || {
        assert_eq!(caller.chat(MODEL).await.ok()?.status, 200);
        (world.provider.counts(KEYS[0].0).requests > 0).then_some(())
    })
    .await
}
