//! Why answers are over, in Cohere's words.
//!
//! Source: docs.cohere.com/reference/chat (`finish_reason`), read in autumn 2026.

use http::StatusCode;

use crate::exchange::response::Finish;

/// What a reason means; the status that it would have been answered with, where it is none but a failure. One that is not known is an answer
/// that is over.
pub(super) fn read(reason: &str) -> Result<Finish<'static>, StatusCode> {
    match reason {
        "STOP_SEQUENCE" => Ok(Finish::StopText(None)),
        "MAX_TOKENS" => Ok(Finish::Length),
        "TOOL_CALL" => Ok(Finish::ToolCalls),
        "ERROR" => Err(StatusCode::INTERNAL_SERVER_ERROR),
        "TIMEOUT" => Err(StatusCode::GATEWAY_TIMEOUT),
        _ => Ok(Finish::Stop),
    }
}

/// The status that the end of a stream would have been answered with, where it says that the stream failed.
pub(super) fn failure(reason: Option<&str>, error: Option<&str>) -> Option<StatusCode> {
    let failed = reason.and_then(|reason| read(reason).err());
    failed.or(error.map(|_| StatusCode::INTERNAL_SERVER_ERROR))
}

/// What is said of a stream that ends and says not why.
pub(super) const UNFINISHED: &str = "the upstream ended the stream without a reason";

/// What is said beside the word of an answer that a filter took, which the format has no reason for.
const FILTERED: &str = "the provider's content filter stopped the answer";

/// The same of a model that would not answer, or not go on.
const REFUSED: &str = "the model refused to answer";

/// What has to be said beside a reason's word; it stands for the text, too, of an answer that has none: whoever shows it shows why.
pub(super) fn why(finish: &Finish<'_>) -> Option<&'static str> {
    match finish {
        Finish::Filtered => Some(FILTERED),
        Finish::Refused => Some(REFUSED),
        Finish::Stop | Finish::StopText(_) | Finish::Length | Finish::ToolCalls | Finish::Paused => None,
    }
}

/// What counts as the reason: a refusal that the model put into words is an answer like any other.
pub(super) fn told<'f>(finish: &'f Finish<'f>, is_worded: bool) -> &'f Finish<'f> {
    if is_worded && *finish == Finish::Refused { &Finish::Stop } else { finish }
}

/// A reason's word. There is none for a filter nor for a refusal: that the answer is not whole must still be seen, and [`why`] is said beside it.
pub(super) fn written(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Stop | Finish::Paused => "COMPLETE",
        Finish::StopText(_) => "STOP_SEQUENCE",
        Finish::Length => "MAX_TOKENS",
        Finish::ToolCalls => "TOOL_CALL",
        Finish::Filtered | Finish::Refused => "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_mean_what_the_reference_says() {
        for (reason, expected) in [
            ("COMPLETE", Ok(Finish::Stop)),
            ("STOP_SEQUENCE", Ok(Finish::StopText(None))),
            ("MAX_TOKENS", Ok(Finish::Length)),
            ("TOOL_CALL", Ok(Finish::ToolCalls)),
            ("ERROR", Err(StatusCode::INTERNAL_SERVER_ERROR)),
            ("TIMEOUT", Err(StatusCode::GATEWAY_TIMEOUT)),
            ("OF_TOMORROW", Ok(Finish::Stop)),
        ] {
            assert_eq!(read(reason), expected, "{reason}");
            if let (Ok(finish), false) = (&expected, reason == "OF_TOMORROW") {
                assert_eq!(written(finish), reason);
            }
        }
    }
}
