//! What upstreams get.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::adapter::Delivery;
use shared::catalog::rules::{ReasoningForm, SchemaForm};

use super::super::{read, write};
use crate::exchange::feature::Feature;
use crate::exchange::json::Json;
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{Citation, Content, Document, DocumentBody, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request, Sampling, Schema};
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult};
use crate::protocol::{ANSWER_TOOL, Outgoing, Target, Unsayable};

pub(super) fn written(request: &Request<'_>, manner: &Manner) -> Result<Outgoing, Unsayable> {
    write(request, &Target { model: "up", delivery: Delivery::Whole, manner })
}

pub(super) fn body(request: &Request<'_>, manner: &Manner) -> Value {
    serde_json::from_slice(&written(request, manner).unwrap().body).unwrap()
}

pub(super) fn asks() -> Request<'static> {
    Request { messages: vec![Message { role: Role::User, parts: vec![Part::text("hi")] }], ..Request::default() }
}

pub(super) fn said(role: Role, content: Content<'static>) -> Request<'static> {
    Request { messages: vec![Message { role, parts: vec![Part::of(content)] }], ..Request::default() }
}

fn schema() -> AnswerFormat<'static> {
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None })
}

fn tool(name: &'static str) -> Tool<'static> {
    Tool { name: name.into(), description: None, parameters: None, strict: None, cache: None }
}

#[test]
fn nothing_is_kept_at_the_upstream() {
    assert_eq!(
        body(&asks(), &UNKNOWN),
        json!({"model": "up", "input": [{"type": "message", "role": "user", "content": "hi"}], "store": false})
    );
    let streamed = write(&asks(), &Target { model: "up", delivery: Delivery::Stream, manner: &UNKNOWN }).unwrap();
    let streamed: Value = serde_json::from_slice(&streamed.body).unwrap();
    assert_eq!(streamed["stream"], true);
}

#[test]
fn a_tool_without_arguments_gets_an_empty_schema_and_strictness_is_always_said() {
    let request = Request { tools: vec![tool("f")], ..asks() };
    let expected =
        json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}]);
    assert_eq!(body(&request, &UNKNOWN)["tools"], expected);
}

#[test]
fn strict_is_said_of_schemas_alone_that_openai_holds_a_model_to() {
    let of = |schema| Tool { parameters: Json::parse(schema), strict: Some(true), ..tool("f") };
    let closed = of(r#"{"type":"object","properties":{},"additionalProperties":false}"#);
    let outgoing = written(&Request { tools: vec![closed.clone(), of("{}")], ..asks() }, &UNKNOWN).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!((&said["tools"][0]["strict"], &said["tools"][1]["strict"]), (&json!(true), &json!(false)));
    assert_eq!(outgoing.notes.iter().map(|note| note.feature).collect::<Vec<_>>(), [Feature::StrictTools]);
    assert!(written(&Request { tools: vec![closed], ..asks() }, &UNKNOWN).unwrap().notes.is_empty());
}

#[test]
fn names_that_the_format_has_not_are_refused() {
    let long: &'static str = Box::leak("x".repeat(65).into_boxed_str());
    let call = |name: &'static str| {
        let arguments = Json::empty_object();
        said(
            Role::Assistant,
            Content::ToolCall(ToolCall { id: "c".into(), name: name.into(), arguments, signature: None }),
        )
    };
    for name in ["a b", "", "é", long] {
        let error = written(&Request { tools: vec![tool(name)], ..asks() }, &UNKNOWN).unwrap_err();
        assert_eq!(error.what, format!("the tool name {name:?}"));
        assert!(written(&call(name), &UNKNOWN).is_err());
    }
    assert!(written(&call("a-B_9"), &UNKNOWN).is_ok());
}

