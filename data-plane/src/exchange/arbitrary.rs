//! Values of the exchange form for tests: conversations, answers and streams of the kind that every format can say.
//!
//! Texts begin and end with a letter, since formats trim; calls have ids that are unique in their conversation and fit every format's rules.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::event::{Ended, Event, Piece};
use super::json::{Json, Number};
use super::message::{Content, Image, Message, Part, Role, Source};
use super::request::{Request, Sampling};
use super::response::{Choice, Finish, Response};
use super::text::Text;
use super::tool::{Tool, ToolCall, ToolResult};
use super::usage::Usage;

/// With whatever JSON, server-sent events and UTF-8 make special inside.
pub(crate) fn text() -> impl Strategy<Value = String> {
    "[a-z][a-z \"\\\\:{}\u{7f}é💡\t]{0,10}[a-z]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z_]{0,8}"
}

/// A number as people and machines write it, from 0 to 1.
fn fraction() -> impl Strategy<Value = Number<'static>> {
    select(vec!["0.7", "0.70", "1", "0", "1e-1", "0.123456789012345678"])
        .prop_map(|written| serde_json::from_str(written).unwrap())
}

/// An object, as it may be written: its numbers must stay as they are.
pub(crate) fn object() -> impl Strategy<Value = Json<'static>> {
    let value = prop_oneof![
        text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        select(vec![
            "1.50",
            "12345678901234567890123",
            "1e3",
            "-0.0",
            "null",
            "true",
            "[]",
            "{}",
            "[1,{\"a\":[2.0]}]",
            "\"\\u00e9\""
        ])
        .prop_map(str::to_owned),
    ];
    vec((name(), value), 0..4).prop_map(|members| {
        let members = members.into_iter().enumerate().map(|(at, (name, value))| format!("\"{name}{at}\":{value}"));
        Json::parse(&format!("{{{}}}", members.collect::<Vec<_>>().join(","))).unwrap().into_owned()
    })
}

/// A call's name and arguments.
fn call() -> impl Strategy<Value = (String, Json<'static>)> {
    (name(), object())
}

fn image() -> impl Strategy<Value = Part<'static>> {
    (select(vec!["image/png", "image/jpeg", "image/gif", "image/webp"]), select(vec!["aGk=", "iVBORw0KGgo=", "AAAA"]))
        .prop_map(|(media_type, data)| {
            let source = Source::Inline { media_type: media_type.into(), data: data.into() };
            Part::of(Content::Image(Image { source, detail: None }))
        })
}

fn said() -> impl Strategy<Value = Vec<Part<'static>>> {
    (text(), vec(prop_oneof![text().prop_map(Part::text), image()], 0..3)).prop_map(|(text, mut parts)| {
        parts.push(Part::text(text));
        parts
    })
}

