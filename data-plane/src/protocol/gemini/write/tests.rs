mod demands;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::adapter::Delivery;
use shared::catalog::rules::{CallIds, ReasoningForm};

use super::*;
use crate::exchange::json::Number;
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{
    Audio, Content as Said, Document, DocumentBody, Image, Message, Part as SaidPart, Role, Source,
};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Sampling, Schema};
use crate::exchange::tool::{ToolCall, ToolResult};
use crate::protocol::gemini::request::read;

fn written_for(asked: &Request<'_>, manner: &Manner) -> Result<Value, Unsayable> {
    let to = Target { model: "m", delivery: Delivery::Whole, manner };
    request(asked, &to).map(|outgoing| serde_json::from_slice(&outgoing.body).unwrap())
}

fn written(asked: &Request<'_>) -> Value {
    written_for(asked, &UNKNOWN).unwrap()
}

fn budget() -> Manner {
    Manner { reasoning: ReasoningForm::Budget, ..UNKNOWN.clone() }
}

fn message(role: Role, contents: impl IntoIterator<Item = Said<'static>>) -> Message<'static> {
    Message { role, parts: contents.into_iter().map(SaidPart::of).collect() }
}

fn text(text: &'static str) -> Said<'static> {
    Said::Text { text: text.into(), citations: Vec::new() }
}

fn call(id: &'static str, name: &'static str, signature: Option<&'static str>) -> Said<'static> {
    let arguments = Json::parse(r#"{"a": 1.0}"#).unwrap();
    Said::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: signature.map(Into::into) })
}

fn result(id: &'static str, content: Vec<SaidPart<'static>>) -> ToolResult<'static> {
    ToolResult { id: id.into(), name: None, content, is_error: false }
}

fn image() -> Said<'static> {
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    Said::Image(Image { source, detail: None })
}

fn asking(messages: Vec<Message<'static>>) -> Request<'static> {
    Request { messages, ..Request::default() }
}

fn question() -> Request<'static> {
    asking(vec![message(Role::User, [text("q")])])
}

