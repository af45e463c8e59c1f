use http::StatusCode;
use proptest::prelude::*;

use super::{Reader, Writer};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;
use crate::protocol::{Fault, Frame, Progress, Reader as _, Reply, Seed, Writer as _};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude",
    "stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":5,"cache_read_input_tokens":2,"output_tokens":1}}}"#;

/// What a reader gives for events: each shown, and how far it came.
fn read(events: &[&str]) -> (Vec<String>, Result<Progress, Fault>) {
    let mut reader = Reader::new(&Seed { id: "0" });
    let mut given = Vec::new();
    let mut progress = Ok(Progress::More);
    for event in events {
        let frame = Frame::Event { name: "", data: event.as_bytes() };
        progress = reader.read(frame, &mut |event| given.push(show(&event)));
        if progress.is_err() {
            break;
        }
    }
    (given, progress)
}

/// An event in one short line.
fn show(event: &Event<'_>) -> String {
    match event {
        Event::Begin { id, model, usage } => {
            format!("begin {} {} {:?}", id.as_deref().unwrap_or("-"), model.as_deref().unwrap_or("-"), usage.input)
        }
        Event::Piece { choice: 0, piece } => match piece {
            Piece::Text(text) => format!("text {}", &**text),
            Piece::Citation(citation) => format!("citation {}", citation.quoted.as_deref().unwrap_or("-")),
            Piece::Reasoning(text) => format!("reasoning {}", &**text),
            Piece::ReasoningSignature(text) => format!("signature {}", &**text),
            Piece::SealedReasoning(text) => format!("sealed {}", &**text),
            Piece::ToolBegin { call, id, name, .. } => format!("begin {call} {} {}", &**id, &**name),
            Piece::ToolArguments { call, fragment } => format!("arguments {call} {}", &**fragment),
            Piece::ToolEnd { call } => format!("end {call}"),
            Piece::Refusal(_) | Piece::Image(_) | Piece::Logprobs(_) => format!("{piece:?}"),
        },
        Event::Finish { choice: 0, finish } => format!("finish {finish:?}"),
        Event::Usage(usage) => format!("usage {:?} {:?}", usage.input, usage.output),
        Event::Ping => "ping".to_owned(),
        Event::Piece { .. } | Event::Finish { .. } => format!("{event:?}"),
    }
}

/// What a writer writes for pieces and an end.
fn write(pieces: Vec<Piece<'_>>, finish: Finish<'static>, usage: Usage) -> String {
    let reply = Reply { id: "0", created: 0, model: "m", wants_usage: true, knows_one_call: false };
    let mut writer = Writer::new(&reply);
    let mut out = Vec::new();
    let begin = Event::Begin { id: None, model: None, usage: Usage::default() };
    writer.write(&begin, &mut out).unwrap();
    for piece in pieces {
        writer.write(&Event::Piece { choice: 0, piece }, &mut out).unwrap();
    }
    writer.end(&Ended { finishes: vec![(0, finish)], usage }, &mut out);
    String::from_utf8(out).unwrap()
}

fn data(written: &str) -> Vec<&str> {
    written.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
}

#[test]
fn a_stream_is_read_piece_by_piece() {
    let (given, progress) = read(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"ZGF0YQ=="}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hé\n"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"page_location","cited_text":"so"}}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_stop","index":4}"#,
        r#"{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_2","name":"g","input":{}}}"#,
        r#"{"type":"content_block_stop","index":5}"#,
        r#"{"type":"something_new","message":"of any form","delta":[]}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let expected = [
        "begin msg_1 claude Some(7)",
        "ping",
        "reasoning Hm",
        "signature c2ln",
        "sealed ZGF0YQ==",
        "text Hé\n",
        "citation so",
        "begin 0 toolu_1 f",
        "arguments 0 {\"a\":",
        "arguments 0 1}",
        "end 0",
        "begin 1 toolu_2 g",
        "arguments 1 {}",
        "end 1",
        "usage Some(7) Some(9)",
        "finish ToolCalls",
    ];
    assert_eq!((given, progress), (expected.map(str::to_owned).to_vec(), Ok(Progress::Done)));
}

