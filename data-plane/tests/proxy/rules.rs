//! What is peculiar to a target's model changes the bodies that go there, and no others.

use std::time::Duration;

use bytes::Bytes;
use data_plane::snapshot::resource::{Change, Model, Target};
use prost::Message as _;
use proto::sync::v1::{
    ChatTools, DroppedFields, Kind, ModelRule, Pair, ProviderConfig, RenamedFields, UpstreamAdapter, UpstreamAuth,
};
use shared::address::AddressPolicy;

use super::harness::{Answered, KEY, Proxy, credential, environment};
use super::upstream::{Reply, Upstream};

/// A provider as the sync stream brings it, with these rules.
fn with_rules(id: &str, base_url: String, rules: Vec<ModelRule>) -> Change {
    with_rules_and_defaults(id, base_url, rules, r#"{"max_tokens":9,"temperature":0.5}"#)
}

fn with_rules_and_defaults(id: &str, base_url: String, rules: Vec<ModelRule>, defaults: &str) -> Change {
    let config = ProviderConfig {
        adapter: UpstreamAdapter::Openai.into(),
        auth: UpstreamAuth::Managed.into(),
        base_url,
        exposed_models: vec!["*".into()],
        request_defaults_json: defaults.into(),
        model_rules: rules,
        ..Default::default()
    };
    let put = Bytes::from(config.encode_to_vec());
    let name = format!("projects/p/providers/{id}");
    Change::put(AddressPolicy::AllowPrivate, &environment(), Kind::Provider.into(), &name, &put).unwrap()
}

fn reasoning_models() -> Vec<ModelRule> {
    let max_tokens = Pair { key: "max_tokens".into(), value: "max_completion_tokens".into() };
    vec![ModelRule {
        models: vec!["gpt-5*".into()],
        dropped: Some(DroppedFields { paths: vec!["temperature".into(), "top_p".into()] }),
        renamed: Some(RenamedFields { names: vec![max_tokens] }),
        ..Default::default()
    }]
}

/// A model of that name whose one target is the provider's model of the same name.
fn model_at(provider: &str, upstream_model: &str) -> Change {
    let target = Target { provider: provider.into(), upstream_model: upstream_model.into(), weight: 1, priority: 0 };
    let model = Model { targets: vec![target], timeout: Duration::from_secs(60), max_attempts: 1 };
    Change::PutModel(format!("projects/p/models/{upstream_model}").parse().unwrap(), model)
}

async fn start(rules: Vec<ModelRule>) -> (Proxy, Upstream) {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let url = format!("http://{}/v1", upstream.address);
    let proxy = Proxy::start([
        with_rules("a", url, rules),
        credential("a", "k", 1),
        model_at("a", "gpt-5-mini"),
        model_at("a", "gpt-4o"),
    ])
    .await;
    (proxy, upstream)
}

async fn sent(proxy: &Proxy, upstream: &Upstream, path: &str, body: &str) -> String {
    let answered: Answered = proxy.post_to(path, &[("authorization", &format!("Bearer {KEY}"))], body.to_owned()).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    String::from_utf8(upstream.asked().pop().unwrap().body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_model_that_refuses_fields_does_not_get_them_and_another_gets_every_byte() {
    let (proxy, upstream) = start(reasoning_models()).await;
    let rest = r#""temperature" : 0.20, "max_tokens":5 ,"messages":[{"temperature":1}],"top_p":1} "#;
    for _ in 0..2 {
        let special =
            sent(&proxy, &upstream, "/v1/chat/completions", &format!(r#"{{"model":"gpt-5-mini",{rest}"#)).await;
        let expected = r#"{"model":"gpt-5-mini", "max_completion_tokens":5 ,"messages":[{"temperature":1}]} "#;
        assert_eq!(special, expected);
        let usual = format!(r#"{{"model":"gpt-4o",{rest}"#);
        assert_eq!(sent(&proxy, &upstream, "/v1/chat/completions", &usual).await, usual);
    }
}

#[tokio::test]
async fn a_callers_own_name_is_known_too_and_the_providers_fields_are_set_as_the_model_takes_them() {
    let (proxy, upstream) = start(reasoning_models()).await;
    let special = sent(&proxy, &upstream, "/v1/chat/completions", r#"{"model":"a/gpt-5.2","messages":[]}"#).await;
    assert_eq!(special, r#"{"model":"gpt-5.2","messages":[],"max_completion_tokens":9}"#);
    let usual = sent(&proxy, &upstream, "/v1/chat/completions", r#"{"model":"a/gpt-4o","messages":[]}"#).await;
    assert_eq!(usual, r#"{"model":"gpt-4o","messages":[],"max_tokens":9,"temperature":0.5}"#);
}

#[tokio::test]
async fn only_conversations_have_rules() {
    let (proxy, upstream) = start(reasoning_models()).await;
    let body = r#"{"model":"gpt-5-mini","max_tokens":1,"temperature":0}"#;
    assert_eq!(sent(&proxy, &upstream, "/v1/embeddings", body).await, body);
    let responses = sent(&proxy, &upstream, "/v1/responses", body).await;
    assert_eq!(responses, r#"{"model":"gpt-5-mini","max_tokens":1}"#, "its limit has another name");
}

#[tokio::test]
async fn a_target_follows_its_providers_rules_as_they_change() {
    let (proxy, upstream) = start(Vec::new()).await;
    let body = r#"{"model":"gpt-5-mini","temperature":0,"max_tokens":1}"#;
    assert_eq!(sent(&proxy, &upstream, "/v1/chat/completions", body).await, body);
    proxy.change([with_rules("a", format!("http://{}/v1", upstream.address), reasoning_models())]);
    let special = sent(&proxy, &upstream, "/v1/chat/completions", body).await;
    assert_eq!(special, r#"{"model":"gpt-5-mini","max_completion_tokens":1}"#);
}

const RESPONSE: &str = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt","error":null,"incomplete_details":null,"output":[
    {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}]}"#;
const CHAT: &str = r#"{"id":"x","model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;

/// The path and the body of what the upstream is asked, where it has both of OpenAI's ways.
async fn asked_for(defaults: &str, more: &str) -> (String, serde_json::Value) {
    let upstream = Upstream::start(|asked| {
        let answer = if asked.path.ends_with("/responses") { RESPONSE } else { CHAT };
        Reply::Json(200, &[], answer.into())
    })
    .await;
    let rule =
        ModelRule { models: vec!["gpt-5*".into()], chat_tools: ChatTools::Unthinking.into(), ..Default::default() };
    let url = format!("http://{}/v1", upstream.address);
    let provider = with_rules_and_defaults("a", url, vec![rule], defaults);
    let proxy = Proxy::start([provider, credential("a", "k", 1), model_at("a", "gpt-5.6")]).await;
    let body =
        format!(r#"{{"model":"gpt-5.6","max_tokens":64,"messages":[{{"role":"user","content":"Hello"}}]{more}}}"#);
    let answered = proxy.post_to("/v1/messages", &[("x-api-key", KEY)], body).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert!(answered.body.contains(r#""text":"Hi""#), "{}", answered.body);
    let asked = upstream.asked().pop().unwrap();
    (asked.path.clone(), serde_json::from_slice(&asked.body).unwrap())
}

#[tokio::test]
async fn tools_and_thought_are_asked_for_as_responses_where_chat_refuses_both() {
    const TOOLS: &str = r#","tools":[{"name":"f","input_schema":{"type":"object"}}]"#;
    assert_eq!(asked_for("", TOOLS).await.0, "/v1/responses");
    assert_eq!(asked_for("", "").await.0, "/v1/chat/completions");
    for (defaults, more) in [("", r#","stop_sequences":["x"]"#), (r#"{"max_tokens":9}"#, "")] {
        let (path, body) = asked_for(defaults, &format!("{TOOLS}{more}")).await;
        assert_eq!((&*path, &body["reasoning_effort"]), ("/v1/chat/completions", &"none".into()), "{defaults}{more}");
    }
}

#[tokio::test]
async fn a_field_that_only_the_writer_set_is_left_out_without_a_word() {
    let stream = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::start(move |_| Reply::Stream(vec![stream])).await;
    let dropped = DroppedFields { paths: vec!["stream_options".into(), "user".into()] };
    let rules = vec![ModelRule { models: vec!["*".into()], dropped: Some(dropped), ..Default::default() }];
    let url = format!("http://{}/v1", upstream.address);
    let proxy =
        Proxy::start([with_rules_and_defaults("a", url, rules, ""), credential("a", "k", 1), model_at("a", "m")]).await;
    let message = r#"{"model":"m","max_tokens":9,"stream":true,"metadata":{"user_id":"u"},"messages":[{"role":"user","content":"Hi"}]}"#;
    let answered = proxy.messages(message).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    let asked = String::from_utf8(upstream.asked().pop().unwrap().body.to_vec()).unwrap();
    assert!(
        !asked.contains("stream_options") && !asked.contains("user_id") && asked.contains("\"stream\":true"),
        "{asked}"
    );
    let warnings: Vec<_> = answered.headers.get_all("warning").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("user"), "{warnings:?}");
}
