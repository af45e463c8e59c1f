//! What Claude demands of a request wherever it is served: at Anthropic and at Bedrock.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/extended-thinking, read in autumn 2026.

pub(super) mod schema;

use super::notes::{BOUNDED, LOWERED, Note, RAISED};
use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::Manner;
use crate::exchange::message::{Content, Part, Role};
use crate::exchange::reasoning::{Amount, Effort};
use crate::exchange::request::Request;

/// The least tokens that it can be told to think.
const LEAST_BUDGET: u64 = 1024;

/// The least that `top_p` may be while it thinks.
const LEAST_TOP_P: f64 = 0.95;

/// How many tokens it is told to think, where it is told so by a number.
pub(super) fn budget(amount: &Amount<'_>) -> u64 {
    amount.budget_tokens().unwrap_or(Effort::Medium.budget_tokens()).max(LEAST_BUDGET)
}

/// Whether `top_p` may be sent to a model that thinks.
pub(super) fn is_beside_thinking(top_p: &Number<'_>) -> bool {
    top_p.as_f64() >= LEAST_TOP_P
}

/// How many tokens it thinks and writes.
pub(super) struct Room<'a> {
    pub(super) budget: Option<u64>,
    /// The limit, against which the thinking counts; `None` where neither the caller nor the thinking wants one.
    pub(super) limit: Option<Number<'a>>,
}

impl<'a> Room<'a> {
    /// The answer keeps the room that the caller wanted for it, as far as the model writes so much.
    pub(super) fn of(request: &'a Request<'_>, manner: &Manner, budget: Option<u64>) -> Self {
        let given = request.max_tokens.as_ref();
        let asis = Self { budget, limit: given.map(Number::borrowed) };
        let most = manner.most_tokens.unwrap_or(u64::MAX);
        // What is no whole number stays to be refused.
        let Some(wanted) = given.map_or(Some(manner.max_tokens), Number::as_u64) else { return asis };
        match budget {
            Some(budget) if wanted <= budget || wanted > most => {
                let limit = budget.saturating_add(wanted).min(most);
                let kept = wanted.min(most / 4);
                let budget = budget.min(limit.saturating_sub(kept)).max(LEAST_BUDGET);
                Self { budget: Some(budget), limit: Some(limit.into()) }
            }
            None if given.is_some() && wanted > most => Self { budget, limit: Some(most.into()) },
            Some(_) | None => asis,
        }
    }

    /// What is otherwise than the caller said.
    pub(super) fn notes(&self, request: &Request<'_>) -> impl Iterator<Item = Note> + use<> {
        let given = request.max_tokens.as_ref().and_then(Number::as_u64);
        let limit = given.zip(self.limit.as_ref().and_then(Number::as_u64)).and_then(|(given, limit)| {
            let change = if limit > given { RAISED } else { LOWERED };
            (limit != given).then_some(Note { feature: Feature::MaxTokens, change })
        });
        let asked = match request.reasoning.as_ref().and_then(|reasoning| reasoning.amount.as_ref()) {
            Some(Amount::Budget(tokens)) => tokens.as_u64(),
            Some(Amount::Off | Amount::Adaptive | Amount::Effort(_)) | None => None,
        };
        let is_bounded = self.budget.zip(asked).is_some_and(|(budget, asked)| budget != asked);
        let bounded = is_bounded.then_some(Note { feature: Feature::Reasoning, change: BOUNDED });
        limit.into_iter().chain(bounded)
    }
}

/// Whether a model of a budget may think: an assistant's turn that it is to go on with has to begin with what it thought, with its proof, which
/// clients of other formats lose.
pub(super) fn may_think(request: &Request<'_>) -> bool {
    let mut turn: Vec<&Part<'_>> = Vec::new();
    let is_result = |part: &Part<'_>| matches!(part.content, Content::ToolResult(_));
    for message in &request.messages {
        match message.role {
            // Such words stand before the conversation.
            Role::System => {}
            // What tools gave is part of the turn that called them.
            Role::User if message.parts.iter().any(is_result) => {}
            Role::User => turn.clear(),
            Role::Assistant => turn.extend(message.parts.iter().filter(|part| is_sent(part))),
        }
    }
    turn.first().is_none_or(|part| is_thinking(&part.content))
}

fn is_thinking(content: &Content<'_>) -> bool {
    matches!(content, Content::Reasoning { signature: Some(_), .. } | Content::SealedReasoning(_))
}

/// Neither blank text nor reasoning without its proof is sent.
fn is_sent(part: &Part<'_>) -> bool {
    match &part.content {
        Content::Text { text, .. } | Content::Refusal(text) => !text.trim().is_empty(),
        Content::Reasoning { signature, .. } => signature.is_some(),
        Content::Audio(_) => false,
        Content::Image(_)
        | Content::Document(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::SealedReasoning(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::manner::UNKNOWN;
    use crate::exchange::reasoning::Reasoning;

    fn room(most: u64, budget: Option<u64>, limit: Option<u64>) -> (Option<u64>, Option<u64>, Vec<&'static str>) {
        let manner = Manner { max_tokens: 32_000, most_tokens: Some(most), ..UNKNOWN.clone() };
        let amount = budget.map(|tokens| Amount::Budget(tokens.into()));
        let request = Request {
            max_tokens: limit.map(Number::from),
            reasoning: Some(Reasoning { amount, shown: None }),
            ..Request::default()
        };
        let room = Room::of(&request, &manner, budget);
        let notes = room.notes(&request).map(|note| note.change).collect();
        (room.budget, room.limit.and_then(|limit| limit.as_u64()), notes)
    }

    #[test]
    fn thinking_and_answer_have_room_in_what_the_model_writes() {
        assert_eq!(room(32_000, Some(2000), Some(9000)), (Some(2000), Some(9000), vec![]));
        assert_eq!(room(32_000, Some(2000), Some(1000)), (Some(2000), Some(3000), vec![RAISED]));
        assert_eq!(room(32_000, Some(32_768), Some(4000)), (Some(28_000), Some(32_000), vec![RAISED, BOUNDED]));
        assert_eq!(room(32_000, Some(32_768), None), (Some(24_000), Some(32_000), vec![BOUNDED]));
        assert_eq!(room(32_000, Some(20_000), Some(64_000)), (Some(20_000), Some(32_000), vec![LOWERED]));
        assert_eq!(room(32_000, None, Some(64_000)), (None, Some(32_000), vec![LOWERED]));
        assert_eq!(room(32_000, None, None), (None, None, vec![]));
        assert_eq!(room(64_000, Some(32_768), Some(4000)), (Some(32_768), Some(36_768), vec![RAISED]));
    }
}
