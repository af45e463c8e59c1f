//! Secrets with the credentials that link to them, at providers that answer as they are told.

use proto::admin::v1::credential_service_server::CredentialService as _;
use proto::admin::v1::credential_value::Value;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::health::double::{MODELS, ProviderDouble};
use crate::service::credential::tests::{World, call, fields, keys_of, link, new, reason, stand_in, value};

const NAME: &str = "projects/p/secrets/s";

/// A Secret to which a credential of each of two providers links.
struct Linked {
    world: World,
    other: ProviderDouble,
}

impl Linked {
    async fn new() -> Self {
        let world = World::new(200, MODELS).await;
        let other = ProviderDouble::answering(200, MODELS).await;
        world.create_provider("b", stand_in(&other)).await;
        world.create_secret("s", value("sk-shared-value-1"), &[&world.upstream, &other]).await.unwrap();
        for (provider, id) in [("a", "c"), ("a", "d"), ("b", "c")] {
            world.create(linking(provider, id)).await.unwrap();
        }
        Self { world, other }
    }

    async fn rotate(&self, request: v1::RotateSecretRequest) -> Result<v1::RotateSecretResponse, Status> {
        self.world.secrets.rotate_secret(call(request)).await.map(Response::into_inner)
    }

    async fn get(&self) -> v1::Secret {
        let request = v1::GetSecretRequest { name: NAME.into() };
        self.world.secrets.get_secret(call(request)).await.unwrap().into_inner()
    }

    /// Version, what is seen of the value, state and revision of every credential.
    async fn credentials(&self) -> Vec<(u64, String, v1::CredentialState, u64)> {
        let request = v1::ListCredentialsRequest { parent: "projects/p/providers/-".into(), ..Default::default() };
        let answer = self.world.credentials.list_credentials(call(request)).await.unwrap().into_inner();
        let of = |one: v1::Credential| (one.version, one.masked_value.clone(), one.state(), one.revision);
        answer.credentials.into_iter().map(of).collect()
    }
}

fn linking(provider: &str, id: &str) -> v1::CreateCredentialRequest {
    v1::CreateCredentialRequest {
        parent: format!("projects/p/providers/{provider}"),
        credential_id: id.into(),
        credential: Some(v1::Credential { value: link("s"), ..Default::default() }),
        ..new("")
    }
}

fn rotation(key: &str) -> v1::RotateSecretRequest {
    v1::RotateSecretRequest { name: NAME.into(), value: value(key), ..Default::default() }
}

