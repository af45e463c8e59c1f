//! What deletes tell of the resources that depend on their target.

use super::*;

impl World {
    async fn key_for(&self, id: &str, environment: &str, allowed_models: &[&str]) {
        let request = v1::CreateCallerKeyRequest {
            parent: PROJECT.into(),
            caller_key_id: id.into(),
            caller_key: Some(v1::CallerKey {
                environment: format!("{PROJECT}/environments/{environment}"),
                allowed_models: allowed_models.iter().map(|&pattern| pattern.into()).collect(),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.create_key(request).await.unwrap();
    }
}

fn told(dependents: Vec<v1::Dependents>) -> Vec<(String, u32, Vec<String>)> {
    let last = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    dependents.iter().map(|one| (one.kind.clone(), one.count, one.sample_names.iter().map(last).collect())).collect()
}

fn of(kind: &str, names: &[&str]) -> (String, u32, Vec<String>) {
    (kind.to_owned(), u32::try_from(names.len()).unwrap(), names.iter().map(|&name| name.to_owned()).collect())
}

async fn world() -> World {
    let world = World::new().await;
    world.environment("staging").await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    world.create_model("gpt-4o").await.unwrap();
    world.key_for("by-model", "production", &["meta/fast:1"]).await;
    world.key_for("by-prefix", "production", &["none", "openai/gpt*"]).await;
    world.key_for("elsewhere", "staging", &["*"]).await;
    world.key_for("other-model", "production", &["meta/slow", "openai"]).await;
    world
}

#[tokio::test]
async fn a_provider_tells_its_models_the_keys_that_reach_it_and_where_it_is_active() {
    let world = world().await;
    let name = "projects/p/providers/openai".to_owned();
    let request = v1::DeleteProviderRequest { name: name.clone(), validate_only: true, ..Default::default() };
    let answer = world.delete_provider(request).await.unwrap();
    assert!(answer.force_helps && answer.revision == 0);
    let expected =
        [of("Model", &["fast:1"]), of("CallerKey", &["by-model", "by-prefix"]), of("Environment", &["production"])];
    assert_eq!(told(answer.dependents), expected);
}

#[tokio::test]
async fn a_model_tells_the_keys_that_may_ask_for_it() {
    let world = world().await;
    let name = "projects/p/models/meta/fast:1".to_owned();
    let request = v1::DeleteModelRequest { name, validate_only: true, ..Default::default() };
    let answer = world.models.delete_model(world.call("models:DeleteModel", request)).await.unwrap().into_inner();
    assert_eq!(told(answer.dependents), [of("CallerKey", &["by-model"])]);
}

#[tokio::test]
async fn what_depends_is_counted_whole_and_sampled() {
    let world = world().await;
    for at in 0..30 {
        world.key_for(&format!("key-{at:02}"), "production", &["*"]).await;
    }
    let view = world.context.views.load();
    let provider = "projects/p/providers/openai".parse().unwrap();
    // Of the same provider twice, each is counted once.
    let told = served_by(&view, [&provider, &provider]);
    let keys = told.iter().find(|one| one.kind == "CallerKey").unwrap();
    assert_eq!((keys.count, keys.sample_names.len()), (32, 20));
    assert!(keys.sample_names.is_sorted());
}
