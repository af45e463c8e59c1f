//! How much the model is to think, and the limit of tokens, which has to leave room for it.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/extended-thinking and …/adaptive-thinking, read in autumn 2026.

use serde::Serialize;
use shared::catalog::rules::ReasoningForm;

use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::Manner;
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::Request;
use crate::protocol::claude::{self, Room};
use crate::protocol::notes::{FORCED, LOST, Note};

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
    /// What is otherwise than the caller said.
    pub(super) notes: Vec<Note>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(request: &'a Request<'_>, manner: &Manner, is_forced: bool) -> Self {
        let given = request.reasoning.as_ref();
        let amount = given.and_then(|reasoning| reasoning.amount.as_ref());
        let left_off = amount.and_then(|amount| left_off(amount, request, manner, is_forced));
        let thinking = amount.and_then(|amount| match (manner.reasoning, left_off) {
            (ReasoningForm::None, _) => None,
            // Those that always think refuse to be told not to.
            _ if is_forced && manner.always_thinks => None,
            (_, Some(_)) => Some(Thinking::Disabled),
            (ReasoningForm::Budget, None) => Some(budgeted(amount, given.and_then(display))),
            (ReasoningForm::Effort, None) => Some(adaptive(amount, given.and_then(display), manner)),
        });
        let effort =
            amount.filter(|_| manner.reasoning == ReasoningForm::Effort).and_then(|amount| effort(amount, manner));
        // Without thinking there is none above this.
        let effort = if thinking == Some(Thinking::Disabled) { effort.map(|it| it.min(Effort::High)) } else { effort };
        let room = Room::of(request, manner, thinking.and_then(Thinking::budget));
        let left_off = left_off.map(|change| Note { feature: Feature::Reasoning, change });
        Self {
            thinking: thinking.map(|thinking| thinking.with_budget(room.budget)),
            effort: effort.and_then(|effort| offered(effort, manner)).map(Effort::as_str),
            notes: left_off.into_iter().chain(room.notes(request)).collect(),
            max_tokens: room.limit.unwrap_or_else(|| Number::from(manner.max_tokens)),
        }
    }

    /// The model is asked to think: then it may not be asked for some other things.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Enabled { .. } | Thinking::Adaptive { .. }))
    }
}

impl Thinking {
    fn budget(self) -> Option<u64> {
        match self {
            Self::Enabled { budget_tokens, .. } => Some(budget_tokens),
            Self::Adaptive { .. } | Self::Disabled => None,
        }
    }

    fn with_budget(self, budget: Option<u64>) -> Self {
        match (self, budget) {
            (Self::Enabled { display, .. }, Some(budget_tokens)) => Self::Enabled { budget_tokens, display },
            (thinking, _) => thinking,
        }
    }
}

/// Why no thinking is asked for, though the caller does.
fn left_off(amount: &Amount<'_>, request: &Request<'_>, manner: &Manner, is_forced: bool) -> Option<&'static str> {
    match (manner.reasoning, amount) {
        (ReasoningForm::None, _) | (_, Amount::Off) => None,
        (ReasoningForm::Budget | ReasoningForm::Effort, _) if is_forced => Some(FORCED),
        (ReasoningForm::Budget, _) if !claude::may_think(request) => Some(LOST),
        (ReasoningForm::Budget | ReasoningForm::Effort, _) => None,
    }
}

fn display(reasoning: &Reasoning<'_>) -> Option<&'static str> {
    reasoning.shown.map(|shown| if shown { "summarized" } else { "omitted" })
}

fn budgeted(amount: &Amount<'_>, display: Option<&'static str>) -> Thinking {
    match amount {
        Amount::Off => Thinking::Disabled,
        amount => Thinking::Enabled { budget_tokens: claude::budget(amount), display },
    }
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
