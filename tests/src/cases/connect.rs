//! What is made and deleted in one commit: a provider with all that it begins with, and with all that it leaves.

use std::time::Duration;

use anyhow::Context as _;
use control_plane::store::Store as _;
use control_plane::store::sled::{Options, SledStore};
use proto::admin::v1::{
    ConnectProviderRequest, ConnectProviderResponse, ConnectedModel, CreateProviderRequest, CreateRateRequest,
    Credential, CredentialState, DeleteProviderRequest, ExposedModel, GetModelRequest, GetProviderRequest,
    ListCredentialsRequest, ListModelsRequest, ListProvidersRequest, ListRatesRequest, Model, Provider, Rate, Target,
};
use shared::task::Tasks;
use tonic::{Code, Status};

use super::{reason, short_or_long};
use crate::admin::{Admin, api_key};
use crate::condition::eventually;
use crate::control::Control;
use crate::provider::Provider as StandIn;
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

const KEY: &str = "sk-connect-00001";

fn request(base_url: &str, id: &str) -> ConnectProviderRequest {
    let target = Target { upstream_model: "gpt-4o".into(), ..Default::default() };
    let model = |suffix: &str| ConnectedModel {
        model_id: format!("{id}-{suffix}"),
        model: Some(Model { targets: vec![target.clone()], ..Default::default() }),
    };
    ConnectProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(Provider {
            display_name: id.into(),
            vendor: "standin".into(),
            adapter: proto::admin::v1::Adapter::Openai.into(),
            base_url: base_url.into(),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        }),
        credential_id: "first".into(),
        credential: Some(Credential { value: Some(api_key(KEY)), ..Default::default() }),
        models: vec![model("one"), model("two")],
        ..Default::default()
    }
}

async fn connect(admin: &Admin, request: ConnectProviderRequest) -> Result<ConnectProviderResponse, Status> {
    Ok(admin.providers().connect_provider(request).await?.into_inner())
}

/// How many of a connection's four parts are there.
async fn parts(admin: &Admin, id: &str) -> anyhow::Result<usize> {
    let provider = format!("{PROJECT}/providers/{id}");
    let found = admin.providers().get_provider(GetProviderRequest { name: provider.clone() }).await;
    let mut parts = usize::from(is_there(found)?);
    let credential = admin.credential(&format!("{provider}/credentials/first")).await;
    parts += usize::from(is_there(credential.map_err(|error| error.downcast::<Status>().unwrap()))?);
    for suffix in ["one", "two"] {
        let request = GetModelRequest { name: format!("{PROJECT}/models/{id}-{suffix}") };
        parts += usize::from(is_there(admin.models().get_model(request).await)?);
    }
    Ok(parts)
}

