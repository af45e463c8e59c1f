//! How much the model is to think, and the limit of tokens, which has to leave room for it.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/extended-thinking and …/adaptive-thinking, read in autumn 2026.

use serde::Serialize;

use super::block::Said;
use super::conversation::{Side, Turn};
use crate::exchange::json::Number;
use crate::exchange::manner::{Manner, ReasoningForm};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::Request;

/// The least budget that there is.
const LEAST_BUDGET: u64 = 1024;

/// The words that the format has.
const EFFORTS: [Effort; 5] = [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];

/// `thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Enabled {
        budget_tokens: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Disabled,
}

/// What is said of thinking, and what follows from it.
pub(super) struct Plan<'a> {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'static str>,
    pub(super) max_tokens: Number<'a>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(request: &'a Request<'_>, manner: &Manner, turns: &[Turn<'_>], is_forced: bool) -> Self {
        let given = request.reasoning.as_ref();
        let amount = given.and_then(|reasoning| reasoning.amount.as_ref());
        let display = given.and_then(display);
        let thinking = amount.and_then(|amount| match manner.reasoning {
            ReasoningForm::None => None,
            ReasoningForm::Budget | ReasoningForm::Effort if is_forced => Some(Thinking::Disabled),
            ReasoningForm::Budget if !may_think(turns) => Some(Thinking::Disabled),
            ReasoningForm::Budget => Some(budgeted(amount, display)),
            ReasoningForm::Effort => Some(adaptive(amount, display)),
        });
        let effort = amount.filter(|_| manner.reasoning == ReasoningForm::Effort).and_then(Amount::effort);
        Self {
            thinking,
            effort: effort.and_then(|effort| offered(effort, manner)).map(Effort::as_str),
            max_tokens: max_tokens(request, manner, thinking),
        }
    }

    /// The model is asked to think: then it may not be asked for some other things.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Enabled { .. } | Thinking::Adaptive { .. }))
    }
}

fn display(reasoning: &Reasoning<'_>) -> Option<&'static str> {
    reasoning.shown.map(|shown| if shown { "summarized" } else { "omitted" })
}

fn budgeted(amount: &Amount<'_>, display: Option<&'static str>) -> Thinking {
    let tokens = match amount {
        Amount::Off => return Thinking::Disabled,
        Amount::Adaptive => Effort::Medium.budget_tokens(),
        Amount::Effort(_) | Amount::Budget(_) => amount.budget_tokens().unwrap_or(LEAST_BUDGET),
    };
    Thinking::Enabled { budget_tokens: tokens.max(LEAST_BUDGET), display }
}

fn adaptive(amount: &Amount<'_>, display: Option<&'static str>) -> Thinking {
    match amount {
        Amount::Off => Thinking::Disabled,
        Amount::Adaptive | Amount::Effort(_) | Amount::Budget(_) => Thinking::Adaptive { display },
    }
}

fn offered(effort: Effort, manner: &Manner) -> Option<Effort> {
    let effort = effort.nearest(&EFFORTS)?;
    if manner.efforts.is_empty() { Some(effort) } else { effort.nearest(&manner.efforts) }
}

/// The limit: the budget counts against it, and the answer keeps the room that the caller wanted for it.
fn max_tokens<'a>(request: &'a Request<'_>, manner: &Manner, thinking: Option<Thinking>) -> Number<'a> {
    let given = request.max_tokens.as_ref();
    let room = given.map_or(Some(manner.max_tokens), Number::as_u64);
    match (thinking, room) {
        (Some(Thinking::Enabled { budget_tokens, .. }), Some(room)) if room <= budget_tokens => {
            Number::from(budget_tokens.saturating_add(room))
        }
        _ => given.map_or_else(|| Number::from(manner.max_tokens), Number::borrowed),
    }
}

/// Whether a model of a budget may think: an assistant's turn that it is to go on with has to begin with what it thought, with its proof, which
/// clients of other formats lose.
fn may_think(turns: &[Turn<'_>]) -> bool {
    let Some((at, last)) = turns.iter().enumerate().rfind(|(_, turn)| turn.side == Side::Assistant) else {
        return true;
    };
    let calls = last.blocks.iter().any(|block| matches!(block.said, Said::ToolUse { .. }));
    let goes_on = calls || at + 1 == turns.len();
    !goes_on || last.blocks.first().is_some_and(|block| block.said.is_thinking())
}
