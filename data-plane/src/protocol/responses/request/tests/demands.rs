//! What the format, or some of its models, demand, and a request has to follow.

use serde_json::{Value, json};

use super::written::{asks, body, said, written};
use crate::exchange::feature::Feature;
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{Content, Message, Part, Role};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request};

/// What is changed.
fn noted(manner: &Manner, request: &Request<'_>) -> Vec<Feature> {
    written(request, manner).unwrap().notes.into_iter().map(|note| note.feature).collect()
}

#[test]
fn a_limit_that_is_lower_than_any_is_the_lowest() {
    for (asked, expected) in [(1, 16), (15, 16), (16, 16), (1000, 1000)] {
        let request = Request { max_tokens: Some(asked.into()), ..asks() };
        assert_eq!(body(&request, &UNKNOWN)["max_output_tokens"], expected);
        let changed: &[Feature] = if asked == expected { &[] } else { &[Feature::MaxTokens] };
        assert_eq!(noted(&UNKNOWN, &request), changed);
    }
    assert_eq!(body(&asks(), &UNKNOWN).get("max_output_tokens"), None);
}

#[test]
fn a_user_with_a_name_that_is_too_long_has_another() {
    let request = Request { user: Some("a".repeat(65).into()), ..asks() };
    assert_eq!(body(&request, &UNKNOWN)["user"].as_str().map(str::len), Some(64));
}

#[test]
fn what_stands_before_no_conversation_is_its_first_item() {
    let request = Request { system: vec![Part::text("Write a poem.")], ..Request::default() };
    let written = body(&request, &UNKNOWN);
    assert_eq!(written["input"], json!([{"type": "message", "role": "system", "content": "Write a poem."}]));
    assert_eq!(written.get("instructions"), None);
    let below = Request { system: request.system, ..said(Role::User, Content::Refusal("x".into())) };
    assert_eq!(body(&below, &UNKNOWN)["instructions"], "Write a poem.");
}

#[test]
fn whoever_asks_for_json_says_so_in_the_input() {
    let asked = |content: &'static str, system: &'static str| Request {
        answer_format: Some(AnswerFormat::Json),
        system: vec![Part::text(system)],
        messages: vec![Message { role: Role::User, parts: vec![Part::text(content)] }],
        ..Request::default()
    };
    let put = json!({"type": "message", "role": "system", "content": "Answer with a JSON object."});
    for (request, is_put) in [(asked("q", "Be brief."), true), (asked("q", "JSON!"), true), (asked("json", ""), false)]
    {
        assert_eq!(body(&request, &UNKNOWN)["input"][0] == put, is_put);
        assert_eq!(noted(&UNKNOWN, &request) == [Feature::JsonAnswer], is_put);
    }
}

#[test]
fn what_a_model_takes_unthinking_alone_is_left_out_where_it_thinks() {
    let manner = &Manner { sampling_unthinking: true, ..UNKNOWN.clone() };
    let sampled = |amount| {
        let mut request = Request { reasoning: Some(Reasoning { amount: Some(amount), shown: None }), ..asks() };
        request.sampling.temperature = serde_json::from_str("0.5").ok();
        request.sampling.top_p = serde_json::from_str("0.9").ok();
        request
    };
    let samples = |request: &Request<'_>| {
        let written = body(request, manner);
        [&written["temperature"], &written["top_p"]].map(|field: &Value| !field.is_null())
    };
    let thinking = sampled(Amount::Effort(Effort::Low));
    assert_eq!(samples(&thinking), [false, false]);
    assert_eq!(noted(manner, &thinking), [Feature::Temperature, Feature::TopP]);
    assert_eq!(samples(&sampled(Amount::Off)), [true, true]);
}
