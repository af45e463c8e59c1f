//! The reference's frames, split and damaged in every way, and frames made up.

use proptest::prelude::*;

use super::*;

const EVENT: &str = "0000009400000057b4ab9aee0d3a6d6573736167652d747970650700056576656e740b3a6576656e742d7479706507\
    0011636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c69636174696f6e\
    2f6a736f6e7b22636f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874223a224869\
    227d7d5db19242";
const EXCEPTION: &str = "0000008300000061a9d144e50d3a6d6573736167652d74797065070009657863657074696f6e0f3a65786365707469\
    6f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d7479706507001061\
    70706c69636174696f6e2f6a736f6e7b226d657373616765223a22736c6f77227dd4f2b6a9";

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A frame of headers that are encoded already.
fn encoded(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(headers.len() + payload.len() + FRAMING_BYTES).unwrap();
    let mut frame = prelude(total, u32::try_from(headers.len()).unwrap());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn prelude(total: u32, headers: u32) -> Vec<u8> {
    let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
    prelude
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let mut header = vec![u8::try_from(name.len()).unwrap()];
    header.extend_from_slice(name.as_bytes());
    header.push(7);
    header.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    header.extend_from_slice(value.as_bytes());
    header
}

/// Everything that comes of these pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, decoder.end())
}

fn only(frame: &[u8]) -> Frame {
    let (mut frames, end) = decode([frame]);
    assert_eq!((frames.len(), end), (1, Ok(())));
    frames.remove(0)
}

#[test]
fn the_references_frames_are_read() {
    let event = only(&bytes(EVENT));
    assert_eq!(event.message(), Message::Event("contentBlockDelta"));
    assert_eq!(event.text(":content-type"), Some("application/json"));
    assert_eq!(event.payload(), r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#);
    let exception = only(&bytes(EXCEPTION));
    assert_eq!(exception.message(), Message::Exception("throttlingException"));
    assert_eq!(exception.payload(), r#"{"message":"slow"}"#);
}

#[test]
fn frames_split_anywhere_are_the_same_and_a_cut_shows() {
    let stream = [bytes(EVENT), bytes(EXCEPTION)].concat();
    let whole = decode([stream.as_slice()]);
    assert_eq!((whole.0.len(), whole.1), (2, Ok(())));
    for at in 0..=stream.len() {
        let (before, after) = stream.split_at(at);
        assert_eq!(decode([before, after]), whole, "split at {at}");
        let (frames, end) = decode([before]);
        let at_an_end = [0, 148, stream.len()].contains(&at);
        assert_eq!(end, if at_an_end { Ok(()) } else { Err(FrameError::Cut) }, "cut at {at}");
        assert_eq!(frames.len(), usize::from(at >= 148) + usize::from(at == stream.len()));
    }
    assert_eq!(decode(stream.chunks(1)), whole);
}

#[test]
fn every_flipped_bit_is_an_error() {
    for frame in [bytes(EVENT), bytes(EXCEPTION)] {
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // Another frame behind it must not make up for a length that grew.
            let (frames, end) = decode([damaged.as_slice(), &frame]);
            assert_eq!((frames.len(), end), (0, Err(FrameError::Checksum)), "bit {bit}");
        }
    }
}

#[test]
fn an_error_stays_and_keeps_nothing() {
    let mut damaged = bytes(EVENT);
    damaged[20] ^= 1;
    let mut decoder = Decoder::default();
    decoder.push(&damaged);
    for _ in 0..2 {
        assert_eq!(decoder.next_frame(), Err(FrameError::Checksum));
        decoder.push(&bytes(EVENT));
        assert_eq!(decoder.end(), Err(FrameError::Checksum));
        assert_eq!(decoder.pending.capacity(), 0);
    }
}

#[test]
fn lengths_are_refused_before_their_bytes_come() {
    let headers = u32::try_from(MOST_HEADER_BYTES).unwrap();
    let payload = u32::try_from(MOST_PAYLOAD_BYTES).unwrap();
    let framing = u32::try_from(FRAMING_BYTES).unwrap();
    for (total, headers, expected) in [
        (headers + payload + framing, headers, Err(FrameError::Cut)),
        (headers + 1 + framing, headers + 1, Err(FrameError::TooLarge)),
        (payload + 1 + framing, 0, Err(FrameError::TooLarge)),
        (u32::MAX, 0, Err(FrameError::TooLarge)),
        (framing - 1, 0, Err(FrameError::Length)),
        (framing, 1, Err(FrameError::Length)),
        (0, 0, Err(FrameError::Length)),
        (100, u32::MAX, Err(FrameError::Length)),
    ] {
        let (frames, end) = decode([prelude(total, headers).as_slice()]);
        assert_eq!((frames.len(), end), (0, expected), "{total} {headers}");
    }
}

#[test]
fn headers_of_every_type_are_passed_over() {
    let mut headers = Vec::new();
    for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
        headers.extend([1, b'x', kind]);
        headers.extend(vec![0xff; length]);
    }
    headers.extend([1, b'b', 6, 0, 2, 0xff, 0xff]);
    headers.extend(text(":message-type", "error"));
    headers.extend(text(":error-code", "InternalError"));
    headers.extend(text(":error-message", "it broke"));
    let frame = only(&encoded(&headers, b""));
    assert_eq!(frame.message(), Message::Error { code: "InternalError", message: "it broke" });
    assert_eq!(frame.text("x"), None);
    assert_eq!(frame.text("b"), None);
    assert!(frame.payload().is_empty());
}

