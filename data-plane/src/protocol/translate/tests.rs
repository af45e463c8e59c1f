mod cuts;
mod gist;
mod pairs;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::{Content, Image, Part, Source as Bytewise};
use crate::exchange::response::{Choice, Finish, Response};
use crate::exchange::tool::ToolCall;
use crate::exchange::usage::Usage;
use crate::protocol::{ANSWER_TOOL, Frame, Writer};

/// Reads events of one word each, with its arguments behind it: `text 0 Hi`, `call 0 0 name`, `args 0 0 {}`.
#[derive(Debug)]
struct Words;

impl Reader for Words {
    fn read(&mut self, frame: Frame<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        let (Frame::Event { data, .. } | Frame::Exception { data, .. }) = frame;
        let text = std::str::from_utf8(data).unwrap();
        let words: Vec<&str> = text.split(' ').collect();
        let number = |at: usize| words.get(at).map_or(0, |word: &&str| word.parse().unwrap());
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let choice = number(1);
        let piece = match words[0] {
            "text" => Piece::Text(word(2).into()),
            "image" => Piece::Image(Image { source: Bytewise::File("x".into()), detail: None }),
            "call" => Piece::ToolBegin { call: number(2), id: "id".into(), name: word(3).into(), signature: None },
            "args" => Piece::ToolArguments { call: number(2), fragment: word(3).into() },
            "close" => Piece::ToolEnd { call: number(2) },
            "begin" => {
                sink(Event::Begin { id: None, model: None, usage: Usage { input: Some(7), ..Usage::default() } });
                return Ok(Progress::More);
            }
            "finish" => {
                let finish = if word(2) == "tools" { Finish::ToolCalls } else { Finish::Length };
                sink(Event::Finish { choice, finish });
                return Ok(Progress::Finished);
            }
            "usage" => {
                sink(Event::Usage(Usage { output: Some(number(1).into()), ..Usage::default() }));
                return Ok(Progress::More);
            }
            "done" => return Ok(Progress::Done),
            "fault" => {
                let body = Bytes::from_static(br#"{"error":{"message":"no"}}"#);
                return Err(Fault { status: StatusCode::from_u16(529).unwrap(), body, header: None });
            }
            _ => return Ok(Progress::More),
        };
        sink(Event::Piece { choice, piece });
        Ok(Progress::More)
    }
}

/// Writes what it gets in words, and has none for images.
#[derive(Debug)]
struct Told;

impl Writer for Told {
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        let told = match event {
            Event::Begin { .. } => "begin".to_owned(),
            Event::Piece { choice, piece } => match piece {
                Piece::Text(text) => format!("text{choice} {}", text.as_str()),
                Piece::ToolBegin { call, name, .. } => format!("call{choice}.{call} {}", name.as_str()),
                Piece::ToolArguments { call, fragment } => format!("args{choice}.{call} {}", fragment.as_str()),
                Piece::ToolEnd { call } => format!("close{choice}.{call}"),
                Piece::Image(_) => return Err(Unsayable { what: "an image".into(), why: "can't be said".into() }),
                other => format!("{other:?}"),
            },
            other => format!("!{other:?}"),
        };
        out.extend_from_slice(format!("{told};").as_bytes());
        Ok(())
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        let finishes: Vec<_> = ended.finishes.iter().map(|(choice, finish)| format!("{choice}:{finish:?}")).collect();
        let Usage { input, output, .. } = ended.usage;
        let told = format!("end {} {}/{}", finishes.join(","), input.unwrap_or(0), output.unwrap_or(0));
        out.extend_from_slice(told.as_bytes());
    }
}

fn translation(caller: Dialect, answers_by_tool: bool) -> Translation {
    let books = Books::new(Dialect::Chat, caller, Box::new(Told), answers_by_tool);
    Translation::of(Dialect::Chat, caller, Box::new(Words), books)
}

fn stream(events: &[&str]) -> String {
    events
        .iter()
        .map(|event| if event.starts_with(':') { format!("{event}\n\n") } else { format!("data: {event}\n\n") })
        .collect()
}

