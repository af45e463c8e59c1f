//! Requests there and back; `read` and `write` have their own.

mod read;
mod write;

use proptest::prelude::*;
use shared::adapter::Delivery;
use shared::catalog::rules::ReasoningForm;

use crate::exchange::json::Json;
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{CacheHint, Content, Document, DocumentBody, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request, Sampling, Schema};
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult};
use crate::protocol::Target;

fn text() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\😀]{1,12}"
}

fn cache() -> impl Strategy<Value = Option<CacheHint>> {
    prop_oneof![
        20 => Just(None),
        1 => Just(Some(CacheHint::Default)),
        1 => Just(Some(CacheHint::FiveMinutes)),
        1 => Just(Some(CacheHint::OneHour)),
    ]
}

fn said() -> impl Strategy<Value = Part<'static>> {
    (text(), cache()).prop_map(|(text, cache)| Part { cache, ..Part::text(text) })
}

fn source(media_type: &'static str) -> impl Strategy<Value = Source<'static>> {
    prop_oneof![
        "[A-Za-z]{4}".prop_map(move |data| Source::Inline { media_type: media_type.into(), data: data.into() }),
        "https://h/[a-z]{1,5}".prop_map(|url| Source::Url { url: url.into(), media_type: None }),
        "file_[a-z]{1,5}".prop_map(|file| Source::File(file.into())),
    ]
}

fn image() -> impl Strategy<Value = Part<'static>> {
    source("image/png").prop_map(|source| Part::of(Content::Image(Image { source, detail: None })))
}

fn document() -> impl Strategy<Value = Part<'static>> {
    let body = prop_oneof![
        source("application/pdf").prop_map(DocumentBody::Bytes),
        text().prop_map(|text| DocumentBody::Text(text.into())),
    ];
    (body, prop::option::of(text()), prop::option::of(text()), any::<bool>()).prop_map(
        |(body, name, context, cites)| {
            let (name, context) = (name.map(Into::into), context.map(Into::into));
            Part::of(Content::Document(Document { body, name, context, cites }))
        },
    )
}

/// What a tool gave, and whether it failed.
fn result() -> impl Strategy<Value = (Vec<Part<'static>>, bool)> {
    let part = prop_oneof![text().prop_map(Part::text), image(), document()];
    (prop::collection::vec(part, 0..3), any::<bool>())
}

/// A user's words, the assistant's, its calls, and their results: turns that alternate.
fn round() -> impl Strategy<Value = Vec<Message<'static>>> {
    let asked = prop::collection::vec(prop_oneof![said(), image(), document()], 1..3);
    let thought = prop::option::of(("[a-z]{0,5}", "[A-Za-z]{1,5}"));
    let calls = prop::collection::vec(("[a-z0-9_-]{1,8}", "[a-zA-Z0-9_-]{1,8}", text(), result()), 0..3);
    (asked, thought, said(), calls).prop_map(|(asked, thought, answer, calls)| {
        let mut answered = Vec::new();
        answered.extend(thought.map(|(text, signature)| {
            Part::of(Content::Reasoning { text: text.into(), signature: Some(signature.into()) })
        }));
        answered.push(answer);
        let mut results = Vec::new();
        for (at, (id, name, value, (content, is_error))) in calls.into_iter().enumerate() {
            let (id, arguments) = (format!("{id}{at}"), Json::of(&serde_json::json!({"v": value})));
            results.push(Part::of(Content::ToolResult(ToolResult {
                id: id.clone().into(),
                name: Some(name.clone().into()),
                content,
                is_error,
            })));
            let call = ToolCall { id: id.into(), name: name.into(), arguments, signature: None };
            answered.push(Part::of(Content::ToolCall(call)));
        }
        results.push(Part::text("go on"));
        vec![
            Message { role: Role::User, parts: asked },
            Message { role: Role::Assistant, parts: answered },
            Message { role: Role::User, parts: results },
        ]
    })
}

fn tools() -> impl Strategy<Value = (Vec<Tool<'static>>, Option<ToolChoice<'static>>, Option<bool>)> {
    let tool = ("[a-zA-Z0-9_-]{1,9}", prop::option::of(text()), prop::option::of(Just(true)), cache()).prop_map(
        |(name, description, strict, cache)| Tool {
            name: name.into(),
            description: description.map(Into::into),
            parameters: Json::parse(r#"{"type":"object","properties":{"z":{},"a":{}},"additionalProperties":false}"#),
            strict,
            cache,
        },
    );
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        "[a-z]{1,5}".prop_map(|name| ToolChoice::Named(name.into())),
    ];
    (prop::collection::vec(tool, 1..3), choice, any::<bool>())
        .prop_map(|(tools, choice, one_at_most)| (tools, Some(choice), one_at_most.then_some(false)))
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let parameters = (1u64..9999, prop::option::of(0u64..=1), prop::option::of(0u64..99), prop::option::of(text()));
    let stop = prop::collection::vec("[a-z]{1,4}", 0..3);
    let schema = prop::option::of(Just(
        r#"{"type":"object","properties":{"b":{"type":"string"}},"additionalProperties":false}"#,
    ));
    (prop::collection::vec(said(), 0..3), round(), prop::option::of(tools()), parameters, stop, schema).prop_map(
        |(system, messages, tools, (max_tokens, temperature, top_k, user), stop, schema)| {
            let (tools, tool_choice, parallel_tool_calls) = tools.unwrap_or_default();
            let schema = schema
                .and_then(Json::parse)
                .map(|schema| AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None }));
            Request {
                system,
                messages,
                tools,
                tool_choice,
                parallel_tool_calls,
                max_tokens: Some(max_tokens.into()),
                sampling: Sampling {
                    temperature: temperature.map(Into::into),
                    top_k: top_k.map(Into::into),
                    ..Sampling::default()
                },
                stop: stop.into_iter().map(Into::into).collect(),
                answer_format: schema,
                user: user.map(Into::into),
                wants_usage: true,
                ..Request::default()
            }
        },
    )
}

