//! How long answers take that have many of something.

use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::adapter::Delivery;

use crate::fuzzing::REPLY;
use crate::protocol::Dialect;
use crate::protocol::translate::{Between, whole};
use crate::protocol::watch::Watch;

/// Whole answers with many of something, whose bytes are as many as the number.
fn answers_of(many: usize) -> Vec<(Dialect, String)> {
    let list = |each: &dyn Fn(usize) -> String| (0..many).map(each).collect::<Vec<_>>().join(",");
    let text = "é".repeat(many);
    let supports = list(&|at| {
        format!(
            r#"{{"segment":{{"startIndex":{0},"endIndex":{1}}},"groundingChunkIndices":[{at}]}}"#,
            2 * at,
            2 * at + 2
        )
    });
    let chunks = list(&|at| format!(r#"{{"web":{{"uri":"u{at}"}}}}"#));
    let page = |at| format!(r#"{{"type":"url_citation","url":"u{at}","title":"t"}}"#);
    vec![
        (
            Dialect::Gemini,
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"finishReason":"STOP","groundingMetadata":{{"groundingChunks":[{chunks}],"groundingSupports":[{supports}]}}}}]}}"#
            ),
        ),
        (
            Dialect::Responses,
            format!(
                r#"{{"id":"r","status":"completed","output":[{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}","annotations":[{}]}}]}}]}}"#,
                list(&page),
            ),
        ),
    ]
}

/// Streams with many of something.
fn streams_of(many: usize) -> Vec<(Dialect, String)> {
    let events = |each: &dyn Fn(usize) -> String| (0..many).map(|at| format!("data: {}\n\n", each(at))).collect();
    let delta = |item, part| {
        format!(r#"{{"type":"response.output_text.delta","output_index":{item},"content_index":{part},"delta":"x"}}"#)
    };
    let cited = |at| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"é","annotations":[{{"type":"url_citation","url_citation":{{"url":"u{at}"}}}}]}}}}]}}"#
        )
    };
    let block = |at| {
        format!(
            r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"tool_use","id":"c","name":"f"}}}}"#
        )
    };
    vec![
        (Dialect::Responses, events(&|at| delta(at, 0))),
        (Dialect::Responses, events(&|at| delta(0, at))),
        (Dialect::Gemini, events(&|at| format!(r#"{{"candidates":[{{"index":{at}}}]}}"#))),
        (Dialect::Chat, events(&cited)),
        (Dialect::Anthropic, events(&block)),
    ]
}

/// Reads a stream for every caller, all of it at once.
fn read(upstream: Dialect, events: &str) {
    for caller in Dialect::ALL {
        let between = Between { upstream, caller, answers_by_tool: false, reply: REPLY };
        let mut watch = Watch::between(&between, Delivery::Stream, b"text/event-stream").unwrap();
        watch.feed(Bytes::copy_from_slice(events.as_bytes()));
        watch.end();
    }
}

/// Gives a whole answer to every caller.
fn give(upstream: Dialect, body: &str) {
    for caller in Dialect::ALL {
        let between = Between { upstream, caller, answers_by_tool: false, reply: REPLY };
        assert!(whole::whole(&between, body.as_bytes()).is_ok(), "{upstream:?} to {caller:?}");
        assert!(whole::streamed(&between, body.as_bytes()).is_ok(), "{upstream:?} to {caller:?}");
    }
}

/// The shortest time of a few runs: machines are busy.
fn quickest(run: fn(Dialect, &str), (upstream, body): &(Dialect, String)) -> Duration {
    let time = || {
        let begun = Instant::now();
        run(*upstream, body);
        begun.elapsed()
    };
    (0..3).map(|_| time()).min().unwrap_or_default()
}

#[test]
fn many_of_anything_in_an_answer_take_no_time_of_their_square() {
    let answers = answers_of(500).into_iter().zip(answers_of(4000)).map(|row| (give as fn(Dialect, &str), row));
    let streams = streams_of(500).into_iter().zip(streams_of(4000)).map(|row| (read as fn(Dialect, &str), row));
    for (at, (run, (few, many))) in answers.chain(streams).enumerate() {
        let (upstream, few, many) = (few.0, quickest(run, &few), quickest(run, &many));
        // Eight times the bytes would take 64 times as long, were the time quadratic.
        assert!(many < few * 32, "row {at}, {upstream:?}: {few:?} and {many:?}");
    }
}
