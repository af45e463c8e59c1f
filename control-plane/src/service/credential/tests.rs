//! The service with a store in memory and a provider that answers as it is told.

use std::sync::Arc;
use std::time::Duration;

use proto::admin::v1::credential_value::Value;
use proto::admin::v1::project_service_server::ProjectService as _;
use proto::admin::v1::provider_service_server::ProviderService as _;
use proto::admin::v1::secret_service_server::SecretService as _;
use shared::address::AddressPolicy;
use shared::secret::Secret;
use shared::task::Tasks;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::access::bootstrap_principal;
use crate::health::double::{MODELS, ProviderDouble, prober};
use crate::health::schedule;
use crate::service::Sealing;
use crate::service::project::Projects;
use crate::service::provider::Providers;
use crate::service::secret::Secrets;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::store::seal::{MasterKeys, Sealer};
use crate::view::Views;

mod bound;
mod first_use;
mod rotate;
mod values;

const PARENT: &str = "projects/p/providers/a";
pub(in crate::service) const NAME: &str = "projects/p/providers/a/credentials/c";

/// The services, with a project and its provider `a`.
pub(in crate::service) struct World {
    pub(in crate::service) context: Context,
    pub(in crate::service) providers: Providers,
    pub(in crate::service) credentials: Credentials,
    pub(in crate::service) secrets: Secrets,
    pub(in crate::service) upstream: ProviderDouble,
    tasks: Tasks,
}

impl World {
    pub(in crate::service) async fn new(status: u16, body: &'static str) -> Self {
        Self::with_auth_mode(status, body, v1::AuthMode::Managed).await
    }

    async fn with_auth_mode(status: u16, body: &'static str, auth_mode: v1::AuthMode) -> Self {
        let upstream = ProviderDouble::answering(status, body).await;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let tasks = Tasks::new();
        let keys = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
        let keys = MasterKeys::from_text(&Secret::from(keys)).unwrap();
        let sealer = Arc::new(Sealer::unlock(&*store, &keys).await.unwrap());
        let views = Views::open(store.clone(), &tasks).await.unwrap();
        let prober = prober(AddressPolicy::AllowPrivate);
        let health = schedule::start(&tasks, views.clone(), store.clone(), Some(sealer.clone()), prober.clone());
        let context = Context { store, views, sealing: Sealing::Open(sealer), addresses: AddressPolicy::AllowPrivate };
        let projects = Projects::new(context.clone());
        let allowance = Allowance::default();
        let project = v1::CreateProjectRequest {
            project_id: "p".into(),
            project: Some(v1::Project::default()),
            ..Default::default()
        };
        projects.create_project(call(project)).await.unwrap();
        let world = Self {
            providers: Providers::new(context.clone(), prober.clone(), allowance.clone()),
            credentials: Credentials::new(context.clone(), prober.clone(), health, allowance.clone()),
            secrets: Secrets::new(context.clone(), prober, allowance),
            context,
            upstream,
            tasks,
        };
        let provider = v1::Provider { auth_mode: auth_mode.into(), ..stand_in(&world.upstream) };
        world.create_provider("a", provider).await;
        world
    }

    pub(in crate::service) async fn create_provider(&self, id: &str, provider: v1::Provider) {
        let request = v1::CreateProviderRequest {
            parent: "projects/p".into(),
            provider_id: id.into(),
            provider: Some(v1::Provider { display_name: id.into(), ..provider }),
            ..Default::default()
        };
        self.providers.create_provider(call(request)).await.unwrap();
    }

    /// Changes the fields that are set.
    pub(in crate::service) async fn change_provider(&self, id: &str, provider: v1::Provider) {
        let provider = v1::Provider { name: format!("projects/p/providers/{id}"), ..provider };
        let request = v1::UpdateProviderRequest { provider: Some(provider), ..Default::default() };
        self.providers.update_provider(call(request)).await.unwrap();
    }

    pub(in crate::service) async fn create_secret(
        &self,
        id: &str,
        value: Option<v1::CredentialValue>,
        allowed_origins: &[&ProviderDouble],
    ) -> Result<v1::Secret, Status> {
        let allowed_origins = allowed_origins.iter().map(|one| one.base_url.origin().to_string()).collect();
        let request = v1::CreateSecretRequest {
            parent: "projects/p".into(),
            secret_id: id.into(),
            secret: Some(v1::Secret { value, allowed_origins, ..Default::default() }),
            ..Default::default()
        };
        self.secrets.create_secret(call(request)).await.map(Response::into_inner)
    }

