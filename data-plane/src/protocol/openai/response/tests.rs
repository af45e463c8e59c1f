//! Answers, read and written.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{read, write};
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Content, Image, Part, Source};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::text::Text;
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;
use crate::protocol::{NotAnAnswer, Reply, Seed};

const SEED: Seed<'static> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'static> =
    Reply { id: "0123456789abcdef0123456789abcdef", created: 7, model: "m", wants_usage: false, knows_one_call: false };

fn answer(message: &str, reason: &str) -> String {
    format!(r#"{{"id":"x","model":"m","choices":[{{"index":0,"message":{message},"finish_reason":{reason}}}]}}"#)
}

fn choice_of(body: &str) -> Choice<'_> {
    let mut response = read(body.as_bytes(), &SEED).unwrap();
    assert_eq!(response.choices.len(), 1);
    response.choices.remove(0)
}

fn call(id: &'static str, arguments: &'static str, signature: Option<&'static str>) -> Part<'static> {
    let arguments = Json::parse(arguments).unwrap();
    let signature = signature.map(Text::from);
    Part::of(Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature }))
}

#[test]
fn who_knows_one_call_gets_one_in_the_form_that_they_know() {
    let parts = vec![call("a", "{}", None), call("b", r#"{"x":1}"#, None)];
    let choices = vec![Choice { parts, finish: Finish::ToolCalls, logprobs: None }];
    let response = Response { id: None, model: None, choices, usage: Usage::default() };
    let choice = |reply: &Reply<'_>| {
        let written: serde_json::Value = serde_json::from_slice(&write(&response, reply).unwrap()).unwrap();
        written["choices"][0].clone()
    };
    let old = choice(&Reply { knows_one_call: true, ..REPLY });
    assert_eq!(old["message"]["function_call"], serde_json::json!({"name": "f", "arguments": "{}"}));
    assert_eq!((old["message"].get("tool_calls"), &old["finish_reason"]), (None, &"function_call".into()));
    let new = choice(&REPLY);
    assert_eq!((new["message"].get("function_call"), &new["finish_reason"]), (None, &"tool_calls".into()));
}

#[test]
fn a_whole_answer_is_read() {
    let body = br#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt","service_tier":"default","choices":[
        {"index":1,"message":{"role":"assistant","content":"b"},"logprobs":null,"finish_reason":"length"},
        {"index":0,"message":{"role":"assistant","content":"a","refusal":null,"annotations":[
            {"type":"url_citation","url_citation":{"url":"https://h","title":"t","start_index":0,"end_index":1}},{"type":"other"}],
            "images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]},
            "logprobs":{"content":[]},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
    let response = read(body, &SEED).unwrap();
    assert_eq!((response.id.as_deref(), response.model.as_deref()), (Some("chatcmpl-1"), Some("gpt")));
    assert_eq!(response.usage, Usage { input: Some(3), output: Some(2), ..Usage::default() });
    let citation = Citation {
        url: Some("https://h".into()),
        title: Some("t".into()),
        answer_span: Some((0, 1)),
        ..Citation::default()
    };
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    let first = Choice {
        parts: vec![
            Part::of(Content::Text { text: "a".into(), citations: vec![citation] }),
            Part::of(Content::Image(Image { source, detail: None })),
        ],
        finish: Finish::Stop,
        logprobs: Json::parse(r#"{"content":[]}"#),
    };
    let second = Choice { parts: vec![Part::text("b")], finish: Finish::Length, logprobs: None };
    assert_eq!(response.choices, [first, second]);
}

#[test]
fn what_vendors_do_differently_is_understood() {
    let reasoning = || Part::of(Content::Reasoning { text: "why".into(), signature: None });
    let made = "call_0123456789abcdef01234567_0_0";
    for (message, reason, parts, finish) in [
        (r#"{"content":null,"tool_calls":[]}"#, r#""stop""#, vec![], Finish::Stop),
        (r#"{"reasoning_content":"why","content":"a"}"#, r#""stop""#, vec![reasoning(), Part::text("a")], Finish::Stop),
        (r#"{"reasoning":"why","content":"a"}"#, r#""eos""#, vec![reasoning(), Part::text("a")], Finish::Stop),
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"why"}]},{"type":"text","text":"a"}]}"#,
            "null",
            vec![reasoning(), Part::text("a")],
            Finish::Stop,
        ),
        (
            r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}]}"#,
            r#""stop""#,
            vec![call("c", r#"{"a":1}"#, None)],
            Finish::ToolCalls,
        ),
        (
            r#"{"tool_calls":[{"function":{"name":"f","arguments":""}}]}"#,
            "null",
            vec![call(made, "{}", None)],
            Finish::ToolCalls,
        ),
        (
            r#"{"function_call":{"name":"f","arguments":"{}"}}"#,
            r#""function_call""#,
            vec![call(made, "{}", None)],
            Finish::ToolCalls,
        ),
        (
            r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}"#,
            r#""tool_calls""#,
            vec![call("c", "{}", Some("s"))],
            Finish::ToolCalls,
        ),
        (
            r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a"}}]}"#,
            r#""length""#,
            vec![],
            Finish::Length,
        ),
        (
            r#"{"content":null,"refusal":"no"}"#,
            r#""stop""#,
            vec![Part::of(Content::Refusal("no".into()))],
            Finish::Refused,
        ),
        (r#"{"content":""}"#, r#""content_filter""#, vec![], Finish::Filtered),
    ] {
        let expected = Choice { parts, finish, logprobs: None };
        assert_eq!(choice_of(&answer(message, reason)), expected, "{message}");
    }
}