/// What a caller gets, and how it ended.
fn run(translation: &mut Translation, stream: &[u8], pieces: usize) -> (String, Ending) {
    let mut given = Vec::new();
    for piece in stream.chunks(pieces.max(1)) {
        given.extend_from_slice(&translation.feed(piece));
        if translation.error().is_some() {
            return (String::from_utf8(given).unwrap(), Ending::Cut);
        }
    }
    let (rest, ending) = translation.end();
    given.extend_from_slice(&rest);
    (String::from_utf8(given).unwrap(), ending)
}

fn told(events: &[&str]) -> (String, Ending) {
    run(&mut translation(Dialect::Chat, false), stream(events).as_bytes(), 1000)
}

#[test]
fn what_ends_an_answer_is_held_until_it_has_ended() {
    for events in [
        &["begin", "text 0 Hi", "usage 3", "finish 0", "usage 5"][..],
        &["begin", "usage 5", "text 0 Hi", "finish 0", "done", "text 0 more"],
    ] {
        assert_eq!(told(events), ("begin;text0 Hi;end 0:Length 7/5".to_owned(), Ending::Well));
    }
    assert_eq!(
        told(&["text 0 a", "text 1 b", "finish 1", "finish 0"]).0,
        "begin;text0 a;text1 b;end 0:Length,1:Length 0/0"
    );
}

#[test]
fn alternatives_are_counted_from_nought_however_the_upstream_does() {
    assert_eq!(
        told(&["begin", "text 5 a", "text 3 b", "finish 3", "finish 5"]).0,
        "begin;text0 a;text1 b;end 0:Length,1:Length 7/0"
    );
}

#[test]
fn what_stays_in_memory_is_no_more_than_a_whole_answer() {
    let long = "x".repeat(8 * 1024 * 1024);
    let texts = vec![format!("text 0 {long}"); 9];
    let arguments: Vec<_> = ["call 0 0 f".to_owned()].into_iter().chain(vec![format!("args 0 0 {long}"); 9]).collect();
    for (caller, events, is_too_much) in [
        (Dialect::Chat, &texts, false),
        (Dialect::Responses, &texts, true),
        (Dialect::Anthropic, &arguments, true),
        (Dialect::Gemini, &arguments, true),
    ] {
        let mut translation = translation(caller, false);
        for event in events {
            translation.feed(format!("data: {event}\n\n").as_bytes());
        }
        assert_eq!(translation.error().is_some(), is_too_much, "{caller:?}");
    }
}

#[test]
fn a_call_of_no_tool_is_no_answer() {
    let mut translation = translation(Dialect::Chat, false);
    let (_, ending) = run(&mut translation, stream(&["text 0 a", "call 0 0 ", "finish 0", "done"]).as_bytes(), 1000);
    assert_eq!((ending, translation.error().is_some()), (Ending::Cut, true));
    let body = br#"{"choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    let reply = Reply { id: "1", created: 1, model: "m", wants_usage: false, knows_one_call: false };
    let between = Between { upstream: Dialect::Chat, caller: Dialect::Anthropic, answers_by_tool: false, reply };
    assert!(whole::whole(&between, body).is_err() && whole::streamed(&between, body).is_err());
}

#[test]
fn the_end_goes_out_as_soon_as_the_upstream_says_it() {
    let mut translation = translation(Dialect::Chat, false);
    let given = translation.feed(stream(&["text 0 Hi", "finish 0", "done"]).as_bytes());
    assert_eq!((&*given, translation.seen()), (&b"begin;text0 Hi;end 0:Length 0/0"[..], Seen::Done));
    assert_eq!((translation.feed(b"data: fault\n\n"), translation.end()), (Bytes::new(), (Bytes::new(), Ending::Well)));
}

#[test]
fn an_end_without_a_reason_is_told_by_what_was_said() {
    assert_eq!(told(&["text 0 Hi", "done"]).0, "begin;text0 Hi;end 0:Stop 0/0");
    assert_eq!(told(&["done"]).0, "begin;end 0:Stop 0/0");
    assert_eq!(told(&["call 0 0 f", "done"]).0, "begin;call0.0 f;args0.0 {};close0.0;end 0:ToolCalls 0/0");
}

