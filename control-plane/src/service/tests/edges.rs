//! Input that is odd, and legal: it is told what is wrong with it, in an answer that every client can read.

use tonic::Status;

use super::*;

/// How many bytes of headers an error takes. Many clients take 8 KiB, and fewer in all.
fn header_bytes(status: Status) -> usize {
    let headers = status.into_http::<tonic::body::Body>().into_parts().0.headers;
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn fields(status: &Status) -> Vec<String> {
    let bad_request = status.get_details_bad_request().unwrap();
    bad_request.field_violations.into_iter().map(|violation| violation.field).collect()
}

/// A provider whose record takes about 190 bytes for each exposed model.
fn with_exposed_models(world: &World, count: usize) -> v1::CreateProviderRequest {
    let mut request = world.provider("Large");
    let exposed = (0..count).map(|n| v1::ExposedModel { upstream_model: format!("m{n:0180}"), ..Default::default() });
    request.provider.as_mut().unwrap().exposed_models = exposed.collect();
    request
}

#[tokio::test]
async fn a_project_may_be_called_like_a_collection() {
    let world = World::new().await;
    for id in ["models", "providers", "environments"] {
        let project = Some(v1::Project::default());
        let request = v1::CreateProjectRequest { project_id: id.into(), project, ..Default::default() };
        world.projects.create_project(world.call("projects:CreateProject", request)).await.unwrap();
        let parent = format!("projects/{id}");
        let request = v1::CreateModelRequest {
            parent: parent.clone(),
            model_id: "m".into(),
            model: Some(v1::Model::default()),
            ..Default::default()
        };
        let made = world.models.create_model(world.call("models:CreateModel", request)).await.unwrap().into_inner();
        assert_eq!((made.name, made.display_name.as_str()), (format!("{parent}/models/m"), "m"));
        let request = v1::CreateEnvironmentRequest {
            parent: parent.clone(),
            environment_id: "e".into(),
            environment: Some(v1::Environment::default()),
            ..Default::default()
        };
        let call = world.call("environments:CreateEnvironment", request);
        assert_eq!(world.environments.create_environment(call).await.unwrap().into_inner().display_name, "e");
    }
}

#[tokio::test]
async fn an_error_over_thousands_of_fields_or_a_huge_one_fits_into_headers() {
    let world = World::new().await;
    let model = v1::Model { targets: vec![v1::Target::default(); 2000], ..Default::default() };
    let request = v1::CreateModelRequest {
        parent: PROJECT.into(),
        model_id: "m".into(),
        model: Some(model),
        ..Default::default()
    };
    let refused = world.models.create_model(world.call("models:CreateModel", request)).await.unwrap_err();
    let told = fields(&refused);
    assert!(told.len() >= 10 && told[0] == "model.targets[0].upstream_model", "{told:?}");
    let untold: usize = refused.get_details_error_info().unwrap().metadata["untold"].parse().unwrap();
    assert_eq!(told.len() + untold, 4000);
    assert!(refused.message().ends_with("more"), "{}", refused.message());
    assert!(header_bytes(refused) < 8000);

    let huge = "é".repeat(50_000);
    let mask = prost_types::FieldMask { paths: vec![huge.clone()] };
    let made = world.create_provider(world.provider("A")).await.unwrap();
    let update =
        v1::UpdateProviderRequest { provider: Some(made.clone()), update_mask: Some(mask), ..Default::default() };
    assert!(header_bytes(world.update_provider(update).await.unwrap_err()) < 8000);
    let delete = v1::DeleteProviderRequest { name: made.name, etag: huge.clone(), ..Default::default() };
    let stale = world.delete_provider(delete).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    assert!(header_bytes(stale) < 8000);
    let filter = v1::ListProvidersRequest { parent: PROJECT.into(), filter: "x".repeat(100_000), ..Default::default() };
    let refused = world.providers.list_providers(world.call("aiProviders:ListAiProviders", filter)).await.unwrap_err();
    assert!(header_bytes(refused) < 8000);
}

#[tokio::test]
async fn a_resource_that_is_too_large_is_refused_by_its_field_and_when_it_is_only_validated_too() {
    let world = World::new().await;
    for validate_only in [true, false] {
        let request = v1::CreateProviderRequest { validate_only, ..with_exposed_models(&world, 400) };
        let refused = world.create_provider(request).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["provider".to_owned()]));
    }
}

#[tokio::test]
async fn what_is_just_small_enough_can_be_repeated() {
    let world = World::new().await;
    let mut largest = None;
    for count in (250..330).rev() {
        let request = v1::CreateProviderRequest { request_id: "once".into(), ..with_exposed_models(&world, count) };
        match world.create_provider(request.clone()).await {
            Ok(made) => {
                largest = Some((request, made));
                break;
            }
            Err(refused) => assert_eq!(fields(&refused), ["provider"]),
        }
    }
    let (request, made) = largest.unwrap();
    assert_eq!(world.create_provider(request).await.unwrap(), made);
}

#[tokio::test]
async fn times_that_are_none_are_refused() {
    let world = World::new().await;
    for (seconds, nanos) in [(i64::MAX, 0), (253_402_300_800, 0), (-62_135_596_801, 0), (1, -1), (1, 1_000_000_000)] {
        let mut request = world.key("");
        request.caller_key.as_mut().unwrap().expire_time = Some(prost_types::Timestamp { seconds, nanos });
        let refused = world.create_key(request).await.unwrap_err();
        assert_eq!(fields(&refused), ["caller_key.expire_time"], "{seconds} {nanos}");
    }
    let mut request = world.key("");
    let last = prost_types::Timestamp { seconds: 253_402_300_799, nanos: 999_999_999 };
    request.caller_key.as_mut().unwrap().expire_time = Some(last);
    assert_eq!(world.create_key(request).await.unwrap().expire_time, Some(last));
}

#[tokio::test]
async fn a_bad_request_id_is_found_when_it_is_only_validated() {
    let world = World::new().await;
    let request = v1::CreateCallerKeyRequest { validate_only: true, ..world.key("not visible") };
    assert_eq!(fields(&world.create_key(request).await.unwrap_err()), ["request_id"]);
}

#[test]
fn a_display_name_with_slashes_is_not_one_of_a_child() {
    use crate::resource::key::display_name;
    let provider: shared::name::ProviderName = "projects/p/providers/a".parse().unwrap();
    let credential: shared::name::CredentialName = "projects/p/providers/q/credentials/k".parse().unwrap();
    assert_ne!(display_name(&provider, "q/credentials/k"), display_name(&credential, "k"));
}
