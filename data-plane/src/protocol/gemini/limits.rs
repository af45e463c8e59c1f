//! What the format can't say, and what it calls what it can.

use crate::exchange::feature::Feature;
use crate::exchange::request::Loss;

/// What can't be said.
pub(super) const CANNOT: &[(Feature, Loss)] = &[
    // A schema is followed closely, but nothing promises that it is matched.
    (Feature::StrictTools, Loss::Warned),
    (Feature::NoParallelToolCalls, Loss::Warned),
    (Feature::ImageDetail, Loss::Warned),
    (Feature::Citations, Loss::Warned),
    // It reads what was uploaded to Google, and fetches from nowhere else.
    (Feature::ImageUrl, Loss::Refused),
    (Feature::DocumentUrl, Loss::Refused),
    // It keeps what repeats without being told.
    (Feature::CacheHint, Loss::Silent),
    (Feature::User, Loss::Warned),
];

/// A feature's field.
pub(super) fn field(feature: Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::Temperature => "generationConfig.temperature",
        Feature::TopP => "generationConfig.topP",
        Feature::TopK => "generationConfig.topK",
        Feature::PresencePenalty => "generationConfig.presencePenalty",
        Feature::FrequencyPenalty => "generationConfig.frequencyPenalty",
        Feature::Seed => "generationConfig.seed",
        Feature::MaxTokens => "generationConfig.maxOutputTokens",
        Feature::Stop => "generationConfig.stopSequences",
        Feature::Choices => "generationConfig.candidateCount",
        Feature::JsonAnswer => "generationConfig.responseMimeType",
        Feature::SchemaAnswer => "generationConfig.responseSchema",
        Feature::Tools => "tools",
        Feature::ToolChoiceRequired | Feature::ToolChoiceNamed | Feature::ToolChoiceNever => {
            "toolConfig.functionCallingConfig"
        }
        Feature::FailedTool => "contents[].parts[].functionResponse.response",
        Feature::ToolImage => "contents[].parts[].functionResponse.parts",
        Feature::ImageInline | Feature::Audio | Feature::DocumentInline => "contents[].parts[].inlineData",
        Feature::ImageUrl | Feature::DocumentUrl | Feature::UploadedFile => "contents[].parts[].fileData",
        Feature::Reasoning | Feature::NoReasoning => "generationConfig.thinkingConfig",
        Feature::StrictTools
        | Feature::NoParallelToolCalls
        | Feature::ImageDetail
        | Feature::DocumentText
        | Feature::Citations
        | Feature::CacheHint
        | Feature::LateSystem
        | Feature::User => return None,
    })
}
