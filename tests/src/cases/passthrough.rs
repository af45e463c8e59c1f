//! Bring your own key: the caller's provider key goes where its provider wants it, and is stored nowhere.

use proto::admin::v1::{
    Adapter, AuthMode, CreateCredentialRequest, CreateModelRequest, CreateProviderRequest, Credential, ExposedModel,
    Model, Provider, Target,
};
use serde_json::json;
use tonic::{Code, Status};

use super::reason;
use crate::admin::{Admin, api_key};
use crate::caller::RawAnswer;
use crate::search::Needles;
use crate::standin::{Account, Api, StandIn, Topic};
use crate::world::{ENVIRONMENT, PROJECT, World};

const OWN: &str = "sk-the-callers-own-000001";

async fn make(admin: &Admin, id: &str, provider: Provider) -> Result<Provider, Status> {
    let request = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(Provider {
            display_name: id.into(),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            auth_mode: AuthMode::Passthrough.into(),
            ..provider
        }),
        ..Default::default()
    };
    Ok(admin.providers().create_provider(request).await?.into_inner())
}

/// Each format, with the header where the caller's own key goes.
const HEADERS: [(Api, &str, &str, &str); 4] = [
    (Api::OpenAi, "gateway", "authorization", "Bearer "),
    (Api::Anthropic, "anthropic", "x-api-key", ""),
    (Api::Gemini, "google", "x-goog-api-key", ""),
    (Api::Azure, "azure", "api-key", ""),
];

async fn ask(world: &World, api: Api, model: &str, headers: &[(&str, &str)]) -> anyhow::Result<RawAnswer> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let (path, body) = match api {
        Api::Anthropic => ("/v1/messages".into(), json!({"model": model, "max_tokens": 5, "messages": messages})),
        Api::Gemini => (
            format!("/v1beta/models/{model}:generateContent"),
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
        Api::OpenAi | Api::Azure | Api::Vertex | Api::Bedrock | Api::Cohere => {
            ("/v1/chat/completions".into(), json!({"model": model, "messages": messages}))
        }
    };
    world.caller().ask(&path, headers, &body.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_s_own_key_goes_where_its_provider_wants_it_and_is_stored_nowhere() -> anyhow::Result<()> {
    let mut world = World::start(&[], 1).await?;
    for (api, vendor, header, scheme) in HEADERS {
        let upstream = StandIn::start(api).await?;
        upstream.give(OWN, Account::Good);
        let provider = Provider { vendor: vendor.into(), base_url: upstream.base_url(), ..Default::default() };
        make(&world.admin, vendor, provider).await?;
        world.admin.rolled_out(0).await?;
        let model = format!("{vendor}%2F{}", upstream.models()[0]);
        let model = if api == Api::Gemini { model } else { model.replace("%2F", "/") };

        // Absent, there is no call at all.
        let absent = ask(&world, api, &model, &[]).await?;
        assert_eq!(absent.status, 401, "{vendor}: {}", absent.text());
        assert!(upstream.seen().is_empty(), "{vendor}: {:?}", upstream.seen());

        let own = format!("{scheme}{OWN}");
        let served = ask(&world, api, &model, &[(header, &own)]).await?;
        assert_eq!(served.status, 200, "{vendor}: {} {:?}", served.text(), upstream.faults());
        assert_eq!(upstream.seen_of(Topic::Chat, OWN).len(), 1, "{vendor}");

        // A bad one is the caller's to replace: what the upstream says of it is answered, and Gemini says 400.
        let bad = ask(&world, api, &model, &[(header, &format!("{scheme}sk-nobody-knows-this-one"))]).await?;
        let expected = if api == Api::Gemini { 400 } else { 401 };
        assert_eq!(bad.status, expected, "{vendor}: {}", bad.text());
        assert!(!bad.text().contains("sk-nobody-knows-this-one"), "{vendor}: {}", bad.text());
        // And nobody's else: the next caller is served.
        assert_eq!(ask(&world, api, &model, &[(header, &own)]).await?.status, 200, "{vendor}");
        assert!(upstream.faults().is_empty(), "{vendor}: {:?}", upstream.faults());
    }
    let mut needles = Needles::default();
    needles.add("the caller's own key", OWN.as_bytes());
    needles.are_absent(world.proxies[0].metrics().await?.as_bytes(), "the proxy's metrics")?;
    world.control.stop().await?;
    let searched = needles.are_absent_below(world.dir(), "secrets")?;
    assert!(searched.files > 3, "{searched:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pass_through_and_none_take_no_credential() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    upstream.give("", Account::Good);
    let at = || Provider { vendor: "gateway".into(), base_url: upstream.base_url(), ..Default::default() };
    make(&world.admin, "own", at()).await?;
    let open = Provider { auth_mode: AuthMode::None.into(), ..at() };
    let request = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: "open".into(),
        provider: Some(Provider {
            display_name: "open".into(),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..open
        }),
        ..Default::default()
    };
    world.admin.providers().create_provider(request).await?;
    for id in ["own", "open"] {
        let request = CreateCredentialRequest {
            parent: format!("{PROJECT}/providers/{id}"),
            credential_id: "c".into(),
            credential: Some(Credential { value: Some(api_key(OWN)), ..Default::default() }),
            skip_validation: true,
            ..Default::default()
        };
        let refused = world.admin.credentials().create_credential(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "AUTH_MODE_FORBIDS"),
            "{id}"
        );
    }
    // An upstream that wants no key gets none, whatever the caller sends.
    world.admin.rolled_out(0).await?;
    let served = ask(&world, Api::OpenAi, "open/gpt-4o", &[("authorization", "Bearer sk-stray-0000000001")]).await?;
    assert_eq!(served.status, 200, "{} {:?}", served.text(), upstream.faults());
    let seen = upstream.seen();
    assert!(seen.iter().all(|seen| !seen.asked.text().contains("sk-stray")), "{seen:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_with_a_pass_through_target_has_no_other_provider() -> anyhow::Result<()> {
    let world = World::start(&[("sk-managed-00001", 1)], 0).await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    let provider = Provider {
        vendor: "own-vendor".into(),
        adapter: Adapter::Openai.into(),
        base_url: upstream.base_url(),
        ..Default::default()
    };
    let own = make(&world.admin, "own", provider).await?.name;
    let target =
        |provider: &str| Target { provider: provider.into(), upstream_model: "gpt-4o".into(), ..Default::default() };
    let create = async |id: &str, targets: Vec<Target>| {
        let request = CreateModelRequest {
            parent: PROJECT.into(),
            model_id: id.into(),
            model: Some(Model { targets, ..Default::default() }),
            ..Default::default()
        };
        world.admin.models().create_model(request).await
    };
    let mixed = create("mixed", vec![target(&own), target(crate::world::PROVIDER)]).await.unwrap_err();
    assert_eq!((mixed.code(), reason(&mixed).as_str()), (Code::InvalidArgument, "FIELD_INVALID"), "{mixed:?}");
    let second = Target { upstream_model: "gpt-4o-mini".into(), ..target(&own) };
    create("alone", vec![target(&own), second]).await?;
    Ok(())
}
