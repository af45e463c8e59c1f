//! Requests: a caller's, and an upstream's.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read in autumn 2026.

mod additional;
mod blocks;
mod conversation;
mod options;
mod read;
mod tools;
mod write;

pub(super) use read::read;
pub(super) use write::write;

#[cfg(test)]
mod tests;
