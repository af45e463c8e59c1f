//! Bodies of every format reach their upstreams as they were written, but for the model's name.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::formats::case::cases;
use super::harness::{KEY, Proxy, credential, model, provider_of, put_provider};
use super::upstream::{Reply, Upstream};

const BODIES: usize = 1000;

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t ")]
}

/// JSON with odd numbers, escapes and spaces.
fn value() -> impl Strategy<Value = String> {
    let string = r#"([a-z é🦀]|\\u00e9|\\n|\\"|\\/|\\\\){0,6}"#.prop_map(|text| format!("\"{text}\""));
    let number = "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let literal = prop_oneof![Just("true"), Just("null"), Just("{\"model\":\"m\"}")].prop_map(str::to_owned);
    let leaf = prop_oneof![string, number, literal];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec((space(), inner.clone()), 0..4).prop_map(|items| {
                let items: Vec<_> = items.into_iter().map(|(space, item)| format!("{space}{item}{space}")).collect();
                format!("[{}]", items.join(","))
            }),
            prop::collection::vec((space(), "[a-c]{0,2}", inner), 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(space, key, value)| format!("{space}\"{key}\"{space}:{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Members of a body that nobody knows, and of those that its format knows; a key may be there twice.
fn members(own: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let unknown = ("[a-c]{1,2}", space(), value());
    let unknown = unknown.prop_map(|(key, between, value)| format!("\"{key}\"{between}:{between}{value}"));
    let own = (prop::sample::select(own), value()).prop_map(|(member, value)| member.replace('$', &value));
    let member = (space(), prop_oneof![unknown, own], space());
    let member = member.prop_map(|(before, member, after)| format!("{before}{member}{after}"));
    prop::collection::vec(member, 0..5)
}

/// Tools may name models, so that they are refused where they are there twice.
fn with_tools_once(mut members: Vec<String>) -> Vec<String> {
    let mut has_tools = false;
    members.retain(|member| !member.contains("\"tools\"") || !std::mem::replace(&mut has_tools, true));
    members
}

#[tokio::test]
async fn a_thousand_bodies_of_each_format_pass_but_for_the_models_name() {
    let mut runner = TestRunner::deterministic();
    for case in cases() {
        let answer = case.answer;
        let upstream = Upstream::start(move |_| Reply::Json(200, &[], answer.into())).await;
        let provider = put_provider("a", provider_of(case.adapter, upstream.address));
        let proxy = Proxy::start([provider, credential("a", "k", 1), model("m", &["a"])]).await;
        let (name, key) = case.key(KEY);
        let names_model = case.body.contains("\"m\"");
        let mut expected = Vec::new();
        for _ in 0..BODIES {
            let strategy = (
                members(case.own),
                members(case.own),
                space(),
                prop_oneof![Just("\"model\""), Just("\"mod\\u0065l\"")],
            );
            let (before, after, space, model_key) = strategy.new_tree(&mut runner).unwrap().current();
            let members = with_tools_once([before, after].concat());
            let at = members.len() / 2;
            let body = |model: &str| {
                let named = names_model.then(|| format!("{space}{model_key}{space}:{space}\"{model}\"{space}"));
                let all: Vec<_> =
                    members[..at].iter().cloned().chain(named).chain(members[at..].iter().cloned()).collect();
                format!("{space}{{{}}}{space}", all.join(","))
            };
            let answered = proxy.post_to(case.path, &[(name, &key)], body("m")).await;
            assert_eq!(answered.status, 200, "{} to {}", answered.body, body("m"));
            expected.push(body("upstream-model"));
        }
        let asked = upstream.asked();
        assert_eq!(asked.len(), BODIES);
        for (asked, expected) in asked.iter().zip(&expected) {
            assert_eq!(asked.path, case.upstream_path);
            let passed = String::from_utf8_lossy(&asked.body);
            assert!(asked.body == expected.as_bytes(), "{}: {passed} is not {expected}", case.path);
        }
    }
}

#[tokio::test]
async fn what_decides_about_a_request_is_there_once() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    for case in cases() {
        let provider = put_provider("a", provider_of(case.adapter, upstream.address));
        let proxy = Proxy::start([provider, credential("a", "k", 1), model("m", &["a"])]).await;
        let (name, key) = case.key(KEY);
        let tools = r#""tools":[],"t\u006fols":[]"#;
        for member in [r#""mod\u0065l":"m""#, r#""model":"x""#, r#""stream":true,"stream":false"#, tools] {
            let body = case.body.replacen('{', &format!("{{{member},"), 1);
            let answered = proxy.post_to(case.path, &[(name, &key)], body.clone()).await;
            assert_eq!(answered.status, 400, "{} {body}", case.path);
        }
    }
    assert!(upstream.asked().is_empty());
}
