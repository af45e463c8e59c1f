//! Streams in their framing, taken apart and made.

use crate::protocol::{Dialect, Frame};
use crate::upstream::event_stream::{self, Message};
use crate::upstream::sse::{Decoder, Item};

/// A frame on its own.
#[derive(Debug)]
pub(super) enum Framed {
    Event { name: String, data: Vec<u8> },
    Exception { name: String, data: Vec<u8> },
    Life,
}

impl Framed {
    /// As readers take it; `None` for a sign of life.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        match self {
            Self::Event { name, data } => Some(Frame::Event { name, data }),
            Self::Exception { name, data } => Some(Frame::Exception { name, data }),
            Self::Life => None,
        }
    }
}

/// A stream's frames, and whether it was one to its end.
pub(super) fn frames(dialect: Dialect, bytes: &[u8]) -> (Vec<Framed>, bool) {
    if dialect == Dialect::Bedrock { of_amazon(bytes) } else { of_events(bytes) }
}

fn of_events(bytes: &[u8]) -> (Vec<Framed>, bool) {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    decoder.push(bytes);
    loop {
        match decoder.next() {
            Ok(Some(item)) => frames.push(framed(item)),
            Ok(None) => break,
            Err(_) => return (frames, false),
        }
    }
    match decoder.end() {
        Ok(last) => {
            frames.extend(last.map(framed));
            (frames, true)
        }
        Err(_) => (frames, false),
    }
}

fn framed(item: Item<'_>) -> Framed {
    match item {
        Item::Event { name, data } => Framed::Event { name: name.to_owned(), data: data.as_bytes().to_vec() },
        Item::Life => Framed::Life,
    }
}

fn of_amazon(bytes: &[u8]) -> (Vec<Framed>, bool) {
    let (mut decoder, mut frames) = (event_stream::Decoder::default(), Vec::new());
    decoder.push(bytes);
    while let Ok(Some(frame)) = decoder.next_frame() {
        let data = frame.payload().to_vec();
        frames.push(match frame.message() {
            Message::Event(name) => Framed::Event { name: name.to_owned(), data },
            Message::Exception(name) => Framed::Exception { name: name.to_owned(), data },
            Message::Error { code, message } => {
                let data = serde_json::json!({ "message": message }).to_string().into_bytes();
                Framed::Exception { name: code.to_owned(), data }
            }
            Message::Unknown => Framed::Life,
        });
    }
    (frames, decoder.end().is_ok())
}

/// Amazon's frames of the same names and data as server-sent events; a name with `!` before it is an exception's. `None` where there is none.
pub(super) fn amazons(events: &[u8]) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    for framed in of_events(events).0 {
        if let Framed::Event { name, data } = framed {
            let (kind, type_header, name) = match name.strip_prefix('!') {
                Some(name) => ("exception", ":exception-type", name),
                None => ("event", ":event-type", &*name),
            };
            let headers: Vec<u8> =
                [(":message-type", kind), (type_header, name)].into_iter().flat_map(header).collect();
            seal(&headers, &data, &mut made);
        }
    }
    (!made.is_empty()).then_some(made)
}

fn header((name, value): (&str, &str)) -> Vec<u8> {
    let value = &value.as_bytes()[..value.len().min(255)];
    let length = u8::try_from(value.len()).unwrap_or_default();
    let name_length = u8::try_from(name.len()).unwrap_or_default();
    [&[name_length], name.as_bytes(), &[7, 0, length], value].concat()
}

/// A frame with the right lengths and checksums.
pub(super) fn seal(headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = [length(16 + headers.len() + payload.len()), length(headers.len())].concat();
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    out.extend_from_slice(&frame);
}
