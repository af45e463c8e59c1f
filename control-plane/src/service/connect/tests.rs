//! Connecting providers, at an upstream that answers as it is told.

use proto::admin::v1::provider_service_server::ProviderService as _;
use proto::admin::v1::secret_service_server::SecretService as _;
use tonic::{Code, Status};

use super::*;
use crate::health::double::MODELS;
use crate::service::credential::tests::{World, call, fields, keys_of, link, reason, stand_in, value};
use crate::store::{Change, Commit};

fn target(upstream_model: &str) -> v1::Target {
    v1::Target { upstream_model: upstream_model.into(), ..Default::default() }
}

fn model(id: &str, targets: Vec<v1::Target>) -> v1::ConnectedModel {
    v1::ConnectedModel { model_id: id.into(), model: Some(v1::Model { targets, ..Default::default() }) }
}

fn request(world: &World) -> v1::ConnectProviderRequest {
    let provider = v1::Provider {
        display_name: "New one".into(),
        exposed_models: vec![v1::ExposedModel { upstream_model: "gpt-a".into(), ..Default::default() }],
        ..stand_in(&world.upstream)
    };
    v1::ConnectProviderRequest {
        parent: "projects/p".into(),
        provider: Some(provider),
        credential: Some(v1::Credential { value: value("sk-canary-value"), ..Default::default() }),
        models: vec![model("fast", vec![target("gpt-a")]), model("slow", vec![target("gpt-a")])],
        ..Default::default()
    }
}

async fn connect(world: &World, request: v1::ConnectProviderRequest) -> Result<v1::ConnectProviderResponse, Status> {
    world.providers.connect_provider(call(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn all_of_it_comes_in_one_commit_whose_revision_is_told() {
    let world = World::new(200, MODELS).await;
    let before = world.context.store.head();
    let made = connect(&world, request(&world)).await.unwrap();
    assert_eq!((made.revision, world.context.store.head().0), (before.0 + 1, before.0 + 1));
    let (provider, credential) = (made.provider.unwrap(), made.credential.unwrap());
    assert_eq!(provider.name, "projects/p/providers/new-one");
    assert_eq!(credential.name, "projects/p/providers/new-one/credentials/default");
    assert_eq!((credential.state(), credential.masked_value.as_str()), (v1::CredentialState::Active, "sk-c...lue"));
    assert_eq!(provider.credential_counts, counts([CredentialState::Active].into_iter()));
    let names: Vec<_> = made.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["projects/p/models/fast", "projects/p/models/slow"]);
    assert!(
        made.models.iter().all(|model| model.targets[0].provider == provider.name && model.revision == made.revision)
    );
    assert!(provider.revision == made.revision && credential.revision == made.revision && !credential.etag.is_empty());
    // What was answered is what is read.
    let read =
        world.providers.get_provider(call(v1::GetProviderRequest { name: provider.name.clone() })).await.unwrap();
    assert_eq!(read.into_inner(), provider);
    assert_eq!(keys_of(&world.upstream), ["Bearer sk-canary-value"]);
}

#[tokio::test]
async fn every_bad_field_of_all_parts_is_named_at_once_and_nobody_is_asked() {
    let world = World::new(200, MODELS).await;
    let mut bad = request(&world);
    if let (Some(provider), Some(credential)) = (&mut bad.provider, &mut bad.credential) {
        provider.base_url = "ftp://x".into();
        provider.default_model = "gpt-z".into();
        credential.value = value("sk canary");
        credential.weight = Some(101);
    }
    bad.models = vec![
        model("fast", vec![target("gpt-a")]),
        model(
            "slow",
            vec![target("gpt-z"), v1::Target { provider: "projects/p/providers/none".into(), ..target("x") }],
        ),
        model("fast", vec![]),
        v1::ConnectedModel::default(),
    ];
    let before = world.context.store.head();
    let refused = connect(&world, bad).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_INVALID".to_owned()));
    assert_eq!(
        fields(&refused),
        [
            "provider.base_url",
            "provider.default_model",
            "credential.value.api_key",
            "credential.weight",
            "models[1].model.targets[0].upstream_model",
            "models[1].model.targets[1].provider",
            "models[2].model_id",
            "models[2].model.display_name",
            "models[3].model",
            "models[3].model_id",
        ]
    );
    assert!(!refused.message().contains("canary"));
    assert!(keys_of(&world.upstream).is_empty() && world.context.store.head() == before);
}

#[tokio::test]
async fn a_refused_credential_makes_nothing() {
    let world = World::new(401, "{}").await;
    let before = world.context.store.head();
    let refused = connect(&world, request(&world)).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "CREDENTIAL_REJECTED".to_owned()));
    world.upstream.answer(503, "");
    let refused = connect(&world, request(&world)).await.unwrap_err();
    assert_eq!(reason(&refused).1, "UPSTREAM_UNREACHABLE");
    assert_eq!(world.context.store.head(), before);
    let skipping = v1::ConnectProviderRequest { skip_validation: true, ..request(&world) };
    let made = connect(&world, skipping).await.unwrap();
    assert_eq!(made.credential.unwrap().state(), v1::CredentialState::Unverified);
}

