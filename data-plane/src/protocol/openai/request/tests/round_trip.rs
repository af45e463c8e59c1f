//! What is written is read as it was, whatever it is; and no bytes make the reader panic.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use shared::adapter::Delivery;

use super::{inline, read, to, write};
use crate::exchange::json::{Json, Number};
use crate::exchange::manner::{Manner, UNKNOWN};
use crate::exchange::message::{Audio, Content, Document, DocumentBody, Image, Message, Part, Role, Source};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Request, Sampling, Schema};
use crate::exchange::text::Text;
use crate::exchange::tool::{Tool, ToolCall, ToolChoice, ToolResult};

fn text() -> impl Strategy<Value = Text<'static>> {
    // With whatever JSON has to escape.
    "[a-z \"\\\\\n\u{1}é💡]{1,8}".prop_map(Text::from)
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z0-9_-]{1,8}".prop_map(Text::from)
}

fn object() -> impl Strategy<Value = Json<'static>> {
    text().prop_map(|text| Json::of(&serde_json::json!({"type": "object", "properties": {}, "x": &*text})))
}

fn number() -> impl Strategy<Value = Number<'static>> {
    (0..1000_u64).prop_map(Number::from)
}

fn said() -> impl Strategy<Value = Part<'static>> {
    let source = prop_oneof![
        Just(inline("image/png", "aGk=")),
        Just(Source::Url { url: "https://h/i".into(), media_type: None }),
    ];
    let detail = of(prop_oneof![Just("low"), Just("high")]);
    prop_oneof![
        text().prop_map(Part::text),
        (source, detail).prop_map(|(source, detail)| {
            Part::of(Content::Image(Image { source, detail: detail.map(Text::from) }))
        }),
        prop_oneof![Just("audio/wav"), Just("audio/mpeg"), Just("audio/flac")]
            .prop_map(|kind| Part::of(Content::Audio(Audio { source: inline(kind, "aGk=") }))),
        text().prop_map(|name| {
            let name = format!("{}.pdf", &*name).into();
            let body = DocumentBody::Bytes(inline("application/pdf", "aGk="));
            Part::of(Content::Document(Document { body, name: Some(name), context: None, cites: false }))
        }),
    ]
}

/// A turn of the model's, and the results of what it calls.
fn exchange() -> impl Strategy<Value = [Message<'static>; 2]> {
    let reasoning = prop_oneof![
        // What has no proof goes as one text.
        (text(), text()).prop_map(|(text, signature)| Content::Reasoning { text, signature: Some(signature) }),
        text().prop_map(Content::SealedReasoning),
    ];
    let call = (name(), object(), text());
    (vec(reasoning, 0..3), of(text()), of(text()), vec(call, 0..3), vec(said(), 1..3)).prop_map(
        |(reasoning, text, refusal, calls, rest)| {
            let mut model: Vec<Part<'_>> = reasoning.into_iter().map(Part::of).collect();
            model.extend(text.map(Part::text));
            model.extend(refusal.map(|refusal| Part::of(Content::Refusal(refusal))));
            if model.is_empty() {
                model.push(Part::text("x"));
            }
            let mut user = Vec::new();
            for (at, (name, arguments, result)) in calls.into_iter().enumerate() {
                let id: Text<'_> = format!("call_{at}").into();
                let result = ToolResult {
                    id: id.clone(),
                    name: Some(name.clone()),
                    content: vec![Part::text(result)],
                    is_error: false,
                };
                user.push(Part::of(Content::ToolResult(result)));
                model.push(Part::of(Content::ToolCall(ToolCall { id, name, arguments, signature: None })));
            }
            user.extend(rest);
            [Message { role: Role::Assistant, parts: model }, Message { role: Role::User, parts: user }]
        },
    )
}

