//! Upstreams' streams.

use proptest::prelude::*;

use super::{Read, read, read_data};
use crate::exchange::event::Piece;
use crate::exchange::message::Citation;
use crate::exchange::response::Finish;
use crate::exchange::usage::Usage;
use crate::protocol::Progress;

const CREATED: &str = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt","status":"in_progress","output":[],"error":null}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1}}}}"#;

/// The pieces of events between the first and the last of a stream.
fn pieces(events: &[&str]) -> Vec<Piece<'static>> {
    let all = [CREATED].into_iter().chain(events.iter().copied()).chain([COMPLETED]);
    read_data(all).unwrap().pieces
}

fn begin(call: u32, id: &'static str, name: &'static str) -> Piece<'static> {
    Piece::ToolBegin { call, id: id.into(), name: name.into(), signature: None }
}

fn arguments(call: u32, fragment: &'static str) -> Piece<'static> {
    Piece::ToolArguments { call, fragment: fragment.into() }
}

#[test]
fn a_stream_begins_once_and_ends_with_why_and_what_it_cost() {
    let in_progress = CREATED.replace("created", "in_progress");
    let delta = r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hi"}"#;
    let expected = Read {
        begin: vec![(Some("resp_1".into()), Some("gpt".into()))],
        pieces: vec![Piece::Text("hi".into())],
        finishes: vec![(0, Finish::Stop)],
        usage: Usage { input: Some(3), output: Some(2), reasoning: Some(1), ..Usage::default() },
        progress: vec![Progress::More, Progress::More, Progress::More, Progress::Done],
    };
    assert_eq!(read_data([CREATED, &in_progress, delta, COMPLETED]).unwrap(), expected);
    let named = [
        ("response.created", CREATED),
        ("response.in_progress", &in_progress),
        ("response.output_text.delta", delta),
        ("response.completed", COMPLETED),
    ];
    assert_eq!(read(named).unwrap(), expected);
}

#[test]
fn a_stream_without_its_last_event_is_cut() {
    let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"hi"}]}}"#;
    let read = read_data([CREATED, done]).unwrap();
    assert!(read.finishes.is_empty() && read.progress.iter().all(|progress| *progress == Progress::More));
}

