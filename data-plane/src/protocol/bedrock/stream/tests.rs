use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;
use crate::protocol::{Fault, Frame, Progress, Reader as _, Reply, Seed, Writer as _};
use crate::upstream::event_stream::{Decoder, Message};

const SEED: Seed<'static> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'static> = Reply { id: SEED.id, created: 0, model: "m", wants_usage: true, knows_one_call: false };

/// The events of a stream, each with its payload.
type Frames = Vec<(String, String)>;

/// What a reader gives, spelled out so that it can be kept, and how far it came.
fn read(frames: &[(&str, Value)]) -> Result<(Vec<String>, Progress), Fault> {
    let frames: Vec<_> = frames.iter().map(|(name, data)| ((*name).to_owned(), data.to_string())).collect();
    read_texts(&frames)
}

fn read_texts(frames: &[(String, String)]) -> Result<(Vec<String>, Progress), Fault> {
    let mut reader = Reader::new(&SEED);
    let mut given = Vec::new();
    let mut progress = Progress::More;
    for (name, data) in frames {
        progress =
            reader.read(Frame::Event { name, data: data.as_bytes() }, &mut |event| given.push(format!("{event:?}")))?;
    }
    Ok((given, progress))
}

fn spelled(events: &[Event<'_>]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

fn begin() -> Event<'static> {
    Event::Begin { id: None, model: None, usage: Usage::default() }
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

fn written(events: &[Event<'_>], ended: &Ended) -> Frames {
    let mut writer = Writer::new(&REPLY);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out).unwrap();
    }
    writer.end(ended, &mut out);
    decoded(&out)
}

fn decoded(bytes: &[u8]) -> Frames {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap() {
        let Message::Event(name) = frame.message() else { panic!() };
        frames.push((name.to_owned(), String::from_utf8(frame.payload().to_vec()).unwrap()));
    }
    decoder.end().unwrap();
    frames
}

fn ended(finish: Finish<'static>) -> Ended {
    let usage = Usage { input: Some(7), cache_read: Some(2), output: Some(3), ..Usage::default() };
    Ended { finishes: vec![(0, finish)], usage }
}

#[test]
fn a_stream_is_read_with_all_that_it_holds() {
    let delta = |index: u64, delta: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
    };
    let (given, progress) = read(&[
        ("messageStart", json!({"role": "assistant", "p": "a"})),
        delta(0, json!({"reasoningContent": {"text": "hm"}})),
        delta(0, json!({"reasoningContent": {"signature": "s"}})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        delta(1, json!({"text": "so"})),
        delta(1, json!({"text": ""})),
        delta(1, json!({"citation": {"title": "t", "sourceContent": [{"text": "q"}]}})),
        ("ofTomorrow", json!({"x": 1})),
        ("contentBlockStart", json!({"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t0", "name": "f"}}})),
        delta(2, json!({"toolUse": {"input": ""}})),
        delta(2, json!({"toolUse": {"input": "{}"}})),
        ("contentBlockStop", json!({"contentBlockIndex": 2})),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}}),
        ),
        ("messageStart", json!({"role": "assistant"})),
    ])
    .unwrap();
    let cited = Citation { title: Some("t".into()), quoted: Some("q".into()), ..Citation::default() };
    let expected = [
        begin(),
        piece(Piece::Reasoning("hm".into())),
        piece(Piece::ReasoningSignature("s".into())),
        piece(Piece::Text("so".into())),
        piece(Piece::Citation(cited)),
        tool_begin(0),
        arguments(0, "{}"),
        tool_end(0),
        Event::Finish { choice: 0, finish: Finish::ToolCalls },
        Event::Usage(Usage { input: Some(1), output: Some(2), ..Usage::default() }),
    ];
    assert_eq!(given, spelled(&expected));
    assert_eq!(progress, Progress::Done);
}

#[test]
fn a_stream_is_finished_by_its_message_stop_and_done_by_its_metadata() {
    let start = ("messageStart", json!({"role": "assistant"}));
    let stop = ("messageStop", json!({"stopReason": "end_turn"}));
    let metadata = ("metadata", json!({}));
    for (frames, expected) in [
        (vec![start.clone()], Progress::More),
        (vec![start.clone(), metadata.clone()], Progress::More),
        (vec![start.clone(), stop.clone()], Progress::Finished),
        (vec![start, stop, metadata], Progress::Done),
    ] {
        assert_eq!(read(&frames).unwrap().1, expected);
    }
}

