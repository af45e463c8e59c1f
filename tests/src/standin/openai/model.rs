//! What OpenAI's models take otherwise than each other, in both of its APIs.
//!
//! Sources: platform.openai.com/docs/guides/reasoning and its pages of models; the errors as callers reported them in public, read in autumn 2026.

use crate::standin::Fault;
use crate::standin::script::{Heard, Thinking};
use crate::standin::shape::At;

/// A model that reasons.
#[derive(Debug, Clone, Copy)]
struct Reasoner {
    efforts: &'static [&'static str],
    /// What it does where it is not told.
    default: &'static str,
    /// It takes functions beside an effort in chat completions.
    calls_in_chat: bool,
}

/// The first whose name a model's begins with counts.
const REASONERS: &[(&str, Reasoner)] = &[
    ("gpt-5.6", reasoner(&["none", "low", "medium", "high", "xhigh", "max"], "medium", false)),
    ("gpt-5.5", reasoner(&["none", "low", "medium", "high", "xhigh"], "medium", false)),
    ("gpt-5.4", reasoner(&["none", "low", "medium", "high", "xhigh"], "none", false)),
    ("gpt-5.3", reasoner(&["none", "low", "medium", "high", "xhigh"], "none", false)),
    ("gpt-5.2", reasoner(&["none", "low", "medium", "high", "xhigh"], "none", false)),
    ("gpt-5.1", reasoner(&["none", "low", "medium", "high"], "none", true)),
    ("gpt-5", reasoner(&["minimal", "low", "medium", "high"], "medium", true)),
    ("o3", reasoner(&["low", "medium", "high"], "medium", true)),
    ("o4", reasoner(&["low", "medium", "high"], "medium", true)),
];

const fn reasoner(efforts: &'static [&'static str], default: &'static str, calls_in_chat: bool) -> Reasoner {
    Reasoner { efforts, default, calls_in_chat }
}

fn of(model: &str) -> Option<Reasoner> {
    REASONERS.iter().find(|(name, _)| model.starts_with(name)).map(|(_, reasoner)| *reasoner)
}

/// What holds for chat completions.
pub(super) fn chat(top: &At<'_>, model: &str, heard: &mut Heard) -> Result<(), Fault> {
    let effort = top.get("reasoning_effort");
    let Some(reasoner) = of(model) else {
        return top.require(effort.is_none(), "Unrecognized request argument supplied: reasoning_effort");
    };
    let works = reasoner.check(top, effort.as_ref(), heard)?;
    let old = top.get("max_tokens").is_none();
    top.require(old, "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")?;
    top.require(top.get("stop").is_none(), "'stop' is not supported with this model.")?;
    top.require(
        reasoner.calls_in_chat || !works || heard.tools.is_empty(),
        "Function tools with reasoning_effort are not supported for this model in /v1/chat/completions. To use function tools, use \
         /v1/responses or set reasoning_effort to 'none'.",
    )
}

/// What holds for responses.
pub(in crate::standin) fn responses(top: &At<'_>, model: &str, heard: &mut Heard) -> Result<(), Fault> {
    let reasoning = top.get("reasoning");
    let effort = reasoning.as_ref().and_then(|reasoning| reasoning.get("effort"));
    let Some(reasoner) = of(model) else {
        return top.require(effort.is_none(), "'reasoning.effort' is not supported with this model.");
    };
    let works = reasoner.check(top, effort.as_ref(), heard)?;
    heard.tells_thoughts = works && reasoning.is_some_and(|reasoning| reasoning.get("summary").is_some());
    Ok(())
}

impl Reasoner {
    /// Whether it reasons about this.
    fn check(self, top: &At<'_>, effort: Option<&At<'_>>, heard: &mut Heard) -> Result<bool, Fault> {
        let word = effort.map_or(Ok(self.default), |effort| effort.one_of(self.efforts))?;
        let works = word != "none";
        for field in ["temperature", "top_p", "presence_penalty", "frequency_penalty"] {
            let Some(field) = top.get(field) else { continue };
            let is_usual = field.value().as_f64() == Some(1.0);
            field.require(is_usual || !works, "is not supported with this model. Only the default value is.")?;
        }
        heard.thinking = if works && effort.is_some() { Thinking::Told } else { Thinking::Untold };
        Ok(works)
    }
}
