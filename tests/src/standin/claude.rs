//! What Claude's models take otherwise than each other, whoever serves them.
//!
//! Sources: platform.claude.com/docs (build-with-claude/extended-thinking, adaptive-thinking, effort; the pages of the models), read in autumn
//! 2026.

use super::Fault;
use super::script::{Heard, THOUGHTS, Thinking};
use super::shape::At;

/// What proves thoughts that were thought at Anthropic.
pub(super) const AT_ANTHROPIC: &str = "EqQBCgIYAhIM/1gBcUZDq+c3o1";

/// What proves thoughts that were thought at Bedrock.
pub(super) const AT_BEDROCK: &str = "ErcBCkgIARABGAIiQL/signature+of=";

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It can't be.
    None,
    /// With a budget.
    Manual,
    /// With a budget or an effort.
    Both,
    /// With an effort, and it takes no field for sampling.
    Adaptive,
    /// As before, and it always thinks.
    Always,
}

/// A model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claude {
    form: Form,
    /// It is held to schemas by the format's field.
    pub(super) takes_schemas: bool,
    /// The most tokens that it writes.
    pub(super) most_tokens: i64,
}

/// Where a request says what.
pub(super) struct Asked<'a> {
    pub(super) top: At<'a>,
    pub(super) thinking: Option<At<'a>>,
    pub(super) effort: Option<At<'a>>,
    pub(super) temperature: Option<At<'a>>,
    pub(super) top_p: Option<At<'a>>,
    pub(super) top_k: Option<At<'a>>,
    pub(super) max_tokens: i64,
}

impl Claude {
    /// The model of a name, in which anything may stand before and behind.
    pub(super) fn of(model: &str) -> Self {
        let is = |names: &[&str]| names.iter().any(|name| model.contains(name));
        let (form, takes_schemas, most_tokens) = if is(&["opus-5-5", "fable-5", "mythos-5"]) {
            (Form::Always, true, 128_000)
        } else if is(&["opus-4-7", "opus-4-8", "opus-5", "sonnet-5", "haiku-5"]) {
            (Form::Adaptive, true, 128_000)
        } else if is(&["opus-4-6", "sonnet-4-6"]) {
            (Form::Both, true, 128_000)
        } else if is(&["-4-5"]) {
            (Form::Manual, true, 64_000)
        } else if is(&["3-7", "opus-4", "sonnet-4"]) {
            (Form::Manual, false, 64_000)
        } else {
            (Form::None, false, 8192)
        };
        Self { form, takes_schemas, most_tokens }
    }

    /// Whether it thinks, as far as it does so with a budget: then a turn that called tools has to come back as it was.
    pub(super) fn check(self, asked: &Asked<'_>, heard: &mut Heard) -> Result<(), Fault> {
        let kind = asked.thinking.as_ref().map(|thinking| self.kind(thinking, asked.max_tokens)).transpose()?;
        if let Some(effort) = &asked.effort {
            effort.one_of(&["low", "medium", "high", "xhigh", "max"])?;
            effort.require(
                matches!(self.form, Form::Both | Form::Adaptive | Form::Always),
                "This model does not support the effort parameter.",
            )?;
        }
        let thinks = matches!(kind, Some("enabled" | "adaptive")) || kind.is_none() && self.form == Form::Always;
        self.sampling(asked, thinks)?;
        let is_bare = !(thinks && heard.choice.is_forced());
        asked.top.require(is_bare, "Thinking may not be enabled when tool_choice forces tool use.")?;
        heard.thinking = match (self.form, kind, &asked.effort) {
            (Form::None, ..) => Thinking::Unable,
            (_, Some("enabled" | "adaptive"), _) | (Form::Adaptive | Form::Always, _, Some(_)) => Thinking::Told,
            _ => Thinking::Untold,
        };
        // The newest keep their thoughts for themselves, unless they are asked for them.
        let display = asked.thinking.as_ref().map_or("", |thinking| thinking.value()["display"].as_str().unwrap_or(""));
        let shows = display == "summarized" || display.is_empty() && matches!(self.form, Form::Manual | Form::Both);
        heard.tells_thoughts = thinks && shows;
        Ok(())
    }

