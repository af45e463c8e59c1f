//! Whatever stands in a caller's body, what is changed in it for several reasons at once leaves JSON.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;
use proto::sync::v1;
use serde_json::Value;
use shared::address::AddressPolicy;

use super::*;
use crate::snapshot::Snapshot;
use crate::snapshot::resource::{CallerKey, Change, ModelPattern};
use crate::snapshot::route::plan;

const DROPPED: [&str; 5] = ["temperature", "thinking", "top_p", "a.b", "thoughtSignature"];

/// A target whose model refuses the first so many fields, calls one otherwise, and gets some that are absent.
fn stop(adapter: v1::UpstreamAdapter, dropped: usize) -> Stop {
    let paths = DROPPED.iter().take(dropped).map(|path| (*path).to_owned()).collect();
    let renamed = v1::Pair { key: "max_tokens".into(), value: "max_completion_tokens".into() };
    let rule = v1::ModelRule {
        models: vec!["*".into()],
        dropped: Some(v1::DroppedFields { paths }),
        renamed: Some(v1::RenamedFields { names: vec![renamed] }),
        ..Default::default()
    };
    let config = v1::ProviderConfig {
        adapter: adapter.into(),
        auth: v1::UpstreamAuth::Managed.into(),
        base_url: "http://127.0.0.1:1/v1".into(),
        exposed_models: vec!["*".into()],
        request_defaults_json: r#"{"user":"u","x":{}}"#.into(),
        model_rules: vec![rule],
        ..Default::default()
    };
    let name = "projects/p/environments/e".parse().unwrap();
    let put = Bytes::from(config.encode_to_vec());
    let kind = v1::Kind::Provider.into();
    let change = Change::put(AddressPolicy::AllowPrivate, &name, kind, "projects/p/providers/a", &put).unwrap();
    let snapshot = Snapshot::new().with(&name, [change]);
    let allowed_models = vec![ModelPattern::Prefix("".into())];
    let key = CallerKey { sha256: [0; 32], allowed_models, expire_time: None, disabled: false };
    plan(snapshot.environment(&name).unwrap(), &key, "a/upstream").unwrap().stops.remove(0)
}

/// Of both formats that name the model in the body, with more and more fields that are refused.
static STOPS: LazyLock<Vec<Stop>> = LazyLock::new(|| {
    let adapters = [v1::UpstreamAdapter::Openai, v1::UpstreamAdapter::Anthropic];
    adapters.into_iter().flat_map(|adapter| (0..=DROPPED.len()).map(move |dropped| stop(adapter, dropped))).collect()
});

fn sent(body: &str, stop: &Stop) -> (String, Vec<String>) {
    let body = Bytes::from(body.to_owned());
    let asked = route::read(&body, None).unwrap();
    let Shaped { payload, refused, changed } = payload(&body, &asked, Operation::Chat, stop);
    (String::from_utf8(payload.parts().concat()).unwrap(), [refused, changed].concat())
}

#[test]
fn a_mark_on_top_of_a_body_is_the_callers() {
    let body = r#"{"temperature":1,"thoughtSignature":"a2V5cGxhbmUtYXM6cw==","model":"m","messages":[]}"#;
    let expected = r#"{"thoughtSignature":"a2V5cGxhbmUtYXM6cw==","model":"upstream","messages":[],"user":"u","x":{}}"#;
    assert_eq!(sent(body, &STOPS[1]), (expected.to_owned(), vec!["temperature".to_owned()]));
}

#[test]
fn thinking_that_is_refused_is_named_once() {
    let messages = r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"a2V5cGxhbmUtY3U6"},{"type":"tool_use","id":"c"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]}]"#;
    let body = format!(r#"{{"model":"m","thinking":{{"type":"enabled","budget_tokens":1024}},"messages":{messages}}}"#);
    let anthropics = &STOPS[DROPPED.len() + 1..];
    let (stays, goes) = (sent(&body, &anthropics[1]), sent(&body, &anthropics[2]));
    assert!(
        stays.0.contains(r#""thinking":{"type":"disabled"}"#) && !goes.0.contains("thinking"),
        "{stays:?} {goes:?}"
    );
    assert_eq!((stays.1, goes.1), (vec![notes::turned_off("thinking")], vec!["thinking".to_owned()]));
}

const NAMES: &[&str] = &[
    "temperature",
    "thinking",
    "top_p",
    "a",
    "b",
    "max_tokens",
    "max_completion_tokens",
    "x",
    "thoughtSignature",
    "thought",
    "signature",
    "extra_content",
    "reasoning_details",
    "reasoning_content",
    "messages",
    "content",
    "tool_calls",
    "id",
    "role",
    "type",
];

const LEAVES: &[&str] = &[
    "1",
    "null",
    "true",
    r#""a2V5cGxhbmUtYXM6cw==""#,
    r#""c--ts--AA""#,
    r#""assistant""#,
    r#""tool_use""#,
    r#"{"type":"enabled","budget_tokens":9}"#,
];

/// Members that mean something anywhere, with marks in them.
fn member() -> impl Strategy<Value = String> {
    let value = select(LEAVES).prop_map(str::to_owned).prop_recursive(5, 24, 4, |inner| {
        let member = (select(NAMES), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(" ,"))),
        ]
    });
    (select(NAMES), value).prop_map(|(name, value)| format!("\"{name}\" : {value}"))
}

/// What is left out beside what would go further down.
fn near() -> impl Strategy<Value = String> {
    let names = vec!["temperature", "thinking", "thoughtSignature", "top_p", "max_tokens"];
    (select(names), select(&LEAVES[2..5])).prop_map(|(name, leaf)| format!("\"{name}\":{leaf}"))
}

proptest! {
    #[test]
    fn changes_of_every_kind_leave_json_and_each_is_made(
        first in vec(near(), 0..4),
        before in vec(member(), 0..6),
        after in vec(member(), 0..6),
        which in 0..STOPS.len(),
    ) {
        let members: Vec<_> = first.into_iter().chain(before).chain(["\"model\":\"m\"".to_owned()]).chain(after).collect();
        let stop = &STOPS[which];
        let (sent, _) = sent(&format!("{{{}}}", members.join(", ")), stop);
        let value: Value = serde_json::from_str(&sent).map_err(|why| TestCaseError::fail(format!("{why}: {sent}")))?;
        prop_assert_eq!(&value["model"], "upstream");
        prop_assert!(value.get("user").is_some() && value.get("x").is_some() && value.get("max_tokens").is_none_or(Value::is_null), "{}", sent);
        for name in DROPPED.iter().take(which % (DROPPED.len() + 1)).filter(|name| !name.contains('.')) {
            prop_assert!(value.get(name).is_none(), "{name} in {sent}");
        }
        let dialect = conversation(stop.upstream.format, Operation::Chat).unwrap();
        prop_assert!(passing::edits(sent.as_bytes(), dialect, stop.manner()).is_empty(), "{}", sent);
    }
}
