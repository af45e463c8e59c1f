//! The framing of an upstream's stream: server-sent events, or Amazon's frames.

use crate::protocol::{Dialect, Frame};
use crate::upstream::event_stream::{self, Message};
use crate::upstream::sse::{self, Item};

/// Makes frames of bytes.
#[derive(Debug)]
pub(super) enum Source {
    Events(sse::Decoder),
    Frames {
        decoder: event_stream::Decoder,
        /// The frame that was given last, which what is given borrows from.
        frame: Option<event_stream::Frame>,
        /// The same for an error's text, as the payload that exceptions have.
        text: Vec<u8>,
    },
}

/// What comes of bytes.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    Frame(Frame<'a>),
    /// A sign of life and nothing else.
    Life,
}

/// The bytes are no stream, or were cut within an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Damage;

impl Source {
    pub(super) fn of(upstream: Dialect) -> Self {
        match upstream {
            Dialect::Bedrock => {
                Self::Frames { decoder: event_stream::Decoder::default(), frame: None, text: Vec::new() }
            }
            Dialect::Chat | Dialect::Responses | Dialect::Anthropic | Dialect::Gemini | Dialect::Cohere => {
                Self::Events(sse::Decoder::default())
            }
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(decoder) => decoder.push(bytes),
            Self::Frames { decoder, .. } => decoder.push(bytes),
        }
    }

    /// The next frame; `None` until more bytes come.
    pub(super) fn next(&mut self) -> Result<Option<Taken<'_>>, Damage> {
        match self {
            Self::Events(decoder) => decoder.next().map(|item| item.map(taken)).map_err(|_| Damage),
            Self::Frames { decoder, frame, text } => {
                *frame = decoder.next_frame().map_err(|_| Damage)?;
                Ok(frame.as_ref().map(|frame| framed(frame, text)))
            }
        }
    }

    /// What is left at the end.
    pub(super) fn end(&mut self) -> Result<Option<Taken<'_>>, Damage> {
        match self {
            Self::Events(decoder) => decoder.end().map(|item| item.map(taken)).map_err(|_| Damage),
            Self::Frames { decoder, .. } => decoder.end().map(|()| None).map_err(|_| Damage),
        }
    }
}

fn taken(item: Item<'_>) -> Taken<'_> {
    match item {
        Item::Event { name, data } => Taken::Frame(Frame::Event { name, data: data.as_bytes() }),
        Item::Life => Taken::Life,
    }
}

fn framed<'a>(frame: &'a event_stream::Frame, text: &'a mut Vec<u8>) -> Taken<'a> {
    match frame.message() {
        Message::Event(name) => Taken::Frame(Frame::Event { name, data: frame.payload() }),
        Message::Exception(name) => Taken::Frame(Frame::Exception { name, data: frame.payload() }),
        Message::Error { code, message } => {
            *text = serde_json::json!({ "message": message }).to_string().into_bytes();
            Taken::Frame(Frame::Exception { name: code, data: text })
        }
        Message::Unknown => Taken::Life,
    }
}
