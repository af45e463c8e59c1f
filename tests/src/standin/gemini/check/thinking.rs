//! How much Gemini's models think, and what proves it. Source: ai.google.dev/gemini-api/docs/thinking and /thought-signatures, read in autumn 2026.

use serde_json::Value;

use crate::standin::Fault;
use crate::standin::gemini::say::SIGNATURE;
use crate::standin::script::{Heard, Thinking};
use crate::standin::shape::At;

/// The word that stands for any signature.
const SKIP: &str = "skip_thought_signature_validator";

/// Whether a model thinks in levels, and wants its signatures back.
pub(super) fn is_third(model: &str) -> bool {
    model.contains("gemini-3")
}

/// The budgets that a model takes, and whether it can be told not to think.
fn budgets(model: &str) -> Option<(std::ops::RangeInclusive<i64>, bool)> {
    if model.contains("2.5-pro") {
        Some((128..=32_768, false))
    } else if model.contains("2.5-flash-lite") {
        Some((512..=24_576, true))
    } else if model.contains("2.5-flash") {
        Some((1..=24_576, true))
    } else if is_third(model) {
        Some((1..=32_768, false))
    } else {
        None
    }
}

fn levels(model: &str) -> &'static [&'static str] {
    if model.contains("3-flash") || model.contains("3.1-flash") {
        &["MINIMAL", "LOW", "MEDIUM", "HIGH"]
    } else if model.contains("3.1-pro") || model.contains("3.8-flash") {
        &["LOW", "MEDIUM", "HIGH"]
    } else {
        &["LOW", "HIGH"]
    }
}

pub(super) fn check(top: &At<'_>, model: &str, heard: &mut Heard) -> Result<(), Fault> {
    let known = budgets(model);
    heard.thinking = if known.is_some() { Thinking::Untold } else { Thinking::Unable };
    let Some(thinking) = top.get("generationConfig").and_then(|config| config.get("thinkingConfig")) else {
        return Ok(());
    };
    thinking.only(&["includeThoughts", "thinkingBudget", "thinkingLevel"])?;
    let (range, can_stop) = known.ok_or_else(|| thinking.fault("Thinking is not enabled for this model"))?;
    let (budget, level) = (thinking.get("thinkingBudget"), thinking.get("thinkingLevel"));
    let both = budget.is_some() && level.is_some();
    thinking.require(!both, "You can only set only one of thinking budget and thinking level.")?;
    let mut is_off = false;
    if let Some(budget) = &budget {
        match budget.integer(-1..=i64::MAX)? {
            0 => {
                budget.require(can_stop, "Budget 0 is invalid. This model only works in thinking mode.")?;
                is_off = true;
            }
            -1 => {}
            tokens => {
                let what = format!("The thinking budget {tokens} is invalid. Please choose a value in {range:?}.");
                budget.require(range.contains(&tokens), &what)?;
            }
        }
    }
    if let Some(level) = &level {
        level.require(is_third(model), "Thinking level is not supported for this model.")?;
        let word = level.text()?.to_ascii_uppercase();
        let what = format!("Thinking level {word} is not supported for this model.");
        level.require(levels(model).contains(&word.as_str()), &what)?;
    }
    let shows = thinking.value()["includeThoughts"] == true;
    thinking.require(!(shows && is_off), "includeThoughts is only enabled when thinking is enabled.")?;
    if !is_off && (shows || budget.is_some() || level.is_some()) {
        heard.thinking = Thinking::Told;
    }
    heard.tells_thoughts = shows;
    Ok(())
}

/// A part has the signature that it came with, or the word that stands for any, or none.
pub(super) fn is_proved(part: &At<'_>) -> Result<bool, Fault> {
    let Some(signature) = part.get("thoughtSignature") else { return Ok(false) };
    if signature.value() == SKIP {
        return Ok(true);
    }
    let issued = Value::from(SIGNATURE);
    signature
        .require(signature.either_base64()? == At::top(&issued).either_base64()?, "Thought signature is not valid.")?;
    Ok(true)
}

/// From the third generation on, the first call of each step since the user last said something has its signature.
pub(super) fn signed(contents: &At<'_>, model: &str) -> Result<(), Fault> {
    if !is_third(model) {
        return Ok(());
    }
    let contents = contents.items()?;
    let says = |content: &At<'_>| {
        let parts = content.value()["parts"].as_array();
        content.value()["role"] != "model" && parts.into_iter().flatten().any(|part| part["functionResponse"].is_null())
    };
    let begin = contents.iter().rposition(says).map_or(0, |at| at + 1);
    for content in &contents[begin..] {
        let first = content.need("parts")?.items()?.into_iter().find(|part| part.get("functionCall").is_some());
        if let Some(part) = first {
            let what = "Function call is missing a thought_signature in functionCall parts.";
            part.require(is_proved(&part)?, what)?;
        }
    }
    Ok(())
}
