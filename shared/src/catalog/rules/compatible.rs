//! The vendors that are compatible with OpenAI, each with what it does otherwise, and Cohere.
//!
//! Sources, read in autumn 2026: api-docs.deepseek.com/guides/thinking_mode and its API reference; console.groq.com/docs/openai, /reasoning and
//! /responses-api; docs.mistral.ai/api (unknown fields are refused; `random_seed`; no `stream_options`: usage comes unasked); docs.ollama.com/api/
//! openai-compatibility; openrouter.ai/docs (reasoning tokens: `reasoning_details` come back as they were given; responses); docs.x.ai (reasoning, comparison with chat completions);
//! docs.fireworks.ai/guides/response-api; ai.google.dev/gemini-api/docs/openai and /thought-signatures (Gemini's compatible API wants the signature
//! of a call back in `extra_content`, whoever passes it on); inference-docs.cerebras.ai; docs.cohere.com/v2/docs/reasoning. A vendor with no word of responses in its
//! documents is taken to have chat alone, as everything can be written as chat; an admin who knows better says so in a provider's `config`.
//!
//! **What is not known to think is not told how much.** A caller's own `reasoning_effort` passes as it came; but clients of other formats ask for
//! thinking with every request, and a model that refuses the field would refuse them all. What was left out, a warning says.

use super::{AfterResults, CallIds, Effort, MaxTokensField, ModelRule, ReasoningForm, SILENT, Thinking};
use crate::adapter::OpenAiApi;

/// Thinks, wherever it runs, and takes these words.
const GPT_OSS: ModelRule = ModelRule {
    models: &["*gpt-oss*"],
    reasoning: Some(ReasoningForm::Effort),
    efforts: Some(&[Effort::Low, Effort::Medium, Effort::High]),
    thinking: Some(Thinking::Always),
    ..SILENT
};

pub(super) const CEREBRAS: &[ModelRule] = &[
    GPT_OSS,
    ModelRule {
        models: &["*"],
        max_tokens_field: Some(MaxTokensField::MaxCompletionTokens),
        openai_api: Some(OpenAiApi::Chat),
        ..SILENT
    },
];

/// Reasoning has to come back where tools were called, and is ignored elsewhere.
pub(super) const DEEPSEEK: &[ModelRule] = &[ModelRule {
    models: &["*"],
    renamed: Some(&[("max_completion_tokens", "max_tokens")]),
    reasoning: Some(ReasoningForm::Effort),
    efforts: Some(&[Effort::Low, Effort::High, Effort::Max]),
    thinking: Some(Thinking::Always),
    reasoning_field: Some("reasoning_content"),
    openai_api: Some(OpenAiApi::Both),
    ..SILENT
}];

pub(super) const GROQ: &[ModelRule] = &[
    GPT_OSS,
    ModelRule {
        models: &["*"],
        max_tokens_field: Some(MaxTokensField::MaxCompletionTokens),
        reasoning: Some(ReasoningForm::None),
        openai_api: Some(OpenAiApi::Both),
        ..SILENT
    },
];

pub(super) const MISTRAL: &[ModelRule] = &[ModelRule {
    models: &["*"],
    dropped: Some(&["safety_identifier", "stream_options", "user"]),
    renamed: Some(&[("max_completion_tokens", "max_tokens"), ("seed", "random_seed")]),
    reasoning: Some(ReasoningForm::None),
    // It is 1.5; of the whole numbers, this is the highest below.
    max_temperature: Some(1),
    call_ids: Some(CallIds::Nine),
    after_results: Some(AfterResults::Model),
    openai_api: Some(OpenAiApi::Chat),
    ..SILENT
}];

/// It ignores the other name, and so the limit.
pub(super) const OLLAMA: &[ModelRule] = &[
    GPT_OSS,
    ModelRule {
        models: &["*"],
        renamed: Some(&[("max_completion_tokens", "max_tokens")]),
        openai_api: Some(OpenAiApi::Both),
        ..SILENT
    },
];

/// It drops itself what a model refuses, and words efforts in each vendor's way.
pub(super) const OPENROUTER: &[ModelRule] = &[ModelRule {
    models: &["*"],
    reasoning: Some(ReasoningForm::Effort),
    efforts: Some(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh]),
    reasoning_field: Some("reasoning_details"),
    openai_api: Some(OpenAiApi::Both),
    ..SILENT
}];

/// Models that reason refuse penalties, and most of them an effort too.
pub(super) const XAI: &[ModelRule] = &[
    ModelRule { models: &["*non-reasoning*"], dropped: Some(&[]), reasoning: Some(ReasoningForm::None), ..SILENT },
    ModelRule {
        models: &["grok-3-mini*", "grok-4", "grok-4-*", "grok-4.*", "grok-code*"],
        dropped: Some(&["presence_penalty", "frequency_penalty"]),
        ..SILENT
    },
    ModelRule {
        models: &["grok-3-mini*"],
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(&[Effort::Low, Effort::High]),
        thinking: Some(Thinking::Always),
        ..SILENT
    },
    ModelRule {
        models: &["grok-4.3*", "grok-4.5*"],
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(&[Effort::Low, Effort::Medium, Effort::High]),
        thinking: Some(Thinking::Always),
        ..SILENT
    },
    ModelRule {
        models: &["grok-2*", "grok-3", "grok-3-*", "grok-4", "grok-4-*", "grok-4.1*", "grok-4.2*", "grok-code*"],
        reasoning: Some(ReasoningForm::None),
        ..SILENT
    },
    ModelRule { models: &["*"], openai_api: Some(OpenAiApi::Both), ..SILENT },
];

pub(super) const CHAT_ALONE: &[ModelRule] =
    &[ModelRule { models: &["*"], openai_api: Some(OpenAiApi::Chat), ..SILENT }];

/// Of the adapter, whoever is behind it: gateways and servers of one's own mostly have both ways, and all of them know the older name.
pub(super) const ANY: &[ModelRule] = &[
    ModelRule { models: &["*gemini-*"], reasoning_field: Some("extra_content"), ..SILENT },
    // "Unexpected role 'user' after role 'tool'": their templates say so, wherever they run.
    ModelRule {
        models: &["*devstral*", "*magistral*", "*ministral*", "*mistral*"],
        after_results: Some(AfterResults::Model),
        ..SILENT
    },
    ModelRule {
        models: &["*"],
        reasoning: Some(ReasoningForm::None),
        max_tokens_field: Some(MaxTokensField::MaxTokens),
        openai_api: Some(OpenAiApi::Both),
        ..SILENT
    },
];

/// It counts tokens of thinking, in the models that think, which say so in their names.
pub(super) const COHERE: &[ModelRule] = &[
    ModelRule { models: &["*reasoning*"], reasoning: Some(ReasoningForm::Budget), ..SILENT },
    ModelRule { models: &["*"], reasoning: Some(ReasoningForm::None), ..SILENT },
];
