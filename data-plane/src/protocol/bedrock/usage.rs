//! What an answer cost, in Amazon's words: the input there leaves out what a cache had part in.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html, read in autumn 2026.

use serde::{Deserialize, Serialize};

use crate::exchange::usage::Usage;

/// `usage`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TokenUsage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_input_tokens: Option<u64>,
}

/// `metrics`. Nothing is measured here that a caller could not measure better.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics {
    latency_ms: u64,
}

impl TokenUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.uncached_input(),
            output_tokens: usage.output.unwrap_or(0),
            total_tokens: usage.total(),
            cache_read_input_tokens: usage.cache_read,
            cache_write_input_tokens: usage.cache_write,
        }
    }

    pub(super) fn read(self) -> Usage {
        let cached =
            self.cache_read_input_tokens.unwrap_or(0).saturating_add(self.cache_write_input_tokens.unwrap_or(0));
        Usage {
            input: Some(self.input_tokens.saturating_add(cached)),
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_write_input_tokens,
            output: Some(self.output_tokens),
            reasoning: None,
        }
    }
}
