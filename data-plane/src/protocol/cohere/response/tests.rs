use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;

const SEED: Seed<'static> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'static> = Reply { id: SEED.id, created: 0, model: "m", wants_usage: true, knows_one_call: false };

fn called(id: &'static str, arguments: &'static str) -> Part<'static> {
    let arguments = Json::parse(arguments).unwrap();
    Part::of(Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature: None }))
}

fn of(parts: Vec<Part<'static>>, finish: Finish<'static>) -> Response<'static> {
    Response { choices: vec![Choice { parts, finish, logprobs: None }], ..Response::default() }
}

#[test]
fn an_answer_is_read_with_all_that_it_holds() {
    let body = json!({
        "id": "c1", "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant", "tool_plan": "I will look.",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "of_tomorrow", "x": 1}, {"type": "text", "text": "It is so."}],
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": " "}}],
            "citations": [
                {"start": 0, "end": 2, "text": "It", "content_index": 2, "type": "TEXT_CONTENT", "sources": [
                    {"type": "document", "id": "d", "document": {"id": "d", "title": "t", "url": "u", "snippet": "s", "x": "y"}},
                    {"type": "tool", "id": "c:0", "tool_output": {"a": 1}}]},
                {"start": 0, "end": 1, "text": "I", "content_index": 0, "type": "THINKING_CONTENT", "sources": []},
            ],
        },
        "usage": {"billed_units": {"input_tokens": 1.0, "output_tokens": 2.0}, "tokens": {"input_tokens": 10.0, "output_tokens": 3.0}},
    });
    let body = body.to_string();
    let response = read(body.as_bytes(), &SEED).unwrap();
    assert_eq!(response.id.as_deref(), Some("c1"));
    assert_eq!(response.usage, Usage { input: Some(10), output: Some(3), ..Usage::default() });
    let cited = Citation { answer_span: Some((0, 2)), ..Citation::default() };
    let citations = vec![
        Citation { title: Some("t".into()), url: Some("u".into()), quoted: Some("s".into()), ..cited.clone() },
        Citation { title: Some("c:0".into()), ..cited },
    ];
    let expected = [
        Part::of(Content::Reasoning { text: "hm".into(), signature: None }),
        Part::of(Content::Text { text: "It is so.".into(), citations }),
        Part::text("I will look."),
        called("t", "{}"),
    ];
    assert_eq!(response.choices[0].parts, expected);
    assert_eq!(response.choices[0].finish, Finish::ToolCalls);
}

#[test]
fn what_is_no_answer_is_none() {
    let with = |reason: &str, call: &str| {
        let call = json!({"id": "t", "function": {"name": "f", "arguments": call}});
        json!({"id": "c", "finish_reason": reason, "message": {"tool_calls": [call]}}).to_string()
    };
    assert!(read(with("COMPLETE", "{}").as_bytes(), &SEED).is_ok());
    for body in [
        String::new(),
        "{}".to_owned(),
        r#"{"message": "invalid api token"}"#.to_owned(),
        with("ERROR", "{}"),
        with("TIMEOUT", "{}"),
        with("TOOL_CALL", "{\"a\""),
    ] {
        assert_eq!(read(body.as_bytes(), &SEED), Err(NotAnAnswer), "{body}");
    }
}

