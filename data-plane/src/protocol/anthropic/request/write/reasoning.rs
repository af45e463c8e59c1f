//! How much the model is to think, and the limit of tokens, which has to leave room for it.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/extended-thinking and …/adaptive-thinking, read in autumn 2026.

use serde::Serialize;

use super::block::Said;
use super::conversation::{Side, Turn};
use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::{Manner, ReasoningForm};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::Request;
use crate::protocol::notes::{FORCED, LOST, Note, RAISED};

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
    /// Why no thinking is asked for, though the caller does.
    left_off: Option<&'static str>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(request: &'a Request<'_>, manner: &Manner, turns: &[Turn<'_>], is_forced: bool) -> Self {
        let given = request.reasoning.as_ref();
        let amount = given.and_then(|reasoning| reasoning.amount.as_ref());
        let display = given.and_then(display);
        let thinking = amount.and_then(|amount| match manner.reasoning {
            ReasoningForm::None => None,
            // Those that always think refuse both to be forced and to be told not to: what was asked for stays to be refused.
            ReasoningForm::Budget | ReasoningForm::Effort if is_forced && manner.always_thinks => None,
            ReasoningForm::Budget | ReasoningForm::Effort if is_forced => Some(Thinking::Disabled),
            ReasoningForm::Budget if !may_think(turns) => Some(Thinking::Disabled),
            ReasoningForm::Budget => Some(budgeted(amount, display)),
            ReasoningForm::Effort => Some(adaptive(amount, display, manner)),
        });
        let effort =
            amount.filter(|_| manner.reasoning == ReasoningForm::Effort).and_then(|amount| effort(amount, manner));
        Self {
            thinking,
            effort: effort.and_then(|effort| offered(effort, manner)).map(Effort::as_str),
            max_tokens: max_tokens(request, manner, thinking),
            left_off: left_off(amount, manner, turns, is_forced),
        }
    }

    /// What is otherwise than the caller said.
    pub(super) fn notes(&self, request: &Request<'_>) -> impl Iterator<Item = Note> + use<> {
        let is_raised = request.max_tokens.as_ref().is_some_and(|given| given.as_u64() != self.max_tokens.as_u64());
        let left_off = self.left_off.map(|change| Note { feature: Feature::Reasoning, change });
        let raised = is_raised.then_some(Note { feature: Feature::MaxTokens, change: RAISED });
        left_off.into_iter().chain(raised)
    }

    /// The model is asked to think: then it may not be asked for some other things.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Enabled { .. } | Thinking::Adaptive { .. }))
    }
}

fn left_off(amount: Option<&Amount<'_>>, manner: &Manner, turns: &[Turn<'_>], is_forced: bool) -> Option<&'static str> {
    match (manner.reasoning, amount) {
        (ReasoningForm::None, _) | (_, None | Some(Amount::Off)) => None,
        (ReasoningForm::Budget | ReasoningForm::Effort, _) if is_forced => Some(FORCED),
        (ReasoningForm::Budget, _) if !may_think(turns) => Some(LOST),
        (ReasoningForm::Budget | ReasoningForm::Effort, _) => None,
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

/// As little as there is for a model that can't be told not to think.
fn effort(amount: &Amount<'_>, manner: &Manner) -> Option<Effort> {
    match amount {
        Amount::Off if manner.always_thinks => Some(Effort::Minimal),
        Amount::Off | Amount::Adaptive | Amount::Effort(_) | Amount::Budget(_) => amount.effort(),
    }
}

fn adaptive(amount: &Amount<'_>, display: Option<&'static str>, manner: &Manner) -> Thinking {
    match amount {
        Amount::Off if !manner.always_thinks => Thinking::Disabled,
        Amount::Off | Amount::Adaptive | Amount::Effort(_) | Amount::Budget(_) => Thinking::Adaptive { display },
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