#[test]
fn turns_of_one_side_are_one_content_and_responses_stand_alone_in_the_order_of_their_calls() {
    let pair = |id, given| Said::ToolResult(result(id, vec![SaidPart::text(given)]));
    let asked = asking(vec![
        message(Role::System, [text("be kind")]),
        message(Role::User, [text("q"), text("")]),
        message(
            Role::Assistant,
            [Said::Reasoning { text: "hm".into(), signature: Some("other".into()) }, text("wait")],
        ),
        message(Role::Assistant, [call("1", "f", Some("sig")), call("2", "g", None)]),
        message(Role::User, [pair("2", "two"), text("and?")]),
        message(Role::User, [pair("1", r#"{"x": 1}"#)]),
    ]);
    let contents = json!([
        {"role": "user", "parts": [{"text": "be kind"}, {"text": "q"}]},
        {"role": "model", "parts": [
            {"text": "wait"},
            {"functionCall": {"id": "1", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": "sig"},
            {"functionCall": {"id": "2", "name": "g", "args": {"a": 1.0}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "1", "name": "f", "response": {"x": 1}}},
            {"functionResponse": {"id": "2", "name": "g", "response": {"output": "two"}}},
        ]},
        {"role": "user", "parts": [{"text": "and?"}]},
    ]);
    assert_eq!(written(&asked)["contents"], contents);
}

#[test]
fn ids_stand_only_where_they_are_taken() {
    let result = Said::ToolResult(result("1", Vec::new()));
    let asked = asking(vec![message(Role::Assistant, [call("1", "f", None)]), message(Role::User, [result])]);
    let vertex = Manner { call_ids: CallIds::Absent, ..budget() };
    let contents = json!([
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1.0}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": ""}}}]},
    ]);
    assert_eq!(written_for(&asked, &vertex).unwrap()["contents"], contents);
}

#[test]
fn the_first_call_of_a_step_without_a_signature_gets_the_stand_in_where_one_is_wanted() {
    let asked = asking(vec![
        message(Role::Assistant, [call("1", "f", None), call("2", "f", None)]),
        message(Role::User, [text("x")]),
        message(Role::Assistant, [call("3", "f", Some("sig"))]),
    ]);
    let signatures = |body: Value| {
        let contents = body["contents"].as_array().unwrap().clone();
        let parts = contents.iter().flat_map(|content| content["parts"].as_array().unwrap().clone());
        let calls = parts.filter(|part| part.get("functionCall").is_some());
        calls.map(|part| part.get("thoughtSignature").cloned()).collect::<Vec<_>>()
    };
    let stand_in = Some(json!("skip_thought_signature_validator"));
    assert_eq!(signatures(written(&asked)), [stand_in, None, Some(json!("sig"))]);
    assert_eq!(signatures(written_for(&asked, &budget()).unwrap()), [None, None, Some(json!("sig"))]);
}

#[test]
fn a_result_is_an_object_whose_words_are_googles_only_where_they_are_meant() {
    for (given, is_error, response) in [
        (vec!["a"], false, json!({"output": "a"})),
        (vec!["a", "b", "c"], false, json!({"output": "a\nb\nc"})),
        (vec!["[1]"], false, json!({"output": "[1]"})),
        (vec![r#"{"t": 1}"#], false, json!({"t": 1})),
        (vec![r#"{"error": 1}"#], false, json!({"output": "{\"error\": 1}"})),
        (vec![r#"{"t": 1}"#], true, json!({"error": "{\"t\": 1}"})),
    ] {
        let content = given.into_iter().map(SaidPart::text).collect();
        let result = Said::ToolResult(ToolResult { is_error, ..result("1", content) });
        let asked = asking(vec![message(Role::Assistant, [call("1", "f", None)]), message(Role::User, [result])]);
        assert_eq!(written(&asked)["contents"][1]["parts"][0]["functionResponse"]["response"], response);
    }
}

#[test]
fn an_image_of_a_tool_follows_in_a_content_of_its_own() {
    let given = Said::ToolResult(result("1", vec![SaidPart::of(image()), SaidPart::text("see")]));
    let asked = asking(vec![message(Role::Assistant, [call("1", "f", None)]), message(Role::User, [given])]);
    let contents = &written(&asked)["contents"];
    assert_eq!(contents[1]["parts"][0]["functionResponse"]["response"], json!({"output": "see"}));
    assert_eq!(contents[2]["parts"], json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]));
}

#[test]
fn bytes_and_googles_own_files_are_sent_with_the_type_first() {
    let file = |uri: &'static str| Said::Image(Image { source: Source::File(uri.into()), detail: None });
    let audio = Said::Audio(Audio { source: Source::Inline { media_type: "audio/wav".into(), data: "aGk=".into() } });
    let document = Document {
        body: DocumentBody::Text("plain".into()),
        name: Some("n".into()),
        context: Some("about".into()),
        cites: false,
    };
    let asked = asking(vec![message(Role::User, [file("gs://b/x.PNG"), audio, Said::Document(document)])]);
    let to = Target { model: "m", delivery: Delivery::Whole, manner: &UNKNOWN };
    let body = String::from_utf8(request(&asked, &to).unwrap().body).unwrap();
    let expected = concat!(
        r#"{"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"image/png","fileUri":"gs://b/x.PNG"}},"#,
        r#"{"inlineData":{"mimeType":"audio/wav","data":"aGk="}},{"text":"about"},{"text":"plain"}]}]}"#
    );
    assert_eq!(body, expected);
}

#[test]
fn an_instruction_alone_is_asked_as_a_question() {
    let asked = Request { system: vec![SaidPart::text("S")], ..Request::default() };
    assert_eq!(written(&asked), json!({"contents": [{"role": "user", "parts": [{"text": "S"}]}]}));
    let asked = Request { system: vec![SaidPart::text("S")], ..question() };
    assert_eq!(written(&asked)["systemInstruction"], json!({"parts": [{"text": "S"}]}));
}

#[test]
fn what_can_not_be_said_is_refused_with_a_reason() {
    let file = Said::Image(Image { source: Source::File("file-123".into()), detail: None });
    let audio = Source::Url { url: "https://h/a.wav".into(), media_type: None };
    let tool =
        |name: &'static str| Tool { name: name.into(), description: None, parameters: None, strict: None, cache: None };
    for (asked, what) in [
        (Request::default(), "a request without a message"),
        (Request { stop: vec!["x".into(); 6], ..question() }, "6 stop sequences"),
        (Request { tools: vec![tool("a b")], ..question() }, "the tool name \"a b\""),
        (Request { tools: vec![tool("1a")], ..question() }, "the tool name \"1a\""),
        (
            asking(vec![message(Role::User, [Said::ToolResult(result("9", Vec::new()))])]),
            "the tool result for the call 9",
        ),
        (asking(vec![message(Role::User, [file])]), "the image"),
        (asking(vec![message(Role::User, [Said::Audio(Audio { source: audio })])]), "the audio"),
    ] {
        let error = written_for(&asked, &UNKNOWN).unwrap_err();
        assert_eq!(error.what, what);
        assert!(
            error.why.starts_with("can't be sent to Gemini, ") && error.why.contains(':') || error.why.contains("only")
        );
    }
}

#[test]
fn a_function_without_parameters_has_no_schema() {
    for (schema, is_sent) in [
        (r#"{"type": "object", "properties": {}, "required": [], "additionalProperties": false}"#, false),
        (r#"{"type": "object"}"#, false),
        (r#"{"type": "object", "properties": {"a": {}}}"#, true),
        (r##"{"$ref": "#/$defs/a"}"##, true),
        (r#"{"type": "object", "additionalProperties": true}"#, true),
    ] {
        let parameters = Json::parse(schema);
        let tool = Tool { name: "f".into(), description: None, parameters, strict: Some(true), cache: None };
        let asked = Request { tools: vec![tool], ..question() };
        let function = &written(&asked)["tools"][0]["functionDeclarations"][0];
        assert_eq!(function.get("parametersJsonSchema").is_some(), is_sent, "{schema}");
    }
}

#[test]
fn thinking_is_asked_for_in_the_models_own_way_and_never_in_both() {
    let thinking = |amount: Option<Amount<'static>>, shown, manner: &Manner| {
        let asked = Request { reasoning: Some(Reasoning { amount, shown }), ..question() };
        written_for(&asked, manner).unwrap()["generationConfig"]["thinkingConfig"].clone()
    };
    let effort = |effort| Some(Amount::Effort(effort));
    let shown = |mut config: Value| {
        config["includeThoughts"] = json!(true);
        config
    };
    let tokens = Some(Amount::Budget(5000.into()));
    for (amount, level, budgeted) in [
        (effort(Effort::High), json!({"thinkingLevel": "HIGH"}), json!({"thinkingBudget": 16384})),
        (effort(Effort::Max), json!({"thinkingLevel": "HIGH"}), json!({"thinkingBudget": 32768})),
        (tokens, json!({"thinkingLevel": "HIGH"}), json!({"thinkingBudget": 5000})),
        (Some(Amount::Adaptive), json!({}), json!({"thinkingBudget": -1})),
    ] {
        assert_eq!(thinking(amount.clone(), None, &UNKNOWN), shown(level.clone()));
        assert_eq!(thinking(amount.clone(), None, &budget()), shown(budgeted.clone()));
        assert_eq!(thinking(amount, Some(false), &budget()), budgeted);
    }
    assert_eq!(thinking(Some(Amount::Off), Some(true), &UNKNOWN), json!({"thinkingLevel": "MINIMAL"}));
    assert_eq!(thinking(Some(Amount::Off), None, &budget()), json!({"thinkingBudget": 0}));
    let always = Manner { always_thinks: true, ..budget() };
    assert_eq!(thinking(Some(Amount::Off), None, &always), json!({"thinkingBudget": 128}));
    assert_eq!(thinking(None, Some(true), &budget()), json!({"includeThoughts": true}));
    assert_eq!(thinking(None, Some(false), &budget()), Value::Null);
    let offered = Manner { efforts: vec![Effort::Low, Effort::High], ..UNKNOWN.clone() };
    assert_eq!(thinking(effort(Effort::Medium), Some(false), &offered), json!({"thinkingLevel": "LOW"}));
    assert_eq!(thinking(Some(Amount::Off), None, &offered), json!({"thinkingLevel": "LOW"}));
    let none = Manner { reasoning: ReasoningForm::None, ..UNKNOWN.clone() };
    assert_eq!(thinking(effort(Effort::High), Some(true), &none), Value::Null);
}

#[test]
fn a_temperature_above_the_models_is_sent_as_its_highest() {
    let capped = Manner { max_temperature: Some(1), ..UNKNOWN.clone() };
    for (temperature, sent) in [("1.5", json!(1)), ("0.50", json!(0.5))] {
        let temperature = serde_json::from_str(temperature).ok();
        let asked = Request { sampling: Sampling { temperature, ..Sampling::default() }, ..question() };
        assert_eq!(written_for(&asked, &capped).unwrap()["generationConfig"]["temperature"], sent);
    }
}

fn number() -> impl Strategy<Value = Option<Number<'static>>> {
    let written = prop_oneof![Just("0"), Just("0.70"), Just("1e2"), Just("40"), Just("-0.5")];
    proptest::option::of(written.prop_map(|written| serde_json::from_str(written).unwrap()))
}

fn a_text() -> impl Strategy<Value = String> {
    "[ -~é\n\"\\\\😀]{1,12}"
}

fn a_schema() -> impl Strategy<Value = Json<'static>> {
    let schemas =
        [r#"{"type": "object", "properties": {"z": {"type":"string"}, "a": {}}}"#, r##"{"$ref":"#/$defs/x"}"##];
    proptest::sample::select(schemas.to_vec()).prop_map(|schema| Json::parse(schema).unwrap())
}

fn a_source(kind: &'static str) -> impl Strategy<Value = Source<'static>> {
    let inline = "[a-zA-Z0-9+/]{0,8}".prop_map(move |data| Source::Inline {
        media_type: format!("{kind}/x-{}", data.len()).into(),
        data: data.into(),
    });
    let file = Just(Source::File(match kind {
        "image" => "gs://b/x.png".into(),
        "audio" => "gs://b/x.wav".into(),
        _ => "https://generativelanguage.googleapis.com/v1beta/files/x".into(),
    }));
    prop_oneof![inline, file]
}

fn said() -> impl Strategy<Value = SaidPart<'static>> {
    let document = a_source("application").prop_map(|source| {
        let body = DocumentBody::Bytes(source);
        Said::Document(Document { body, name: None, context: None, cites: false })
    });
    prop_oneof![
        a_text().prop_map(|text| Said::Text { text: text.into(), citations: Vec::new() }),
        a_source("image").prop_map(|source| Said::Image(Image { source, detail: None })),
        a_source("audio").prop_map(|source| Said::Audio(Audio { source })),
        document,
    ]
    .prop_map(SaidPart::of)
}

/// What the model says, what its calls give, and what the user says then.
fn an_exchange() -> impl Strategy<Value = (Vec<SaidPart<'static>>, Vec<Called>, Vec<SaidPart<'static>>)> {
    let called = (proptest::option::of("[a-zA-Z0-9+/]{1,8}"), a_text(), any::<bool>());
    let said = || proptest::collection::vec(said(), 1..3);
    (said(), proptest::collection::vec(called, 0..4), said())
}

type Called = (Option<String>, String, bool);

fn messages(exchanges: Vec<(Vec<SaidPart<'static>>, Vec<Called>, Vec<SaidPart<'static>>)>) -> Vec<Message<'static>> {
    let mut messages = vec![message(Role::User, [text("q")])];
    for (turn, (mut model, called, user)) in exchanges.into_iter().enumerate() {
        let mut results = Vec::new();
        for (at, (signature, given, is_error)) in called.into_iter().enumerate() {
            let (id, name) = (format!("id-{turn}-{at}"), format!("f{}", at % 2));
            let arguments = Json::parse(r#"{"a" : [1.0]}"#).unwrap();
            let signature = signature.map(Into::into);
            model.push(SaidPart::of(Said::ToolCall(ToolCall {
                id: id.clone().into(),
                name: name.clone().into(),
                arguments,
                signature,
            })));
            let content = vec![SaidPart::text(given)];
            let result = ToolResult { id: id.into(), name: Some(name.into()), content, is_error };
            results.push(SaidPart::of(Said::ToolResult(result)));
        }
        messages.push(Message { role: Role::Assistant, parts: model });
        if !results.is_empty() {
            messages.push(Message { role: Role::User, parts: results });
        }
        messages.push(Message { role: Role::User, parts: user });
    }
    messages
}

fn tools() -> impl Strategy<Value = (Vec<Tool<'static>>, Option<ToolChoice<'static>>)> {
    let parameters = proptest::option::of(a_schema());
    let tool = (proptest::option::of(a_text()), parameters).prop_map(|(description, parameters)| Tool {
        name: "f0".into(),
        description: description.map(Into::into),
        parameters,
        strict: None,
        cache: None,
    });
    let choices = [
        None,
        Some(ToolChoice::Auto),
        Some(ToolChoice::Required),
        Some(ToolChoice::Never),
        Some(ToolChoice::Named("f0".into())),
    ];
    let some = (tool, proptest::sample::select(choices.to_vec())).prop_map(|(tool, choice)| (vec![tool], choice));
    prop_oneof![Just((Vec::new(), None)), some]
}

fn form() -> impl Strategy<Value = Option<AnswerFormat<'static>>> {
    let schema = a_schema()
        .prop_map(|schema| AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None }));
    proptest::option::of(prop_oneof![Just(AnswerFormat::Text), Just(AnswerFormat::Json), schema])
}

fn reasoning() -> impl Strategy<Value = (Option<Reasoning<'static>>, Manner)> {
    let budgets = [Some(Amount::Adaptive), Some(Amount::Budget(99.into())), Some(Amount::Off)];
    let efforts =
        [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High].map(|effort| Some(Amount::Effort(effort)));
    let of = |amounts: Vec<Option<Amount<'static>>>, manner: Manner| {
        (proptest::sample::select(amounts), any::<bool>()).prop_map(move |(amount, shown)| {
            let shown = Some(shown && amount != Some(Amount::Off));
            (Some(Reasoning { amount, shown }), manner.clone())
        })
    };
    prop_oneof![Just((None, UNKNOWN.clone())), of(budgets.to_vec(), budget()), of(efforts.to_vec(), UNKNOWN.clone())]
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    (number(), number(), number(), number(), number(), number()).prop_map(
        |(temperature, top_p, top_k, presence_penalty, frequency_penalty, seed)| Sampling {
            temperature,
            top_p,
            top_k,
            presence_penalty,
            frequency_penalty,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_is_written_is_read_as_it_was(
        system in proptest::collection::vec(a_text(), 0..3),
        exchanges in proptest::collection::vec(an_exchange(), 0..3),
        (tools, tool_choice) in tools(),
        (reasoning, manner) in reasoning(),
        sampling in sampling(),
        (max_tokens, choices) in (number(), number()),
        stop in proptest::collection::vec(a_text().prop_map(Into::into), 0..6),
        answer_format in form(),
    ) {
        let system = system.into_iter().map(SaidPart::text).collect();
        // Which has to be above a budget.
        let max_tokens = max_tokens.filter(|_| manner.reasoning == ReasoningForm::Effort);
        let asked = Request {
            system, messages: messages(exchanges), tools, tool_choice, max_tokens, sampling, stop, choices, answer_format, reasoning,
            wants_usage: true, ..Request::default()
        };
        let to = Target { model: "m", delivery: Delivery::Whole, manner: &manner };
        let body = request(&asked, &to).unwrap().body;
        prop_assert_eq!(read(&body), Ok(asked));
    }
}
