//! Bedrock Converse's format: how an error looks, how a stream ends, and what is an answer at all.

pub(super) mod error;
pub(super) mod stream;

use crate::json;

/// Whether a whole answer that came as a success is one: a wrong path is answered with 200 and an error document.
///
/// Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read in autumn 2026: an answer has an `output`.
pub(super) fn is_answer(body: &[u8]) -> bool {
    json::has_member(body, b"output")
}
