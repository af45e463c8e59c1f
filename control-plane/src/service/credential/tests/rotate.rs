//! Rotation: validated first, one commit, and a bad value changes nothing.

use proto::admin::v1::environment_service_server::EnvironmentService as _;

use super::*;
use crate::service::environment::Environments;

fn rotation(key: &str) -> v1::RotateCredentialRequest {
    v1::RotateCredentialRequest { name: NAME.into(), value: value(key), ..Default::default() }
}

#[tokio::test]
async fn a_rotation_is_one_commit_that_can_be_waited_for() {
    let world = World::new(200, MODELS).await;
    let made = world.create(new("sk-first-value-1")).await.unwrap();
    let head = world.context.store.head();
    let answer = world.rotate(rotation("sk-second-value-2")).await.unwrap();
    assert_eq!(answer.revision, head.next().0);
    let rotated = answer.credential.unwrap();
    assert_eq!((rotated.version, rotated.masked_value.as_str()), (2, "sk-s...e-2"));
    assert_eq!((rotated.revision, rotated.state()), (answer.revision, v1::CredentialState::Active));
    assert!(rotated.etag != made.etag && rotated.value.is_none() && rotated.uid == made.uid);
    assert_eq!(world.get().await, rotated);
    assert_eq!(keys_of(&world.upstream), ["Bearer sk-first-value-1", "Bearer sk-second-value-2"]);
}

#[tokio::test]
async fn a_rejected_new_value_changes_nothing_even_where_validation_is_skipped() {
    let world = World::new(200, MODELS).await;
    let made = world.create(new("sk-first-value-1")).await.unwrap();
    let head = world.context.store.head();
    world.upstream.answer(401, "{}");
    for skip_validation in [false, true] {
        let request = v1::RotateCredentialRequest { skip_validation, ..rotation("sk-second-value-2") };
        let refused = world.rotate(request).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::FailedPrecondition, "CREDENTIAL_REJECTED".to_owned()));
    }
    world.upstream.answer(503, "");
    let refused = world.rotate(rotation("sk-second-value-2")).await.unwrap_err();
    assert_eq!(reason(&refused).1, "UPSTREAM_UNREACHABLE");
    assert_eq!((world.get().await, world.context.store.head()), (made, head));
    let skipping = v1::RotateCredentialRequest { skip_validation: true, ..rotation("sk-second-value-2") };
    let stored = world.rotate(skipping).await.unwrap().credential.unwrap();
    assert_eq!((stored.state(), stored.version), (v1::CredentialState::Unverified, 2));
}

#[tokio::test]
async fn validate_only_asks_and_tells_who_depends_and_changes_nothing() {
    let world = World::new(200, MODELS).await;
    let environments = Environments::new(world.context.clone());
    let request = v1::CreateEnvironmentRequest {
        parent: "projects/p".into(),
        environment_id: "production".into(),
        environment: Some(v1::Environment::default()),
        ..Default::default()
    };
    environments.create_environment(call(request)).await.unwrap();
    let active = vec!["projects/p/environments/production".into()];
    world.change_provider("a", v1::Provider { environments: active, ..Default::default() }).await;
    world.create(new("sk-first-value-1")).await.unwrap();
    let head = world.context.store.head();
    let only = v1::RotateCredentialRequest { validate_only: true, ..rotation("sk-second-value-2") };
    let answer = world.rotate(only).await.unwrap();
    assert_eq!((answer.revision, world.context.store.head()), (0, head));
    let dependents: Vec<_> = answer.dependents.iter().map(|one| (one.kind.as_str(), one.count)).collect();
    assert_eq!(dependents, [("Environment", 1)]);
    let delete = v1::DeleteCredentialRequest { name: NAME.into(), validate_only: true, ..Default::default() };
    let answer = world.credentials.delete_credential(call(delete)).await.unwrap().into_inner();
    assert_eq!((answer.revision, answer.dependents[0].kind.as_str()), (0, "Environment"));
    assert_eq!(world.context.store.head(), head);
}

#[tokio::test]
async fn a_rotation_minds_the_etag_the_request_id_and_the_shape() {
    let world = World::new(200, MODELS).await;
    let made = world.create(new("sk-first-value-1")).await.unwrap();
    world.update(change(v1::Credential { owner: "me".into(), ..Default::default() })).await.unwrap();
    let stale = v1::RotateCredentialRequest { etag: made.etag, ..rotation("sk-second-value-2") };
    assert_eq!(reason(&world.rotate(stale).await.unwrap_err()), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    let bad = v1::RotateCredentialRequest { additional_key: "second".into(), ..rotation("a b") };
    assert_eq!(fields(&world.rotate(bad).await.unwrap_err()), ["value.api_key", "additional_key"]);
    let absent = v1::RotateCredentialRequest { value: None, ..rotation("") };
    assert_eq!(fields(&world.rotate(absent).await.unwrap_err()), ["value"]);
    let missing = v1::RotateCredentialRequest { name: format!("{NAME}x"), ..rotation("sk-1") };
    assert_eq!(world.rotate(missing).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(world.upstream.asked().len(), 1, "what fails anyway asks nobody");
    let repeated = v1::RotateCredentialRequest { request_id: "r1".into(), ..rotation("sk-second-value-2") };
    let first = world.rotate(repeated.clone()).await.unwrap();
    assert_eq!(world.rotate(repeated).await.unwrap(), first);
    assert_eq!((world.get().await.version, world.upstream.asked().len()), (2, 2));
}

#[tokio::test]
async fn a_rotation_links_to_a_secret_and_unlinks_from_it() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-first-value-1")).await.unwrap();
    world.create_secret("s", value("sk-shared-value-1"), &[&world.upstream]).await.unwrap();
    let linking = v1::RotateCredentialRequest { value: link("s"), ..rotation("") };
    let linked = world.rotate(linking).await.unwrap().credential.unwrap();
    assert_eq!((linked.linked_secret.as_str(), linked.version), ("projects/p/secrets/s", 2));
    assert_eq!(linked.masked_value, "sk-s...e-1");
    let request = || v1::GetSecretRequest { name: "projects/p/secrets/s".into() };
    let count = async || world.secrets.get_secret(call(request())).await.unwrap().into_inner().linked_credential_count;
    assert_eq!(count().await, 1);
    let unlinked = world.rotate(rotation("sk-third-value-3")).await.unwrap().credential.unwrap();
    assert_eq!((unlinked.linked_secret.as_str(), unlinked.version), ("", 3));
    assert_eq!(count().await, 0);
    let expected = ["Bearer sk-first-value-1", "Bearer sk-shared-value-1", "Bearer sk-third-value-3"];
    assert_eq!(keys_of(&world.upstream), expected);
}
