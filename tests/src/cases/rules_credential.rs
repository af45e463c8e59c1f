//! The design's rules for credentials, Secrets and rates, one by one.

use std::time::Duration;

use anyhow::Context as _;
use prost_types::FieldMask;
use proto::admin::v1::{
    CheckCredentialRequest, CreateCredentialRequest, CreateProviderRequest, CreateRateRequest, CreateSecretRequest,
    Credential, CredentialState, CredentialStateReason, CredentialType, CredentialValue, DeleteRateRequest,
    ExposedModel, GetSecretRequest, ListCredentialsRequest, ListSecretsRequest, Provider, Rate,
    RotateCredentialRequest, Secret, UpdateCredentialRequest, UpdateRateRequest, UpdateSecretRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::reason;
use super::rules_provider::{control, fields};
use crate::admin::{Admin, access_key_pair, api_key, client_secret, linked, service_account};
use crate::condition::eventually;
use crate::provider::Script;
use crate::standin::{Account, Api, StandIn, Topic, service_account_json};
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

/// A provider of a vendor at a stand-in.
async fn provider(admin: &Admin, vendor: &str, upstream: &StandIn) -> anyhow::Result<String> {
    let provider = Provider {
        display_name: vendor.into(),
        vendor: vendor.into(),
        base_url: upstream.base_url(),
        region: if vendor == "bedrock" { "us-east-1".into() } else { String::new() },
        environments: vec![ENVIRONMENT.into()],
        exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
        ..Default::default()
    };
    let request = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: vendor.into(),
        provider: Some(provider),
        ..Default::default()
    };
    Ok(admin.providers().create_provider(request).await?.into_inner().name)
}

async fn create(
    admin: &Admin,
    parent: &str,
    id: &str,
    credential: Credential,
    skip_validation: bool,
) -> Result<Credential, Status> {
    let request = CreateCredentialRequest {
        parent: parent.into(),
        credential_id: id.into(),
        credential: Some(credential),
        skip_validation,
        ..Default::default()
    };
    Ok(admin.credentials().create_credential(request).await?.into_inner())
}

fn of(value: CredentialValue) -> Credential {
    Credential { value: Some(value), ..Default::default() }
}

