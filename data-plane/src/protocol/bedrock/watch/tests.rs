use super::*;

/// A frame as Amazon sends it.
fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut packed = Vec::new();
    for (name, value) in headers {
        packed.push(name.len() as u8);
        packed.extend_from_slice(name.as_bytes());
        packed.push(7);
        packed.extend_from_slice(&(value.len() as u16).to_be_bytes());
        packed.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::new();
    frame.extend_from_slice(&((16 + packed.len() + payload.len()) as u32).to_be_bytes());
    frame.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&packed);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn event_frame(kind: &str, payload: &str) -> Vec<u8> {
    frame(&[(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")], payload)
}

/// Feeds a stream in pieces of a size.
fn watched(stream: &[u8], pieces: usize) -> (Vec<u8>, Ending, Frames) {
    let mut frames = Frames::default();
    let mut forwarded = Vec::new();
    for piece in stream.chunks(pieces) {
        forwarded.extend_from_slice(&frames.feed(piece));
        if frames.error().is_some() {
            return (forwarded, Ending::Cut, frames);
        }
    }
    let (rest, ending) = frames.end();
    forwarded.extend_from_slice(&rest);
    (forwarded, ending, frames)
}

#[test]
fn a_stream_is_whole_with_its_message_stop_and_passes_byte_for_byte() {
    let delta = event_frame("contentBlockDelta", r#"{"delta":{"text":"messageStop"},"p":"abc"}"#);
    let stop = event_frame("messageStop", r#"{"stopReason":"end_turn"}"#);
    let metadata = event_frame("metadata", "{}");
    let half = &metadata[..20];
    for (stream, expected) in [
        ([delta.clone(), stop.clone(), metadata.clone()].concat(), Ending::Well),
        ([delta.clone(), stop.clone()].concat(), Ending::Well),
        ([delta.clone()].concat(), Ending::Cut),
        ([&delta[..], &stop, half].concat(), Ending::Cut),
        (Vec::new(), Ending::Cut),
    ] {
        for pieces in [1, 7, 100, 10_000] {
            let (forwarded, ending, _) = watched(&stream, pieces);
            assert_eq!(ending, expected);
            let whole =
                if ending == Ending::Cut { stream.len() / delta.len().max(1) * delta.len() } else { stream.len() };
            assert!(stream.starts_with(&forwarded) && forwarded.len() >= whole.min(delta.len()));
        }
    }
}

#[test]
fn an_exception_is_remade_and_nothing_follows_it() {
    let delta = event_frame("contentBlockDelta", "{}");
    let given = frame(
        &[(":message-type", "exception"), (":exception-type", "throttlingException")],
        r#"{"message":"slow AKIAABCDEFGH1234","x":1}"#,
    );
    let stream = [&delta[..], &given, &delta].concat();
    for pieces in [1, 13, 10_000] {
        let (forwarded, _, frames) = watched(&stream, pieces);
        let error = frames.error().unwrap();
        assert_eq!(error.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(error.header.as_ref().unwrap().1, "ThrottlingException");
        let expected = [&delta[..], &remade_event("throttlingException", br#"{"message":"slow [redacted]"}"#)].concat();
        assert_eq!(forwarded, expected, "in pieces of {pieces}");
    }
}

#[test]
fn a_damaged_frame_ends_the_stream() {
    let mut delta = event_frame("contentBlockDelta", r#"{"delta":{"text":"abc"}}"#);
    let last = delta.len() - 6;
    delta[last] ^= 1;
    let (forwarded, _, frames) = watched(&delta, 9);
    assert!(frames.error().is_some());
    let mut again = Frames::default();
    again.feed(&forwarded);
    assert!(again.error().is_some(), "what the caller gets is an exception");
}