#[tokio::test]
async fn the_same_request_again_answers_the_same_and_validate_only_makes_nothing() {
    let world = World::new(200, MODELS).await;
    let before = world.context.store.head();
    let only = v1::ConnectProviderRequest { validate_only: true, ..request(&world) };
    let would = connect(&world, only).await.unwrap();
    assert_eq!((would.revision, would.provider.unwrap().revision), (0, 0));
    assert_eq!(world.context.store.head(), before);
    let request = v1::ConnectProviderRequest { request_id: "r1".into(), ..request(&world) };
    let made = connect(&world, request.clone()).await.unwrap();
    assert_eq!(connect(&world, request.clone()).await.unwrap(), made);
    assert_eq!((world.context.store.head().0, keys_of(&world.upstream).len()), (made.revision, 2));
    let other = v1::ConnectProviderRequest { models: Vec::new(), ..request };
    assert_eq!(reason(&connect(&world, other).await.unwrap_err()).1, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_name_that_is_taken_makes_nothing() {
    let world = World::new(200, MODELS).await;
    connect(&world, v1::ConnectProviderRequest { models: Vec::new(), ..request(&world) }).await.unwrap();
    let before = world.context.store.head();
    let again = connect(&world, request(&world)).await.unwrap_err();
    assert_eq!(reason(&again), (Code::AlreadyExists, "DISPLAY_NAME_TAKEN".to_owned()));
    assert_eq!(world.context.store.head(), before);
}

#[tokio::test]
async fn a_managed_provider_needs_its_credential_and_a_keyless_one_takes_none() {
    let world = World::new(200, MODELS).await;
    let without = v1::ConnectProviderRequest { credential: None, ..request(&world) };
    assert_eq!(fields(&connect(&world, without.clone()).await.unwrap_err()), ["credential"]);
    let keyless = |request: v1::ConnectProviderRequest| {
        let provider = request.provider.unwrap();
        let provider = Some(v1::Provider { auth_mode: v1::AuthMode::None.into(), ..provider });
        v1::ConnectProviderRequest { provider, ..request }
    };
    let refused = connect(&world, keyless(request(&world))).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "AUTH_MODE_FORBIDS".to_owned()));
    let made = connect(&world, keyless(without)).await.unwrap();
    assert!(made.credential.is_none() && made.revision > 0 && keys_of(&world.upstream).is_empty());
}

#[tokio::test]
async fn a_secret_goes_only_where_it_may() {
    let world = World::new(200, MODELS).await;
    let elsewhere = crate::health::double::ProviderDouble::answering(200, MODELS).await;
    world.create_secret("s", value("sk-shared-canary"), &[&elsewhere]).await.unwrap();
    let credential = Some(v1::Credential { value: link("s"), ..Default::default() });
    let refused = connect(&world, v1::ConnectProviderRequest { credential, ..request(&world) }).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "DESTINATION_CHANGED".to_owned()));
    assert!(keys_of(&world.upstream).is_empty());
}

/// The commit has its preconditions though its parent and its target come with it: a project that goes meanwhile takes all of it along.
#[tokio::test]
async fn nothing_is_made_in_a_project_that_went_meanwhile() {
    let world = World::new(200, MODELS).await;
    let view = world.context.views.load();
    let uids = Uids { provider: "aip_1".into(), credential: "crd_1".into() };
    let admin = Call {
        principal: crate::access::bootstrap_principal(),
        permission: "aiProviders:ConnectAiProvider".into(),
        now: std::time::SystemTime::UNIX_EPOCH,
    };
    let mut plan = Plan::new(&view, &admin, world.context.addresses, false);
    let mut request = request(&world);
    complete(&mut request);
    world.providers.plan_connect(&mut plan, &request, &uids, &[]).unwrap();
    let commit = plan.into_draft().into_commit();
    let gone = Change { key: crate::resource::key::spec("projects/p"), value: None };
    world.context.store.commit(Commit { preconditions: Vec::new(), changes: vec![gone] }).await.unwrap();
    assert!(world.context.store.commit(commit).await.is_err());
}

#[tokio::test]
async fn an_id_of_no_credential_is_not_ignored() {
    let world = World::new(200, MODELS).await;
    let mut keyless = v1::ConnectProviderRequest { credential: None, credential_id: "c".into(), ..request(&world) };
    if let Some(provider) = &mut keyless.provider {
        provider.auth_mode = v1::AuthMode::None.into();
    }
    assert_eq!(fields(&connect(&world, keyless.clone()).await.unwrap_err()), ["credential_id"]);
    connect(&world, v1::ConnectProviderRequest { credential_id: String::new(), ..keyless }).await.unwrap();
}

#[tokio::test]
async fn what_was_connected_goes_whole_and_leaves_its_secret_free() {
    let world = World::new(200, MODELS).await;
    world.create_secret("s", value("sk-canary-value"), &[&world.upstream]).await.unwrap();
    let keys = async || {
        let records = world.context.store.range("").await.unwrap().records;
        records.into_iter().map(|record| record.key).collect::<Vec<_>>()
    };
    let before = keys().await;
    let linked = Some(v1::Credential { value: link("s"), ..Default::default() });
    let given = v1::ConnectProviderRequest { credential: linked, models: Vec::new(), ..request(&world) };
    let made = connect(&world, given).await.unwrap();
    let of_provider = keys().await.len() - before.len();
    assert!(of_provider >= 6, "two records, a status, two display names and a reference: {of_provider}");
    let delete = v1::DeleteProviderRequest { name: made.provider.unwrap().name, ..Default::default() };
    let gone = world.providers.delete_provider(call(delete)).await.unwrap().into_inner();
    assert_eq!((gone.revision, keys().await), (made.revision + 1, before));
    let delete = v1::DeleteSecretRequest { name: "projects/p/secrets/s".into(), ..Default::default() };
    world.secrets.delete_secret(call(delete)).await.unwrap();
}
