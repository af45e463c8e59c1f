//! Upstreams' requests, as they are written.

use serde_json::{Value, json};
use shared::adapter::Delivery;
use shared::catalog::rules::{ReasoningForm, SchemaForm};

use crate::exchange::feature::Feature;
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{CacheHint, Content, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request, Sampling, Schema};
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult};
use crate::protocol::anthropic::request::write;
use crate::protocol::notes::{BOUNDED, LOWERED, RAISED};
use crate::protocol::{ANSWER_TOOL, Outgoing, Target};

fn outgoing(request: &Request<'_>, manner: &Manner) -> Outgoing {
    write(request, &Target { model: "claude", delivery: Delivery::Whole, manner }).unwrap()
}

fn written_for(request: &Request<'_>, manner: &Manner) -> Value {
    serde_json::from_slice(&outgoing(request, manner).body).unwrap()
}

fn written(request: &Request<'_>) -> Value {
    written_for(request, &UNKNOWN)
}

fn says<'a>(role: Role, parts: Vec<Part<'a>>) -> Message<'a> {
    Message { role, parts }
}

fn conversation(messages: Vec<Message<'_>>) -> Request<'_> {
    Request { messages, ..Request::default() }
}

fn hi() -> Request<'static> {
    conversation(vec![says(Role::User, vec![Part::text("Hi")])])
}

fn call(id: &'static str) -> Part<'static> {
    let arguments = Json::parse(r#"{"b":1.0}"#).unwrap();
    Part::of(Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature: None }))
}

fn result(id: &'static str, text: &'static str) -> Part<'static> {
    let content = vec![Part::text(text)];
    Part::of(Content::ToolResult(ToolResult { id: id.into(), name: None, content, is_error: false }))
}

