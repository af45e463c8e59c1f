//! Gemini's format: how an error looks, how a stream ends.

pub(super) mod error;
pub(super) mod stream;
