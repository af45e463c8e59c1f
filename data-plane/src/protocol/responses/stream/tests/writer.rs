//! Callers' streams.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{REPLY, SEED, ended, events, read, write};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;
use crate::protocol::responses::stream::Writer;
use crate::protocol::{Progress, Writer as _};

fn names(written: &[u8]) -> Vec<String> {
    let short = |name: String| name.strip_prefix("response.").unwrap_or(&name).to_owned();
    events(written).into_iter().map(|(name, _)| short(name)).collect()
}

fn begin(call: u32) -> Piece<'static> {
    Piece::ToolBegin { call, id: format!("call_{call}").into(), name: "f".into(), signature: None }
}

fn arguments(call: u32, fragment: impl Into<String>) -> Piece<'static> {
    Piece::ToolArguments { call, fragment: fragment.into().into() }
}

/// The response in a stream's last event.
fn last(written: &[u8]) -> Value {
    let (_, data) = events(written).pop().unwrap();
    serde_json::from_str::<Value>(&data).unwrap()["response"].take()
}

#[test]
fn every_item_is_whole_before_the_next_begins() {
    let pieces = [
        Piece::Reasoning("why".into()),
        Piece::ReasoningSignature("E".into()),
        Piece::Text("a".into()),
        Piece::Text("b".into()),
        Piece::Refusal("no".into()),
        begin(0),
        arguments(0, "{}"),
        Piece::ToolEnd { call: 0 },
        Piece::SealedReasoning("F".into()),
    ];
    let written = write(&pieces, &ended(Finish::ToolCalls));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names(&written), expected);
    for (number, (name, data)) in events(&written).iter().enumerate() {
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(
            (data["type"].as_str(), data["sequence_number"].as_u64()),
            (Some(name.as_str()), Some(number as u64))
        );
    }
    let id = SEED.id;
    let last = last(&written);
    let ids: Vec<_> = last["output"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [format!("rs_{id}_0"), format!("msg_{id}_1"), format!("fc_{id}_2"), format!("rs_{id}_3")]);
    assert_eq!(last["usage"]["total_tokens"], 14);
}

#[test]
fn a_call_that_begins_while_another_is_under_way_waits() {
    let pieces = [
        begin(0),
        begin(1),
        arguments(1, "[1"),
        arguments(0, "[0"),
        begin(2),
        arguments(2, "[2]"),
        Piece::ToolEnd { call: 2 },
        arguments(0, "]"),
        Piece::ToolEnd { call: 0 },
        arguments(1, "]"),
        Piece::ToolEnd { call: 1 },
        Piece::Text("t".into()),
    ];
    let written = write(&pieces, &ended(Finish::ToolCalls));
    let output = last(&written)["output"].take();
    let calls: Vec<_> =
        (0..3).map(|index| (output[index]["call_id"].clone(), output[index]["arguments"].clone())).collect();
    assert_eq!(calls, [0, 1, 2].map(|n| (json!(format!("call_{n}")), json!(format!("[{n}]")))));
    assert_eq!(output[3]["content"][0]["text"], "t");
    let deltas = names(&written).iter().filter(|name| *name == "function_call_arguments.delta").count();
    assert_eq!(deltas, 5);
}

