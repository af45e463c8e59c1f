use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::exchange::message::{Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;
use crate::protocol::gemini::stream::Reader;
use crate::protocol::{Frame, Progress, Reader as _, Seed, Writer as _};

const ID: &str = "0123456789abcdef0123456789abcdef";
const REPLY: Reply<'_> = Reply { id: ID, created: 0, model: "target", wants_usage: true, knows_one_call: false };

fn begin() -> Event<'static> {
    Event::Begin { id: Some("r".into()), model: Some("m".into()), usage: Usage::default() }
}

fn piece(piece: Piece<'static>) -> Event<'static> {
    Event::Piece { choice: 0, piece }
}

fn tool(call: u32, fragments: &[&'static str]) -> Vec<Event<'static>> {
    let (id, name) = (format!("c{call}").into(), "f".into());
    let mut events = vec![piece(Piece::ToolBegin { call, id, name, signature: Some("s".into()) })];
    events.extend(fragments.iter().map(|fragment| piece(Piece::ToolArguments { call, fragment: (*fragment).into() })));
    events.push(piece(Piece::ToolEnd { call }));
    events
}

/// The data of each event that is written.
fn written(events: &[Event<'_>], ended: &Ended) -> Vec<String> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&REPLY);
    for event in events {
        writer.write(event, &mut out).unwrap();
    }
    writer.end(ended, &mut out);
    let out = String::from_utf8(out).unwrap();
    let events = out.strip_suffix("\n\n").unwrap().split("\n\n");
    events.map(|event| event.strip_prefix("data: ").unwrap().to_owned()).collect()
}

fn stop() -> Ended {
    Ended { finishes: vec![(0, Finish::Stop)], usage: Usage { input: Some(1), output: Some(2), ..Usage::default() } }
}

fn values(events: &[Event<'_>], ended: &Ended) -> Vec<Value> {
    written(events, ended).iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn a_call_is_written_whole_when_it_ends_and_the_last_event_says_why_and_what_it_cost() {
    let mut events = vec![begin(), Event::Ping, piece(Piece::Text("a".into()))];
    let (one, two) = (tool(0, &["{\"a\":", "\"\\u00", "e9\"}"]), tool(1, &[""]));
    // Both are under way at once.
    events.extend([one[0].clone(), two[0].clone(), one[1].clone(), two[1].clone()]);
    events.extend([one[2].clone(), one[3].clone(), two[2].clone(), one[4].clone()]);
    let event = |candidate: Value| json!({"candidates": [candidate], "modelVersion": "m", "responseId": "r"});
    let part = |part: Value| event(json!({"content": {"role": "model", "parts": [part]}, "index": 0}));
    let call = |id: &str, args: Value| {
        part(json!({"functionCall": {"id": id, "name": "f", "args": args}, "thoughtSignature": "s"}))
    };
    let mut last =
        event(json!({"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}));
    last["usageMetadata"] = json!({"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3});
    let expected = [part(json!({"text": "a"})), call("c1", json!({})), call("c0", json!({"a": "é"})), last];
    assert_eq!(values(&events, &stop()), expected);
}

#[test]
fn the_first_call_that_another_model_made_has_what_google_wants_back() {
    let mut events = vec![begin()];
    for number in [0, 1] {
        let mut pieces = tool(number, &["{}"]);
        let (call, id, name) = (number, "c".into(), "f".into());
        pieces[0] = piece(Piece::ToolBegin { call, id, name, signature: None });
        events.extend(pieces);
    }
    let values = values(&events, &stop());
    let signature =
        |event: usize| values[event]["candidates"][0]["content"]["parts"][0].get("thoughtSignature").cloned();
    assert_eq!((signature(0), signature(1)), (Some(NO_SIGNATURE.into()), None));
}

#[test]
fn sources_are_said_at_the_end() {
    let citation = Citation { url: Some("u".into()), title: Some("t".into()), ..Citation::default() };
    let events = values(&[begin(), piece(Piece::Text("a".into())), piece(Piece::Citation(citation))], &stop());
    let grounding = json!({"groundingChunks": [{"web": {"uri": "u", "title": "t"}}]});
    assert_eq!(events[1]["candidates"][0]["groundingMetadata"], grounding);
    assert_eq!(events.len(), 2);
}

#[test]
fn what_the_upstream_does_not_say_is_said_for_it() {
    let begin = Event::Begin { id: None, model: None, usage: Usage::default() };
    let events = values(&[begin], &Ended { finishes: vec![(0, Finish::Filtered), (1, Finish::Length)], ..stop() });
    assert_eq!((&events[0]["responseId"], &events[0]["modelVersion"]), (&json!(ID), &json!("target")));
    assert_eq!(events[0]["candidates"][0]["finishReason"], "SAFETY");
    assert_eq!(events[0]["candidates"][1]["finishReason"], "MAX_TOKENS");
}

#[test]
fn arguments_that_are_no_object_can_not_be_said() {
    let mut writer = Writer::new(&REPLY);
    let mut out = Vec::new();
    let results: Vec<_> = tool(0, &["[1]"]).iter().map(|event| writer.write(event, &mut out)).collect();
    assert!(matches!(results.as_slice(), [Ok(()), Ok(()), Err(_)]) && out.is_empty());
}

fn pieces() -> impl Strategy<Value = Vec<Event<'static>>> {
    let text = || "[ -~é\n\"\\\\😀]{1,12}".prop_map(Into::into);
    let image = "[a-z]{0,8}".prop_map(|data| {
        let source = Source::Inline { media_type: "image/png".into(), data: data.into() };
        Piece::Image(Image { source, detail: None })
    });
    let plain = prop_oneof![
        text().prop_map(Piece::Text),
        text().prop_map(Piece::Reasoning),
        text().prop_map(Piece::ReasoningSignature),
        image,
    ];
    let some = prop_oneof![plain.prop_map(Some), Just(None)];
    proptest::collection::vec(some, 0..6).prop_map(|pieces| {
        let mut calls = 0..;
        let events = pieces.into_iter().map(|plain| match plain {
            Some(plain) => vec![piece(plain)],
            None => tool(calls.next().unwrap(), &["{\"a\" : \"\\u00e9\"}"]),
        });
        events.flatten().collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(pieces in pieces()) {
        let has_calls = pieces.iter().any(|event| matches!(event, Event::Piece { piece: Piece::ToolEnd { .. }, .. }));
        let finish = if has_calls { Finish::ToolCalls } else { Finish::Stop };
        let ended = Ended { finishes: vec![(0, finish.clone())], ..stop() };
        let mut events = vec![begin()];
        events.extend(pieces);
        let data = written(&events, &ended);
        if let [only] = data.as_slice() {
            prop_assert!(only.contains("finishReason"));
            events[0] = Event::Begin { id: Some("r".into()), model: Some("m".into()), usage: ended.usage };
        }
        events.push(Event::Finish { choice: 0, finish });
        events.push(Event::Usage(ended.usage));
        let mut reader = Reader::new(&Seed { id: ID });
        let mut given = Vec::new();
        let mut progress = Progress::More;
        for data in &data {
            prop_assert_eq!(progress, Progress::More);
            let frame = Frame::Event { name: "", data: data.as_bytes() };
            progress = reader.read(frame, &mut |event| given.push(format!("{event:?}"))).unwrap();
        }
        prop_assert_eq!(progress, Progress::Finished);
        prop_assert_eq!(given, events.iter().map(|event| format!("{event:?}")).collect::<Vec<_>>());
    }
}