#[tokio::test]
async fn a_secret_is_made_masked_listed_and_never_answered() {
    let world = World::new(200, MODELS).await;
    let made = world.create_secret("s", value(" sk-canary-value-xyz\n"), &[&world.upstream]).await.unwrap();
    assert_eq!((made.masked_value.as_str(), made.version, made.value.is_none()), ("sk-c...xyz", 1, true));
    assert_eq!((made.r#type(), made.display_name.as_str()), (v1::CredentialType::ApiKey, "s"));
    assert_eq!(made.allowed_origins, [world.upstream.base_url.origin().to_string()]);
    assert!(made.uid.starts_with("sec_") && made.linked_credential_count == 0 && !made.etag.is_empty());
    let list = async |filter: &str| {
        let request =
            v1::ListSecretsRequest { parent: "projects/p".into(), filter: filter.into(), ..Default::default() };
        world.secrets.list_secrets(call(request)).await.unwrap().into_inner().secrets
    };
    assert_eq!(list("type = API_KEY").await, std::slice::from_ref(&made));
    assert!(list("type = CLIENT_SECRET").await.is_empty());
    assert_eq!(world.upstream.asked().len(), 0, "there is nobody to ask");
    let everything = world.context.store.range("").await.unwrap();
    let canary = b"canary";
    assert!(everything.records.iter().all(|one| !one.value.windows(canary.len()).any(|bytes| bytes == canary)));
}

#[tokio::test]
async fn what_is_sent_has_to_say_where_and_every_bad_field_is_named() {
    let world = World::new(200, MODELS).await;
    let create = async |value, origins: &[&str]| {
        let allowed_origins = origins.iter().map(|one| (*one).to_owned()).collect();
        let request = v1::CreateSecretRequest {
            parent: "projects/p".into(),
            secret_id: "x".into(),
            secret: Some(v1::Secret { value, allowed_origins, ..Default::default() }),
            validate_only: true,
            ..Default::default()
        };
        world.secrets.create_secret(call(request)).await.map(Response::into_inner)
    };
    let refused = create(value("a b"), &[]).await.unwrap_err();
    assert_eq!(fields(&refused), ["secret.value.api_key", "secret.allowed_origins"]);
    let bad = ["https://a.example/v1", "a.example", "https://u:p@a.example", "https://169.254.169.254"];
    let refused = create(value("sk-1"), &bad).await.unwrap_err();
    let expected: Vec<_> = (0..4).map(|at| format!("secret.allowed_origins[{at}]")).collect();
    assert_eq!(fields(&refused), expected);
    let many: Vec<_> = (0..21).map(|at| format!("https://h{at}.example")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(fields(&create(value("sk-1"), &many).await.unwrap_err()), ["secret.allowed_origins"]);
    assert_eq!(fields(&create(link("s"), &many[..1]).await.unwrap_err()), ["secret.value.secret"]);
    let one = ["https://a.example:443/", "https://A.example", "https://a.example:8443"];
    let made = create(value("sk-1"), &one).await.unwrap();
    assert_eq!(made.allowed_origins, ["https://a.example", "https://a.example:8443"], "in one form, each once");
    let pair = v1::AccessKeyPair {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "key".into(),
        ..Default::default()
    };
    let pair = Some(v1::CredentialValue { value: Some(Value::AccessKeyPair(pair)) });
    let made = create(pair, &[]).await.unwrap();
    assert_eq!((made.masked_value.as_str(), made.allowed_origins.len()), ("AKIA...PLE", 0), "it is never sent");
    assert!(world.context.views.load().secrets.is_empty());
}

#[tokio::test]
async fn an_update_renames_and_gives_neither_a_value_nor_a_place() {
    let linked = Linked::new().await;
    let update = async |secret: v1::Secret, paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        let request = v1::UpdateSecretRequest {
            secret: Some(v1::Secret { name: NAME.into(), ..secret }),
            update_mask: (!paths.is_empty()).then_some(prost_types::FieldMask { paths }),
            ..Default::default()
        };
        linked.world.secrets.update_secret(call(request)).await.map(Response::into_inner)
    };
    let before = linked.get().await;
    let value = || v1::Secret { value: value("sk-2"), ..Default::default() };
    let origins = || v1::Secret { allowed_origins: vec!["https://evil.example".into()], ..Default::default() };
    let kind = || v1::Secret { r#type: v1::CredentialType::ClientSecret.into(), ..Default::default() };
    for (secret, paths, field) in [
        (value(), vec![], "secret.value"),
        (value(), vec!["value"], "secret.value"),
        (v1::Secret::default(), vec!["value"], "secret.value"),
        (origins(), vec![], "secret.allowed_origins"),
        (origins(), vec!["allowed_origins"], "secret.allowed_origins"),
        (v1::Secret::default(), vec!["allowed_origins"], "secret.allowed_origins"),
        (kind(), vec![], "secret.type"),
    ] {
        assert_eq!(fields(&update(secret, &paths).await.unwrap_err()), [field]);
    }
    assert_eq!(update(before.clone(), &[]).await.unwrap(), before, "what was read can be sent back");
    let renamed = v1::Secret { display_name: "Shared".into(), ..Default::default() };
    let renamed = update(renamed, &[]).await.unwrap();
    assert_eq!((renamed.display_name.as_str(), renamed.version), ("Shared", 1));
}

#[tokio::test]
async fn a_rotation_takes_every_linked_credential_along_in_one_commit() {
    let linked = Linked::new().await;
    let head = linked.world.context.store.head();
    let asked = (linked.world.upstream.asked().len(), linked.other.asked().len());
    let answer = linked.rotate(rotation("sk-shared-value-2")).await.unwrap();
    assert_eq!((answer.revision, linked.world.context.store.head()), (head.next().0, head.next()));
    let secret = answer.secret.unwrap();
    assert_eq!((secret.version, secret.masked_value.as_str(), secret.linked_credential_count), (2, "sk-s...e-2", 3));
    assert_eq!((secret.revision, &secret), (answer.revision, &linked.get().await));
    let expected = (2, "sk-s...e-2".to_owned(), v1::CredentialState::Active, answer.revision);
    assert_eq!(linked.credentials().await, [expected.clone(), expected.clone(), expected]);
    // Each provider is asked once, however many of its credentials link.
    assert_eq!((linked.world.upstream.asked().len(), linked.other.asked().len()), (asked.0 + 1, asked.1 + 1));
    assert_eq!(keys_of(&linked.other).last().unwrap(), "Bearer sk-shared-value-2");
    let dependents: Vec<_> = answer.dependents.iter().map(|one| (one.kind.as_str(), one.count)).collect();
    assert_eq!(dependents, [("Credential", 3)]);
}

#[tokio::test]
async fn a_new_value_that_one_provider_rejects_changes_nothing() {
    let linked = Linked::new().await;
    let (secret, credentials, head) =
        (linked.get().await, linked.credentials().await, linked.world.context.store.head());
    linked.other.answer(401, "{}");
    let skipping = || v1::RotateSecretRequest { skip_validation: true, ..rotation("sk-shared-value-2") };
    let refused = linked.rotate(skipping()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "CREDENTIAL_REJECTED".to_owned()));
    linked.other.answer(503, "");
    assert_eq!(reason(&linked.rotate(rotation("sk-2")).await.unwrap_err()).1, "UPSTREAM_UNREACHABLE");
    assert_eq!((linked.get().await, linked.credentials().await), (secret, credentials));
    assert_eq!(linked.world.context.store.head(), head);
    linked.rotate(skipping()).await.unwrap();
    let states: Vec<_> = linked.credentials().await.into_iter().map(|(_, _, state, _)| state).collect();
    let (active, unverified) = (v1::CredentialState::Active, v1::CredentialState::Unverified);
    assert_eq!(states, [active, active, unverified]);
}

#[tokio::test]
async fn a_rotation_minds_the_etag_the_type_the_request_id_and_validate_only() {
    let linked = Linked::new().await;
    let head = linked.world.context.store.head();
    let stale = v1::RotateSecretRequest { etag: "\"0-1\"".into(), ..rotation("sk-2") };
    assert_eq!(reason(&linked.rotate(stale).await.unwrap_err()).1, "ETAG_MISMATCH");
    let client =
        v1::ClientSecret { tenant_id: "contoso.com".into(), client_id: "app".into(), client_secret: "canary".into() };
    let client = Some(v1::CredentialValue { value: Some(Value::ClientSecret(client)) });
    let other = v1::RotateSecretRequest { value: client, allowed_origins: vec!["no".into()], ..rotation("") };
    let refused = linked.rotate(other).await.unwrap_err();
    assert_eq!(fields(&refused), ["value.client_secret", "allowed_origins[0]"]);
    let only = v1::RotateSecretRequest { validate_only: true, ..rotation("sk-2") };
    let answer = linked.rotate(only).await.unwrap();
    assert_eq!((answer.revision, answer.dependents[0].count), (0, 3));
    assert_eq!(linked.world.context.store.head(), head);
    let repeated = v1::RotateSecretRequest { request_id: "r1".into(), ..rotation("sk-shared-value-2") };
    let first = linked.rotate(repeated.clone()).await.unwrap();
    assert_eq!(linked.rotate(repeated).await.unwrap(), first);
    assert_eq!(linked.get().await.version, 2);
}

#[tokio::test]
async fn where_a_value_may_be_sent_changes_with_the_value_and_drops_nobody_unseen() {
    let linked = Linked::new().await;
    let home = linked.world.upstream.base_url.origin().to_string();
    let narrower = v1::RotateSecretRequest { allowed_origins: vec![home.clone()], ..rotation("sk-shared-value-2") };
    let refused = linked.rotate(narrower.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "DESTINATION_CHANGED".to_owned()));
    let other = linked.other.base_url.origin();
    assert_eq!(refused.get_details_error_info().unwrap().metadata["origin"], other.as_str());
    // The provider moves away: its credential is out, and no rotation sends the value after it.
    let elsewhere = ProviderDouble::answering(200, MODELS).await;
    let moved = v1::Provider { base_url: elsewhere.base_url.to_string(), ..Default::default() };
    linked.world.change_provider("b", moved).await;
    linked.rotate(narrower).await.unwrap();
    assert_eq!(linked.get().await.allowed_origins, std::slice::from_ref(&home));
    let states: Vec<_> =
        linked.credentials().await.into_iter().map(|(version, _, state, _)| (version, state)).collect();
    let (active, inactive) = (v1::CredentialState::Active, v1::CredentialState::Inactive);
    assert_eq!(states, [(2, active), (2, active), (2, inactive)]);
    assert_eq!(elsewhere.asked().len(), 0);
    // A value that is given for the new place, too, brings it back.
    let both = vec![home, elsewhere.base_url.origin().to_string()];
    let wider = v1::RotateSecretRequest { allowed_origins: both, ..rotation("sk-shared-value-3") };
    linked.rotate(wider).await.unwrap();
    assert!(linked.credentials().await.iter().all(|(version, _, state, _)| (*version, *state) == (3, active)));
    assert_eq!(keys_of(&elsewhere), ["Bearer sk-shared-value-3"]);
}

#[tokio::test]
async fn a_linked_secret_stays_and_an_unlinked_one_goes_without_a_trace() {
    let linked = Linked::new().await;
    let delete = async |validate_only: bool| {
        let request = v1::DeleteSecretRequest { name: NAME.into(), validate_only, ..Default::default() };
        linked.world.secrets.delete_secret(call(request)).await.map(Response::into_inner)
    };
    let refused = delete(false).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "HAS_DEPENDENTS".to_owned()));
    let info = refused.get_details_error_info().unwrap();
    assert!(info.metadata["names"].starts_with("projects/p/providers/a/credentials/c,"), "{info:?}");
    let told = delete(true).await.unwrap();
    assert_eq!((told.revision, told.dependents[0].kind.as_str(), told.dependents[0].count), (0, "Credential", 3));
    let index = "index/ref/projects/p/secrets/";
    assert_eq!(linked.world.context.store.range(index).await.unwrap().records.len(), 3);
    for name in ["a/credentials/c", "a/credentials/d", "b/credentials/c"] {
        let request =
            v1::DeleteCredentialRequest { name: format!("projects/p/providers/{name}"), ..Default::default() };
        linked.world.credentials.delete_credential(call(request)).await.unwrap();
    }
    assert_eq!(linked.get().await.linked_credential_count, 0);
    assert!(delete(false).await.unwrap().revision > 0);
    let left = linked.world.context.store.range("").await.unwrap();
    assert!(left.records.iter().all(|record| !record.key.contains("secrets")), "nothing is left behind");
}

#[tokio::test]
async fn a_link_that_comes_during_a_rotation_gets_the_new_value_or_none() {
    let linked = Linked::new().await;
    let (rotated, made) =
        tokio::join!(linked.rotate(rotation("sk-shared-value-2")), linked.world.create(linking("b", "late")));
    // Whoever loses the race is decided anew, or told to try again: no credential is left with the old value.
    assert!(rotated.is_ok() || made.is_ok());
    let view = linked.world.context.views.load();
    let secret = &view.secrets[NAME].spec.value;
    for credential in view.credentials_linked_to(&NAME.parse().unwrap()) {
        assert_eq!(credential.spec.value.masked, secret.masked, "{}", credential.name);
    }
}
