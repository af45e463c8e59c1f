//! What the format can't say, and what it calls what it can.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said. An image that a tool gave can: in a message of the user's.
pub(super) const CANNOT: &[(Feature, Loss)] = &[
    (Feature::Choices, Loss::Refused),
    (Feature::NoParallelToolCalls, Loss::Warned),
    (Feature::FailedTool, Loss::Warned),
    (Feature::UploadedFile, Loss::Refused),
    (Feature::Audio, Loss::Refused),
    (Feature::DocumentInline, Loss::Refused),
    (Feature::DocumentUrl, Loss::Refused),
    (Feature::CacheHint, Loss::Warned),
    (Feature::User, Loss::Warned),
];

/// A feature's field.
pub(super) fn field(feature: Feature) -> Option<&'static str> {
    match feature {
        Feature::Temperature => Some("temperature"),
        Feature::TopP => Some("p"),
        Feature::TopK => Some("k"),
        Feature::PresencePenalty => Some("presence_penalty"),
        Feature::FrequencyPenalty => Some("frequency_penalty"),
        Feature::Seed => Some("seed"),
        Feature::MaxTokens => Some("max_tokens"),
        Feature::Stop => Some("stop_sequences"),
        Feature::JsonAnswer => Some("response_format"),
        Feature::SchemaAnswer => Some("response_format.json_schema"),
        Feature::Tools => Some("tools"),
        Feature::StrictTools => Some("strict_tools"),
        Feature::ToolChoiceRequired | Feature::ToolChoiceNever => Some("tool_choice"),
        Feature::ImageInline | Feature::ImageUrl => Some("messages[].content[].image_url"),
        Feature::ImageDetail => Some("messages[].content[].image_url.detail"),
        Feature::DocumentText | Feature::Citations => Some("documents"),
        Feature::Reasoning | Feature::NoReasoning => Some("thinking"),
        Feature::LateSystem => Some("messages[].role"),
        Feature::Choices
        | Feature::ToolChoiceNamed
        | Feature::NoParallelToolCalls
        | Feature::FailedTool
        | Feature::ToolImage
        | Feature::UploadedFile
        | Feature::Audio
        | Feature::DocumentInline
        | Feature::DocumentUrl
        | Feature::CacheHint
        | Feature::User => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_said_has_a_field_or_another_way() {
        // By sending that tool alone, and in the user's next message.
        let otherwise = [Feature::ToolChoiceNamed, Feature::ToolImage];
        for feature in Feature::ALL {
            let is_lost = CANNOT.iter().any(|(lost, _)| *lost == feature);
            assert!(is_lost || field(feature).is_some() || otherwise.contains(&feature), "{feature:?}");
        }
    }
}
