use proptest::prelude::*;

use super::*;

/// What came of a stream: `name|data` for an event, `~` for life.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Option<SseError>) {
    let mut decoder = Decoder::default();
    let mut items = Vec::new();
    let shown = |item: Item<'_>| match item {
        Item::Event { name, data } => format!("{name}|{data}"),
        Item::Life => "~".to_owned(),
    };
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(item)) => items.push(shown(item)),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    match decoder.end() {
        Ok(last) => {
            items.extend(last.map(shown));
            (items, None)
        }
        Err(error) => (items, Some(error)),
    }
}

fn items(stream: &str) -> Vec<String> {
    let (items, error) = read(&[stream.as_bytes()]);
    assert_eq!(error, None, "{stream:?}");
    items
}

#[test]
fn events_end_at_empty_lines_however_lines_end() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = "event: a\ndata: 1\n\ndata:2\nid: x\n\n\ndata: \u{e9}\ndata:  b\ndata\n\n".replace('\n', end);
        assert_eq!(items(&stream), ["a|1", "|2", "|é\n b\n"], "{end:?}");
    }
    assert_eq!(items("data: 1\r\rdata: 2\n\ndata: 3\r\n\n"), ["|1", "|2", "|3"]);
    assert_eq!(items("\u{feff}data: 1\n\n"), ["|1"]);
}

#[test]
fn comments_and_empty_events_are_signs_of_life() {
    assert_eq!(
        items(": hello\n\nevent: ping\n\nevent: ping\ndata:\n\ndata: 1\n: in between\n\n"),
        ["~", "~", "~", "~", "|1"]
    );
    assert_eq!(items("event: a\n\ndata: 1\n\n"), ["~", "|1"]);
}

#[test]
fn a_last_event_counts_if_nothing_of_it_lacks() {
    for (stream, expected) in [
        ("data: {\"a\":1}", Ok(vec!["|{\"a\":1}"])),
        ("data: {\"a\":1}\n", Ok(vec!["|{\"a\":1}"])),
        ("data: [DONE]", Ok(vec!["|[DONE]"])),
        ("data: 1\n\n: comm", Ok(vec!["|1"])),
        ("data: 1\n\nevent: x\n", Ok(vec!["|1"])),
        ("data: 1\n\nevent: error\n", Err(SseError::Cut)),
        ("data: 1\n\nevent: err", Err(SseError::Cut)),
        ("data: 1\n\nevent: error\ndat", Err(SseError::Cut)),
        ("data: {\"a\":1", Err(SseError::Cut)),
        ("data: [DON", Err(SseError::Cut)),
        ("", Ok(vec![])),
    ] {
        let (items, error) = read(&[stream.as_bytes()]);
        match expected {
            Ok(expected) => assert_eq!((items, error), (expected.into_iter().map(str::to_owned).collect(), None)),
            Err(expected) => assert_eq!(error, Some(expected), "{stream}"),
        }
    }
}

#[test]
fn json_behind_the_events_is_an_event() {
    let tail = "[{\n  \"error\": {\n\n    \"code\": 503\n  }\n}\n]";
    assert_eq!(items(&format!("data: 1\n\n{tail}")), ["|1".to_owned(), format!("|{tail}")]);
    assert_eq!(items("{\"error\":1}"), ["|{\"error\":1}"]);
    assert_eq!(read(&[b"data: 1\n\n{\"error\": "]).1, Some(SseError::Cut));
}

#[test]
fn what_is_too_large_or_no_text_is_an_error_for_good() {
    let mut decoder = Decoder::default();
    let large = vec![b'x'; MOST_EVENT_BYTES / 4];
    decoder.push(b"data: ");
    let error = (0..8).find_map(|_| {
        decoder.push(&large);
        decoder.next().err()
    });
    assert_eq!(error, Some(SseError::TooLarge));
    decoder.push(b"\n\ndata: 1\n\n");
    assert_eq!(decoder.next(), Err(SseError::TooLarge));
    assert!(decoder.buffer.is_empty());
    assert_eq!(read(&[b"data: 1\n\ndata: \xff\n\n"]), (vec!["|1".to_owned()], Some(SseError::NotText)));
    let many = "data: 1\n\n".repeat(2 * MOST_EVENT_BYTES / 9);
    assert_eq!(read(&[many.as_bytes()]).1, None, "only one event's size counts");
}

#[test]
fn an_event_in_tiny_pieces_costs_no_more_than_in_one() {
    let mut decoder = Decoder::default();
    decoder.push(b"data: ");
    // Were the line looked at anew with each piece, this would be minutes.
    for _ in 0..4_000_000 {
        decoder.push(b"x");
        assert_eq!(decoder.next(), Ok(None));
    }
    decoder.push(b"\n\n");
    assert!(matches!(decoder.next(), Ok(Some(Item::Event { data, .. })) if data.len() == 4_000_000));
}

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 15] = [
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"data: ",
        b"data:",
        b"event: a",
        b": c",
        b"id: 1",
        b"{\"a\":",
        b"1}",
        b"[DONE]",
        b"\xc3",
        b"\xa9",
        BYTE_ORDER_MARK,
    ];
    let word = prop::sample::select(words.to_vec());
    prop::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn splitting_at_any_bytes_gives_the_same_events(stream in any_stream(), cuts in prop::collection::vec(0_usize..100, 0..8)) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let whole = read(&[&stream]);
        prop_assert_eq!(read(&pieces), whole.clone());
        let bytes: Vec<_> = stream.chunks(1).collect();
        prop_assert_eq!(read(&bytes), whole);
    }
}