#[test]
fn a_schema_is_native_or_the_arguments_of_a_tool() {
    let request = Request { answer_format: Some(schema()), ..asks() };
    let native = written(&request, &UNKNOWN).unwrap();
    assert!(!native.answers_by_tool);
    let format = json!({"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}});
    assert_eq!(body(&request, &UNKNOWN)["text"], format);
    let by_tool = Manner { schema: SchemaForm::Tool, ..UNKNOWN.clone() };
    assert!(written(&request, &by_tool).unwrap().answers_by_tool);
    let alone = body(&request, &by_tool);
    assert_eq!(alone["tool_choice"], json!({"type": "function", "name": ANSWER_TOOL}));
    assert_eq!(alone["tools"][0]["parameters"], json!({"type": "object"}));
    assert_eq!(alone.get("text"), None);
    let among = body(&Request { tools: vec![tool("f")], ..request }, &by_tool);
    assert_eq!((&among["tool_choice"], among["tools"].as_array().unwrap().len()), (&json!("required"), 2));
}

#[test]
fn effort_is_the_nearest_that_the_model_offers() {
    let with = |amount| Request { reasoning: Some(Reasoning { amount: Some(amount), shown: Some(true) }), ..asks() };
    let offers = Manner { efforts: vec![Effort::Low, Effort::High], ..UNKNOWN.clone() };
    for (amount, manner, effort) in [
        (Amount::Effort(Effort::XHigh), &UNKNOWN, Some("xhigh")),
        (Amount::Effort(Effort::XHigh), &offers, Some("high")),
        (Amount::Budget(2000.into()), &offers, Some("low")),
        (Amount::Adaptive, &offers, None),
        (Amount::Off, &offers, Some("none")),
    ] {
        let reasoning = &body(&with(amount.clone()), manner)["reasoning"];
        assert_eq!((reasoning["effort"].as_str(), &reasoning["summary"]), (effort, &json!("auto")), "{amount:?}");
    }
    let can_not = Manner { reasoning: ReasoningForm::None, ..UNKNOWN.clone() };
    let none = body(&with(Amount::Effort(Effort::Low)), &can_not);
    assert_eq!((none.get("reasoning"), none.get("include")), (None, None));
}

#[test]
fn reasoning_is_asked_for_sealed_where_it_is_in_play() {
    let sealed = json!(["reasoning.encrypted_content"]);
    let amount = |amount| Request { reasoning: Some(Reasoning { amount: Some(amount), shown: None }), ..asks() };
    assert_eq!(body(&amount(Amount::Effort(Effort::Low)), &UNKNOWN)["include"], sealed);
    assert_eq!(body(&amount(Amount::Off), &UNKNOWN).get("include"), None);
    let request = said(Role::Assistant, Content::SealedReasoning("E".into()));
    assert_eq!(body(&request, &UNKNOWN)["include"], sealed);
    assert_eq!(
        body(&request, &UNKNOWN)["input"],
        json!([{"type": "reasoning", "summary": [], "encrypted_content": "E"}])
    );
}

#[test]
fn open_reasoning_goes_to_those_alone_who_want_it() {
    let request = said(Role::Assistant, Content::Reasoning { text: "t".into(), signature: None });
    assert_eq!(body(&request, &UNKNOWN)["input"], json!([]));
    let wants = Manner { reasoning_field: Some("reasoning".into()), ..UNKNOWN.clone() };
    let expected = json!([{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]}]);
    assert_eq!(body(&request, &wants)["input"], expected);
}

#[test]
fn a_temperature_above_the_most_is_the_most() {
    let manner = Manner { max_temperature: Some(1), ..UNKNOWN.clone() };
    let number = |text: &'static str| serde_json::from_str(text).unwrap();
    let with =
        |text| Request { sampling: Sampling { temperature: Some(number(text)), ..Sampling::default() }, ..asks() };
    assert_eq!(body(&with("1.5"), &manner)["temperature"], 1);
    assert_eq!(body(&with("0.5"), &manner)["temperature"], 0.5);
}

#[test]
fn a_document_that_is_text_is_said_below_its_name() {
    let document = Document {
        body: DocumentBody::Text("text".into()),
        name: Some("name".into()),
        context: Some("context".into()),
        cites: false,
    };
    let part = |text: &str| json!({"type": "input_text", "text": text});
    let input = &body(&said(Role::User, Content::Document(document)), &UNKNOWN)["input"];
    assert_eq!(input[0]["content"], json!([part("context"), part("name"), part("text")]));
}

#[test]
fn what_a_model_said_in_parts_is_a_message_of_its_own_kind() {
    let parts = vec![Part::text("a"), Part::of(Content::Refusal("no".into()))];
    let request = Request { messages: vec![Message { role: Role::Assistant, parts }], ..Request::default() };
    let content =
        json!([{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}]);
    let expected =
        json!([{"type": "message", "id": "msg_0", "status": "completed", "role": "assistant", "content": content}]);
    assert_eq!(body(&request, &UNKNOWN)["input"], expected);
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex(r#"[a-z"\\\né{}]{1,12}"#).unwrap()
}

fn word() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-zA-Z0-9_-]{1,12}").unwrap()
}

fn source() -> impl Strategy<Value = Source<'static>> {
    prop_oneof![
        word().prop_map(|data| Source::Inline { media_type: "image/png".into(), data: data.into() }),
        word().prop_map(|path| Source::Url { url: format!("https://h/{path}").into(), media_type: None }),
        word().prop_map(|id| Source::File(id.into())),
    ]
}

fn image() -> impl Strategy<Value = Content<'static>> {
    source().prop_map(|source| Content::Image(Image { source, detail: Some("low".into()) }))
}

fn words() -> impl Strategy<Value = Content<'static>> {
    text().prop_map(|text| Content::Text { text: text.into(), citations: Vec::new() })
}

fn of_user() -> impl Strategy<Value = Content<'static>> {
    let file = (source(), word()).prop_map(|(source, name)| {
        let name = matches!(source, Source::Inline { .. }).then(|| format!("{name}.pdf").into());
        Content::Document(Document { body: DocumentBody::Bytes(source), name, context: None, cites: false })
    });
    prop_oneof![words(), image(), file]
}

