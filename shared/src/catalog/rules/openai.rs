//! OpenAI's models, at OpenAI and at Azure, where a deployment is known if it is named like its model.
//!
//! Sources: platform.openai.com/docs/guides/reasoning, its API reference and its pages of models; learn.microsoft.com/azure/ai-foundry/openai/
//! how-to/reasoning ("reasoning models will only work with `max_completion_tokens`", and without the sampling fields);
//! developers.openai.com/api/docs/guides/deployment-checklist; read in autumn 2026. GPT-5.1 to 5.4 take sampling fields as long as their effort is
//! `none`, which is their default: there they are not dropped. What came later thinks unasked, and would take them with `none` alone.
//!
//! "Function tools with reasoning_effort are not supported … in /v1/chat/completions" (`invalid_request_error`, github.com/openai/openai-openapi,
//! issue 541) is said of GPT-5.2 and whatever came later; 5.1 takes both.

use super::{ChatTools, Effort, MaxTokensField, ModelRule, ReasoningForm, SILENT, Sampling, Thinking};
use crate::adapter::OpenAiApi;

/// At OpenAI alone.
pub(super) const OPENAI: &[ModelRule] =
    &[ModelRule { models: &["*"], max_tokens_field: Some(MaxTokensField::MaxCompletionTokens), ..SILENT }];

/// At Azure alone. Its older API versions know the new name for models that reason only.
pub(super) const AZURE: &[ModelRule] = &[
    ModelRule { models: &["gpt-3*", "gpt-4*"], max_tokens_field: Some(MaxTokensField::MaxTokens), ..SILENT },
    ModelRule { models: &["*"], max_tokens_field: Some(MaxTokensField::MaxCompletionTokens), ..SILENT },
];

/// At both.
pub(super) const BOTH: &[ModelRule] = &[
    ModelRule {
        models: &[
            "codex-mini*",
            "computer-use-preview*",
            "gpt-5*-codex*",
            "gpt-5*-pro*",
            "o1-pro*",
            "o3-deep-research*",
            "o3-pro*",
            "o4-mini-deep-research*",
        ],
        openai_api: Some(OpenAiApi::Responses),
        ..SILENT
    },
    ModelRule { models: &["*"], openai_api: Some(OpenAiApi::Both), max_stops: Some(4), ..SILENT },
    // It does not reason, whatever its family does.
    ModelRule {
        models: &["gpt-5-chat*"],
        dropped: Some(&[]),
        renamed: Some(&[]),
        reasoning: Some(ReasoningForm::None),
        ..SILENT
    },
    // They take one effort, which is what they do unasked.
    ModelRule { models: &["gpt-5.*-chat*"], reasoning: Some(ReasoningForm::None), ..SILENT },
    ModelRule {
        models: &["gpt-5.2*", "gpt-5.3*", "gpt-5.4*", "gpt-5.5*", "gpt-5.6*", "gpt-6*"],
        chat_tools: Some(ChatTools::Unthinking),
        ..SILENT
    },
    ModelRule {
        models: &["gpt-5.1*", "gpt-5.2*", "gpt-5.3*", "gpt-5.4*"],
        sampling: Some(Sampling::Unthinking),
        ..SILENT
    },
    ModelRule {
        models: &[
            "codex-mini*",
            "ft:o4-mini*",
            "gpt-5",
            "gpt-5*-codex*",
            "gpt-5*-pro*",
            "gpt-5-*",
            "gpt-5.5*",
            "gpt-5.6*",
            "gpt-6*",
            "o1",
            "o1-*",
            "o3",
            "o3-*",
            "o4-*",
        ],
        dropped: Some(&["temperature", "top_p", "presence_penalty", "frequency_penalty"]),
        ..SILENT
    },
    ModelRule {
        models: &["ft:o4-mini*", "gpt-5*", "gpt-6*", "o1", "o1-*", "o3", "o3-*", "o4-*"],
        renamed: Some(&[("max_tokens", "max_completion_tokens")]),
        ..SILENT
    },
    // Of the others, some can be told not to think.
    ModelRule {
        models: &[
            "codex-mini*",
            "ft:o4-mini*",
            "gpt-5",
            "gpt-5*-codex*",
            "gpt-5*-pro*",
            "gpt-5-*",
            "gpt-6-astra*",
            "gpt-6.1-sol*",
            "o1",
            "o1-*",
            "o3",
            "o3-*",
            "o4-*",
        ],
        thinking: Some(Thinking::Always),
        ..SILENT
    },
    ModelRule {
        models: &["codex-mini*", "ft:o4-mini*", "gpt-5*", "gpt-6*", "o1", "o1-*", "o3", "o3-*", "o4-*"],
        reasoning: Some(ReasoningForm::Effort),
        ..SILENT
    },
    ModelRule {
        models: &["chatgpt-4o*", "ft:gpt-*", "gpt-3*", "gpt-4*"],
        reasoning: Some(ReasoningForm::None),
        ..SILENT
    },
    ModelRule { models: &["gpt-5-pro*"], efforts: Some(&[Effort::High]), ..SILENT },
    ModelRule { models: &["gpt-5.*-pro*"], efforts: Some(&[Effort::Medium, Effort::High, Effort::XHigh]), ..SILENT },
    ModelRule {
        models: &[
            "gpt-5.1-codex-max*",
            "gpt-5.2*",
            "gpt-5.3*",
            "gpt-5.4*",
            "gpt-5.5*",
            // In responses alone they have `max`, too.
            "gpt-6-astra*",
            "gpt-6.1-sol*",
        ],
        efforts: Some(&[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh]),
        ..SILENT
    },
    ModelRule {
        models: &["gpt-5.6*", "gpt-6*"],
        efforts: Some(&[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max]),
        ..SILENT
    },
    ModelRule {
        models: &["codex-mini*", "ft:o4-mini*", "gpt-5-codex*", "gpt-5.1*", "o1", "o1-*", "o3", "o3-*", "o4-*"],
        efforts: Some(&[Effort::Low, Effort::Medium, Effort::High]),
        ..SILENT
    },
    ModelRule {
        models: &["gpt-5", "gpt-5-*"],
        efforts: Some(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]),
        ..SILENT
    },
];

/// At OpenAI alone: a model that is not known yet reasons, as all have for years.
pub(super) const NEWER: &[ModelRule] =
    &[ModelRule { models: &["*"], reasoning: Some(ReasoningForm::Effort), ..SILENT }];

/// At Azure alone: what a deployment with a name of its own would do with an effort is not known. It may refuse it.
pub(super) const UNNAMED: &[ModelRule] =
    &[ModelRule { models: &["*"], reasoning: Some(ReasoningForm::None), ..SILENT }];