#[test]
fn every_call_gets_arguments_and_one_end_before_anything_else_follows() {
    for (events, expected) in [
        (
            &["call 0 0 f", "args 0 0 ", "text 0 Hi", "close 0 0", "finish 0"][..],
            "begin;call0.0 f;args0.0 {};close0.0;text0 Hi;end 0:Length 0/0",
        ),
        (
            &["call 0 0 f", "call 0 1 g", "text 0 ", "args 0 1 {}", "args 0 0 {\"a\":1}", "finish 0"],
            "begin;call0.0 f;call0.1 g;args0.1 {};args0.0 {\"a\":1};close0.0;close0.1;end 0:Length 0/0",
        ),
        (
            &["call 0 0 f", "text 1 Hi", "args 0 0 {}", "close 0 0", "close 0 0", "done"],
            "begin;call0.0 f;text1 Hi;args0.0 {};close0.0;end 0:ToolCalls,1:Stop 0/0",
        ),
    ] {
        assert_eq!(told(events), (expected.to_owned(), Ending::Well));
    }
}

#[test]
fn arguments_of_no_call_under_way_are_damage() {
    for events in [&["args 0 0 {}"][..], &["call 0 0 f", "text 0 Hi", "args 0 0 {}"], &["call 0 0 f", "call 0 0 f"]] {
        let (given, ending) = told(events);
        assert!(given.contains("the upstream's stream is damaged") && ending == Ending::Cut, "{given}");
    }
}

#[test]
fn an_answer_comes_out_of_its_tool() {
    let events = [
        "call 0 0 f",
        "args 0 0 1",
        "call 0 1 keyplane_answer",
        "args 0 1 {\"a\":",
        "args 0 1 1}",
        "close 0 1",
        "call 0 2 g",
    ];
    let unwrapped = |events: &[&str]| run(&mut translation(Dialect::Chat, true), stream(events).as_bytes(), 1000).0;
    let finished: Vec<&str> = events.iter().copied().chain(["finish 0 tools"]).collect();
    assert_eq!(
        unwrapped(&finished),
        "begin;call0.0 f;args0.0 1;text0 {\"a\":;text0 1};call0.1 g;close0.0;args0.1 {};close0.1;end 0:ToolCalls 0/0"
    );
    assert_eq!(unwrapped(&[events[2], "finish 0 tools"]), "begin;text0 {};end 0:Stop 0/0");
    let twice = ["call 0 0 keyplane_answer", "args 0 0 {\"a\":1}", "call 0 1 keyplane_answer", "args 0 1 {\"a\":2}"];
    let finished: Vec<&str> = twice.iter().copied().chain(["call 0 2 keyplane_answer", "finish 0 tools"]).collect();
    assert_eq!(unwrapped(&finished), "begin;text0 {\"a\":1};end 0:Stop 0/0", "the first is the answer");
    assert!(told(&[events[2]]).0.contains("call0.0 keyplane_answer"), "only where it was asked for");
}