fn cited() -> impl Strategy<Value = Content<'static>> {
    (text(), proptest::option::of((word(), 0..9u64))).prop_map(|(text, citation)| {
        let citations = citation.map(|(word, from)| Citation {
            url: Some(format!("https://h/{word}").into()),
            title: Some(word.into()),
            answer_span: Some((from, from + 1)),
            ..Citation::default()
        });
        Content::Text { text: text.into(), citations: citations.into_iter().collect() }
    })
}

fn of_assistant() -> impl Strategy<Value = Content<'static>> {
    let sealed = text().prop_map(|sealed| Content::SealedReasoning(sealed.into()));
    let reasoning = (text(), text())
        .prop_map(|(text, signature)| Content::Reasoning { text: text.into(), signature: Some(signature.into()) });
    prop_oneof![cited(), text().prop_map(|text| Content::Refusal(text.into())), sealed, reasoning]
}

fn parts(content: impl Strategy<Value = Content<'static>>) -> impl Strategy<Value = Vec<Part<'static>>> {
    proptest::collection::vec(content.prop_map(Part::of), 1..4)
}

/// A question, an answer with a call, and its result with what is said after it.
fn round() -> impl Strategy<Value = Vec<Message<'static>>> {
    let call = (word(), word(), text());
    let result = proptest::collection::vec(prop_oneof![words(), image()].prop_map(Part::of), 0..3);
    (parts(of_user()), parts(of_assistant()), call, result, parts(of_user())).prop_map(
        |(question, mut answer, (id, name, argument), content, after)| {
            let arguments = Json::of(&json!({ "a": argument }));
            let call = ToolCall { id: id.clone().into(), name: name.clone().into(), arguments, signature: None };
            answer.push(Part::of(Content::ToolCall(call)));
            let result = ToolResult { id: id.into(), name: Some(name.into()), content, is_error: false };
            let mut turn = vec![Part::of(Content::ToolResult(result))];
            turn.extend(after);
            let message = |role, parts| Message { role, parts };
            vec![message(Role::User, question), message(Role::Assistant, answer), message(Role::User, turn)]
        },
    )
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let tools = proptest::option::of((word(), proptest::option::of(text()), any::<bool>()));
    let format =
        prop_oneof![Just(None), Just(Some(AnswerFormat::Text)), Just(Some(AnswerFormat::Json)), Just(Some(named()))];
    let amount =
        prop_oneof![Just(Amount::Off), Just(Amount::Effort(Effort::Max)), Just(Amount::Effort(Effort::Minimal))];
    let shown = prop_oneof![Just(None), Just(Some(true))];
    let reasoning = proptest::option::of((amount, shown));
    let options = (any::<Option<bool>>(), any::<Option<u64>>(), proptest::option::of(text()), format, reasoning);
    (proptest::option::of(text()), round(), tools, options).prop_map(|(system, mut messages, tools, options)| {
        let (parallel_tool_calls, max_tokens, user, answer_format, reasoning) = options;
        // Whoever asks for JSON has to say the word, and a limit has a least.
        if let (Some(AnswerFormat::Json), Some(first)) = (&answer_format, messages.first_mut()) {
            first.parts = vec![Part::text("json")];
        }
        let max_tokens = max_tokens.map(|tokens: u64| tokens.max(16));
        let tool_choice = tools.as_ref().map(|(name, ..)| ToolChoice::Named(name.clone().into()));
        let tools = tools.map(|(name, description, strict)| Tool {
            name: name.into(),
            description: description.map(Into::into),
            parameters: Json::parse(r#"{"type":"object","properties":{},"additionalProperties":false}"#),
            strict: Some(strict),
            cache: None,
        });
        Request {
            system: system.map(Part::text).into_iter().collect(),
            messages,
            tools: tools.into_iter().collect(),
            tool_choice,
            parallel_tool_calls,
            max_tokens: max_tokens.map(Into::into),
            sampling: Sampling { temperature: serde_json::from_str("0.70").ok(), ..Sampling::default() },
            answer_format,
            reasoning: reasoning.map(|(amount, shown)| Reasoning { amount: Some(amount), shown }),
            user: user.map(Into::into),
            wants_usage: true,
            ..Request::default()
        }
    })
}

fn named() -> AnswerFormat<'static> {
    let schema = Json::parse(r#"{"b" : 1}"#).unwrap();
    AnswerFormat::Schema(Schema { name: Some("n".into()), description: Some("d".into()), schema, strict: Some(true) })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(request in request()) {
        let outgoing = written(&request, &UNKNOWN).unwrap();
        let mut back = read(&outgoing.body).unwrap();
        // What it says of itself: nothing is kept, and reasoning comes sealed.
        back.extras.retain(|extra| extra.loss != crate::exchange::request::Loss::Silent);
        prop_assert_eq!(back, request);
    }
}
