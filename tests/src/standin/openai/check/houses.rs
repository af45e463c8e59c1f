//! What differs from house to house.
//!
//! Sources, read in autumn 2026: docs.mistral.ai/api; console.groq.com/docs/openai, /structured-outputs; api-docs.deepseek.com/guides/thinking_mode
//! and its API reference; the errors as callers reported them in public.

use crate::standin::Fault;
use crate::standin::openai::house::House;
use crate::standin::script::{Heard, Thinking};
use crate::standin::shape::At;

const MISTRAL: &[&str] = &[
    "frequency_penalty",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_mode",
    "random_seed",
    "response_format",
    "safe_prompt",
    "stop",
    "stream",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
];

/// What Groq does not know of OpenAI's fields.
const NOT_AT_GROQ: &[&str] = &[
    "audio",
    "logit_bias",
    "logprobs",
    "modalities",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "top_logprobs",
    "verbosity",
];

/// The fields of a request.
pub(super) fn fields(house: House, openai: &[&'static str]) -> Vec<&'static str> {
    match house {
        House::OpenAi => openai.to_vec(),
        House::Mistral => MISTRAL.to_vec(),
        House::Groq => {
            let known = openai.iter().filter(|field| !NOT_AT_GROQ.contains(field));
            known.chain(&["include_reasoning", "reasoning_format"]).copied().collect()
        }
        House::DeepSeek => openai.iter().chain(&["thinking"]).copied().collect(),
    }
}

/// What holds of the parameters.
pub(super) fn check(top: &At<'_>, house: House, heard: &mut Heard) -> Result<(), Fault> {
    let form = top.get("response_format");
    let form = form.as_ref().map_or("", |form| form.value()["type"].as_str().unwrap_or_default());
    let effort = top.get("reasoning_effort");
    match house {
        House::OpenAi | House::Mistral => {}
        House::Groq => {
            let is_one = heard.tools.is_empty() || !form.starts_with("json");
            top.require(is_one, "json mode cannot be combined with tool/function calling")?;
            let is_whole = !heard.streams || form != "json_schema";
            top.require(is_whole, "response_format json_schema does not support streaming")?;
            top.get("n").map_or(Ok(1), |n| n.integer(1..=1))?;
            if let Some(effort) = &effort {
                effort.one_of(&["low", "medium", "high"])?;
            }
            heard.thinking = if effort.is_some() { Thinking::Told } else { Thinking::Untold };
            heard.tells_thoughts = true;
        }
        House::DeepSeek => {
            let is_known = form != "json_schema";
            top.require(is_known, "This response_format type is unavailable now")?;
            if let Some(effort) = &effort {
                effort.one_of(&["low", "medium", "high", "xhigh", "max"])?;
            }
            let is_on = thinks_at_deepseek(top);
            let is_free = !is_on || !heard.choice.is_forced();
            top.require(is_free, "Thinking mode does not support this tool_choice")?;
            // It thinks unless it is told not to.
            heard.thinking = if is_on { Thinking::Told } else { Thinking::Untold };
            heard.tells_thoughts = is_on;
        }
    }
    Ok(())
}

/// The fields of a message.
pub(super) fn message(message: &At<'_>, role: &str, house: House) -> Result<(), Fault> {
    match (house, role) {
        (House::OpenAi, "assistant") => message.only(&[
            // What an answer has is taken back.
            "role",
            "content",
            "refusal",
            "name",
            "tool_calls",
            "annotations",
            "audio",
            "function_call",
        ]),
        (House::OpenAi, "tool") => message.only(&["role", "content", "tool_call_id"]),
        (House::OpenAi, _) => Ok(()),
        (House::Mistral, "assistant") => message.only(&["role", "content", "tool_calls", "prefix"]),
        (House::Mistral, "tool") => message.only(&["role", "content", "tool_call_id", "name"]),
        (House::Mistral, _) => {
            message.need("role")?.one_of(&["system", "user"])?;
            message.only(&["role", "content"])
        }
        (House::Groq, "assistant") => message.only(&["role", "content", "name", "tool_calls", "reasoning"]),
        (House::Groq, "tool") => message.only(&["role", "content", "tool_call_id"]),
        (House::Groq | House::DeepSeek, _) => Ok(()),
    }
}

/// The fields of a call.
pub(super) fn call(call: &At<'_>, house: House) -> Result<(), Fault> {
    match house {
        House::OpenAi | House::Groq => call.only(&["id", "type", "function"]),
        House::Mistral => call.only(&["id", "type", "function", "index"]),
        // It takes no notice of what it does not know.
        House::DeepSeek => Ok(()),
    }
}

fn thinks_at_deepseek(top: &At<'_>) -> bool {
    top.value()["thinking"]["type"] != "disabled"
}

/// The order of the messages.
pub(super) fn order(top: &At<'_>, messages: &[At<'_>], house: House) -> Result<(), Fault> {
    let role = |message: &At<'_>| message.value()["role"].as_str().unwrap_or_default().to_owned();
    if house == House::Mistral {
        for pair in messages.windows(2) {
            let follows = role(&pair[0]) == "tool" && role(&pair[1]) == "user";
            pair[1].require(!follows, "Unexpected role 'user' after role 'tool'")?;
        }
    }
    if house == House::DeepSeek && thinks_at_deepseek(top) {
        let begin = messages.iter().rposition(|message| role(message) == "user").unwrap_or_default();
        for message in &messages[begin..] {
            let calls = role(message) == "assistant" && message.get("tool_calls").is_some();
            let has_thoughts = message.value()["reasoning_content"].is_string();
            message.require(
                !calls || has_thoughts,
                "The `reasoning_content` in the thinking mode must be passed back to the API.",
            )?;
        }
    }
    Ok(())
}

/// The id of a call.
pub(super) fn id(id: &At<'_>, house: House) -> Result<(), Fault> {
    let text = id.some_text()?;
    match house {
        House::OpenAi => id.require(text.len() <= 40, "string too long. Expected a string with maximum length 40"),
        House::Mistral => {
            let is_nine = text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            id.require(is_nine, &format!("Tool call id was {text} but must be a-z, A-Z, 0-9, with a length of 9."))
        }
        House::Groq | House::DeepSeek => Ok(()),
    }
}
