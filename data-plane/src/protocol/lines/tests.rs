use proptest::prelude::*;

use super::*;

const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a \\\"error\\\": b\"},\"finish_reason\":null}]}\n\n";
/// Azure's.
const FILTERS: &str = "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n";
const LAST: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\": \"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const ERROR: &str = "data: {\"id\":\"x\",\"error\":{\"message\":\"no sk-abcdefgh1234\",\"code\":500}}\n\n";

/// Feeds a stream in pieces of a size; gives what was forwarded and how it ended.
fn watched(stream: &[u8], pieces: usize) -> (Vec<u8>, Ending, Lines) {
    watched_as(Dialect::Chat, stream, pieces)
}

fn watched_as(dialect: Dialect, stream: &[u8], pieces: usize) -> (Vec<u8>, Ending, Lines) {
    let mut watch = Lines::new(dialect);
    let mut forwarded = Vec::new();
    for piece in stream.chunks(pieces.max(1)) {
        forwarded.extend_from_slice(&watch.feed(Bytes::copy_from_slice(piece)));
        if watch.error().is_some() {
            return (forwarded, Ending::Cut, watch);
        }
    }
    let (rest, ending) = watch.end();
    forwarded.extend_from_slice(&rest);
    (forwarded, ending, watch)
}

#[test]
fn a_stream_ends_well_only_if_the_upstream_said_so() {
    for (stream, expected) in [
        (vec![CHUNK, LAST, DONE], Ending::Well),
        (vec![CHUNK, LAST], Ending::Well),
        (vec![CHUNK, LAST, "data: [DONE]"], Ending::Well),
        (vec![CHUNK], Ending::Cut),
        (vec![CHUNK, "data: [DON"], Ending::Cut),
        (vec![FILTERS, CHUNK, LAST, FILTERS, DONE], Ending::Well),
        (vec!["data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"length\"}]}\n", DONE], Ending::Well),
        (vec!["data: {\"choices\":[{\"index\":0.0,\"finish_reason\":\"stop\"}]}\n\n", DONE], Ending::Well),
        (vec![CHUNK, LAST.trim_ascii_end()], Ending::Well),
        (vec![CHUNK, &LAST[..LAST.len() - 3]], Ending::Cut),
        (vec![CHUNK, &LAST[..LAST.len() - 7]], Ending::Cut),
        (vec![CHUNK, LAST, "data: {\"choices\":[],\"usa"], Ending::Cut),
        (vec![CHUNK, "data: {\"choices\":[{\"finish_reason\":\"\"}]}\n\n"], Ending::Cut),
        (vec![": comment\n\n"], Ending::Cut),
        (vec![CHUNK, LAST, ": comment"], Ending::Well),
        (vec![CHUNK, LAST, "event: error\n"], Ending::Cut),
        (vec![CHUNK, LAST, "event: error\n: c\n"], Ending::Cut),
        (vec![CHUNK, LAST, "event: error\nid: 1\n"], Ending::Cut),
        (vec![CHUNK, LAST, "event: error\n: c\n\n"], Ending::Well),
        (vec![CHUNK, LAST, "event: error\ndata: {\"error\":{\"mess"], Ending::Cut),
        (vec![CHUNK, LAST, "event: error\ndat"], Ending::Cut),
        (vec![CHUNK, LAST, "event: err"], Ending::Cut),
        (vec![CHUNK, LAST, DONE, "event: err"], Ending::Well),
        (vec![], Ending::Cut),
    ] {
        let stream = stream.concat();
        for pieces in 1..=stream.len().max(1) {
            let (forwarded, ending, _) = watched(stream.as_bytes(), pieces);
            assert_eq!(ending, expected, "{stream:?} in pieces of {pieces}");
            assert_eq!(forwarded, stream.as_bytes());
        }
    }
}

#[test]
fn an_end_that_is_announced_before_the_answer_is_finished_is_an_error() {
    let of = |index: u32, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{finish}}}]}}\n\n")
    };
    let open = "data: {\"choices\":[{\"finish_reason\":\"\"}]}\n\n".to_owned();
    let two = [of(0, "null"), of(1, "null"), of(0, "\"stop\"")].concat();
    for before in [String::new(), CHUNK.to_owned(), open, two] {
        for done in [DONE, "data: [DONE]"] {
            let stream = [&*before, done].concat();
            for pieces in 1..=stream.len() {
                let (forwarded, ending, watch) = watched(stream.as_bytes(), pieces);
                let text = String::from_utf8(forwarded).unwrap();
                let told = text.strip_prefix(&*before).unwrap();
                assert!(told.starts_with("data: {\"error\":{") && told.contains("upstream_error"), "{text}");
                assert!(!text.contains("[DONE]") && ending == Ending::Cut, "{text} in pieces of {pieces}");
                assert_eq!(watch.error().unwrap().status, 502);
            }
        }
    }
}