#[test]
fn items_and_parts_beyond_any_number_are_no_answer() {
    let delta = |item: usize, part: usize| {
        format!(r#"{{"type":"response.output_text.delta","output_index":{item},"content_index":{part},"delta":"x"}}"#)
    };
    let whole = |items: usize| {
        let items = vec![r#"{"type":"message","content":[{"type":"output_text","text":"x"}]}"#; items].join(",");
        format!(r#"{{"type":"response.completed","response":{{"output":[{items}]}}}}"#)
    };
    let read = |events: &[String]| read_data(events.iter().map(String::as_str)).is_ok();
    for (few, many) in [
        ((0..4000).map(|at| delta(at, 0)).collect(), (0..4200).map(|at| delta(at, 0)).collect()),
        ((0..8000).map(|at| delta(0, at)).collect(), (0..8200).map(|at| delta(0, at)).collect()),
        (vec![whole(4000)], vec![whole(4200)]),
    ] {
        let (few, many): (Vec<String>, Vec<String>) = (few, many);
        assert!(read(&few) && !read(&many));
    }
}

#[test]
fn a_text_is_given_once_however_often_it_comes() {
    let delta = |text: &str| {
        format!(r#"{{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"{text}"}}"#)
    };
    let added =
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","content":[]}}"#;
    let done = r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"hello"}"#;
    let part = r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text","text":"hello","annotations":[]}}"#;
    let item = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg_1","content":[{"type":"output_text","text":"hello","annotations":[]}]}}"#;
    let last = r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","id":"msg_1","content":[{"type":"output_text","text":"hello","annotations":[]}]}]}}"#;
    let (hel, lo) = (delta("hel"), delta("lo"));
    for events in [
        &[CREATED, added, &hel, &lo, done, part, item, last][..],
        &[CREATED, added, done, part, item, last],
        &[CREATED, added, part, item, last],
        &[CREATED, added, item, last],
        &[CREATED, added, last],
        &[CREATED, last],
        &[last],
        &[hel.as_str(), lo.as_str(), last],
    ] {
        let read = read_data(events.iter().copied()).unwrap();
        assert_eq!(read.pieces, [Piece::Text("hello".into())], "{events:?}");
        assert_eq!(read.begin.len(), 1);
    }
}

#[test]
fn calls_are_told_apart_and_their_arguments_given_once() {
    let added = |index: u8| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"function_call","id":"fc_{index}","call_id":"c{index}","name":"f","arguments":""}}}}"#
        )
    };
    let delta = |index: u8, text: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","output_index":{index},"item_id":"fc_{index}","delta":"{text}"}}"#
        )
    };
    let done = |index: u8| {
        format!(r#"{{"type":"response.function_call_arguments.done","output_index":{index},"arguments":"[{index}]"}}"#)
    };
    let item = |index: u8| {
        format!(
            r#"{{"type":"response.output_item.done","output_index":{index},"item":{{"type":"function_call","id":"fc_{index}","call_id":"c{index}","name":"f","arguments":"[{index}]"}}}}"#
        )
    };
    let events = [
        added(1),
        added(2),
        delta(2, "[2"),
        delta(1, "[1"),
        delta(1, "]"),
        delta(2, "]"),
        done(1),
        item(1),
        done(2),
        item(2),
    ];
    let events: Vec<_> = events.iter().map(String::as_str).collect();
    let expected = [
        begin(0, "c1", "f"),
        begin(1, "c2", "f"),
        arguments(1, "[2"),
        arguments(0, "[1]"),
        arguments(1, "]"),
        Piece::ToolEnd { call: 0 },
        Piece::ToolEnd { call: 1 },
    ];
    assert_eq!(pieces(&events), expected);
    let whole = [begin(0, "c1", "f"), arguments(0, "[1]"), Piece::ToolEnd { call: 0 }];
    assert_eq!(pieces(&[&added(1), &done(1), &item(1)]), whole);
    assert_eq!(pieces(&[&item(1)]), whole);
    // Of a call whose begin did not come, nothing can be said before it is whole.
    assert_eq!(pieces(&[&delta(1, "[1]"), &item(1)]), whole);
    // By the item's id alone.
    let bare = |event: String| event.replace(r#""output_index":1,"#, "");
    assert_eq!(pieces(&[&bare(added(1)), &bare(delta(1, "[1]")), &bare(item(1))]), whole);
    // Two with one index, one after the other.
    let same = |event: String| event.replace(r#""output_index":2,"#, r#""output_index":1,"#);
    let twice =
        pieces(&[&added(1), &delta(1, "[1]"), &item(1), &same(added(2)), &same(delta(2, "[2]")), &same(item(2))]);
    assert_eq!(twice[3..], [begin(1, "c2", "f"), arguments(1, "[2]"), Piece::ToolEnd { call: 1 }]);
    let all = [CREATED, &added(1), &item(1), COMPLETED].map(str::to_owned);
    assert_eq!(read_data(all.iter().map(String::as_str)).unwrap().finishes, [(0, Finish::ToolCalls)]);
}

#[test]
fn reasoning_is_shown_in_parts_and_sealed_at_its_end() {
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#;
    let part = |index: u8| {
        format!(
            r#"{{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":{index},"part":{{"type":"summary_text","text":""}}}}"#
        )
    };
    let delta = |index: u8, text: &str| {
        format!(
            r#"{{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":{index},"delta":"{text}"}}"#
        )
    };
    let done = |summary: &str| {
        format!(
            r#"{{"type":"response.output_item.done","output_index":0,"item":{{"type":"reasoning","id":"rs_1","summary":[{summary}],"encrypted_content":"E"}}}}"#
        )
    };
    let both = r#"{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}"#;
    let expected = [Piece::Reasoning("a\n\nb".into()), Piece::ReasoningSignature("E".into())];
    assert_eq!(pieces(&[added, &part(0), &delta(0, "a"), &part(1), &delta(1, "b"), &done(both)]), expected);
    assert_eq!(pieces(&[added, &delta(0, "a"), &delta(1, "b"), &done(both)]), expected);
    assert_eq!(pieces(&[&done(both)]), expected);
    assert_eq!(pieces(&[added, &done("")]), [Piece::SealedReasoning("E".into())]);
    assert_eq!(pieces(&[added, &part(0), &done("")]), [Piece::ReasoningSignature("E".into())]);
    let open = r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"t"}"#;
    let open_done = r#"{"type":"response.reasoning_text.done","output_index":0,"content_index":0,"text":"t"}"#;
    assert_eq!(pieces(&[open, open_done]), [Piece::Reasoning("t".into())]);
    assert_eq!(pieces(&[open_done]), [Piece::Reasoning("t".into())]);
}

#[test]
fn refusals_and_citations_are_pieces_and_given_once() {
    let refusal = r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"no"}"#;
    let refused = r#"{"type":"response.refusal.done","output_index":0,"content_index":0,"refusal":"no"}"#;
    let read = read_data([CREATED, refusal, refused, COMPLETED]).unwrap();
    assert_eq!((read.pieces, read.finishes), (vec![Piece::Refusal("no".into())], vec![(0, Finish::Refused)]));
    let text = r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"x"}"#;
    let url = r#"{"type":"url_citation","url":"https://h","title":"t","start_index":0,"end_index":1}"#;
    let note = format!(
        r#"{{"type":"response.output_text.annotation.added","output_index":0,"content_index":0,"annotation_index":0,"annotation":{url}}}"#
    );
    let item = format!(
        r#"{{"type":"response.output_item.done","output_index":0,"item":{{"type":"message","content":[{{"type":"output_text","text":"x","annotations":[{url}]}}]}}}}"#
    );
    let citation = Citation {
        url: Some("https://h".into()),
        title: Some("t".into()),
        answer_span: Some((0, 1)),
        ..Citation::default()
    };
    let expected = [Piece::Text("x".into()), Piece::Citation(citation)];
    assert_eq!(pieces(&[text, &note, &item]), expected);
    assert_eq!(pieces(&[text, &item]), expected);
    assert_eq!(pieces(&[&item]), expected);
}