async fn update(admin: &Admin, credential: Credential, paths: &[&str]) -> Result<Credential, Status> {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    let request = UpdateCredentialRequest {
        credential: Some(credential),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    Ok(admin.credentials().update_credential(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_type_or_of_one_that_the_vendor_does_not_take_is_refused() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    let anthropic = provider(&admin, "anthropic", &upstream).await?;
    let json = service_account_json("a@acme-ai.iam.gserviceaccount.com", &format!("{}/token", upstream.origin()));
    let untaken = [
        access_key_pair("AKIDEXAMPLE000000001", "wJalrXUtnFEMI/K7MDENG", ""),
        service_account(&json),
        client_secret("tenant", "client", "secret-000000001"),
    ];
    for value in untaken {
        let refused = create(&admin, &anthropic, "c", of(value), true).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(refused.message().contains("anthropic takes no"), "{refused:?}");
    }
    let bedrock = provider(&admin, "bedrock", &upstream).await?;
    let mismatched = Credential { r#type: CredentialType::AccessKeyPair.into(), ..of(api_key("sk-000000000001")) };
    let refused = create(&admin, &bedrock, "c", mismatched, true).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    for value in [CredentialValue::default(), access_key_pair("short", "x", "")] {
        assert_eq!(create(&admin, &bedrock, "c", of(value), true).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert!(upstream.seen().is_empty(), "what has no shape is never sent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_needs_a_project_to_ask_in() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let upstream = StandIn::start(Api::Vertex).await?;
    let request = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: "vertex".into(),
        provider: Some(Provider {
            display_name: "Vertex".into(),
            vendor: "vertex".into(),
            base_url: upstream.base_url(),
            region: "us-central1".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let parent = admin.providers().create_provider(request).await?.into_inner().name;
    let json = service_account_json("a@acme-ai.iam.gserviceaccount.com", &format!("{}/token", upstream.origin()));
    let refused = create(&admin, &parent, "c", of(service_account(&json)), true).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    assert!(refused.message().contains("project"), "{refused:?}");
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_no_header_can_carry_is_never_sent_and_a_pasted_newline_goes() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    upstream.give("sk-pasted-00000001", Account::Good);
    let parent = provider(&admin, "gateway", &upstream).await?;
    for wrong in ["", "sk-two\nlines-0000001", "sk-ümlaut-000000001", "sk-with space-000001", &"s".repeat(4_097)] {
        let refused = create(&admin, &parent, "c", of(api_key(wrong)), true).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{wrong:?}: {refused:?}");
        assert!(fields(&refused).iter().any(|field| field.contains("value")), "{refused:?}");
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    let made = create(&admin, &parent, "c", of(api_key(" sk-pasted-00000001\n")), false).await?;
    assert_eq!((made.state(), made.masked_value.as_str()), (CredentialState::Active, "sk-p...001"));
    assert_eq!(upstream.seen_of(Topic::Models, "sk-pasted-00000001").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_shows_little_and_nothing_of_a_short_value() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let (openai, bedrock) = (StandIn::start(Api::OpenAi).await?, StandIn::start(Api::Bedrock).await?);
    let gateway = provider(&admin, "gateway", &openai).await?;
    let signing = provider(&admin, "bedrock", &bedrock).await?;
    let pair = access_key_pair("AKIDEXAMPLE000000001", "wJalrXUtnFEMI/K7MDENG", "");
    let masks = [
        (&gateway, api_key("short-00001"), "***"),
        (&gateway, api_key("twelve-00012"), "twel...012"),
        (&signing, pair, "AKID...001"),
    ];
    for (known, upstream) in [("short-00001", &openai), ("twelve-00012", &openai), ("AKIDEXAMPLE000000001", &bedrock)] {
        upstream.give(known, Account::Good);
    }
    for (index, (parent, value, mask)) in masks.into_iter().enumerate() {
        let made = create(&admin, parent, &format!("c{index}"), of(value), true).await?;
        assert_eq!(made.masked_value, mask);
        assert!(made.value.is_none() && made.version == 1 && made.uid.starts_with("crd_"));
        let got = admin.credential(&made.name).await?;
        assert!(got.value.is_none() && got.masked_value == mask);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_list_is_limited_and_serves() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    upstream.give("sk-limited-00001", Account::Unlisting);
    let parent = provider(&world.admin, "openai", &upstream).await?;
    let made = create(&world.admin, &parent, "c", of(api_key("sk-limited-00001")), false).await?;
    let is = (CredentialState::Active, CredentialStateReason::Limited);
    assert_eq!((made.state(), made.state_reason()), is);
    let checked = world.admin.check_credential(&made.name).await?;
    assert_eq!((checked.state(), checked.state_reason()), is);
    world.admin.rolled_out(0).await?;
    assert_eq!(world.caller().chat("openai/gpt-4o").await?.status, 200);
    let request = proto::admin::v1::DiscoverModelsRequest { name: parent };
    let discovered = world.admin.providers().discover_models(request).await?.into_inner();
    assert_eq!(discovered.unlisted.len(), 1, "{discovered:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_keeps_the_state_of_what_cannot_be_asked_and_of_what_is_disabled() -> anyhow::Result<()> {
    let world = World::start(&[("sk-checked-00001", 1)], 1).await?;
    let (admin, name) = (&world.admin, world.credential(0));
    let first = admin.check_credential(&name).await?;
    assert_eq!(first.state(), CredentialState::Active);
    assert!(first.last_check_time.is_some() && first.last_error.is_none());

    world.provider.script("sk-checked-00001", Script { status: 503, ..Script::default() });
    let unreachable = admin.check_credential(&name).await?;
    assert_eq!(unreachable.state(), CredentialState::Active, "it keeps its state");
    let error = unreachable.last_error.context("the error is told")?;
    assert_eq!((error.reason.as_str(), error.upstream_status), ("UPSTREAM_UNREACHABLE", 503));
    assert!(!error.message.is_empty() && error.time.is_some());

    let disabled = Credential { name: name.clone(), disabled: true, ..Default::default() };
    assert_eq!(update(admin, disabled, &["disabled"]).await?.state(), CredentialState::Disabled);
    world.provider.accept("sk-checked-00001");
    assert_eq!(admin.check_credential(&name).await?.state(), CredentialState::Disabled, "it stays");
    admin.rolled_out(0).await?;
    let refused = world.caller().chat(MODEL).await?;
    assert_eq!(refused.json()["error"]["code"], "no_credential_available", "{}", refused.body);
    let enabled = Credential { name: name.clone(), disabled: false, ..Default::default() };
    update(admin, enabled, &["disabled"]).await?;
    admin.rolled_out(0).await?;
    assert_eq!(world.caller().chat(MODEL).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_pass_is_refused_and_stored_unverified_only_on_request() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let upstream = crate::provider::Provider::start().await?;
    upstream.script("sk-skipped-00001", Script { status: 500, ..Script::default() });
    let parent = admin.make_provider(PROJECT, "up", &upstream.base_url(), &[ENVIRONMENT]).await?.name;
    let refused = create(&admin, &parent, "c", of(api_key("sk-skipped-00001")), false).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "UPSTREAM_UNREACHABLE"));
    assert!(format!("{refused:?}").contains("500"), "the upstream's status is told: {refused:?}");
    let made = create(&admin, &parent, "c", of(api_key("sk-skipped-00001")), true).await?;
    assert_eq!(made.state(), CredentialState::Unverified);
    // A rotation and an update refuse alike.
    let request = RotateCredentialRequest {
        name: made.name.clone(),
        value: Some(api_key("sk-skipped-00002")),
        ..Default::default()
    };
    upstream.script("sk-skipped-00002", Script { status: 500, ..Script::default() });
    let refused = admin.credentials().rotate_credential(request.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "UPSTREAM_UNREACHABLE");
    let request = RotateCredentialRequest { skip_validation: true, ..request };
    let rotated = admin.credentials().rotate_credential(request).await?.into_inner().credential.unwrap_or_default();
    assert_eq!((rotated.state(), rotated.version), (CredentialState::Unverified, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_endpoint_is_told_from_a_wrong_key_with_what_to_check() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let upstream = crate::provider::Provider::start().await?;
    upstream.script("sk-endpoint-0001", Script { status: 404, ..Script::default() });
    let parent = admin.make_provider(PROJECT, "up", &upstream.base_url(), &[]).await?.name;
    let refused = create(&admin, &parent, "c", of(api_key("sk-endpoint-0001")), false).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ENDPOINT_WRONG"));
    assert!(format!("{refused:?}").contains("/v1") || format!("{refused:?}").contains("base URL"), "{refused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_asked_ten_times_a_minute_and_admin_and_then_not() -> anyhow::Result<()> {
    let world = World::start(&[("sk-allowed-00001", 1)], 0).await?;
    let mut asked = 0;
    let refused = loop {
        let request = CheckCredentialRequest { name: world.credential(0), ..Default::default() };
        match world.admin.credentials().check_credential(request).await {
            Ok(_) => asked += 1,
            Err(refused) => break refused,
        }
        anyhow::ensure!(asked <= 12, "{asked} questions were allowed");
    };
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay).context("it says when")?;
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(60), "{wait:?}");
    assert!(asked >= 8, "{asked}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_success_confirms_an_unverified_key_and_the_first_refusal_marks_it() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = crate::provider::Provider::start().await?;
    for key in ["sk-first-use-001", "sk-first-use-002"] {
        upstream.script(key, Script { status: 500, ..Script::default() });
    }
    let parent = world.admin.make_provider(PROJECT, "up", &upstream.base_url(), &[ENVIRONMENT]).await?.name;
    let good = create(&world.admin, &parent, "good", of(api_key("sk-first-use-001")), true).await?;
    let bad = create(&world.admin, &parent, "bad", of(api_key("sk-first-use-002")), true).await?;
    assert_eq!((good.state(), bad.state()), (CredentialState::Unverified, CredentialState::Unverified));
    upstream.accept("sk-first-use-001");
    upstream.script("sk-first-use-002", Script::rejected());
    world.admin.rolled_out(0).await?;
    for (name, expected) in [(good.name, CredentialState::Active), (bad.name, CredentialState::Inactive)] {
        eventually("traffic decides", async || {
            assert_eq!(world.caller().chat("up/gpt-4o").await.ok()?.status, 200);
            (world.admin.credential(&name).await.ok()?.state() == expected).then_some(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_a_credential_have_their_limits_and_its_type_never_changes() -> anyhow::Result<()> {
    let world = World::start(&[("sk-limits-000001", 1)], 0).await?;
    let with = |change: fn(&mut Credential)| {
        let mut credential = Credential { name: world.credential(0), ..Default::default() };
        change(&mut credential);
        credential
    };
    let wrong: [(&str, Credential); 5] = [
        ("weight", with(|credential| credential.weight = Some(101))),
        ("owner", with(|credential| credential.owner = "o".repeat(201))),
        ("quota_group", with(|credential| credential.quota_group = "q".repeat(64))),
        ("display_name", with(|credential| credential.display_name = "n".repeat(101))),
        ("type", with(|credential| credential.r#type = CredentialType::ServiceAccount.into())),
    ];
    for (field, credential) in wrong {
        let refused = update(&world.admin, credential, &[field]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}: {refused:?}");
        assert!(fields(&refused).iter().any(|named| named.contains(field)), "{field}: {refused:?}");
    }
    // What is output alone is ignored, so that what was read can be sent back.
    let mut read = world.admin.credential(&world.credential(0)).await?;
    (read.owner, read.masked_value, read.version) = ("somebody".into(), "stolen".into(), 99);
    let sent = update(&world.admin, read, &["owner", "masked_value", "version", "state", "last_used_time"]).await?;
    assert_eq!((sent.owner.as_str(), sent.masked_value.as_str(), sent.version), ("somebody", "sk-l...001", 1));
    // A second one of the same name is refused, here and nowhere else.
    let named = Credential { display_name: "c0".into(), ..of(api_key("sk-limits-000001")) };
    let refused = create(&world.admin, PROVIDER, "other", named, true).await.unwrap_err();
    assert_eq!(reason(&refused), "DISPLAY_NAME_TAKEN");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_found_by_state_and_over_all_providers() -> anyhow::Result<()> {
    let world = World::start(&[("sk-found-0000001", 1), ("sk-found-0000002", 1)], 0).await?;
    world.provider.script("sk-found-0000002", Script::rejected());
    world.admin.check_credential(&world.credential(0)).await?;
    world.admin.check_credential(&world.credential(1)).await?;
    for parent in [PROVIDER.to_owned(), format!("{PROJECT}/providers/-")] {
        for (filter, expected) in [
            ("state = INACTIVE", world.credential(1)),
            ("state_reason = REJECTED", world.credential(1)),
            ("state = ACTIVE AND disabled = false", world.credential(0)),
        ] {
            let request =
                ListCredentialsRequest { parent: parent.clone(), filter: filter.into(), ..Default::default() };
            let found = world.admin.credentials().list_credentials(request).await?.into_inner().credentials;
            let found: Vec<_> = found.into_iter().map(|credential| credential.name).collect();
            assert_eq!(found, [expected], "{filter}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_has_a_value_of_one_type_and_shows_nothing_of_it() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let make = async |id: &str, secret: Secret| {
        let request = CreateSecretRequest {
            parent: PROJECT.into(),
            secret_id: id.into(),
            secret: Some(secret),
            ..Default::default()
        };
        admin.secrets().create_secret(request).await.map(tonic::Response::into_inner)
    };
    let origins = vec!["https://api.openai.com".to_owned()];
    let key = |origins: Vec<String>| Secret {
        value: Some(api_key("sk-secret-0000001")),
        allowed_origins: origins,
        ..Default::default()
    };
    for wrong in ["api.openai.com", "https://api.openai.com/v1", "ftp://api.openai.com", "https://u@api.openai.com"] {
        let refused = make("s", key(vec![wrong.into()])).await.unwrap_err();
        assert!(fields(&refused).iter().any(|field| field.contains("allowed_origins")), "{wrong}: {refused:?}");
    }
    let refused = make("s", Secret { value: Some(linked("projects/acme/secrets/x")), ..key(origins.clone()) }).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let made = make("s", key(origins.clone())).await?;
    assert_eq!((made.masked_value.as_str(), made.version, made.linked_credential_count), ("sk-s...001", 1, 0));
    assert!(made.value.is_none() && made.uid.starts_with("sec_"));
    // A pair is never sent, and needs no origin.
    make(
        "pair",
        Secret {
            value: Some(access_key_pair("AKIDEXAMPLE000000001", "wJalrXUtnFEMI/K7MDENG", "")),
            ..Default::default()
        },
    )
    .await?;
    let listed = ListSecretsRequest { parent: PROJECT.into(), ..Default::default() };
    let listed = admin.secrets().list_secrets(listed).await?.into_inner().secrets;
    assert!(listed.len() == 2 && listed.iter().all(|secret| secret.value.is_none()));
    let renamed = Secret { name: made.name.clone(), display_name: "Shared".into(), ..Default::default() };
    let request = UpdateSecretRequest {
        secret: Some(renamed),
        update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
        ..Default::default()
    };
    assert_eq!(admin.secrets().update_secret(request).await?.into_inner().display_name, "Shared");
    // A new value comes by a rotation alone.
    let request = UpdateSecretRequest {
        secret: Some(Secret { name: made.name.clone(), ..key(origins) }),
        update_mask: Some(FieldMask { paths: vec!["value".into()] }),
        ..Default::default()
    };
    assert_eq!(admin.secrets().update_secret(request).await.unwrap_err().code(), Code::InvalidArgument);
    let got = admin.secrets().get_secret(GetSecretRequest { name: made.name }).await?.into_inner();
    assert_eq!((got.version, got.display_name.as_str()), (1, "Shared"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_stays_in_its_project_and_finds_its_secret() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    for wrong in ["projects/acme/secrets/nowhere", "projects/other/secrets/s", "nonsense"] {
        let refused = create(&world.admin, PROVIDER, "c", of(linked(wrong)), true).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{wrong}: {refused:?}");
        assert!(fields(&refused).iter().any(|field| field.contains("value")), "{wrong}: {refused:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_decimal_and_one_for_each_of_a_provider_s_models() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    let rate = |input: &str| Rate {
        upstream_model: "gpt-4o".into(),
        input_per_million: input.into(),
        output_per_million: "10".into(),
        ..Default::default()
    };
    let make = async |id: &str, rate: Rate| {
        let request =
            CreateRateRequest { parent: PROVIDER.into(), rate_id: id.into(), rate: Some(rate), ..Default::default() };
        world.admin.rates().create_rate(request).await.map(tonic::Response::into_inner)
    };
    for wrong in ["", "2,50", "-1", "1e3", "1234567890", "0.1234567890", "NaN"] {
        let refused = make("r", rate(wrong)).await.unwrap_err();
        assert!(fields(&refused).iter().any(|field| field.contains("input_per_million")), "{wrong:?}: {refused:?}");
    }
    let wrong = Rate { currency: "dollars".into(), ..rate("1") };
    assert!(fields(&make("r", wrong).await.unwrap_err()).iter().any(|field| field.contains("currency")));
    let made = make("r", rate("2.50")).await?;
    assert_eq!((made.currency.as_str(), made.uid.starts_with("rat_")), ("USD", true));
    let refused = make("again", rate("3")).await.unwrap_err();
    assert!(matches!(refused.code(), Code::AlreadyExists | Code::InvalidArgument), "{refused:?}");
    let changed = Rate { name: made.name.clone(), upstream_model: "gpt-4o-mini".into(), ..Default::default() };
    let request = UpdateRateRequest {
        rate: Some(changed),
        update_mask: Some(FieldMask { paths: vec!["upstream_model".into()] }),
        ..Default::default()
    };
    assert_eq!(world.admin.rates().update_rate(request).await.unwrap_err().code(), Code::InvalidArgument);
    let request = DeleteRateRequest { name: made.name, ..Default::default() };
    assert!(world.admin.rates().delete_rate(request).await?.into_inner().revision > 0);
    make("r", rate("3")).await?;
    Ok(())
}