#[test]
fn errors_inside_a_stream_are_faults() {
    let mut reader = Reader::new(&SEED);
    let frame = Frame::Exception { name: "throttlingException", data: br#"{"message":"slow"}"# };
    let fault = reader.read(frame, &mut |_| {}).unwrap_err();
    assert_eq!(
        (fault.status, fault.header.unwrap().1.as_bytes()),
        (StatusCode::TOO_MANY_REQUESTS, &b"ThrottlingException"[..])
    );
    for frames in [
        [("messageStop", json!({"stopReason": "malformed_tool_use"}))],
        [("messageStop", json!({"stopReason": "malformed_model_output"}))],
        [("messageStop", json!({}))],
        [("contentBlockDelta", json!({"delta": {"text": 1}}))],
    ] {
        assert_eq!(read(&frames).unwrap_err().status, StatusCode::BAD_GATEWAY, "{frames:?}");
    }
}

#[test]
fn blocks_beyond_any_number_are_no_answer() {
    let start = |at| ("contentBlockStart", json!({"contentBlockIndex": at, "start": {"image": {"format": "png"}}}));
    let images = |many: u32| (0..many).map(start).collect::<Vec<_>>();
    assert!(read(&images(1024)).is_ok());
    assert_eq!(read(&images(1026)).unwrap_err().status, StatusCode::BAD_GATEWAY);
}

#[test]
fn a_stream_is_written_with_every_field_that_clients_parse() {
    let events = [
        begin(),
        Event::Ping,
        piece(Piece::Text("a".into())),
        piece(Piece::Refusal("b".into())),
        tool_begin(0),
        arguments(0, "{}"),
        tool_end(0),
    ];
    let frames = written(&events, &ended(Finish::ToolCalls));
    let expected = [
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "a"}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "b"}})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("contentBlockStart", json!({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t0", "name": "f"}}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}})),
        ("contentBlockStop", json!({"contentBlockIndex": 1})),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({
                "usage": {"inputTokens": 5, "outputTokens": 3, "totalTokens": 10, "cacheReadInputTokens": 2},
                "metrics": {"latencyMs": 0},
            }),
        ),
    ];
    let frames: Vec<(&str, Value)> =
        frames.iter().map(|(name, data)| (name.as_str(), serde_json::from_str(data).unwrap())).collect();
    assert_eq!(frames, expected);
}

#[test]
fn calls_that_are_under_way_at_once_come_one_after_the_other() {
    let events = [
        begin(),
        tool_begin(0),
        tool_begin(1),
        arguments(1, "{\"b\""),
        arguments(0, "{\"a\""),
        tool_begin(2),
        arguments(2, "{}"),
        tool_end(2),
        arguments(1, ":1}"),
        tool_end(1),
        arguments(0, ":0}"),
        tool_end(0),
        piece(Piece::Text("so".into())),
    ];
    let (given, _) = read_texts(&written(&events, &ended(Finish::ToolCalls))).unwrap();
    let expected = [
        begin(),
        tool_begin(0),
        arguments(0, "{\"a\""),
        arguments(0, ":0}"),
        tool_end(0),
        tool_begin(1),
        arguments(1, "{\"b\":1}"),
        tool_end(1),
        tool_begin(2),
        arguments(2, "{}"),
        tool_end(2),
        piece(Piece::Text("so".into())),
    ];
    assert_eq!(given[..expected.len()], spelled(&expected));
}

#[test]
fn an_image_elsewhere_is_not_hidden() {
    let source = Source::Url { url: "https://h/x.png".into(), media_type: None };
    let image = piece(Piece::Image(Image { source, detail: None }));
    assert!(Writer::new(&REPLY).write(&image, &mut Vec::new()).is_err());
}

/// A few pieces of one kind.
fn group() -> impl Strategy<Value = Vec<Piece<'static>>> {
    let text = || "[a-zé\"\\\\\n ]{1,8}";
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    prop_oneof![
        text().prop_map(|text| vec![Piece::Text(text.into())]),
        text()
            .prop_map(|title| { vec![Piece::Citation(Citation { title: Some(title.into()), ..Citation::default() })] }),
        (text(), text())
            .prop_map(|(text, proof)| vec![Piece::Reasoning(text.into()), Piece::ReasoningSignature(proof.into())]),
        text().prop_map(|sealed| vec![Piece::SealedReasoning(sealed.into())]),
        Just(vec![Piece::Image(Image { source, detail: None })]),
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
        finish in prop::sample::select(vec![Finish::Stop, Finish::StopText(None), Finish::Length, Finish::ToolCalls, Finish::Filtered]),
    ) {
        let mut events = numbered(groups.into_iter().flatten().collect());
        let ended = ended(finish.clone());
        let (given, progress) = read_texts(&written(&events, &ended)).unwrap();
        events.push(Event::Finish { choice: 0, finish });
        events.push(Event::Usage(ended.usage));
        prop_assert_eq!(given, spelled(&events));
        prop_assert_eq!(progress, Progress::Done);
    }

    #[test]
    fn no_bytes_panic(
        names in prop::collection::vec(prop::sample::select(vec![
            "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
        ]), 1..5),
        data: Vec<u8>,
    ) {
        let mut reader = Reader::new(&SEED);
        for name in names {
            let _ = reader.read(Frame::Event { name, data: &data }, &mut |_| {});
        }
    }
}
