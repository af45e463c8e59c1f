use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::tool::ToolCall;
use crate::protocol::Seed;
use crate::protocol::gemini::response::read;

const ID: &str = "0123456789abcdef0123456789abcdef";
const REPLY: Reply<'_> = Reply { id: ID, created: 0, model: "target", wants_usage: true, knows_one_call: false };

fn value(response: &Response<'_>) -> Value {
    serde_json::from_slice(&written(response, &REPLY)).unwrap()
}

fn answer(contents: impl IntoIterator<Item = Content<'static>>, finish: Finish<'static>) -> Response<'static> {
    let parts = contents.into_iter().map(message::Part::of).collect();
    Response { choices: vec![Choice { parts, finish, logprobs: None }], ..Response::default() }
}

#[test]
fn an_answer_is_written_as_google_writes_it() {
    let call = ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: Json::parse("{\"a\": 1}").unwrap(),
        signature: Some("sig".into()),
    };
    let thought = Content::Reasoning { text: "hm".into(), signature: None };
    let refusal = Content::Refusal("no".into());
    let response = Response {
        usage: Usage { input: Some(3), cache_read: Some(1), output: Some(9), reasoning: Some(4), cache_write: Some(1) },
        ..answer([thought, refusal, Content::ToolCall(call)], Finish::ToolCalls)
    };
    let expected = json!({
        "candidates": [{"content": {"role": "model", "parts": [
            {"text": "hm", "thought": true},
            {"text": "no"},
            {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "sig"},
        ]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "cachedContentTokenCount": 1, "candidatesTokenCount": 5, "thoughtsTokenCount": 4,
            "totalTokenCount": 12},
        "modelVersion": "target", "responseId": ID,
    });
    assert_eq!(value(&response), expected);
}

#[test]
fn the_first_call_that_another_model_made_has_what_google_wants_back() {
    let call = |id: &'static str| {
        let arguments = Json::empty_object();
        Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature: None })
    };
    let written = value(&answer([call("a"), call("b")], Finish::ToolCalls));
    let parts = &written["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], NO_SIGNATURE);
    assert!(parts[1].get("thoughtSignature").is_none());
}

#[test]
fn an_empty_answer_has_no_content() {
    let expected =
        json!({"candidates": [{"finishReason": "SAFETY", "index": 0}], "modelVersion": "target", "responseId": ID});
    assert_eq!(value(&answer([], Finish::Filtered)), expected);
}

#[test]
fn citations_are_sources_and_the_bytes_that_they_support() {
    let web = Citation { url: Some("u".into()), answer_span: Some((1, 3)), ..Citation::default() };
    let document = Citation { title: Some("t".into()), quoted: Some("q".into()), ..Citation::default() };
    let text = Content::Text { text: "aéb".into(), citations: vec![web, document] };
    let expected = json!({
        "groundingChunks": [{"web": {"uri": "u"}}, {"retrievedContext": {"title": "t", "text": "q"}}],
        "groundingSupports": [{"segment": {"startIndex": 1, "endIndex": 4}, "groundingChunkIndices": [0]}],
    });
    let response = answer([text], Finish::Stop);
    assert_eq!(value(&response)["candidates"][0]["groundingMetadata"], expected);
    assert_eq!(read(&written(&response, &REPLY), &Seed { id: ID }).unwrap().choices, response.choices);
}

fn content() -> impl Strategy<Value = Content<'static>> {
    let text = || "[ -~é\n\"\\\\😀]{1,12}";
    let signature = || proptest::option::of("[a-zA-Z0-9+/]{1,8}").prop_map(|signature| signature.map(Into::into));
    prop_oneof![
        text().prop_map(|text| Content::Text { text: text.into(), citations: Vec::new() }),
        (text(), signature()).prop_map(|(text, signature)| Content::Reasoning { text: text.into(), signature }),
        "[a-z+/]{0,8}".prop_map(|data| {
            let source = Source::Inline { media_type: "image/png".into(), data: data.into() };
            Content::Image(Image { source, detail: None })
        }),
        (text(), text(), "[a-zA-Z0-9+/]{1,8}").prop_map(|(id, name, signature)| {
            let arguments = Json::parse("{\"a\" : [1.0, \"x\"]}").unwrap();
            Content::ToolCall(ToolCall {
                id: id.into(),
                name: name.into(),
                arguments,
                signature: Some(signature.into()),
            })
        }),
    ]
}

fn choice() -> impl Strategy<Value = Choice<'static>> {
    (proptest::collection::vec(content(), 0..5), 0..3).prop_map(|(contents, finish)| {
        let has_calls = contents.iter().any(|content| matches!(content, Content::ToolCall(_)));
        let finish = match finish {
            0 => Finish::Length,
            1 => Finish::Filtered,
            _ if has_calls => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        Choice { parts: contents.into_iter().map(message::Part::of).collect(), finish, logprobs: None }
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = || proptest::option::of(0..1000u64);
    (count(), count(), count(), count()).prop_map(|(input, cache_read, plain, reasoning)| Usage {
        input,
        cache_read,
        cache_write: None,
        output: plain.map(|plain| plain + reasoning.unwrap_or(0)),
        reasoning: plain.and(reasoning),
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(choices in proptest::collection::vec(choice(), 1..3), usage in usage()) {
        let response = Response { id: Some("i".into()), model: Some("m".into()), choices, usage };
        let body = written(&response, &REPLY);
        prop_assert_eq!(read(&body, &Seed { id: ID }), Ok(response));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        drop(read(&bytes, &Seed { id: "é" }));
    }
}