/// A turn of the model's and the user's answer to it.
#[derive(Debug, Clone)]
struct Round {
    text: Option<String>,
    calls: Vec<((String, Json<'static>), String)>,
    then: Vec<Part<'static>>,
}

fn round() -> impl Strategy<Value = Round> {
    (of(text()), vec((call(), text()), 0..4), said()).prop_map(|(text, calls, then)| Round {
        // A turn says something.
        text: text.or_else(|| calls.is_empty().then(|| "well".to_owned())),
        calls,
        then,
    })
}

/// A conversation: turns in which the model speaks and calls tools, and the user gives results, texts and images.
pub(crate) fn conversation() -> impl Strategy<Value = Request<'static>> {
    let parameters = (of(1..4096_u64), of(fraction()), vec("[A-Z]{2,6}", 0..3));
    (of(text()), said(), vec(round(), 0..4), parameters).prop_map(|(system, first, rounds, parameters)| {
        let (max_tokens, temperature, stop) = parameters;
        let mut request = Request {
            system: system.into_iter().map(Part::text).collect(),
            messages: vec![Message { role: Role::User, parts: first }],
            max_tokens: max_tokens.map(Number::from),
            sampling: Sampling { temperature, ..Sampling::default() },
            stop: stop.into_iter().map(Text::from).collect(),
            ..Request::default()
        };
        let mut calls = 0..;
        for round in rounds {
            add(&mut request, round, &mut calls);
        }
        request
    })
}

fn add(request: &mut Request<'static>, round: Round, numbers: &mut impl Iterator<Item = u32>) {
    let mut model: Vec<_> = round.text.into_iter().map(Part::text).collect();
    let mut user = Vec::new();
    for (((name, arguments), result), number) in round.calls.into_iter().zip(numbers) {
        let id = Text::from(format!("call_{number}"));
        if request.tools.iter().all(|tool| *tool.name != *name) {
            let parameters = Json::parse(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
            let name = Text::from(name.clone());
            request.tools.push(Tool {
                name,
                description: Some("Does it.".into()),
                parameters,
                strict: None,
                cache: None,
            });
        }
        model.push(Part::of(Content::ToolCall(ToolCall {
            id: id.clone(),
            name: name.into(),
            arguments,
            signature: None,
        })));
        let content = vec![Part::text(result)];
        user.push(Part::of(Content::ToolResult(ToolResult { id, name: None, content, is_error: false })));
    }
    user.extend(round.then);
    request.messages.push(Message { role: Role::Assistant, parts: model });
    request.messages.push(Message { role: Role::User, parts: user });
}

fn usage() -> impl Strategy<Value = Usage> {
    (0..1000_u64, 0..1000_u64, 0..1000_u64, 1..1000_u64, 0..1000_u64).prop_map(
        |(plain, read, write, output, reasoning)| Usage {
            input: Some(plain + read + write),
            cache_read: Some(read),
            cache_write: Some(write),
            output: Some(output + reasoning),
            reasoning: Some(reasoning),
        },
    )
}

/// An answer: what was thought, what is said, what is called.
pub(crate) fn answer() -> impl Strategy<Value = Response<'static>> {
    let finish = select(vec![Finish::Stop, Finish::Length, Finish::Filtered]);
    (of(text()), of(text()), vec(call(), 0..4), finish, usage()).prop_map(|(reasoning, text, calls, finish, usage)| {
        let finish = if calls.is_empty() { finish } else { Finish::ToolCalls };
        let reasoning = reasoning.map(|text| Content::Reasoning { text: text.into(), signature: None });
        let text = text.or_else(|| calls.is_empty().then(|| "well".to_owned()));
        let text = text.map(|text| Content::Text { text: text.into(), citations: Vec::new() });
        let calls = calls.into_iter().enumerate().map(|(at, (name, arguments))| {
            Content::ToolCall(ToolCall {
                id: format!("call_{at}").into(),
                name: name.into(),
                arguments,
                signature: None,
            })
        });
        let parts = reasoning.into_iter().chain(text).chain(calls).map(Part::of).collect();
        let choices = vec![Choice { parts, finish, logprobs: None }];
        Response { id: Some("answer_1".into()), model: Some("a-model".into()), choices, usage }
    })
}

/// How the calls of a stream follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    OneByOne,
    /// All begin before any has its arguments.
    Interleaved,
}

/// An answer as a stream, its texts cut into pieces.
pub(crate) fn stream() -> impl Strategy<Value = (Response<'static>, Vec<Event<'static>>, Ended)> {
    (answer(), vec(any::<Index>(), 4), select(vec![Order::OneByOne, Order::Interleaved])).prop_map(
        |(answer, cuts, order)| {
            let events = events(&answer, &cuts, order);
            let ended = Ended { finishes: vec![(0, answer.choices[0].finish.clone())], usage: answer.usage };
            (answer, events, ended)
        },
    )
}

/// The events of an answer.
fn events(answer: &Response<'static>, cuts: &[Index], order: Order) -> Vec<Event<'static>> {
    let (mut pieces, mut begins, mut arguments, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut calls = 0..;
    for part in &answer.choices[0].parts {
        match &part.content {
            Content::Reasoning { text, .. } => pieces.extend(fragments(text, cuts).map(Piece::Reasoning)),
            Content::Text { text, .. } => pieces.extend(fragments(text, cuts).map(Piece::Text)),
            Content::ToolCall(called) => {
                let call = calls.next().unwrap();
                let (id, name) = (called.id.clone(), called.name.clone());
                begins.push(Piece::ToolBegin { call, id, name, signature: None });
                arguments.push(
                    fragments(called.arguments.as_str(), cuts)
                        .map(|fragment| Piece::ToolArguments { call, fragment })
                        .collect::<Vec<_>>(),
                );
                ends.push(Piece::ToolEnd { call });
            }
            other => panic!("{other:?} is not in these answers"),
        }
    }
    match order {
        Order::Interleaved => pieces.extend(begins.into_iter().chain(arguments.into_iter().flatten()).chain(ends)),
        Order::OneByOne => {
            for ((begin, arguments), end) in begins.into_iter().zip(arguments).zip(ends) {
                pieces.extend([begin].into_iter().chain(arguments).chain([end]));
            }
        }
    }
    let begin = Event::Begin { id: answer.id.clone(), model: answer.model.clone(), usage: Usage::default() };
    [begin].into_iter().chain(pieces.into_iter().map(|piece| Event::Piece { choice: 0, piece })).collect()
}

/// A text in pieces, cut between characters.
fn fragments(text: &str, cuts: &[Index]) -> impl Iterator<Item = Text<'static>> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| places[cut.index(places.len())]).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let fragments: Vec<_> = cuts.windows(2).map(|pair| Text::from(text[pair[0]..pair[1]].to_owned())).collect();
    fragments.into_iter()
}
