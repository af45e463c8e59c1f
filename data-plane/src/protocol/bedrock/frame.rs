//! Frames of Amazon's event stream, as they are written: the only place that does.
//!
//! `upstream::event_stream` reads the same frames, and says where they are documented. The test holds one of them.

use serde::Serialize;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Kind {
    /// An event of the stream.
    Event,
    /// An exception, which ends it.
    Exception,
}

/// Writes a frame behind what `out` holds: lengths and their checksum, three headers of type 7 (string), the payload, the checksum of it all.
pub(in crate::protocol) fn put(out: &mut Vec<u8>, kind: Kind, name: &str, payload: &impl Serialize) {
    let begin = out.len();
    out.extend_from_slice(&[0; 12]);
    let (message_type, type_header) = match kind {
        Kind::Event => ("event", ":event-type"),
        Kind::Exception => ("exception", ":exception-type"),
    };
    for (header, value) in [(":message-type", message_type), (type_header, name), (":content-type", "application/json")]
    {
        // All of them are short.
        out.push(header.len() as u8);
        out.extend_from_slice(header.as_bytes());
        out.push(7);
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    let headers = out.len() - begin - 12;
    let before_payload = out.len();
    if serde_json::to_writer(&mut *out, payload).is_err() {
        // Strings and numbers always serialize; half an object would be worse than an empty payload.
        out.truncate(before_payload);
    }
    seal(out, begin, headers);
}

/// Fills in the lengths and the checksums of a frame that begins there.
fn seal(out: &mut Vec<u8>, begin: usize, headers: usize) {
    let total = out.len() - begin + 4;
    let mut prelude = [0; 12];
    prelude[..4].copy_from_slice(&(total as u32).to_be_bytes());
    prelude[4..8].copy_from_slice(&(headers as u32).to_be_bytes());
    let checksum = crc32fast::hash(&prelude[..8]);
    prelude[8..].copy_from_slice(&checksum.to_be_bytes());
    if let Some(place) = out.get_mut(begin..begin + 12) {
        place.copy_from_slice(&prelude);
    }
    let checksum = crc32fast::hash(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_frame_that_amazon_sends() {
        let expected = "0000009400000057b4ab9aee0d3a6d6573736167652d747970650700056576656e740b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b22636f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874223a224869227d7d5db19242";
        let payload: &serde_json::value::RawValue =
            serde_json::from_str(r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#).unwrap();
        let mut out = b"before".to_vec();
        put(&mut out, Kind::Event, "contentBlockDelta", &payload);
        let written: String = out[6..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, expected);
    }
}
