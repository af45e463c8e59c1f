//! What an answer cost, in the words of chat completions.
//!
//! Source: platform.openai.com/docs/api-reference/chat/object and the vendors' own pages (DeepSeek, Groq, Moonshot, OpenRouter, xAI), read in
//! autumn 2026.

use serde::{Deserialize, Serialize};

use crate::exchange::json::Json;
use crate::exchange::usage::Usage;

/// What an upstream gives.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name for what a cache gave.
    prompt_cache_hit_tokens: Option<u64>,
    /// Moonshot's.
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl Given {
    /// Everything that was answered, reasoning included.
    fn output(&self, reasoning: Option<u64>) -> Option<u64> {
        let completion = self.completion_tokens?;
        let with_reasoning = completion.saturating_add(reasoning.unwrap_or(0));
        let prompt = self.prompt_tokens.unwrap_or(0);
        // xAI leaves reasoning out of the completion, which only the total tells.
        let is_apart = self.total_tokens == Some(prompt.saturating_add(with_reasoning));
        Some(if is_apart { with_reasoning } else { completion })
    }
}

/// Reads a `usage`. One that can't be read says nothing: it is no reason to lose an answer.
pub(super) fn read(json: &Json<'_>) -> Usage {
    let given: Given = serde_json::from_str(json.as_str()).unwrap_or_default();
    let reasoning = given.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens);
    let output = given.output(reasoning);
    let prompt = given.prompt_tokens_details.unwrap_or_default();
    Usage {
        input: given.prompt_tokens,
        cache_read: prompt.cached_tokens.or(given.prompt_cache_hit_tokens).or(given.cached_tokens),
        cache_write: prompt.cache_write_tokens,
        output,
        reasoning,
    }
}

/// A `usage` as OpenAI writes it.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<WrittenPrompt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<WrittenCompletion>,
}

#[derive(Debug, Serialize)]
struct WrittenPrompt {
    cached_tokens: u64,
    /// OpenAI has no such count; the name is OpenRouter's.
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Serialize)]
struct WrittenCompletion {
    reasoning_tokens: u64,
}

/// What is written of a usage; `None` where nothing is known, since zeros would be a lie.
pub(super) fn written(usage: &Usage) -> Option<Written> {
    let has_cache = usage.cache_read.is_some() || usage.cache_write.is_some();
    (!usage.is_empty()).then(|| Written {
        prompt_tokens: usage.input.unwrap_or(0),
        completion_tokens: usage.output.unwrap_or(0),
        total_tokens: usage.total(),
        prompt_tokens_details: has_cache.then(|| WrittenPrompt {
            cached_tokens: usage.cache_read.unwrap_or(0),
            cache_write_tokens: usage.cache_write,
        }),
        completion_tokens_details: usage.reasoning.map(|reasoning_tokens| WrittenCompletion { reasoning_tokens }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_in_every_vendors_words() {
        let usage =
            |input, cache_read, output, reasoning| Usage { input, cache_read, output, reasoning, cache_write: None };
        for (given, expected) in [
            (r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#, usage(Some(9), None, Some(3), None)),
            (
                r#"{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":2},"total_tokens":12}"#,
                usage(Some(9), Some(4), Some(3), Some(2)),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":14,"completion_tokens_details":{"reasoning_tokens":2}}"#,
                usage(Some(9), None, Some(5), Some(2)),
            ),
            (
                r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5,"completion_tokens":3,"prompt_tokens_details":null}"#,
                usage(Some(9), Some(4), Some(3), None),
            ),
            (
                r#"{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"completion_tokens_details":{"reasoning_tokens":1}}"#,
                usage(Some(u64::MAX), None, Some(u64::MAX), Some(1)),
            ),
            (r#""much""#, Usage::default()),
            ("{}", Usage::default()),
        ] {
            assert_eq!(read(&Json::parse(given).unwrap()), expected, "{given}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_written() {
        assert!(written(&Usage::default()).is_none());
        let usage = Usage { input: Some(5), output: Some(2), ..Usage::default() };
        let expected = r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"#;
        assert_eq!(serde_json::to_string(&written(&usage)).unwrap(), expected);
    }
}
