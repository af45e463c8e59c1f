//! New values under load: validated first, told everywhere, and the old ones used no more.

use std::time::Duration;

use anyhow::Context as _;
use proto::admin::v1::{
    CreateCredentialRequest, CreateSecretRequest, Credential, CredentialState, GetSecretRequest,
    RotateCredentialRequest, RotateCredentialResponse, RotateSecretRequest, Secret,
};
use tonic::{Code, Status};

use super::reason;
use crate::admin::{Admin, api_key, linked};
use crate::caller::Load;
use crate::provider::Script;
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

const OLD: &str = "sk-rotation-old1";
const NEW: &str = "sk-rotation-new1";
const BAD: &str = "sk-rotation-bad1";
/// Callers of each of two proxies; each begins a chat every 40 ms, which makes 500 a second.
const WORKERS: usize = 10;
const EVERY: Duration = Duration::from_millis(40);

fn loads(world: &World) -> Vec<Load> {
    let start =
        |proxy: &crate::proxy::Proxy| Load::start_paced(&proxy.caller(&world.caller_key), MODEL, WORKERS, EVERY);
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

async fn rotate(admin: &Admin, name: &str, value: &str) -> Result<RotateCredentialResponse, Status> {
    let request = RotateCredentialRequest { name: name.to_owned(), value: Some(api_key(value)), ..Default::default() };
    Ok(admin.credentials().rotate_credential(request).await?.into_inner())
}

/// From now on nobody uses a key: what was in flight has ended, and then a lot is served without it.
async fn is_used_no_more(world: &World, loads: &[Load], key: &str) -> anyhow::Result<()> {
    serve_more(loads, WORKERS as u64 * 2).await?;
    let used = world.provider.counts(key).requests;
    serve_more(loads, 100).await?;
    assert_eq!(world.provider.counts(key).requests, used, "{key} is used still");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_costs_no_request_and_the_old_value_is_used_no_more() -> anyhow::Result<()> {
    let world = World::start(&[(OLD, 1)], 2).await?;
    world.provider.accept(NEW);
    let (name, loads) = (world.credential(0), loads(&world));
    serve_more(&loads, 100).await?;
    let before = world.admin.credential(&name).await?;
    let rotated = rotate(&world.admin, &name, NEW).await?;
    let rollout = world.admin.rolled_out(rotated.revision).await?;
    assert_eq!(rollout.acknowledged.len(), 2);
    let credential = rotated.credential.context("the answer has the credential")?;
    assert_eq!((credential.version, credential.masked_value.as_str()), (before.version + 1, "sk-r...ew1"));
    assert_eq!(credential.state(), CredentialState::Active);
    assert_eq!(world.provider.counts(NEW).probes, 1, "it was validated");
    // The old one may be revoked now: what was in flight with it has been answered or is tried again.
    is_used_no_more(&world, &loads, OLD).await?;
    world.provider.script(OLD, Script::rejected());
    serve_more(&loads, 100).await?;
    stop(loads).await;
    assert_eq!(world.provider.counts(OLD).refused, 0);
    let dependents: Vec<_> = rotated.dependents.iter().map(|kind| (kind.kind.as_str(), kind.count)).collect();
    for expected in [("Model", 1), ("CallerKey", 1), ("Environment", 1)] {
        assert!(dependents.contains(&expected), "{expected:?} is not in {dependents:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_to_a_bad_value_is_refused_and_costs_no_request() -> anyhow::Result<()> {
    let world = World::start(&[(OLD, 1)], 2).await?;
    let (name, loads) = (world.credential(0), loads(&world));
    serve_more(&loads, 50).await?;
    let (before, head) = (world.admin.credential(&name).await?, world.admin.head().await?);
    let refused = rotate(&world.admin, &name, BAD).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CREDENTIAL_REJECTED"));
    let mut skipping = RotateCredentialRequest { name: name.clone(), value: Some(api_key(BAD)), ..Default::default() };
    skipping.skip_validation = true;
    let refused = world.admin.credentials().rotate_credential(skipping).await.unwrap_err();
    assert_eq!(reason(&refused), "CREDENTIAL_REJECTED");
    serve_more(&loads, 100).await?;
    stop(loads).await;
    assert_eq!((world.admin.credential(&name).await?, world.admin.head().await?), (before, head));
    assert_eq!(world.provider.counts(BAD).requests, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_only_validated_changes_nothing_and_tells_what_depends_on_it() -> anyhow::Result<()> {
    let world = World::start(&[(OLD, 1)], 0).await?;
    world.provider.accept(NEW);
    let (before, head) = (world.admin.credential(&world.credential(0)).await?, world.admin.head().await?);
    let request = RotateCredentialRequest {
        name: world.credential(0),
        value: Some(api_key(NEW)),
        validate_only: true,
        ..Default::default()
    };
    let answer = world.admin.credentials().rotate_credential(request).await?.into_inner();
    assert_eq!(answer.revision, 0);
    let kinds: Vec<_> = answer.dependents.iter().map(|dependents| dependents.kind.as_str()).collect();
    for kind in ["Model", "CallerKey", "Environment"] {
        assert!(kinds.contains(&kind), "{kind} is not in {:?}", answer.dependents);
    }
    assert_eq!((world.admin.credential(&world.credential(0)).await?, world.admin.head().await?), (before, head));
    Ok(())
}

/// A Secret with the old value for the world's provider, and some credentials that link to it.
async fn link(world: &World, credentials: usize) -> anyhow::Result<Secret> {
    world.provider.accept(OLD);
    let origin = world.provider.base_url().trim_end_matches("/v1").to_owned();
    let request = CreateSecretRequest {
        parent: PROJECT.into(),
        secret_id: "shared".into(),
        secret: Some(Secret { value: Some(api_key(OLD)), allowed_origins: vec![origin], ..Default::default() }),
        ..Default::default()
    };
    let secret = world.admin.secrets().create_secret(request).await?.into_inner();
    for index in 0..credentials {
        let id = format!("second-{index}");
        let parent = world.admin.make_provider(PROJECT, &id, &world.provider.base_url(), &[ENVIRONMENT]).await?.name;
        for parent in [PROVIDER.to_owned(), parent] {
            let request = CreateCredentialRequest {
                parent,
                credential_id: format!("linked-{index}"),
                credential: Some(Credential { value: Some(linked(&secret.name)), ..Default::default() }),
                skip_validation: true,
                ..Default::default()
            };
            let made = world.admin.credentials().create_credential(request).await?.into_inner();
            assert_eq!(made.linked_secret, secret.name);
        }
    }
    Ok(secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_a_secret_rotates_its_credentials_in_one_commit_under_load() -> anyhow::Result<()> {
    let world = World::start(&[], 2).await?;
    let secret = link(&world, 2).await?;
    world.admin.rolled_out(0).await?;
    world.provider.accept(NEW);
    let loads = loads(&world);
    serve_more(&loads, 100).await?;
    let head = world.admin.head().await?;

    let rotate = async |value: &str| {
        let request =
            RotateSecretRequest { name: secret.name.clone(), value: Some(api_key(value)), ..Default::default() };
        world.admin.secrets().rotate_secret(request).await
    };
    let refused = rotate(BAD).await.unwrap_err();
    assert_eq!(reason(&refused), "CREDENTIAL_REJECTED");
    assert_eq!(world.admin.head().await?, head, "a bad value changes nothing");

    let rotated = rotate(NEW).await?.into_inner();
    assert_eq!(rotated.revision, head + 1, "one commit");
    world.admin.rolled_out(rotated.revision).await?;
    is_used_no_more(&world, &loads, OLD).await?;
    world.provider.script(OLD, Script::rejected());
    serve_more(&loads, 50).await?;
    stop(loads).await;

    assert_eq!(world.provider.counts(OLD).refused, 0);
    assert!(world.provider.counts(NEW).requests > 0);
    let got = world.admin.secrets().get_secret(GetSecretRequest { name: secret.name.clone() }).await?.into_inner();
    assert_eq!((got.version, got.masked_value.as_str(), got.linked_credential_count), (2, "sk-r...ew1", 4));
    let credential = world.admin.credential(&format!("{PROVIDER}/credentials/linked-0")).await?;
    assert_eq!((credential.masked_value.as_str(), credential.revision), ("sk-r...ew1", rotated.revision));
    let credentials = rotated.dependents.iter().find(|dependents| dependents.kind == "Credential");
    assert_eq!(credentials.map(|dependents| dependents.count), Some(4), "{:?}", rotated.dependents);
    Ok(())
}
