//! What requests read as, and what is read back from those that are written.

mod demands;
mod written;

use super::read;
use crate::exchange::message::{Audio, CacheHint, Content, Document, DocumentBody, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Loss, Request};
use crate::exchange::tool::{ToolCall, ToolChoice, ToolResult, id_with_signature};

fn wrong(body: &str) -> String {
    read(body.as_bytes()).unwrap_err().to_string()
}

fn lost(body: &'static str) -> Vec<(String, Loss)> {
    let request = read(body.as_bytes()).unwrap();
    request.extras.into_iter().map(|extra| (extra.field.to_string(), extra.loss)).collect()
}

fn user(parts: Vec<Part<'_>>) -> Message<'_> {
    Message { role: Role::User, parts }
}

#[test]
fn a_text_is_a_users_message_and_its_usage_is_wanted() {
    let request =
        read(br#"{"model": "m", "input": "hi", "instructions": "be brief", "user": null, "stream": true}"#).unwrap();
    let expected = Request {
        system: vec![Part::text("be brief")],
        messages: vec![user(vec![Part::text("hi")])],
        wants_usage: true,
        ..Request::default()
    };
    assert_eq!(request, expected);
}

#[test]
fn instructions_stand_before_leading_system_messages_and_later_ones_stay_where_they_are() {
    let body = br#"{"instructions": "a", "input": [
        {"role": "developer", "content": "b"},
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "c"}]},
        {"role": "user", "content": "d"},
        {"role": "system", "content": "e"}]}"#;
    let request = read(body).unwrap();
    assert_eq!(request.system, ["a", "b", "c"].map(Part::text));
    let expected = [user(vec![Part::text("d")]), Message { role: Role::System, parts: vec![Part::text("e")] }];
    assert_eq!(request.messages, expected);
}

#[test]
fn parts_are_read_with_what_they_hold() {
    let body = br#"{"input": [{"role": "user", "content": [
        {"type": "input_text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://h/b.pdf"},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}]}]}"#;
    let inline = |media_type: &'static str| Source::Inline { media_type: media_type.into(), data: "aGk=".into() };
    let document = |source, name: Option<&'static str>| {
        let name = name.map(Into::into);
        Part::of(Content::Document(Document { body: DocumentBody::Bytes(source), name, context: None, cites: false }))
    };
    let expected = vec![
        Part { cache: Some(CacheHint::Default), ..Part::text("t") },
        Part::of(Content::Image(Image { source: inline("image/png"), detail: Some("low".into()) })),
        Part::of(Content::Image(Image { source: Source::File("file-1".into()), detail: None })),
        document(inline("application/pdf"), Some("a.pdf")),
        document(Source::Url { url: "https://h/b.pdf".into(), media_type: None }, None),
        Part::of(Content::Audio(Audio { source: inline("audio/wav") })),
    ];
    assert_eq!(read(body).unwrap().messages, [user(expected)]);
}

#[test]
fn calls_and_results_are_turns_and_results_come_first_in_theirs() {
    let joined = id_with_signature("call_1", Some("aB+/=="));
    let body = format!(
        r#"{{"input": [
        {{"role": "user", "content": "q"}},
        {{"type": "reasoning", "id": "rs_1", "summary": [{{"type": "summary_text", "text": "a"}}, {{"type": "summary_text", "text": "b"}}], "encrypted_content": "E"}},
        {{"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "F"}},
        {{"type": "reasoning", "id": "rs_3", "summary": []}},
        {{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{{"type": "output_text", "text": "o", "annotations": []}}, {{"type": "refusal", "refusal": "r"}}]}},
        {{"type": "function_call", "id": "fc_1", "call_id": "{0}", "name": "f", "arguments": "{{\"a\": 1}}"}},
        {{"type": "function_call", "call_id": "call_2", "name": "g", "arguments": ""}},
        {{"role": "user", "content": "late"}},
        {{"type": "function_call_output", "call_id": "{0}", "output": "x"}},
        {{"type": "function_call_output", "call_id": "call_2", "output": [{{"type": "input_image", "image_url": "https://h/i"}}]}}]}}"#,
        &*joined
    );
    let call = |id: &'static str, name: &'static str, arguments: &'static str, signature: Option<&'static str>| {
        let arguments = crate::exchange::json::Json::parse(arguments).unwrap();
        Part::of(Content::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments,
            signature: signature.map(Into::into),
        }))
    };
    let result = |id: &'static str, name: &'static str, content| {
        Part::of(Content::ToolResult(ToolResult { id: id.into(), name: Some(name.into()), content, is_error: false }))
    };
    let url = Source::Url { url: "https://h/i".into(), media_type: None };
    let expected = [
        user(vec![Part::text("q")]),
        Message {
            role: Role::Assistant,
            parts: vec![
                Part::of(Content::Reasoning { text: "a\n\nb".into(), signature: Some("E".into()) }),
                Part::of(Content::SealedReasoning("F".into())),
                Part::text("o"),
                Part::of(Content::Refusal("r".into())),
                call("call_1", "f", r#"{"a": 1}"#, Some("aB+/==")),
                call("call_2", "g", "{}", None),
            ],
        },
        user(vec![
            result("call_1", "f", vec![Part::text("x")]),
            result("call_2", "g", vec![Part::of(Content::Image(Image { source: url, detail: None }))]),
            Part::text("late"),
        ]),
    ];
    assert_eq!(read(body.as_bytes()).unwrap().messages, expected);
}

