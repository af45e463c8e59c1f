//! Claude, at Anthropic and in Bedrock's Converse, and Bedrock's other models. A name may have a region, a publisher or an ARN before it.
//!
//! Sources: platform.claude.com/docs (build-with-claude/effort, adaptive-thinking, structured-outputs; the pages and migration guides of the
//! models); docs.aws.amazon.com/bedrock (userguide/structured-output, claude-messages-adaptive-thinking; APIReference/API_runtime_Converse and
//! API_runtime_ToolChoice) and /nova (userguide/tool-choice); read in autumn 2026. Opus 4.7 and what came later refuse every sampling field. Bedrock refuses a schema for Opus 4.7.
//! A Claude that is not known yet is told to think as the newest are.

use super::{Effort, EmbeddingModel, ForcedTools, ModelRule, ReasoningForm, SILENT, SchemaForm, Thinking, TopP};

/// From 4.7 on.
const NEWEST: &[&str] = &[
    "*claude-4.7-opus*",
    "*claude-fable-5*",
    "*claude-haiku-5*",
    "*claude-mythos-5*",
    "*claude-opus-4-7*",
    "*claude-opus-4-8*",
    "*claude-opus-4.7*",
    "*claude-opus-4.8*",
    "*claude-opus-5*",
    "*claude-sonnet-5*",
];

/// They refuse to be told not to think.
const ALWAYS_THINKING: &[&str] = &[
    "*claude-fable-5*",
    "*claude-mythos-5*",
    "*claude-opus-5-5*",
    "*claude-opus-5.5*",
    "*claude-sonnet-5-5*",
    "*claude-sonnet-5.5*",
];

/// They refuse to be made to call a tool.
const UNFORCED: &[&str] = &[
    "*claude-fable-5-1*",
    "*claude-fable-5.1*",
    "*claude-mythos-5-1*",
    "*claude-mythos-5.1*",
    "*claude-opus-5-5*",
    "*claude-opus-5.5*",
    "*claude-sonnet-5-5*",
    "*claude-sonnet-5.5*",
];

/// They refuse a temperature and `top_p` together.
const ONE_OF_TEMPERATURE_AND_TOP_P: &[&str] = &[
    "*claude-4.6-*",
    "*claude-haiku-4-5*",
    "*claude-haiku-4.5*",
    "*claude-opus-4-1*",
    "*claude-opus-4-5*",
    "*claude-opus-4-6*",
    "*claude-opus-4.1*",
    "*claude-opus-4.5*",
    "*claude-opus-4.6*",
    "*claude-sonnet-4-5*",
    "*claude-sonnet-4-6*",
    "*claude-sonnet-4.5*",
    "*claude-sonnet-4.6*",
];

const OPUS_4_6: &[&str] = &["*claude-4.6-opus*", "*claude-opus-4-6*", "*claude-opus-4.6*"];

const SONNET_4_6: &[&str] = &["*claude-4.6-sonnet*", "*claude-sonnet-4-6*", "*claude-sonnet-4.6*"];

const GENERATION_4_5: &[&str] = &[
    "*claude-haiku-4-5*",
    "*claude-haiku-4.5*",
    "*claude-opus-4-5*",
    "*claude-opus-4.5*",
    "*claude-sonnet-4-5*",
    "*claude-sonnet-4.5*",
];

/// The first that could be told to think. A date may follow the 4.
const FIRST_TO_THINK: &[&str] = &[
    "*claude-3-7*",
    "*claude-3.7*",
    "*claude-opus-4",
    "*claude-opus-4-0*",
    "*claude-opus-4-1*",
    "*claude-opus-4-2*",
    "*claude-opus-4.1*",
    "*claude-opus-4@*",
    "*claude-sonnet-4",
    "*claude-sonnet-4-0*",
    "*claude-sonnet-4-2*",
    "*claude-sonnet-4@*",
];

/// Those of them that write less than the others.
const OPUS_4: &[&str] = &[
    "*claude-opus-4",
    "*claude-opus-4-0*",
    "*claude-opus-4-1*",
    "*claude-opus-4-2*",
    "*claude-opus-4.1*",
    "*claude-opus-4@*",
];

/// Those that write as much as the generation after them.
const SONNET_3_7_AND_4: &[&str] = &[
    "*claude-3-7*",
    "*claude-3.7*",
    "*claude-sonnet-4",
    "*claude-sonnet-4-0*",
    "*claude-sonnet-4-2*",
    "*claude-sonnet-4@*",
];

const GENERATION_3_5: &[&str] = &["*claude-3-5*", "*claude-3.5*"];

const OLDEST: &[&str] = &["*claude-2*", "*claude-3-*", "*claude-instant*"];

const EVERY: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];

const WITHOUT_XHIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];

