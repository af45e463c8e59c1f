//! A stored value never reaches a new place: whatever is changed, the new host sees no key.

use std::collections::BTreeMap;

use anyhow::Context as _;
use prost_types::FieldMask;
use proto::admin::v1::{
    ConnectProviderRequest, CreateCredentialRequest, CreateSecretRequest, Credential, CredentialState,
    CredentialStateReason, CredentialValue, DeleteSecretRequest, ExposedModel, GetSecretRequest, Provider,
    RotateSecretRequest, Secret, TestConnectionRequest, UpdateCredentialRequest, UpdateProviderRequest,
    UpdateSecretRequest,
};
use tonic::{Code, Status};

use super::reason;
use crate::admin::{Admin, access_key_pair, api_key, linked, service_account};
use crate::condition::eventually;
use crate::standin::{Account, Api, StandIn, Topic, service_account_json};
use crate::world::{ENVIRONMENT, PROJECT, World};

const KEY: &str = "sk-origin-here-0001";

/// A provider of a vendor at a stand-in, with one credential that it knows.
async fn connect(
    world: &World,
    id: &str,
    provider: Provider,
    value: CredentialValue,
) -> anyhow::Result<(Provider, Credential)> {
    let provider = Provider {
        display_name: id.into(),
        environments: vec![ENVIRONMENT.into()],
        exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
        ..provider
    };
    let request = ConnectProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(provider),
        credential_id: "key".into(),
        credential: Some(Credential { value: Some(value), ..Default::default() }),
        ..Default::default()
    };
    let connected = world.admin.providers().connect_provider(request).await?.into_inner();
    world.admin.rolled_out(connected.revision).await?;
    Ok((connected.provider.context("provider")?, connected.credential.context("credential")?))
}