#[test]
fn options_are_read_wherever_the_format_has_them() {
    let body =
        br#"{"input": "q", "max_output_tokens": 7, "temperature": 0.50, "top_p": 1, "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "n", "strict": true, "schema": {"type": "object"}}},
        "reasoning": {"effort": "high", "summary": "auto"}, "safety_identifier": "s", "user": "u",
        "tools": [{"type": "function", "name": "f", "parameters": {"a":1}, "strict": false}],
        "tool_choice": {"type": "function", "name": "f"}}"#;
    let request = read(body).unwrap();
    assert_eq!(request.max_tokens.unwrap().as_u64(), Some(7));
    assert_eq!(request.sampling.temperature.unwrap().as_str(), "0.50");
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(request.user.as_deref(), Some("s"));
    assert_eq!(request.reasoning, Some(Reasoning { amount: Some(Amount::Effort(Effort::High)), shown: Some(true) }));
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!(request.tools[0].parameters.as_ref().unwrap().as_str(), r#"{"a":1}"#);
    let Some(AnswerFormat::Schema(schema)) = request.answer_format else { panic!("no schema") };
    assert_eq!(
        (schema.name.as_deref(), schema.strict, schema.schema.as_str()),
        (Some("n"), Some(true), r#"{"type": "object"}"#)
    );
    assert!(request.extras.is_empty());
    let off = read(br#"{"input": "q", "reasoning": {"effort": "none"}}"#).unwrap();
    assert_eq!(off.reasoning, Some(Reasoning { amount: Some(Amount::Off), shown: None }));
}

#[test]
fn allowed_tools_are_the_only_tools() {
    let body = br#"{"input": "q", "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
        "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}]}"#;
    let request = read(body).unwrap();
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["g"]);
}

#[test]
fn what_has_no_home_is_kept_with_what_its_loss_comes_to() {
    use Loss::{Refused, Silent, Warned};
    for (body, field, loss) in [
        (r#"{"previous_response_id": "resp_1", "input": "q"}"#, "previous_response_id", Refused),
        (r#"{"conversation": {"id": "c"}}"#, "conversation", Refused),
        (r#"{"prompt": {"id": "p"}}"#, "prompt", Refused),
        (r#"{"input": "q", "background": true}"#, "background", Refused),
        (r#"{"input": "q", "background": false}"#, "background", Silent),
        (r#"{"input": "q", "store": true}"#, "store", Warned),
        (r#"{"input": "q", "store": false}"#, "store", Silent),
        (r#"{"input": "q", "truncation": "auto"}"#, "truncation", Warned),
        (r#"{"input": "q", "truncation": "disabled"}"#, "truncation", Silent),
        (r#"{"input": "q", "metadata": {"a": "b"}}"#, "metadata", Warned),
        (r#"{"input": "q", "service_tier": "flex"}"#, "service_tier", Warned),
        (r#"{"input": "q", "prompt_cache_key": "k"}"#, "prompt_cache_key", Warned),
        (r#"{"input": "q", "top_logprobs": 3}"#, "top_logprobs", Refused),
        (r#"{"input": "q", "include": ["reasoning.encrypted_content"]}"#, "include[0]", Silent),
        (r#"{"input": "q", "include": ["message.output_text.logprobs"]}"#, "include[0]", Refused),
        (r#"{"input": "q", "stop": ["x"]}"#, "stop", Refused),
        (r#"{"input": "q", "something_new": 1}"#, "something_new", Warned),
        (r#"{"input": "q", "text": {"verbosity": "low"}}"#, "text.verbosity", Warned),
        (r#"{"input": "q", "reasoning": {"mode": "pro"}}"#, "reasoning.mode", Warned),
        (r#"{"input": "q", "tools": [{"type": "web_search"}]}"#, "tools[0]", Refused),
        (r#"{"input": "q", "tools": [{"type": "custom", "name": "c"}]}"#, "tools[0]", Refused),
        (r#"{"input": "q", "tool_choice": {"type": "file_search"}}"#, "tool_choice", Refused),
        (r#"{"input": [{"type": "item_reference", "id": "i"}]}"#, "input[0]", Refused),
        (r#"{"input": [{"id": "i"}]}"#, "input[0]", Refused),
        (r#"{"input": [{"type": "tool_search_call", "arguments": {"a": 1}}]}"#, "input[0]", Refused),
    ] {
        assert_eq!(lost(body), [(field.to_owned(), loss)], "{body}");
    }
}

#[test]
fn what_is_wrong_is_named_in_the_callers_words() {
    for (body, expected) in [
        ("[]", "the field (body) can't be read"),
        ("{}", "the field input is missing"),
        (r#"{"input": 5}"#, "the field input can't be read"),
        (r#"{"input": [5]}"#, "the field input[0] can't be read"),
        (r#"{"input": [{"role": 5}]}"#, "the field input[0].role can't be read"),
        (r#"{"input": [{"role": "robot", "content": "x"}]}"#, r#"the field input[0].role is not one of "user""#),
        (r#"{"input": [{"role": "user"}]}"#, "the field input[0].content is missing"),
        (r#"{"input": [{"role": "user", "content": 5}]}"#, "the field input[0].content is neither"),
        (
            r#"{"input": [{"role": "user", "content": [{"text": "x"}]}]}"#,
            "the field input[0].content[0].type is missing",
        ),
        (
            r#"{"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]}"#,
            "the field input[0].content[0].text can't",
        ),
        (
            r#"{"input": [{"role": "user", "content": [{"type": "image_url"}]}]}"#,
            "the field input[0].content[0].type is not one of",
        ),
        (
            r#"{"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}"#,
            "the field input[0].content[0].image_url is neither",
        ),
        (
            r#"{"input": [{"role": "system", "content": [{"type": "input_image", "file_id": "x"}]}]}"#,
            "the field input[0].content[0] is no text",
        ),
        (
            r#"{"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "[]"}]}"#,
            "the field input[0].arguments is not a JSON object",
        ),
        (r#"{"input": [{"type": "function_call_output", "output": "x"}]}"#, "the field input[0].call_id is missing"),
        (r#"{"input": "q", "tools": [{"name": "f"}]}"#, "the field tools[0].type is missing"),
        (
            r#"{"input": "q", "tools": [{"type": "function", "function": {"name": "f"}}]}"#,
            "the field tools[0].name is missing",
        ),
        (
            r#"{"input": "q", "tools": [{"type": "function", "name": "f", "parameters": 1}]}"#,
            "the field tools[0].parameters is no JSON schema",
        ),
        (r#"{"input": "q", "tool_choice": "any"}"#, "the field tool_choice is not one of"),
        (r#"{"input": "q", "text": 5}"#, "the field text is no object"),
        (r#"{"input": "q", "text": {"format": {"type": "xml"}}}"#, "the field text.format.type is not one of"),
        (
            r#"{"input": "q", "text": {"format": {"type": "json_schema"}}}"#,
            "the field text.format.schema is no JSON schema",
        ),
        (r#"{"input": "q", "reasoning": {"effort": "huge"}}"#, "the field reasoning.effort is not one of"),
        (r#"{"input": "q", "max_output_tokens": "7"}"#, "the field max_output_tokens can't be read"),
    ] {
        let wrong = wrong(body);
        assert!(wrong.starts_with(expected), "{body}: {wrong}");
    }
}

#[test]
fn a_long_conversation_takes_no_longer_for_its_length() {
    let results = |item: &str| format!(r#"{{"input": [{}]}}"#, vec![item; 50_000].join(","));
    let outputs = results(r#"{"type": "function_call_output", "call_id": "c", "output": "x"}"#);
    assert_eq!(read(outputs.as_bytes()).unwrap().messages[0].parts.len(), 50_000);
    let foreign = results(r#"{"type": "item_reference", "id": "i"}"#);
    assert_eq!(read(foreign.as_bytes()).unwrap().extras.len(), 1);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, text in r#"\PC*"#) {
        let _ = read(&body);
        let _ = read(format!(r#"{{"input": [{text}], "tools": [{text}], "text": {text}}}"#).as_bytes());
    }
}