/// At Anthropic, which demands a limit of tokens: what the model can write at the most, where one beyond the context is no error.
pub(super) const ANTHROPIC: &[ModelRule] = &[
    ModelRule { models: ALWAYS_THINKING, thinking: Some(Thinking::Always), ..SILENT },
    ModelRule { models: UNFORCED, forced_tools: Some(ForcedTools::None), ..SILENT },
    ModelRule { models: OPUS_4, most_tokens: Some(32_000), ..SILENT },
    ModelRule { models: SONNET_3_7_AND_4, most_tokens: Some(64_000), ..SILENT },
    ModelRule { models: ONE_OF_TEMPERATURE_AND_TOP_P, top_p: Some(TopP::Alone), ..SILENT },
    ModelRule {
        models: NEWEST,
        dropped: Some(&["temperature", "top_p", "top_k"]),
        max_tokens: Some(128_000),
        most_tokens: Some(128_000),
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(EVERY),
        ..SILENT
    },
    ModelRule {
        models: OPUS_4_6,
        max_tokens: Some(128_000),
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(WITHOUT_XHIGH),
        ..SILENT
    },
    ModelRule {
        models: SONNET_4_6,
        max_tokens: Some(64_000),
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(WITHOUT_XHIGH),
        ..SILENT
    },
    ModelRule {
        models: GENERATION_4_5,
        max_tokens: Some(64_000),
        most_tokens: Some(64_000),
        reasoning: Some(ReasoningForm::Budget),
        ..SILENT
    },
    ModelRule {
        models: FIRST_TO_THINK,
        max_tokens: Some(32_000),
        reasoning: Some(ReasoningForm::Budget),
        schema: Some(SchemaForm::Tool),
        ..SILENT
    },
    ModelRule {
        models: GENERATION_3_5,
        max_tokens: Some(8192),
        most_tokens: Some(8192),
        reasoning: Some(ReasoningForm::None),
        schema: Some(SchemaForm::Tool),
        ..SILENT
    },
    ModelRule {
        models: OLDEST,
        max_tokens: Some(4096),
        most_tokens: Some(4096),
        reasoning: Some(ReasoningForm::None),
        schema: Some(SchemaForm::Tool),
        ..SILENT
    },
    ModelRule { models: &["*"], max_temperature: Some(1), ..SILENT },
];

/// In Bedrock's Converse.
pub(super) const BEDROCK: &[ModelRule] = &[
    ModelRule { models: ALWAYS_THINKING, thinking: Some(Thinking::Always), ..SILENT },
    ModelRule { models: UNFORCED, forced_tools: Some(ForcedTools::None), ..SILENT },
    ModelRule { models: OPUS_4, most_tokens: Some(32_000), ..SILENT },
    ModelRule { models: SONNET_3_7_AND_4, most_tokens: Some(64_000), ..SILENT },
    ModelRule { models: ONE_OF_TEMPERATURE_AND_TOP_P, top_p: Some(TopP::Alone), ..SILENT },
    ModelRule { models: &["*cohere.embed*"], embedding: Some(EmbeddingModel::Cohere), ..SILENT },
    ModelRule { models: &["*claude-opus-4-7*"], schema: Some(SchemaForm::Tool), ..SILENT },
    ModelRule {
        models: NEWEST,
        dropped: Some(&[
            "inferenceConfig.temperature",
            "inferenceConfig.topP",
            "additionalModelRequestFields.temperature",
            "additionalModelRequestFields.top_p",
            "additionalModelRequestFields.top_k",
        ]),
        most_tokens: Some(128_000),
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(EVERY),
        ..SILENT
    },
    ModelRule { models: OPUS_4_6, reasoning: Some(ReasoningForm::Effort), efforts: Some(WITHOUT_XHIGH), ..SILENT },
    ModelRule { models: SONNET_4_6, reasoning: Some(ReasoningForm::Effort), efforts: Some(WITHOUT_XHIGH), ..SILENT },
    ModelRule { models: GENERATION_4_5, most_tokens: Some(64_000), reasoning: Some(ReasoningForm::Budget), ..SILENT },
    ModelRule {
        models: FIRST_TO_THINK,
        reasoning: Some(ReasoningForm::Budget),
        schema: Some(SchemaForm::Tool),
        ..SILENT
    },
    ModelRule {
        models: GENERATION_3_5,
        most_tokens: Some(8192),
        reasoning: Some(ReasoningForm::None),
        schema: Some(SchemaForm::Tool),
        ..SILENT
    },
    ModelRule {
        models: OLDEST,
        most_tokens: Some(4096),
        reasoning: Some(ReasoningForm::None),
        schema: Some(SchemaForm::Tool),
        ..SILENT
    },
    // Of a Claude that is not known yet, what the newest do.
    ModelRule {
        models: &["*claude*"],
        dropped: Some(&[]),
        reasoning: Some(ReasoningForm::Effort),
        schema: Some(SchemaForm::Native),
        ..SILENT
    },
    ModelRule { models: &["*mistral.*"], dropped: Some(&[]), ..SILENT },
    ModelRule { models: &["*mistral-large*"], forced_tools: Some(ForcedTools::Any), ..SILENT },
    ModelRule {
        models: &["*ai21.jamba*", "*cohere.command*", "*meta.llama*"],
        forced_tools: Some(ForcedTools::None),
        ..SILENT
    },
    // The other vendors have keys of their own for thinking and for `top_k`, and few of their models are held to a schema.
    ModelRule {
        models: &["*"],
        dropped: Some(&["additionalModelRequestFields.top_k"]),
        reasoning: Some(ReasoningForm::None),
        schema: Some(SchemaForm::Tool),
        max_temperature: Some(1),
        ..SILENT
    },
];
