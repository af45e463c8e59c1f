//! When things were last used: told by proxies, seen by admins, and no commit of the store.

use std::time::SystemTime;

use proto::admin::v1::{GetCallerKeyRequest, GetProviderRequest};

use crate::condition::eventually;
use crate::world::{MODEL, PROJECT, PROVIDER, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_credential_a_caller_key_and_a_provider_is_told_without_a_commit() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-used-00000001", 1), ("sk-used-00000002", 0)], 1).await?;
    let admin = world.admin.clone();
    let key = format!("{PROJECT}/callerKeys/application");
    let times = async || {
        let credential = admin.credential(&world.credential(0)).await.ok()?.last_used_time;
        let provider = GetProviderRequest { name: PROVIDER.into() };
        let provider = admin.providers().get_provider(provider).await.ok()?.into_inner().last_used_time;
        let request = GetCallerKeyRequest { name: key.clone() };
        let key = admin.caller_keys().get_caller_key(request).await.ok()?.into_inner().last_used_time;
        Some([credential, provider, key])
    };
    assert_eq!(times().await, Some([None, None, None]), "nothing was used yet");
    let before = SystemTime::now();
    assert_eq!(world.caller().chat(MODEL).await?.status, 200);
    // The credential's first success is a commit of its own: it was unverified.
    eventually("it is active", async || {
        let credential = admin.credential(&world.credential(0)).await.ok()?;
        (credential.state() == proto::admin::v1::CredentialState::Active).then_some(())
    })
    .await?;
    let (head, etag) = (admin.head().await?, admin.credential(&world.credential(0)).await?.etag);
    let told = eventually("the last use is told", async || {
        let times = times().await?;
        times.iter().all(Option::is_some).then_some(times)
    })
    .await?;
    for time in told.into_iter().flatten() {
        let time = SystemTime::try_from(time)?;
        assert!(time + std::time::Duration::from_secs(10) > before && time <= SystemTime::now(), "{time:?}");
    }
    assert_eq!(admin.credential(&world.credential(1)).await?.last_used_time, None, "the drained one is quiet");
    assert_eq!((admin.head().await?, admin.credential(&world.credential(0)).await?.etag), (head, etag));

    // It is still known after a clean stop.
    let known = times().await;
    world.control.stop().await?;
    world.control.start_again().await?;
    let again = eventually("it is known again", async || {
        let credential = world.control.admin().ok()?.credential(&world.credential(0)).await.ok()?;
        credential.last_used_time
    })
    .await?;
    assert_eq!(known.and_then(|times| times[0]).map(|time| time.seconds / 60), Some(again.seconds / 60));
    Ok(())
}