async fn update(admin: &Admin, provider: Provider, paths: &[&str]) -> Result<Provider, Status> {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    let request = UpdateProviderRequest {
        provider: Some(provider),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    Ok(admin.providers().update_provider(request).await?.into_inner())
}

/// Tries everything that could send a stored value to where its provider is now.
async fn try_all(world: &World, provider: &str, credential: &str, model: &str) -> anyhow::Result<()> {
    let admin = &world.admin;
    let _ = admin.check_credential(credential).await;
    let request = proto::admin::v1::DiscoverModelsRequest { name: provider.to_owned() };
    let _ = admin.providers().discover_models(request).await;
    admin.rolled_out(0).await?;
    let id = provider.rsplit('/').next().unwrap_or_default();
    for _ in 0..3 {
        let refused = world.caller().chat(&format!("{id}/{model}")).await?;
        assert!(refused.status.is_server_error(), "{} {}", refused.status, refused.body);
        assert_eq!(refused.json()["error"]["code"], "no_credential_available", "{}", refused.body);
    }
    Ok(())
}

async fn is_out(admin: &Admin, credential: &str) -> anyhow::Result<()> {
    let found = admin.credential(credential).await?;
    assert_eq!(found.state(), CredentialState::Inactive, "{found:?}");
    assert_eq!(found.state_reason(), CredentialStateReason::DestinationChanged, "{found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_base_url_gets_no_key_until_it_is_given_again() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let (here, there) = (StandIn::start(Api::OpenAi).await?, StandIn::start(Api::OpenAi).await?);
    here.give(KEY, Account::Good);
    there.give(KEY, Account::Good);
    let at =
        |upstream: &StandIn| Provider { vendor: "gateway".into(), base_url: upstream.base_url(), ..Default::default() };
    let (provider, credential) = connect(&world, "moving", at(&here), api_key(KEY)).await?;
    assert_eq!(world.caller().chat("moving/gpt-4o").await?.status, 200);

    // Another path of the same origin is no other place.
    let moved =
        Provider { base_url: format!("{}/other/v1", here.origin()), name: provider.name.clone(), ..Default::default() };
    update(&world.admin, moved, &["base_url"]).await?;
    assert_eq!(world.admin.credential(&credential.name).await?.state(), CredentialState::Active);

    update(&world.admin, Provider { name: provider.name.clone(), ..at(&there) }, &["base_url"]).await?;
    is_out(&world.admin, &credential.name).await?;
    // Nor does an update of anything else bring it back, nor a change of its weight.
    let request = UpdateCredentialRequest {
        credential: Some(Credential { name: credential.name.clone(), weight: Some(5), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["weight".into()] }),
        ..Default::default()
    };
    world.admin.credentials().update_credential(request).await?;
    is_out(&world.admin, &credential.name).await?;
    try_all(&world, &provider.name, &credential.name, "gpt-4o").await?;
    assert!(there.seen().is_empty(), "{:?}", there.seen());

    // Back where it was, the value is at home.
    update(&world.admin, Provider { name: provider.name.clone(), ..at(&here) }, &["base_url"]).await?;
    world.admin.rolled_out(0).await?;
    let back = world.admin.credential(&credential.name).await?;
    if back.state() == CredentialState::Active || back.state() == CredentialState::Unverified {
        assert_eq!(world.caller().chat("moving/gpt-4o").await?.status, 200);
    }
    assert!(there.seen().is_empty() && here.faults().is_empty(), "{:?} {:?}", there.seen(), here.faults());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn vendor_adapter_and_auth_mode_never_change() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    let here = StandIn::start(Api::OpenAi).await?;
    here.give(KEY, Account::Good);
    let provider = Provider { vendor: "gateway".into(), base_url: here.base_url(), ..Default::default() };
    let (provider, credential) = connect(&world, "fixed", provider, api_key(KEY)).await?;
    let changes = [
        ("vendor", Provider { vendor: "openai".into(), ..provider.clone() }),
        ("adapter", Provider { adapter: proto::admin::v1::Adapter::Anthropic.into(), ..provider.clone() }),
        ("auth_mode", Provider { auth_mode: proto::admin::v1::AuthMode::Passthrough.into(), ..provider.clone() }),
    ];
    for (path, changed) in changes {
        let refused = update(&world.admin, changed, &[path]).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "FIELD_INVALID"),
            "{refused:?}"
        );
        assert!(format!("{refused:?}").contains(path), "{refused:?}");
    }
    assert_eq!(world.admin.credential(&credential.name).await?.state(), CredentialState::Active);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_region_that_is_the_place_takes_the_value_out_and_pairs_stay() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let here = StandIn::start(Api::Bedrock).await?;
    let pair_id = "AKIDORIGINEXAMPLE001";
    here.give(KEY, Account::Good);
    here.give(pair_id, Account::Good);
    let at_here = || Provider {
        vendor: "bedrock".into(),
        base_url: here.base_url(),
        region: "us-east-1".into(),
        ..Default::default()
    };
    let (bearer, key) = connect(&world, "bearer", at_here(), api_key(KEY)).await?;
    let pair = access_key_pair(pair_id, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "");
    let (signing, pair) = connect(&world, "signing", at_here(), pair).await?;
    for (provider, credential) in [(&bearer, &key), (&signing, &pair)] {
        // Without a base URL, the region is the place.
        let moved = Provider { name: provider.name.clone(), region: "eu-west-1".into(), ..Default::default() };
        let moved = update(&world.admin, moved, &["base_url", "region"]).await?;
        assert!(moved.base_url.contains("eu-west-1"), "{moved:?}");
        let found = world.admin.credential(&credential.name).await?;
        let is_key = credential.name == key.name;
        assert_eq!(found.state_reason() == CredentialStateReason::DestinationChanged, is_key, "{found:?}");
    }
    is_out(&world.admin, &key.name).await?;
    // From there to another stand-in: it sees nothing of the key either.
    let there = StandIn::start(Api::Bedrock).await?;
    there.give(KEY, Account::Good);
    let moved = Provider { name: bearer.name.clone(), base_url: there.base_url(), ..Default::default() };
    update(&world.admin, moved, &["base_url"]).await?;
    is_out(&world.admin, &key.name).await?;
    let _ = world.admin.check_credential(&key.name).await;
    assert!(there.seen().is_empty(), "{:?}", there.seen());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_s_tokens_do_not_go_where_its_provider_moved() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let (here, there) = (StandIn::start(Api::Vertex).await?, StandIn::start(Api::Vertex).await?);
    let email = "origin@acme-ai.iam.gserviceaccount.com";
    here.give(email, Account::Good);
    let value = service_account(&service_account_json(email, &format!("{}/token", here.origin())));
    let text = |value: &str| prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(value.to_owned())) };
    let fields = BTreeMap::from([("project".into(), text("acme-ai")), ("location".into(), text("europe-west4"))]);
    let provider = Provider {
        vendor: "vertex".into(),
        base_url: here.base_url(),
        region: "europe-west4".into(),
        config: Some(prost_types::Struct { fields }),
        ..Default::default()
    };
    let (provider, _credential) = connect(&world, "minting", provider, value).await?;
    let ask = async || {
        let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
        world.caller().ask("/v1beta/models/minting%2Fgemini-2.5-flash:generateContent", &[], body).await
    };
    let served = ask().await?;
    assert_eq!(served.status, 200, "{} {:?}", served.text(), here.faults());
    let moved = Provider { name: provider.name.clone(), base_url: there.base_url(), ..Default::default() };
    update(&world.admin, moved, &["base_url"]).await?;
    world.admin.rolled_out(0).await?;
    for _ in 0..3 {
        assert_ne!(ask().await?.status, 200);
    }
    let tokens = there.seen().into_iter().filter(|seen| seen.asked.header("authorization").contains("ya29."));
    assert_eq!(tokens.count(), 0, "a token went to the new place");
    Ok(())
}