    pub(in crate::service) async fn rotate(
        &self,
        request: v1::RotateCredentialRequest,
    ) -> Result<v1::RotateCredentialResponse, Status> {
        self.credentials.rotate_credential(call(request)).await.map(Response::into_inner)
    }

    pub(in crate::service) async fn create(
        &self,
        request: v1::CreateCredentialRequest,
    ) -> Result<v1::Credential, Status> {
        self.credentials.create_credential(call(request)).await.map(Response::into_inner)
    }

    pub(in crate::service) async fn update(
        &self,
        request: v1::UpdateCredentialRequest,
    ) -> Result<v1::Credential, Status> {
        self.credentials.update_credential(call(request)).await.map(Response::into_inner)
    }

    pub(in crate::service) async fn get(&self) -> v1::Credential {
        let request = v1::GetCredentialRequest { name: NAME.into() };
        self.credentials.get_credential(call(request)).await.unwrap().into_inner()
    }

    pub(in crate::service) async fn check(&self) -> Result<v1::Credential, Status> {
        let request = v1::CheckCredentialRequest { name: NAME.into(), ..Default::default() };
        self.credentials.check_credential(call(request)).await.map(Response::into_inner)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

pub(in crate::service) fn call<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let call = Call {
        principal: bootstrap_principal(),
        permission: "credentials:Any".into(),
        now: std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    };
    request.extensions_mut().insert(call);
    request
}

/// A provider of a vendor outside the catalog, at the double.
pub(in crate::service) fn stand_in(upstream: &ProviderDouble) -> v1::Provider {
    v1::Provider {
        vendor: "stand-in".into(),
        adapter: v1::Adapter::Openai.into(),
        base_url: upstream.base_url.to_string(),
        ..Default::default()
    }
}

pub(in crate::service) fn link(secret: &str) -> Option<v1::CredentialValue> {
    Some(v1::CredentialValue { value: Some(Value::Secret(format!("projects/p/secrets/{secret}"))) })
}

/// The paths of the fields at fault.
pub(in crate::service) fn fields(status: &Status) -> Vec<String> {
    let bad_request = status.get_details_bad_request().unwrap();
    bad_request.field_violations.into_iter().map(|one| one.field).collect()
}

/// The keys that an upstream was asked with.
pub(in crate::service) fn keys_of(upstream: &ProviderDouble) -> Vec<String> {
    upstream.asked().iter().map(|(_, headers)| headers["authorization"].to_str().unwrap().to_owned()).collect()
}

pub(in crate::service) fn value(key: &str) -> Option<v1::CredentialValue> {
    Some(v1::CredentialValue { value: Some(Value::ApiKey(key.to_owned())) })
}

pub(in crate::service) fn new(key: &str) -> v1::CreateCredentialRequest {
    v1::CreateCredentialRequest {
        parent: PARENT.into(),
        credential_id: "c".into(),
        credential: Some(v1::Credential { value: value(key), ..Default::default() }),
        ..Default::default()
    }
}

pub(in crate::service) fn change(credential: v1::Credential) -> v1::UpdateCredentialRequest {
    let credential = v1::Credential { name: NAME.into(), ..credential };
    v1::UpdateCredentialRequest { credential: Some(credential), ..Default::default() }
}

pub(in crate::service) fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

#[tokio::test]
async fn a_good_value_is_stored_active_and_never_answered() {
    let world = World::new(200, MODELS).await;
    let made = world.create(new(" sk-canary-value-xyz\n")).await.unwrap();
    assert_eq!(made.state(), v1::CredentialState::Active);
    assert_eq!((made.masked_value.as_str(), made.version, made.value.is_none()), ("sk-c...xyz", 1, true));
    assert!(made.last_check_time.is_some() && made.last_error.is_none() && !made.etag.is_empty());
    assert_eq!(world.get().await, made);
    let asked = world.upstream.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1["authorization"], "Bearer sk-canary-value-xyz");
}

