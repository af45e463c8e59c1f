//! Streams.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, read in autumn 2026. `messageStop` proves that the
//! answer is whole, `metadata` with the usage follows it. Blocks come one after the other; `contentBlockStart` stands before tools' alone.

mod reader;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

#[cfg(test)]
mod tests;
