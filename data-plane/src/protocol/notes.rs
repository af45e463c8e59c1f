//! What of a request is said to an upstream otherwise than its caller said it, because of what its model takes. What a format has no words for
//! is in [`limits`](super::limits).

use shared::catalog::rules::{ReasoningForm, SchemaForm};

use super::claude::schema::LOOSENED;
use super::{Dialect, claude, limits};
use crate::exchange::feature::Feature;
use crate::exchange::json::Number;
use crate::exchange::manner::Manner;
use crate::exchange::message::Role;
use crate::exchange::reasoning::Amount;
use crate::exchange::request::{AnswerFormat, Request};
use crate::exchange::tool::Tool;

/// Of thinking, where a model has to call a tool.
pub(super) const FORCED: &str = "was left out: a model that has to call a tool can't think before";

/// Of thinking, where what began the turn that goes on is lost.
pub(super) const LOST: &str = "was left out: the last turn does not begin with what the model thought";

/// Of the limit of tokens.
pub(super) const RAISED: &str = "was raised: thinking counts against it";

/// Of the limit of tokens.
pub(super) const LOWERED: &str = "was lowered to the most that the model writes";

/// Of a number that a model has a range for.
pub(super) const BOUNDED: &str = "was brought within what the model takes";

/// Of the wish that no tool be called.
pub(super) const IN_WORDS: &str = "was said in words: the model has no other way, and may call a tool all the same";

/// Of what a model that thinks does not take.
pub(super) const THINKING: &str = "was left out: the model does not take it while it thinks";

/// What is noted of thinking in a body that passes, where what began the turn that goes on is lost.
pub(crate) fn turned_off(field: &str) -> String {
    format!("the field {field} was turned off: the last turn does not begin with what the model thought")
}

/// A field that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) feature: Feature,
    /// How, behind the field's name: `was lowered to …`.
    pub(crate) change: &'static str,
}

/// What is noted of a request, in the caller's words: what its writer noted, and what holds whoever writes it.
pub(crate) fn told(
    written: &[Note],
    request: &Request<'_>,
    from: Dialect,
    to: Dialect,
    manner: &Manner,
) -> Vec<String> {
    let is_new = |note: &Note| written.iter().all(|known| known.feature != note.feature);
    let common = [
        temperature(request, to, manner),
        top_p(request, to, manner),
        reasoning(request, to, manner),
        late_system(request, to),
        schema(request, to, manner),
        strict_tools(request, to, manner),
    ];
    let notes = written.iter().copied().chain(common.into_iter().flatten().filter(is_new));
    notes.map(|Note { feature, change }| format!("the field {} {change}", limits::field(from, feature))).collect()
}

fn temperature(request: &Request<'_>, to: Dialect, manner: &Manner) -> Option<Note> {
    let highest = match to {
        Dialect::Anthropic | Dialect::Bedrock | Dialect::Cohere => Some(manner.max_temperature.unwrap_or(1)),
        Dialect::Chat | Dialect::Responses | Dialect::Gemini => manner.max_temperature,
    };
    let is_lowered = request.sampling.temperature.as_ref().map(Number::as_f64) > Some(f64::from(highest?));
    let change = "was lowered to the highest that the model takes";
    is_lowered.then_some(Note { feature: Feature::Temperature, change })
}

fn top_p(request: &Request<'_>, to: Dialect, manner: &Manner) -> Option<Note> {
    let is_claude = matches!(to, Dialect::Anthropic | Dialect::Bedrock);
    let has_both = request.sampling.temperature.is_some() && request.sampling.top_p.is_some();
    let change = "was left out: the model does not take it beside a temperature";
    (is_claude && manner.top_p_alone && has_both).then_some(Note { feature: Feature::TopP, change })
}

fn reasoning(request: &Request<'_>, to: Dialect, manner: &Manner) -> Option<Note> {
    let amount = request.reasoning.as_ref()?.amount.as_ref()?;
    let (feature, change) = match (manner.reasoning, amount) {
        (ReasoningForm::None, Amount::Off) => return None,
        (ReasoningForm::None, _) => (Feature::Reasoning, "was left out: the model is not known to take it"),
        (_, Amount::Off) if manner.always_thinks => {
            (Feature::NoReasoning, "was raised to the least that there is: the model always thinks")
        }
        (ReasoningForm::Effort, Amount::Effort(effort)) if effort.nearest(&manner.efforts)? != *effort => {
            (Feature::Reasoning, "was moved to the nearest that the model offers")
        }
        (ReasoningForm::Budget | ReasoningForm::Effort, _) => return None,
    };
    // What the whole format lacks was said before.
    let is_said = to.protocol().cannot().iter().any(|(lacking, _)| *lacking == feature);
    (!is_said).then_some(Note { feature, change })
}

/// What the application says in the midst of the conversation, to formats that have no such turn.
fn late_system(request: &Request<'_>, to: Dialect) -> Option<Note> {
    let change = match to {
        Dialect::Anthropic | Dialect::Bedrock => "stands before the conversation now",
        Dialect::Gemini => "is the user's now: the format has no other role for it",
        Dialect::Chat | Dialect::Responses | Dialect::Cohere => return None,
    };
    let is_there = request.messages.iter().any(|message| message.role == Role::System);
    is_there.then_some(Note { feature: Feature::LateSystem, change })
}

