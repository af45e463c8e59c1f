mod demands;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::adapter::Delivery;
use shared::catalog::rules::{ReasoningForm, SchemaForm};

use super::*;
use crate::exchange::feature::{Feature, Features};
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::*;
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Loss, Request, Sampling, Schema};
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult};
use crate::protocol::bedrock::limits;
use crate::protocol::{ANSWER_TOOL, Outgoing, Target, Unsayable};

fn target(manner: &Manner) -> Target<'_> {
    Target { model: "m", delivery: Delivery::Whole, manner }
}

fn try_written(request: &Request<'_>, manner: &Manner) -> Result<Outgoing, Unsayable> {
    write(request, &target(manner))
}

fn written(request: &Request<'_>, manner: &Manner) -> Value {
    serde_json::from_slice(&try_written(request, manner).unwrap().body).unwrap()
}

fn user(parts: Vec<Part<'static>>) -> Message<'static> {
    Message { role: Role::User, parts }
}

fn assistant(parts: Vec<Part<'static>>) -> Message<'static> {
    Message { role: Role::Assistant, parts }
}

fn call(id: &'static str, name: &'static str) -> Part<'static> {
    let arguments = Json::empty_object();
    Part::of(Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: None }))
}

fn result(id: &'static str, content: Vec<Part<'static>>) -> Part<'static> {
    Part::of(Content::ToolResult(ToolResult { id: id.into(), name: None, content, is_error: false }))
}