#[test]
fn what_announces_an_answer_that_comes_by_a_tool_is_no_part_of_it() {
    let told = |events: &[&str]| run(&mut translation(Dialect::Chat, true), stream(events).as_bytes(), 1000).0;
    let answer = ["call 0 0 keyplane_answer", "args 0 0 {}"];
    assert_eq!(
        told(&["text 0 I", "text 0 look", answer[0], answer[1], "text 0 Done", "finish 0 tools"]),
        "begin;text0 {};end 0:Stop 0/0"
    );
    assert_eq!(
        told(&["text 0 I", "text 0 look", "call 0 0 f", "finish 0 tools"]),
        "begin;text0 Ilook;call0.0 f;args0.0 {};close0.0;end 0:ToolCalls 0/0",
        "of another call it is"
    );
    assert_eq!(told(&["text 0 No", "text 0 !", "finish 0"]), "begin;text0 No!;end 0:Length 0/0");
    let long = format!("text 0 {}", "x".repeat(70_000));
    assert!(told(&[&long, answer[0], answer[1], "finish 0"]).contains("text0 xxx"), "that is no announcement");

    let call = |name: &str| {
        let arguments = crate::exchange::json::Json::empty_object();
        Part::of(Content::ToolCall(ToolCall {
            id: "i".into(),
            name: name.to_owned().into(),
            arguments,
            signature: None,
        }))
    };
    let unwrapped = |name: &str| {
        let mut choice =
            Choice { parts: vec![Part::text("I look"), call(name)], finish: Finish::ToolCalls, logprobs: None };
        whole::unwrap(&mut choice);
        (choice.parts, choice.finish)
    };
    assert_eq!(unwrapped(ANSWER_TOOL), (vec![Part::text("{}")], Finish::Stop));
    assert_eq!(unwrapped("f").0.len(), 2);
    let parts = vec![call(ANSWER_TOOL), call("f"), call(ANSWER_TOOL)];
    let mut twice = Choice { parts, finish: Finish::ToolCalls, logprobs: None };
    whole::unwrap(&mut twice);
    assert_eq!((twice.parts, twice.finish), (vec![Part::text("{}"), call("f")], Finish::ToolCalls));
}

#[test]
fn an_end_is_good_only_if_the_upstream_said_so() {
    for (bytes, expected) in [
        (stream(&["text 0 Hi"]), Ending::Cut),
        (String::new(), Ending::Cut),
        (stream(&["text 0 Hi", "finish 0"]) + "data: {\"usa", Ending::Cut),
        (stream(&["text 0 Hi", "finish 0", "done"]) + "data: {\"usa", Ending::Well),
        (stream(&["text 0 Hi", "finish 0"]), Ending::Well),
    ] {
        for pieces in 1..=bytes.len().max(1) {
            let (given, ending) = run(&mut translation(Dialect::Chat, false), bytes.as_bytes(), pieces);
            assert_eq!(ending, expected, "{bytes}");
            assert_eq!(given.contains("end "), expected == Ending::Well, "{given}");
        }
    }
}

