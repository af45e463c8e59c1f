//! Reads and writes whole answers.
//!
//! Source: platform.openai.com/docs/api-reference/chat/object, read in autumn 2026.

mod plain;
mod read;
mod write;

pub(in crate::protocol) use plain::is_plain;
pub(super) use read::{call_id, read};
pub(super) use write::{Annotation, WrittenImage, characters, write};

#[cfg(test)]
mod tests;