fn of_messages(messages: Vec<Message<'static>>) -> Request<'static> {
    Request { messages, ..Request::default() }
}

fn tool(name: &'static str) -> Tool<'static> {
    let parameters = Json::parse(r#"{"type":"object"}"#);
    Tool { name: name.into(), description: None, parameters, strict: None, cache: None }
}

fn json_of(text: &'static str) -> Json<'static> {
    Json::parse(text).unwrap()
}

fn manner(reasoning: ReasoningForm, schema: SchemaForm) -> Manner {
    Manner { reasoning, schema, ..UNKNOWN.clone() }
}

#[test]
fn a_callers_request_is_read_into_the_exchange_form() {
    let body = r#"{
        "system": [{"text": "Be kind."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [
                {"text": "What is it?"},
                {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}},
                {"document": {"format": "pdf", "name": "n", "source": {"bytes": "aGk="}, "context": "c", "citations": {"enabled": true}}},
                {"cachePoint": {"type": "default"}}]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
                {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
                {"toolUse": {"toolUseId": "t1--ts--aB-_.", "name": "look", "input": {"a" : 1}}}]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "t1--ts--aB-_.", "status": "error", "content": [{"text": "no"}, {"json": {"b" : 2}}]}}]}
        ],
        "inferenceConfig": {"maxTokens": 10, "temperature": 0.50, "topP": 1, "stopSequences": ["x"]},
        "toolConfig": {"tools": [
            {"toolSpec": {"name": "look", "description": "d", "inputSchema": {"json": {"type": "object"}}, "strict": true}},
            {"cachePoint": {"type": "default"}}], "toolChoice": {"tool": {"name": "look"}}},
        "additionalModelRequestFields": {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 2000}}
    }"#;
    let request = read(body.as_bytes()).unwrap();
    assert!(request.wants_usage && request.extras.is_empty(), "{:?}", request.extras);
    assert_eq!(request.system[0].cache, Some(CacheHint::OneHour));
    let [asked, answered, given] = &request.messages[..] else { panic!() };
    assert_eq!(asked.parts.len(), 3);
    let Content::Document(document) = &asked.parts[2].content else { panic!() };
    assert!(document.cites && document.context.as_deref() == Some("c"));
    assert_eq!(asked.parts[2].cache, Some(CacheHint::Default));
    let Content::ToolCall(called) = &answered.parts[2].content else { panic!() };
    assert_eq!((&*called.id, called.signature.as_deref()), ("t1", Some("aB+/=")));
    assert_eq!(called.arguments.as_str(), r#"{"a" : 1}"#);
    let Content::ToolResult(gave) = &given.parts[0].content else { panic!() };
    assert!(gave.is_error && &*gave.id == "t1" && gave.name.as_deref() == Some("look"));
    assert_eq!(gave.content, [Part::text("no"), Part::text(r#"{"b" : 2}"#)]);
    assert_eq!(request.sampling.temperature.as_ref().unwrap().as_str(), "0.50");
    assert_eq!(request.tools[0].cache, Some(CacheHint::Default));
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("look".into())));
    assert_eq!(request.reasoning.unwrap().amount, Some(Amount::Budget(2000.into())));
    assert_eq!(request.sampling.top_k, Some(5.into()));
}

#[test]
fn what_has_no_home_is_kept_with_what_its_loss_comes_to() {
    let message = |block: &str| format!(r#"{{"messages": [{{"role": "user", "content": [{block}]}}]}}"#);
    let top = |member: &str| format!(r#"{{"messages": [], {member}}}"#);
    for (body, field, loss) in [
        (message(r#"{"guardContent": {"text": {"text": "x"}}}"#), "messages[0].content[0].guardContent", Loss::Refused),
        (message(r#"{"video": {}}"#), "messages[0].content[0].video", Loss::Refused),
        (
            message(r#"{"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}"#),
            "messages[0].content[0].image",
            Loss::Refused,
        ),
        (
            message(r#"{"document": {"name": "n", "source": {"s3Location": {"uri": "s3://b/k"}}}}"#),
            "messages[0].content[0].document",
            Loss::Refused,
        ),
        (message(r#"{"ofTomorrow": 1}"#), "messages[0].content[0].ofTomorrow", Loss::Refused),
        (
            message(r#"{"toolResult": {"toolUseId": "t", "content": [{"video": {}}]}}"#),
            "messages[0].content[0].toolResult.content[0].video",
            Loss::Refused,
        ),
        (top(r#""system": [{"guardContent": {}}]"#), "system[0].guardContent", Loss::Refused),
        (top(r#""guardrailConfig": {}"#), "guardrailConfig", Loss::Refused),
        (top(r#""promptVariables": {}"#), "promptVariables", Loss::Refused),
        (top(r#""requestMetadata": {}"#), "requestMetadata", Loss::Warned),
        (top(r#""serviceTier": {}"#), "serviceTier", Loss::Warned),
        (top(r#""performanceConfig": {}"#), "performanceConfig", Loss::Warned),
        (top(r#""additionalModelResponseFieldPaths": []"#), "additionalModelResponseFieldPaths", Loss::Warned),
        (
            top(r#""toolConfig": {"tools": [{"systemTool": {"name": "x"}}]}"#),
            "toolConfig.tools[0].systemTool",
            Loss::Refused,
        ),
        (top(r#""additionalModelRequestFields": {"tools": []}"#), "additionalModelRequestFields.tools", Loss::Refused),
        (
            top(r#""additionalModelRequestFields": {"anthropic_beta": []}"#),
            "additionalModelRequestFields.anthropic_beta",
            Loss::Warned,
        ),
    ] {
        let request = read(body.as_bytes()).unwrap();
        let found: Vec<_> = request.extras.iter().map(|extra| (&*extra.field, extra.loss)).collect();
        assert_eq!(found, [(field, loss)], "{body}");
    }
}

#[test]
fn what_is_wrong_is_named_in_the_callers_words() {
    let message = |block: &str| format!(r#"{{"messages": [{{"role": "user", "content": [{block}]}}]}}"#);
    for (body, field) in [
        ("{}".to_owned(), "messages"),
        ("[]".to_owned(), "(body)"),
        (r#"{"messages": 1}"#.to_owned(), "messages"),
        (r#"{"messages": [{"role": "tool", "content": []}]}"#.to_owned(), "messages[0].role"),
        (r#"{"messages": [{"role": "user", "content": "x"}]}"#.to_owned(), "messages[0].content"),
        (message(r#"{"text": 1}"#), "messages[0].content[0].text"),
        (message("{}"), "messages[0].content[0]"),
        (message(r#"{"image": {"format": "bmp", "source": {"bytes": ""}}}"#), "messages[0].content[0].image.format"),
        (message(r#"{"image": {"format": "png", "source": {}}}"#), "messages[0].content[0].image.source.bytes"),
        (message(r#"{"document": {"name": "n", "source": {}}}"#), "messages[0].content[0].document.source"),
        (message(r#"{"toolUse": {"toolUseId": "t", "name": "n", "input": [1]}}"#), "messages[0].content[0].toolUse.input"),
        (message(r#"{"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}"#), "messages[0].content[0]"),
        (message(r#"{"cachePoint": {"type": "default", "ttl": "2h"}}"#), "messages[0].content[0].cachePoint.ttl"),
        (
            message(r#"{"toolResult": {"toolUseId": "t", "content": [{"text": 1}]}}"#),
            "messages[0].content[0].toolResult.content[0].text",
        ),
        (r#"{"messages": [], "inferenceConfig": {"maxTokens": "1"}}"#.to_owned(), "inferenceConfig.maxTokens"),
        (r#"{"messages": [], "toolConfig": {"toolChoice": {"none": {}}}}"#.to_owned(), "toolConfig.toolChoice"),
        (r#"{"messages": [], "outputConfig": {"effort": "some"}}"#.to_owned(), "outputConfig.effort"),
        (
            r#"{"messages": [], "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "x"}}}}}"#
                .to_owned(),
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
    ] {
        assert_eq!(read(body.as_bytes()).unwrap_err().field, field, "{body}");
    }
}

#[test]
fn turns_alternate_and_the_first_is_the_users() {
    let request = of_messages(vec![
        assistant(vec![Part::text("hello")]),
        user(vec![Part::text("a"), Part::text("  \n")]),
        assistant(vec![Part::text("")]),
        Message { role: Role::System, parts: vec![Part::text("be brief")] },
        user(vec![Part::text("b")]),
    ]);
    let body = written(&request, &UNKNOWN);
    assert_eq!(body["system"], json!([{"text": "be brief"}]));
    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(body["messages"][1], json!({"role": "assistant", "content": [{"text": "hello"}]}));
    assert_eq!(body["messages"][2], json!({"role": "user", "content": [{"text": "a"}, {"text": "b"}]}));
    assert_eq!(written(&Request::default(), &UNKNOWN)["messages"][0]["role"], "user");
}

#[test]
fn all_results_of_a_turn_stand_first_in_one_message() {
    let mut second = result("c 2", vec![Part::text(" ")]);
    second.cache = Some(CacheHint::FiveMinutes);
    let request = of_messages(vec![
        user(vec![Part::text("go")]),
        assistant(vec![call("c 1", "f"), call("c 2", "f")]),
        user(vec![result("c 1", vec![Part::text("one")])]),
        user(vec![Part::text("and?")]),
        user(vec![second]),
    ]);
    let body = written(&request, &UNKNOWN);
    let content = &body["messages"][2]["content"];
    let called = &body["messages"][1]["content"];
    assert_eq!(content[0]["toolResult"]["toolUseId"], called[0]["toolUse"]["toolUseId"]);
    assert_eq!(content[1]["toolResult"]["toolUseId"], called[1]["toolUse"]["toolUseId"]);
    assert_eq!(content[1]["toolResult"]["content"], json!([{"text": "(no output)"}]));
    assert_eq!(content[2], json!({"cachePoint": {"type": "default", "ttl": "5m"}}));
    assert_eq!(content[3], json!({"text": "and?"}));
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn a_history_with_calls_has_tools_even_if_the_caller_sends_none() {
    let history = of_messages(vec![
        user(vec![Part::text("go")]),
        assistant(vec![call("1", "f"), call("2", "g"), call("3", "f")]),
        user(vec![result("1", vec![]), result("2", vec![]), result("3", vec![])]),
    ]);
    let spec = |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}});
    assert_eq!(written(&history, &UNKNOWN)["toolConfig"], json!({"tools": [spec("f"), spec("g")]}));
    // Not calling is said by sending no tools, where the history lets us.
    let never = Request { tools: vec![tool("f")], tool_choice: Some(ToolChoice::Never), ..history };
    assert_eq!(written(&never, &UNKNOWN)["toolConfig"], json!({"tools": [spec("f")]}));
    let never = Request { messages: vec![user(vec![Part::text("go")])], ..never };
    assert_eq!(written(&never, &UNKNOWN).get("toolConfig"), None);
}

#[test]
fn tools_are_written_as_amazon_wants_them() {
    let mut odd = tool("f");
    odd.description = Some(" ".into());
    odd.parameters = Some(json_of("{ \"properties\": {}}"));
    odd.strict = Some(true);
    odd.cache = Some(CacheHint::Default);
    let bare = Tool { parameters: None, strict: Some(false), ..tool("g") };
    let request = Request { tools: vec![odd, bare], tool_choice: Some(ToolChoice::Required), ..Request::default() };
    let expected = json!({
        "tools": [
            {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}, "additionalProperties": false}}, "strict": true}},
            {"cachePoint": {"type": "default"}},
            {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object"}}}},
        ],
        "toolChoice": {"any": {}},
    });
    assert_eq!(written(&request, &UNKNOWN)["toolConfig"], expected);
    let loose = written(&request, &manner(ReasoningForm::None, SchemaForm::Tool));
    assert_eq!(loose["toolConfig"]["tools"][0]["toolSpec"].get("strict"), None);
    let wrong = Request { tools: vec![tool("a b")], ..Request::default() };
    assert_eq!(try_written(&wrong, &UNKNOWN).unwrap_err().what, r#"the tool name "a b""#);
}

#[test]
fn documents_are_named_and_never_come_without_a_word() {
    let document = |name: Option<&'static str>, media_type: &'static str| {
        let body = DocumentBody::Bytes(Source::Inline { media_type: media_type.into(), data: "aGk=".into() });
        Part::of(Content::Document(Document { body, name: name.map(Into::into), context: None, cites: false }))
    };
    let parts = vec![
        document(Some("a.pdf"), "application/pdf"),
        document(Some("a.pdf"), "application/pdf"),
        document(Some("b.docx"), "application/octet-stream"),
    ];
    let body = written(&of_messages(vec![user(parts)]), &UNKNOWN);
    let content = body["messages"][0]["content"].as_array().unwrap();
    let named: Vec<_> = content.iter().filter_map(|block| block["document"]["name"].as_str()).collect();
    assert_eq!(named, ["a-pdf", "a-pdf (2)", "b-docx"]);
    assert_eq!(content[2]["document"]["format"], "docx");
    assert!(content[3]["text"].is_string());
    let unknown = of_messages(vec![user(vec![document(None, "application/zip")])]);
    assert!(try_written(&unknown, &UNKNOWN).unwrap_err().what.contains("application/zip"));
}

#[test]
fn reasoning_goes_back_with_its_proof_only() {
    let reasoning = |signature: Option<&'static str>| {
        Part::of(Content::Reasoning { text: "hm".into(), signature: signature.map(Into::into) })
    };
    let sealed = Part::of(Content::SealedReasoning("c2VhbGVk".into()));
    let said = vec![reasoning(None), reasoning(Some("s")), sealed, Part::text("so")];
    let body = written(&of_messages(vec![user(vec![Part::text("?")]), assistant(said)]), &UNKNOWN);
    let expected = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
        {"text": "so"},
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
}

#[test]
fn what_is_sent_otherwise_than_it_was_asked_for_is_noted() {
    let budget = manner(ReasoningForm::Budget, SchemaForm::Native);
    let reasoning = Some(Reasoning { amount: Some(Amount::Effort(Effort::High)), shown: None });
    let sampling = Sampling { temperature: Some(1.into()), top_p: Some(1.into()), ..Sampling::default() };
    let asked = Request { reasoning, max_tokens: Some(10.into()), sampling, ..Request::default() };
    let noted = |request: &Request<'_>| {
        let notes = try_written(request, &budget).unwrap().notes;
        notes.into_iter().map(|note| note.feature).collect::<Vec<_>>()
    };
    assert_eq!(noted(&asked), [Feature::MaxTokens, Feature::Temperature]);
    let body = written(&asked, &budget);
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 16_384 + 10, "topP": 1}));
    let forced = Request { tools: vec![tool("f")], tool_choice: Some(ToolChoice::Required), ..asked };
    assert_eq!(noted(&forced), [Feature::Reasoning]);
    let alone = Manner { top_p_alone: true, ..budget.clone() };
    assert_eq!(written(&forced, &alone)["inferenceConfig"], json!({"maxTokens": 10, "temperature": 1}));
}

#[test]
fn reasoning_is_asked_for_in_the_models_manner() {
    let budget = manner(ReasoningForm::Budget, SchemaForm::Native);
    let effort = manner(ReasoningForm::Effort, SchemaForm::Native);
    let few = Manner { efforts: vec![Effort::Low, Effort::High], ..effort.clone() };
    let always = Manner { always_thinks: true, ..few.clone() };
    let none = manner(ReasoningForm::None, SchemaForm::Native);
    let adaptive = json!({"type": "adaptive"});
    let enabled = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    for (amount, manner, thinking, word) in [
        (Amount::Off, &budget, Value::Null, Value::Null),
        (Amount::Off, &effort, Value::Null, Value::Null),
        (Amount::Off, &few, json!({"type": "disabled"}), Value::Null),
        (Amount::Off, &always, adaptive.clone(), json!("low")),
        (Amount::Effort(Effort::High), &none, Value::Null, Value::Null),
        (Amount::Effort(Effort::High), &budget, enabled(16_384), Value::Null),
        (Amount::Adaptive, &budget, enabled(4096), Value::Null),
        (Amount::Budget(10.into()), &budget, enabled(1024), Value::Null),
        (Amount::Adaptive, &effort, adaptive.clone(), Value::Null),
        (Amount::Effort(Effort::Minimal), &effort, adaptive.clone(), json!("low")),
        (Amount::Effort(Effort::Max), &effort, adaptive.clone(), json!("max")),
        (Amount::Effort(Effort::Medium), &few, adaptive.clone(), json!("low")),
        (Amount::Budget(4096.into()), &effort, adaptive.clone(), json!("medium")),
    ] {
        let reasoning = Some(Reasoning { amount: Some(amount), shown: None });
        let body = written(&Request { reasoning, ..Request::default() }, manner);
        assert_eq!(body["additionalModelRequestFields"]["thinking"], thinking);
        assert_eq!(body["outputConfig"]["effort"], word);
    }
}

#[test]
fn the_limit_of_tokens_is_above_the_budget_for_thinking() {
    let manner = manner(ReasoningForm::Budget, SchemaForm::Native);
    let limit = |max_tokens: Option<u64>| {
        let reasoning = Some(Reasoning { amount: Some(Amount::Budget(2000.into())), shown: None });
        let request = Request { reasoning, max_tokens: max_tokens.map(Number::from), ..Request::default() };
        written(&request, &manner)["inferenceConfig"]["maxTokens"].as_u64().unwrap()
    };
    assert_eq!([limit(None), limit(Some(100)), limit(Some(2000)), limit(Some(2001))], [6096, 2100, 4000, 2001]);
}

#[test]
fn a_model_that_has_to_call_a_tool_is_not_asked_to_think() {
    let reasoning = Some(Reasoning { amount: Some(Amount::Effort(Effort::Max)), shown: None });
    let request =
        Request { reasoning, tools: vec![tool("f")], tool_choice: Some(ToolChoice::Required), ..Request::default() };
    let body = written(&request, &manner(ReasoningForm::Budget, SchemaForm::Native));
    assert_eq!(body.get("additionalModelRequestFields"), None);
    let body = written(&request, &manner(ReasoningForm::Effort, SchemaForm::Native));
    assert_eq!((body.get("additionalModelRequestFields"), &body["outputConfig"]["effort"]), (None, &json!("high")));
}

#[test]
fn a_schema_is_a_field_or_a_tool_and_json_is_asked_for_in_words() {
    let schema =
        Schema { name: Some("n".into()), description: None, schema: json_of("{\"type\":\"object\"}"), strict: None };
    let request = Request { answer_format: Some(AnswerFormat::Schema(schema)), ..Request::default() };
    let native = try_written(&request, &UNKNOWN).unwrap();
    let body: Value = serde_json::from_slice(&native.body).unwrap();
    let expected = json!({"type": "json_schema", "structure": {"jsonSchema": {"schema": "{\"type\":\"object\",\"additionalProperties\":false}", "name": "n"}}});
    assert_eq!((native.answers_by_tool, &body["outputConfig"]["textFormat"]), (false, &expected));

    let by_tool = manner(ReasoningForm::None, SchemaForm::Tool);
    for (tools, choice, expected) in [
        (vec![], None, json!({"tool": {"name": ANSWER_TOOL}})),
        (vec![tool("f")], None, json!({"any": {}})),
        (vec![tool("f")], Some(ToolChoice::Never), json!({"tool": {"name": ANSWER_TOOL}})),
        (vec![tool("f")], Some(ToolChoice::Named("f".into())), json!({"tool": {"name": "f"}})),
    ] {
        let request = Request { tools, tool_choice: choice, ..request.clone() };
        let forced = try_written(&request, &by_tool).unwrap();
        let body: Value = serde_json::from_slice(&forced.body).unwrap();
        assert!(forced.answers_by_tool && body.get("outputConfig").is_none());
        assert_eq!(body["toolConfig"]["toolChoice"], expected);
        let tools = body["toolConfig"]["tools"].as_array().unwrap();
        assert_eq!(tools.last().unwrap()["toolSpec"]["name"], ANSWER_TOOL);
    }

    let system = vec![Part::text("Be kind.")];
    let body = written(&Request { system, answer_format: Some(AnswerFormat::Json), ..Request::default() }, &UNKNOWN);
    assert!(body["system"][1]["text"].as_str().unwrap().contains("JSON object"));
}

#[test]
fn a_temperature_is_not_above_the_highest() {
    for (given, expected) in [("1.7", "1"), ("1", "1"), ("0.70", "0.70"), ("2", "1")] {
        let temperature = Some(serde_json::from_str(given).unwrap());
        let request = Request { sampling: Sampling { temperature, ..Sampling::default() }, ..Request::default() };
        let body = try_written(&request, &UNKNOWN).unwrap().body;
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(&format!("\"temperature\":{expected}}}")), "{text}");
    }
}

#[test]
fn what_is_elsewhere_can_not_be_said() {
    let url = Source::Url { url: "https://h/x.png".into(), media_type: None };
    for content in [
        Content::Image(Image { source: url.clone(), detail: None }),
        Content::Audio(Audio { source: url.clone() }),
        Content::Document(Document { body: DocumentBody::Bytes(url), name: None, context: None, cites: false }),
    ] {
        assert!(try_written(&of_messages(vec![user(vec![Part::of(content)])]), &UNKNOWN).is_err());
    }
}

/// Texts that are not blank.
fn text() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n]{0,8}[a-z]"
}

fn cache() -> impl Strategy<Value = Option<CacheHint>> {
    let hints = [CacheHint::Default, CacheHint::FiveMinutes, CacheHint::OneHour];
    prop::option::weighted(0.2, prop::sample::select(hints.to_vec()))
}

fn inline(types: &'static [&'static str]) -> impl Strategy<Value = Source<'static>> {
    (prop::sample::select(types), "[A-Za-z0-9+/]{4}")
        .prop_map(|(media_type, data)| Source::Inline { media_type: media_type.into(), data: data.into() })
}

fn arguments() -> impl Strategy<Value = Json<'static>> {
    prop::sample::select(vec!["{}", "{\"a\":1}", "{\"b\" : [1.0, null]}"]).prop_map(json_of)
}

fn user_content() -> impl Strategy<Value = Content<'static>> {
    let image = inline(&["image/png", "image/jpeg", "image/gif", "image/webp"]);
    let audio = inline(&["audio/mpeg", "audio/wav"]);
    prop_oneof![
        text().prop_map(|text| Content::Text { text: text.into(), citations: vec![] }),
        image.prop_map(|source| Content::Image(Image { source, detail: None })),
        audio.prop_map(|source| Content::Audio(Audio { source })),
    ]
}

fn results(ids: std::ops::Range<u8>) -> Vec<Part<'static>> {
    ids.map(|id| {
        let result = ToolResult {
            id: format!("call_{id}").into(),
            name: Some("f".into()),
            content: vec![Part::text("it is so")],
            is_error: id % 2 == 0,
        };
        Part::of(Content::ToolResult(result))
    })
    .collect()
}

fn assistant_content() -> impl Strategy<Value = Content<'static>> {
    prop_oneof![
        text().prop_map(|text| Content::Text { text: text.into(), citations: vec![] }),
        (text(), text())
            .prop_map(|(text, proof)| Content::Reasoning { text: text.into(), signature: Some(proof.into()) }),
        "[a-z]{4}".prop_map(|sealed| Content::SealedReasoning(sealed.into())),
    ]
}

fn part(content: impl Strategy<Value = Content<'static>>) -> impl Strategy<Value = Part<'static>> {
    (content, cache()).prop_map(|(content, cache)| Part { content, cache })
}

/// What was asked, what was answered with calls, and what they gave.
fn messages() -> impl Strategy<Value = Vec<Message<'static>>> {
    let document = Part::of(Content::Document(Document {
        body: DocumentBody::Text("all of it".into()),
        name: Some("notes".into()),
        context: Some("c".into()),
        cites: true,
    }));
    let asked = prop::collection::vec(part(user_content()), 0..4);
    let answered = (prop::collection::vec(part(assistant_content()), 0..3), prop::collection::vec(arguments(), 1..3));
    (asked, answered, prop::bool::ANY).prop_map(move |(mut asked, (mut answered, calls), has_document)| {
        asked.push(Part::text("well?"));
        if has_document {
            asked.push(document.clone());
        }
        let count = calls.len() as u8;
        answered.extend((0..count).zip(calls).map(|(id, arguments)| {
            let id = format!("call_{id}").into();
            Part::of(Content::ToolCall(ToolCall { id, name: "f".into(), arguments, signature: None }))
        }));
        vec![user(asked), assistant(answered), user(results(0..count))]
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool<'static>>> {
    let description = prop::option::of(text());
    let one = (description, prop::option::of(Just(true)), cache()).prop_map(|(description, strict, cache)| Tool {
        description: description.map(Into::into),
        strict,
        cache,
        parameters: Json::parse(r#"{"type":"object","additionalProperties":false}"#),
        ..tool("f")
    });
    prop::collection::vec(one, 1..3)
}

fn number(range: std::ops::Range<u64>) -> impl Strategy<Value = Option<Number<'static>>> {
    prop::option::of(range.prop_map(Number::from))
}

prop_compose! {
    /// What the format can say.
    fn sayable()(
        messages in messages(),
        tools in tools(),
        system in prop::collection::vec(part(text().prop_map(|text| Content::Text { text: text.into(), citations: vec![] })), 0..3),
        choice in prop::option::of(prop::sample::select(vec![ToolChoice::Required, ToolChoice::Named("f".into())])),
        max_tokens in number(1..9999),
        temperature in number(0..2),
        top_p in number(0..2),
        top_k in number(1..500),
        stop in prop::collection::vec(text(), 0..3),
        has_schema in prop::bool::ANY,
        amount in prop::option::of(prop::sample::select(vec![Amount::Adaptive, Amount::Effort(Effort::XHigh)])),
    ) -> Request<'static> {
        let schema = Schema { name: Some("n".into()), description: None, schema: json_of("{\"a\":\"\\\"\"}"), strict: None };
        // A model that has to call a tool can't be asked to think.
        let amount = amount.filter(|_| choice.is_none());
        // Nor can sampling be chosen while it thinks.
        let (temperature, top_p, top_k) = if amount.is_some() { (None, None, None) } else { (temperature, top_p, top_k) };
        Request {
            system, messages, tools, max_tokens,
            tool_choice: choice,
            sampling: Sampling { temperature, top_p, top_k, ..Sampling::default() },
            stop: stop.into_iter().map(Into::into).collect(),
            answer_format: has_schema.then_some(AnswerFormat::Schema(schema)),
            reasoning: amount.map(|amount| Reasoning { amount: Some(amount), shown: None }),
            wants_usage: true,
            ..Request::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(request in sayable()) {
        let out = write(&request, &target(&UNKNOWN)).unwrap();
        prop_assert_eq!(read(&out.body).unwrap(), request.clone());
        let features = Features::of(&request);
        for feature in Feature::ALL.into_iter().filter(|feature| features.has(*feature)) {
            prop_assert!(limits::field(feature).is_some(), "{:?} has no field", feature);
        }
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        let _ = read(&body);
    }

    #[test]
    fn no_json_panics(at in 0usize..400, with in "[\\[\\]{}\",:0-9a-z]{0,3}") {
        let body = r#"{"system":[{"text":"x"}],"messages":[{"role":"user","content":[{"text":"a"},{"image":{"format":"png","source":{"bytes":"aGk="}}},{"toolResult":{"toolUseId":"t","content":[{"json":{}}]}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}],"toolChoice":{"any":{}}},"additionalModelRequestFields":{"thinking":{"type":"adaptive"}}}"#;
        let at = at.min(body.len());
        let broken = format!("{}{with}{}", &body[..at], &body[at..]);
        let _ = read(broken.as_bytes());
    }
}