#[tokio::test]
async fn whatever_is_not_a_pass_is_refused_with_what_to_check() {
    let world = World::new(200, MODELS).await;
    for (status, body, expected) in [
        (401, "{}", "CREDENTIAL_REJECTED"),
        (402, "{}", "CREDENTIAL_REJECTED"),
        (404, "", "ENDPOINT_WRONG"),
        (200, "<html>", "ENDPOINT_WRONG"),
        (503, "", "UPSTREAM_UNREACHABLE"),
    ] {
        world.upstream.answer(status, body);
        let refused = world.create(new("sk-canary-value")).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::FailedPrecondition, expected.to_owned()), "{status}");
        assert_eq!(refused.get_details_error_info().unwrap().metadata["upstreamStatus"], status.to_string());
        assert!(refused.message().contains("check") || refused.message().contains("try again"), "{refused:?}");
        assert!(!refused.message().contains("canary"));
    }
    assert!(world.context.views.load().credentials.is_empty());
}

#[tokio::test]
async fn skipped_validation_stores_what_could_not_be_asked_and_still_refuses_what_is_rejected() {
    let world = World::new(503, "").await;
    let skipping = |key| v1::CreateCredentialRequest { skip_validation: true, ..new(key) };
    let made = world.create(skipping("sk-1")).await.unwrap();
    assert_eq!(made.state(), v1::CredentialState::Unverified);
    assert_eq!(made.state_reason(), v1::CredentialStateReason::Unreachable);
    assert_eq!(made.last_error.unwrap().upstream_status, 503);
    world.upstream.answer(401, "{}");
    let rejected = v1::CreateCredentialRequest { credential_id: "d".into(), ..skipping("sk-2") };
    let refused = world.create(rejected).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "CREDENTIAL_REJECTED".to_owned()));
}

#[tokio::test]
async fn a_value_that_no_header_can_carry_is_never_sent() {
    let world = World::new(200, MODELS).await;
    for bad in ["", "sk\ncanary", "sk canary", "sk-é", "sk\u{0}", &"x".repeat(4097)] {
        let mut request = new(bad);
        request.credential.as_mut().unwrap().weight = Some(101);
        let refused = world.create(request).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_INVALID".to_owned()), "{bad:?}");
        let fields: Vec<_> =
            refused.get_details_bad_request().unwrap().field_violations.into_iter().map(|one| one.field).collect();
        assert_eq!(fields, ["credential.value.api_key", "credential.weight"]);
    }
    assert_eq!(world.upstream.asked().len(), 0);
}

#[tokio::test]
async fn a_provider_that_wants_no_key_takes_none() {
    let world = World::with_auth_mode(200, MODELS, v1::AuthMode::None).await;
    let refused = world.create(new("sk-1")).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "AUTH_MODE_FORBIDS".to_owned()));
    assert_eq!(world.upstream.asked().len(), 0);
}

#[tokio::test]
async fn a_new_value_is_validated_and_counted_and_other_fields_are_not_asked_about() {
    let world = World::new(200, MODELS).await;
    let made = world.create(new("sk-first-value-1")).await.unwrap();
    let weighed = world.update(change(v1::Credential { weight: Some(7), ..Default::default() })).await.unwrap();
    assert_eq!((weighed.weight, weighed.version, weighed.generation), (Some(7), 1, 2));
    assert_eq!(world.upstream.asked().len(), 1);
    world.upstream.answer(401, "{}");
    let second = || change(v1::Credential { value: value("sk-second-value-2"), ..Default::default() });
    let refused = world.update(second()).await.unwrap_err();
    assert_eq!(reason(&refused).1, "CREDENTIAL_REJECTED");
    assert_eq!(world.get().await.version, 1);
    world.upstream.answer(200, MODELS);
    let changed = world.update(second()).await.unwrap();
    assert_eq!((changed.version, changed.weight, changed.masked_value.as_str()), (2, Some(7), "sk-s...e-2"));
    assert_ne!(changed.etag, made.etag);
    let stale = v1::Credential { etag: made.etag, owner: "me".into(), ..Default::default() };
    assert_eq!(reason(&world.update(change(stale)).await.unwrap_err()), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
}

#[tokio::test]
async fn a_change_of_origin_takes_the_value_out_until_it_is_given_again() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-first-value-1")).await.unwrap();
    let elsewhere = ProviderDouble::answering(200, MODELS).await;
    let provider = v1::Provider { name: PARENT.into(), base_url: elsewhere.base_url.to_string(), ..Default::default() };
    let moved = v1::UpdateProviderRequest { provider: Some(provider), ..Default::default() };
    world.providers.update_provider(call(moved)).await.unwrap();
    let checked = world.check().await.unwrap();
    assert_eq!(checked.state(), v1::CredentialState::Inactive);
    assert_eq!(checked.state_reason(), v1::CredentialStateReason::DestinationChanged);
    assert_eq!(elsewhere.asked().len(), 0);
    let given = change(v1::Credential { value: value("sk-first-value-1"), ..Default::default() });
    assert_eq!(world.update(given).await.unwrap().state(), v1::CredentialState::Active);
    assert_eq!(elsewhere.asked().len(), 1);
}

