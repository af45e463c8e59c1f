//! The design's rules for providers, one by one.

use std::collections::BTreeMap;

use anyhow::Context as _;
use prost_types::value::Kind;
use prost_types::{FieldMask, Struct, Value};
use proto::admin::v1::{
    Adapter, CreateProviderRequest, CredentialState, ExposedModel, GetProviderRequest, Provider, UpdateProviderRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::reason;
use crate::admin::Admin;
use crate::control::Control;
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

/// A control plane with a project and an environment.
pub(super) async fn control() -> anyhow::Result<(Control, Admin, tempfile::TempDir)> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    admin.make_environment(PROJECT, "production").await?;
    Ok((control, admin, dir))
}

async fn create(admin: &Admin, id: &str, provider: Provider) -> Result<Provider, Status> {
    let request = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(provider),
        ..Default::default()
    };
    Ok(admin.providers().create_provider(request).await?.into_inner())
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

fn gateway(name: &str) -> Provider {
    Provider {
        display_name: name.into(),
        vendor: "gateway".into(),
        base_url: "https://llm.example.com/v1".into(),
        ..Default::default()
    }
}

/// The fields that a refusal names.
pub(super) fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

fn names(status: &Status, field: &str) -> bool {
    status.code() == Code::InvalidArgument && fields(status).iter().any(|named| named.contains(field))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_display_name_is_required_short_and_unique_among_a_project_s_providers() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    for wrong in ["", &"n".repeat(101)] {
        let refused = create(&admin, "up", gateway(wrong)).await.unwrap_err();
        assert!(names(&refused, "display_name"), "{refused:?}");
    }
    create(&admin, "up", gateway(&"n".repeat(100))).await?;
    let made = create(&admin, "", gateway("My Gateway!")).await?;
    assert_eq!(made.name, format!("{PROJECT}/providers/my-gateway"), "an id is made from it");
    let refused = create(&admin, "other", gateway("My Gateway!")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "DISPLAY_NAME_TAKEN"));
    let refused = create(&admin, "up", gateway("Another")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "ID_TAKEN"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_are_of_the_same_project_and_exist() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    admin.make_project("other").await?;
    let foreign = admin.make_environment("projects/other", "production").await?.name;
    for wrong in [foreign.as_str(), "projects/acme/environments/no", "production", "projects/acme/providers/production"]
    {
        let provider = Provider { environments: vec![wrong.into()], ..gateway("Up") };
        let refused = create(&admin, "up", provider).await.unwrap_err();
        assert!(names(&refused, "environments"), "{wrong}: {refused:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_url_is_made_the_one_that_its_adapter_begins_with() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let pasted = [
        ("openai", "", "https://api.openai.com/v1"),
        ("openai", " https://api.openai.com/ ", "https://api.openai.com/v1"),
        ("openai", "https://API.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("gateway", "https://llm.example.com/api/v3/", "https://llm.example.com/api/v3"),
        ("gateway", "https://llm.example.com/v1/models", "https://llm.example.com/v1"),
        ("anthropic", "", "https://api.anthropic.com"),
        ("anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com"),
        ("gemini", "", "https://generativelanguage.googleapis.com"),
        (
            "google",
            "https://generativelanguage.googleapis.com/v1beta/models",
            "https://generativelanguage.googleapis.com",
        ),
        ("azure", "my-resource", "https://my-resource.openai.azure.com"),
        (
            "azure",
            "https://my-resource.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://my-resource.openai.azure.com",
        ),
        ("groq", "", "https://api.groq.com/openai/v1"),
    ];
    for (index, (vendor, given, expected)) in pasted.into_iter().enumerate() {
        let provider = Provider { vendor: vendor.into(), base_url: given.into(), ..gateway(&format!("n{index}")) };
        let made = create(&admin, &format!("p{index}"), provider).await;
        let made = made.with_context(|| format!("{vendor} at {given:?}"))?;
        assert_eq!(made.base_url, expected, "{vendor} at {given:?}");
    }
    let by_region = [
        ("bedrock", "eu-west-1", "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("vertex", "europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("vertex", "global", "https://aiplatform.googleapis.com"),
        ("vertex", "eu", "https://aiplatform.eu.rep.googleapis.com"),
    ];
    for (index, (vendor, region, expected)) in by_region.into_iter().enumerate() {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let config =
            (vendor == "vertex").then(|| Struct { fields: BTreeMap::from([("project".into(), text("acme-ai"))]) });
        let provider = Provider {
            vendor: vendor.into(),
            base_url: String::new(),
            region: region.into(),
            config,
            ..gateway(&format!("r{index}"))
        };
        let made =
            create(&admin, &format!("r{index}"), provider).await.with_context(|| format!("{vendor} {region}"))?;
        assert_eq!(made.base_url, expected, "{vendor} in {region}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_url_that_could_send_a_key_astray_is_refused() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let wrong = [
        "ftp://llm.example.com/v1",
        "https:///v1",
        "https://user@llm.example.com/v1",
        "https://user:secret@llm.example.com/v1",
        "https://llm.example.com/v1?key=x",
        "https://llm.example.com/v1#part",
        "http://169.254.169.254/latest",
        "https://metadata.google.internal/v1",
        "http://[fd00:ec2::254]/v1",
        "http://2852039166/v1",
        "http://0xa9.0xfe.0xa9.0xfe/v1",
        "",
    ];
    for base_url in wrong {
        let refused = create(&admin, "up", Provider { base_url: base_url.into(), ..gateway("Up") }).await.unwrap_err();
        assert!(names(&refused, "base_url"), "{base_url}: {refused:?}");
        assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_not_known_names_its_adapter_and_its_place() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let unknown = |adapter: Adapter, base_url: &str| Provider {
        vendor: "opanai".into(),
        adapter: adapter.into(),
        base_url: base_url.into(),
        ..gateway("Up")
    };
    let refused = create(&admin, "up", unknown(Adapter::Unspecified, "https://llm.example.com/v1")).await.unwrap_err();
    assert!(
        names(&refused, "adapter") && format!("{refused:?}").contains("openai"),
        "the nearest is named: {refused:?}"
    );
    // Its key would go to OpenAI.
    let refused = create(&admin, "up", unknown(Adapter::Openai, "")).await.unwrap_err();
    assert!(names(&refused, "base_url"), "{refused:?}");
    create(&admin, "up", unknown(Adapter::Openai, "https://llm.example.com/v1")).await?;
    for vendor in ["Open AI", "-x", &"v".repeat(64)] {
        let provider = Provider { vendor: vendor.into(), adapter: Adapter::Openai.into(), ..gateway("Wrong") };
        let refused = create(&admin, "wrong", provider).await.unwrap_err();
        assert!(names(&refused, "vendor"), "{vendor}: {refused:?}");
    }
    for (alias, vendor) in [("gemini", "google"), ("azure-openai", "azure")] {
        let base_url = if vendor == "azure" { "my-resource" } else { "" };
        let provider = Provider { vendor: alias.into(), base_url: base_url.into(), ..gateway(alias) };
        assert_eq!(create(&admin, alias, provider).await?.vendor, vendor);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_required_where_the_place_does_not_hold_one() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    for vendor in ["bedrock", "vertex"] {
        let provider = Provider { vendor: vendor.into(), base_url: String::new(), ..gateway(vendor) };
        let refused = create(&admin, vendor, provider).await.unwrap_err();
        assert!(names(&refused, "region"), "{vendor}: {refused:?}");
    }
    let base_url = "https://bedrock-runtime.ap-south-1.amazonaws.com".to_owned();
    create(&admin, "held", Provider { vendor: "bedrock".into(), base_url, ..gateway("Held") }).await?;
    let long = Provider { region: "r".repeat(51), ..gateway("Long") };
    assert!(names(&create(&admin, "long", long).await.unwrap_err(), "region"));
    Ok(())
}

fn config(fields: &[(&str, Kind)]) -> Option<Struct> {
    let fields = fields.iter().map(|(name, kind)| ((*name).to_owned(), Value { kind: Some(kind.clone()) })).collect();
    Some(Struct { fields })
}

#[tokio::test(flavor = "multi_thread")]
async fn config_is_small_checked_where_it_is_known_and_kept_where_it_is_not() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let text = |text: &str| Kind::StringValue(text.to_owned());
    let large = Provider { config: config(&[("notes", text(&"x".repeat(17 * 1024)))]), ..gateway("Large") };
    assert!(names(&create(&admin, "large", large).await.unwrap_err(), "config"));
    let wrong = [
        ("azure", "api_version", Kind::NumberValue(2024.0)),
        ("azure", "api_version", text("../../x")),
        ("vertex", "project", text("a/b")),
        ("vertex", "location", text("eu west")),
        ("bedrock", "signing_region", Kind::BoolValue(true)),
    ];
    for (vendor, key, value) in wrong {
        let base_url = if vendor == "azure" { "my-resource" } else { "" };
        let provider = Provider {
            vendor: vendor.into(),
            base_url: base_url.into(),
            region: "us-east-1".into(),
            config: config(&[(key, value)]),
            ..gateway("Wrong")
        };
        let refused = create(&admin, "wrong", provider).await.unwrap_err();
        assert!(names(&refused, "config"), "{vendor} {key}: {refused:?}");
    }
    let kept = config(&[("notes", text("ours")), ("api_version", text("2025-01-01-preview"))]);
    let azure =
        Provider { vendor: "azure".into(), base_url: "my-resource".into(), config: kept.clone(), ..gateway("Azure") };
    assert_eq!(create(&admin, "azure", azure).await?.config, kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_are_told_and_lists_are_bounded() -> anyhow::Result<()> {
    let (_control, admin, _dir) = control().await?;
    let mut made = create(&admin, "up", gateway("Up")).await?;
    made.strip_headers.sort_unstable();
    assert_eq!(made.strip_headers, ["authorization", "cookie", "set-cookie", "x-api-key"]);
    assert_eq!(made.telemetry_tags, BTreeMap::from([("featured".to_owned(), "false".to_owned())]));
    assert_eq!((made.enabled, made.uid.starts_with("aip_")), (Some(true), true));
    assert!(made.credential_counts.iter().all(|count| count.count == 0), "{:?}", made.credential_counts);

    let tags = (0..17).map(|index| (format!("tag-{index}"), "x".to_owned())).collect();
    let refused = update(&admin, Provider { telemetry_tags: tags, ..made.clone() }, &["telemetry_tags"]).await;
    assert!(names(&refused.unwrap_err(), "telemetry_tags"));
    let headers = (0..33).map(|index| format!("x-{index}")).collect();
    let refused = update(&admin, Provider { strip_headers: headers, ..made.clone() }, &["strip_headers"]).await;
    assert!(names(&refused.unwrap_err(), "strip_headers"));
    let refused = update(&admin, Provider { ca_certificates: "x".repeat(40_000), ..made }, &["ca_certificates"]).await;
    assert!(names(&refused.unwrap_err(), "ca_certificates"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_tags_are_no_label_of_a_metric() -> anyhow::Result<()> {
    let world = World::start(&[("sk-tagged-000001", 1)], 1).await?;
    let tags = BTreeMap::from([("team".to_owned(), "canary-of-a-tag".to_owned())]);
    let tagged = Provider { name: PROVIDER.into(), telemetry_tags: tags, ..Default::default() };
    update(&world.admin, tagged, &["telemetry_tags"]).await?;
    world.admin.rolled_out(0).await?;
    assert_eq!(world.caller().chat(MODEL).await?.status, 200);
    for metrics in [world.proxies[0].metrics().await?, world.control.metrics().await?] {
        assert!(!metrics.contains("canary-of-a-tag"), "{metrics}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_counted_by_state() -> anyhow::Result<()> {
    let world = World::start(&[("sk-counted-00001", 1), ("sk-counted-00002", 1), ("sk-counted-00003", 1)], 0).await?;
    world.provider.script("sk-counted-00001", crate::provider::Script::rejected());
    world.admin.check_credential(&world.credential(0)).await?;
    world.admin.check_credential(&world.credential(1)).await?;
    let request = GetProviderRequest { name: PROVIDER.into() };
    let provider = world.admin.providers().get_provider(request).await?.into_inner();
    let count = |state: CredentialState| {
        provider.credential_counts.iter().filter(|count| count.state() == state).map(|count| count.count).sum::<u32>()
    };
    assert_eq!(count(CredentialState::Inactive), 1, "{:?}", provider.credential_counts);
    assert_eq!(count(CredentialState::Active) + count(CredentialState::Unverified), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_exposed_is_neither_a_target_nor_a_default_nor_served() -> anyhow::Result<()> {
    let world = World::start(&[("sk-exposed-00001", 1)], 1).await?;
    let admin = &world.admin;
    let expose = |models: &[&str]| Provider {
        name: PROVIDER.into(),
        exposed_models: models
            .iter()
            .map(|&model| ExposedModel { upstream_model: model.into(), ..Default::default() })
            .collect(),
        ..Default::default()
    };
    // The world's model has gpt-4o as its target.
    let refused = update(admin, expose(&["gpt-4o-mini"]), &["exposed_models"]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "HAS_DEPENDENTS"));
    assert!(format!("{refused:?}").contains("models/chat"), "{refused:?}");
    update(admin, expose(&["gpt-4o"]), &["exposed_models"]).await?;
    let outside = Provider { default_model: "gpt-4o-mini".into(), ..expose(&[]) };
    assert!(names(&update(admin, outside, &["default_model"]).await.unwrap_err(), "default_model"));
    let refused = admin.make_model(PROJECT, "mini", PROVIDER, "gpt-4o-mini").await.unwrap_err().downcast::<Status>()?;
    assert!(names(&refused, "targets[0]"), "{refused:?}");
    update(admin, Provider { default_model: "gpt-4o".into(), ..expose(&[]) }, &["default_model"]).await?;
    admin.rolled_out(0).await?;
    for (model, status) in [("standin/gpt-4o", 200), ("standin", 200), ("standin/gpt-4o-mini", 404)] {
        let answer = world.caller().chat(model).await?;
        assert_eq!(answer.status.as_u16(), status, "{model}: {}", answer.body);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_wins_over_a_provider_s_id_and_a_name_splits_at_its_first_slash() -> anyhow::Result<()> {
    let world = World::start(&[("sk-naming-000001", 1)], 1).await?;
    world.admin.make_model(PROJECT, "standin/gpt-4o", PROVIDER, "gpt-4o-mini").await?;
    world.admin.rolled_out(0).await?;
    let answer = world.caller().chat("standin/gpt-4o").await?;
    assert_eq!((answer.status.as_u16(), &answer.json()["model"]), (200, &"gpt-4o-mini".into()), "{}", answer.body);
    let answer = world.caller().chat("standin/vendor/model:free").await?;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["model"]),
        (200, &"vendor/model:free".into()),
        "{}",
        answer.body
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_active_nowhere_reaches_no_proxy() -> anyhow::Result<()> {
    let world = World::start(&[("sk-nowhere-00001", 1)], 1).await?;
    let nowhere = Provider { name: PROVIDER.into(), ..Default::default() };
    update(&world.admin, nowhere, &["environments"]).await?;
    world.admin.rolled_out(0).await?;
    assert_eq!(world.caller().chat("standin/gpt-4o").await?.status, 404);
    let back = Provider { name: PROVIDER.into(), environments: vec![ENVIRONMENT.into()], ..Default::default() };
    update(&world.admin, back, &["environments"]).await?;
    world.admin.rolled_out(0).await?;
    assert_eq!(world.caller().chat("standin/gpt-4o").await?.status, 200);
    Ok(())
}
