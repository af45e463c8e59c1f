//! Tests of connections, at an upstream that answers as it is told.

use proto::admin::v1::provider_service_server::ProviderService as _;
use tonic::{Code, Status};

use super::*;
use crate::health::double::{MODELS, ProviderDouble};
use crate::service::credential::tests::{World, call, fields, keys_of, link, reason, stand_in, value};

fn request(world: &World) -> v1::TestConnectionRequest {
    v1::TestConnectionRequest {
        parent: "projects/p".into(),
        provider: Some(stand_in(&world.upstream)),
        credential: Some(v1::Credential { value: value("sk-canary-value"), ..Default::default() }),
        ..Default::default()
    }
}

async fn test(world: &World, request: v1::TestConnectionRequest) -> Result<v1::TestConnectionResponse, Status> {
    world.providers.test_connection(call(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_good_credential_passes_lists_its_models_and_is_stored_nowhere() {
    let world = World::new(200, MODELS).await;
    let before = world.context.store.head();
    let answer = test(&world, request(&world)).await.unwrap();
    assert_eq!((answer.state(), answer.error), (v1::CredentialState::Active, None));
    assert_eq!(answer.upstream_models, ["gpt-a", "gpt-b"]);
    assert_eq!(answer.base_url, world.upstream.base_url.to_string());
    assert_eq!(keys_of(&world.upstream), ["Bearer sk-canary-value"]);
    assert_eq!(world.context.store.head(), before);
}

#[tokio::test]
async fn a_list_of_what_callers_can_t_ask_for_is_not_told() {
    let world = World::new(200, MODELS).await;
    let mut azure = request(&world);
    if let Some(provider) = &mut azure.provider {
        provider.vendor = "azure".into();
        provider.adapter = v1::Adapter::AzureOpenai.into();
    }
    let answer = test(&world, azure).await.unwrap();
    assert_eq!(answer.error, None);
    assert!(answer.upstream_models.is_empty(), "{:?}", answer.upstream_models);
}

#[tokio::test]
async fn whatever_the_verdict_it_is_an_answer_that_names_the_part_at_fault() {
    let world = World::new(200, MODELS).await;
    for (status, body, expected) in [
        (401, "{}", "CREDENTIAL_REJECTED"),
        (404, "", "ENDPOINT_WRONG"),
        (200, "<html>", "ENDPOINT_WRONG"),
        (503, "", "UPSTREAM_UNREACHABLE"),
    ] {
        world.upstream.answer(status, body);
        let answer = test(&world, request(&world)).await.unwrap();
        let error = answer.error.clone().unwrap();
        assert_eq!((answer.state(), error.reason.as_str()), (v1::CredentialState::Inactive, expected), "{status}");
        assert_ne!(answer.state_reason(), v1::CredentialStateReason::NotYetUsed);
        assert_eq!(error.upstream_status, u32::from(status));
        assert!(answer.upstream_models.is_empty() && !error.message.contains("canary"));
    }
}

#[tokio::test]
async fn bad_fields_are_named_at_once_and_nobody_is_asked() {
    let world = World::new(200, MODELS).await;
    let mut bad = request(&world);
    bad.paid_check_model = "a b".into();
    if let (Some(provider), Some(credential)) = (&mut bad.provider, &mut bad.credential) {
        provider.region = "Not a region".into();
        credential.value = value("sk canary");
    }
    let refused = test(&world, bad).await.unwrap_err();
    assert_eq!(fields(&refused), ["provider.region", "paid_check_model", "credential.value.api_key"]);
    let without = v1::TestConnectionRequest { credential: None, ..request(&world) };
    assert_eq!(fields(&test(&world, without).await.unwrap_err()), ["credential"]);
    assert!(keys_of(&world.upstream).is_empty());
}

#[tokio::test]
async fn a_secret_is_tested_where_it_may_go_and_nowhere_else() {
    let world = World::new(200, MODELS).await;
    let elsewhere = ProviderDouble::answering(200, MODELS).await;
    world.create_secret("s", value("sk-shared-canary"), &[&world.upstream]).await.unwrap();
    let linked = v1::TestConnectionRequest {
        credential: Some(v1::Credential { value: link("s"), ..Default::default() }),
        ..request(&world)
    };
    assert_eq!(test(&world, linked.clone()).await.unwrap().state(), v1::CredentialState::Active);
    assert_eq!(keys_of(&world.upstream), ["Bearer sk-shared-canary"]);
    let moved = v1::TestConnectionRequest { provider: Some(stand_in(&elsewhere)), ..linked };
    let refused = test(&world, moved).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "DESTINATION_CHANGED".to_owned()));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn tests_spend_the_allowance_of_checks() {
    let world = World::new(200, MODELS).await;
    for _ in 0..10 {
        test(&world, request(&world)).await.unwrap();
    }
    let refused = test(&world, request(&world)).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "RATE_LIMITED".to_owned()));
    let discover = v1::DiscoverModelsRequest { name: "projects/p/providers/a".into() };
    // No credential is there to be asked with, so that nothing is spent.
    world.providers.discover_models(call(discover)).await.unwrap();
    assert_eq!(world.upstream.asked().len(), 10);
}

#[tokio::test]
async fn a_callers_own_key_is_not_tested() {
    let world = World::new(200, MODELS).await;
    for credential in [None, request(&world).credential] {
        let mut request = v1::TestConnectionRequest { credential, ..request(&world) };
        if let Some(provider) = &mut request.provider {
            provider.auth_mode = v1::AuthMode::Passthrough.into();
        }
        assert_eq!(reason(&test(&world, request).await.unwrap_err()).1, "AUTH_MODE_FORBIDS");
    }
    assert!(world.upstream.asked().is_empty());
}
