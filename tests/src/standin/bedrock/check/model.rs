//! What the models at Bedrock take otherwise than each other: Claude's in their own words, and nothing beside Converse's own fields for Nova.

use crate::standin::Fault;
use crate::standin::claude::{self, Claude};
use crate::standin::script::Heard;
use crate::standin::shape::At;

/// The field that tells it to think, where there is one.
pub(super) fn check<'a>(top: &At<'a>, model: &str, heard: &mut Heard) -> Result<Option<At<'a>>, Fault> {
    let more = top.get("additionalModelRequestFields");
    if !model.contains("anthropic.") {
        let takes_none = top.get("outputConfig").is_none();
        top.require(takes_none, "outputConfig: this model doesn't support structured outputs or effort")?;
        let Some(more) = more else { return Ok(None) };
        return more.only(&["inferenceConfig"]).map(|()| None);
    }
    let claude = Claude::of(model);
    if let Some(more) = &more {
        more.only(&["thinking", "top_k", "anthropic_beta", "output_config", "reasoning_config"])?;
    }
    let extra = |name: &str| more.as_ref().and_then(|more| more.get(name));
    let config = top.get("inferenceConfig");
    let given = |name: &str| config.as_ref().and_then(|config| config.get(name));
    let asked = claude::Asked {
        top: top.clone(),
        thinking: extra("thinking"),
        effort: extra("output_config").or_else(|| top.get("outputConfig")).and_then(|output| output.get("effort")),
        temperature: given("temperature"),
        top_p: given("topP"),
        top_k: extra("top_k"),
        max_tokens: given("maxTokens").map_or(Ok(claude.most_tokens), |limit| limit.integer(1..=claude.most_tokens))?,
    };
    claude.check(&asked, heard)?;
    let has_format = top.get("outputConfig").is_some_and(|output| output.get("textFormat").is_some());
    top.require(!has_format || claude.takes_schemas, "this model doesn't support structured outputs")?;
    Ok(asked.thinking)
}
