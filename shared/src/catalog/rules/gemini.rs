//! Gemini, at AI Studio and at Vertex AI.
//!
//! Sources: ai.google.dev/gemini-api/docs/thinking and docs.cloud.google.com/vertex-ai/generative-ai/docs/thinking (budgets up to 2.5, levels from
//! 3 on, and which model has which), and …/structured-output (beside tools from Gemini 3 on), read in autumn 2026.

use super::{Budget, CallIds, Effort, ModelRule, ReasoningForm, SILENT, Thinking, ToolsAndForm};

/// At Vertex AI alone: it knows no ids of calls.
pub(super) const VERTEX: &[ModelRule] = &[ModelRule { models: &["*"], call_ids: Some(CallIds::Absent), ..SILENT }];

/// At both.
pub(super) const BOTH: &[ModelRule] = &[
    // What makes images and speech is told nothing of thinking, whatever its family is.
    ModelRule { models: &["*gemini-*-image*", "*gemini-*-tts*"], reasoning: Some(ReasoningForm::None), ..SILENT },
    ModelRule { models: &["*gemini-1.*", "*gemini-2.0*", "*gemma*"], reasoning: Some(ReasoningForm::None), ..SILENT },
    ModelRule { models: &["*gemini-2.5-pro*", "*gemini-3*"], thinking: Some(Thinking::Always), ..SILENT },
    ModelRule { models: &["*gemini-1.*", "*gemini-2.*"], tools_and_form: Some(ToolsAndForm::Apart), ..SILENT },
    ModelRule { models: &["*gemini-2.5-pro*"], budget: Some(Budget { least: 128, most: 32_768 }), ..SILENT },
    ModelRule { models: &["*gemini-2.5-flash-lite*"], budget: Some(Budget { least: 512, most: 24_576 }), ..SILENT },
    ModelRule {
        models: &["*gemini-2.5*"],
        reasoning: Some(ReasoningForm::Budget),
        budget: Some(Budget { least: 0, most: 24_576 }),
        // Vertex AI takes no more, the other one more.
        most_tokens: Some(65_535),
        ..SILENT
    },
    ModelRule {
        models: &["*gemini-3-flash*", "*gemini-3.1-flash*", "*gemini-3.5-flash*"],
        efforts: Some(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]),
        ..SILENT
    },
    ModelRule {
        models: &["*gemini-3.1-pro*", "*gemini-3.6-flash*", "*gemini-3.7-flash*", "*gemini-3.8-flash*"],
        efforts: Some(&[Effort::Low, Effort::Medium, Effort::High]),
        ..SILENT
    },
    // Every one has these.
    ModelRule {
        models: &["*gemini-3*"],
        reasoning: Some(ReasoningForm::Effort),
        efforts: Some(&[Effort::Low, Effort::High]),
        most_tokens: Some(65_535),
        ..SILENT
    },
];
