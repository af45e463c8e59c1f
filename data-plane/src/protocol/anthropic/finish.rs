//! Why an answer is over, in Anthropic's words.
//!
//! Source: docs.anthropic.com/en/api/handling-stop-reasons, read in autumn 2026.

use crate::exchange::response::Finish;
use crate::exchange::text::Text;

/// What a stop reason says; `None` for one that is newer than this.
pub(super) fn read<'a>(reason: &str, sequence: Option<Text<'a>>) -> Option<Finish<'a>> {
    Some(match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopText(sequence),
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refused,
        "pause_turn" => Finish::Paused,
        _ => return None,
    })
}

/// The stop reason.
pub(super) fn reason(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::StopText(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered | Finish::Refused => "refusal",
        Finish::Paused => "pause_turn",
    }
}

/// The text that ended it, if one did.
pub(super) fn sequence<'f>(finish: &'f Finish<'_>) -> Option<&'f str> {
    match finish {
        Finish::StopText(text) => text.as_deref(),
        Finish::Stop | Finish::Length | Finish::ToolCalls | Finish::Filtered | Finish::Refused | Finish::Paused => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let finishes = [
            Finish::Stop,
            Finish::StopText(Some("END".into())),
            Finish::StopText(None),
            Finish::Length,
            Finish::ToolCalls,
            Finish::Refused,
            Finish::Paused,
        ];
        for finish in finishes {
            assert_eq!(read(reason(&finish), sequence(&finish).map(Text::from)), Some(finish.clone()));
        }
        assert_eq!(reason(&Finish::Filtered), "refusal");
        assert_eq!(read("model_context_window_exceeded", None), Some(Finish::Length));
        assert_eq!(read("something_new", None), None);
    }
}
