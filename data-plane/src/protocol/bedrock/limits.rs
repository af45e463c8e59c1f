//! What the format can't say, and what it calls what it can.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said. A choice of no tool can: by not sending them. Nor is there a field for any JSON object: the system's text asks for it.
pub(super) const CANNOT: &[(Feature, Loss)] = &[
    (Feature::PresencePenalty, Loss::Warned),
    (Feature::FrequencyPenalty, Loss::Warned),
    (Feature::Seed, Loss::Warned),
    (Feature::Choices, Loss::Refused),
    (Feature::NoParallelToolCalls, Loss::Warned),
    (Feature::ImageUrl, Loss::Refused),
    (Feature::UploadedFile, Loss::Refused),
    (Feature::ImageDetail, Loss::Warned),
    (Feature::DocumentUrl, Loss::Refused),
    (Feature::User, Loss::Warned),
];

/// A feature's field.
pub(super) fn field(feature: Feature) -> Option<&'static str> {
    match feature {
        Feature::Temperature => Some("inferenceConfig.temperature"),
        Feature::TopP => Some("inferenceConfig.topP"),
        Feature::TopK => Some("additionalModelRequestFields.top_k"),
        Feature::PresencePenalty => Some("additionalModelRequestFields.presence_penalty"),
        Feature::FrequencyPenalty => Some("additionalModelRequestFields.frequency_penalty"),
        Feature::Seed => Some("additionalModelRequestFields.seed"),
        Feature::MaxTokens => Some("inferenceConfig.maxTokens"),
        Feature::Stop => Some("inferenceConfig.stopSequences"),
        Feature::SchemaAnswer => Some("outputConfig.textFormat"),
        Feature::Tools => Some("toolConfig.tools"),
        Feature::StrictTools => Some("toolConfig.tools[].toolSpec.strict"),
        Feature::ToolChoiceRequired => Some("toolConfig.toolChoice.any"),
        Feature::ToolChoiceNamed => Some("toolConfig.toolChoice.tool"),
        Feature::FailedTool => Some("messages[].content[].toolResult.status"),
        Feature::ToolImage => Some("messages[].content[].toolResult.content[].image"),
        Feature::ImageInline => Some("messages[].content[].image"),
        Feature::Audio => Some("messages[].content[].audio"),
        Feature::DocumentInline => Some("messages[].content[].document.source.bytes"),
        Feature::DocumentText => Some("messages[].content[].document.source.text"),
        Feature::Citations => Some("messages[].content[].document.citations"),
        Feature::Reasoning | Feature::NoReasoning => Some("additionalModelRequestFields.thinking"),
        Feature::CacheHint => Some("cachePoint"),
        Feature::LateSystem => Some("messages[].role"),
        Feature::Choices
        | Feature::JsonAnswer
        | Feature::ToolChoiceNever
        | Feature::NoParallelToolCalls
        | Feature::ImageUrl
        | Feature::UploadedFile
        | Feature::ImageDetail
        | Feature::DocumentUrl
        | Feature::User => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said_has_a_field_or_another_way() {
        // Asked for in words, and by sending no tools.
        let otherwise = [Feature::JsonAnswer, Feature::ToolChoiceNever];
        for feature in Feature::ALL {
            let is_lost = CANNOT.iter().any(|(lost, _)| *lost == feature);
            assert!(is_lost || field(feature).is_some() || otherwise.contains(&feature), "{feature:?}");
        }
    }
}
