//! Reads and writes requests.
//!
//! Source: platform.openai.com/docs/api-reference/chat/create, read in autumn 2026.

mod object;
mod read;
mod wire;
mod write;

pub(super) use read::read;
pub(super) use write::write;

#[cfg(test)]
mod tests;