#[test]
fn only_message_stop_is_an_end() {
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#;
    assert_eq!(read(&[START, delta]).1, Ok(Progress::More));
    assert_eq!(read(&[START, delta, r#"{"type":"message_stop"}"#]).1, Ok(Progress::Done));
    let cut = read(&[START, r#"{"type":"message_stop"}"#]);
    let fault = cut.1.unwrap_err();
    assert_eq!((fault.status, cut.0.len()), (StatusCode::BAD_GATEWAY, 1));
    let told = crate::protocol::anthropic::error::given(&http::HeaderMap::new(), &fault.body).unwrap();
    assert_eq!(told.message, "the upstream ended the stream without a reason");
}

#[test]
fn the_last_stop_reason_counts() {
    let (given, _) = read(&[
        START,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    assert_eq!(given.last().unwrap(), "finish StopText(Some(\"END\"))");
}

#[test]
fn an_error_has_the_status_of_its_type() {
    for (kind, status) in [("overloaded_error", 529), ("rate_limit_error", 429), ("api_error", 500), ("new_error", 500)]
    {
        let data = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
        let fault = read(&[START, &data]).1.unwrap_err();
        assert_eq!((fault.status.as_u16(), &fault.body[..]), (status, data.as_bytes()));
    }
    let mut reader = Reader::new(&Seed { id: "0" });
    let named = Frame::Event { name: "error", data: br#"{"error":{"type":"overloaded_error"}}"# };
    assert_eq!(reader.read(named, &mut |_| {}).unwrap_err().status.as_u16(), 529);
}

#[test]
fn bytes_that_are_no_event_are_a_fault() {
    for data in ["<html>", r#"{"type":"content_block_delta","delta":{"text":1}}"#, r#"{"type":"content_block_d"#, "[]"]
    {
        assert_eq!(read(&[START, data]).1.unwrap_err().status, StatusCode::BAD_GATEWAY, "{data}");
    }
}

#[test]
fn arguments_that_come_whole_with_a_calls_begin_are_kept() {
    let (given, _) = read(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
    ]);
    assert_eq!(given, ["begin - - None", "begin 0 t f", "arguments 0 {\"a\":1}", "end 0"]);
}

#[test]
fn an_event_is_known_by_its_name_where_its_data_has_no_type() {
    let mut reader = Reader::new(&Seed { id: "0" });
    let mut pings = 0;
    let read = reader.read(Frame::Event { name: "ping", data: b"{}" }, &mut |event| {
        pings += u32::from(event == Event::Ping);
    });
    assert_eq!((read, pings), (Ok(Progress::More), 1));
}

fn begin(call: u32) -> Piece<'static> {
    Piece::ToolBegin { call, id: format!("t{call}").into(), name: "f".into(), signature: None }
}

fn arguments(call: u32, fragment: &'static str) -> Piece<'static> {
    Piece::ToolArguments { call, fragment: fragment.into() }
}

#[test]
fn calls_that_interleave_are_written_one_after_another() {
    let pieces = vec![
        Piece::Text("Hi".into()),
        begin(0),
        arguments(0, "{\"a\""),
        begin(1),
        begin(2),
        arguments(1, "{\"b\":"),
        arguments(2, "{}"),
        arguments(0, ":1}"),
        Piece::ToolEnd { call: 2 },
        Piece::ToolEnd { call: 0 },
        arguments(1, "2}"),
        Piece::ToolEnd { call: 1 },
    ];
    let usage = Usage { input: Some(9), cache_read: Some(4), output: Some(3), ..Usage::default() };
    let written = write(pieces, Finish::ToolCalls, usage);
    let expected = [
        r#"{"type":"message_start","message":{"id":"msg_0","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t0","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"b\":"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"2}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":5,"cache_read_input_tokens":4,"output_tokens":3}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    assert_eq!(data(&written), expected);
    assert!(written.starts_with("event: message_start\ndata: {"));
    assert!(written.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

#[test]
fn a_thought_ends_with_a_signature_even_if_it_has_none() {
    let pieces = vec![
        Piece::Reasoning("a".into()),
        Piece::SealedReasoning("x".into()),
        Piece::ReasoningSignature("s".into()),
        Piece::Text(String::new().into()),
        Piece::Text("b".into()),
        Piece::Citation(Citation { url: Some("https://h".into()), ..Citation::default() }),
    ];
    let written = write(pieces, Finish::Stop, Usage::default());
    let expected = [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":""}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"b"}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","cited_text":"","encrypted_index":"","title":null,"url":"https://h"}}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
    ];
    let data = data(&written);
    assert_eq!(data[1..data.len() - 2], expected);
}

#[test]
fn words_of_refusal_are_text_and_the_reason() {
    let written = write(vec![Piece::Refusal("No.".into())], Finish::Stop, Usage::default());
    assert!(written.contains(r#""delta":{"type":"text_delta","text":"No."}"#));
    assert!(written.contains(r#""stop_reason":"refusal""#));
}

#[test]
fn an_image_is_refused_and_a_ping_is_a_ping() {
    let mut writer = Writer::new(&Reply { id: "0", created: 0, model: "m", wants_usage: true, knows_one_call: false });
    let mut out = Vec::new();
    writer.write(&Event::Ping, &mut out).unwrap();
    assert_eq!(out, b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
    let piece = Piece::Image(Image { source: Source::File("f".into()), detail: None });
    assert!(writer.write(&Event::Piece { choice: 0, piece }, &mut out).is_err());
}

/// Pieces as the format orders them: blocks one after another.
fn pieces() -> impl Strategy<Value = Vec<Piece<'static>>> {
    let text = || "[a-zé\"\\\\\n😀]{1,8}".prop_map(String::from);
    let block = prop_oneof![
        prop::collection::vec(text(), 1..3)
            .prop_map(|texts| texts.into_iter().map(|text| Piece::Text(text.into())).collect()),
        (text(), "[A-Za-z]{1,8}").prop_map(|(text, signature)| vec![
            Piece::Reasoning(text.into()),
            Piece::ReasoningSignature(signature.into())
        ]),
        "[A-Za-z]{1,8}".prop_map(|data| vec![Piece::SealedReasoning(data.into())]),
        prop::collection::vec(text(), 1..4).prop_map(|fragments| {
            let mut call = vec![begin(0)];
            call.extend(fragments.into_iter().map(|text| Piece::ToolArguments { call: 0, fragment: text.into() }));
            call.push(Piece::ToolEnd { call: 0 });
            call
        }),
    ];
    prop::collection::vec(block, 0..6).prop_map(|blocks: Vec<Vec<Piece<'static>>>| numbered(blocks))
}

/// The same with each call's own number.
fn numbered(blocks: Vec<Vec<Piece<'static>>>) -> Vec<Piece<'static>> {
    let mut calls = 0;
    let mut numbered = Vec::new();
    for piece in blocks.into_iter().flatten() {
        numbered.push(match piece {
            Piece::ToolBegin { .. } => begin(calls),
            Piece::ToolArguments { fragment, .. } => Piece::ToolArguments { call: calls, fragment },
            Piece::ToolEnd { .. } => {
                calls += 1;
                Piece::ToolEnd { call: calls - 1 }
            }
            other => other,
        });
    }
    numbered
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(pieces in pieces(), output in 0u64..1000, cached in 0u64..50) {
        let usage = Usage { input: Some(100), cache_read: Some(cached), output: Some(output), ..Usage::default() };
        let written = write(pieces.clone(), Finish::Length, usage);
        let (given, progress) = read(&data(&written));
        let mut expected = vec!["begin msg_0 m Some(0)".to_owned()];
        expected.extend(pieces.into_iter().map(|piece| show(&Event::Piece { choice: 0, piece })));
        expected.push(format!("usage Some(100) Some({output})"));
        expected.push("finish Length".to_owned());
        prop_assert_eq!((given, progress), (expected, Ok(Progress::Done)));
    }

    #[test]
    fn no_bytes_make_it_panic(events in prop::collection::vec(prop_oneof![
        any::<Vec<u8>>(),
        "\\{\"type\":\"(content_block_(start|delta|stop)|message_(start|delta|stop))\",\"index\":[0-9]{1,11}(,\"delta\":\\{\\})?\\}".prop_map(String::into_bytes),
    ], 0..8)) {
        let mut reader = Reader::new(&Seed { id: "0" });
        for data in &events {
            let _ = reader.read(Frame::Event { name: "", data }, &mut |_| {});
        }
    }
}