#[test]
fn an_error_ends_the_stream_wherever_in_a_chunk_it_stands() {
    for (chunk, status, told) in [
        (r#"{"choices":[{"delta":{},"finish_reason": "error"}]}"#, 502, "with an error"),
        (r#"{"choices":[{"index":0.0,"finish_reason":"error"}]}"#, 502, "with an error"),
        (r#"{"choices":[{"delta":{},"finish_reason":"abort"}]}"#, 502, "with an error"),
        (
            r#"{"choices":[],"x_groq":{"id":"r","error":"over capacity sk-abcdefgh1234"}}"#,
            500,
            "over capacity [redacted]",
        ),
        (
            r#"{"choices":[{"index":0,"delta":{"content":"x"}},{"index":1,"finish_reason":"error"}]}"#,
            502,
            "with an error",
        ),
        (
            r#"{"choices":[{"delta":{},"finish_reason":"error","error":{"code":429,"message":"slow sk-abcdefgh1234"}}]}"#,
            429,
            "slow [redacted]",
        ),
        (r#"{"choices":[{"finish_reason":"stop","error":{"code":503,"message":"m"}}]}"#, 503, "\"m\""),
        (r#"{"object":"error","message":"no sk-abcdefgh1234","code":400}"#, 400, "no [redacted]"),
        (r#"[{"error":{"code":400,"message":"no sk-abcdefgh1234"}}]"#, 400, "no [redacted]"),
    ] {
        for before in ["", CHUNK] {
            let stream = format!("{before}data: {chunk}\n\n{DONE}");
            for pieces in 1..=stream.len() {
                let (forwarded, ending, watch) = watched(stream.as_bytes(), pieces);
                let text = String::from_utf8(forwarded).unwrap();
                let given = text.strip_prefix(before).unwrap();
                assert!(given.starts_with("data: {\"error\":{") && given.contains(told), "{text}");
                assert!(!given.contains("[DONE]") && !given.contains("sk-"), "{text}");
                assert_eq!((ending, watch.error().unwrap().status.as_u16()), (Ending::Cut, status));
            }
        }
    }
    let none = r#"{"choices":[{"index":0,"delta":{"role":"error"},"error":null,"finish_reason":null}],"error":null}"#;
    for error in ["null", "\"\"", "{}", "false"] {
        let none = none.replace("\"error\":null", &format!("\"error\":{error}"));
        let stream = format!("data: {none}\n\n{LAST}{DONE}");
        assert_eq!(watched(stream.as_bytes(), 9).1, Ending::Well, "{error}");
    }
}

#[test]
fn alternatives_may_be_counted_from_one() {
    let of = |index: u32, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{finish}}}]}}\n\n")
    };
    let from_one = [of(1, "null"), of(2, "\"stop\""), of(1, "\"stop\"")].concat();
    let stream = [&*from_one, DONE].concat();
    assert_eq!(watched(stream.as_bytes(), 7).1, Ending::Well);
    let open = [of(1, "null"), of(2, "\"stop\"")].concat();
    assert_eq!(watched([&*open, DONE].concat().as_bytes(), 7).1, Ending::Cut);
    let first_open = [of(0, "null"), of(1, "\"stop\"")].concat();
    assert_eq!(watched([&*first_open, DONE].concat().as_bytes(), 7).1, Ending::Cut);
}

