//! Whole answers.

use super::replay::replay;
use super::{Between, Trouble};
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Choice, Finish};
use crate::protocol::{
    ANSWER_TOOL, Dialect, MOST_CALLS, MOST_CHOICES, NotAnAnswer, Unsayable, openai, provenance, responses,
};

/// Why a whole answer can't go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WholeError {
    #[error(transparent)]
    NotAnAnswer(#[from] NotAnAnswer),
    /// The caller's format has no words for it.
    #[error(transparent)]
    Unsayable(#[from] Unsayable),
}

/// An upstream's whole answer as the caller's.
///
/// # Errors
///
/// When it is none, or holds what the caller's format can't say.
pub(crate) fn whole(between: &Between<'_>, body: &[u8]) -> Result<Vec<u8>, WholeError> {
    let mut response = between.upstream.protocol().read_response(body, &between.seed())?;
    let parts = response.choices.iter().flat_map(|choice| &choice.parts);
    let names = parts.filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(&call.name),
        _ => None,
    });
    let is_too_much = response.choices.len() > MOST_CHOICES || names.clone().count() > MOST_CALLS;
    if is_too_much || names.clone().any(|name| name.is_empty()) {
        return Err(NotAnAnswer.into());
    }
    if between.answers_by_tool {
        response.choices.iter_mut().for_each(unwrap);
    }
    provenance::mark_response(&mut response, between.upstream, between.caller);
    Ok(between.caller.protocol().write_response(&response, &between.reply)?)
}

/// An upstream's whole answer as the stream that the caller asked for.
///
/// # Errors
///
/// When it is none, or holds what the caller's format can't say.
pub(crate) fn streamed(between: &Between<'_>, body: &[u8]) -> Result<Vec<u8>, WholeError> {
    let response = between.upstream.protocol().read_response(body, &between.seed())?;
    let mut books = between.books();
    replay(response, &mut books)?;
    match books.trouble() {
        None => books.close()?,
        Some(Trouble::Unsayable(unsayable)) => return Err(unsayable.into()),
        // A whole answer has its pieces in order.
        Some(Trouble::Disorder | Trouble::Fault(_)) => return Err(NotAnAnswer.into()),
    }
    Ok(books.take().into())
}

/// An upstream's whole answer as the stream of the same format that the caller asked for. `None` where that would say less than the answer, or end
/// better, and where the format's clients see by themselves that the answer is no stream.
pub(crate) fn replayed(between: &Between<'_>, body: &[u8]) -> Option<Vec<u8>> {
    let is_plain = match between.upstream {
        Dialect::Chat => openai::is_plain(body),
        Dialect::Responses => responses::is_plain(body),
        Dialect::Anthropic | Dialect::Gemini | Dialect::Bedrock | Dialect::Cohere => false,
    };
    is_plain.then(|| streamed(between, body).ok())?
}

/// Takes the answer out of the tool that it came as. It is all of what is said: what announces the call would make it no JSON.
pub(super) fn unwrap(choice: &mut Choice<'_>) {
    let is_answer = |part: &Part<'_>| matches!(&part.content, Content::ToolCall(call) if *call.name == *ANSWER_TOOL);
    let Some(answer) = choice.parts.iter().position(is_answer) else { return };
    let announces = |part: &Part<'_>| {
        matches!(part.content, Content::Text { .. } | Content::Reasoning { .. } | Content::SealedReasoning(_))
    };
    // What leads to another call stays with that, as it does in a stream.
    let kept = choice.parts[..answer].iter().rposition(|part| !announces(part)).map_or(0, |last| last + 1);
    let mut at = 0..;
    choice.parts.retain(|part| {
        let is_kept = at.next().is_some_and(|at| at < kept);
        is_kept || !matches!(part.content, Content::Text { .. })
    });
    // Of several answers the first is one; all of them together would be no JSON.
    let mut has_answer = false;
    choice.parts.retain(|part| !is_answer(part) || !std::mem::replace(&mut has_answer, true));
    for part in &mut choice.parts {
        if let Content::ToolCall(call) = &part.content
            && *call.name == *ANSWER_TOOL
        {
            *part = Part::text(call.arguments.as_str().to_owned());
        }
    }
    let has_calls = choice.parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    if !has_calls && choice.finish == Finish::ToolCalls {
        choice.finish = Finish::Stop;
    }
}
