//! Streams that are cut, or that fail, at every place: never a good end, between any two formats and within one.

use std::collections::HashMap;

use bytes::Bytes;
use http::StatusCode;
use shared::adapter::Delivery;

use super::gist::read;
use super::pairs::between;
use crate::protocol::bedrock::frame::{Kind, put};
use crate::protocol::error::{Problem, event};
use crate::protocol::fixtures::documented_stream;
use crate::protocol::watch::{Ending, Seen, Watch};
use crate::protocol::{Dialect, Progress};

/// What stands in the event that ends an answer well, and in no other: in a dialect's documented stream, and in what our writers make of any.
fn terminal(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat => r#""finish_reason":"tool_calls""#,
        Dialect::Responses => r#""type":"response.completed""#,
        Dialect::Anthropic => r#""type":"message_stop""#,
        Dialect::Gemini => r#""finishReason":"STOP""#,
        Dialect::Bedrock => "messageStop",
        Dialect::Cohere => r#""finish_reason":"TOOL_CALL""#,
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

/// Where the events of a stream end.
fn boundaries(dialect: Dialect, stream: &[u8]) -> Vec<usize> {
    if dialect != Dialect::Bedrock {
        return memchr::memmem::find_iter(stream, b"\n\n").map(|at| at + 2).collect();
    }
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(length) = stream[at..].first_chunk() {
        at += u32::from_be_bytes(*length) as usize;
        ends.push(at);
    }
    ends
}

/// From where on the upstream has said that its answer is whole: where the data of the event that says so ends.
fn told_at(dialect: Dialect, stream: &[u8]) -> usize {
    let at = memchr::memmem::find(stream, terminal(dialect).as_bytes()).unwrap();
    if dialect == Dialect::Bedrock {
        return boundaries(dialect, stream).into_iter().find(|end| *end > at).unwrap();
    }
    at + memchr::memchr(b'\n', &stream[at..]).unwrap()
}

/// A watch as the proxy has it.
fn watch(upstream: Dialect, caller: Dialect) -> Watch {
    let kind: &[u8] = match upstream {
        Dialect::Bedrock => b"application/vnd.amazon.eventstream",
        _ => b"text/event-stream",
    };
    let watch = if upstream == caller {
        Watch::of(upstream.format(), upstream.operation(), Delivery::Stream, kind)
    } else {
        Watch::between(&between(upstream, caller), Delivery::Stream, kind)
    };
    watch.unwrap()
}

/// What a caller gets of a stream, up to its end as the relay makes it.
struct Got {
    bytes: Vec<u8>,
    ending: Ending,
}

/// A stream that ends with its connection.
fn ended(upstream: Dialect, caller: Dialect, stream: &[u8]) -> Got {
    let mut watch = watch(upstream, caller);
    let mut bytes = watch.feed(Bytes::copy_from_slice(stream)).to_vec();
    // Nothing is forwarded after an error, and nothing asked.
    if watch.error().is_some() {
        return Got { bytes, ending: Ending::Cut };
    }
    let (rest, ending) = watch.end();
    if ending == Ending::Cut && watch.error().is_none() {
        bytes.extend_from_slice(&watch.last_event(&problem()));
    } else {
        bytes.extend_from_slice(&rest);
    }
    Got { bytes, ending }
}

/// What a caller has of a stream by now, if its connection breaks: what is whole is whole, and what isn't never will be.
fn broken(watch: &Watch, given: &[u8]) -> Got {
    if watch.seen() == Seen::Done {
        return Got { bytes: given.to_vec(), ending: Ending::Well };
    }
    let last = if watch.error().is_none() { watch.last_event(&problem()) } else { Bytes::new() };
    Got { bytes: [given, &last].concat(), ending: Ending::Cut }
}

fn problem() -> Problem<'static> {
    Problem { status: StatusCode::BAD_GATEWAY, code: "upstream_error", message: "the upstream broke off".into() }
}

/// Whether a client of the dialect takes a stream for whole. Most of the streams here are the same but for how they came, so each is read once.
#[derive(Default)]
struct Clients(HashMap<(Dialect, Vec<u8>), bool>);

