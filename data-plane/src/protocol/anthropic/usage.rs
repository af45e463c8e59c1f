//! What an answer cost, in Anthropic's words: its input leaves out what a cache had part in, the exchange form's does not.
//!
//! Source: docs.anthropic.com/en/api/messages, read in autumn 2026.

use serde::{Deserialize, Serialize};

use crate::exchange::usage::Usage;

/// `usage`, as it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
pub(super) struct Counts {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: u64,
}

impl Counts {
    /// What the exchange form says. Clients need the output's count, and get 0 where the upstream gave none.
    pub(super) fn of(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input.map(|_| usage.uncached_input()),
            cache_creation_input_tokens: usage.cache_write,
            cache_read_input_tokens: usage.cache_read,
            output_tokens: Some(usage.output.unwrap_or(0)),
            output_tokens_details: usage.reasoning.map(|thinking_tokens| OutputDetails { thinking_tokens }),
        }
    }

    /// The same with the input's count, which clients need in a message.
    pub(super) fn of_message(usage: &Usage) -> Self {
        Self { input_tokens: Some(usage.uncached_input()), ..Self::of(usage) }
    }

    /// Takes what is newer: events count on, and not all say everything.
    pub(super) fn update(&mut self, newer: Self) {
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = newer.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = newer.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
        self.output_tokens_details = newer.output_tokens_details.or(self.output_tokens_details);
    }

    pub(super) fn usage(self) -> Usage {
        let cached = |count: Option<u64>| count.unwrap_or(0);
        Usage {
            input: self.input_tokens.map(|uncached| {
                uncached
                    .saturating_add(cached(self.cache_read_input_tokens))
                    .saturating_add(cached(self.cache_creation_input_tokens))
            }),
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_creation_input_tokens,
            output: self.output_tokens,
            reasoning: self.output_tokens_details.map(|details| details.thinking_tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_includes_what_a_cache_had_part_in() {
        let counts: Counts = serde_json::from_str(
            r#"{"input_tokens": 5, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100,
                "cache_creation": {"ephemeral_5m_input_tokens": 10}, "output_tokens": 7, "service_tier": "standard",
                "output_tokens_details": {"thinking_tokens": 3}}"#,
        )
        .unwrap();
        let usage = Usage {
            input: Some(115),
            cache_read: Some(100),
            cache_write: Some(10),
            output: Some(7),
            reasoning: Some(3),
        };
        assert_eq!(counts.usage(), usage);
        assert_eq!(Counts::of(&usage), counts);
    }

    #[test]
    fn a_message_has_both_counts_that_clients_need() {
        let written = serde_json::to_string(&Counts::of_message(&Usage::default())).unwrap();
        assert_eq!(written, r#"{"input_tokens":0,"output_tokens":0}"#);
        assert_eq!(serde_json::to_string(&Counts::of(&Usage::default())).unwrap(), r#"{"output_tokens":0}"#);
    }
}