#[test]
fn signs_of_life_are_no_part_of_the_answer() {
    for (dialect, sign) in [
        (Dialect::Chat, ": OPENROUTER PROCESSING\n\n"),
        (Dialect::Anthropic, "event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        (Dialect::Gemini, "\n"),
    ] {
        let (forwarded, _, lines) = watched_as(dialect, sign.as_bytes(), 5);
        assert_eq!((forwarded.as_slice(), lines.seen()), (sign.as_bytes(), Seen::Nothing), "{dialect:?}");
        let stream = [sign, "data: {\"type\":\"x\"}\n\n", sign].concat();
        assert_eq!(watched_as(dialect, stream.as_bytes(), 5).2.seen(), Seen::Begun, "{dialect:?}");
    }
}

#[test]
fn an_error_is_remade_and_nothing_follows_it() {
    let stream = [CHUNK, ERROR, DONE].concat();
    for pieces in 1..=stream.len() {
        let (forwarded, _, watch) = watched(stream.as_bytes(), pieces);
        let text = String::from_utf8(forwarded).unwrap();
        let expected = "data: {\"error\":{\"message\":\"no [redacted]\",\"type\":\"server_error\",\"param\":null,\"code\":\"500\"}}\n\n";
        assert_eq!(text, [CHUNK, expected].concat(), "in pieces of {pieces}");
        assert!(watch.error().is_some());
    }
    let (forwarded, _, watch) = watched(b"event: error\r\ndata: {\"type\":\"x\"}\r\n\r\ndata: [DONE]\n\n", 1000);
    assert!(watch.error().is_some());
    assert!(!String::from_utf8(forwarded).unwrap().contains("DONE"));
}

#[test]
fn an_error_further_down_is_none_of_the_stream() {
    let filtered = "data: {\"choices\":[{\"content_filter_result\":{\"error\":{\"code\":\"x\"}}}],\"error\":null}\n\n";
    let (forwarded, ending, _) = watched([filtered, LAST, DONE].concat().as_bytes(), 7);
    assert_eq!((forwarded, ending), ([filtered, LAST, DONE].concat().into_bytes(), Ending::Well));
}

#[test]
fn a_line_that_never_ends_is_not_held_for_ever() {
    let mut watch = Lines::new(Dialect::Chat);
    let mut forwarded = 0;
    for _ in 0..100 {
        forwarded += watch.feed(Bytes::from(vec![b'x'; 200_000])).len();
        assert!(watch.held.len() <= LINE);
    }
    forwarded += watch.feed(Bytes::from_static(b"\ndata: [DONE]\n\n")).len();
    assert_eq!(forwarded, 20_000_000 + 15);
    assert_eq!(watch.end().1, Ending::Well);
}

#[test]
fn an_end_as_large_as_an_image_is_seen() {
    for (dialect, end) in [
        (Dialect::Responses, r#"{"type":"image_generation.completed","b64_json":"#),
        (Dialect::Responses, r#"{"type":"response.completed","instructions":"#),
        (Dialect::Gemini, r#"{"candidates":[{"finishReason":"STOP"}],"data":"#),
    ] {
        let stream = format!("data: {end}\"{}\"}}\n\n", "x".repeat(300_000));
        let (forwarded, ending, _) = watched_as(dialect, stream.as_bytes(), 8192);
        assert_eq!((forwarded.len(), ending), (stream.len(), Ending::Well), "{end}");
    }
}

#[test]
fn any_number_of_split_events_in_one_piece_is_read_where_it_stands() {
    let split = "data: {\n\n".repeat(60_000) + "data: {\ndata: \"type\":\"response.completed\"}\n\n";
    for pieces in [split.len(), 100_000, 7] {
        let (forwarded, ending, _) = watched_as(Dialect::Responses, split.as_bytes(), pieces);
        assert_eq!((forwarded.len(), ending), (split.len(), Ending::Well), "in pieces of {pieces}");
    }
}

/// Every way to cut a stream into two, and single bytes.
fn ends(dialect: Dialect, stream: &str) -> Ending {
    let (forwarded, ending, _) = watched_as(dialect, stream.as_bytes(), 1);
    assert_eq!(forwarded, stream.as_bytes());
    for pieces in 1..=stream.len() {
        let (forwarded, other, _) = watched_as(dialect, stream.as_bytes(), pieces);
        assert_eq!((other, forwarded), (ending, stream.as_bytes().to_vec()), "{stream:?} in pieces of {pieces}");
    }
    ending
}

#[test]
fn a_stream_is_whole_when_every_alternative_that_began_has_ended() {
    let of = |index: u32, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\": {index},\"delta\":{{}},\"finish_reason\":{finish}}}]}}\n\n")
    };
    let (begun, ended) = (|index| of(index, "null"), |index| of(index, "\"stop\""));
    for (stream, expected) in [
        ([begun(0), begun(1), ended(0)].concat(), Ending::Cut),
        ([begun(0), ended(0), begun(1)].concat(), Ending::Cut),
        ([begun(0), ended(0), begun(1), ended(1)].concat(), Ending::Well),
        ([begun(0), begun(2), ended(2), ended(0)].concat(), Ending::Well),
        ([begun(0), begun(1), ended(0), ended(1), DONE.to_owned()].concat(), Ending::Well),
        ([begun(0), ended(0), "data: {\"choices\":[],\"usage\":{}}\n\n".to_owned()].concat(), Ending::Well),
        (
            [begun(0), ended(0)].concat().replace("\"delta\":{}", "\"delta\":{\"tool_calls\":[{\"index\":3}]}"),
            Ending::Well,
        ),
    ] {
        assert_eq!(ends(Dialect::Chat, &stream), expected, "{stream}");
    }
    let candidate = |inside: &str| format!("data: {{\"candidates\":[{{{inside}}}]}}\n\n");
    let (first, second) = (candidate("\"finishReason\":\"STOP\""), candidate("\"index\":1,\"content\":{}"));
    for (stream, expected) in [
        ([&*second, &first].concat(), Ending::Cut),
        ([&*first, &second, &candidate("\"index\":1,\"finishReason\":\"STOP\"")].concat(), Ending::Well),
        (candidate("\"content\":{\"parts\":[{\"functionCall\":{\"args\":{\"finishReason\":\"STOP\"}}}]}"), Ending::Cut),
        ([&*first, "event: error\n: c\n"].concat(), Ending::Cut),
        ([&*first, "event: error\nid: 1\n"].concat(), Ending::Cut),
        ("data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\ndata: {\"x\":1}\n\n".to_owned(), Ending::Well),
    ] {
        assert_eq!(ends(Dialect::Gemini, &stream), expected, "{stream}");
    }
}

#[test]
fn lines_may_end_with_cr_and_a_mark_may_stand_before_them() {
    for end in ["\r", "\r\n"] {
        let stream = [": c\n\n", CHUNK, LAST, DONE].concat().replace('\n', end);
        assert_eq!(ends(Dialect::Chat, &stream), Ending::Well);
        assert_eq!(ends(Dialect::Chat, &CHUNK.replace('\n', end)), Ending::Cut);
        let failed = [CHUNK, ERROR, DONE].concat().replace('\n', end);
        for pieces in 1..=failed.len() {
            let text = String::from_utf8(watched(failed.as_bytes(), pieces).0).unwrap();
            assert!(text.contains("[redacted]") && !text.contains("DONE"), "{text:?} in pieces of {pieces}");
        }
    }
    assert_eq!(ends(Dialect::Chat, &format!("\u{feff}{LAST}{DONE}")), Ending::Well);
    assert_eq!(ends(Dialect::Gemini, "\u{feff}data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"), Ending::Well);
}

#[test]
fn data_that_is_split_over_lines_is_read_as_one() {
    let split = |event: &str| event.replace("{\"", "{\ndata: \"").replace(',', ",\ndata:");
    for end in ["\n", "\r", "\r\n"] {
        let good = [split(CHUNK), split(LAST)].concat().replace('\n', end);
        assert_eq!(ends(Dialect::Chat, &good), Ending::Well, "{good}");
        assert_eq!(ends(Dialect::Chat, good.trim_ascii_end()), Ending::Well, "{good}");
        assert_eq!(ends(Dialect::Chat, &split(CHUNK).replace('\n', end)), Ending::Cut);
        assert_eq!(ends(Dialect::Chat, &good[..good.trim_ascii_end().len() - 1]), Ending::Cut);
        let failed = [CHUNK, &split(ERROR), DONE].concat().replace('\n', end);
        for pieces in 1..=failed.len() {
            let (forwarded, _, watch) = watched(failed.as_bytes(), pieces);
            let text = String::from_utf8(forwarded).unwrap();
            assert!(text.contains("[redacted]") && !text.contains("abcdefgh") && !text.contains("DONE"), "{text:?}");
            assert_eq!(watch.error().unwrap().status.as_u16(), 500);
        }
    }
    let endless = format!("data: {{\n{}data: [DONE]\n\n", "data: x\n".repeat(TEXT));
    assert_eq!(watched(endless.as_bytes(), 1000).0.len(), endless.len());
}

/// For each dialect: an event, the end, an error, and what the caller gets for the error.
const DIALECTS: [(Dialect, &str, &str, &str, &str); 4] = [
    (
        Dialect::Responses,
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"response.completed\\\"\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"error\":null}}\n\n",
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"no sk-abcdefgh1234\"}}}\n\n",
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"no [redacted]\"}}}\n\n",
    ),
    (
        Dialect::Anthropic,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"message_stop\\\"\",\"x\":\"message_stop\",\"error\":1}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no sk-abcdefgh1234\"}}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no [redacted]\"}}\n\n",
    ),
    (
        Dialect::Gemini,
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\\\"finishReason\\\":\\\"STOP\\\"\"}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"finishReason\": \"STOP\"}],\"usageMetadata\":{}}\r\n\r\n",
        "data: {\"error\":{\"code\":503,\"message\":\"no sk-abcdefgh1234\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n",
        "data: {\"error\":{\"code\":503,\"message\":\"no [redacted]\",\"status\":\"UNAVAILABLE\"}}\n\n",
    ),
    (
        Dialect::Cohere,
        "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"message-end\"}}}}\n\n",
        "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{}}}\n\n",
        "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"no sk-abcdefgh1234\"}}\n\n",
        "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":\"no [redacted]\",\"finish_reason\":\"ERROR\"}}\n\n",
    ),
];

#[test]
fn a_stream_that_is_cut_within_its_last_event_does_not_end_well() {
    for (dialect, event, end, _, _) in DIALECTS {
        let data = end.find("data:").unwrap();
        let whole = end.trim_ascii_end().len();
        for cut in data..whole {
            let stream = [event, &end[..cut]].concat();
            assert_eq!(watched_as(dialect, stream.as_bytes(), 7).1, Ending::Cut, "{dialect:?} {stream}");
        }
        let stream = [event, &end[..whole]].concat();
        assert_eq!(watched_as(dialect, stream.as_bytes(), 7).1, Ending::Well, "{dialect:?} {stream}");
    }
}

#[test]
fn each_format_ends_as_it_says_and_no_other_way() {
    for (dialect, event, end, error, remade) in DIALECTS {
        for (stream, expected) in [
            ([event, end].concat(), Ending::Well),
            ([event, event].concat(), Ending::Cut),
            ([event, &end[..end.len() / 2]].concat(), Ending::Cut),
        ] {
            for pieces in 1..=stream.len() {
                let (forwarded, ending, _) = watched_as(dialect, stream.as_bytes(), pieces);
                assert_eq!(ending, expected, "{dialect:?} {stream:?} in pieces of {pieces}");
                assert!(stream.as_bytes().starts_with(&forwarded) || ending == Ending::Cut);
            }
        }
        let stream = [event, error, end].concat();
        for pieces in 1..=stream.len() {
            let (forwarded, _, lines) = watched_as(dialect, stream.as_bytes(), pieces);
            let text = String::from_utf8(forwarded).unwrap();
            assert!(lines.error().is_some());
            assert!(text.starts_with(event) && text.ends_with(remade), "{dialect:?} {text:?} in pieces of {pieces}");
            assert!(!text.contains("abcdefgh"), "{text}");
        }
    }
}

#[test]
fn plain_json_behind_geminis_events_is_an_error() {
    let (_, event, end, ..) = DIALECTS[2];
    let tail = "[{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"busy\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n]";
    let remade = "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n";
    for before in [event, end] {
        let stream = [before, tail].concat();
        for pieces in 1..=stream.len() {
            let (forwarded, ending, lines) = watched_as(Dialect::Gemini, stream.as_bytes(), pieces);
            assert_eq!(String::from_utf8(forwarded).unwrap(), [before, remade].concat(), "in pieces of {pieces}");
            assert_eq!(ending, Ending::Cut);
            assert_eq!(lines.error().unwrap().status.as_u16(), 503);
        }
    }
    let endless = [event, "{", &"x".repeat(2 * TEXT)].concat();
    let (forwarded, ending, lines) = watched_as(Dialect::Gemini, endless.as_bytes(), 1000);
    assert!(ending == Ending::Cut && lines.error().is_some() && forwarded.len() < event.len() + 400);
}

#[test]
fn an_error_of_ours_is_an_event_of_its_own() {
    let mut lines = Lines::new(Dialect::Anthropic);
    assert_eq!(lines.feed(Bytes::from_static(b"data: {}\n\nevent: message_stop\n")), "data: {}\n\n");
    assert_eq!(
        lines.feed(Bytes::from_static(b"data: {\"type\":\"message_stop\"}\n")),
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n"
    );
    let begun = b"event: content_block_delta\ndata: {\"type\":\"x\"}\n".as_slice();
    for (stream, expected) in [
        (begun, "\n"),
        (b"event: content_block_delta\ndata: {\"type\":\"x\"}\n\nevent: content_block_delta\ndata: {\"ty", ""),
        (b"", ""),
    ] {
        let (_, ending, lines) = watched_as(Dialect::Anthropic, stream, 1000);
        assert_eq!((ending, lines.separator()), (Ending::Cut, expected.as_bytes()));
    }
}

/// What a stream comes to in pieces that end at these places.
fn verdict(dialect: Dialect, stream: &[u8], cuts: &[usize]) -> (String, Ending, Option<StreamError>) {
    let mut watch = Lines::new(dialect);
    let mut forwarded = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).chain([stream.len()]).collect();
    cuts.sort_unstable();
    let mut at = 0;
    for cut in cuts {
        forwarded.extend_from_slice(&watch.feed(Bytes::copy_from_slice(&stream[at..cut])));
        at = cut;
        if watch.error().is_some() {
            return (String::from_utf8_lossy(&forwarded).into(), Ending::Cut, watch.error().cloned());
        }
    }
    let (rest, ending) = watch.end();
    forwarded.extend_from_slice(&rest);
    (String::from_utf8_lossy(&forwarded).into(), ending, watch.error().cloned())
}

