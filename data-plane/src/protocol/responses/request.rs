//! Reads and writes requests.
//!
//! Source: platform.openai.com/docs/api-reference/responses/create and the types of OpenAI's Python library, read in autumn 2026.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

#[cfg(test)]
mod tests;
