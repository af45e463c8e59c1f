//! Why an answer is over, in the words of chat completions.

use crate::exchange::response::Finish;
use crate::protocol::lines::values;
use crate::protocol::watch::begins_with_text;

/// What the answer held, which some upstreams' reasons leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Calls of tools.
    ToolCalls,
    /// A refusal.
    Refusal,
    /// Neither.
    Neither,
}

/// Reads a `finish_reason`. Some upstreams say `stop` although tools are called, and one that is unknown is a stop like any other.
pub(super) fn read(reason: &str, held: Held) -> Finish<'static> {
    match (reason, held) {
        ("length", _) => Finish::Length,
        ("content_filter", _) => Finish::Filtered,
        ("tool_calls" | "function_call", _) | (_, Held::ToolCalls) => Finish::ToolCalls,
        (_, Held::Refusal) => Finish::Refused,
        (_, Held::Neither) => Finish::Stop,
    }
}

/// Whether a `finish_reason` says that the answer was cut: `error` of OpenRouter and Mistral, `abort` of vLLM and SGLang, and DeepSeek's.
///
/// Sources: openrouter.ai/docs/api-reference/errors; vLLM's `FinishReason`; api-docs.deepseek.com/api/create-chat-completion; read in autumn 2026.
pub(super) fn is_failure(reason: &str) -> bool {
    matches!(reason, "error" | "abort" | "aborted" | "insufficient_system_resource")
}

/// Whether a chunk may give a reason for its end: `"finish_reason"` with a string. Some vendors have an empty one in every chunk before.
pub(super) fn may_be_in(chunk: &[u8]) -> bool {
    values(chunk, b"\"finish_reason\"").any(begins_with_text)
}

/// Writes a `finish_reason`. A refusal that the model put into words is a stop in this format; one without words is a filter's.
pub(super) fn written(finish: &Finish<'_>, held: Held, knows_one_call: bool) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopText(_) | Finish::Paused => "stop",
        Finish::Length => "length",
        Finish::ToolCalls if knows_one_call => "function_call",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
        Finish::Refused => match held {
            Held::Refusal => "stop",
            Held::ToolCalls | Held::Neither => "content_filter",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_is_no_stop() {
        for (reason, is_cut) in
            [("error", true), ("abort", true), ("insufficient_system_resource", true), ("stop", false), ("eos", false)]
        {
            assert_eq!(is_failure(reason), is_cut, "{reason}");
        }
    }

    #[test]
    fn a_reason_is_read_in_the_light_of_the_answer() {
        for (reason, held, finish) in [
            ("stop", Held::Neither, Finish::Stop),
            ("stop", Held::ToolCalls, Finish::ToolCalls),
            ("stop", Held::Refusal, Finish::Refused),
            ("length", Held::ToolCalls, Finish::Length),
            ("tool_calls", Held::Neither, Finish::ToolCalls),
            ("function_call", Held::ToolCalls, Finish::ToolCalls),
            ("content_filter", Held::Refusal, Finish::Filtered),
            ("eos", Held::Neither, Finish::Stop),
            ("", Held::ToolCalls, Finish::ToolCalls),
        ] {
            assert_eq!(read(reason, held), finish, "{reason} {held:?}");
        }
    }

    #[test]
    fn every_reason_is_one_of_the_formats() {
        for (finish, held, reason) in [
            (Finish::Stop, Held::Neither, "stop"),
            (Finish::StopText(Some("x".into())), Held::Neither, "stop"),
            (Finish::Paused, Held::Neither, "stop"),
            (Finish::Length, Held::Neither, "length"),
            (Finish::ToolCalls, Held::ToolCalls, "tool_calls"),
            (Finish::Filtered, Held::Neither, "content_filter"),
            (Finish::Refused, Held::Refusal, "stop"),
            (Finish::Refused, Held::Neither, "content_filter"),
        ] {
            assert_eq!(written(&finish, held, false), reason, "{finish:?}");
        }
        assert_eq!(written(&Finish::ToolCalls, Held::ToolCalls, true), "function_call");
    }
}
