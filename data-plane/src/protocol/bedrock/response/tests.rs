use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::message::{Citation, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;

const SEED: Seed<'static> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'static> = Reply { id: SEED.id, created: 0, model: "m", wants_usage: true, knows_one_call: false };

fn answer(content: &Value, stop: &str) -> Vec<u8> {
    let message = json!({"role": "assistant", "content": content});
    let usage =
        json!({"inputTokens": 3, "outputTokens": 5, "totalTokens": 8, "cacheReadInputTokens": 2, "cacheDetails": []});
    json!({"output": {"message": message}, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}})
        .to_string()
        .into()
}

#[test]
fn an_answer_is_read_with_all_that_it_holds() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
        {"text": "so"},
        {"citationsContent": {
            "content": [{"text": "it "}, {"text": "is"}],
            "citations": [{"title": "t", "sourceContent": [{"text": "q"}], "location": {"documentPage": {"start": 1}}}],
        }},
        {"ofTomorrow": {"x": [1]}},
        {"toolUse": {"toolUseId": "own", "name": "n", "input": {}, "type": "server_tool_use"}},
        {"toolUse": {"toolUseId": "t", "name": "n"}},
    ]);
    let body = answer(&content, "tool_use");
    let response = read(&body, &SEED).unwrap();
    assert_eq!(response.usage, Usage { input: Some(5), cache_read: Some(2), output: Some(5), ..Usage::default() });
    let choice = &response.choices[0];
    assert_eq!(choice.finish, Finish::ToolCalls);
    let citation = Citation { title: Some("t".into()), quoted: Some("q".into()), ..Citation::default() };
    let called = ToolCall { id: "t".into(), name: "n".into(), arguments: Json::empty_object(), signature: None };
    let expected = [
        Content::Reasoning { text: "hm".into(), signature: Some("s".into()) },
        Content::SealedReasoning("c2VhbGVk".into()),
        Content::Text { text: "so".into(), citations: vec![] },
        Content::Text { text: "it is".into(), citations: vec![citation] },
        Content::ToolCall(called),
    ];
    assert_eq!(choice.parts, expected.map(Part::of));
}

#[test]
fn what_is_no_answer_is_none() {
    let text = json!([{"text": "x"}]);
    for body in [
        b"".to_vec(),
        b"{}".to_vec(),
        br#"{"Output":{"__type":"UnknownOperationException"},"Version":"1.0"}"#.to_vec(),
        br#"{"output":{},"stopReason":"end_turn"}"#.to_vec(),
        answer(&text, "malformed_tool_use"),
        answer(&text, "malformed_model_output"),
        answer(&json!([{"toolUse": {"toolUseId": "t", "name": "n", "input": "x"}}]), "tool_use"),
    ] {
        assert_eq!(read(&body, &SEED), Err(NotAnAnswer), "{}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn an_answer_has_every_field_that_clients_parse() {
    let response = Response {
        usage: Usage {
            input: Some(10),
            cache_read: Some(4),
            cache_write: Some(1),
            output: Some(2),
            reasoning: Some(1),
        },
        choices: vec![Choice { parts: vec![Part::text("x")], finish: Finish::Refused, logprobs: None }],
        ..Response::default()
    };
    let body: Value = serde_json::from_slice(&write(&response, &REPLY).unwrap()).unwrap();
    let expected = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "x"}]}},
        "stopReason": "content_filtered",
        "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 12, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 1},
        "metrics": {"latencyMs": 0},
    });
    assert_eq!(body, expected);
}

#[test]
fn an_id_carries_the_calls_signature_and_an_image_elsewhere_is_not_hidden() {
    let called =
        ToolCall { id: "t".into(), name: "n".into(), arguments: Json::empty_object(), signature: Some("a=".into()) };
    let of = |content| Response {
        choices: vec![Choice { parts: vec![Part::of(content)], finish: Finish::ToolCalls, logprobs: None }],
        ..Response::default()
    };
    let body: Value = serde_json::from_slice(&write(&of(Content::ToolCall(called)), &REPLY).unwrap()).unwrap();
    assert_eq!(body["output"]["message"]["content"][0]["toolUse"]["toolUseId"], "t--ts--a.");
    let source = Source::Url { url: "https://h/x.png".into(), media_type: None };
    assert!(write(&of(Content::Image(Image { source, detail: None })), &REPLY).is_err());
}

fn content() -> impl Strategy<Value = Content<'static>> {
    let text = "[a-zé\"\\\\\n ]{0,8}";
    let citation = (prop::option::of("[a-z]{3}"), prop::option::of("[a-z]{3}"), prop::option::of("https://[a-z]{3}"))
        .prop_map(|(title, quoted, url)| Citation {
            title: title.map(Into::into),
            quoted: quoted.map(Into::into),
            url: url.map(Into::into),
            ..Citation::default()
        });
    let image = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    prop_oneof![
        (text, prop::collection::vec(citation, 0..3))
            .prop_map(|(text, citations)| Content::Text { text: text.into(), citations }),
        (text, prop::option::of("[a-z]{3}"))
            .prop_map(|(text, proof)| Content::Reasoning { text: text.into(), signature: proof.map(Into::into) }),
        "[a-z]{4}".prop_map(|sealed| Content::SealedReasoning(sealed.into())),
        ("[a-z]{1,4}", prop::sample::select(vec!["{}", "{\"a\" : 1.0}"])).prop_map(|(id, arguments)| {
            let arguments = Json::parse(arguments).unwrap();
            Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature: None })
        }),
        Just(Content::Image(Image { source: image, detail: None })),
    ]
}

prop_compose! {
    /// What the format can say.
    fn sayable()(
        parts in prop::collection::vec(content().prop_map(Part::of), 0..5),
        finish in prop::sample::select(vec![Finish::Stop, Finish::StopText(None), Finish::Length, Finish::ToolCalls, Finish::Filtered]),
        uncached in 0u64..100,
        cache_read in prop::option::of(0u64..100),
        cache_write in prop::option::of(0u64..100),
        output in 0u64..100,
    ) -> Response<'static> {
        let input = Some(uncached + cache_read.unwrap_or(0) + cache_write.unwrap_or(0));
        let usage = Usage { input, cache_read, cache_write, output: Some(output), reasoning: None };
        Response { id: None, model: None, choices: vec![Choice { parts, finish, logprobs: None }], usage }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(response in sayable()) {
        let body = write(&response, &REPLY).unwrap();
        prop_assert_eq!(read(&body, &SEED).unwrap(), response);
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        let _ = read(&body, &SEED);
    }
}
