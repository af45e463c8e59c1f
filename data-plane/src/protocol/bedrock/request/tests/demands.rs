//! What models refuse, and what they are sent instead.

use shared::catalog::rules::ForcedTools;

use super::*;
use crate::protocol::notes::{BOUNDED, FORCED, IN_WORDS, LOST, LOWERED, RAISED, THINKING};

fn budget() -> Manner {
    manner(ReasoningForm::Budget, SchemaForm::Native)
}

fn thinking(amount: Amount<'static>) -> Option<Reasoning<'static>> {
    Some(Reasoning { amount: Some(amount), shown: None })
}

fn noted(request: &Request<'_>, manner: &Manner) -> Vec<(Feature, &'static str)> {
    let notes = try_written(request, manner).unwrap().notes;
    notes.into_iter().map(|note| (note.feature, note.change)).collect()
}

fn thought(signature: Option<&'static str>) -> Part<'static> {
    Part::of(Content::Reasoning { text: "Hm".into(), signature: signature.map(Into::into) })
}

#[test]
fn a_model_of_a_budget_does_not_think_where_its_thoughts_were_lost() {
    let asked = || user(vec![Part::text("Hi")]);
    let called = |parts: Vec<Part<'static>>| {
        let messages = vec![asked(), assistant(parts), user(vec![result("a", vec![Part::text("x")])])];
        Request { reasoning: thinking(Amount::Effort(Effort::Low)), ..of_messages(messages) }
    };
    for lost in [vec![call("a", "f")], vec![thought(None), call("a", "f")], vec![Part::text("so"), call("a", "f")]] {
        let request = called(lost);
        assert_eq!(written(&request, &budget()).get("additionalModelRequestFields"), None);
        assert_eq!(noted(&request, &budget()), [(Feature::Reasoning, LOST)]);
        let effort = manner(ReasoningForm::Effort, SchemaForm::Native);
        assert_eq!(written(&request, &effort)["additionalModelRequestFields"]["thinking"]["type"], "adaptive");
    }
    let signed = called(vec![thought(Some("s")), Part::text("so"), call("a", "f")]);
    assert_eq!(written(&signed, &budget())["additionalModelRequestFields"]["thinking"]["type"], "enabled");
    let answered = Request { messages: vec![asked(), assistant(vec![Part::text("so")]), asked()], ..signed };
    assert_eq!(written(&answered, &budget())["additionalModelRequestFields"]["thinking"]["type"], "enabled");
}

#[test]
fn beside_thinking_nothing_is_sent_that_is_refused_with_it() {
    let number = |text: &'static str| Some(serde_json::from_str::<Number<'static>>(text).unwrap());
    let asked = |top_p| Request {
        reasoning: thinking(Amount::Effort(Effort::Low)),
        max_tokens: number("9000"),
        sampling: Sampling {
            temperature: number("0.2"),
            top_p: number(top_p),
            top_k: number("3"),
            ..Sampling::default()
        },
        ..Request::default()
    };
    for form in [ReasoningForm::Budget, ReasoningForm::Effort] {
        let manner = manner(form, SchemaForm::Native);
        let body = written(&asked("0.5"), &manner);
        assert_eq!(body["inferenceConfig"], json!({"maxTokens": 9000}));
        assert_eq!(body["additionalModelRequestFields"].get("top_k"), None);
        let lost = [Feature::Temperature, Feature::TopP, Feature::TopK].map(|feature| (feature, THINKING));
        assert_eq!(noted(&asked("0.5"), &manner), lost);
        assert_eq!(written(&asked("0.95"), &manner)["inferenceConfig"], json!({"maxTokens": 9000, "topP": 0.95}));
    }
    let none = manner(ReasoningForm::None, SchemaForm::Native);
    let body = written(&asked("0.5"), &none);
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 9000, "temperature": 0.2, "topP": 0.5}));
}

#[test]
fn thinking_and_answer_are_no_more_than_the_model_writes() {
    let small = Manner { most_tokens: Some(32_000), ..budget() };
    let asked = |amount, max_tokens: Option<u64>| Request {
        reasoning: thinking(amount),
        max_tokens: max_tokens.map(Number::from),
        ..Request::default()
    };
    let sent = |request: &Request<'_>| {
        let body = written(request, &small);
        let budget = body["additionalModelRequestFields"]["thinking"]["budget_tokens"].as_u64();
        (budget, body["inferenceConfig"]["maxTokens"].as_u64())
    };
    let much = asked(Amount::Budget(40_000.into()), Some(4000));
    assert_eq!(sent(&much), (Some(28_000), Some(32_000)));
    assert_eq!(noted(&much, &small), [(Feature::MaxTokens, RAISED), (Feature::Reasoning, BOUNDED)]);
    assert_eq!(sent(&asked(Amount::Effort(Effort::Max), None)), (Some(27_904), Some(32_000)));
    let long = asked(Amount::Off, Some(64_000));
    assert_eq!((sent(&long), noted(&long, &small)), ((None, Some(32_000)), vec![(Feature::MaxTokens, LOWERED)]));
}

