//! Reads and writes whole answers.
//!
//! Source: platform.openai.com/docs/api-reference/responses/object and the types of OpenAI's Python library, read in autumn 2026.

mod plain;
mod read;
mod write;

pub(in crate::protocol) use plain::is_plain;
pub(super) use read::{Answer, Done, read};
pub(super) use write::{Ids, image_data, write};

#[cfg(test)]
mod tests;
