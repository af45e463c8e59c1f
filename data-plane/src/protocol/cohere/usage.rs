//! What an answer cost, in Cohere's words.
//!
//! Source: docs.cohere.com/reference/chat (`usage`), read in autumn 2026. `tokens` is what went through the model, `billed_units` what is
//! paid for; the cached ones are among the first. Counts are numbers that may be written with a fraction.

use serde::{Deserialize, Serialize};

use crate::exchange::usage::Usage;

/// `usage`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cost {
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_units: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<Count>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct Tokens {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<Count>,
}

/// A count that may be written with a fraction.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(from = "f64")]
struct Count(u64);

impl From<f64> for Count {
    fn from(number: f64) -> Self {
        // What is negative is 0, and no count comes near what a double can't hold.
        Self(number as u64)
    }
}

impl Cost {
    pub(super) fn of(usage: &Usage) -> Self {
        let tokens = Tokens { input_tokens: usage.input.map(Count), output_tokens: usage.output.map(Count) };
        Self { billed_units: Some(tokens), tokens: Some(tokens), cached_tokens: usage.cache_read.map(Count) }
    }

    pub(super) fn read(self) -> Usage {
        let count = |of: fn(Tokens) -> Option<Count>| {
            self.tokens.and_then(of).or(self.billed_units.and_then(of)).map(|Count(tokens)| tokens)
        };
        Usage {
            input: count(|tokens| tokens.input_tokens),
            cache_read: self.cached_tokens.map(|Count(tokens)| tokens),
            cache_write: None,
            output: count(|tokens| tokens.output_tokens),
            reasoning: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_tokens_count_and_else_those_that_are_paid_for() {
        let read = |json: &str| serde_json::from_str::<Cost>(json).unwrap().read();
        let both =
            r#"{"billed_units":{"input_tokens":1,"output_tokens":2},"tokens":{"input_tokens":10.0},"cached_tokens":4}"#;
        let expected = Usage { input: Some(10), output: Some(2), cache_read: Some(4), ..Usage::default() };
        assert_eq!(read(both), expected);
        assert_eq!(read("{}"), Usage::default());
    }
}
