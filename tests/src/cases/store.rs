//! Who may open a store, and what the values in it are bound to.

use std::os::unix::fs::PermissionsExt as _;

use http::StatusCode;
use prost_types::FieldMask;
use proto::admin::v1::{
    Credential, CredentialState, CredentialStateReason, GetStatusRequest, Provider, UpdateCredentialRequest,
    UpdateProviderRequest,
};
use tonic::{Code, Status};

use super::reason;
use crate::admin::api_key;
use crate::condition::eventually;
use crate::control::Control;
use crate::provider::Provider as StandIn;
use crate::world::{MODEL, PROVIDER, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_data_directory_says_so_and_ends() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let first = Control::start(dir.path()).await?;
    let mut second = Control::new(dir.path())?;
    second.spawn()?;
    let status = second.process()?.ended().await?;
    assert!(!status.success());
    let log = second.process()?.log()?;
    assert!(log.contains(&first.data_dir().display().to_string()), "{log}");
    first.admin()?.make_project("acme").await?;
    Ok(())
}

async fn head(control: &Control) -> anyhow::Result<u64> {
    let request = GetStatusRequest {};
    Ok(control.admin()?.system().get_status(request).await?.into_inner().revision)
}

/// Starts it, finds it sealed, in its answers and its log, finds that it writes nothing, and kills it.
async fn starts_sealed(control: &mut Control) -> anyhow::Result<()> {
    control.spawn()?;
    let request = GetStatusRequest {};
    let status = eventually("it answers", async || {
        Some(control.admin().ok()?.system().get_status(request).await.ok()?.into_inner())
    })
    .await?;
    assert!(!status.sealed_reason.is_empty());
    let refused = control.admin()?.make_project("other").await.unwrap_err().downcast::<Status>()?;
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "STORE_SEALED"));
    // What can be read without the key still is.
    control.admin()?.credential("projects/acme/providers/standin/credentials/main").await?;
    let log = control.process()?.log()?;
    assert!(log.contains("the store starts sealed") && log.contains(&status.sealed_reason), "{log}");
    control.kill()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_master_key_it_starts_sealed_and_overwrites_nothing() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut control = Control::start(dir.path()).await?;
    let upstream = StandIn::start().await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    admin.make_environment("projects/acme", "production").await?;
    admin.make_provider("projects/acme", "standin", &upstream.base_url(), &[]).await?;
    upstream.accept("sk-sealed-0001");
    let credential = "projects/acme/providers/standin/credentials/main";
    admin.make_credential("projects/acme/providers/standin", "main", "sk-sealed-0001", 1).await?;
    let before = (admin.credential(credential).await?, head(&control).await?);
    control.stop().await?;

    let right = std::fs::read(control.master_key_file())?;
    const WRONG: &str = "wrong:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    std::fs::write(control.master_key_file(), WRONG)?;
    starts_sealed(&mut control).await?;
    assert_eq!(std::fs::read_to_string(control.master_key_file())?, WRONG);
    // Nor is a new key made where the file was lost.
    std::fs::remove_file(control.master_key_file())?;
    starts_sealed(&mut control).await?;
    assert!(!control.master_key_file().exists());

    std::fs::write(control.master_key_file(), right)?;
    std::fs::set_permissions(control.master_key_file(), std::fs::Permissions::from_mode(0o600))?;
    control.start_again().await?;
    assert_eq!((control.admin()?.credential(credential).await?, head(&control).await?), before);
    let checked = control.admin()?.check_credential("projects/acme/providers/standin/credentials/main").await?;
    assert_eq!(checked.state(), CredentialState::Active);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_origin_takes_a_stored_value_out_until_it_is_given_again() -> anyhow::Result<()> {
    let world = World::start(&[("sk-origin-0001", 1)], 1).await?;
    let (admin, name, caller) = (&world.admin, world.credential(0), world.caller());
    assert_eq!(caller.chat(MODEL).await?.status, StatusCode::OK);
    let there = StandIn::start().await?;
    there.accept("sk-origin-0001");
    let request = UpdateProviderRequest {
        provider: Some(Provider { name: PROVIDER.into(), base_url: there.base_url(), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["base_url".into()] }),
        ..Default::default()
    };
    admin.providers().update_provider(request).await?;
    let moved = admin.credential(&name).await?;
    assert_eq!(moved.state(), CredentialState::Inactive);
    assert_eq!(moved.state_reason(), CredentialStateReason::DestinationChanged);
    // A check can't send the value to the new place either, and no proxy does.
    let _ = admin.check_credential(&name).await;
    admin.rolled_out(0).await?;
    world.provider.reset_counts();
    for _ in 0..3 {
        let refused = caller.chat(MODEL).await?;
        let code = &refused.json()["error"]["code"];
        assert_eq!((refused.status.as_u16(), code), (503, &"no_credential_available".into()), "{}", refused.body);
    }
    assert_eq!((world.provider.counts("sk-origin-0001"), there.seen()), Default::default());

    let request = UpdateCredentialRequest {
        credential: Some(Credential { name, value: Some(api_key("sk-origin-0001")), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["value".into()] }),
        ..Default::default()
    };
    let given = admin.credentials().update_credential(request).await?.into_inner();
    assert_eq!(given.state(), CredentialState::Active);
    assert!(there.counts("sk-origin-0001").probes > 0);
    admin.rolled_out(0).await?;
    assert_eq!(caller.chat(MODEL).await?.status, StatusCode::OK);
    assert_eq!(there.counts("sk-origin-0001").requests, 1);
    Ok(())
}
