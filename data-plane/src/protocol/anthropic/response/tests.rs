use proptest::prelude::*;

use super::{read, write};
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Content, Image, Part, Source};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;
use crate::protocol::{NotAnAnswer, Reply, Seed};

const SEED: Seed<'static> = Seed { id: "0" };
const REPLY: Reply<'static> = Reply { id: "00ff", created: 1, model: "m", wants_usage: false, knows_one_call: false };

fn answer<'a>(parts: Vec<Part<'a>>, finish: Finish<'static>) -> Response<'a> {
    Response { choices: vec![Choice { parts, finish, logprobs: None }], ..Response::default() }
}

fn written(response: &Response<'_>) -> serde_json::Value {
    serde_json::from_slice(&write(response, &REPLY).unwrap()).unwrap()
}

fn call(signature: Option<&'static str>) -> Part<'static> {
    Part::of(Content::ToolCall(ToolCall {
        id: "t".into(),
        name: "f".into(),
        arguments: Json::parse(r#"{"b": 1.0, "a": 2}"#).unwrap(),
        signature: signature.map(Into::into),
    }))
}

#[test]
fn an_answer_is_read_with_all_that_it_holds() {
    let body = br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
        {"type":"thinking","thinking":"","signature":"c2ln"},{"type":"redacted_thinking","data":"eA=="},
        {"type":"text","text":"Hi","citations":[{"type":"char_location","cited_text":"so","document_title":"T"}]},
        {"type":"server_tool_use","id":"s","name":"web_search","input":{}},
        {"type":"tool_use","id":"t","name":"f","input":{"b": 1.0, "a": 2}}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":4}}"#;
    let response = read(body, &SEED).unwrap();
    assert_eq!((response.id.as_deref(), response.model.as_deref()), (Some("msg_1"), Some("claude")));
    assert_eq!(response.usage, Usage { input: Some(3), output: Some(4), ..Usage::default() });
    let raw = r#"{"type":"char_location","cited_text":"so","document_title":"T"}"#;
    let citation =
        Citation { title: Some("T".into()), quoted: Some("so".into()), raw: Json::parse(raw), ..Citation::default() };
    let expected = [
        Part::of(Content::Reasoning { text: "".into(), signature: Some("c2ln".into()) }),
        Part::of(Content::SealedReasoning("eA==".into())),
        Part::of(Content::Text { text: "Hi".into(), citations: vec![citation] }),
        call(None),
    ];
    assert_eq!(response.choices[0].parts, expected);
    assert_eq!(response.choices[0].finish, Finish::ToolCalls);
}

#[test]
fn what_is_no_answer_is_none() {
    for body in [
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        r#"{"content":[],"stop_reason":null}"#,
        r#"{"content":[{"type":"text"}],"stop_reason":"end_turn"}"#,
        "<html>",
        "",
    ] {
        assert_eq!(read(body.as_bytes(), &SEED), Err(NotAnAnswer), "{body}");
    }
}

#[test]
fn a_stop_reason_that_is_newer_goes_by_what_was_said() {
    let body = |content: &str| format!(r#"{{"content":[{content}],"stop_reason":"something_new"}}"#);
    let is = |body: &str, finish: Finish<'_>| read(body.as_bytes(), &SEED).unwrap().choices[0].finish == finish;
    assert!(is(&body(""), Finish::Stop));
    assert!(is(&body(r#"{"type":"tool_use","id":"t","name":"f"}"#), Finish::ToolCalls));
}

#[test]
fn an_answer_has_what_clients_need() {
    let parts =
        vec![Part::of(Content::Reasoning { text: "Hm".into(), signature: None }), Part::text("Hi"), call(Some("a+/="))];
    let response = Response {
        usage: Usage { input: Some(9), cache_read: Some(4), output: Some(2), ..Usage::default() },
        ..answer(parts, Finish::ToolCalls)
    };
    let expected = serde_json::json!({
        "id": "msg_00ff", "type": "message", "role": "assistant", "model": "m",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": ""},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t--ts--a-_.", "name": "f", "input": {"b": 1.0, "a": 2}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 2},
    });
    assert_eq!(written(&response), expected);
}

#[test]
fn arguments_are_written_as_they_came() {
    let body = write(&answer(vec![call(None)], Finish::ToolCalls), &REPLY).unwrap();
    assert!(String::from_utf8(body).unwrap().contains(r#""input":{"b": 1.0, "a": 2}"#));
}

#[test]
fn words_of_refusal_are_text_and_the_reason() {
    let refusal = answer(vec![Part::of(Content::Refusal("No.".into()))], Finish::Stop);
    let written = written(&refusal);
    assert_eq!(written["content"], serde_json::json!([{"type": "text", "text": "No."}]));
    assert_eq!(written["stop_reason"], "refusal");
}

#[test]
fn what_cannot_be_written_is_said() {
    let image = Part::of(Content::Image(Image { source: Source::File("f".into()), detail: None }));
    let error = write(&answer(vec![image], Finish::Stop), &REPLY).unwrap_err();
    let expected = "an image in an answer can't be written as an Anthropic message: ask in another format";
    assert_eq!(error.to_string(), expected);
    assert!(write(&Response::default(), &REPLY).is_err());
}

fn part() -> impl Strategy<Value = Part<'static>> {
    let text = || "[a-zé\"\\\\\n😀]{1,12}";
    prop_oneof![
        text().prop_map(Part::text),
        ("[a-z0-9_]{1,8}", "[a-z]{1,8}", "[a-z0-9]{0,9}").prop_map(|(id, name, value)| {
            let arguments = Json::of(&serde_json::json!({"value": value}));
            Part::of(Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: None }))
        }),
    ]
}

fn thought() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        ("[a-z\n]{0,12}", prop::option::of("[A-Za-z]{1,9}")).prop_map(|(text, signature)| {
            Part::of(Content::Reasoning { text: text.into(), signature: signature.map(Into::into) })
        }),
        "[A-Za-z]{1,9}".prop_map(|data| Part::of(Content::SealedReasoning(data.into()))),
    ]
}

fn finish() -> impl Strategy<Value = Finish<'static>> {
    prop_oneof![
        Just(Finish::Stop),
        prop::option::of("[a-z]{1,4}").prop_map(|text| Finish::StopText(text.map(Into::into))),
        Just(Finish::Length),
        Just(Finish::ToolCalls),
        Just(Finish::Refused),
        Just(Finish::Paused),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        parts in prop::collection::vec(prop_oneof![2 => part(), 1 => thought()], 0..8),
        finish in finish(),
        (uncached, cache_read, cache_write) in (0u64..99, prop::option::of(0u64..99), prop::option::of(0u64..99)),
        (output, reasoning) in (0u64..99, prop::option::of(0u64..99)),
    ) {
        let input = uncached + cache_read.unwrap_or(0) + cache_write.unwrap_or(0);
        let response = Response {
            id: Some("msg_1".into()),
            model: Some("claude".into()),
            usage: Usage { input: Some(input), cache_read, cache_write, output: Some(output), reasoning },
            ..answer(parts, finish)
        };
        let body = write(&response, &REPLY).unwrap();
        prop_assert_eq!(read(&body, &SEED), Ok(response));
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = read(&body, &SEED);
    }
}