#[test]
fn a_stream_is_over_for_the_reason_that_it_gives() {
    for (reason, finish) in
        [("max_output_tokens", Finish::Length), ("content_filter", Finish::Filtered), ("new", Finish::Length)]
    {
        let last = format!(
            r#"{{"type":"response.incomplete","response":{{"status":"incomplete","incomplete_details":{{"reason":"{reason}"}},"output":[]}}}}"#
        );
        let read = read_data([CREATED, &last]).unwrap();
        assert_eq!((read.finishes, read.progress[1]), (vec![(0, finish)], Progress::Done), "{reason}");
    }
}

#[test]
fn what_is_not_known_gives_nothing_whatever_it_holds() {
    for event in [
        r#"{"type":"response.web_search_call.searching","output_index":0,"item":5,"delta":{}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"something_new","content":5,"arguments":{}}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"mcp_call","arguments":{"a":1},"output":"x"}}"#,
        r#"{"type":"keepalive","sequence_number":3}"#,
        "[DONE]",
        "",
    ] {
        assert_eq!(pieces(&[event]), [], "{event}");
    }
}

#[test]
fn an_error_is_a_fault_with_the_status_that_its_code_means() {
    for (event, status, body) in [
        (
            r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#,
            429,
            r#"{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}"#,
        ),
        (
            r#"{"type":"error","sequence_number":3,"code":"server_error","message":"m","param":null}"#,
            500,
            r#"{"error":{"type":"error","sequence_number":3,"code":"server_error","message":"m","param":null}}"#,
        ),
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","code":null,"message":"m"}}"#,
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","code":null,"message":"m"}}"#,
        ),
        (r#"{"error":{"message":"m"}}"#, 500, r#"{"error":{"message":"m"}}"#),
        (r#"{"type":"response.completed","response":5}"#, 502, "5"),
    ] {
        let fault = read_data([CREATED, event]).unwrap_err();
        assert_eq!((fault.status.as_u16(), &*fault.body), (status, body.as_bytes()), "{event}");
    }
    assert_eq!(read([("error", r#"{"code":"insufficient_quota"}"#)]).unwrap_err().status, 429);
    assert_eq!(read([("response.output_text.delta", "not json")]).unwrap_err().status, 502);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        kinds in proptest::collection::vec(0..8usize, 0..6),
        index in any::<Option<u64>>(),
        part in any::<u64>(),
        text in r#"\PC*"#,
    ) {
        let index = serde_json::to_string(&index).unwrap();
        let text = serde_json::to_string(&text).unwrap();
        let events: Vec<_> = kinds
            .into_iter()
            .map(|kind| {
                let kind = [
                    "output_item.added", "output_item.done", "output_text.delta", "output_text.done", "content_part.done",
                    "function_call_arguments.delta", "reasoning_summary_part.added", "completed",
                ][kind];
                format!(r#"{{"type":"response.{kind}","output_index":{index},"content_index":{part},"delta":{text},"text":{text},"item":{{"type":{text}}}}}"#)
            })
            .collect();
        let _ = read_data(events.iter().map(String::as_str).chain([text.as_str()]));
    }
}