fn is_there<T>(found: Result<T, Status>) -> anyhow::Result<bool> {
    match found {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status.into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_connected_in_one_commit_and_serves() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    world.provider.accept(KEY);
    let head = world.admin.head().await?;
    let mut validated = request(&world.provider.base_url(), "up");
    validated.validate_only = true;
    assert_eq!(connect(&world.admin, validated).await?.revision, 0);
    assert_eq!((world.admin.head().await?, parts(&world.admin, "up").await?), (head, 0), "it was only validated");

    let connected = connect(&world.admin, request(&world.provider.base_url(), "up")).await?;
    assert_eq!(connected.revision, head + 1);
    let (provider, credential) = (connected.provider.context("provider")?, connected.credential.context("credential")?);
    assert_eq!((provider.revision, credential.revision), (head + 1, head + 1));
    assert_eq!(credential.state(), CredentialState::Active);
    assert!(connected.models.iter().all(|model| model.targets[0].provider == provider.name), "{:?}", connected.models);
    world.admin.rolled_out(connected.revision).await?;
    assert_eq!(world.caller().chat("up-one").await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_anything_wrong_makes_nothing_and_names_the_part_at_fault() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    world.provider.accept(KEY);
    let (base_url, head) = (world.provider.base_url(), world.admin.head().await?);
    let mut rejected = request(&base_url, "up");
    rejected.credential = Some(Credential { value: Some(api_key("sk-connect-dead1")), ..Default::default() });
    let mut wrong_model = request(&base_url, "up");
    wrong_model.models[1].model_id = "../x".into();
    let mut taken = request(&base_url, "up");
    taken.models[1].model_id = MODEL.into();
    let mut nowhere = request(&base_url, "up");
    nowhere.provider.as_mut().context("provider")?.environments = vec!["projects/acme/environments/no".into()];
    let mut silent = request("http://127.0.0.1:9/v1", "up");
    silent.provider.as_mut().context("provider")?.base_url = "http://127.0.0.1:9/v1".into();
    let mut wrong_path = request(&base_url, "up");
    wrong_path.provider.as_mut().context("provider")?.base_url = base_url.replace("/v1", "/nothing-is-here");
    let refusals = [
        (rejected, Code::FailedPrecondition, "CREDENTIAL_REJECTED", ""),
        (wrong_model, Code::InvalidArgument, "FIELD_INVALID", "models[1]"),
        (taken, Code::AlreadyExists, "ID_TAKEN", ""),
        (nowhere, Code::InvalidArgument, "REFERENCE_INVALID", "provider.environments"),
        (silent, Code::FailedPrecondition, "UPSTREAM_UNREACHABLE", ""),
    ];
    for (request, code, word, field) in refusals {
        let refused = connect(&world.admin, request).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (code, word), "{refused:?}");
        assert!(format!("{refused:?}").contains(field) && !format!("{refused:?}").contains(KEY), "{refused:?}");
    }
    assert_eq!((world.admin.head().await?, parts(&world.admin, "up").await?), (head, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_killed_at_any_point_leaves_all_or_nothing() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut control = Control::start(dir.path()).await?;
    let upstream = StandIn::start().await?;
    upstream.accept(KEY);
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    admin.make_environment(PROJECT, "production").await?;
    let (mut all, mut nothing) = (0, 0);
    for round in 0..short_or_long(16, 300) {
        let (id, tasks, asked) = (format!("up-{round}"), Tasks::new(), upstream.counts(KEY).probes);
        let (admin, connecting) = (control.admin()?, request(&upstream.base_url(), &id));
        let (answered, answer) = tokio::sync::oneshot::channel();
        tasks.spawn("connect", async move {
            let _ = answered.send(connect(&admin, connecting).await.is_ok());
        });
        // Half of the kills fall where the commit is: after the provider was asked.
        if round % 2 == 0 {
            eventually("the provider is asked", async || (upstream.counts(KEY).probes > asked).then_some(())).await?;
        }
        let until = Duration::from_micros(shared::id::random_below(if round % 2 == 0 { 8_000 } else { 20_000 }));
        tokio::time::sleep(until).await;
        control.kill()?;
        let acknowledged = answer.await.unwrap_or(false);
        control.start_again().await?;
        let found = parts(&control.admin()?, &id).await?;
        anyhow::ensure!(found == 0 || found == 4, "{found} of four parts are there after kill {round}");
        anyhow::ensure!(!acknowledged || found == 4, "an acknowledged connection is lost");
        if found == 4 { all += 1 } else { nothing += 1 }
    }
    println!("{all} were there, {nothing} were not");
    Ok(())
}

/// A provider with everything that can hang on one.
async fn much_used(world: &World) -> anyhow::Result<String> {
    world.provider.accept(KEY);
    let connected = connect(&world.admin, request(&world.provider.base_url(), "doomed")).await?;
    let provider = connected.provider.context("the provider is answered")?;
    world.provider.accept("sk-connect-00002");
    world.admin.make_credential(&provider.name, "second", "sk-connect-00002", 1).await?;
    let rate = Rate {
        upstream_model: "gpt-4o".into(),
        input_per_million: "2.50".into(),
        output_per_million: "10".into(),
        ..Default::default()
    };
    let request = CreateRateRequest {
        parent: provider.name.clone(),
        rate_id: "gpt".into(),
        rate: Some(rate),
        ..Default::default()
    };
    world.admin.rates().create_rate(request).await?;
    world.admin.rolled_out(0).await?;
    // It is used, and known to be.
    eventually("it is told when it was used", async || {
        assert_eq!(world.caller().chat("doomed-one").await.ok()?.status, 200);
        let request = GetProviderRequest { name: provider.name.clone() };
        world.admin.providers().get_provider(request).await.ok()?.into_inner().last_used_time
    })
    .await?;
    Ok(provider.name)
}

/// The keys of the store's records that hold one of some texts, in the key or in the value.
async fn records_with(control: &Control, texts: &[String]) -> anyhow::Result<Vec<String>> {
    let store = SledStore::open(&control.data_dir(), Options::default())?;
    let range = store.range("").await?;
    let mut found = Vec::new();
    for record in &range.records {
        let holds = |text: &String| {
            record.key.contains(text.as_str()) || memchr::memmem::find(&record.value, text.as_bytes()).is_some()
        };
        if texts.iter().any(holds) {
            found.push(record.key.to_string());
        }
    }
    anyhow::ensure!(range.records.len() > 5, "the store has records");
    store.close().await;
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_provider_leaves_nothing_behind_in_one_commit() -> anyhow::Result<()> {
    let mut world = World::start(&[("sk-connect-00003", 1)], 1).await?;
    let name = much_used(&world).await?;
    let admin = world.admin.clone();
    let got = admin.providers().get_provider(GetProviderRequest { name: name.clone() }).await?.into_inner();
    let mut texts = vec![name.clone(), got.uid.clone()];
    for id in ["first", "second"] {
        texts.push(admin.credential(&format!("{name}/credentials/{id}")).await?.uid);
    }

    let refused = admin
        .providers()
        .delete_provider(DeleteProviderRequest { name: name.clone(), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "HAS_DEPENDENTS"));
    assert!(format!("{refused:?}").contains("doomed-one"), "{refused:?}");
    let request = DeleteProviderRequest { name: name.clone(), validate_only: true, force: true, ..Default::default() };
    let would = admin.providers().delete_provider(request).await?.into_inner();
    assert_eq!((would.revision, would.force_helps), (0, true));
    for (kind, least) in [("Model", 2), ("Credential", 2), ("Rate", 1), ("CallerKey", 1), ("Environment", 1)] {
        let found = would.dependents.iter().find(|dependents| dependents.kind == kind);
        let found = found.with_context(|| format!("{kind} is not in {:?}", would.dependents))?;
        assert!(found.count >= least && !found.sample_names.is_empty(), "{found:?}");
    }

    let head = admin.head().await?;
    assert_eq!(admin.delete_provider(&name).await?, head + 1, "one commit");
    admin.rolled_out(head + 1).await?;
    for id in ["first", "second"] {
        let gone = admin.credential(&format!("{name}/credentials/{id}")).await.unwrap_err().downcast::<Status>()?;
        assert_eq!((gone.code(), reason(&gone).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    }
    lists_nothing(&admin, &name).await?;
    assert_eq!(world.caller().chat("doomed/gpt-4o").await?.status, 404);
    // What proxies still tell of it leaves nothing either.
    world.control.stop().await?;
    assert_eq!(records_with(&world.control, &texts).await?, Vec::<String>::new());
    // The search finds what is there.
    assert!(!records_with(&world.control, &[PROVIDER.to_owned()]).await?.is_empty());
    Ok(())
}

async fn lists_nothing(admin: &Admin, name: &str) -> anyhow::Result<()> {
    let request = ListProvidersRequest { parent: PROJECT.into(), ..Default::default() };
    let providers = admin.providers().list_providers(request).await?.into_inner().providers;
    assert!(providers.iter().all(|provider| provider.name != name));
    let parent = format!("{PROJECT}/providers/-");
    let request = ListCredentialsRequest { parent, ..Default::default() };
    let credentials = admin.credentials().list_credentials(request).await?.into_inner().credentials;
    assert!(credentials.iter().all(|credential| !credential.name.starts_with(name)));
    let request = ListModelsRequest { parent: PROJECT.into(), ..Default::default() };
    let models = admin.models().list_models(request).await?.into_inner().models;
    let targets = models.iter().flat_map(|model| &model.targets);
    assert!(targets.into_iter().all(|target| target.provider != name), "{models:?}");
    // Its rates are gone: one who takes the name anew begins without any.
    let request = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: name.rsplit('/').next().unwrap_or_default().into(),
        provider: request_provider(name),
        ..Default::default()
    };
    let anew = admin.providers().create_provider(request).await?.into_inner();
    let request = ListRatesRequest { parent: anew.name.clone(), ..Default::default() };
    assert!(admin.rates().list_rates(request).await?.into_inner().rates.is_empty());
    admin.delete_provider(&anew.name).await?;
    Ok(())
}

fn request_provider(name: &str) -> Option<Provider> {
    Some(Provider { display_name: format!("{name} anew"), vendor: "openai".into(), ..Default::default() })
}
