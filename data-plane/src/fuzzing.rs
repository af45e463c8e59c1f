//! What a fuzzer calls: everything that reads bytes of callers and upstreams. Built for tests, which run every seed and changes of them, and
//! with `--cfg fuzzing`, by `fuzz/run`.
//!
//! ```text
//! conversation  a dialect's three readers, each before every writer
//! stream        streams, split in any way, in their own format and in every other
//! asked         what a request says, so that two of them can be compared
//! told          the same of an answer
//! framed        streams in their framing, taken apart and made
//! other         whatever is no conversation
//! ```
//!
//! No bytes may crash, hang, or make something that its own reader refuses or reads otherwise.

mod asked;
mod conversation;
mod framed;
mod other;
mod stream;
mod told;

pub use self::other::{embeddings, errors, event_stream, form, json, rankings, routes, sse};

use crate::protocol::{Dialect, Reply};

const ID: &str = "0123456789abcdef0123456789abcdef";
const REPLY: Reply<'_> = Reply { id: ID, created: 1, model: "m", wants_usage: true, knows_one_call: false };

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

/// Bedrock's Converse. Server-sent events become frames first: no fuzzer finds a checksum.
pub fn bedrock(bytes: &[u8]) {
    dialect(Dialect::Bedrock, bytes);
    if let Some(frames) = framed::amazons(bytes) {
        stream::every(Dialect::Bedrock, &frames);
    }
}

/// Cohere's chat.
pub fn cohere(bytes: &[u8]) {
    dialect(Dialect::Cohere, bytes);
}

fn dialect(from: Dialect, bytes: &[u8]) {
    conversation::request(from, bytes);
    conversation::answer(from, bytes);
    stream::every(from, bytes);
}

/// A number from 0 to before `below` that is always the same for the same bytes: the bytes themselves stay what a seed is.
fn choice(bytes: &[u8], below: usize) -> usize {
    usize::try_from(crc32fast::hash(bytes)).unwrap_or_default() % below
}

#[cfg(test)]
mod tests;