fn thought(signature: Option<&'static str>) -> Part<'static> {
    Part::of(Content::Reasoning { text: "Hm".into(), signature: signature.map(Into::into) })
}

fn tool() -> Tool<'static> {
    let parameters = Json::parse(r#"{"type":"object"}"#);
    Tool { name: "f".into(), description: None, parameters, strict: None, cache: None }
}

fn number(number: &'static str) -> Option<Number<'static>> {
    serde_json::from_str(number).ok()
}

fn thinking(amount: Amount<'static>) -> Option<Reasoning<'static>> {
    Some(Reasoning { amount: Some(amount), shown: None })
}

fn manner(reasoning: ReasoningForm) -> Manner {
    Manner { reasoning, ..UNKNOWN.clone() }
}

#[test]
fn the_least_request_has_what_the_format_demands() {
    let expected = json!({"model": "claude", "max_tokens": 4096, "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(written(&hi()), expected);
    let to = Target { model: "claude", delivery: Delivery::Stream, manner: &UNKNOWN };
    let streamed: Value = serde_json::from_slice(&write(&hi(), &to).unwrap().body).unwrap();
    assert_eq!(streamed["stream"], true);
}

#[test]
fn turns_alternate_and_results_come_first_in_theirs() {
    let request = Request {
        system: vec![Part::text("A")],
        messages: vec![
            says(Role::User, vec![Part::text("1")]),
            says(Role::User, vec![Part::text("  "), Part::text("2")]),
            says(Role::Assistant, vec![Part::text(""), call("a")]),
            says(Role::Assistant, vec![call("b.1")]),
            says(Role::User, vec![result("a", "x")]),
            says(Role::System, vec![Part::text("B")]),
            says(Role::User, vec![Part::text("3")]),
            says(Role::User, vec![result("b.1", "")]),
        ],
        ..Request::default()
    };
    let written = written(&request);
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(written["system"], json!([text("A"), text("B")]));
    let expected = json!([
        {"role": "user", "content": [text("1"), text("2")]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1.0}},
            {"type": "tool_use", "id": "b_2e1", "name": "f", "input": {"b": 1.0}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "x"},
            {"type": "tool_result", "tool_use_id": "b_2e1"},
            text("3"),
        ]},
    ]);
    assert_eq!(written["messages"], expected);
}

#[test]
fn the_user_begins_and_a_blank_last_word_is_theirs() {
    let request = conversation(vec![
        says(Role::Assistant, vec![Part::text("Hello \n")]),
        says(Role::User, vec![Part::text(" ")]),
    ]);
    let expected = json!([
        {"role": "user", "content": "."}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "."},
    ]);
    assert_eq!(written(&request)["messages"], expected);
    let alone = Request { system: vec![Part::text("S")], ..Request::default() };
    assert_eq!(written(&alone)["messages"], json!([{"role": "user", "content": "."}]));
}

#[test]
fn a_final_turn_of_the_assistant_passes_without_its_last_blanks() {
    let request =
        conversation(vec![says(Role::User, vec![Part::text("Hi ")]), says(Role::Assistant, vec![Part::text("{ ")])]);
    let expected = json!([{"role": "user", "content": "Hi "}, {"role": "assistant", "content": "{"}]);
    assert_eq!(written(&request)["messages"], expected);
}

#[test]
fn a_stop_that_anthropic_refuses_is_told_and_not_left_out() {
    let request = Request { stop: vec!["END".into(), "\n\n".into()], ..hi() };
    let to = Target { model: "m", delivery: Delivery::Whole, manner: &UNKNOWN };
    let expected = r#"the stop sequence "\n\n" can't be sent to Anthropic: it needs more than white space"#;
    assert_eq!(write(&request, &to).unwrap_err().to_string(), expected);
}

#[test]
fn parameters_are_held_to_what_the_format_takes() {
    let request = Request {
        sampling: Sampling {
            temperature: number("1.7"),
            top_p: number("1.0"),
            top_k: number("3"),
            seed: number("1"),
            ..Sampling::default()
        },
        stop: vec!["END".into(), "".into()],
        max_tokens: number("7"),
        user: Some("u".into()),
        tool_choice: Some(ToolChoice::Auto),
        ..hi()
    };
    let written = written(&request);
    assert_eq!((&written["temperature"], &written["top_k"], &written["max_tokens"]), (&json!(1), &json!(3), &json!(7)));
    assert_eq!((&written["stop_sequences"], &written["metadata"]), (&json!(["END"]), &json!({"user_id": "u"})));
    for absent in ["top_p", "seed", "tool_choice", "tools", "thinking", "output_config", "stream", "system"] {
        assert!(written.get(absent).is_none(), "{absent}");
    }
    let kept = Request { sampling: Sampling { temperature: number("0.30"), ..Sampling::default() }, ..hi() };
    assert!(String::from_utf8(outgoing(&kept, &UNKNOWN).body).unwrap().contains("\"temperature\":0.30"));
}

#[test]
fn a_choice_of_tools_is_said_with_how_many_at_once() {
    for (choice, parallel, expected) in [
        (None, None, json!(null)),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Required), Some(true), json!({"type": "any"})),
        (
            Some(ToolChoice::Named("f".into())),
            Some(false),
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}),
        ),
        (Some(ToolChoice::Never), Some(false), json!({"type": "none"})),
    ] {
        let request = Request { tools: vec![tool()], tool_choice: choice, parallel_tool_calls: parallel, ..hi() };
        let written = written(&request);
        assert_eq!(written["tool_choice"], expected);
        assert_eq!(written["tools"], json!([{"name": "f", "input_schema": {"type": "object"}}]));
    }
}

#[test]
fn a_name_that_is_not_plain_is_refused() {
    let request = Request { tools: vec![Tool { name: "a b".into(), ..tool() }], ..hi() };
    let to = Target { model: "m", delivery: Delivery::Whole, manner: &UNKNOWN };
    assert!(
        write(&request, &to).unwrap_err().to_string().starts_with("the tool name \"a b\" can't be sent to Anthropic")
    );
}