#[test]
fn what_is_no_answer_is_not_taken_for_one() {
    for body in [
        r#"{"error":{"message":"no"}}"#.to_owned(),
        r#"{"error":{"message":"no"},"choices":[]}"#.to_owned(),
        r#"[{"error":{"message":"no"}}]"#.to_owned(),
        "{}".to_owned(),
        "<html>".to_owned(),
        answer(r#"{"content":"a"}"#, r#""error""#),
        answer(r#"{"content":"a"}"#, r#""abort""#),
        answer(r#"{"content":"a"}"#, r#""stop","error":{"code":503,"message":"m"}"#),
        answer(r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a"}}]}"#, r#""tool_calls""#),
        answer(r#"{"tool_calls":[{"id":"c","function":{"arguments":"{}"}}]}"#, r#""tool_calls""#),
    ] {
        assert_eq!(read(body.as_bytes(), &SEED), Err(NotAnAnswer), "{body}");
    }
}

#[test]
fn an_answer_is_written_as_openai_does() {
    let choice =
        Choice { parts: vec![Part::text("a"), Part::text("b")], finish: Finish::StopText(None), logprobs: None };
    let usage = Usage { input: Some(9), cache_read: Some(4), output: Some(3), reasoning: Some(1), cache_write: None };
    let response = Response { id: None, model: None, choices: vec![choice], usage };
    let expected = r#"{"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ab","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}"#;
    assert_eq!(String::from_utf8(write(&response, &REPLY).unwrap()).unwrap(), expected);
}

#[test]
fn content_is_null_only_beside_something_else() {
    let content_of = |parts| {
        let choices = vec![Choice { parts, finish: Finish::Stop, logprobs: None }];
        let written = write(&Response { choices, ..Response::default() }, &REPLY).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
        written["choices"][0]["message"]["content"].clone()
    };
    assert_eq!(content_of(vec![]), "");
    assert_eq!(content_of(vec![call("c", "{}", None)]), serde_json::Value::Null);
    assert_eq!(content_of(vec![Part::of(Content::Refusal("no".into()))]), serde_json::Value::Null);
}

#[test]
fn an_image_that_can_not_be_shown_is_told() {
    let image = Part::of(Content::Image(Image { source: Source::File("f".into()), detail: None }));
    let choices = vec![Choice { parts: vec![image], finish: Finish::Stop, logprobs: None }];
    assert!(write(&Response { choices, ..Response::default() }, &REPLY).is_err());
}

fn text() -> impl Strategy<Value = Text<'static>> {
    "[a-z \"\\\\\n\u{1}é💡]{1,8}".prop_map(Text::from)
}

fn choice() -> impl Strategy<Value = Choice<'static>> {
    let reasoning = prop_oneof![
        (text(), of("[a-zA-Z0-9+/]{4,8}=="))
            .prop_map(|(text, signature)| Content::Reasoning { text, signature: signature.map(Text::from) }),
        text().prop_map(Content::SealedReasoning),
    ];
    let citation =
        (text(), text(), of(text()), (0..9_u64, 9..20_u64).prop_map(Some)).prop_map(|(url, title, quoted, span)| {
            Citation { url: Some(url), title: Some(title), quoted, answer_span: span, raw: None }
        });
    let call = ("[a-z_0-9]{1,6}", text(), of("[a-zA-Z0-9+/]{4,8}==")).prop_map(|(name, text, signature)| {
        let arguments = Json::of(&serde_json::json!({"a": &*text}));
        ToolCall { id: "c".into(), name: name.into(), arguments, signature: signature.map(Text::from) }
    });
    let words = of((text(), vec(citation, 0..3)));
    let logprobs = of(Just(Json::of(&serde_json::json!({"content": []}))));
    (vec(reasoning, 0..3), words, of(text()), any::<bool>(), vec(call, 0..3), any::<bool>(), logprobs).prop_map(
        |(reasoning, words, refusal, is_painted, calls, is_long, logprobs)| {
            // Whether reasoning is one block or several is not said where nothing has to be proved.
            let is_proved =
                reasoning.iter().any(|content| !matches!(content, Content::Reasoning { signature: None, .. }));
            let reasoning = if is_proved { reasoning } else { reasoning.into_iter().take(1).collect() };
            let finish = match (is_long, calls.is_empty(), &refusal) {
                (true, _, _) => Finish::Length,
                (false, false, _) => Finish::ToolCalls,
                (false, true, Some(_)) => Finish::Refused,
                (false, true, None) => Finish::Stop,
            };
            let mut contents = reasoning;
            contents.extend(words.map(|(text, citations)| Content::Text { text, citations }));
            contents.extend(refusal.map(Content::Refusal));
            let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
            contents.extend(is_painted.then_some(Content::Image(Image { source, detail: None })));
            contents.extend(calls.into_iter().map(Content::ToolCall));
            Choice { parts: contents.into_iter().map(Part::of).collect(), finish, logprobs }
        },
    )
}

proptest! {
    #[test]
    fn an_answer_is_read_as_it_was_written(choices in vec(choice(), 1..3), input in 0..9_u64, cache_write in of(0..9_u64)) {
        let usage = Usage {
            input: Some(input),
            cache_read: cache_write,
            cache_write,
            output: Some(5),
            reasoning: Some(2),
        };
        let response = Response { id: Some("id".into()), model: Some("m".into()), choices, usage };
        let written = write(&response, &REPLY).unwrap();
        prop_assert_eq!(read(&written, &SEED).unwrap(), response);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), choice in choice()) {
        let mut written = write(&Response { choices: vec![choice], ..Response::default() }, &REPLY).unwrap();
        let at = at.index(written.len());
        written[at] = byte;
        let _ = read(&written, &SEED);
        let _ = read(&written[..at], &SEED);
    }
}
