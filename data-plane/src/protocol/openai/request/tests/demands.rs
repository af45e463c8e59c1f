//! What some vendors demand, and a request has to follow.

use serde_json::{Value, json};

use super::{to, user, written_for};
use crate::exchange::feature::Feature;
use crate::exchange::json::Json;
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{Content, Message, Part, Role};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request};
use crate::exchange::tool::{Tool, ToolCall, ToolResult};
use crate::protocol::openai::request::write;
use shared::adapter::Delivery;

fn asks(content: &'static str) -> Request<'static> {
    Request { messages: vec![user(vec![Part::text(content)])], ..Request::default() }
}

fn thinks(amount: Amount<'static>, request: Request<'static>) -> Request<'static> {
    Request { reasoning: Some(Reasoning { amount: Some(amount), shown: None }), ..request }
}

/// What is changed, and how.
fn noted(manner: &Manner, request: &Request<'_>) -> Vec<Feature> {
    let outgoing = write(request, &to(manner, Delivery::Whole)).unwrap();
    outgoing.notes.into_iter().map(|note| note.feature).collect()
}

#[test]
fn a_user_with_a_name_that_is_too_long_has_another() {
    let of = |user: &str| {
        let request = Request { user: Some(user.to_owned().into()), ..asks("q") };
        written_for(&UNKNOWN, &request)["user"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("anna"), "anna");
    let long = of(&"a".repeat(65));
    assert_eq!((long.len(), &long), (64, &of(&"a".repeat(65))));
}

#[test]
fn the_model_speaks_after_results_where_nobody_else_may() {
    let (id, name) = ("call_1", "f");
    let call = ToolCall { id: id.into(), name: name.into(), arguments: Json::empty_object(), signature: None };
    let result = ToolResult { id: id.into(), name: None, content: vec![Part::text("r")], is_error: false };
    let called = Message { role: Role::Assistant, parts: vec![Part::of(Content::ToolCall(call))] };
    let result = Part::of(Content::ToolResult(result));
    let roles = |manner: &Manner, messages: Vec<Message<'static>>| {
        let written = written_for(manner, &Request { messages, ..Request::default() });
        let roles = written["messages"].as_array().unwrap().iter().map(|message| message["role"].clone());
        (roles.collect::<Vec<_>>(), written["messages"].clone())
    };
    let model = &Manner { model_after_results: true, ..UNKNOWN.clone() };
    let more = vec![called.clone(), user(vec![result.clone(), Part::text("go on")])];
    assert_eq!(roles(&UNKNOWN, more.clone()).0, ["assistant", "tool", "user"]);
    let (of_model, messages) = roles(model, more);
    assert_eq!(of_model, ["assistant", "tool", "assistant", "user"]);
    assert!(messages[2]["content"].as_str().is_some_and(|text| !text.is_empty()), "an empty one is refused");
    assert_eq!(roles(model, vec![called, user(vec![result])]).0, ["assistant", "tool"], "it is about to speak");
}

#[test]
fn whoever_asks_for_json_says_so() {
    let first = |request: &Request<'_>| written_for(&UNKNOWN, request)["messages"][0].clone();
    let asked = |content| Request { answer_format: Some(AnswerFormat::Json), ..asks(content) };
    assert_eq!(first(&asked("q")), json!({"role": "system", "content": "Answer with a JSON object."}));
    let below = Request { system: vec![Part::text("Be brief.")], ..asked("q") };
    assert_eq!(first(&below)["content"], "Be brief.\n\nAnswer with a JSON object.");
    assert_eq!(noted(&UNKNOWN, &below), [Feature::JsonAnswer]);
    for said in [asked("as Json, please"), Request { system: vec![Part::text("JSON!")], ..asked("q") }] {
        assert!(!first(&said)["content"].as_str().unwrap().contains("Answer with"));
        assert_eq!(noted(&UNKNOWN, &said), []);
    }
    assert_eq!(first(&asks("q"))["role"], "user");
}

#[test]
fn tools_are_said_without_thought_where_both_are_refused() {
    let manner = &Manner { tools_unthinking: true, ..UNKNOWN.clone() };
    let tool = Tool { name: "f".into(), description: None, parameters: None, strict: None, cache: None };
    let called = || Request { tools: vec![tool.clone()], ..asks("q") };
    let high = || Amount::Effort(Effort::High);
    let effort = |manner: &Manner, request: &Request<'_>| written_for(manner, request)["reasoning_effort"].clone();
    assert_eq!(effort(manner, &thinks(high(), called())), "none");
    assert_eq!(noted(manner, &thinks(high(), called())), [Feature::Reasoning]);
    assert_eq!(effort(manner, &called()), "none", "it may think unasked");
    assert_eq!(effort(manner, &thinks(high(), asks("q"))), "high");
    assert_eq!(effort(manner, &asks("q")), Value::Null);
    assert_eq!(effort(&UNKNOWN, &thinks(high(), called())), "high");
    let always = &Manner { always_thinks: true, ..manner.clone() };
    assert_eq!(effort(always, &thinks(high(), called())), "high", "there is no other way");
}

#[test]
fn what_a_model_takes_unthinking_alone_is_left_out_where_it_thinks() {
    let manner = &Manner { sampling_unthinking: true, ..UNKNOWN.clone() };
    let mut sampled = asks("q");
    sampled.sampling.temperature = serde_json::from_str("0.5").ok();
    sampled.sampling.top_p = serde_json::from_str("0.9").ok();
    let samples = |manner: &Manner, request: &Request<'_>| {
        let written = written_for(manner, request);
        (written.get("temperature").is_some(), written.get("top_p").is_some())
    };
    let thinking = thinks(Amount::Effort(Effort::Low), sampled.clone());
    assert_eq!(samples(manner, &thinking), (false, false));
    assert_eq!(noted(manner, &thinking), [Feature::Temperature, Feature::TopP]);
    assert_eq!(samples(manner, &thinks(Amount::Off, sampled.clone())), (true, true));
    assert_eq!(samples(manner, &sampled), (true, true));
    assert_eq!(samples(&UNKNOWN, &thinking), (true, true));
}