#[test]
fn the_last_four_hints_count() {
    let hinted = |text: &'static str| Part { cache: Some(CacheHint::OneHour), ..Part::text(text) };
    let request = Request {
        system: vec![hinted("A")],
        tools: vec![Tool { cache: Some(CacheHint::Default), ..tool() }],
        ..conversation(vec![says(Role::User, vec![hinted("1"), hinted("2"), hinted("3"), hinted("4")])])
    };
    let written = written(&request);
    assert!(written["tools"][0].get("cache_control").is_none());
    assert_eq!(written["system"], "A");
    for block in written["messages"][0]["content"].as_array().unwrap() {
        assert_eq!(block["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    }
}

#[test]
fn an_uploaded_file_needs_its_beta() {
    let image = Part::of(Content::Image(Image { source: Source::File("file_1".into()), detail: None }));
    let outgoing = outgoing(&conversation(vec![says(Role::User, vec![image])]), &UNKNOWN);
    assert_eq!(outgoing.headers[0].0, "anthropic-beta");
}

#[test]
fn reasoning_by_budget_leaves_room_for_the_answer() {
    let budget = manner(ReasoningForm::Budget);
    for (amount, max_tokens, expected, limit) in [
        (Amount::Effort(Effort::Medium), number("100"), json!({"type": "enabled", "budget_tokens": 4096}), 4196),
        (Amount::Effort(Effort::Low), number("2000"), json!({"type": "enabled", "budget_tokens": 1024}), 2000),
        (Amount::Budget(10.into()), None, json!({"type": "enabled", "budget_tokens": 1024}), 4096),
        (Amount::Effort(Effort::High), None, json!({"type": "enabled", "budget_tokens": 16384}), 16384 + 4096),
        (Amount::Adaptive, number("9000"), json!({"type": "enabled", "budget_tokens": 4096}), 9000),
        (Amount::Off, number("9"), json!({"type": "disabled"}), 9),
    ] {
        let request = Request { reasoning: thinking(amount), max_tokens, ..hi() };
        let written = written_for(&request, &budget);
        assert_eq!((&written["thinking"], &written["max_tokens"]), (&expected, &json!(limit)));
        assert!(written.get("output_config").is_none());
    }
}

#[test]
fn thinking_and_answer_are_no_more_than_the_model_writes() {
    let small = Manner { max_tokens: 32_000, most_tokens: Some(32_000), ..manner(ReasoningForm::Budget) };
    for (amount, max_tokens, expected, limit, changes) in [
        (Amount::Budget(40_000.into()), number("4000"), json!(28_000), 32_000, vec![RAISED, BOUNDED]),
        (Amount::Effort(Effort::Max), None, json!(24_000), 32_000, vec![]),
        (Amount::Budget(2000.into()), number("64000"), json!(2000), 32_000, vec![LOWERED]),
        (Amount::Budget(31_000.into()), number("32000"), json!(31_000), 32_000, vec![]),
        (Amount::Off, number("64000"), json!(null), 32_000, vec![LOWERED]),
    ] {
        let request = Request { reasoning: thinking(amount), max_tokens, ..hi() };
        let written = written_for(&request, &small);
        assert_eq!((&written["thinking"]["budget_tokens"], &written["max_tokens"]), (&expected, &json!(limit)));
        let noted: Vec<_> = outgoing(&request, &small).notes.into_iter().map(|note| note.change).collect();
        assert_eq!(noted, changes);
    }
}

#[test]
fn without_thinking_no_effort_is_above_high() {
    let newest = Manner { efforts: vec![Effort::Low, Effort::High, Effort::XHigh], ..manner(ReasoningForm::Effort) };
    let free = Request { reasoning: thinking(Amount::Effort(Effort::XHigh)), tools: vec![tool()], ..hi() };
    assert_eq!(written_for(&free, &newest)["output_config"], json!({"effort": "xhigh"}));
    let forced = Request { tool_choice: Some(ToolChoice::Required), ..free };
    let written = written_for(&forced, &newest);
    assert_eq!(
        (&written["thinking"], &written["output_config"]),
        (&json!({"type": "disabled"}), &json!({"effort": "high"}))
    );
}

#[test]
fn reasoning_by_effort_is_a_word_that_the_model_offers() {
    let offered = Manner { efforts: vec![Effort::Low, Effort::High], ..manner(ReasoningForm::Effort) };
    for (amount, manner, thinking_is, effort) in [
        (Amount::Effort(Effort::XHigh), &UNKNOWN, "adaptive", json!({"effort": "xhigh"})),
        (Amount::Effort(Effort::Minimal), &UNKNOWN, "adaptive", json!({"effort": "low"})),
        (Amount::Effort(Effort::Medium), &offered, "adaptive", json!({"effort": "low"})),
        (Amount::Budget(16384.into()), &offered, "adaptive", json!({"effort": "high"})),
        (Amount::Adaptive, &UNKNOWN, "adaptive", json!(null)),
        (Amount::Off, &UNKNOWN, "disabled", json!(null)),
    ] {
        let request = Request { reasoning: thinking(amount), ..hi() };
        let written = written_for(&request, manner);
        assert_eq!((&written["thinking"], &written["output_config"]), (&json!({"type": thinking_is}), &effort));
    }
    let none = written_for(
        &Request { reasoning: thinking(Amount::Effort(Effort::High)), ..hi() },
        &manner(ReasoningForm::None),
    );
    assert!(none.get("thinking").is_none() && none.get("output_config").is_none());
}

#[test]
fn a_model_that_always_thinks_is_never_told_not_to() {
    let always =
        Manner { always_thinks: true, efforts: vec![Effort::Low, Effort::High], ..manner(ReasoningForm::Effort) };
    let off = Request { reasoning: thinking(Amount::Off), tools: vec![tool()], ..hi() };
    let written = written_for(&off, &always);
    assert_eq!(
        (&written["thinking"], &written["output_config"]),
        (&json!({"type": "adaptive"}), &json!({"effort": "low"}))
    );
    let forced = Request { tool_choice: Some(ToolChoice::Required), ..off };
    assert!(written_for(&forced, &always).get("thinking").is_none());
}

#[test]
fn a_model_that_takes_one_of_temperature_and_top_p_gets_the_temperature() {
    let sampling = Sampling { temperature: number("0.2"), top_p: number("0.5"), ..Sampling::default() };
    let both = Request { sampling, ..hi() };
    let alone = Manner { top_p_alone: true, ..UNKNOWN.clone() };
    let sent = |manner| {
        let written = written_for(&both, manner);
        (written.get("temperature").is_some(), written.get("top_p").is_some())
    };
    assert_eq!((sent(&UNKNOWN), sent(&alone)), ((true, true), (true, false)));
    let sampling = Sampling { top_p: number("0.5"), ..Sampling::default() };
    assert_eq!(written_for(&Request { sampling, ..hi() }, &alone)["top_p"], json!(0.5));
}

#[test]
fn what_is_sent_otherwise_than_it_was_asked_for_is_noted() {
    let noted = |request: &Request<'_>, form| {
        let notes = outgoing(request, &manner(form)).notes;
        notes.into_iter().map(|note| note.feature).collect::<Vec<_>>()
    };
    let sampling = Sampling { temperature: number("0.2"), top_k: number("3"), ..Sampling::default() };
    let thinks =
        Request { reasoning: thinking(Amount::Effort(Effort::Low)), sampling, max_tokens: number("10"), ..hi() };
    assert_eq!(noted(&thinks, ReasoningForm::Budget), [Feature::MaxTokens, Feature::Temperature, Feature::TopK],);
    assert_eq!(noted(&thinks, ReasoningForm::Effort), [Feature::Temperature, Feature::TopK]);
    let forced = Request { tool_choice: Some(ToolChoice::Required), tools: vec![tool()], ..thinks.clone() };
    assert_eq!(noted(&forced, ReasoningForm::Effort), [Feature::Reasoning]);
    let lost = Request {
        messages: vec![says(Role::User, vec![Part::text("Hi")]), says(Role::Assistant, vec![call("c")])],
        tools: vec![tool()],
        ..thinks
    };
    assert_eq!(noted(&lost, ReasoningForm::Budget), [Feature::Reasoning]);
    assert!(noted(&hi(), ReasoningForm::Budget).is_empty());
}

#[test]
fn beside_thinking_nothing_is_asked_for_that_is_refused_with_it() {
    let sampling =
        Sampling { temperature: number("0.2"), top_p: number("0.5"), top_k: number("3"), ..Sampling::default() };
    let request = Request { reasoning: thinking(Amount::Effort(Effort::Low)), sampling, tools: vec![tool()], ..hi() };
    for form in [ReasoningForm::Budget, ReasoningForm::Effort] {
        let with = written_for(&request, &manner(form));
        assert!(["temperature", "top_p", "top_k"].iter().all(|field| with.get(field).is_none()));
        let forced = Request { tool_choice: Some(ToolChoice::Required), ..request.clone() };
        let without = written_for(&forced, &manner(form));
        assert_eq!((&without["thinking"], &without["temperature"]), (&json!({"type": "disabled"}), &json!(0.2)));
    }
}

#[test]
fn a_model_of_a_budget_does_not_think_where_its_thoughts_were_lost() {
    let budget = manner(ReasoningForm::Budget);
    let is_on = |messages: Vec<Message<'_>>, manner: &Manner| {
        let request = Request { reasoning: thinking(Amount::Effort(Effort::Low)), ..conversation(messages) };
        written_for(&request, manner)["thinking"]["type"] != "disabled"
    };
    let asked = || says(Role::User, vec![Part::text("Hi")]);
    let called = |parts| says(Role::Assistant, parts);
    let given = || says(Role::User, vec![result("a", "x")]);
    assert!(!is_on(vec![asked(), called(vec![call("a")]), given()], &budget));
    assert!(!is_on(vec![asked(), called(vec![thought(None), call("a")]), given()], &budget));
    assert!(is_on(vec![asked(), called(vec![thought(Some("s")), call("a")]), given()], &budget));
    let sealed = Part::of(Content::SealedReasoning("x".into()));
    assert!(is_on(vec![asked(), called(vec![sealed, call("a")]), given()], &budget));
    let thoughtful = || called(vec![thought(Some("s")), call("a")]);
    assert!(is_on(vec![asked(), thoughtful(), given(), called(vec![call("b")]), given()], &budget), "it is one turn");
    assert!(!is_on(vec![asked(), called(vec![call("a")]), given(), thoughtful(), given()], &budget));
    assert!(!is_on(vec![asked(), thoughtful(), given(), asked(), called(vec![call("b")]), given()], &budget));
    let answered = says(Role::Assistant, vec![Part::text("so")]);
    assert!(is_on(vec![asked(), called(vec![call("a")]), given(), answered.clone(), asked()], &budget));
    assert!(!is_on(vec![asked(), answered], &budget));
    assert!(is_on(vec![asked(), called(vec![call("a")]), given()], &UNKNOWN));
}

#[test]
fn thoughts_are_sent_in_their_place_if_they_are_signed() {
    let parts = vec![thought(Some("s")), thought(None), call("a")];
    let request = conversation(vec![says(Role::User, vec![Part::text("Hi")]), says(Role::Assistant, parts)]);
    let blocks = &written(&request)["messages"][1]["content"];
    assert_eq!(blocks[0], json!({"type": "thinking", "thinking": "Hm", "signature": "s"}));
    assert_eq!((&blocks[1]["type"], blocks.as_array().unwrap().len()), (&json!("tool_use"), 2));
}

fn answer_of(schema: &'static str) -> Option<AnswerFormat<'static>> {
    let schema = Json::parse(schema).unwrap();
    Some(AnswerFormat::Schema(Schema { name: Some("n".into()), description: None, schema, strict: Some(true) }))
}

#[test]
fn a_schema_goes_into_the_formats_own_field_closed() {
    let request = Request { answer_format: answer_of(r#"{"type":"object","properties":{}}"#), ..hi() };
    let expected =
        json!({"type": "json_schema", "schema": {"type": "object", "properties": {}, "additionalProperties": false}});
    assert_eq!(written(&request)["output_config"]["format"], expected);
    assert!(!outgoing(&request, &UNKNOWN).answers_by_tool);
}

#[test]
fn a_schema_goes_into_a_tool_where_there_is_no_field() {
    let by_tool = Manner { schema: SchemaForm::Tool, ..UNKNOWN.clone() };
    let format = || answer_of(r#"{"type":"object"}"#);
    let alone = Request { answer_format: format(), ..hi() };
    let written = written_for(&alone, &by_tool);
    assert!(outgoing(&alone, &by_tool).answers_by_tool && written.get("output_config").is_none());
    assert_eq!(
        (&written["tools"][0]["name"], &written["tool_choice"]["name"]),
        (&json!(ANSWER_TOOL), &json!(ANSWER_TOOL))
    );
    for (choice, expected, tools) in [
        (None, "any", 2),
        (Some(ToolChoice::Auto), "any", 2),
        (Some(ToolChoice::Never), "tool", 2),
        (Some(ToolChoice::Required), "any", 1),
        (Some(ToolChoice::Named("f".into())), "tool", 1),
    ] {
        let request = Request { answer_format: format(), tools: vec![tool()], tool_choice: choice, ..hi() };
        let written = written_for(&request, &by_tool);
        assert_eq!(
            (&written["tool_choice"]["type"], written["tools"].as_array().unwrap().len()),
            (&json!(expected), tools)
        );
        assert_eq!(outgoing(&request, &by_tool).answers_by_tool, tools == 2);
    }
}

#[test]
fn any_json_is_asked_for_in_words() {
    let request = Request { system: vec![Part::text("S")], answer_format: Some(AnswerFormat::Json), ..hi() };
    let system = &written(&request)["system"];
    assert_eq!(system[0]["text"], "S");
    assert!(system[1]["text"].as_str().unwrap().contains("JSON object"));
}