#[tokio::test]
async fn a_check_costs_something_only_where_a_model_is_named() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-1")).await.unwrap();
    let pay = async |model: String| {
        let request = v1::CheckCredentialRequest { name: NAME.into(), paid_check_model: model };
        world.credentials.check_credential(call(request)).await.map(Response::into_inner)
    };
    world.upstream.answer(404, r#"{"error":{"code":"model_not_found"}}"#);
    world.upstream.answer_next(200, MODELS);
    let checked = pay("gpt-x".to_owned()).await.unwrap();
    assert_eq!(checked.state(), v1::CredentialState::Active, "a model that is not there says nothing of the key");
    assert_eq!(checked.last_error.unwrap().reason, "MODEL_UNKNOWN");
    world.upstream.answer_next(200, MODELS);
    world.upstream.answer(429, r#"{"error":{"code":"insufficient_quota"}}"#);
    let checked = pay("gpt-a".to_owned()).await.unwrap();
    assert_eq!(checked.state_reason(), v1::CredentialStateReason::Exhausted);
    let paid = |asked: Vec<(String, _)>| asked.iter().filter(|(path, _)| path.ends_with("/chat/completions")).count();
    assert_eq!(paid(world.upstream.asked()), 2);
    for no_model in ["m".repeat(201), "two words".to_owned(), "a\nb".to_owned()] {
        assert_eq!(fields(&pay(no_model).await.unwrap_err()), ["paid_check_model"]);
    }
    world.upstream.answer(200, MODELS);
    world.check().await.unwrap();
    assert_eq!(paid(world.upstream.asked()), 2);
}

#[tokio::test]
async fn a_check_answers_whatever_the_verdict_and_a_disabled_one_stays() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-1")).await.unwrap();
    let etag = world.get().await.etag;
    world.upstream.answer(401, "{}");
    let checked = world.check().await.unwrap();
    assert_eq!(
        (checked.state(), checked.state_reason()),
        (v1::CredentialState::Inactive, v1::CredentialStateReason::Rejected)
    );
    assert_eq!(checked.last_error.unwrap().upstream_status, 401);
    assert_eq!(checked.etag, etag, "what is observed is not what an admin sets");
    world.upstream.answer(503, "");
    let unreached = world.check().await.unwrap();
    assert_eq!(
        (unreached.state(), unreached.last_error.unwrap().upstream_status),
        (v1::CredentialState::Inactive, 503)
    );
    world.update(change(v1::Credential { disabled: true, ..Default::default() })).await.unwrap();
    world.upstream.answer(200, MODELS);
    assert_eq!(world.check().await.unwrap().state(), v1::CredentialState::Disabled);
    let enabled = v1::UpdateCredentialRequest {
        update_mask: Some(prost_types::FieldMask { paths: vec!["disabled".into()] }),
        ..change(v1::Credential::default())
    };
    assert_eq!(world.update(enabled).await.unwrap().state(), v1::CredentialState::Active);
}

#[tokio::test]
async fn questions_are_limited_to_ten_a_minute() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-1")).await.unwrap();
    for _ in 0..9 {
        world.check().await.unwrap();
    }
    let refused = world.check().await.unwrap_err();
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "RATE_LIMITED".to_owned()));
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    assert_eq!(world.upstream.asked().len(), 10);
    // What asks nobody is not limited.
    world.update(change(v1::Credential { weight: Some(0), ..Default::default() })).await.unwrap();
}

