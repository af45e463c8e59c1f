//! Requests that a proxy signs with a pair, judged by Amazon's own client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::admin::v1::{ConnectProviderRequest, Credential, ExposedModel, Provider};
use serde_json::{Map, Value, json};

use super::clients;
use crate::admin::access_key_pair;
use crate::standin::{Account, Api, Seen, StandIn, Topic};
use crate::world::{ENVIRONMENT, PROJECT, World};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// A model's own id, and an ARN, which has slashes in it.
const MODELS: [&str; 2] = [
    "anthropic.claude-3-haiku-20240307-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0",
];

async fn connect(world: &World, upstream: &StandIn, id: &str, session_token: &str) -> anyhow::Result<()> {
    upstream.give(&access_key_id(id), Account::Good);
    let request = ConnectProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(Provider {
            display_name: id.into(),
            vendor: "bedrock".into(),
            base_url: upstream.base_url(),
            region: "us-east-1".into(),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        }),
        credential: Some(Credential {
            value: Some(access_key_pair(&access_key_id(id), SECRET, session_token)),
            ..Default::default()
        }),
        ..Default::default()
    };
    world.admin.providers().connect_provider(request).await?;
    Ok(())
}

fn access_key_id(id: &str) -> String {
    format!("AKIDEXAMPLE{:0<9}", id.to_uppercase())
}

/// What the script is to judge.
fn described(seen: &Seen, model: &str, session_token: &str) -> Value {
    let text = |value: &http::HeaderValue| Value::from(String::from_utf8_lossy(value.as_bytes()));
    let headers: Map<_, _> =
        seen.asked.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    json!({
        "method": seen.asked.method.as_str(), "host": seen.asked.header("host"), "target": seen.asked.target(), "headers": headers,
        "body": STANDARD.encode(&seen.asked.body), "access_key_id": seen.key, "secret_access_key": SECRET,
        "session_token": session_token, "region": "us-east-1", "model": model,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn botocore_verifies_what_a_proxy_signed() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::Bedrock).await?;
    let tokens = [("plain", ""), ("session", "IQoJb3JpZ2luX2VjEXAMPLE/+token==")];
    for (id, token) in tokens {
        connect(&world, &upstream, id, token).await?;
    }
    world.admin.rolled_out(0).await?;
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hé \"hi\""}]}]}).to_string();
    let mut requests = Vec::new();
    for (id, token) in tokens {
        for model in MODELS {
            upstream.forget();
            let escaped = model.replace('/', "%2F");
            let answer = world.caller().ask(&format!("/model/{id}%2F{escaped}/converse"), &[], &body).await?;
            assert_eq!(answer.status, 200, "{model}: {} {:?}", answer.text(), upstream.faults());
            let seen = upstream.seen_of(Topic::Chat, &access_key_id(id));
            assert_eq!(seen.len(), 1, "{seen:?}");
            requests.push(described(&seen[0], model, token));
        }
    }
    let file = world.dir().join("signed.json");
    std::fs::write(&file, Value::from(requests).to_string())?;
    clients::run("botocore_verify.py", vec![file.display().to_string()]).await
}