async fn make_secret(admin: &Admin, origins: &[String]) -> Result<Secret, Status> {
    let request = CreateSecretRequest {
        parent: PROJECT.into(),
        secret_id: "shared".into(),
        secret: Some(Secret { value: Some(api_key(KEY)), allowed_origins: origins.to_vec(), ..Default::default() }),
        ..Default::default()
    };
    Ok(admin.secrets().create_secret(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_neither_linked_nor_tested_where_it_may_not_go() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let (here, there) = (StandIn::start(Api::OpenAi).await?, StandIn::start(Api::OpenAi).await?);
    here.give(KEY, Account::Good);
    there.give(KEY, Account::Good);
    let admin = &world.admin;
    let refused = make_secret(admin, &[]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "a key needs its origins: {refused:?}");
    let secret = make_secret(admin, &[here.origin()]).await?;
    assert_eq!(secret.masked_value, "sk-o...001");
    assert!(secret.value.is_none());

    let at = |upstream: &StandIn| Provider {
        display_name: "There".into(),
        vendor: "gateway".into(),
        base_url: upstream.base_url(),
        ..Default::default()
    };
    let link = Credential { value: Some(linked(&secret.name)), ..Default::default() };
    let test = |upstream: &StandIn| TestConnectionRequest {
        parent: PROJECT.into(),
        provider: Some(at(upstream)),
        credential: Some(link.clone()),
        ..Default::default()
    };
    let told = admin.providers().test_connection(test(&here)).await?.into_inner();
    assert_eq!(told.state(), CredentialState::Active, "{told:?}");
    let refused = admin.providers().test_connection(test(&there)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DESTINATION_CHANGED"));

    let provider = admin.make_provider(PROJECT, "there", &there.base_url(), &[ENVIRONMENT]).await?;
    for skip_validation in [false, true] {
        let request = CreateCredentialRequest {
            parent: provider.name.clone(),
            credential_id: "linked".into(),
            credential: Some(link.clone()),
            skip_validation,
            ..Default::default()
        };
        let refused = admin.credentials().create_credential(request).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DESTINATION_CHANGED"));
    }
    assert!(there.seen().is_empty(), "{:?}", there.seen());

    // Linked where it may go, and then the provider moves.
    let (provider, credential) = connect(&world, "here", at(&here), linked(&secret.name)).await?;
    assert_eq!(world.caller().chat("here/gpt-4o").await?.status, 200);
    update(admin, Provider { name: provider.name.clone(), ..at(&there) }, &["base_url"]).await?;
    try_all(&world, &provider.name, &credential.name, "gpt-4o").await?;
    // Nor does a rotation carry the new value there, as its origins are still those.
    here.give("sk-origin-here-0002", Account::Good);
    let request = RotateSecretRequest {
        name: secret.name.clone(),
        value: Some(api_key("sk-origin-here-0002")),
        skip_validation: true,
        ..Default::default()
    };
    let _ = admin.secrets().rotate_secret(request).await;
    try_all(&world, &provider.name, &credential.name, "gpt-4o").await?;
    assert!(there.seen().is_empty(), "{:?}", there.seen());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_secret_may_go_is_said_with_its_value_alone() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    let (here, there) = (StandIn::start(Api::OpenAi).await?, StandIn::start(Api::OpenAi).await?);
    here.give(KEY, Account::Good);
    let secret = make_secret(&world.admin, &[here.origin()]).await?;
    let widened = Secret {
        name: secret.name.clone(),
        allowed_origins: vec![here.origin(), there.origin()],
        ..Default::default()
    };
    let request = UpdateSecretRequest {
        secret: Some(widened),
        update_mask: Some(FieldMask { paths: vec!["allowed_origins".into()] }),
        ..Default::default()
    };
    let refused = world.admin.secrets().update_secret(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let got = world.admin.secrets().get_secret(GetSecretRequest { name: secret.name.clone() }).await?.into_inner();
    assert_eq!(got.allowed_origins, [here.origin()]);

    // It can't be deleted while something links to it, and can afterwards.
    let provider = Provider { vendor: "gateway".into(), base_url: here.base_url(), ..Default::default() };
    let (_, credential) = connect(&world, "here", provider, linked(&secret.name)).await?;
    let delete = || DeleteSecretRequest { name: secret.name.clone(), ..Default::default() };
    let refused = world.admin.secrets().delete_secret(delete()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "HAS_DEPENDENTS"));
    assert!(format!("{refused:?}").contains(&credential.name), "{refused:?}");
    world.admin.delete_credential(&credential.name).await?;
    world.admin.secrets().delete_secret(delete()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_origin_but_the_provider_s_own_sees_anything_of_a_redirect() -> anyhow::Result<()> {
    let world = World::start(&[("sk-origin-world1", 1)], 1).await?;
    let there = StandIn::start(Api::OpenAi).await?;
    let redirect = crate::provider::Script {
        status: 307,
        location: Some(format!("{}/v1/chat/completions", there.origin())),
        ..crate::provider::Script::default()
    };
    world.provider.script("sk-origin-world1", redirect);
    eventually("it was asked", async || {
        let _ = world.caller().chat(crate::world::MODEL).await;
        (world.provider.counts("sk-origin-world1").requests > 0).then_some(())
    })
    .await?;
    let _ = world.admin.check_credential(&world.credential(0)).await;
    assert!(there.seen_of(Topic::Chat, "sk-origin-world1").is_empty() && there.seen().is_empty());
    Ok(())
}