#[test]
fn kinds_that_we_do_not_know_are_told_apart_from_errors() {
    for (headers, expected) in [
        (vec![], Message::Unknown),
        (text(":message-type", "song"), Message::Unknown),
        (text(":message-type", "event"), Message::Unknown),
        (text(":message-type", "exception"), Message::Exception("")),
        (text(":message-type", "error"), Message::Error { code: "", message: "" }),
    ] {
        assert_eq!(only(&encoded(&headers, b"{}")).message(), expected);
    }
}

#[test]
fn headers_that_can_not_be_read_are_an_error() {
    for headers in [&[1, b'x'][..], &[5, b'x'], &[1, b'x', 10], &[1, b'x', 7, 0, 3, b'y'], &[1, b'x', 9, 0], &[0]] {
        assert_eq!(decode([encoded(headers, b"").as_slice()]).1, Err(FrameError::Headers), "{headers:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(pieces: Vec<Vec<u8>>) {
        let _ = decode(pieces.iter().map(Vec::as_slice));
    }

    #[test]
    fn no_headers_panic(headers: Vec<u8>, payload: Vec<u8>) {
        let (frames, _) = decode([encoded(&headers, &payload).as_slice()]);
        for frame in frames {
            let _ = frame.message();
            prop_assert_eq!(frame.payload(), &payload);
        }
    }

    #[test]
    fn any_split_gives_the_same_frames(
        messages in prop::collection::vec(("[a-z]{0,20}", prop::collection::vec(any::<u8>(), 0..200)), 0..6),
        sizes in prop::collection::vec(1_usize..60, 1..20),
    ) {
        let headers = |kind: &str| [text(":message-type", "event"), text(":event-type", kind)].concat();
        let stream: Vec<u8> = messages.iter().flat_map(|(kind, payload)| encoded(&headers(kind), payload)).collect();
        let (mut rest, mut pieces, mut sizes) = (stream.as_slice(), Vec::new(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, left) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        let (frames, end) = decode(pieces);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(frames.len(), messages.len());
        for (frame, (kind, payload)) in frames.iter().zip(&messages) {
            prop_assert_eq!(frame.message(), Message::Event(kind));
            prop_assert_eq!(frame.payload(), payload);
        }
    }
}
