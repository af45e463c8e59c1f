use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;
use crate::protocol::{Fault, Frame, Progress, Reader as _, Reply, Seed, Writer as _};

const SEED: Seed<'static> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'static> = Reply { id: SEED.id, created: 0, model: "m", wants_usage: true, knows_one_call: false };

/// What a reader gives, spelled out so that it can be kept, and how far it came.
fn read(events: &[Value]) -> Result<(Vec<String>, Progress), Fault> {
    let texts: Vec<_> = events.iter().map(Value::to_string).collect();
    read_texts(&texts)
}

fn read_texts(texts: &[String]) -> Result<(Vec<String>, Progress), Fault> {
    let mut reader = Reader::new(&SEED);
    let mut given = Vec::new();
    let mut progress = Progress::More;
    for data in texts {
        let frame = Frame::Event { name: "", data: data.as_bytes() };
        progress = reader.read(frame, &mut |event| given.push(format!("{event:?}")))?;
    }
    Ok((given, progress))
}

fn spelled(events: &[Event<'_>]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

fn begin() -> Event<'static> {
    Event::Begin { id: Some("c1".into()), model: None, usage: Usage::default() }
}

fn piece(piece: Piece<'static>) -> Event<'static> {
    Event::Piece { choice: 0, piece }
}

fn tool_begin(call: u32) -> Event<'static> {
    piece(Piece::ToolBegin { call, id: format!("t{call}").into(), name: "f".into(), signature: None })
}

fn arguments(call: u32, fragment: &'static str) -> Event<'static> {
    piece(Piece::ToolArguments { call, fragment: fragment.into() })
}

fn tool_end(call: u32) -> Event<'static> {
    piece(Piece::ToolEnd { call })
}

fn ended(finish: Finish<'static>) -> Ended {
    let usage = Usage { input: Some(7), output: Some(3), ..Usage::default() };
    Ended { finishes: vec![(0, finish)], usage }
}

/// The data of the events of a stream, whose names are their types.
fn written(events: &[Event<'_>], ended: &Ended) -> Vec<String> {
    let mut writer = Writer::new(&REPLY);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out).unwrap();
    }
    writer.end(ended, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap();
    let one = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data = data.strip_prefix("data: ").unwrap();
        let said: Value = serde_json::from_str(data).unwrap();
        assert_eq!(name.strip_prefix("event: "), said["type"].as_str());
        data.to_owned()
    };
    text.split_terminator("\n\n").map(one).collect()
}

fn content(kind: &str, index: u64, content: &Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": {"content": content}}})
}

fn calls(kind: &str, index: u64, calls: &Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": {"tool_calls": calls}}})
}

#[test]
fn a_stream_is_read_with_all_that_it_holds() {
    let message = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    let source = json!({"type": "document", "id": "d", "document": {"title": "t", "x": 1}});
    let called = json!({"id": "t0", "type": "function", "function": {"name": "f", "arguments": ""}});
    let (given, progress) = read(&[
        json!({"type": "message-start", "id": "c1", "delta": {"message": message}}),
        content("content-start", 0, &json!({"type": "thinking", "thinking": ""})),
        content("content-delta", 0, &json!({"thinking": "hm"})),
        json!({"type": "content-end", "index": 0}),
        content("content-start", 1, &json!({"type": "text", "text": "s"})),
        content("content-delta", 1, &json!({"text": "o"})),
        json!({"type": "citation-start", "index": 0, "delta": {"message": {"citations": {"start": 0, "end": 1, "text": "s", "sources": [source]}}}}),
        json!({"type": "citation-end", "index": 0}),
        json!({"type": "of-tomorrow", "delta": [1]}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "plan"}}}),
        calls("tool-call-start", 0, &called),
        calls("tool-call-delta", 0, &json!({"function": {"arguments": "{}"}})),
        json!({"type": "tool-call-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 1, "output_tokens": 2}}}}),
        json!("after the end"),
    ])
    .unwrap();
    let cited = Citation { title: Some("t".into()), answer_span: Some((0, 1)), ..Citation::default() };
    let expected = [
        begin(),
        piece(Piece::Reasoning("hm".into())),
        piece(Piece::Text("s".into())),
        piece(Piece::Text("o".into())),
        piece(Piece::Citation(cited)),
        piece(Piece::Text("plan".into())),
        tool_begin(0),
        arguments(0, "{}"),
        tool_end(0),
        Event::Usage(Usage { input: Some(1), output: Some(2), ..Usage::default() }),
        Event::Finish { choice: 0, finish: Finish::ToolCalls },
    ];
    assert_eq!(given, spelled(&expected));
    assert_eq!(progress, Progress::Done);
}

