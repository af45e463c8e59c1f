//! Reads and writes streams.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/streaming, read in autumn 2026.

mod reader;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use self::reader::Reader;
pub(super) use self::writer::Writer;
