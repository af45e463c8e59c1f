//! What the format can't say, and what it calls what it can.
//!
//! Source: platform.openai.com/docs/api-reference/responses/create, read in autumn 2026. It has no field that ends an answer at a text, none for
//! several alternatives, and of the ways to choose a token only temperature and top_p.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said.
pub(super) const CANNOT: &[(Feature, Loss)] = &[
    (Feature::TopK, Loss::Warned),
    (Feature::PresencePenalty, Loss::Warned),
    (Feature::FrequencyPenalty, Loss::Warned),
    (Feature::Seed, Loss::Warned),
    (Feature::Stop, Loss::Refused),
    (Feature::Choices, Loss::Refused),
    // The result itself is sent: models mostly see from its text that something failed.
    (Feature::FailedTool, Loss::Warned),
    (Feature::Audio, Loss::Refused),
    (Feature::Citations, Loss::Warned),
    (Feature::CacheHint, Loss::Warned),
];

/// A feature's field.
pub(super) fn field(feature: Feature) -> Option<&'static str> {
    match feature {
        Feature::Temperature => Some("temperature"),
        Feature::TopP => Some("top_p"),
        Feature::MaxTokens => Some("max_output_tokens"),
        Feature::JsonAnswer | Feature::SchemaAnswer => Some("text.format"),
        Feature::Tools => Some("tools"),
        Feature::StrictTools => Some("tools[].strict"),
        Feature::ToolChoiceRequired | Feature::ToolChoiceNamed | Feature::ToolChoiceNever => Some("tool_choice"),
        Feature::NoParallelToolCalls => Some("parallel_tool_calls"),
        Feature::ToolImage => Some("input[].output[].image_url"),
        Feature::ImageInline | Feature::ImageUrl => Some("input[].content[].image_url"),
        Feature::UploadedFile => Some("input[].content[].file_id"),
        Feature::ImageDetail => Some("input[].content[].detail"),
        Feature::Audio => Some("input[].content[].input_audio"),
        Feature::DocumentInline => Some("input[].content[].file_data"),
        Feature::DocumentUrl => Some("input[].content[].file_url"),
        Feature::Reasoning | Feature::NoReasoning => Some("reasoning.effort"),
        Feature::CacheHint => Some("input[].content[].prompt_cache_breakpoint"),
        Feature::User => Some("user"),
        Feature::LateSystem => Some("input[].role"),
        Feature::TopK
        | Feature::PresencePenalty
        | Feature::FrequencyPenalty
        | Feature::Seed
        | Feature::Stop
        | Feature::Choices
        | Feature::FailedTool
        | Feature::DocumentText
        | Feature::Citations => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_asked_for_can_be_said_but_for_audio_and_cache_hints() {
        let both: Vec<_> =
            CANNOT.iter().map(|(feature, _)| *feature).filter(|feature| field(*feature).is_some()).collect();
        assert_eq!(both, [Feature::Audio, Feature::CacheHint]);
        let neither =
            |feature: &Feature| field(*feature).is_none() && !CANNOT.iter().any(|(cannot, _)| cannot == feature);
        let neither: Vec<_> = Feature::ALL.into_iter().filter(neither).collect();
        // A text that is a document is sent as text.
        assert_eq!(neither, [Feature::DocumentText]);
    }
}