fn reasoning() -> impl Strategy<Value = (Reasoning<'static>, ReasoningForm)> {
    let effort = prop_oneof![Just(Effort::Low), Just(Effort::Medium), Just(Effort::High), Just(Effort::Max)];
    let amount = prop_oneof![
        Just((Amount::Off, ReasoningForm::Effort)),
        Just((Amount::Adaptive, ReasoningForm::Effort)),
        effort.prop_map(|effort| (Amount::Effort(effort), ReasoningForm::Effort)),
        (1024u64..5000).prop_map(|tokens| (Amount::Budget(tokens.into()), ReasoningForm::Budget)),
    ];
    (amount, prop::option::of(any::<bool>())).prop_map(|((amount, form), shown)| {
        let shown = shown.filter(|_| amount != Amount::Off);
        (Reasoning { amount: Some(amount), shown }, form)
    })
}

fn hints(request: &Request<'_>) -> usize {
    let parts = request.system.iter().chain(request.messages.iter().flat_map(|message| &message.parts));
    parts.filter(|part| part.cache.is_some()).count() + request.tools.iter().filter(|tool| tool.cache.is_some()).count()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(request in request()) {
        prop_assume!(hints(&request) <= 4);
        let to = Target { model: "claude", delivery: Delivery::Stream, manner: &UNKNOWN };
        let body = super::write(&request, &to).unwrap().body;
        prop_assert_eq!(super::read(&body), Ok(request));
    }

    #[test]
    fn thinking_that_is_written_is_read_again((reasoning, form) in reasoning()) {
        let request = Request {
            messages: vec![Message { role: Role::User, parts: vec![Part::text("Hi")] }],
            max_tokens: Some(9000.into()),
            reasoning: Some(reasoning),
            wants_usage: true,
            ..Request::default()
        };
        let manner = Manner { reasoning: form, ..UNKNOWN.clone() };
        let to = Target { model: "claude", delivery: Delivery::Whole, manner: &manner };
        let body = super::write(&request, &to).unwrap().body;
        prop_assert_eq!(super::read(&body), Ok(request));
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, content in "[\\[\\]{}\":,a-z0-9]{0,40}") {
        let _ = super::read(&body);
        let nested = format!(r#"{{"max_tokens":1,"messages":[{{"role":"user","content":{content}}}],"tools":{content}}}"#);
        let _ = super::read(nested.as_bytes());
    }
}

/// What a model that thinks in between says, in any order.
fn interleaved() -> impl Strategy<Value = Vec<Part<'static>>> {
    let thought = ("[a-z]{0,5}", "[A-Za-z]{1,9}").prop_map(|(text, signature)| {
        Part::of(Content::Reasoning { text: text.into(), signature: Some(signature.into()) })
    });
    let sealed = "[A-Za-z]{1,9}".prop_map(|data| Part::of(Content::SealedReasoning(data.into())));
    let call = "[a-z0-9]{1,6}".prop_map(|id| {
        let arguments = Json::empty_object();
        Part::of(Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments, signature: None }))
    });
    let said = "[a-z]{1,6}".prop_map(Part::text);
    prop::collection::vec(prop_oneof![thought, sealed, call, said], 1..9)
}

proptest! {
    #[test]
    fn what_is_thought_in_between_stays_where_it_was_thought(parts in interleaved()) {
        let messages = vec![
            Message { role: Role::User, parts: vec![Part::text("Hi")] },
            Message { role: Role::Assistant, parts },
            Message { role: Role::User, parts: vec![Part::text("And?")] },
        ];
        let request = Request { messages: messages.clone(), ..Request::default() };
        for form in [ReasoningForm::Budget, ReasoningForm::Effort] {
            let manner = Manner { reasoning: form, ..UNKNOWN.clone() };
            let to = Target { model: "m", delivery: Delivery::Whole, manner: &manner };
            let body = super::write(&request, &to).unwrap().body;
            let again = super::read(&body).unwrap();
            prop_assert_eq!(&again.messages, &messages);
        }
    }
}
