//! How a provider is called: its authority's certificates, headers and defaults of its own, what is stripped, and its timeouts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use prost_types::{FieldMask, Struct, Value as ProtoValue, value::Kind};
use proto::admin::v1::{
    ConnectProviderRequest, Credential, ExposedModel, GetProviderRequest, Provider, TestConnectionRequest,
    UpdateProviderRequest,
};
use serde_json::json;
use tonic::Status;

use super::reason;
use crate::admin::api_key;
use crate::provider::Script;
use crate::standin::listen::Transport;
use crate::standin::{Account, Api, Seen, StandIn, Topic};
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

const KEY: &str = "sk-upstream-00001";

fn request(id: &str, provider: Provider) -> ConnectProviderRequest {
    ConnectProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(Provider {
            display_name: id.into(),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..provider
        }),
        credential: Some(Credential { value: Some(api_key(KEY)), ..Default::default() }),
        ..Default::default()
    }
}

async fn connect(world: &World, id: &str, provider: Provider) -> Result<Provider, Status> {
    let connected = world.admin.providers().connect_provider(request(id, provider)).await?.into_inner();
    world.admin.rolled_out(connected.revision).await.map_err(|error| Status::internal(error.to_string()))?;
    Ok(connected.provider.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_one_s_own_is_trusted_where_it_is_given_and_nowhere_else() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let (transport, ca) = Transport::tls()?;
    let upstream = StandIn::start_on(Api::OpenAi, transport).await?;
    upstream.give(KEY, Account::Good);
    let at = |ca: &str| Provider {
        vendor: "gateway".into(),
        base_url: upstream.base_url(),
        ca_certificates: ca.to_owned(),
        ..Default::default()
    };
    let (_, other_ca) = Transport::tls()?;
    for untrusted in ["", &other_ca] {
        let refused = connect(&world, "up", at(untrusted)).await.unwrap_err();
        assert_eq!(reason(&refused), "TLS_FAILED", "{refused:?}");
        let test = TestConnectionRequest {
            parent: PROJECT.into(),
            provider: Some(Provider { display_name: "Up".into(), ..at(untrusted) }),
            credential: Some(Credential { value: Some(api_key(KEY)), ..Default::default() }),
            ..Default::default()
        };
        let told = world.admin.providers().test_connection(test).await?.into_inner();
        assert_eq!(told.error.unwrap_or_default().reason, "TLS_FAILED");
    }
    assert!(upstream.seen().is_empty(), "nothing is said to somebody who is not trusted: {:?}", upstream.seen());
    let refused = connect(&world, "up", at("no PEM at all")).await.unwrap_err();
    assert_eq!(reason(&refused), "FIELD_INVALID", "{refused:?}");
    assert!(format!("{refused:?}").contains("ca_certificates"), "{refused:?}");

    connect(&world, "up", at(&ca)).await?;
    let served = world.caller().chat("up/gpt-4o").await?;
    assert_eq!(served.status, 200, "{} {:?}", served.body, upstream.faults());
    // The same place without it is another thing.
    let request = UpdateProviderRequest {
        provider: Some(Provider { name: format!("{PROJECT}/providers/up"), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["ca_certificates".into()] }),
        ..Default::default()
    };
    world.admin.providers().update_provider(request).await?;
    world.admin.rolled_out(0).await?;
    upstream.forget();
    let refused = world.caller().chat("up/gpt-4o").await?;
    assert!(refused.status.is_server_error(), "{} {}", refused.status, refused.body);
    assert!(upstream.seen().is_empty());
    Ok(())
}

fn text(value: &str) -> ProtoValue {
    ProtoValue { kind: Some(Kind::StringValue(value.to_owned())) }
}

fn last_chat(upstream: &StandIn) -> anyhow::Result<Seen> {
    upstream.seen_of(Topic::Chat, KEY).pop().context("a chat was asked for")
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_added_and_stripped_and_defaults_stand_where_the_caller_says_nothing() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    upstream.give(KEY, Account::Good);
    let number = ProtoValue { kind: Some(Kind::NumberValue(0.25)) };
    let provider = Provider {
        vendor: "gateway".into(),
        base_url: upstream.base_url(),
        request_headers: BTreeMap::from([("OpenAI-Project".into(), "proj_1".into()), ("x-team".into(), "ai".into())]),
        request_defaults: Some(Struct {
            fields: BTreeMap::from([("temperature".into(), number), ("user".into(), text("somebody"))]),
        }),
        strip_headers: vec!["OpenAI-Beta".into(), "openai-beta".into(), "Cookie".into()],
        ..Default::default()
    };
    let provider = connect(&world, "up", provider).await?;
    let mut stripped = provider.strip_headers.clone();
    stripped.sort_unstable();
    assert_eq!(stripped, ["cookie", "openai-beta"], "lower-cased, without doubles");
    assert_eq!(upstream.seen_of(Topic::Models, KEY)[0].asked.header("x-team"), "ai", "a probe has them, too");

    let body = json!({"model": "up/gpt-4o", "temperature": 1, "messages": [{"role": "user", "content": "hi"}]});
    let strays = [
        ("openai-beta", "assistants=v2"),
        ("openai-organization", "org_1"),
        ("cookie", "session=stray"),
        ("x-team", "callers"),
        ("accept-encoding", "gzip"),
        ("x-forwarded-for", "10.0.0.1"),
    ];
    let answer = world.caller().ask("/v1/chat/completions", &strays, &body.to_string()).await?;
    assert_eq!(answer.status, 200, "{} {:?}", answer.text(), upstream.faults());
    let asked = last_chat(&upstream)?.asked;
    assert_eq!((asked.header("openai-project"), asked.header("x-team")), ("proj_1", "ai"));
    assert_eq!(asked.headers.get_all("x-team").iter().count(), 1);
    for gone in ["openai-beta", "cookie", "accept-encoding", "x-forwarded-for", "x-keyplane-key"] {
        assert_eq!(asked.header(gone), "", "{gone} went upstream");
    }
    let sent = asked.json();
    assert_eq!(
        (&sent["temperature"], &sent["user"], &sent["model"]),
        (&json!(1), &json!("somebody"), &json!("gpt-4o"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_authenticates_or_frames_is_no_header_to_add_and_no_default_names_the_model() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    upstream.give(KEY, Account::Good);
    let at = || Provider { vendor: "gateway".into(), base_url: upstream.base_url(), ..Default::default() };
    for header in ["Authorization", "x-api-key", "connection", "Transfer-Encoding", "host", "content-length", "cookie"]
    {
        let headers = BTreeMap::from([(header.to_owned(), "x".to_owned())]);
        let refused = connect(&world, "up", Provider { request_headers: headers, ..at() }).await;
        let refused = refused.err().with_context(|| format!("{header} is refused"))?;
        assert_eq!(reason(&refused), "FIELD_INVALID", "{header}: {refused:?}");
        assert!(format!("{refused:?}").contains("request_headers"), "{header}: {refused:?}");
    }
    for (name, value) in [("bad name", "x"), ("x-good", "line\r\nx-evil: 1")] {
        let headers = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert!(connect(&world, "up", Provider { request_headers: headers, ..at() }).await.is_err(), "{name}");
    }
    for field in ["model", "stream"] {
        let defaults = Struct { fields: BTreeMap::from([(field.to_owned(), text("gpt-4o"))]) };
        let refused = connect(&world, "up", Provider { request_defaults: Some(defaults), ..at() }).await;
        let refused = refused.err().with_context(|| format!("{field} is refused"))?;
        assert!(format!("{refused:?}").contains("request_defaults"), "{field}: {refused:?}");
    }
    assert!(upstream.seen().is_empty(), "what is not valid is not tried");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_into_the_headers_that_its_provider_names() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::OpenAi).await?;
    let provider = Provider {
        vendor: "gateway".into(),
        base_url: upstream.base_url(),
        key_header: "x-gateway-key".into(),
        additional_key_header: "x-gateway-second".into(),
        ..Default::default()
    };
    let mut request = request("up", provider);
    request.credential = Some(Credential {
        value: Some(api_key(KEY)),
        additional_key: "second-key-0000001".into(),
        ..Default::default()
    });
    // The stand-in finds no key where it looks for one: nothing but skipping gets it in.
    request.skip_validation = true;
    let connected = world.admin.providers().connect_provider(request).await;
    // Its refusal is an outright one, as no key came where it wants it.
    upstream.give("", Account::Good);
    let connected = match connected {
        Ok(connected) => connected.into_inner(),
        Err(_) => {
            let mut again = self::request(
                "up",
                Provider {
                    vendor: "gateway".into(),
                    base_url: upstream.base_url(),
                    key_header: "x-gateway-key".into(),
                    additional_key_header: "x-gateway-second".into(),
                    ..Default::default()
                },
            );
            again.credential = Some(Credential {
                value: Some(api_key(KEY)),
                additional_key: "second-key-0000001".into(),
                ..Default::default()
            });
            world.admin.providers().connect_provider(again).await?.into_inner()
        }
    };
    let credential = connected.credential.context("the credential is answered")?;
    assert!(credential.additional_key_set && credential.additional_key.is_empty());
    world.admin.rolled_out(connected.revision).await?;
    let served = world.caller().chat("up/gpt-4o").await?;
    assert_eq!(served.status, 200, "{} {:?}", served.body, upstream.faults());
    let seen = upstream.seen_of(Topic::Chat, "").pop().context("it was asked")?.asked;
    assert_eq!((seen.header("x-gateway-second"), seen.header("authorization")), ("second-key-0000001", ""));
    assert!(seen.header("x-gateway-key").ends_with(KEY), "{:?}", seen.headers);
    Ok(())
}

fn seconds(seconds: f64) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(Duration::from_secs_f64(seconds)).ok()
}

async fn set_timeouts(world: &World, first_byte: f64, idle: f64) -> anyhow::Result<()> {
    let provider = Provider {
        name: PROVIDER.into(),
        connect_timeout: seconds(0.5),
        first_byte_timeout: seconds(first_byte),
        idle_timeout: seconds(idle),
        ..Default::default()
    };
    let paths = ["connect_timeout", "first_byte_timeout", "idle_timeout"].map(str::to_owned).to_vec();
    let request = UpdateProviderRequest {
        provider: Some(provider),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    world.admin.providers().update_provider(request).await?;
    world.admin.rolled_out(0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_s_own_timeouts_end_what_does_not_begin_and_what_pauses() -> anyhow::Result<()> {
    let world = World::start(&[(KEY, 1)], 1).await?;
    let request = GetProviderRequest { name: PROVIDER.into() };
    let provider = world.admin.providers().get_provider(request).await?.into_inner();
    let defaults = [provider.connect_timeout, provider.first_byte_timeout, provider.idle_timeout];
    assert_eq!(defaults, [seconds(5.0), seconds(300.0), seconds(300.0)], "the defaults are told");

    set_timeouts(&world, 1.0, 60.0).await?;
    world.provider.script(KEY, Script { head_delay: Duration::from_secs(30), ..Script::default() });
    let began = Instant::now();
    let refused = world.caller().chat(MODEL).await?;
    assert!(refused.status.is_server_error(), "{} {}", refused.status, refused.body);
    assert_eq!(refused.json()["error"]["code"], "upstream_timeout", "{}", refused.body);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());

    set_timeouts(&world, 60.0, 1.0).await?;
    world.provider.script(KEY, Script { piece_delay: Duration::from_secs(30), ..Script::default() });
    let began = Instant::now();
    let stream = world.caller().stream(MODEL).await?;
    let rest = stream.rest().await.unwrap_or_default();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(!rest.contains("[DONE]") && !rest.contains("\"stop\""), "a stream that was cut ended well: {rest}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_out_of_range_are_refused_by_name() -> anyhow::Result<()> {
    let world = World::start(&[], 0).await?;
    let provider = Provider {
        vendor: "openai".into(),
        connect_timeout: seconds(0.01),
        first_byte_timeout: seconds(0.5),
        idle_timeout: seconds(4_000.0),
        ..Default::default()
    };
    let refused = connect(&world, "up", provider).await.unwrap_err();
    let said = format!("{refused:?}");
    for field in ["connect_timeout", "first_byte_timeout", "idle_timeout"] {
        assert!(said.contains(field), "{field} is not in {said}");
    }
    Ok(())
}
