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
use crate::protocol::cohere::limits;
use crate::protocol::{ANSWER_TOOL, Outgoing, Target, Unsayable};

fn try_written(request: &Request<'_>, manner: &Manner) -> Result<Outgoing, Unsayable> {
    write(request, &Target { model: "m", delivery: Delivery::Whole, manner })
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

fn question() -> Request<'static> {
    Request { messages: vec![user(vec![Part::text("q")])], ..Request::default() }
}

fn call(id: &'static str, name: &'static str) -> Part<'static> {
    let arguments = Json::empty_object();
    Part::of(Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, signature: None }))
}

fn result(id: String, content: Vec<Part<'static>>) -> Part<'static> {
    let name = Some("f".into());
    Part::of(Content::ToolResult(ToolResult { id: id.into(), name, content, is_error: false }))
}

fn image(url: &'static str) -> Part<'static> {
    Part::of(Content::Image(Image { source: Source::of_url(url.into()).unwrap(), detail: None }))
}

fn tool(name: &'static str) -> Tool<'static> {
    let parameters = Json::parse(r#"{"type":"object"}"#);
    Tool { name: name.into(), description: None, parameters, strict: None, cache: None }
}

fn of_messages(messages: Vec<Message<'static>>) -> Request<'static> {
    Request { messages, ..Request::default() }
}

fn schema() -> AnswerFormat<'static> {
    let schema = Json::parse("{\"type\" : \"object\"}").unwrap();
    AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None })
}

#[test]
fn a_callers_request_is_read_into_the_exchange_form() {
    let body = r#"{
        "model": "command", "stream": true,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}]},
            {"role": "assistant", "tool_plan": "I will look.", "content": [{"type": "thinking", "thinking": "hm"}], "citations": [],
             "tool_calls": [{"id": "c1--ts--aB-_.", "type": "function", "function": {"name": "look", "arguments": "{\"a\": 1}"}}, {"id": "c2", "function": {"name": "now"}}]},
            {"role": "tool", "tool_call_id": "c1--ts--aB-_.", "content": [{"type": "document", "document": {"data": "{\"b\":2}"}}, {"type": "document", "document": {"data": {"c": 3}}}]},
            {"role": "tool", "tool_call_id": "c2", "content": "noon"},
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
        ],
        "tools": [{"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object"}}}],
        "strict_tools": true, "tool_choice": "REQUIRED", "response_format": {"type": "json_object"},
        "max_tokens": 5, "stop_sequences": ["x"], "temperature": 0.30, "p": 0.7, "k": 3, "seed": 1, "frequency_penalty": 0.1,
        "presence_penalty": 0.2, "thinking": {"type": "enabled", "token_budget": 100}
    }"#;
    let request = read(body.as_bytes()).unwrap();
    assert!(request.wants_usage && request.extras.is_empty(), "{:?}", request.extras);
    assert_eq!(request.system, [Part::text("Be kind.")]);
    let [asked, answered, first, second, brief] = &request.messages[..] else { panic!() };
    let Content::Image(seen) = &asked.parts[1].content else { panic!() };
    assert_eq!(seen.detail.as_deref(), Some("low"));
    assert_eq!(answered.parts[0].content, Content::Reasoning { text: "hm".into(), signature: None });
    assert_eq!(answered.parts[1], Part::text("I will look."));
    let Content::ToolCall(called) = &answered.parts[2].content else { panic!() };
    assert_eq!(
        (&*called.id, called.arguments.as_str(), called.signature.as_deref()),
        ("c1", "{\"a\": 1}", Some("aB+/="))
    );
    assert_eq!(answered.parts[3], call("c2", "now"));
    let Content::ToolResult(gave) = &first.parts[0].content else { panic!() };
    assert_eq!((&*gave.id, gave.name.as_deref()), ("c1", Some("look")));
    assert_eq!(gave.content, [Part::text("{\"b\":2}"), Part::text("{\"c\": 3}")]);
    assert_eq!(second.role, Role::User);
    assert_eq!((brief.role, &brief.parts[..]), (Role::System, &[Part::text("Be brief.")][..]));
    assert_eq!((request.tools[0].strict, request.tool_choice), (Some(true), Some(ToolChoice::Required)));
    assert_eq!(request.answer_format, Some(AnswerFormat::Json));
    assert_eq!(request.sampling.temperature.unwrap().as_str(), "0.30");
    assert_eq!(request.reasoning.unwrap().amount, Some(Amount::Budget(100.into())));
}

