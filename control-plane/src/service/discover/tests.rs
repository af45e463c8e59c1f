//! Discovering models, at upstreams that answer as they are told.

use proto::admin::v1::provider_service_server::ProviderService as _;
use tonic::{Code, Status};

use super::*;
use crate::health::double::MODELS;
use crate::service::credential::tests::{World, call, new, reason, stand_in};

async fn discover(world: &World, id: &str) -> Result<v1::DiscoverModelsResponse, Status> {
    let request = v1::DiscoverModelsRequest { name: format!("projects/p/providers/{id}") };
    world.providers.discover_models(call(request)).await.map(tonic::Response::into_inner)
}

async fn with_credentials(count: usize) -> World {
    let world = World::new(200, MODELS).await;
    for at in 0..count {
        let request =
            v1::CreateCredentialRequest { credential_id: format!("c{at}"), ..new(&format!("sk-{at}-canary")) };
        world.create(request).await.unwrap();
    }
    world
}

#[tokio::test]
async fn the_models_of_all_credentials_are_told_with_whether_they_are_exposed() {
    let world = with_credentials(2).await;
    let exposed = vec![v1::ExposedModel { upstream_model: "gpt-b".into(), ..Default::default() }];
    world.change_provider("a", v1::Provider { exposed_models: exposed, ..Default::default() }).await;
    let answer = discover(&world, "a").await.unwrap();
    let told: Vec<_> =
        answer.models.iter().map(|one| (one.upstream_model.as_str(), one.exposed, one.credentials.len())).collect();
    assert_eq!(told, [("gpt-a", false, 0), ("gpt-b", true, 0)]);
    assert!(answer.unlisted.is_empty());
}

#[tokio::test]
async fn a_credential_that_cannot_list_is_named_with_what_was_wrong() {
    let world = with_credentials(1).await;
    world.upstream.answer(503, "");
    let answer = discover(&world, "a").await.unwrap();
    assert!(answer.models.is_empty());
    let [unlisted] = answer.unlisted.as_slice() else { panic!("one was asked") };
    assert_eq!(unlisted.credential, "projects/p/providers/a/credentials/c0");
    assert_eq!(unlisted.error.as_ref().unwrap().reason, "UPSTREAM_UNREACHABLE");
}

#[test]
fn a_model_that_some_can_list_names_them() {
    let base_url = shared::base_url::BaseUrl::parse(
        shared::adapter::AdapterKind::OpenAi,
        "https://a.example/v1",
        shared::address::AddressPolicy::Public,
    );
    let provider = Provider::stand_in(base_url.unwrap());
    let ask = || Ask { question: Question::of(&provider, None), used: Vec::new() };
    let seen = |models: &[&str]| Seen::of(ask(), models);
    let name = |id: &str| format!("projects/p/providers/a/credentials/{id}").parse().unwrap();
    let answers = [(name("x"), seen(&["m1", "m2"])), (name("y"), seen(&["m2"]))];
    let answer = joined(&provider, answers.into_iter());
    let told: Vec<_> = answer.models.into_iter().map(|one| (one.upstream_model, one.credentials)).collect();
    let x = vec!["projects/p/providers/a/credentials/x".to_owned()];
    assert_eq!(told, [("m1".to_owned(), x), ("m2".to_owned(), Vec::new())]);
}

#[tokio::test]
async fn at_most_five_credentials_that_serve_are_asked_and_each_is_a_question() {
    let world = with_credentials(7).await;
    let before = world.upstream.asked().len();
    // Seven of ten questions went into making them.
    assert_eq!(reason(&discover(&world, "a").await.unwrap_err()), (Code::ResourceExhausted, "RATE_LIMITED".to_owned()));
    assert_eq!(world.upstream.asked().len(), before);
    let view = world.context.views.load();
    let provider = view.providers.get("projects/p/providers/a").unwrap();
    assert_eq!(serving(&view, provider).len(), MOST_ASKED);
}

#[tokio::test]
async fn a_vendor_without_a_list_and_a_callers_own_key_are_refused() {
    let world = World::new(200, MODELS).await;
    let azure = v1::Provider { vendor: "azure".into(), adapter: 0, ..stand_in(&world.upstream) };
    world.create_provider("azure", azure).await;
    let refused = discover(&world, "azure").await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "MODEL_LISTING_UNSUPPORTED".to_owned()));
    let own = v1::Provider { auth_mode: v1::AuthMode::Passthrough.into(), ..stand_in(&world.upstream) };
    world.create_provider("own", own).await;
    assert_eq!(reason(&discover(&world, "own").await.unwrap_err()).1, "AUTH_MODE_FORBIDS");
    let keyless = v1::Provider { auth_mode: v1::AuthMode::None.into(), ..stand_in(&world.upstream) };
    world.create_provider("keyless", keyless).await;
    assert_eq!(discover(&world, "keyless").await.unwrap().models.len(), 2);
    assert_eq!(reason(&discover(&world, "none").await.unwrap_err()).0, Code::NotFound);
}
