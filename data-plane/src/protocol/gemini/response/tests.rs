use super::*;
use crate::exchange::json::Json;
use crate::exchange::message::{Image, Source};
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;

const SEED: Seed<'_> = Seed { id: "0123456789abcdef0123456789abcdef" };

fn text(text: &'static str) -> Part<'static> {
    Part::text(text)
}

#[test]
fn an_answer_is_read_part_by_part() {
    let body = br#"{"candidates": [
        {"index": 1, "content": {"parts": [{"text": "second"}]}, "finishReason": "MAX_TOKENS"},
        {"content": {"role": "model", "parts": [
            {"text": "hm", "thought": true}, {"text": "", "thoughtSignature": "kept by nobody"},
            {"text": "hi", "thoughtSignature": "s"},
            {"executableCode": {"code": "1"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"functionCall": {"name": "f", "args": {"a" : 1.0}}, "thoughtSignature": "sig"},
            {"functionCall": {"name": "g", "id": "given"}}
        ]}, "finishReason": "STOP", "safetyRatings": [{}], "avgLogprobs": -0.1}
    ], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}, "modelVersion": "m-1", "responseId": "r-1", "createTime": "x"}"#;
    let call = |id: &'static str, name: &'static str, arguments, signature: Option<&'static str>| {
        let signature = signature.map(Into::into);
        Part::of(Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature }))
    };
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    let parts = vec![
        Part::of(Content::Reasoning { text: "hm".into(), signature: None }),
        text("hi"),
        Part::of(Content::Image(Image { source, detail: None })),
        call("call_0123456789abcdef01234567_0", "f", Json::parse("{\"a\" : 1.0}").unwrap(), Some("sig")),
        call("given", "g", Json::empty_object(), None),
    ];
    let expected = Response {
        id: Some("r-1".into()),
        model: Some("m-1".into()),
        choices: vec![
            Choice { parts, finish: Finish::ToolCalls, logprobs: None },
            Choice { parts: vec![text("second")], finish: Finish::Length, logprobs: None },
        ],
        usage: Usage { input: Some(3), output: Some(4), ..Usage::default() },
    };
    assert_eq!(read(body, &SEED), Ok(expected));
}

#[test]
fn a_prompt_that_was_blocked_is_an_empty_answer_that_was_filtered() {
    for body in [
        r#"{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}"#,
        r#"{"candidates": [], "promptFeedback": {"blockReason": "OTHER"}}"#,
    ] {
        let choices = read(body.as_bytes(), &SEED).unwrap().choices;
        assert_eq!(choices, [Choice { parts: Vec::new(), finish: Finish::Filtered, logprobs: None }]);
    }
}

#[test]
fn a_candidate_may_have_no_content() {
    let choices = read(br#"{"candidates": [{"finishReason": "SAFETY"}]}"#, &SEED).unwrap().choices;
    assert_eq!(choices, [Choice { parts: Vec::new(), finish: Finish::Filtered, logprobs: None }]);
}

#[test]
fn the_words_that_a_source_supports_are_cited() {
    let body = br#"{"candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "abc"}]}, "finishReason": "STOP",
        "groundingMetadata": {"groundingChunks": [{"web": {"uri": "u"}}],
        "groundingSupports": [{"segment": {"startIndex": 1, "endIndex": 2}, "groundingChunkIndices": [0]}]}}]}"#;
    let choices = read(body, &SEED).unwrap().choices;
    let Content::Text { citations, .. } = &choices[0].parts[1].content else { panic!("{choices:?}") };
    assert_eq!(citations[0].answer_span, Some((1, 2)));
}

#[test]
fn what_is_no_answer_is_none() {
    for body in [
        "",
        "[]",
        "{}",
        "<html>",
        r#"{"candidates": []}"#,
        r#"{"error": {"code": 500, "message": "m", "status": "INTERNAL"}}"#,
        r#"[{"candidates": [{"finishReason": "STOP"}]}]"#,
        r#"{"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}"#,
        r#"{"candidates": [{"content": {"parts": [{"functionCall": {"args": {}}}]}}]}"#,
        r#"{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": []}}]}}]}"#,
    ] {
        assert_eq!(read(body.as_bytes(), &SEED), Err(NotAnAnswer), "{body}");
    }
}