fn schema(request: &Request<'_>, to: Dialect, manner: &Manner) -> Option<Note> {
    let is_held = matches!(to, Dialect::Anthropic | Dialect::Bedrock) && manner.schema == SchemaForm::Native;
    match &request.answer_format {
        Some(AnswerFormat::Schema(wanted)) if is_held && claude::schema::is_loosened(&wanted.schema) => {
            Some(Note { feature: Feature::SchemaAnswer, change: LOOSENED })
        }
        Some(AnswerFormat::Schema(_) | AnswerFormat::Json | AnswerFormat::Text) | None => None,
    }
}

fn strict_tools(request: &Request<'_>, to: Dialect, manner: &Manner) -> Option<Note> {
    let strict: Vec<_> = request.tools.iter().filter(|tool| tool.strict == Some(true)).collect();
    let is_loosened = |tool: &&Tool<'_>| tool.parameters.as_ref().is_some_and(claude::schema::is_loosened);
    let change = match to {
        Dialect::Bedrock if manner.schema == SchemaForm::Tool && !strict.is_empty() => {
            "was left out: the model is not known to take it"
        }
        Dialect::Anthropic | Dialect::Bedrock if strict.iter().any(is_loosened) => LOOSENED,
        Dialect::Anthropic | Dialect::Bedrock => return None,
        Dialect::Chat | Dialect::Responses | Dialect::Gemini | Dialect::Cohere => return None,
    };
    Some(Note { feature: Feature::StrictTools, change })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::manner::UNKNOWN;
    use crate::exchange::message::{Message, Part};
    use crate::exchange::reasoning::{Effort, Reasoning};

    fn request(amount: Amount<'static>) -> Request<'static> {
        let mut request = Request::default();
        request.sampling.temperature = serde_json::from_str("1.5").ok();
        request.sampling.top_p = serde_json::from_str("0.5").ok();
        request.reasoning = Some(Reasoning { amount: Some(amount), shown: None });
        request
    }

    #[test]
    fn what_the_model_does_not_take_is_told_in_the_callers_words() {
        let manner = Manner { top_p_alone: true, efforts: vec![Effort::Low, Effort::High], ..UNKNOWN.clone() };
        let asked = request(Amount::Effort(Effort::Medium));
        assert_eq!(
            told(&[], &asked, Dialect::Gemini, Dialect::Bedrock, &manner),
            [
                "the field generationConfig.temperature was lowered to the highest that the model takes",
                "the field generationConfig.topP was left out: the model does not take it beside a temperature",
                "the field generationConfig.thinkingConfig was moved to the nearest that the model offers",
            ]
        );
        let own = Note { feature: Feature::Temperature, change: "was left out" };
        let told = told(&[own], &asked, Dialect::Chat, Dialect::Anthropic, &manner);
        assert_eq!(told.first().map(String::as_str), Some("the field temperature was left out"));
        assert_eq!(told.len(), 3, "each field once");
    }

    #[test]
    fn a_word_of_the_applications_in_the_midst_of_the_conversation_is_told_where_it_moves() {
        let message = |role| Message { role, parts: vec![Part::text("x")] };
        let late = Request { messages: vec![message(Role::User), message(Role::System)], ..Request::default() };
        for from in [Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Bedrock, Dialect::Cohere] {
            let told = told(&[], &late, from, Dialect::Gemini, &UNKNOWN).join("");
            assert!(told.ends_with("[].role is the user's now: the format has no other role for it"), "{told}");
        }
        let told = |to| super::told(&[], &late, Dialect::Chat, to, &UNKNOWN).len();
        assert_eq!((told(Dialect::Bedrock), told(Dialect::Anthropic), told(Dialect::Cohere)), (1, 1, 0));
        let plain = Request { messages: vec![message(Role::User)], ..Request::default() };
        assert!(super::told(&[], &plain, Dialect::Chat, Dialect::Gemini, &UNKNOWN).is_empty());
    }

    #[test]
    fn reasoning_that_is_left_out_or_can_not_be_is_told() {
        let told = |amount, manner: &Manner| {
            let mut asked = request(amount);
            asked.sampling = Default::default();
            super::told(&[], &asked, Dialect::Anthropic, Dialect::Chat, manner).len()
        };
        let plain = Manner { reasoning: ReasoningForm::None, ..UNKNOWN.clone() };
        assert_eq!((told(Amount::Adaptive, &plain), told(Amount::Off, &plain)), (1, 0));
        let always = Manner { always_thinks: true, ..UNKNOWN.clone() };
        assert_eq!((told(Amount::Off, &always), told(Amount::Off, &UNKNOWN)), (1, 0));
        assert_eq!(told(Amount::Effort(Effort::XHigh), &UNKNOWN), 0, "which efforts it has is not known");
    }
}
