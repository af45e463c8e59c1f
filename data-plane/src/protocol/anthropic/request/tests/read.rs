//! Callers' requests, as they are read.

use crate::exchange::json::Json;
use crate::exchange::message::{
    CacheHint, Citation, Content, Document, DocumentBody, Image, Message, Part, Role, Source,
};
use crate::exchange::reasoning::{Amount, Effort};
use crate::exchange::request::{AnswerFormat, Loss, Request};
use crate::exchange::tool::{ToolCall, ToolChoice, ToolResult};
use crate::protocol::anthropic::request::read;

/// A request's body with these members beside those that it has to have.
fn body(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"model":"m","max_tokens":10,"messages":[{{"role":"user","content":"Hi"}}]{comma}{members}}}"#)
}

/// A request's body with these messages.
fn saying(messages: &str) -> String {
    format!(r#"{{"max_tokens":10,"messages":[{messages}]}}"#)
}

/// What is wrong with a request.
fn error(body: &str) -> String {
    read(body.as_bytes()).unwrap_err().to_string()
}

/// The extras of a request, with what each comes to.
fn extras(body: &str) -> Vec<(String, Loss)> {
    let request = read(body.as_bytes()).unwrap();
    request.extras.iter().map(|extra| (extra.field.to_string(), extra.loss)).collect()
}

fn parts(body: &str, check: impl FnOnce(&Request<'_>)) {
    check(&read(body.as_bytes()).unwrap());
}

#[test]
fn what_is_said_is_read_in_all_its_forms() {
    let body = r#"{"max_tokens":10,"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[
        {"role":"user","content":[
            {"type":"text","text":"Look","cache_control":{"type":"ephemeral"}},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
            {"source":{"file_id":"file_1","type":"file"},"type":"image"},
            {"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
             "title":"T","context":"C","citations":{"enabled":true}},
            {"type":"document","source":{"type":"url","url":"https://h/d.pdf"}}]},
        {"role":"assistant","content":[
            {"type":"thinking","thinking":"Hm","signature":"c2ln"},{"type":"redacted_thinking","data":"eA=="},
            {"type":"text","text":"so","citations":[{"type":"page_location","cited_text":"c"}]},
            {"type":"tool_use","id":"t1--ts--YQ..","name":"f","input":{"b": 1.0,"a":[]}}]},
        {"role":"user","content":[
            {"type":"text","text":"and"},
            {"type":"tool_result","tool_use_id":"t1--ts--YQ..","content":[{"type":"text","text":"r"}],"is_error":true}]},
        {"role":"system","content":"from now on"}]}"#;
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(request.system, [Part { cache: Some(CacheHint::OneHour), ..Part::text("S") }]);
    let image = |source| Part::of(Content::Image(Image { source, detail: None }));
    let document = |body, name: Option<&'static str>, context: Option<&'static str>, cites| {
        let (name, context) = (name.map(Into::into), context.map(Into::into));
        Part::of(Content::Document(Document { body, name, context, cites }))
    };
    let url = Source::Url { url: "https://h/d.pdf".into(), media_type: None };
    let citation = Citation {
        quoted: Some("c".into()),
        raw: Json::parse(r#"{"type":"page_location","cited_text":"c"}"#),
        ..Citation::default()
    };
    let expected = [
        Message {
            role: Role::User,
            parts: vec![
                Part { cache: Some(CacheHint::Default), ..Part::text("Look") },
                image(Source::Inline { media_type: "image/png".into(), data: "aGk=".into() }),
                image(Source::File("file_1".into())),
                document(DocumentBody::Text("a\n\nb".into()), Some("T"), Some("C"), true),
                document(DocumentBody::Bytes(url), None, None, false),
            ],
        },
        Message {
            role: Role::Assistant,
            parts: vec![
                Part::of(Content::Reasoning { text: "Hm".into(), signature: Some("c2ln".into()) }),
                Part::of(Content::SealedReasoning("eA==".into())),
                Part::of(Content::Text { text: "so".into(), citations: vec![citation] }),
                Part::of(Content::ToolCall(ToolCall {
                    id: "t1".into(),
                    name: "f".into(),
                    arguments: Json::parse(r#"{"b": 1.0,"a":[]}"#).unwrap(),
                    signature: Some("YQ==".into()),
                })),
            ],
        },
        Message {
            role: Role::User,
            parts: vec![
                Part::of(Content::ToolResult(ToolResult {
                    id: "t1".into(),
                    name: Some("f".into()),
                    content: vec![Part::text("r")],
                    is_error: true,
                })),
                Part::text("and"),
            ],
        },
        Message { role: Role::System, parts: vec![Part::text("from now on")] },
    ];
    assert_eq!(request.messages, expected);
    assert!(request.extras.is_empty() && request.wants_usage);
}

#[test]
fn results_come_first_in_a_turn_of_two_messages() {
    let body = saying(
        r#"{"role":"user","content":"a"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]},{"role":"user","content":"b"}"#,
    );
    parts(&body, |request| {
        assert!(matches!(request.messages[0].parts[0].content, Content::ToolResult(_)));
        assert_eq!(request.messages[0].parts[1], Part::text("a"));
        assert_eq!(request.messages[1].parts, [Part::text("b")]);
    });
}

#[test]
fn parameters_are_read() {
    let body = body(
        r#""system":"S","temperature":0.50,"top_p":0.9,"top_k":5,"stop_sequences":["a","b"],"metadata":{"user_id":"u"},"stream":true,
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true,"cache_control":{"type":"ephemeral","ttl":"5m"}}],
        "tool_choice":{"type":"any","disable_parallel_tool_use":true},
        "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},"thinking":{"type":"adaptive","display":"omitted"}"#,
    );
    let request = read(body.as_bytes()).unwrap();
    assert_eq!(request.sampling.temperature.as_ref().unwrap().as_str(), "0.50");
    assert_eq!(request.stop, ["a".into(), "b".into()]);
    assert_eq!(request.user.as_deref(), Some("u"));
    assert_eq!((&request.tool_choice, request.parallel_tool_calls), (&Some(ToolChoice::Required), Some(false)));
    assert_eq!((request.tools[0].strict, request.tools[0].cache), (Some(true), Some(CacheHint::FiveMinutes)));
    let reasoning = request.reasoning.as_ref().unwrap();
    assert_eq!((reasoning.amount.clone(), reasoning.shown), (Some(Amount::Effort(Effort::High)), Some(false)));
    assert!(
        matches!(&request.answer_format, Some(AnswerFormat::Schema(schema)) if schema.schema.as_str() == r#"{"type":"object"}"#)
    );
    assert!(request.extras.is_empty());
}

#[test]
fn thinking_is_read_from_both_fields() {
    let amount = |members: &str| {
        let body = body(members);
        let request = read(body.as_bytes()).unwrap();
        request.reasoning.and_then(|reasoning| reasoning.amount).map(|amount| format!("{amount:?}"))
    };
    let is = |members: &str, expected: Option<Amount<'_>>| {
        assert_eq!(amount(members), expected.map(|amount| format!("{amount:?}")), "{members}");
    };
    is("", None);
    is(r#""thinking":{"type":"enabled","budget_tokens":2048}"#, Some(Amount::Budget(2048.into())));
    is(r#""thinking":{"type":"disabled"}"#, Some(Amount::Off));
    is(r#""thinking":{"type":"between_tools"}"#, Some(Amount::Off));
    is(r#""thinking":{"type":"adaptive"}"#, Some(Amount::Adaptive));
    is(r#""output_config":{"effort":"low"}"#, Some(Amount::Effort(Effort::Low)));
    is(r#""output_config":{"effort":"low"},"thinking":{"type":"disabled"}"#, Some(Amount::Off));
}

#[test]
fn a_hint_for_the_whole_request_is_its_last_blocks() {
    parts(&body(r#""cache_control":{"type":"ephemeral"}"#), |request| {
        assert_eq!(request.messages[0].parts[0].cache, Some(CacheHint::Default));
    });
}

#[test]
fn the_older_place_of_an_answers_form_is_read() {
    parts(&body(r#""output_format":{"type":"json_schema","schema":{}}"#), |request| {
        assert!(matches!(request.answer_format, Some(AnswerFormat::Schema(_))));
    });
}

#[test]
fn what_has_no_home_is_kept_with_what_it_comes_to() {
    for (members, field, loss) in [
        (r#""container":"c""#, "container", Loss::Refused),
        (r#""mcp_servers":[{}]"#, "mcp_servers", Loss::Refused),
        (r#""mcp_servers":[]"#, "mcp_servers", Loss::Silent),
        (r#""context_management":{}"#, "context_management", Loss::Warned),
        (r#""service_tier":"auto""#, "service_tier", Loss::Silent),
        (r#""service_tier":"standard_only""#, "service_tier", Loss::Warned),
        (r#""inference_geo":"eu""#, "inference_geo", Loss::Refused),
        (r#""metadata":{"x":1}"#, "metadata.x", Loss::Warned),
        (r#""output_config":{"x":1}"#, "output_config.x", Loss::Warned),
        (r#""thinking":{"type":"of_tomorrow"}"#, "thinking", Loss::Warned),
        (r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#, "tools[0]", Loss::Refused),
        (r#""tools":[{"name":"f","input_schema":{},"input_examples":[]}]"#, "tools[0].input_examples", Loss::Warned),
        (
            r#""tools":[{"type":"custom","name":"f","input_schema":{},"eager_input_streaming":true}]"#,
            "tools[0].eager_input_streaming",
            Loss::Silent,
        ),
        (r#""new":1"#, "new", Loss::Warned),
    ] {
        assert_eq!(extras(&body(members)), [(field.to_owned(), loss)], "{members}");
    }
    for (block, field, loss) in [
        (
            r#"{"type":"search_result","source":"https://h","title":"t","content":[{"type":"text","text":"a"}],"citations":{"enabled":true}}"#,
            "messages[0].content[0]",
            Loss::Refused,
        ),
        (r#"{"type":"server_tool_use","id":"s","name":"n","input":{}}"#, "messages[0].content[0]", Loss::Refused),
        (
            r#"{"type":"code_execution_tool_result","tool_use_id":"s","content":{"type":"x"}}"#,
            "messages[0].content[0]",
            Loss::Refused,
        ),
        (
            r#"{"type":"document","source":{"type":"content","content":[{"type":"image"}]}}"#,
            "messages[0].content[0]",
            Loss::Refused,
        ),
        (r#"{"type":"text","text":"a","new":1}"#, "messages[0].content[0].new", Loss::Warned),
    ] {
        let body = saying(&format!(r#"{{"role":"user","content":[{block}]}}"#));
        assert_eq!(extras(&body), [(field.to_owned(), loss)], "{block}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (body, expected) in [
        (
            r#"{"messages":[{"role":"user","content":"a"}]}"#.to_owned(),
            "the field max_tokens is missing: give the most tokens of the answer, a whole number",
        ),
        (
            r#"{"max_tokens":1}"#.to_owned(),
            "the field messages is missing or empty: give at least one message, with \"role\" and \"content\"",
        ),
        (r#"{"max_tokens":1.5}"#.to_owned(), "the field max_tokens is not a whole number from 0"),
        (
            saying(r#"{"role":"tool","content":"a"}"#),
            "the field messages[0].role is not one of \"user\" and \"assistant\"",
        ),
        (saying(r#"{"role":"user"}"#), "the field messages[0].content is missing"),
        (
            saying(r#"{"role":"user","content":1}"#),
            "the field messages[0].content can't be read: invalid type: integer `1`, expected a string or an array of blocks",
        ),
        (saying(r#"{"role":"user","content":[{"text":"a"}]}"#), "the field messages[0].content[0].type is missing"),
        (saying(r#"{"role":"user","content":[{"type":"text"}]}"#), "the field messages[0].content[0].text is missing"),
        (
            saying(r#"{"role":"user","content":[{"type":"text","text":["a"]}]}"#),
            "the field messages[0].content[0].text can't be read: invalid type: sequence, expected a string",
        ),
        (
            saying(r#"{"role":"user","content":[{"type":"image","source":{"type":"x"}}]}"#),
            "the field messages[0].content[0].source.type is not one of \"base64\", \"url\" and \"file\"",
        ),
        (
            saying(
                r#"{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"a,b","data":""}}]}"#,
            ),
            "the field messages[0].content[0].source.media_type is no media type, as image/png is",
        ),
        (
            saying(r#"{"role":"user","content":[{"type":"image","source":{"type":"url"}}]}"#),
            "the field messages[0].content[0].source.url is missing",
        ),
        (
            saying(r#"{"role":"user","content":[{"type":"tool_use"}]}"#),
            "the field messages[0].content[0].type can't be \"tool_use\" here",
        ),
        (
            saying(r#"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":"{}"}]}"#),
            "the field messages[0].content[0].input is not an object",
        ),
        (
            saying(
                r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"thinking"}]}]}"#,
            ),
            "the field messages[0].content[0].content[0].type can't be \"thinking\" here",
        ),
        (
            saying(
                r#"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"2h"}}]}"#,
            ),
            "the field messages[0].content[0].cache_control.ttl is not one of \"5m\" and \"1h\"",
        ),
        (body(r#""system":{}"#), "the field system is neither a string nor an array of blocks"),
        (body(r#""tools":[{"name":"f"}]"#), "the field tools[0].input_schema is missing"),
        (
            body(r#""tools":[{"name":1}]"#),
            "the field tools[0].name can't be read: invalid type: integer `1`, expected a string",
        ),
        (body(r#""tool_choice":"auto""#), "the field tool_choice is not an object"),
        (
            body(r#""tool_choice":{"type":"required"}"#),
            "the field tool_choice.type is not one of \"auto\", \"any\", \"tool\" and \"none\"",
        ),
        (body(r#""tool_choice":{"type":"tool"}"#), "the field tool_choice.name is missing"),
        (
            body(r#""thinking":{"type":"enabled"}"#),
            "the field thinking.budget_tokens is missing: give a whole number from 1024",
        ),
        (
            body(r#""output_config":{"effort":"extreme"}"#),
            "the field output_config.effort is not one of \"low\", \"medium\", \"high\", \"xhigh\" and \"max\"",
        ),
        (
            body(r#""output_config":{"format":{"type":"json"}}"#),
            "the field output_config.format.type is not \"json_schema\"",
        ),
        (body(r#""temperature":"hot""#), "the field temperature can't be read: expected a number"),
    ] {
        assert_eq!(error(&body), expected);
    }
}
