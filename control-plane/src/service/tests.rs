use std::time::{Duration, SystemTime};

use proto::admin::v1;
use proto::admin::v1::caller_key_service_server::CallerKeyService as _;
use proto::admin::v1::environment_service_server::EnvironmentService as _;
use proto::admin::v1::model_service_server::ModelService as _;
use proto::admin::v1::project_service_server::ProjectService as _;
use proto::admin::v1::provider_service_server::ProviderService as _;
use shared::secret::Secret;
use shared::task::Tasks;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::caller_key::CallerKeys;
use super::environment::Environments;
use super::model::Models;
use super::project::Projects;
use super::provider::Providers;
use super::*;
use crate::access::bootstrap_principal;
use crate::health::double::prober;
use crate::store::memory::MemoryStore;
use crate::store::seal::MasterKeys;

mod depending;
mod edges;
mod own_keys;
mod rates;

/// The services on a store in memory, with a project and an environment.
struct World {
    context: Context,
    projects: Projects,
    environments: Environments,
    providers: Providers,
    models: Models,
    keys: CallerKeys,
    tasks: Tasks,
    now: SystemTime,
}

const PROJECT: &str = "projects/p";

impl World {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let tasks = Tasks::new();
        let keys = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
        let keys = MasterKeys::from_text(&Secret::from(keys)).unwrap();
        let sealer = Sealer::unlock(&*store, &keys).await.unwrap();
        let context = Context {
            views: Views::open(store.clone(), &tasks).await.unwrap(),
            store,
            sealing: Sealing::Open(Arc::new(sealer)),
            addresses: AddressPolicy::Public,
        };
        let world = Self {
            projects: Projects::new(context.clone()),
            environments: Environments::new(context.clone()),
            providers: Providers::new(context.clone(), prober(AddressPolicy::Public), Allowance::default()),
            models: Models::new(context.clone()),
            keys: CallerKeys::new(context.clone()),
            context,
            tasks,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        };
        let project = v1::Project { display_name: "P".into(), ..Default::default() };
        let request = v1::CreateProjectRequest { project: Some(project), ..Default::default() };
        world.projects.create_project(world.call("projects:CreateProject", request)).await.unwrap();
        world.environment("production").await;
        world
    }

    fn call<T>(&self, permission: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let call = Call { principal: bootstrap_principal(), permission: permission.into(), now: self.now };
        request.extensions_mut().insert(call);
        request
    }

    async fn environment(&self, id: &str) {
        let request = v1::CreateEnvironmentRequest {
            parent: PROJECT.into(),
            environment_id: id.into(),
            environment: Some(v1::Environment::default()),
            ..Default::default()
        };
        self.environments.create_environment(self.call("environments:CreateEnvironment", request)).await.unwrap();
    }

    fn provider(&self, display_name: &str) -> v1::CreateProviderRequest {
        v1::CreateProviderRequest {
            parent: PROJECT.into(),
            provider: Some(v1::Provider {
                display_name: display_name.into(),
                vendor: "openai".into(),
                environments: vec!["projects/p/environments/production".into()],
                exposed_models: vec![v1::ExposedModel { upstream_model: "gpt-4o".into(), ..Default::default() }],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    async fn create_provider(&self, request: v1::CreateProviderRequest) -> Result<v1::Provider, Status> {
        let answer = self.providers.create_provider(self.call("aiProviders:CreateAiProvider", request)).await;
        answer.map(Response::into_inner)
    }

    async fn update_provider(&self, request: v1::UpdateProviderRequest) -> Result<v1::Provider, Status> {
        let answer = self.providers.update_provider(self.call("aiProviders:UpdateAiProvider", request)).await;
        answer.map(Response::into_inner)
    }

    async fn delete_provider(&self, request: v1::DeleteProviderRequest) -> Result<v1::DeleteProviderResponse, Status> {
        let answer = self.providers.delete_provider(self.call("aiProviders:DeleteAiProvider", request)).await;
        answer.map(Response::into_inner)
    }

    async fn create_model(&self, upstream_model: &str) -> Result<v1::Model, Status> {
        let target = v1::Target {
            provider: "projects/p/providers/openai".into(),
            upstream_model: upstream_model.into(),
            ..Default::default()
        };
        let request = v1::CreateModelRequest {
            parent: PROJECT.into(),
            model_id: "meta/fast:1".into(),
            model: Some(v1::Model { targets: vec![target], ..Default::default() }),
            ..Default::default()
        };
        self.models.create_model(self.call("models:CreateModel", request)).await.map(Response::into_inner)
    }

    fn key(&self, request_id: &str) -> v1::CreateCallerKeyRequest {
        v1::CreateCallerKeyRequest {
            parent: PROJECT.into(),
            caller_key_id: "app".into(),
            caller_key: Some(v1::CallerKey {
                environment: "projects/p/environments/production".into(),
                allowed_models: vec!["*".into()],
                labels: (0..20).map(|n| (format!("k{n}"), "v".to_owned())).collect(),
                ..Default::default()
            }),
            request_id: request_id.into(),
            ..Default::default()
        }
    }

    async fn create_key(&self, request: v1::CreateCallerKeyRequest) -> Result<v1::CallerKey, Status> {
        let answer = self.keys.create_caller_key(self.call("callerKeys:CreateCallerKey", request)).await;
        answer.map(Response::into_inner)
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn what_was_written_is_read_at_once() {
    let world = World::new().await;
    let made = world.create_provider(world.provider("Open AI")).await.unwrap();
    assert_eq!(made.name, "projects/p/providers/open-ai");
    assert_eq!(made.base_url, "https://api.openai.com/v1");
    assert!(made.uid.starts_with("aip_") && made.etag.starts_with('"') && made.generation == 1);
    let request = v1::GetProviderRequest { name: made.name.clone() };
    let read = world.providers.get_provider(world.call("aiProviders:GetAiProvider", request)).await.unwrap();
    assert_eq!(read.into_inner(), made);
    let request = v1::ListProvidersRequest {
        parent: PROJECT.into(),
        filter: "vendor = openai AND enabled = true".into(),
        ..Default::default()
    };
    let page = world.providers.list_providers(world.call("aiProviders:ListAiProviders", request)).await.unwrap();
    assert_eq!(page.into_inner().providers, [made]);
    world.tasks.stopped().await;
}

#[tokio::test]
async fn a_display_name_and_an_id_are_had_once() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let again = world.create_provider(world.provider("OpenAI")).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::AlreadyExists, "DISPLAY_NAME_TAKEN"));
    let taken = v1::CreateProviderRequest { provider_id: "openai".into(), ..world.provider("Other") };
    let taken = world.create_provider(taken).await.unwrap_err();
    assert_eq!(reason(&taken), "ID_TAKEN");
    let numbered = world.create_provider(world.provider("openai!")).await.unwrap();
    assert_eq!(numbered.name, "projects/p/providers/openai-2");
}

#[tokio::test]
async fn of_two_writers_racing_for_a_display_name_one_is_told_who_has_it() {
    let world = World::new().await;
    let one = v1::CreateProviderRequest { provider_id: "one".into(), ..world.provider("Same") };
    let two = v1::CreateProviderRequest { provider_id: "two".into(), ..world.provider("Same") };
    let (one, two) = tokio::join!(world.create_provider(one), world.create_provider(two));
    assert!(one.is_ok() != two.is_ok());
    let loser = one.err().or(two.err()).unwrap();
    assert_eq!(reason(&loser), "DISPLAY_NAME_TAKEN");
}

#[tokio::test]
async fn the_loser_of_an_etag_race_is_told_the_current_etag() {
    let world = World::new().await;
    let made = world.create_provider(world.provider("OpenAI")).await.unwrap();
    let update = |display_name: &str| v1::UpdateProviderRequest {
        provider: Some(v1::Provider {
            name: made.name.clone(),
            etag: made.etag.clone(),
            display_name: display_name.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let (one, two) = tokio::join!(world.update_provider(update("A")), world.update_provider(update("B")));
    let (winner, loser) = if one.is_ok() { (one, two) } else { (two, one) };
    let (winner, loser) = (winner.unwrap(), loser.unwrap_err());
    assert_eq!((loser.code(), reason(&loser).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(loser.get_details_error_info().unwrap().metadata["current"], winner.etag);
    assert_eq!(winner.generation, 2);
}

#[tokio::test]
async fn updates_without_an_etag_race_without_loss() {
    let world = World::new().await;
    let made = world.create_provider(world.provider("OpenAI")).await.unwrap();
    let update = |provider: v1::Provider| v1::UpdateProviderRequest {
        provider: Some(v1::Provider { name: made.name.clone(), ..provider }),
        ..Default::default()
    };
    let named = update(v1::Provider { display_name: "New".into(), ..Default::default() });
    let off = update(v1::Provider { enabled: Some(false), ..Default::default() });
    let (named, off) = tokio::join!(world.update_provider(named), world.update_provider(off));
    assert!(named.is_ok() && off.is_ok());
    let view = world.context.views.load();
    let provider = view.providers.get("projects/p/providers/openai").unwrap();
    assert_eq!((provider.spec.display_name.as_str(), provider.spec.enabled), ("New", false));
    assert_eq!(provider.meta.generation, 3);
}

#[tokio::test]
async fn an_update_that_changes_nothing_commits_nothing() {
    let world = World::new().await;
    let made = world.create_provider(world.provider("OpenAI")).await.unwrap();
    let head = world.context.store.head();
    let request = v1::UpdateProviderRequest { provider: Some(made.clone()), ..Default::default() };
    assert_eq!(world.update_provider(request).await.unwrap(), made);
    assert_eq!(world.context.store.head(), head);
}

#[tokio::test]
async fn validate_only_says_what_would_be_and_changes_nothing() {
    let world = World::new().await;
    let head = world.context.store.head();
    let request = v1::CreateProviderRequest { validate_only: true, ..world.provider("OpenAI") };
    let answer = world.create_provider(request).await.unwrap();
    assert_eq!((answer.revision, answer.etag.as_str()), (0, ""));
    assert_eq!(world.context.store.head(), head);
}

#[tokio::test]
async fn a_model_in_use_keeps_its_provider_and_its_exposure() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let hidden = world.create_model("gpt-5").await.unwrap_err();
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::InvalidArgument, "REFERENCE_INVALID"));
    world.create_model("gpt-4o").await.unwrap();
    let hide = v1::UpdateProviderRequest {
        provider: Some(v1::Provider { name: "projects/p/providers/openai".into(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["exposed_models".into()] }),
        ..Default::default()
    };
    assert_eq!(reason(&world.update_provider(hide).await.unwrap_err()), "HAS_DEPENDENTS");
    let delete = v1::DeleteProviderRequest { name: "projects/p/providers/openai".into(), ..Default::default() };
    let refused = world.delete_provider(delete.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "HAS_DEPENDENTS"));
    assert_eq!(refused.get_details_error_info().unwrap().metadata["names"], "projects/p/models/meta/fast:1");
    let look = v1::DeleteProviderRequest { validate_only: true, ..delete.clone() };
    let look = world.delete_provider(look).await.unwrap();
    assert!(look.force_helps && look.revision == 0 && look.dependents[0].kind == "Model");
    let gone = world.delete_provider(v1::DeleteProviderRequest { force: true, ..delete }).await.unwrap();
    let view = world.context.views.load();
    assert_eq!(view.revision.0, gone.revision);
    assert!(view.providers.is_empty());
    assert!(view.models.get("projects/p/models/meta/fast:1").unwrap().spec.targets.is_empty());
    assert!(world.context.store.range("index/ref/projects/p/providers/").await.unwrap().records.is_empty());
}

#[tokio::test]
async fn an_environment_in_use_and_a_project_with_children_stay() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let name = "projects/p/environments/production".to_owned();
    let request = v1::DeleteEnvironmentRequest { name, ..Default::default() };
    let call = world.call("environments:DeleteEnvironment", request);
    assert_eq!(reason(&world.environments.delete_environment(call).await.unwrap_err()), "HAS_DEPENDENTS");
    let request = v1::DeleteProjectRequest { name: PROJECT.into(), ..Default::default() };
    let call = world.call("projects:DeleteProject", request);
    let refused = world.projects.delete_project(call).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().metadata["kinds"], "Environment,Provider");
}

#[tokio::test]
async fn a_repeated_request_answers_the_same_and_another_one_is_refused() {
    let world = World::new().await;
    let first = world.create_key(world.key("r-1")).await.unwrap();
    assert!(first.plaintext.starts_with("kp_"));
    let head = world.context.store.head();
    assert_eq!(world.create_key(world.key("r-1")).await.unwrap(), first);
    assert_eq!(world.context.store.head(), head);
    let other = v1::CreateCallerKeyRequest { caller_key_id: "other".into(), ..world.key("r-1") };
    let other = world.create_key(other).await.unwrap_err();
    assert_eq!((other.code(), reason(&other).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
    let request = v1::GetCallerKeyRequest { name: first.name };
    let read = world.keys.get_caller_key(world.call("callerKeys:GetCallerKey", request)).await.unwrap();
    assert_eq!(read.get_ref().plaintext, "");
    let everything = world.context.store.range("").await.unwrap();
    let plaintext = first.plaintext.as_bytes();
    assert!(everything.records.iter().all(|record| !record.value.windows(plaintext.len()).any(|w| w == plaintext)));
}

#[tokio::test]
async fn the_same_request_twice_at_once_is_made_once() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.create_key(world.key("r-1")), world.create_key(world.key("r-1")));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn a_request_id_is_free_again_after_an_hour() {
    let mut world = World::new().await;
    let first = world.create_key(world.key("r-1")).await.unwrap();
    world.now += Duration::from_secs(3601);
    let again = world.create_key(world.key("r-1")).await.unwrap_err();
    assert_eq!(reason(&again), "ID_TAKEN");
    let other = v1::CreateCallerKeyRequest { caller_key_id: "other".into(), ..world.key("r-1") };
    assert_ne!(world.create_key(other).await.unwrap().plaintext, first.plaintext);
    let store = &*world.context.store;
    assert_eq!(forget_expired(store, world.now).await.unwrap(), 0);
    assert_eq!(forget_expired(store, world.now + Duration::from_secs(3600)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_sealed_store_refuses_every_mutation_with_the_reason() {
    let mut world = World::new().await;
    world.context.sealing = Sealing::Sealed("the master key k1 is missing".into());
    world.providers = Providers::new(world.context.clone(), prober(AddressPolicy::Public), Allowance::default());
    let refused = world.create_provider(world.provider("OpenAI")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "STORE_SEALED"));
    assert_eq!(refused.get_details_error_info().unwrap().metadata["reason"], "the master key k1 is missing");
}

#[tokio::test]
async fn a_view_that_followed_is_the_view_that_is_read_anew() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    world.create_model("gpt-4o").await.unwrap();
    world.create_key(world.key("r-1")).await.unwrap();
    let delete =
        v1::DeleteProviderRequest { name: "projects/p/providers/openai".into(), force: true, ..Default::default() };
    world.delete_provider(delete).await.unwrap();
    let followed = world.context.views.load();
    let range = world.context.store.range("").await.unwrap();
    let read = View::decode(world.context.identity(), &range).unwrap();
    assert_eq!(format!("{followed:?}"), format!("{read:?}"));
}

#[tokio::test]
async fn every_bad_field_of_a_request_is_named_at_once() {
    let world = World::new().await;
    let mut request = world.provider("OpenAI");
    request.provider_id = "Not An Id".into();
    let provider = request.provider.as_mut().unwrap();
    provider.vendor = String::new();
    provider.environments.push("projects/p/environments/nowhere".into());
    let refused = world.create_provider(request).await.unwrap_err();
    let fields: Vec<_> = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.iter().map(|one| (one.field.as_str(), one.reason.as_str())).collect();
    let expected = [
        ("provider_id", "MALFORMED"),
        ("provider.vendor", "REQUIRED"),
        ("provider.adapter", "REQUIRED"),
        ("provider.base_url", "REQUIRED"),
        ("provider.environments[1]", "REFERENCE_NOT_FOUND"),
    ];
    assert_eq!(fields, expected);

    let made = world.create_provider(world.provider("OpenAI")).await.unwrap();
    let update = v1::UpdateProviderRequest {
        provider: Some(v1::Provider {
            name: made.name,
            vendor: "groq".into(),
            base_url: "ftp://x".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: ["vendor", "base_url", "nonsense"].map(str::to_owned).to_vec(),
        }),
        ..Default::default()
    };
    let refused = world.update_provider(update).await.unwrap_err();
    let fields: Vec<_> = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["provider.vendor", "update_mask", "provider.base_url"]);
}

#[tokio::test]
async fn a_target_is_of_the_project_exists_and_is_exposed() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let target = |provider: &str, upstream_model: &str| v1::Target {
        provider: provider.into(),
        upstream_model: upstream_model.into(),
        weight: Some(101),
        priority: 101,
    };
    let model = v1::Model {
        targets: vec![
            target("projects/q/providers/openai", "gpt-4o"),
            target("projects/p/providers/none", "gpt-4o"),
            target("projects/p/providers/openai", "gpt-5"),
        ],
        timeout: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
        max_attempts: Some(0),
        ..Default::default()
    };
    let request = v1::CreateModelRequest {
        parent: PROJECT.into(),
        model_id: "m".into(),
        model: Some(model),
        ..Default::default()
    };
    let refused = world.models.create_model(world.call("models:CreateModel", request)).await.unwrap_err();
    let fields: Vec<_> = refused.get_details_bad_request().unwrap().field_violations;
    let of = |reason: &str| {
        fields.iter().filter(|one| one.reason == reason).map(|one| one.field.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("REFERENCE_FOREIGN"), ["model.targets[0].provider"]);
    assert_eq!(of("REFERENCE_NOT_FOUND"), ["model.targets[1].provider"]);
    assert_eq!(of("NOT_EXPOSED"), ["model.targets[2].upstream_model"]);
    assert_eq!(of("OUT_OF_RANGE").len(), 8);
}

#[tokio::test]
async fn a_caller_key_never_moves_to_another_environment() {
    let world = World::new().await;
    world.environment("staging").await;
    let made = world.create_key(world.key("")).await.unwrap();
    let update = v1::UpdateCallerKeyRequest {
        caller_key: Some(v1::CallerKey {
            name: made.name.clone(),
            environment: "projects/p/environments/staging".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let call = world.call("callerKeys:UpdateCallerKey", update);
    let refused = world.keys.update_caller_key(call).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].reason, "IMMUTABLE");
    // What was read can be sent back, its plaintext and its environment too.
    let update = v1::UpdateCallerKeyRequest {
        caller_key: Some(v1::CallerKey { disabled: true, ..made }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["*".into()] }),
        ..Default::default()
    };
    let call = world.call("callerKeys:UpdateCallerKey", update);
    let updated = world.keys.update_caller_key(call).await.unwrap().into_inner();
    assert!(updated.disabled && updated.plaintext.is_empty() && updated.generation == 2);
}

#[tokio::test]
async fn keys_of_one_environment_are_found_by_a_filter_and_pages_go_through_all() {
    let world = World::new().await;
    for n in 0..5 {
        let request = v1::CreateCallerKeyRequest { caller_key_id: format!("k{n}"), ..world.key("") };
        world.create_key(request).await.unwrap();
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListCallerKeysRequest {
            parent: PROJECT.into(),
            page_size: 2,
            page_token,
            filter: "environment = projects/p/environments/production AND disabled = false".into(),
        };
        let page = world.keys.list_caller_keys(world.call("callerKeys:ListCallerKeys", request)).await.unwrap();
        let page = page.into_inner();
        names.extend(page.caller_keys.into_iter().map(|key| key.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, [0, 1, 2, 3, 4].map(|n| format!("projects/p/callerKeys/k{n}")));
    let request = v1::ListCallerKeysRequest { parent: "projects/none".into(), ..Default::default() };
    let missing = world.keys.list_caller_keys(world.call("callerKeys:ListCallerKeys", request)).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}
