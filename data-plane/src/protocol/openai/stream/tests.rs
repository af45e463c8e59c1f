//! Streams, read and written.

mod round_trip;

use http::StatusCode;

use super::{Reader, Writer};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Content, Image, Part, Source};
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::{Fault, Frame, Progress, Reader as _, Reply, Seed, Writer as _};

const SEED: Seed<'static> = Seed { id: "0123456789abcdef0123456789abcdef" };

fn reply(wants_usage: bool) -> Reply<'static> {
    Reply { id: SEED.id, created: 7, model: "m", wants_usage, knows_one_call: false }
}

/// An event with a life of its own.
fn owned(event: Event<'_>) -> Event<'static> {
    let text = Text::into_owned;
    let json = Json::into_owned;
    match event {
        Event::Begin { id, model, usage } => Event::Begin { id: id.map(text), model: model.map(text), usage },
        Event::Finish { choice, finish } => Event::Finish {
            choice,
            finish: match finish {
                Finish::Stop => Finish::Stop,
                Finish::StopText(given) => Finish::StopText(given.map(text)),
                Finish::Length => Finish::Length,
                Finish::ToolCalls => Finish::ToolCalls,
                Finish::Filtered => Finish::Filtered,
                Finish::Refused => Finish::Refused,
                Finish::Paused => Finish::Paused,
            },
        },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Ping => Event::Ping,
        Event::Piece { choice, piece } => {
            let piece = match piece {
                Piece::Text(given) => Piece::Text(text(given)),
                Piece::Refusal(given) => Piece::Refusal(text(given)),
                Piece::Reasoning(given) => Piece::Reasoning(text(given)),
                Piece::ReasoningSignature(given) => Piece::ReasoningSignature(text(given)),
                Piece::SealedReasoning(given) => Piece::SealedReasoning(text(given)),
                Piece::ToolBegin { call, id, name, signature } => {
                    Piece::ToolBegin { call, id: text(id), name: text(name), signature: signature.map(text) }
                }
                Piece::ToolArguments { call, fragment } => Piece::ToolArguments { call, fragment: text(fragment) },
                Piece::ToolEnd { call } => Piece::ToolEnd { call },
                Piece::Logprobs(given) => Piece::Logprobs(json(given)),
                Piece::Citation(given) => Piece::Citation(Citation {
                    url: given.url.map(text),
                    title: given.title.map(text),
                    quoted: given.quoted.map(text),
                    answer_span: given.answer_span,
                    raw: given.raw.map(json),
                }),
                Piece::Image(Image { source, detail }) => Piece::Image(Image {
                    source: match source {
                        Source::Inline { media_type, data } => {
                            Source::Inline { media_type: text(media_type), data: text(data) }
                        }
                        Source::Url { url, media_type } => {
                            Source::Url { url: text(url), media_type: media_type.map(text) }
                        }
                        Source::File(id) => Source::File(text(id)),
                    },
                    detail: detail.map(text),
                }),
            };
            Event::Piece { choice, piece }
        }
    }
}

/// What a stream of such data says, and how far it has come.
fn read<'a>(data: impl IntoIterator<Item = &'a str>) -> Result<(Vec<Event<'static>>, Progress), Fault> {
    let mut reader = Reader::new(&SEED);
    let mut events = Vec::new();
    let mut progress = Progress::More;
    for data in data {
        let frame = Frame::Event { name: "", data: data.as_bytes() };
        progress = reader.read(frame, &mut |event| events.push(owned(event)))?;
    }
    Ok((events, progress))
}

/// The pieces of the first alternative.
fn pieces(data: &[&str]) -> Vec<Piece<'static>> {
    let (events, _) = read(data.iter().copied()).unwrap();
    let piece = |event| if let Event::Piece { choice: 0, piece } = event { Some(piece) } else { None };
    events.into_iter().filter_map(piece).collect()
}

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"x","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

fn begin(call: u32, id: &'static str, name: &'static str) -> Piece<'static> {
    Piece::ToolBegin { call, id: id.into(), name: name.into(), signature: None }
}