#[tokio::test]
async fn a_spent_limit_refuses_no_write_that_skips_validation() {
    let world = World::new(200, MODELS).await;
    let numbered = |id: usize| v1::CreateCredentialRequest {
        credential_id: format!("c{id}"),
        skip_validation: true,
        ..new(&format!("sk-{id}"))
    };
    let mut made = Vec::new();
    for id in 0..15 {
        made.push(world.create(numbered(id)).await.unwrap());
    }
    assert_eq!(world.upstream.asked().len(), 10, "the limit is on questions");
    assert!(made[..10].iter().all(|one| one.state() == v1::CredentialState::Active));
    for one in &made[10..] {
        let state = (one.state(), one.state_reason(), one.last_check_time);
        assert_eq!(state, (v1::CredentialState::Unverified, v1::CredentialStateReason::NotYetUsed, None));
    }
    let refused = world.create(new("sk-1")).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "RATE_LIMITED".to_owned()));
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_hangs_holds_no_write_up_that_skips_validation() {
    let world = World::new(200, MODELS).await;
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base_url = format!("http://{}/v1", silent.local_addr().unwrap());
    let provider = v1::Provider { name: PARENT.into(), base_url, ..Default::default() };
    let moved = v1::UpdateProviderRequest { provider: Some(provider), ..Default::default() };
    world.providers.update_provider(call(moved)).await.unwrap();
    let began = tokio::time::Instant::now();
    let made = world.create(v1::CreateCredentialRequest { skip_validation: true, ..new("sk-1") }).await.unwrap();
    assert_eq!(made.state(), v1::CredentialState::Unverified);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_same_request_again_asks_and_changes_nothing_and_validate_only_stores_nothing() {
    let world = World::new(200, MODELS).await;
    let only = v1::CreateCredentialRequest { validate_only: true, ..new("sk-1") };
    assert_eq!(world.create(only).await.unwrap().state(), v1::CredentialState::Active);
    assert!(world.context.views.load().credentials.is_empty());
    let repeated = v1::CreateCredentialRequest { request_id: "r1".into(), ..new("sk-1") };
    let first = world.create(repeated.clone()).await.unwrap();
    let head = world.context.store.head();
    assert_eq!(world.create(repeated).await.unwrap(), first);
    assert_eq!((world.context.store.head(), world.upstream.asked().len()), (head, 2));
    let taken = world.create(new("sk-1")).await.unwrap_err();
    assert_eq!(reason(&taken), (Code::AlreadyExists, "ID_TAKEN".to_owned()));
    assert_eq!(world.upstream.asked().len(), 2, "what fails anyway asks nobody");
}

#[tokio::test]
async fn lists_go_over_every_provider_and_filter_by_state() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-1")).await.unwrap();
    let other = v1::CreateCredentialRequest { credential_id: "d".into(), ..new("sk-2") };
    world.create(other).await.unwrap();
    world.upstream.answer(401, "{}");
    world.check().await.unwrap();
    let list = async |parent: &str, filter: &str| {
        let request = v1::ListCredentialsRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
        let answer = world.credentials.list_credentials(call(request)).await.unwrap().into_inner();
        answer.credentials.into_iter().map(|one| one.name.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for parent in [PARENT, "projects/p/providers/-"] {
        assert_eq!(list(parent, "").await, ["c", "d"]);
        assert_eq!(list(parent, "state = INACTIVE").await, ["c"]);
        assert_eq!(list(parent, "state_reason = REJECTED AND state != ACTIVE").await, ["c"]);
    }
    let delete = v1::DeleteCredentialRequest { name: NAME.into(), ..Default::default() };
    assert!(world.credentials.delete_credential(call(delete)).await.unwrap().into_inner().revision > 0);
    assert_eq!(list(PARENT, "").await, ["d"]);
    assert_eq!(world.check().await.unwrap_err().code(), Code::NotFound);
    assert!(world.context.views.load().credential_status.len() == 1, "what was observed goes too");
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let world = World::new(200, MODELS).await;
    let credential = v1::Credential { weight: Some(1000), owner: "o".repeat(300), ..Default::default() };
    let request = v1::CreateCredentialRequest {
        credential_id: "BAD".into(),
        credential: Some(credential.clone()),
        ..new("sk-1")
    };
    let fields = |status: Status| {
        let bad_request = status.get_details_bad_request().unwrap();
        bad_request.field_violations.into_iter().map(|one| one.field).collect::<Vec<_>>()
    };
    let refused = world.create(request).await.unwrap_err();
    assert_eq!(fields(refused), ["credential_id", "credential.value", "credential.weight", "credential.owner"]);
    world.create(new("sk-good-1")).await.unwrap();
    let mask = prost_types::FieldMask { paths: vec!["weight".into(), "nonsense".into()] };
    let request = v1::UpdateCredentialRequest { update_mask: Some(mask), ..change(credential) };
    assert_eq!(fields(world.update(request).await.unwrap_err()), ["update_mask", "credential.weight"]);
}
