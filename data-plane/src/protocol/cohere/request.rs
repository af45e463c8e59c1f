//! Requests: a caller's, and an upstream's.
//!
//! Source: docs.cohere.com/reference/chat, read in autumn 2026.

mod conversation;
mod messages;
mod read;
mod tools;
mod write;

pub(super) use read::read;
pub(super) use write::write;

#[cfg(test)]
mod tests;