#[test]
fn what_was_cut_is_incomplete_and_what_waited_is_not_lost() {
    let cut = write(&[Piece::Text("a".into())], &ended(Finish::Length));
    assert_eq!(events(&cut).last().unwrap().0, "response.incomplete");
    let response = last(&cut);
    assert_eq!((&response["status"], &response["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
    let waited = last(&write(&[begin(0), begin(1), arguments(1, "{}")], &ended(Finish::ToolCalls)));
    assert_eq!(waited["output"][1]["arguments"], "{}");
    let filtered = last(&write(&[], &ended(Finish::Filtered)));
    assert_eq!(
        (&filtered["output"], &filtered["incomplete_details"]),
        (&json!([]), &json!({"reason": "content_filter"}))
    );
}

#[test]
fn a_citation_without_a_span_is_for_the_text_so_far() {
    let citation = Citation { url: Some("https://h".into()), ..Citation::default() };
    let no_url = Citation { title: Some("t".into()), ..Citation::default() };
    let pieces =
        [Piece::Text("één".into()), Piece::Citation(citation), Piece::Citation(no_url), Piece::Text("x".into())];
    let response = last(&write(&pieces, &ended(Finish::Stop)));
    let url = json!([{"type": "url_citation", "start_index": 0, "end_index": 3, "title": "", "url": "https://h"}]);
    assert_eq!(
        response["output"][0]["content"],
        json!([{"type": "output_text", "text": "éénx", "annotations": url, "logprobs": []}])
    );
}

#[test]
fn an_answer_is_named_as_the_upstream_named_it_or_by_us() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&REPLY);
    writer.write(&Event::Begin { id: None, model: None, usage: Usage::default() }, &mut out).unwrap();
    writer.write(&Event::Ping, &mut out).unwrap();
    writer.end(&Ended { finishes: vec![(0, Finish::Stop)], usage: Usage::default() }, &mut out);
    let response = last(&out);
    assert_eq!((&response["id"], &response["model"]), (&json!(format!("resp_{}", SEED.id)), &json!("target")));
    assert_eq!(response["usage"], Value::Null);
    assert_eq!(last(&write(&[], &ended(Finish::Stop)))["id"], "resp_1");
}

#[test]
fn what_ends_a_stream_is_numbered_as_its_next_event() {
    let mut writer = Writer::new(&REPLY);
    let mut out = Vec::new();
    assert_eq!(writer.next_number(), 0);
    writer.write(&Event::Begin { id: None, model: None, usage: Usage::default() }, &mut out).unwrap();
    writer.write(&Event::Piece { choice: 0, piece: Piece::Text("a".into()) }, &mut out).unwrap();
    assert_eq!(writer.next_number(), names(&out).len() as u64);
}

#[test]
fn an_image_is_an_item_or_not_left_out_in_silence() {
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    let inline = Piece::Image(Image { source, detail: None });
    let out = write(&[Piece::Text("a".into()), inline.clone()], &ended(Finish::Stop));
    assert_eq!(last(&out)["output"][1]["result"], "aGk=");
    let written = events(&out);
    let read = read(written.iter().map(|(name, data)| (name.as_str(), data.as_str()))).unwrap();
    assert!(read.pieces.contains(&inline));
    let piece = Piece::Image(Image { source: Source::File("f".into()), detail: None });
    assert!(Writer::new(&REPLY).write(&Event::Piece { choice: 0, piece }, &mut Vec::new()).is_err());
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex(r#"[a-z"\\\né{}]{1,9}"#).unwrap()
}

/// Pieces that belong together. Calls are numbered when all are known.
fn group() -> impl Strategy<Value = Vec<Piece<'static>>> {
    let citation = (text(), 0..9u64).prop_map(|(title, from)| Citation {
        url: Some("https://h".into()),
        title: Some(title.into()),
        answer_span: Some((from, from + 1)),
        ..Citation::default()
    });
    let said =
        (proptest::collection::vec(text(), 1..4), proptest::option::of(citation)).prop_map(|(texts, citation)| {
            let texts = texts.into_iter().map(|text| Piece::Text(text.into()));
            texts.chain(citation.map(Piece::Citation)).collect()
        });
    let thought = (proptest::collection::vec(text(), 0..3), text()).prop_map(|(texts, signature)| {
        let texts = texts.into_iter().map(|text| Piece::Reasoning(text.into()));
        texts.chain([Piece::ReasoningSignature(signature.into())]).collect()
    });
    let call = proptest::collection::vec(text(), 1..4).prop_map(|fragments| {
        let fragments = fragments.into_iter().map(|fragment| arguments(0, fragment));
        [begin(0)].into_iter().chain(fragments).chain([Piece::ToolEnd { call: 0 }]).collect()
    });
    prop_oneof![
        said,
        thought,
        call,
        text().prop_map(|sealed| vec![Piece::SealedReasoning(sealed.into())]),
        text().prop_map(|refusal| vec![Piece::Refusal(refusal.into())]),
    ]
}

fn stream() -> impl Strategy<Value = Vec<Piece<'static>>> {
    proptest::collection::vec(group(), 0..6).prop_map(|groups| {
        let mut pieces = Vec::new();
        let mut calls = 0;
        for mut group in groups {
            let is_call = matches!(group.first(), Some(Piece::ToolBegin { .. }));
            for piece in &mut group {
                match piece {
                    Piece::ToolBegin { .. } => *piece = begin(calls),
                    Piece::ToolArguments { call, .. } | Piece::ToolEnd { call } => *call = calls,
                    _ => {}
                }
            }
            calls += u32::from(is_call);
            pieces.extend(group);
        }
        pieces
    })
}