#[test]
fn what_has_no_home_is_kept_with_what_its_loss_comes_to() {
    for (member, loss) in [
        (r#""documents": []"#, Loss::Refused),
        (r#""logprobs": true"#, Loss::Refused),
        (r#""logprobs": false"#, Loss::Silent),
        (r#""safety_mode": "STRICT""#, Loss::Refused),
        (r#""safety_mode": "CONTEXTUAL""#, Loss::Warned),
        (r#""citation_options": {}"#, Loss::Warned),
        (r#""priority": 1"#, Loss::Warned),
        (r#""of_tomorrow": {"x": 1}"#, Loss::Warned),
    ] {
        let body = format!("{{\"messages\": [], {member}}}");
        let request = read(body.as_bytes()).unwrap();
        assert_eq!(request.extras.iter().map(|extra| extra.loss).collect::<Vec<_>>(), [loss], "{member}");
    }
}

#[test]
fn what_is_wrong_is_named_in_the_callers_words() {
    let message = |message: &str| format!(r#"{{"messages": [{message}]}}"#);
    let top = |member: &str| format!(r#"{{"messages": [], {member}}}"#);
    for (body, field) in [
        ("{}".to_owned(), "messages"),
        (r#"{"messages": {}}"#.to_owned(), "messages"),
        (message(r#"{"role": "robot", "content": "x"}"#), "messages[0].role"),
        (message(r#"{"content": "x"}"#), "messages[0]"),
        (message(r#"{"role": "user", "content": 1}"#), "messages[0].content"),
        (message(r#"{"role": "user", "content": [{"type": "audio"}]}"#), "messages[0].content[0].type"),
        (message(r#"{"role": "user", "content": [{"type": "text"}]}"#), "messages[0].content[0].text"),
        (
            message(r#"{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}"#),
            "messages[0].content[0].image_url.url",
        ),
        (message(r#"{"role": "tool", "content": "x"}"#), "messages[0].tool_call_id"),
        (
            message(
                r#"{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}]}"#,
            ),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (top(r#""tools": [{"type": "web"}]"#), "tools[0].type"),
        (top(r#""tools": [{"type": "function"}]"#), "tools[0].function"),
        (top(r#""tools": [{"function": {"name": "f", "parameters": 1}}]"#), "tools[0].function.parameters"),
        (top(r#""tool_choice": "AUTO""#), "tool_choice"),
        (top(r#""response_format": {"type": "xml"}"#), "response_format.type"),
        (top(r#""response_format": {"type": "json_object", "json_schema": 1}"#), "response_format.json_schema"),
        (top(r#""thinking": {"type": "hard"}"#), "thinking.type"),
        (top(r#""max_tokens": "5""#), "max_tokens"),
    ] {
        assert_eq!(read(body.as_bytes()).unwrap_err().field, field, "{body}");
    }
}

#[test]
fn a_conversation_is_written_in_coheres_messages() {
    let request = Request {
        system: vec![Part::text("a"), Part::text("b")],
        ..of_messages(vec![
            user(vec![Part::text("see"), image("https://h/x.png")]),
            assistant(vec![Part::text("I will "), Part::text("look."), call("1", "f"), call("2", "f")]),
            user(vec![
                result("1".into(), vec![Part::text("one")]),
                result("2".into(), vec![image("data:image/png;base64,aGk=")]),
                Part::text("and?"),
            ]),
            assistant(vec![Part::text("")]),
            user(vec![result("3".into(), vec![])]),
        ])
    };
    let called = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let text = |text: &str| json!({"type": "text", "text": text});
    let expected = json!([
        {"role": "system", "content": [text("a"), text("b")]},
        {"role": "user", "content": [text("see"), image("https://h/x.png")]},
        {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [called("1"), called("2")]},
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "(See the image.)"},
        {"role": "user", "content": [image("data:image/png;base64,aGk="), text("and?")]},
        {"role": "tool", "tool_call_id": "3", "content": "(no output)"},
    ]);
    let body = written(&request, &UNKNOWN);
    assert_eq!(body["messages"], expected);
    assert_eq!((&body["model"], &body["stream"]), (&json!("m"), &json!(false)));
    let stream = write(&request, &Target { model: "m", delivery: Delivery::Stream, manner: &UNKNOWN }).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&stream.body).unwrap()["stream"], true);
}

#[test]
fn a_document_of_text_goes_beside_the_messages_and_others_can_not_be_said() {
    let document =
        |body| Part::of(Content::Document(Document { body, name: Some("n".into()), context: None, cites: true }));
    let text = document(DocumentBody::Text("all of it".into()));
    let body = written(&of_messages(vec![user(vec![text, Part::text("?")])]), &UNKNOWN);
    assert_eq!(body["documents"], json!([{"data": {"title": "n", "snippet": "all of it"}}]));
    let inline = Source::Inline { media_type: "application/pdf".into(), data: "aGk=".into() };
    for part in [
        document(DocumentBody::Bytes(inline.clone())),
        Part::of(Content::Audio(Audio { source: inline })),
        Part::of(Content::Image(Image { source: Source::File("f".into()), detail: None })),
    ] {
        assert!(try_written(&of_messages(vec![user(vec![part])]), &UNKNOWN).is_err());
    }
}

#[test]
fn a_choice_of_tools_is_said_in_coheres_words() {
    let names = |body: &Value| {
        let tools = body["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (choice, expected, tools) in [
        (None, Value::Null, vec!["f", "g"]),
        (Some(ToolChoice::Auto), Value::Null, vec!["f", "g"]),
        (Some(ToolChoice::Required), json!("REQUIRED"), vec!["f", "g"]),
        (Some(ToolChoice::Never), json!("NONE"), vec!["f", "g"]),
        (Some(ToolChoice::Named("g".into())), json!("REQUIRED"), vec!["g"]),
    ] {
        let request = Request { tools: vec![tool("f"), tool("g")], tool_choice: choice, ..question() };
        let body = written(&request, &UNKNOWN);
        assert_eq!(
            (&body["tool_choice"], names(&body)),
            (&expected, tools.iter().map(|name| (*name).to_owned()).collect())
        );
    }
    let wrong = Request { tool_choice: Some(ToolChoice::Named("h".into())), ..question() };
    assert!(try_written(&wrong, &UNKNOWN).is_err());
    let bare = Request { tools: vec![Tool { parameters: None, strict: Some(true), ..tool("f") }], ..question() };
    let body = written(&bare, &UNKNOWN);
    assert_eq!(body["tools"][0]["function"]["parameters"], json!({"type": "object", "properties": {}}));
    assert_eq!(body["strict_tools"], true);
}

#[test]
fn the_answers_form_is_a_field_unless_there_are_tools() {
    let asked = |format: AnswerFormat<'static>, tools: Vec<Tool<'static>>, choice: Option<ToolChoice<'static>>| {
        Request { answer_format: Some(format), tools, tool_choice: choice, ..question() }
    };
    let plain = written(&asked(AnswerFormat::Json, vec![], None), &UNKNOWN);
    assert_eq!(plain["response_format"], json!({"type": "json_object"}));
    let native = written(&asked(schema(), vec![], None), &UNKNOWN);
    assert_eq!(native["response_format"], json!({"type": "json_object", "json_schema": {"type": "object"}}));
    let never = written(&asked(schema(), vec![tool("f")], Some(ToolChoice::Never)), &UNKNOWN);
    assert!(never["response_format"].is_object() && never.get("tools").is_none() && never.get("tool_choice").is_none());
    let in_words = written(&asked(AnswerFormat::Json, vec![tool("f")], None), &UNKNOWN);
    assert!(in_words.get("response_format").is_none());
    assert!(in_words["messages"][0]["content"].as_str().unwrap().contains("JSON object"));

    let by_tool = Manner { schema: SchemaForm::Tool, ..UNKNOWN.clone() };
    for (tools, manner, count) in [(vec![tool("f")], &UNKNOWN, 2), (vec![], &by_tool, 1)] {
        let out = try_written(&asked(schema(), tools, None), manner).unwrap();
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        assert!(out.answers_by_tool && body.get("response_format").is_none());
        let tools = body["tools"].as_array().unwrap();
        assert_eq!((tools.len(), &body["tool_choice"]), (count, &json!("REQUIRED")));
        assert_eq!(tools.last().unwrap()["function"]["name"], ANSWER_TOOL);
    }
}

#[test]
fn numbers_are_brought_within_what_the_format_takes() {
    use crate::protocol::notes::{BOUNDED, told};
    let number = |text: &'static str| Some(serde_json::from_str::<Number<'static>>(text).unwrap());
    let sampling = |temperature, top_p, frequency, presence| Sampling {
        temperature: number(temperature),
        top_p: number(top_p),
        frequency_penalty: number(frequency),
        presence_penalty: number(presence),
        ..Sampling::default()
    };
    let request = Request { sampling: sampling("1.7", "1", "-0.5", "2"), ..question() };
    let outgoing = try_written(&request, &UNKNOWN).unwrap();
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!((&body["temperature"], &body["p"]), (&json!(1), &json!(0.99)));
    assert_eq!((&body["frequency_penalty"], &body["presence_penalty"]), (&json!(0.0), &json!(1.0)));
    assert!(outgoing.notes.iter().all(|note| note.change == BOUNDED));
    let told =
        told(&outgoing.notes, &request, crate::protocol::Dialect::Chat, crate::protocol::Dialect::Cohere, &UNKNOWN);
    assert_eq!(told.len(), 4, "{told:?}");
    let request = Request { sampling: sampling("0.70", "0.01", "0", "1.0"), ..question() };
    let outgoing = try_written(&request, &UNKNOWN).unwrap();
    let text = String::from_utf8(outgoing.body).unwrap();
    let kept = r#""temperature":0.70,"p":0.01,"frequency_penalty":0,"presence_penalty":1.0"#;
    assert!(text.contains(kept) && outgoing.notes.is_empty(), "{text}");
}

#[test]
fn thinking_is_told_as_a_budget() {
    let deaf = Manner { reasoning: ReasoningForm::None, ..UNKNOWN.clone() };
    for (amount, manner, expected) in [
        (Amount::Off, &UNKNOWN, json!({"type": "disabled"})),
        (Amount::Adaptive, &UNKNOWN, json!({"type": "enabled"})),
        (Amount::Effort(Effort::High), &UNKNOWN, json!({"type": "enabled", "token_budget": 16_384})),
        (Amount::Budget(7.into()), &UNKNOWN, json!({"type": "enabled", "token_budget": 7})),
        (Amount::Effort(Effort::High), &deaf, Value::Null),
    ] {
        let reasoning = Some(Reasoning { amount: Some(amount), shown: None });
        assert_eq!(written(&Request { reasoning, ..question() }, manner)["thinking"], expected);
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n ]{1,9}"
}

fn asked() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        text().prop_map(Part::text),
        prop::sample::select(vec!["https://h/x.png", "data:image/png;base64,aGk="]).prop_map(image),
    ]
}

/// What was asked, what was thought and planned and called, what that gave, and what was answered.
fn messages() -> impl Strategy<Value = Vec<Message<'static>>> {
    let asked = prop::collection::vec(asked(), 1..4);
    let arguments = prop::collection::vec(prop::sample::select(vec!["{}", "{\"a\" : \"\\n\"}"]), 0..3);
    (asked, prop::option::of(text()), text(), arguments, prop::bool::ANY).prop_map(
        |(asked, thought, said, calls, is_last)| {
            let mut answered = Vec::new();
            answered.extend(thought.map(|text| Part::of(Content::Reasoning { text: text.into(), signature: None })));
            answered.push(Part::text(said));
            let count = calls.len();
            answered.extend(calls.into_iter().enumerate().map(|(id, arguments)| {
                let arguments = Json::parse(arguments).unwrap();
                let id = format!("call_{id}").into();
                Part::of(Content::ToolCall(ToolCall { id, name: "f".into(), arguments, signature: None }))
            }));
            let results = (0..count).map(|id| user(vec![result(format!("call_{id}"), vec![Part::text("so")])]));
            let mut messages: Vec<_> = [user(asked), assistant(answered)].into_iter().chain(results).collect();
            if is_last {
                messages.push(Message { role: Role::System, parts: vec![Part::text("Be brief.")] });
            }
            messages
        },
    )
}

fn number(range: std::ops::Range<u64>) -> impl Strategy<Value = Option<Number<'static>>> {
    prop::option::of(range.prop_map(Number::from))
}

prop_compose! {
    fn sampling()(
        temperature in number(0..2), has_top_p in prop::bool::ANY, top_k in number(1..500), seed in number(0..9),
        presence_penalty in number(0..2), frequency_penalty in number(0..2),
    ) -> Sampling<'static> {
        let top_p = has_top_p.then(|| Number::of(0.5));
        Sampling { temperature, top_p, top_k, presence_penalty, frequency_penalty, seed }
    }
}

prop_compose! {
    /// What the format can say.
    fn sayable()(
        messages in messages(),
        system in prop::collection::vec(text().prop_map(Part::text), 0..3),
        descriptions in prop::collection::vec(prop::option::of(text()), 0..3),
        is_strict in prop::bool::ANY,
        choice in prop::option::of(prop::sample::select(vec![ToolChoice::Required, ToolChoice::Never])),
        max_tokens in number(1..9999),
        sampling in sampling(),
        stop in prop::collection::vec(text(), 0..3),
        format in prop::sample::select(vec![None, Some(AnswerFormat::Json), Some(schema())]),
        amount in prop::option::of(prop::sample::select(vec![Amount::Off, Amount::Adaptive, Amount::Budget(9.into())])),
    ) -> Request<'static> {
        let strict = is_strict.then_some(true);
        let tools: Vec<_> = descriptions.into_iter()
            .map(|description| Tool { description: description.map(Into::into), strict, ..tool("f") }).collect();
        Request {
            system, messages, max_tokens, sampling,
            // Tools and a form of the answer exclude each other.
            answer_format: format.filter(|_| tools.is_empty()),
            tool_choice: choice.filter(|_| !tools.is_empty()),
            tools,
            stop: stop.into_iter().map(Into::into).collect(),
            reasoning: amount.map(|amount| Reasoning { amount: Some(amount), shown: None }),
            wants_usage: true,
            ..Request::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(request in sayable()) {
        let out = try_written(&request, &UNKNOWN).unwrap();
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
        let body = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]},{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"document","document":{"data":{}}}]}],"tools":[{"function":{"name":"f"}}]}"#;
        let at = at.min(body.len());
        let broken = format!("{}{with}{}", &body[..at], &body[at..]);
        let _ = read(broken.as_bytes());
    }
}

#[test]
fn a_conversation_without_a_word_is_refused() {
    let blank = Request { messages: vec![user(vec![Part::text("")])], ..Request::default() };
    let expected = "a conversation in which nothing is said can't be sent to Cohere: give at least one message with something in it";
    assert_eq!(try_written(&blank, &UNKNOWN).unwrap_err().to_string(), expected);
}
