//! What the format can't say, and what it calls what it can.
//!
//! Source: docs.anthropic.com/en/api/messages, read in autumn 2026.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said. Any JSON object as an answer is asked for in the system prompt.
pub(super) const CANNOT: &[(Feature, Loss)] = &[
    (Feature::PresencePenalty, Loss::Warned),
    (Feature::FrequencyPenalty, Loss::Warned),
    (Feature::Seed, Loss::Warned),
    (Feature::Choices, Loss::Refused),
    (Feature::ImageDetail, Loss::Warned),
    (Feature::Audio, Loss::Refused),
];

/// A feature's field.
pub(super) fn field(feature: Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::Temperature => "temperature",
        Feature::TopP => "top_p",
        Feature::TopK => "top_k",
        Feature::MaxTokens => "max_tokens",
        Feature::Stop => "stop_sequences",
        Feature::SchemaAnswer => "output_config.format",
        Feature::Tools => "tools",
        Feature::StrictTools => "tools[].strict",
        Feature::ToolChoiceRequired | Feature::ToolChoiceNamed | Feature::ToolChoiceNever => "tool_choice",
        Feature::NoParallelToolCalls => "tool_choice.disable_parallel_tool_use",
        Feature::FailedTool => "messages[].content[].is_error",
        Feature::ToolImage => "messages[].content[].content",
        Feature::ImageInline
        | Feature::ImageUrl
        | Feature::DocumentInline
        | Feature::DocumentUrl
        | Feature::DocumentText => "messages[].content[].source",
        Feature::UploadedFile => "messages[].content[].source.file_id",
        Feature::Citations => "messages[].content[].citations",
        Feature::Reasoning | Feature::NoReasoning => "thinking",
        Feature::CacheHint => "cache_control",
        Feature::User => "metadata.user_id",
        Feature::LateSystem => "messages[].role",
        Feature::PresencePenalty
        | Feature::FrequencyPenalty
        | Feature::Seed
        | Feature::Choices
        | Feature::JsonAnswer
        | Feature::ImageDetail
        | Feature::Audio => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_said_has_no_field() {
        for (feature, _) in CANNOT {
            assert_eq!(field(*feature), None, "{feature:?}");
        }
    }
}