#[test]
fn a_failure_is_told_in_the_callers_format_and_nothing_follows() {
    for (caller, event) in [
        (Dialect::Anthropic, "event: error\ndata: {\"type\":\"error\""),
        (Dialect::Chat, "data: {\"error\":{"),
        (Dialect::Cohere, "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":"),
        (Dialect::Responses, "event: error\ndata: {\"type\":\"error\""),
        (Dialect::Gemini, "data: {\"error\":{\"code\":"),
    ] {
        for failure in ["fault", "image 0", "args 0 9 x"] {
            let mut translation = translation(caller, false);
            let (given, ending) =
                run(&mut translation, stream(&["text 0 Hi", failure, "finish 0", "done"]).as_bytes(), 1000);
            assert!(given.starts_with(&format!("begin;text0 Hi;{event}")) && ending == Ending::Cut, "{given}");
            assert!(!given.contains("end 0"), "{given}");
            assert_eq!(translation.unsayable().is_some(), failure == "image 0");
            let data = given.split("data: ").nth(1).unwrap();
            assert!(serde_json::from_str::<Value>(data).is_ok(), "{data}");
            assert!(translation.feed(b"data: text 0 more\n\n").is_empty());
            assert_eq!(translation.end(), (Bytes::new(), Ending::Cut), "it is told once");
        }
    }
    let mut damaged = translation(Dialect::Chat, false);
    assert!(!damaged.feed(b"data: \xff\n\n").is_empty() && damaged.error().is_some());
}

#[test]
fn signs_of_life_go_on_in_the_callers_words() {
    let events = [": hello", "begin", ": hello"];
    assert_eq!(told(&events).0, "begin;: keep-alive\n\n", "what has not begun may still come from elsewhere");
    let mut bedrock = translation(Dialect::Bedrock, false);
    assert_eq!((bedrock.feed(b": hello\n\n"), bedrock.seen()), (Bytes::new(), Seen::Nothing));
    let mut anthropic = translation(Dialect::Anthropic, false);
    assert_eq!((anthropic.feed(b": hello\n\n"), anthropic.seen()), (Bytes::new(), Seen::Nothing));
    let begun = anthropic.feed(b"data: begin\n\n: hello\n\n");
    assert!(begun.ends_with(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"));
}

#[test]
fn a_whole_answer_is_replayed_as_a_stream() {
    let call = |name: &str| {
        let arguments = crate::exchange::json::Json::parse("{\"a\":1}").unwrap();
        Part::of(Content::ToolCall(ToolCall {
            id: "id".into(),
            name: name.to_owned().into(),
            arguments,
            signature: None,
        }))
    };
    let response = || Response {
        choices: vec![
            Choice { parts: vec![Part::text("Hi"), call("f"), call("g")], finish: Finish::ToolCalls, logprobs: None },
            Choice { parts: vec![call(ANSWER_TOOL)], finish: Finish::ToolCalls, logprobs: None },
        ],
        usage: Usage { output: Some(2), ..Usage::default() },
        ..Response::default()
    };
    let mut books = Books::new(Dialect::Chat, Dialect::Chat, Box::new(Told), true);
    replay::replay(response(), &mut books).unwrap();
    books.close().unwrap();
    assert_eq!(
        String::from_utf8(books.take().to_vec()).unwrap(),
        "begin;text0 Hi;call0.0 f;args0.0 {\"a\":1};close0.0;call0.1 g;args0.1 {\"a\":1};close0.1;text1 {\"a\":1};end 0:ToolCalls,1:Stop 0/2"
    );
    let mut unwrapped = response();
    unwrapped.choices.iter_mut().for_each(whole::unwrap);
    assert_eq!(unwrapped.choices[0], response().choices[0]);
    let expected = Choice { parts: vec![Part::text("{\"a\":1}")], finish: Finish::Stop, logprobs: None };
    assert_eq!(unwrapped.choices[1], expected);
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_what_writers_rely_on(
        events in prop::collection::vec(prop::sample::select(vec![
            "begin", "text 0 a", "text 1 a", "call 0 0 f", "call 0 1 g", "call 1 0 f", "args 0 0 x", "args 0 1 y", "args 1 0 z",
            "close 0 0", "close 0 1", "finish 0", "finish 1", "usage 1", "x", ": c",
        ]), 0..20),
        pieces in 1_usize..40,
    ) {
        let bytes = stream(&events);
        let whole = run(&mut translation(Dialect::Chat, false), bytes.as_bytes(), usize::MAX);
        prop_assert_eq!(&run(&mut translation(Dialect::Chat, false), bytes.as_bytes(), pieces), &whole);
        let mut open = Vec::new();
        for told in whole.0.replace(": keep-alive\n\n", "").split(';').filter(|told| !told.starts_with("data: ")) {
            let (word, rest) = told.split_once(' ').unwrap_or((told, ""));
            if let Some(call) = word.strip_prefix("call") {
                open.push((call.to_owned(), false));
            } else if let Some(call) = word.strip_prefix("args") {
                let known = open.iter_mut().find(|(open, _)| open == call);
                prop_assert!(known.is_some() && !rest.is_empty(), "{}", whole.0);
                known.unwrap().1 = true;
            } else if let Some(call) = word.strip_prefix("close") {
                let at = open.iter().position(|(open, has_arguments)| open == call && *has_arguments);
                prop_assert!(at.is_some(), "{}", whole.0);
                open.remove(at.unwrap());
            } else if let Some(choice) = word.strip_prefix("text") {
                prop_assert!(!open.iter().any(|(call, _)| call.starts_with(choice)), "{}", whole.0);
            } else if word == "end" {
                prop_assert!(open.is_empty(), "{}", whole.0);
            }
        }
    }
}

#[test]
fn a_dialect_is_an_operation_of_its_format() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::of(dialect.format(), dialect.operation()), Some(dialect));
    }
}