fn arguments(call: u32, fragment: &'static str) -> Piece<'static> {
    Piece::ToolArguments { call, fragment: fragment.into() }
}

#[test]
fn a_plain_stream_is_read() {
    let (events, progress) = read([
        r#"{"id":"x","object":"chat.completion.chunk","created":1,"model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        &delta(r#"{"content":"He\u006c"}"#),
        &delta(r#"{"content":"lo"}"#),
        &finish("stop"),
        r#"{"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#,
        "[DONE]",
    ])
    .unwrap();
    let text = |text: &'static str| Event::Piece { choice: 0, piece: Piece::Text(text.into()) };
    let expected = [
        Event::Begin { id: Some("x".into()), model: Some("gpt".into()), usage: Usage::default() },
        text("Hel"),
        text("lo"),
        Event::Finish { choice: 0, finish: Finish::Stop },
        Event::Usage(Usage { input: Some(5), output: Some(2), ..Usage::default() }),
    ];
    assert_eq!((events.as_slice(), progress), (expected.as_slice(), Progress::Done));
}

#[test]
fn a_stream_has_come_as_far_as_all_of_its_alternatives() {
    let chunk = |index: u32, reason: &str| {
        format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"a"}},"finish_reason":{reason}}}]}}"#)
    };
    let [first, second] = [chunk(0, "null"), chunk(1, r#""""#)];
    let [first_end, second_end] = [chunk(0, r#""stop""#), chunk(1, r#""length""#)];
    let far = |data: &[&str]| read(data.iter().copied()).map(|(_, progress)| progress).map_err(|fault| fault.status);
    assert_eq!(far(&[&first]), Ok(Progress::More));
    assert_eq!(far(&[&first, &second, &first_end]), Ok(Progress::More));
    assert_eq!(far(&[&first, &second, &first_end, &second_end]), Ok(Progress::Finished));
    assert_eq!(far(&[&first, &second, &first_end, &second_end, "[DONE]"]), Ok(Progress::Done));
    // Nothing counts after the end.
    assert_eq!(far(&[&first_end, "[DONE]", "{", "[DONE]"]), Ok(Progress::Done));
    for cut in [&[first.as_str(), "[DONE]"][..], &[&first, &second, &first_end, "[DONE]"], &["[DONE]"]] {
        assert_eq!(far(cut), Err(StatusCode::BAD_GATEWAY), "{cut:?}");
    }
    assert_eq!(far(&["", " "]), Ok(Progress::More));
}

#[test]
fn azures_chunks_without_an_answer_say_nothing() {
    let (events, progress) = read([
        r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#,
        &delta(r#"{"role":"assistant","content":"a"}"#),
        &finish("stop"),
        r#"{"id":"","choices":[{"index":0,"finish_reason":null,"logprobs":null,"content_filter_results":{},"content_filter_offsets":{}}]}"#,
    ])
    .unwrap();
    assert_eq!(events.len(), 3);
    assert!(matches!(&events[0], Event::Begin { id: Some(id), .. } if &**id == "x"));
    assert_eq!(progress, Progress::Finished);
}

#[test]
fn parallel_calls_are_told_apart_by_their_index() {
    let data = [
        &*delta(r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#),
        &delta(r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#),
        &delta(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}},{"index":1,"function":{"arguments":"{"}}]}"#,
        ),
        &delta(
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"}"}},{"index":0,"function":{"arguments":"1}"}}]}"#,
        ),
    ];
    let expected = [
        begin(0, "a", "f"),
        begin(1, "b", "g"),
        arguments(0, "{\"x\":"),
        arguments(1, "{"),
        arguments(1, "}"),
        arguments(0, "1}"),
    ];
    assert_eq!(pieces(&data), expected);
}

