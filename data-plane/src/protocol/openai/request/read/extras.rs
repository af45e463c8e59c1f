//! What a request says that has no home outside of chat completions, and what its loss comes to.

use crate::exchange::json::Json;
use crate::exchange::request::{Extra, Loss};
use crate::protocol::{Unreadable, fields};

/// Keeps a field.
///
/// # Errors
///
/// When it is no JSON.
pub(super) fn keep<'a>(name: &str, value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<(), Unreadable> {
    let json: Json<'a> = fields::read(name, value)?;
    let loss = loss(name, json.as_str());
    if loss != Loss::Silent {
        extras.push(Extra { field: name.to_owned().into(), json, loss });
    }
    Ok(())
}

/// What leaving out a field comes to: nothing where it says what would be so without it.
fn loss(name: &str, value: &str) -> Loss {
    let silent_if = |is_default: bool, loss: Loss| if is_default { Loss::Silent } else { loss };
    match name {
        // The answer would lack what is asked for.
        "logprobs" => silent_if(value == "false", Loss::Refused),
        "top_logprobs" => silent_if(value == "0", Loss::Refused),
        "modalities" => silent_if(is_text_alone(value), Loss::Refused),
        "audio" | "image_config" => Loss::Refused,
        // The answer would be another one.
        "logit_bias" => silent_if(is_empty(value), Loss::Refused),
        "guided_json" | "guided_regex" | "guided_choice" | "guided_grammar" | "structured_outputs" | "grammar" => {
            Loss::Refused
        }
        // Tools at the provider, stored conversations and documents, and guardrails.
        "plugins" | "documents" | "safety_settings" | "guardrails" => silent_if(is_empty(value), Loss::Refused),
        "safe_prompt" => silent_if(value == "false", Loss::Refused),
        // An empty object asks for a search, too.
        "web_search_options" | "search_parameters" | "previous_response_id" | "conversation" | "guardrail_config" => {
            Loss::Refused
        }
        "store" => silent_if(value == "false", Loss::Warned),
        "metadata" => silent_if(is_empty(value), Loss::Warned),
        "service_tier" => silent_if(matches!(value, r#""auto""# | r#""default""#), Loss::Warned),
        "verbosity" => silent_if(value == r#""medium""#, Loss::Warned),
        _ => Loss::Warned,
    }
}

fn is_empty(value: &str) -> bool {
    let inner = value.strip_prefix(['{', '[']).and_then(|inner| inner.strip_suffix(['}', ']']));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

fn is_text_alone(value: &str) -> bool {
    let inner = value.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    inner.is_some_and(|inner| matches!(inner.trim_ascii(), "" | r#""text""#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loss_comes_to_depends_on_what_is_lost() {
        for (name, value, expected) in [
            ("logprobs", "false", Loss::Silent),
            ("logprobs", "true", Loss::Refused),
            ("top_logprobs", "5", Loss::Refused),
            ("logit_bias", "{ }", Loss::Silent),
            ("logit_bias", r#"{"50256":-100}"#, Loss::Refused),
            ("modalities", r#"[ "text" ]"#, Loss::Silent),
            ("modalities", r#"["text","audio"]"#, Loss::Refused),
            ("audio", r#"{"voice":"x"}"#, Loss::Refused),
            ("web_search_options", "{}", Loss::Refused),
            ("plugins", "[]", Loss::Silent),
            ("plugins", r#"[{"id":"web"}]"#, Loss::Refused),
            ("safe_prompt", "true", Loss::Refused),
            ("prediction", r#"{"type":"content","content":"x"}"#, Loss::Warned),
            ("metadata", "{}", Loss::Silent),
            ("metadata", r#"{"a":"b"}"#, Loss::Warned),
            ("store", "true", Loss::Warned),
            ("store", "false", Loss::Silent),
            ("service_tier", r#""auto""#, Loss::Silent),
            ("service_tier", r#""flex""#, Loss::Warned),
            ("verbosity", r#""low""#, Loss::Warned),
            ("prompt_cache_key", r#""k""#, Loss::Warned),
            ("never_heard_of", "false", Loss::Warned),
        ] {
            assert_eq!(loss(name, value), expected, "{name} {value}");
        }
    }
}
