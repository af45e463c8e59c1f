//! Why an alternative is over.

use crate::exchange::response::Finish;

/// The model did what it must not, such as a call that is no call: there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol::gemini) struct ModelFault;

/// What a reason comes to. Google has no word of its own for an answer that waits for tools.
///
/// # Errors
///
/// When it is the model's fault.
pub(in crate::protocol::gemini) fn finish(reason: &str, has_calls: bool) -> Result<Finish<'static>, ModelFault> {
    match reason {
        "MAX_TOKENS" | "CONTINUATION" => Ok(Finish::Length),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED" => Ok(Finish::Filtered),
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "NO_IMAGE"
        | "IMAGE_OTHER" => Err(ModelFault),
        // STOP, OTHER, and words that are younger than this code.
        _ if has_calls => Ok(Finish::ToolCalls),
        _ => Ok(Finish::Stop),
    }
}

/// Google's word for a reason.
pub(in crate::protocol::gemini) fn word(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopText(_) | Finish::ToolCalls | Finish::Paused => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered | Finish::Refused => "SAFETY",
    }
}
