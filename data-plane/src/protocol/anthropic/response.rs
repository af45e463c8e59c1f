//! Reads and writes whole answers.
//!
//! Source: docs.anthropic.com/en/api/messages, read in autumn 2026.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub(super) use self::read::read;
pub(super) use self::write::write;
