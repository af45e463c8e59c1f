use proptest::prelude::*;

use super::*;

const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a \\\"error\\\": b\"},\"finish_reason\":null}]}\n\n";
const LAST: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\": \"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const ERROR: &str = "data: {\"id\":\"x\",\"error\":{\"message\":\"no sk-abcdefgh1234\",\"code\":500}}\n\n";

/// Feeds a stream in pieces of a size; gives what was forwarded and how it ended.
fn watched(stream: &[u8], pieces: usize) -> (Vec<u8>, Ending, Watch) {
    let mut watch = Watch::default();
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
        (vec![CHUNK, DONE], Ending::Well),
        (vec![CHUNK, LAST], Ending::Well),
        (vec![CHUNK, "data: [DONE]"], Ending::Well),
        (vec![CHUNK], Ending::Cut),
        (vec![CHUNK, "data: [DON"], Ending::Cut),
        (vec![": comment\n\n"], Ending::Cut),
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
fn an_error_is_remade_and_nothing_follows_it() {
    let stream = [CHUNK, ERROR, DONE].concat();
    for pieces in 1..=stream.len() {
        let (forwarded, _, watch) = watched(stream.as_bytes(), pieces);
        let text = String::from_utf8(forwarded).unwrap();
        let expected = "data: {\"error\":{\"message\":\"no [redacted]\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"500\"}}\n\n";
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
    let (forwarded, ending, _) = watched([filtered, DONE].concat().as_bytes(), 7);
    assert_eq!((forwarded, ending), ([filtered, DONE].concat().into_bytes(), Ending::Well));
}

#[test]
fn a_line_that_never_ends_is_not_held_for_ever() {
    let mut watch = Watch::default();
    let mut forwarded = 0;
    for _ in 0..100 {
        forwarded += watch.feed(Bytes::from(vec![b'x'; 10_000])).len();
        assert!(watch.held.len() <= LINE);
    }
    forwarded += watch.feed(Bytes::from_static(b"\ndata: [DONE]\n\n")).len();
    assert_eq!(forwarded, 1_000_000 + 15);
    assert_eq!(watch.end().1, Ending::Well);
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