fn tools() -> impl Strategy<Value = (Vec<Tool<'static>>, Option<ToolChoice<'static>>, Option<bool>)> {
    let closed = || Json::parse(r#"{"type":"object","properties":{},"additionalProperties":false}"#).unwrap();
    let tool =
        (name(), of(text()), object(), of(any::<bool>())).prop_map(move |(name, description, parameters, strict)| {
            let parameters = if strict == Some(true) { closed() } else { parameters };
            Tool { name, description, parameters: Some(parameters), strict, cache: None }
        });
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        Just(ToolChoice::Never),
        name().prop_map(ToolChoice::Named),
    ];
    prop_oneof![Just((Vec::new(), None, None)), (vec(tool, 1..3), of(choice), of(any::<bool>()))]
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    (of(number()), of(number()), of(number()), of(number()), of(number())).prop_map(
        |(temperature, top_p, presence_penalty, frequency_penalty, seed)| Sampling {
            temperature,
            top_p,
            top_k: None,
            presence_penalty,
            frequency_penalty,
            seed,
        },
    )
}

fn answer_format() -> impl Strategy<Value = AnswerFormat<'static>> {
    let schema = (name(), of(text()), object(), of(any::<bool>())).prop_map(|(name, description, schema, strict)| {
        AnswerFormat::Schema(Schema { name: Some(name), description, schema, strict })
    });
    prop_oneof![Just(AnswerFormat::Json), schema]
}

fn reasoning() -> impl Strategy<Value = Reasoning<'static>> {
    let amount = prop_oneof![Just(Amount::Off), Just(Amount::Effort(Effort::Low)), Just(Amount::Effort(Effort::XHigh))];
    amount.prop_map(|amount| Reasoning { amount: Some(amount), shown: None })
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let conversation = (vec(text().prop_map(Part::text), 0..2), vec(said(), 1..3), vec(exchange(), 0..3));
    let settings = (of(number()), vec(text(), 0..3), of(1..4_u64), of(answer_format()), of(reasoning()), of(text()));
    (conversation, tools(), sampling(), settings, any::<bool>()).prop_map(
        |((system, first, exchanges), (tools, tool_choice, parallel_tool_calls), sampling, settings, wants_usage)| {
            let (max_tokens, stop, choices, answer_format, reasoning, user) = settings;
            let first = Message { role: Role::User, parts: first };
            // Whoever asks for JSON has to say the word.
            let says_json = matches!(answer_format, Some(AnswerFormat::Json));
            let system = if says_json { vec![Part::text("json")] } else { system };
            Request {
                system,
                messages: std::iter::once(first).chain(exchanges.into_iter().flatten()).collect(),
                tools,
                tool_choice,
                parallel_tool_calls,
                max_tokens,
                sampling,
                stop,
                choices: choices.map(Number::from),
                answer_format,
                reasoning,
                user,
                knows_one_call: false,
                wants_usage,
                extras: Vec::new(),
            }
        },
    )
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(mut request in request()) {
        // Ids are of one exchange in the strategy: made unique, as they are in a conversation.
        for (turn, message) in request.messages.iter_mut().enumerate() {
            for part in &mut message.parts {
                match &mut part.content {
                    Content::ToolCall(call) => call.id = format!("{}_{}", &*call.id, turn).into(),
                    Content::ToolResult(result) => result.id = format!("{}_{}", &*result.id, turn - 1).into(),
                    _ => {}
                }
            }
        }
        let manner = Manner { reasoning_field: Some("reasoning_details".into()), ..UNKNOWN.clone() };
        // A stream's usage is asked for whenever there is a stream.
        let delivery = if request.wants_usage { Delivery::Stream } else { Delivery::Whole };
        let outgoing = write(&request, &to(&manner, delivery)).unwrap();
        prop_assert_eq!(read(&outgoing.body).unwrap(), request);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), request in request()) {
        let mut body = write(&request, &to(&UNKNOWN, Delivery::Stream)).unwrap().body;
        let at = at.index(body.len());
        body[at] = byte;
        let _ = read(&body);
        let _ = read(&body[..at]);
    }
}