/// Why a stream of these pieces ends.
fn finish(pieces: &[Piece<'_>]) -> Finish<'static> {
    let has = |is: fn(&Piece<'_>) -> bool| pieces.iter().any(is);
    if has(|piece| matches!(piece, Piece::ToolBegin { .. })) {
        Finish::ToolCalls
    } else if has(|piece| matches!(piece, Piece::Refusal(_))) {
        Finish::Refused
    } else {
        Finish::Stop
    }
}

/// What a stream's deltas come to: for each item and part, its text.
fn joined(written: &[u8]) -> BTreeMap<(u64, u64), String> {
    let mut texts = BTreeMap::new();
    for (name, data) in events(written) {
        let data: Value = serde_json::from_str(&data).unwrap();
        if name.ends_with(".delta") {
            let part = data["content_index"].as_u64().or(data["summary_index"].as_u64()).unwrap_or(0);
            let text: &mut String = texts.entry((data["output_index"].as_u64().unwrap(), part)).or_default();
            text.push_str(data["delta"].as_str().unwrap());
        }
    }
    texts
}

/// The same, of the response in the last event.
fn of_last(written: &[u8]) -> BTreeMap<(u64, u64), String> {
    let mut texts = BTreeMap::new();
    for (index, item) in (0..).zip(last(written)["output"].as_array().unwrap()) {
        let parts = item["content"].as_array().or(item["summary"].as_array()).cloned().unwrap_or_default();
        for (part, value) in (0..).zip(parts) {
            let text = value["text"].as_str().or(value["refusal"].as_str()).unwrap();
            texts.insert((index, part), text.to_owned());
        }
        if let Some(arguments) = item["arguments"].as_str() {
            texts.insert((index, 0), arguments.to_owned());
        }
    }
    texts.retain(|_, text| !text.is_empty());
    texts
}

proptest! {
    #[test]
    fn what_is_written_reads_back(pieces in stream(), is_cut: bool) {
        let finish = if is_cut { Finish::Length } else { finish(&pieces) };
        let ended = ended(finish.clone());
        let written = write(&pieces, &ended);
        let events = events(&written);
        let back = read(events.iter().map(|(name, data)| (name.as_str(), data.as_str()))).unwrap();
        let mut expected = super::Read::default();
        for piece in pieces {
            expected.piece(piece);
        }
        prop_assert_eq!(&back.pieces, &expected.pieces);
        prop_assert_eq!(back.finishes, [(0, finish)]);
        prop_assert_eq!(back.usage, ended.usage);
        prop_assert_eq!(back.begin, [(Some("resp_1".into()), Some("m".into()))]);
        prop_assert_eq!(back.progress.iter().filter(|progress| **progress == Progress::Done).count(), 1);
        prop_assert_eq!(back.progress.last(), Some(&Progress::Done));
    }

    #[test]
    fn deltas_come_to_what_the_last_event_has(pieces in stream()) {
        let written = write(&pieces, &ended(finish(&pieces)));
        prop_assert_eq!(joined(&written), of_last(&written));
    }

    #[test]
    fn the_items_that_are_done_are_those_of_the_last_event(pieces in stream()) {
        let written = write(&pieces, &ended(finish(&pieces)));
        let done: Vec<Value> = events(&written)
            .iter()
            .filter(|(name, _)| name == "response.output_item.done")
            .map(|(_, data)| serde_json::from_str::<Value>(data).unwrap()["item"].take())
            .collect();
        prop_assert_eq!(Value::from(done), last(&written)["output"].take());
    }
}