impl Clients {
    fn take_for_whole(&mut self, dialect: Dialect, bytes: &[u8]) -> bool {
        let read = || read(dialect, bytes, &mut |_| {}).is_ok_and(|progress| progress != Progress::More);
        *self.0.entry((dialect, bytes.to_vec())).or_insert_with(read)
    }
}

/// That a stream did not end well, in the watch's words, to a client, and in its letters.
fn assert_cut(clients: &mut Clients, got: &Got, (upstream, caller): (Dialect, Dialect), place: usize) {
    let spelled = || format!("{upstream:?} to {caller:?} at {place}:\n{}", String::from_utf8_lossy(&got.bytes));
    assert_eq!(got.ending, Ending::Cut, "{}", spelled());
    assert!(!clients.take_for_whole(caller, &got.bytes), "a client takes it for whole: {}", spelled());
    // What passes holds what the upstream said, to the letter.
    if upstream != caller {
        assert!(!holds(&got.bytes, terminal(caller)), "it holds a good end: {}", spelled());
    }
}

/// An error as a dialect has it within a stream.
fn failure(dialect: Dialect) -> Vec<u8> {
    if dialect == Dialect::Bedrock {
        let mut frame = Vec::new();
        put(&mut frame, Kind::Exception, "throttlingException", &serde_json::json!({ "message": "slow" }));
        return frame;
    }
    event(dialect, &problem(), 0).to_vec()
}

fn pairs() -> impl Iterator<Item = (Dialect, Dialect, Vec<u8>)> {
    let upstreams = Dialect::ALL.into_iter().map(|upstream| (upstream, documented_stream(upstream)));
    upstreams.flat_map(|(upstream, stream)| Dialect::ALL.map(|caller| (upstream, caller, stream.clone())))
}

/// Cuts a stream at every byte: its connection ends there, or breaks. Gives how often.
fn cut(upstream: Dialect, caller: Dialect, stream: &[u8]) -> usize {
    let (mut clients, mut cuts) = (Clients::default(), 0);
    let told_at = told_at(upstream, stream);
    let (mut alive, mut given) = (watch(upstream, caller), Vec::new());
    for place in 0..=stream.len() {
        for got in [ended(upstream, caller, &stream[..place]), broken(&alive, &given)] {
            cuts += 1;
            // What comes behind the end may be missing, but no half of it may pass for an end.
            if got.ending == Ending::Well && place >= told_at {
                assert!(clients.take_for_whole(caller, &got.bytes), "{upstream:?} to {caller:?} at {place}");
            } else {
                assert_cut(&mut clients, &got, (upstream, caller), place);
            }
        }
        let next = &stream[place..stream.len().min(place + 1)];
        given.extend_from_slice(&alive.feed(Bytes::copy_from_slice(next)));
    }
    let whole = ended(upstream, caller, stream);
    assert_eq!(whole.ending, Ending::Well, "{upstream:?} to {caller:?}");
    assert!(holds(&whole.bytes, terminal(caller)), "{upstream:?} to {caller:?}");
    cuts
}

#[test]
fn a_stream_cut_at_any_byte_never_ends_well() {
    let cuts: usize = std::thread::scope(|scope| {
        let pairs: Vec<_> =
            pairs().map(|(upstream, caller, stream)| scope.spawn(move || cut(upstream, caller, &stream))).collect();
        pairs.into_iter().map(|pair| pair.join().unwrap()).sum()
    });
    assert!(cuts > 100_000, "{cuts} cuts");
    println!("{cuts} cuts");
}

#[test]
fn a_stream_that_fails_after_any_event_never_ends_well() {
    let (mut clients, mut failures) = (Clients::default(), 0);
    for (upstream, caller, stream) in pairs() {
        let places = boundaries(upstream, &stream);
        for place in places.into_iter().filter(|place| *place < stream.len()) {
            let (before, behind) = stream.split_at(place);
            let failed = [before, &failure(upstream), behind].concat();
            let got = ended(upstream, caller, &failed);
            // What comes behind the end that the upstream announced changes nothing.
            let mut watch = watch(upstream, caller);
            watch.feed(Bytes::copy_from_slice(before));
            if watch.seen() != Seen::Done {
                assert_cut(&mut clients, &got, (upstream, caller), place);
                failures += 1;
            }
        }
    }
    println!("{failures} failures");
}
