//! What the format can't say, and what it calls what it can.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said.
pub(super) const CANNOT: &[(Feature, Loss)] = &[
    (Feature::TopK, Loss::Warned),
    // The result's text says that it failed, if the tool is any good.
    (Feature::FailedTool, Loss::Warned),
    // Another provider's file does not exist here.
    (Feature::UploadedFile, Loss::Refused),
    (Feature::DocumentUrl, Loss::Refused),
    // Callers who ask for citations read them: an answer without them is not what they asked for.
    (Feature::Citations, Loss::Refused),
    // Providers of this format cache on their own.
    (Feature::CacheHint, Loss::Warned),
];

/// A feature's field. `top_k` and `cache_control` are common among vendors.
pub(super) fn field(feature: Feature) -> Option<&'static str> {
    match feature {
        Feature::Temperature => Some("temperature"),
        Feature::TopP => Some("top_p"),
        Feature::TopK => Some("top_k"),
        Feature::PresencePenalty => Some("presence_penalty"),
        Feature::FrequencyPenalty => Some("frequency_penalty"),
        Feature::Seed => Some("seed"),
        Feature::MaxTokens => Some("max_completion_tokens"),
        Feature::Stop => Some("stop"),
        Feature::Choices => Some("n"),
        Feature::JsonAnswer | Feature::SchemaAnswer => Some("response_format"),
        Feature::Tools => Some("tools"),
        Feature::StrictTools => Some("tools[].function.strict"),
        Feature::ToolChoiceRequired | Feature::ToolChoiceNamed | Feature::ToolChoiceNever => Some("tool_choice"),
        Feature::NoParallelToolCalls => Some("parallel_tool_calls"),
        Feature::ToolImage | Feature::ImageInline | Feature::ImageUrl => Some("messages[].content[].image_url"),
        Feature::UploadedFile => Some("messages[].content[].file.file_id"),
        Feature::ImageDetail => Some("messages[].content[].image_url.detail"),
        Feature::Audio => Some("messages[].content[].input_audio"),
        Feature::DocumentInline | Feature::DocumentUrl => Some("messages[].content[].file.file_data"),
        Feature::Reasoning | Feature::NoReasoning => Some("reasoning_effort"),
        Feature::CacheHint => Some("cache_control"),
        Feature::User => Some("user"),
        Feature::LateSystem => Some("messages[].role"),
        Feature::FailedTool | Feature::DocumentText | Feature::Citations => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_callers_can_not_ask_for_has_no_field() {
        let without: Vec<_> = Feature::ALL.into_iter().filter(|feature| field(*feature).is_none()).collect();
        assert_eq!(without, [Feature::FailedTool, Feature::DocumentText, Feature::Citations]);
    }

    #[test]
    fn nothing_is_told_twice() {
        for (at, (feature, _)) in CANNOT.iter().enumerate() {
            assert!(CANNOT[..at].iter().all(|(other, _)| other != feature), "{feature:?}");
        }
    }
}
