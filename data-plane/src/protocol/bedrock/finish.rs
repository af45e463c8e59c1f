//! Why answers are over, in Amazon's words.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (`stopReason`), read in autumn 2026.

use crate::exchange::response::Finish;

/// What the model gave can't be used: it is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What a reason means. One that is not known is an answer that is over.
///
/// # Errors
///
/// When it says that the model's output is broken.
pub(super) fn read(reason: &str) -> Result<Finish<'static>, Malformed> {
    match reason {
        "stop_sequence" => Ok(Finish::StopText(None)),
        "max_tokens" | "model_context_window_exceeded" => Ok(Finish::Length),
        "tool_use" => Ok(Finish::ToolCalls),
        "guardrail_intervened" | "content_filtered" => Ok(Finish::Filtered),
        "malformed_model_output" | "malformed_tool_use" => Err(Malformed),
        _ => Ok(Finish::Stop),
    }
}

/// A reason's word.
pub(super) fn written(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Stop | Finish::Paused => "end_turn",
        Finish::StopText(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered | Finish::Refused => "content_filtered",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_mean_what_the_reference_says() {
        for (reason, expected) in [
            ("end_turn", Ok(Finish::Stop)),
            ("stop_sequence", Ok(Finish::StopText(None))),
            ("max_tokens", Ok(Finish::Length)),
            ("model_context_window_exceeded", Ok(Finish::Length)),
            ("tool_use", Ok(Finish::ToolCalls)),
            ("guardrail_intervened", Ok(Finish::Filtered)),
            ("content_filtered", Ok(Finish::Filtered)),
            ("malformed_model_output", Err(Malformed)),
            ("malformed_tool_use", Err(Malformed)),
            ("of_tomorrow", Ok(Finish::Stop)),
        ] {
            assert_eq!(read(reason), expected, "{reason}");
            if matches!(reason, "end_turn" | "stop_sequence" | "max_tokens" | "tool_use" | "content_filtered") {
                assert_eq!(written(&expected.unwrap()), reason);
            }
        }
    }
}
