//! Streams.
//!
//! Source: docs.cohere.com/v2/docs/streaming, …/tool-use-streaming and /reference/chat-stream, read in autumn 2026. `message-end` has the reason
//! and the usage, and is the end; `[DONE]` may follow it.

mod reader;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

#[cfg(test)]
mod tests;