#[test]
fn only_the_message_end_is_the_end() {
    let start = json!({"type": "message-start", "id": "c1"});
    let end = json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}});
    assert_eq!(read(std::slice::from_ref(&start)).unwrap().1, Progress::More);
    assert_eq!(read_texts(&[start.to_string(), "[DONE]".to_owned()]).unwrap().1, Progress::More);
    assert_eq!(read_texts(&[start.to_string(), end.to_string(), "[DONE]".to_owned()]).unwrap().1, Progress::Done);
}

#[test]
fn errors_inside_a_stream_are_faults() {
    let end = |delta: Value| json!({"type": "message-end", "delta": delta});
    for (event, status) in [
        (end(json!({"finish_reason": "ERROR"})), StatusCode::INTERNAL_SERVER_ERROR),
        (end(json!({"finish_reason": "TIMEOUT"})), StatusCode::GATEWAY_TIMEOUT),
        (end(json!({"finish_reason": "COMPLETE", "error": "no luck"})), StatusCode::INTERNAL_SERVER_ERROR),
        (content("content-delta", 0, &json!({"text": 1})), StatusCode::BAD_GATEWAY),
        (json!("x"), StatusCode::BAD_GATEWAY),
        (json!({}), StatusCode::BAD_GATEWAY),
    ] {
        assert_eq!(read(std::slice::from_ref(&event)).unwrap_err().status, status, "{event}");
    }
    let frame = Frame::Event { name: "error", data: br#"{"message":"no luck"}"# };
    let fault = Reader::new(&SEED).read(frame, &mut |_| {}).unwrap_err();
    assert_eq!((fault.status, &fault.body[..]), (StatusCode::INTERNAL_SERVER_ERROR, &br#"{"message":"no luck"}"#[..]));
}

#[test]
fn a_stream_is_written_with_every_field_that_clients_parse() {
    let events = [
        begin(),
        Event::Ping,
        piece(Piece::Reasoning("hm".into())),
        piece(Piece::ReasoningSignature("s".into())),
        piece(Piece::Text("a".into())),
        piece(Piece::Refusal("b".into())),
        tool_begin(0),
        arguments(0, "{}"),
        tool_end(0),
    ];
    let message = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    let called = json!({"id": "t0", "type": "function", "function": {"name": "f", "arguments": ""}});
    let tokens = json!({"input_tokens": 7, "output_tokens": 3});
    let expected = [
        json!({"type": "message-start", "id": "c1", "delta": {"message": message}}),
        content("content-start", 0, &json!({"type": "thinking", "thinking": ""})),
        content("content-delta", 0, &json!({"thinking": "hm"})),
        json!({"type": "content-end", "index": 0}),
        content("content-start", 1, &json!({"type": "text", "text": ""})),
        content("content-delta", 1, &json!({"text": "a"})),
        content("content-delta", 1, &json!({"text": "b"})),
        json!({"type": "content-end", "index": 1}),
        calls("tool-call-start", 0, &called),
        calls("tool-call-delta", 0, &json!({"function": {"arguments": "{}"}})),
        json!({"type": "tool-call-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {"billed_units": tokens, "tokens": tokens}}}),
    ];
    let written: Vec<Value> =
        written(&events, &ended(Finish::ToolCalls)).iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(written, expected);
}

#[test]
fn a_stream_that_a_filter_took_or_the_model_refused_says_so() {
    for (finish, why) in [
        (Finish::Filtered, "the provider's content filter stopped the answer"),
        (Finish::Refused, "the model refused to answer"),
    ] {
        let last = written(&[begin(), piece(Piece::Text("half".into()))], &ended(finish)).pop().unwrap();
        let last: Value = serde_json::from_str(&last).unwrap();
        assert_eq!((&last["delta"]["finish_reason"], &last["delta"]["error"]), (&json!("ERROR"), &json!(why)));
    }
    let last = written(&[begin(), piece(Piece::Refusal("No.".into()))], &ended(Finish::Refused)).pop().unwrap();
    assert!(last.contains("\"COMPLETE\"") && !last.contains("\"error\""), "its words are the answer: {last}");
}

#[test]
fn an_end_without_a_reason_is_none() {
    for delta in [json!({}), json!({"finish_reason": null, "usage": {}})] {
        let fault = read(&[json!({"type": "message-end", "delta": delta})]).unwrap_err();
        assert_eq!(fault.status, StatusCode::BAD_GATEWAY);
        assert!(String::from_utf8_lossy(&fault.body).contains("without a reason"), "{fault:?}");
    }
}

#[test]
fn a_stream_of_nothing_says_why_there_is_nothing() {
    for (finish, text) in [
        (Finish::Refused, "the model refused to answer"),
        (Finish::Filtered, "the provider's content filter stopped the answer"),
    ] {
        let nothing = written(&[begin(), piece(Piece::Reasoning("hm".into()))], &ended(finish.clone()));
        let said = |events: &[String]| events.iter().any(|event| event.contains(&format!("\"text\":\"{text}\"")));
        assert!(said(&nothing), "{nothing:?}");
        assert!(!said(&written(&[begin(), piece(Piece::Text("half".into()))], &ended(finish))));
    }
    assert_eq!(written(&[begin()], &ended(Finish::Stop)).len(), 2, "nothing was asked for");
}

#[test]
fn calls_that_are_under_way_at_once_keep_their_arguments_apart() {
    let events = [
        begin(),
        tool_begin(0),
        tool_begin(1),
        arguments(1, "{\"b\":"),
        arguments(0, "{}"),
        tool_end(0),
        arguments(1, "1}"),
        tool_end(1),
    ];
    let (given, _) = read_texts(&written(&events, &ended(Finish::ToolCalls))).unwrap();
    assert_eq!(given[..events.len()], spelled(&events));
}

#[test]
fn an_image_is_not_hidden() {
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    let image = piece(Piece::Image(Image { source, detail: None }));
    assert!(Writer::new(&REPLY).write(&image, &mut Vec::new()).is_err());
}

fn group() -> impl Strategy<Value = Vec<Piece<'static>>> {
    let text = || "[a-zé\"\\\\\n ]{1,8}";
    prop_oneof![
        text().prop_map(|text| vec![Piece::Text(text.into())]),
        text().prop_map(|text| vec![Piece::Reasoning(text.into())]),
        (text(), prop::option::of((0u64..4, 4u64..9))).prop_map(|(title, answer_span)| {
            vec![Piece::Citation(Citation { title: Some(title.into()), answer_span, ..Citation::default() })]
        }),
        Just(vec![
            Piece::ToolBegin { call: 0, id: "t".into(), name: "f".into(), signature: None },
            Piece::ToolArguments { call: 0, fragment: "{\"a\":".into() },
            Piece::ToolArguments { call: 0, fragment: "1}".into() },
            Piece::ToolEnd { call: 0 },
        ]),
    ]
}

/// Counts the calls of a stream.
fn numbered(pieces: Vec<Piece<'static>>) -> Vec<Event<'static>> {
    let mut calls = 0;
    let number = |piece| match piece {
        Piece::ToolBegin { id, name, signature, .. } => Piece::ToolBegin { call: calls, id, name, signature },
        Piece::ToolArguments { fragment, .. } => Piece::ToolArguments { call: calls, fragment },
        Piece::ToolEnd { .. } => {
            calls += 1;
            Piece::ToolEnd { call: calls - 1 }
        }
        other => other,
    };
    std::iter::once(begin()).chain(pieces.into_iter().map(number).map(piece)).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        groups in prop::collection::vec(group(), 0..6),
        finish in prop::sample::select(vec![Finish::Stop, Finish::StopText(None), Finish::Length, Finish::ToolCalls]),
    ) {
        let mut events = numbered(groups.into_iter().flatten().collect());
        let ended = ended(finish.clone());
        let (given, progress) = read_texts(&written(&events, &ended)).unwrap();
        events.push(Event::Usage(ended.usage));
        events.push(Event::Finish { choice: 0, finish });
        prop_assert_eq!(given, spelled(&events));
        prop_assert_eq!(progress, Progress::Done);
    }

    #[test]
    fn no_bytes_panic(data: Vec<u8>) {
        let _ = Reader::new(&SEED).read(Frame::Event { name: "", data: &data }, &mut |_| {});
    }

    #[test]
    fn no_event_panics(
        kind in prop::sample::select(vec!["message-start", "content-delta", "tool-call-start", "tool-call-delta", "tool-call-end", "citation-start", "message-end"]),
        delta in prop::sample::select(vec!["null", "1", "{}", "{\"message\":null}", "{\"message\":{}}", "{\"message\":{\"content\":[],\"tool_calls\":{}}}"]),
    ) {
        let data = format!(r#"{{"type":"{kind}","delta":{delta}}}"#);
        let _ = Reader::new(&SEED).read(Frame::Event { name: kind, data: data.as_bytes() }, &mut |_| {});
    }
}
