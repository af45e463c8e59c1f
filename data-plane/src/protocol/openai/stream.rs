//! Reads and writes streams.
//!
//! Source: platform.openai.com/docs/api-reference/chat-streaming, read in autumn 2026.

mod calls;
mod delta;
mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;

#[cfg(test)]
mod tests;