#[test]
fn blanks_that_are_refused_are_not_sent() {
    let request = of_messages(vec![user(vec![Part::text("Hi ")]), assistant(vec![Part::text("{ \n")])]);
    let messages = written(&request, &UNKNOWN)["messages"].clone();
    assert_eq!(messages[0]["content"], json!([{"text": "Hi "}]));
    assert_eq!(messages[1]["content"], json!([{"text": "{"}]));
    let blank = vec![user(vec![Part::text("Hi")]), assistant(vec![Part::text("so ")]), user(vec![Part::text(" \n")])];
    let late = Message { role: Role::System, parts: vec![Part::text("be brief")] };
    for messages in [blank.clone(), [blank, vec![late]].concat()] {
        let messages = written(&of_messages(messages), &UNKNOWN)["messages"].clone();
        assert_eq!(messages[1]["content"], json!([{"text": "so "}]));
        assert_eq!(messages[2], json!({"role": "user", "content": [{"text": "."}]}));
    }
}

#[test]
fn that_no_tool_be_called_is_said_in_words_where_tools_have_to_be_sent() {
    let history = vec![
        user(vec![Part::text("go")]),
        assistant(vec![call("1", "f")]),
        user(vec![result("1", vec![Part::text("x")])]),
    ];
    let never = Request { tools: vec![tool("f")], tool_choice: Some(ToolChoice::Never), ..of_messages(history) };
    let body = written(&never, &UNKNOWN);
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
    assert!(body["system"][0]["text"].as_str().unwrap().starts_with("Call no tool"));
    assert_eq!(noted(&never, &UNKNOWN), [(Feature::ToolChoiceNever, IN_WORDS)]);
    let fresh = Request { messages: vec![user(vec![Part::text("go")])], ..never };
    let body = written(&fresh, &UNKNOWN);
    assert_eq!((body.get("toolConfig"), body.get("system"), noted(&fresh, &UNKNOWN)), (None, None, vec![]));
}

#[test]
fn a_choice_is_made_as_the_model_knows_it() {
    let any = Manner { forced_tools: ForcedTools::Any, ..manner(ReasoningForm::None, SchemaForm::Tool) };
    let none = Manner { forced_tools: ForcedTools::None, ..any.clone() };
    let two = |choice| Request { tools: vec![tool("f"), tool("g")], tool_choice: choice, ..Request::default() };
    let sent = |request: &Request<'_>, manner: &Manner| {
        let config = written(request, manner)["toolConfig"].clone();
        let names = config["tools"].as_array().unwrap().iter().map(|tool| tool["toolSpec"]["name"].clone());
        (names.collect::<Vec<_>>(), config.get("toolChoice").cloned())
    };
    // There is no choice of one but to send no other.
    let named = two(Some(ToolChoice::Named("g".into())));
    assert_eq!(sent(&named, &any), (vec![json!("g")], Some(json!({"any": {}}))));
    assert_eq!(sent(&two(Some(ToolChoice::Required)), &any).1, Some(json!({"any": {}})));
    assert_eq!(sent(&two(None), &any).1, None);

    let schema = Schema { name: None, description: None, schema: json_of("{\"type\":\"object\"}"), strict: None };
    let answer = |choice| Request { answer_format: Some(AnswerFormat::Schema(schema.clone())), ..two(choice) };
    assert_eq!(sent(&answer(Some(ToolChoice::Never)), &any), (vec![json!(ANSWER_TOOL)], Some(json!({"any": {}}))));
    let first = sent(&answer(Some(ToolChoice::Named("g".into()))), &any);
    assert_eq!(first, (vec![json!("g")], Some(json!({"any": {}}))), "the call comes before the answer");
    let (names, choice) = sent(&answer(None), &none);
    assert_eq!((names.len(), choice), (3, None));
    let told = written(&answer(None), &none)["system"][0]["text"].clone();
    assert!(told.as_str().unwrap().contains(ANSWER_TOOL), "{told}");
    assert!(try_written(&answer(None), &none).unwrap().answers_by_tool);
    let thinks = Request { reasoning: thinking(Amount::Effort(Effort::Low)), ..two(Some(ToolChoice::Required)) };
    let budget = Manner { reasoning: ReasoningForm::Budget, ..any };
    assert_eq!(noted(&thinks, &budget), [(Feature::Reasoning, FORCED)]);
}

#[test]
fn the_least_that_a_model_thinks_is_read_as_none() {
    for kind in ["disabled", "between_tools"] {
        let body =
            format!(r#"{{"messages": [], "additionalModelRequestFields": {{"thinking": {{"type": "{kind}"}}}}}}"#);
        assert_eq!(read(body.as_bytes()).unwrap().reasoning.unwrap().amount, Some(Amount::Off));
    }
}
