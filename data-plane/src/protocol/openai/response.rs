//! Reads and writes whole answers.
//!
//! Source: platform.openai.com/docs/api-reference/chat/object, read in autumn 2026.

mod read;
mod write;

pub(super) use read::{call_id, read};
pub(super) use write::{Annotation, WrittenImage, characters, write};

#[cfg(test)]
mod tests;