#[test]
fn calls_are_found_however_a_vendor_sends_them() {
    let made = "call_0123456789abcdef01234567_0_0";
    let made_next = "call_0123456789abcdef01234567_0_1";
    let two = [begin(0, "a", "f"), arguments(0, "{}"), begin(1, "b", "f"), arguments(1, "{}")];
    let split = [begin(0, "a", "f"), arguments(0, "{\"x"), arguments(0, "\":1}")];
    for (what, data, expected) in [
        (
            "whole, without index",
            vec![
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
            two.to_vec(),
        ),
        (
            "whole, all of the same index",
            vec![
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
            two.to_vec(),
        ),
        (
            "whole, all of the same index and without an id",
            vec![
                r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"f","arguments":"{\"x\":2}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"g","arguments":""}}]}"#,
            ],
            vec![
                begin(0, made, "f"),
                arguments(0, "{\"x\":1}"),
                begin(1, made_next, "f"),
                arguments(1, "{\"x\":2}"),
                begin(2, "call_0123456789abcdef01234567_0_2", "g"),
            ],
        ),
        (
            "the name with every fragment and without an id",
            vec![
                r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"f","arguments":"{\"x"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"f","arguments":"\":1}"}}]}"#,
            ],
            vec![begin(0, made, "f"), arguments(0, "{\"x"), arguments(0, "\":1}")],
        ),
        (
            "as objects",
            vec![r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]}"#],
            vec![begin(0, "a", "f"), arguments(0, "{\"x\":1}")],
        ),
        (
            "id and name with every fragment",
            vec![
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"\":1}"}}]}"#,
            ],
            split.to_vec(),
        ),
        (
            "the same without index",
            vec![
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x"}}]}"#,
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"\":1}"}}]}"#,
            ],
            split.to_vec(),
        ),
        (
            "fragments without index and id",
            vec![
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x"}}]}"#,
                r#"{"tool_calls":[{"function":{"arguments":"\":1}"}}]}"#,
            ],
            split.to_vec(),
        ),
        (
            "empty ids and null names after the first",
            vec![
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"","type":null,"function":{"name":null,"arguments":"\":1}"}}]}"#,
            ],
            split.to_vec(),
        ),
        (
            "neither index nor id",
            vec![
                r#"{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"{}"}}]}"#,
            ],
            vec![begin(0, made, "f"), arguments(0, "{}"), begin(1, made_next, "f"), arguments(1, "{}")],
        ),
        (
            "the name after the id",
            vec![
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{\"x"}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"\":1}"}}]}"#,
            ],
            split.to_vec(),
        ),
        (
            "an index that begins at 1",
            vec![
                r#"{"tool_calls":[{"index":1,"id":"a","function":{"name":"f"}}]}"#,
                r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#,
            ],
            vec![begin(0, "a", "f"), arguments(0, "{}")],
        ),
        ("none", vec![r#"{"tool_calls":[]}"#, r#"{"tool_calls":null}"#], vec![]),
        (
            "functions of before",
            vec![r#"{"function_call":{"name":"f","arguments":""}}"#, r#"{"function_call":{"arguments":"{}"}}"#],
            vec![begin(0, made, "f"), arguments(0, "{}")],
        ),
    ] {
        let data: Vec<String> = data.into_iter().map(delta).collect();
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        assert_eq!(pieces(&data), expected, "{what}");
    }
}

#[test]
fn a_calls_signature_is_read_from_either_place() {
    let beside = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"},"extra_content":{"google":{"thought_signature":"s+"}}}]}"#;
    let inside = r#"{"tool_calls":[{"index":0,"id":"a--ts--s-","function":{"name":"f"}}]}"#;
    let expected = Piece::ToolBegin { call: 0, id: "a".into(), name: "f".into(), signature: Some("s+".into()) };
    for call in [beside, inside] {
        assert_eq!(pieces(&[&delta(call)]), std::slice::from_ref(&expected), "{call}");
    }
}

#[test]
fn who_knows_one_call_gets_one_in_the_form_that_they_know() {
    let mut writer = Writer::new(&Reply { knows_one_call: true, ..reply(false) });
    let mut out = Vec::new();
    let called = [begin(0, "a", "f"), arguments(0, "{}"), begin(1, "b", "g"), arguments(1, "{}")];
    writer.write(&Event::Begin { id: None, model: None, usage: Usage::default() }, &mut out).unwrap();
    out.clear();
    for piece in called {
        writer.write(&Event::Piece { choice: 0, piece }, &mut out).unwrap();
    }
    let finishes = vec![(0, Finish::ToolCalls)];
    writer.end(&Ended { finishes, usage: Usage::default() }, &mut out);
    let text = String::from_utf8(out).unwrap();
    let chunks = text.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let choices: Vec<serde_json::Value> = chunks
        .map(|chunk| serde_json::from_str::<serde_json::Value>(&format!("{{{chunk}")).unwrap()["choices"][0].clone())
        .collect();
    let deltas: Vec<_> = choices.iter().map(|choice| choice["delta"].clone()).collect();
    let expected = [
        serde_json::json!({"function_call": {"name": "f", "arguments": ""}}),
        serde_json::json!({"function_call": {"arguments": "{}"}}),
        serde_json::json!({}),
    ];
    assert_eq!(deltas, expected);
    assert_eq!(choices[2]["finish_reason"], "function_call");
}

#[test]
fn every_reason_ends_an_alternative_once() {
    let call = delta(r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#);
    let refusal = delta(r#"{"refusal":"no"}"#);
    let text = delta(r#"{"content":null}"#);
    for (said, reason, expected) in [
        (&call, "stop", Finish::ToolCalls),
        (&call, "tool_calls", Finish::ToolCalls),
        (&text, "stop", Finish::Stop),
        (&text, "unheard of", Finish::Stop),
        (&text, "length", Finish::Length),
        (&text, "content_filter", Finish::Filtered),
        (&refusal, "stop", Finish::Refused),
    ] {
        let (events, progress) = read([said.as_str(), &finish(reason), &finish(reason)]).unwrap();
        let finishes: Vec<_> = events.iter().filter(|event| matches!(event, Event::Finish { .. })).collect();
        assert_eq!(finishes, [&Event::Finish { choice: 0, finish: expected }], "{reason}");
        assert_eq!(progress, Progress::Finished);
    }
}

#[test]
fn usage_is_found_wherever_it_stands() {
    let on_finish = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_cache_hit_tokens":1}}"#;
    let of_groq = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2}}}"#;
    for (chunk, cache_read) in [(on_finish, Some(1)), (of_groq, None)] {
        let (events, _) = read([chunk]).unwrap();
        let usage = Usage { input: Some(1), output: Some(2), cache_read, ..Usage::default() };
        assert_eq!(events.last(), Some(&Event::Usage(usage)));
    }
}

#[test]
fn reasoning_is_read_from_every_form() {
    let reasoning = || Piece::Reasoning("a".into());
    for (given, expected) in [
        (r#"{"reasoning_content":"a","content":null}"#, vec![reasoning()]),
        (r#"{"reasoning":"a"}"#, vec![reasoning()]),
        (r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a"}]}"#, vec![reasoning()]),
        (
            r#"{"reasoning":"a","reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}"#,
            vec![reasoning(), Piece::SealedReasoning("x".into())],
        ),
        (
            r#"{"reasoning_details":[{"type":"reasoning.text","signature":"s"}]}"#,
            vec![Piece::ReasoningSignature("s".into())],
        ),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}"#, vec![reasoning()]),
    ] {
        assert_eq!(pieces(&[&delta(given)]), expected, "{given}");
    }
}

#[test]
fn an_error_ends_the_stream_with_its_status() {
    for (data, status) in [
        (r#"{"error":{"message":"slow down","code":429}}"#, StatusCode::TOO_MANY_REQUESTS),
        (r#"{"error":{"message":"oops","type":"server_error"}}"#, StatusCode::INTERNAL_SERVER_ERROR),
        (
            r#"{"id":"x","error":{"code":502,"message":"m"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#,
            StatusCode::BAD_GATEWAY,
        ),
        (
            r#"{"choices":[{"delta":{},"finish_reason":"error","error":{"code":503,"message":"m"}}]}"#,
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#, StatusCode::BAD_GATEWAY),
        (
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"insufficient_system_resource"}]}"#,
            StatusCode::BAD_GATEWAY,
        ),
        (r#"{"choices":[],"x_groq":{"error":"over capacity"}}"#, StatusCode::INTERNAL_SERVER_ERROR),
        (r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#, StatusCode::BAD_REQUEST),
        (r#"{"object":"error","message":"m","code":400}"#, StatusCode::BAD_REQUEST),
        (r#"{"choices":[{"delta":{"content":"cu"#, StatusCode::BAD_GATEWAY),
        (r#"{"choices":5}"#, StatusCode::BAD_GATEWAY),
    ] {
        let fault = read([data]).unwrap_err();
        assert_eq!(fault.status, status, "{data}");
        let given = crate::protocol::openai::error::given(&http::HeaderMap::new(), &fault.body);
        assert!(given.is_some(), "{data}");
    }
}

#[test]
fn a_call_without_a_name_is_no_call() {
    let call = delta(r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}"#);
    assert_eq!(read([call.as_str(), &finish("tool_calls")]).unwrap_err().status, StatusCode::BAD_GATEWAY);
}

/// What is written of events, up to the end.
fn written(events: &[Event<'_>], ended: &Ended, wants_usage: bool) -> String {
    let mut writer = Writer::new(&reply(wants_usage));
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out).unwrap();
    }
    writer.end(ended, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_is_written_as_openai_does() {
    let events = [
        Event::Begin { id: None, model: None, usage: Usage::default() },
        Event::Piece { choice: 0, piece: Piece::Text("a\n\"".into()) },
        Event::Piece { choice: 0, piece: begin(0, "c", "f") },
        Event::Piece { choice: 0, piece: arguments(0, "{}") },
        Event::Piece { choice: 0, piece: Piece::ToolEnd { call: 0 } },
    ];
    let usage = Usage { input: Some(5), output: Some(2), ..Usage::default() };
    let ended = Ended { finishes: vec![(0, Finish::ToolCalls)], usage };
    let head = r#"data: {"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":7,"model":"m","choices":["#;
    let of = |delta: &str, reason: &str, tail: &str| {
        format!("{head}{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]{tail}}}\n\n")
    };
    for (wants_usage, tail) in [(true, r#","usage":null"#), (false, "")] {
        let mut expected = [
            of(r#"{"role":"assistant","content":""}"#, "null", tail),
            of(r#"{"content":"a\n\""}"#, "null", tail),
            of(
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                "null",
                tail,
            ),
            of(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#, "null", tail),
            of("{}", r#""tool_calls""#, tail),
        ]
        .concat();
        if wants_usage {
            let usage = r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"#;
            expected.push_str(&format!("{head}],\"usage\":{usage}}}\n\n"));
        }
        expected.push_str("data: [DONE]\n\n");
        assert_eq!(written(&events, &ended, wants_usage), expected);
    }
}

#[test]
fn what_can_not_be_said_leaves_no_trace() {
    let mut writer = Writer::new(&reply(false));
    let mut out = b"before".to_vec();
    let image = Image { source: Source::File("f".into()), detail: None };
    assert!(writer.write(&Event::Piece { choice: 0, piece: Piece::Image(image) }, &mut out).is_err());
    assert!(!String::from_utf8(out).unwrap().contains("images"));
}

#[test]
fn json_with_line_breaks_stays_on_its_line() {
    let logprobs = Json::parse("{\"content\":\r\n[]}").unwrap();
    let events = [Event::Piece { choice: 0, piece: Piece::Logprobs(logprobs) }];
    let written = written(&events, &Ended { finishes: vec![(0, Finish::Stop)], usage: Usage::default() }, false);
    assert!(written.contains(r#""logprobs":{"content":  []}"#), "{written}");
}

#[test]
fn reasoning_that_a_client_puts_together_of_a_stream_comes_back_as_it_was() {
    let pieces = [
        Piece::Reasoning("a".into()),
        Piece::Reasoning("b".into()),
        Piece::ReasoningSignature("s".into()),
        Piece::SealedReasoning("x".into()),
        Piece::Reasoning("c".into()),
        Piece::SealedReasoning("y".into()),
        Piece::ReasoningSignature("t".into()),
    ];
    let events: Vec<_> = pieces.into_iter().map(|piece| Event::Piece { choice: 0, piece }).collect();
    let sent = written(&events, &Ended { finishes: vec![(0, Finish::Stop)], usage: Usage::default() }, false);
    let mut details = Vec::new();
    for data in sent.split_terminator("\n\n").filter_map(|event| event.strip_prefix("data: {")) {
        let mut chunk: serde_json::Value = serde_json::from_str(&format!("{{{data}")).unwrap();
        if let Some(given) = chunk["choices"][0]["delta"]["reasoning_details"].as_array_mut() {
            details.append(given);
        }
    }
    let turn = serde_json::json!({"role": "assistant", "content": "", "reasoning_content": "abc", "reasoning_details": details});
    let body = serde_json::json!({"messages": [turn]}).to_string();
    let request = crate::protocol::openai::request::read(body.as_bytes()).unwrap();
    let reasoning = |text: &'static str, signature: Option<&'static str>| Content::Reasoning {
        text: text.into(),
        signature: signature.map(Text::from),
    };
    let expected = [
        reasoning("ab", Some("s")),
        Content::SealedReasoning("x".into()),
        reasoning("c", None),
        Content::SealedReasoning("y".into()),
        reasoning("", Some("t")),
    ];
    assert_eq!(request.messages[0].parts, expected.map(Part::of));
}

#[test]
fn a_citation_of_no_page_is_no_chunk() {
    let citation = Citation { quoted: Some("words".into()), ..Citation::default() };
    let events = [Event::Piece { choice: 0, piece: Piece::Citation(citation) }];
    let ended = Ended { finishes: vec![(0, Finish::Stop)], usage: Usage::default() };
    // The role, the reason and the end.
    assert_eq!(written(&events, &ended, false).matches("data: ").count(), 3);
}

#[test]
fn a_citation_that_says_no_place_is_for_the_text_so_far() {
    let page = Citation { url: Some("https://h".into()), ..Citation::default() };
    let pieces = [Piece::Text("é".into()), Piece::Text("💡!".into()), Piece::Citation(page)];
    let events = pieces.map(|piece| Event::Piece { choice: 0, piece });
    let ended = Ended { finishes: vec![(0, Finish::Stop)], usage: Usage::default() };
    assert!(written(&events, &ended, false).contains(r#""start_index":0,"end_index":3"#));
}
