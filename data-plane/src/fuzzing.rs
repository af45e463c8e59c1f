//! What a fuzzer calls: everything that reads bytes of callers and upstreams. Built with `--cfg fuzzing` only, by `fuzz/run`.
//!
//! No bytes may crash, hang, or make something that its own reader refuses.

use bytes::Bytes;

use crate::exchange::request::Request;
use crate::protocol::embedding::EmbeddingForm;
use crate::protocol::translate::{Between, Translation, whole};
use crate::protocol::watch::Ending;
use crate::protocol::{Dialect, Reply, Target, embedding, form as forms, limits};
use crate::upstream::event_stream;
use crate::upstream::sse::{Decoder, Item};

const ID: &str = "0123456789abcdef0123456789abcdef";
const REPLY: Reply<'_> = Reply { id: ID, created: 1, model: "m", wants_usage: true };

/// Server-sent events: split in two ways, the events are the same.
pub fn sse(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else { return };
    assert_eq!(events(bytes, usize::from(*step) + 1), events(bytes, bytes.len().max(1)));
}

/// What a decoder gives for bytes in pieces of a size; the last is what it says of their end.
fn events(bytes: &[u8], size: usize) -> Vec<String> {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(Item::Event { name, data })) => events.push(format!("{name}: {data}")),
                Ok(Some(Item::Life)) => {}
                Ok(None) => break,
                Err(error) => {
                    events.push(error.to_string());
                    return events;
                }
            }
        }
    }
    events.push(format!("{:?}", decoder.end()));
    events
}

/// Amazon's frames.
pub fn event_stream(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let mut decoder = event_stream::Decoder::default();
    for piece in bytes.chunks(usize::from(*step) + 1) {
        decoder.push(piece);
        while let Ok(Some(frame)) = decoder.next_frame() {
            let _ = frame.message();
        }
    }
    let _ = decoder.end();
}

/// Forms with files.
pub fn form(bytes: &[u8]) {
    let _ = forms::each(bytes, b"b", |_, at| assert!(at.end <= bytes.len()));
    let _ = forms::boundary(bytes);
}

/// The scanner of requests: what it takes, another parser takes.
pub fn json(bytes: &[u8]) {
    let read = crate::json::members(bytes, |_, at| {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&bytes[at]).is_ok());
        Ok::<_, crate::json::JsonError>(())
    });
    if read.is_ok() {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok());
    }
}

/// Embeddings of every form.
pub fn embeddings(bytes: &[u8]) {
    use EmbeddingForm as Form;
    let forms =
        [Form::OpenAi, Form::GeminiOne, Form::GeminiMany, Form::Vertex, Form::Cohere, Form::BedrockCohere, Form::Titan];
    for from in forms {
        if let Ok(request) = from.read_request(bytes) {
            for to in forms {
                for body in to.write_requests(&request, "m") {
                    assert!(to.read_request(&body).is_ok());
                }
            }
        }
        if let Ok(read) = from.read_responses(&[bytes], 1) {
            let encoding = crate::exchange::embedding::Encoding::Base64;
            let _ = Form::OpenAi.write_response(&read, embedding::EmbeddingReply { model: "m", id: ID, encoding });
        }
    }
}

/// OpenAI's chat completions.
pub fn chat(bytes: &[u8]) {
    dialect(Dialect::Chat, bytes);
}

/// OpenAI's responses.
pub fn responses(bytes: &[u8]) {
    dialect(Dialect::Responses, bytes);
}

/// Anthropic's messages.
pub fn anthropic(bytes: &[u8]) {
    dialect(Dialect::Anthropic, bytes);
}

/// Gemini's generateContent.
pub fn gemini(bytes: &[u8]) {
    dialect(Dialect::Gemini, bytes);
}

/// Bedrock's Converse.
pub fn bedrock(bytes: &[u8]) {
    dialect(Dialect::Bedrock, bytes);
}

/// Cohere's chat.
pub fn cohere(bytes: &[u8]) {
    dialect(Dialect::Cohere, bytes);
}

/// A dialect's three readers, each before every writer.
fn dialect(from: Dialect, bytes: &[u8]) {
    if crate::json::members(bytes, |_, _| Ok::<_, crate::json::JsonError>(())).is_ok()
        && let Ok(mut request) = from.protocol().read_request(bytes)
    {
        request.name_results();
        Dialect::ALL.into_iter().for_each(|to| written(&request, from, to));
    }
    for caller in Dialect::ALL {
        let between = Between { upstream: from, caller, answers_by_tool: bytes.len() % 2 == 0, reply: REPLY };
        let _ = whole::whole(&between, bytes);
        let _ = whole::streamed(&between, bytes);
        streamed(&between, bytes);
    }
}

/// What is written of a request is JSON that its own reader takes.
fn written(request: &Request<'_>, from: Dialect, to: Dialect) {
    let manner = &crate::exchange::manner::UNKNOWN;
    let target = Target { model: "m", delivery: shared::adapter::Delivery::Stream, manner };
    if limits::check(request, from, to).is_ok()
        && let Ok(outgoing) = to.protocol().write_request(request, &target)
    {
        let read = to.protocol().read_request(&outgoing.body);
        assert!(read.is_ok(), "{from:?} to {to:?}: {read:?}\n{}", String::from_utf8_lossy(&outgoing.body));
    }
}

/// A stream that ends badly has its error last; one that ends well has none.
fn streamed(between: &Between<'_>, bytes: &[u8]) {
    let mut translation = Translation::new(between);
    for piece in bytes.chunks(usize::from(bytes.first().copied().unwrap_or(1)).max(1)) {
        let _: Bytes = translation.feed(piece);
    }
    let (_, ending) = translation.end();
    assert!(ending == Ending::Cut || translation.error().is_none());
}