#[test]
fn an_answer_has_every_field_that_clients_parse() {
    let usage = Usage { input: Some(5), output: Some(2), cache_read: Some(1), ..Usage::default() };
    let signed =
        ToolCall { id: "t".into(), name: "f".into(), arguments: Json::empty_object(), signature: Some("a=".into()) };
    let parts = vec![Part::text("I will look."), Part::of(Content::ToolCall(signed))];
    let response = Response { usage, ..of(parts, Finish::ToolCalls) };
    let body: Value = serde_json::from_slice(&write(&response, &REPLY).unwrap()).unwrap();
    let tokens = json!({"input_tokens": 5, "output_tokens": 2});
    let expected = json!({
        "id": REPLY.id, "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant", "tool_plan": "I will look.", "content": [],
            "tool_calls": [{"id": "t--ts--a.", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        "usage": {"billed_units": tokens, "tokens": tokens, "cached_tokens": 1},
    });
    assert_eq!(body, expected);

    let citation = Citation { url: Some("u".into()), answer_span: Some((1, 3)), ..Citation::default() };
    let text = Part::of(Content::Text { text: "éàüx".into(), citations: vec![citation] });
    let body: Value = serde_json::from_slice(&write(&of(vec![text], Finish::Stop), &REPLY).unwrap()).unwrap();
    let expected = json!([{
        "start": 1, "end": 3, "text": "àü", "content_index": 0, "type": "TEXT_CONTENT",
        "sources": [{"type": "document", "id": "u", "document": {"url": "u"}}],
    }]);
    assert_eq!(body["message"]["citations"], expected);
}

#[test]
fn what_can_not_be_said_is_not_hidden() {
    let source = Source::Url { url: "https://h/x.png".into(), media_type: None };
    let image = Part::of(Content::Image(Image { source, detail: None }));
    assert!(write(&of(vec![image], Finish::Stop), &REPLY).is_err());
    let filtered = of(vec![Part::text("half")], Finish::Filtered);
    let body: Value = serde_json::from_slice(&write(&filtered, &REPLY).unwrap()).unwrap();
    assert_eq!(body["finish_reason"], "ERROR", "a half is not complete");
}

#[test]
fn an_answer_that_a_filter_took_says_so() {
    let written =
        |parts, finish| -> Value { serde_json::from_slice(&write(&of(parts, finish), &REPLY).unwrap()).unwrap() };
    let filtered = "the provider's content filter stopped the answer";
    let half = written(vec![Part::text("half")], Finish::Filtered);
    assert_eq!(
        (&half["error"], &half["message"]["content"]),
        (&json!(filtered), &json!([{"type": "text", "text": "half"}]))
    );
    let nothing = written(vec![], Finish::Filtered);
    assert_eq!(nothing["message"]["content"], json!([{"type": "text", "text": filtered}]));
    let refused = written(vec![], Finish::Refused);
    let content = json!([{"type": "text", "text": "the model refused to answer"}]);
    assert_eq!((&refused["error"], &refused["message"]["content"]), (&json!("the model refused to answer"), &content));
    let whole = written(vec![], Finish::Stop);
    assert_eq!((whole.get("error"), &whole["message"]["content"]), (None, &json!([])));
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n ]{1,8}"
}

fn citation() -> impl Strategy<Value = Citation<'static>> {
    (
        prop::option::of("[a-z]{3}"),
        prop::option::of("https://[a-z]{3}"),
        prop::option::of("[a-z]{3}"),
        prop::option::of((0u64..4, 4u64..9)),
    )
        .prop_map(|(title, url, quoted, answer_span)| Citation {
            title: title.map(Into::into),
            url: url.map(Into::into),
            quoted: quoted.map(Into::into),
            answer_span,
            raw: None,
        })
}

/// Thoughts and texts, or thoughts and a plan and calls.
fn parts() -> impl Strategy<Value = Vec<Part<'static>>> {
    let thought = || text().prop_map(|text| Part::of(Content::Reasoning { text: text.into(), signature: None }));
    let cited = (text(), prop::collection::vec(citation(), 0..3))
        .prop_map(|(text, citations)| Part::of(Content::Text { text: text.into(), citations }));
    let calls =
        prop::collection::vec(prop::sample::select(vec![called("a", "{}"), called("b", "{\"a\" : \"\\n\"}")]), 1..3);
    prop_oneof![
        prop::collection::vec(prop_oneof![thought(), cited], 0..4),
        (prop::collection::vec(thought(), 0..2), text(), calls).prop_map(|(thoughts, plan, calls)| thoughts
            .into_iter()
            .chain([Part::text(plan)])
            .chain(calls)
            .collect()),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        parts in parts(),
        id in prop::option::of("[a-z]{4}"),
        finish in prop::sample::select(vec![Finish::Stop, Finish::StopText(None), Finish::Length, Finish::ToolCalls]),
        input in prop::option::of(0u64..100),
        output in prop::option::of(0u64..100),
        cache_read in prop::option::of(0u64..100),
    ) {
        let id = Some(id.unwrap_or(REPLY.id.to_owned()).into());
        let usage = Usage { input, output, cache_read, ..Usage::default() };
        let response = Response { id, usage, ..of(parts, finish) };
        let body = write(&response, &REPLY).unwrap();
        prop_assert_eq!(read(&body, &SEED).unwrap(), response);
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        let _ = read(&body, &SEED);
    }
}