#[test]
fn what_is_larger_than_one_piece_comes_to_the_same_in_any() {
    let long = "x".repeat(3 * TEXT);
    let split = format!(
        "data: {{\ndata: \"text\":\"{long}\",\ndata: \"error\":{{\"code\":503,\"message\":\"m\"}}\ndata: }}\n\n"
    );
    let tail = format!("[{{\"error\":{{\"code\":503,\"message\":\"m\",\"x\":\"{long}\"}}}}]\n");
    for stream in [split, tail] {
        let whole = verdict(Dialect::Gemini, stream.as_bytes(), &[]);
        assert!(whole.2.is_some());
        for pieces in [1_000, TEXT, TEXT + 1] {
            let cuts: Vec<usize> = (0..stream.len()).step_by(pieces).collect();
            assert_eq!(verdict(Dialect::Gemini, stream.as_bytes(), &cuts), whole, "in pieces of {pieces}");
        }
    }
}

fn any_piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\r\n\r\n",
        "data: ",
        "data:{",
        "data: {\"a\":",
        "{",
        "}",
        "[",
        "]",
        "1",
        "\"error\":{\"code\":503}",
        "event: error",
        "event: x",
        ": c",
        "garbage",
        " ",
        "\t",
        "  \"a\":1",
        "data: {\n",
        "data: \"b\":[\n",
        "\0",
        "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}",
        "data: {\"error\":{\"code\":503}}",
        "data: [DONE]",
        "data: {\"type\":\"message_stop\"}",
        "{\"error\":{\"code\":429}}",
        "data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}",
        "\u{feff}",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn how_the_bytes_are_split_changes_nothing(
        pieces in prop::collection::vec(any_piece(), 0..20), cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let stream = pieces.concat();
        for (dialect, ..) in DIALECTS.into_iter().chain([(Dialect::Chat, "", "", "", "")]) {
            let whole = verdict(dialect, stream.as_bytes(), &[]);
            prop_assert_eq!(&verdict(dialect, stream.as_bytes(), &cuts), &whole, "{:?} {:?} at {:?}", dialect, stream, cuts);
            let bytes: Vec<usize> = (0..stream.len()).collect();
            prop_assert_eq!(&verdict(dialect, stream.as_bytes(), &bytes), &whole, "{:?} {:?} by bytes", dialect, stream);
        }
    }
}

proptest! {
    #[test]
    fn whatever_comes_passes_byte_for_byte(
        stream in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':'), Just(0)], 0..300), pieces in 1_usize..50,
    ) {
        let (forwarded, _, watch) = watched(&stream, pieces);
        if watch.error().is_none() {
            prop_assert_eq!(forwarded, stream);
        }
    }
}
