//! Models of providers that take the caller's own key.

use super::*;

#[tokio::test]
async fn a_model_with_a_callers_own_key_has_targets_of_one_provider() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let mut own = world.provider("Own");
    own.provider.as_mut().unwrap().auth_mode = v1::AuthMode::Passthrough.into();
    world.create_provider(own).await.unwrap();
    let target = |provider: &str| v1::Target {
        provider: format!("{PROJECT}/providers/{provider}"),
        upstream_model: "gpt-4o".into(),
        ..Default::default()
    };
    let create = |id: &str, targets| {
        let request = v1::CreateModelRequest {
            parent: PROJECT.into(),
            model_id: id.into(),
            model: Some(v1::Model { targets, ..Default::default() }),
            ..Default::default()
        };
        world.models.create_model(world.call("models:CreateModel", request))
    };
    create("own", vec![target("own"), target("own")]).await.unwrap();
    let refused = create("mixed", vec![target("openai"), target("own")]).await.unwrap_err();
    let fields: Vec<_> =
        refused.get_details_bad_request().unwrap().field_violations.into_iter().map(|one| one.field).collect();
    assert_eq!(fields, ["model.targets[0].provider"]);
}