    fn kind<'a>(self, thinking: &At<'a>, max_tokens: i64) -> Result<&'a str, Fault> {
        let kind = thinking.need("type")?.one_of(&["enabled", "disabled", "adaptive"])?;
        match kind {
            "enabled" => {
                thinking.only(&["type", "budget_tokens", "display"])?;
                let is_known = matches!(self.form, Form::Manual | Form::Both);
                thinking.require(
                    is_known,
                    "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
                     \"output_config.effort\" to control thinking behavior.",
                )?;
                let budget = thinking.need("budget_tokens")?;
                let tokens = budget.integer(1024..=i64::MAX)?;
                budget.require(tokens < max_tokens, "`max_tokens` must be greater than `thinking.budget_tokens`")?;
            }
            "adaptive" => {
                thinking.only(&["type", "display"])?;
                let is_known = matches!(self.form, Form::Both | Form::Adaptive | Form::Always);
                thinking.require(is_known, "adaptive thinking is not supported on this model")?;
            }
            _ => {
                thinking.only(&["type"])?;
                thinking.require(self.form != Form::Always, "thinking can't be disabled for this model")?;
            }
        }
        Ok(kind)
    }

    fn sampling(self, asked: &Asked<'_>, thinks: bool) -> Result<(), Fault> {
        let Asked { temperature, top_p, top_k, .. } = asked;
        for field in [temperature, top_p, top_k].into_iter().flatten() {
            let takes = !matches!(self.form, Form::Adaptive | Form::Always);
            field.require(takes, "is deprecated for this model and not supported")?;
        }
        if let Some(temperature) = temperature {
            let warmth = temperature.number(0.0..=1.0)?;
            temperature.require(!thinks || warmth == 1.0, "may only be set to 1 when thinking is enabled")?;
            let alone = top_p.is_none() || matches!(self.form, Form::None);
            temperature.require(alone, "`temperature` and `top_p` cannot both be specified for this model.")?;
        }
        if let Some(top_p) = top_p {
            let share = top_p.number(0.0..=1.0)?;
            top_p.require(!thinks || share >= 0.95, "must be at least 0.95 or unset when thinking is enabled")?;
        }
        if let Some(top_k) = top_k {
            top_k.whole(0..=500)?;
            top_k.require(!thinks, "must be unset when thinking is enabled")?;
        }
        Ok(())
    }
}

/// The last turn of the assistant, as far as thinking cares.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastTurn {
    /// It begins with what was thought.
    pub(super) begins_with_thoughts: bool,
    /// It calls tools.
    pub(super) calls: bool,
}

impl LastTurn {
    /// What was thought before tools were called has to come back, to a model that thinks with a budget.
    pub(super) fn check(self, top: &At<'_>, thinking: Option<&At<'_>>, heard: &Heard) -> Result<(), Fault> {
        let is_manual = thinking.is_some_and(|thinking| thinking.value()["type"] == "enabled");
        let is_owed = is_manual && self.calls && !heard.results.is_empty();
        top.require(
            !is_owed || self.begins_with_thoughts,
            "Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must \
             start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).",
        )
    }
}

/// Thoughts come back as they were told, with what proves them, wherever they were thought.
pub(super) fn proved(text: &At<'_>, signature: &At<'_>) -> Result<(), Fault> {
    let is_known = [AT_ANTHROPIC, AT_BEDROCK].iter().any(|known| signature.value() == known);
    signature.require(is_known, "Invalid `signature` in `thinking` block")?;
    let thoughts = text.text()?;
    text.require(thoughts.is_empty() || thoughts == THOUGHTS, "`thinking` blocks cannot be modified")
}

/// Nothing stands behind what an assistant says last.
pub(super) fn no_trailing_space(text: &At<'_>) -> Result<(), Fault> {
    let said = text.text()?;
    text.require(said.trim_end() == said, "final assistant content cannot end with trailing whitespace")
}
