//! What models refuse, and what they are sent instead.

use shared::catalog::rules::Budget;

use super::*;
use crate::exchange::feature::Feature;
use crate::protocol::ANSWER_TOOL;
use crate::protocol::notes::{BOUNDED, LOWERED, RAISED};

fn sent(asked: &Request<'_>, manner: &Manner) -> (Value, Outgoing) {
    let outgoing = request(asked, &Target { model: "m", delivery: Delivery::Whole, manner }).unwrap();
    (serde_json::from_slice(&outgoing.body).unwrap(), outgoing)
}

fn changes(outgoing: &Outgoing) -> Vec<(Feature, &'static str)> {
    outgoing.notes.iter().map(|note| (note.feature, note.change)).collect()
}

fn thinking(amount: Amount<'static>) -> Option<Reasoning<'static>> {
    Some(Reasoning { amount: Some(amount), shown: Some(false) })
}

#[test]
fn a_budget_is_within_the_models_range() {
    let of = |least, most| Manner { budget: Some(Budget { least, most }), ..budget() };
    let pro = Manner { always_thinks: true, ..of(128, 32_768) };
    let (flash, lite) = (of(0, 24_576), of(512, 24_576));
    let bounded = vec![(Feature::Reasoning, BOUNDED)];
    for (amount, manner, tokens, noted) in [
        (Amount::Budget(100.into()), &pro, 128, bounded.clone()),
        (Amount::Budget(40_000.into()), &pro, 32_768, bounded.clone()),
        (Amount::Budget(5000.into()), &pro, 5000, vec![]),
        (Amount::Off, &pro, 128, vec![]),
        (Amount::Budget(1.into()), &flash, 1, vec![]),
        (Amount::Effort(Effort::Max), &flash, 24_576, vec![]),
        (Amount::Off, &flash, 0, vec![]),
        (Amount::Budget(1.into()), &lite, 512, bounded),
        (Amount::Off, &lite, 0, vec![]),
        (Amount::Adaptive, &lite, -1, vec![]),
    ] {
        let (body, outgoing) = sent(&Request { reasoning: thinking(amount), ..question() }, manner);
        assert_eq!(body["generationConfig"]["thinkingConfig"], json!({"thinkingBudget": tokens}));
        assert_eq!(changes(&outgoing), noted);
    }
}

#[test]
fn the_limit_of_tokens_is_above_the_budget_for_thinking() {
    let manner = Manner { most_tokens: Some(65_535), ..budget() };
    for (amount, limit, expected, noted) in [
        (Amount::Budget(2000.into()), 100, 2100, Some(RAISED)),
        (Amount::Budget(2000.into()), 2000, 4000, Some(RAISED)),
        (Amount::Budget(2000.into()), 2001, 2001, None),
        (Amount::Budget(32_768.into()), 32_768, 65_535, Some(RAISED)),
        (Amount::Budget(2000.into()), 100_000, 65_535, Some(LOWERED)),
        (Amount::Adaptive, 100, 100, None),
        (Amount::Off, 100, 100, None),
    ] {
        let asked = Request { reasoning: thinking(amount), max_tokens: Some(limit.into()), ..question() };
        let (body, outgoing) = sent(&asked, &manner);
        assert_eq!(body["generationConfig"]["maxOutputTokens"], expected);
        assert_eq!(
            changes(&outgoing),
            noted.map(|change| (Feature::MaxTokens, change)).into_iter().collect::<Vec<_>>()
        );
    }
    let unlimited = Request { reasoning: thinking(Amount::Budget(2000.into())), ..question() };
    assert_eq!(sent(&unlimited, &manner).0["generationConfig"].get("maxOutputTokens"), None);
}

#[test]
fn a_model_that_takes_tools_or_a_form_loses_neither() {
    let apart = Manner { tools_or_form: true, ..UNKNOWN.clone() };
    let schema = || Schema {
        name: None,
        description: None,
        schema: Json::parse(r#"{"type":"object","properties":{"a":{}}}"#).unwrap(),
        strict: None,
    };
    let tool = || Tool { name: "f".into(), description: None, parameters: None, strict: None, cache: None };
    let asked = |format, choice| Request {
        answer_format: Some(format),
        tools: vec![tool()],
        tool_choice: choice,
        ..question()
    };
    let has_form = |body: &Value| body["generationConfig"].get("responseMimeType").is_some();
    let names = |body: &Value| {
        let tools = body["tools"][0]["functionDeclarations"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for choice in [None, Some(ToolChoice::Auto)] {
        let (body, outgoing) = sent(&asked(AnswerFormat::Schema(schema()), choice.clone()), &apart);
        assert!(outgoing.answers_by_tool && !has_form(&body));
        assert_eq!(names(&body), ["f", ANSWER_TOOL]);
        let answer = &body["tools"][0]["functionDeclarations"][1]["parametersJsonSchema"];
        assert_eq!(answer, &json!({"type": "object", "properties": {"a": {}}}));
        assert_eq!(body["toolConfig"]["functionCallingConfig"], json!({"mode": "ANY"}));
        let (body, _) = sent(&asked(AnswerFormat::Json, choice), &apart);
        assert!(!has_form(&body) && names(&body) == ["f"]);
        assert!(body["systemInstruction"]["parts"][0]["text"].as_str().unwrap().contains("JSON object"));
    }
    for choice in [ToolChoice::Required, ToolChoice::Named("f".into())] {
        let (body, outgoing) = sent(&asked(AnswerFormat::Schema(schema()), Some(choice)), &apart);
        assert!(!outgoing.answers_by_tool && !has_form(&body) && names(&body) == ["f"], "a call comes first");
    }
    let (body, outgoing) = sent(&asked(AnswerFormat::Schema(schema()), Some(ToolChoice::Never)), &apart);
    assert!(!outgoing.answers_by_tool && has_form(&body) && names(&body).is_empty());
    assert_eq!(body.get("toolConfig"), None);
    let (body, outgoing) = sent(&asked(AnswerFormat::Schema(schema()), None), &UNKNOWN);
    assert!(!outgoing.answers_by_tool && has_form(&body) && names(&body) == ["f"]);
    let (body, _) = sent(&asked(AnswerFormat::Text, None), &apart);
    assert!(has_form(&body) && names(&body) == ["f"]);
}
