//! Reads an upstream's whole answer. [`reply`](super::reply) writes a caller's.

#[cfg(test)]
mod tests;

use super::answer::{Answer, Candidate, Grounding, Ids, finish};
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Choice, Finish, Response};
use crate::protocol::{NotAnAnswer, Seed};

/// Reads an answer.
///
/// # Errors
///
/// When it is none, and when the model did what it must not.
pub(super) fn read<'a>(body: &'a [u8], seed: &Seed<'_>) -> Result<Response<'a>, NotAnAnswer> {
    let answer = Answer::read(body)?;
    let usage = answer.usage();
    let blocked = answer.is_blocked().then_some(Choice { parts: Vec::new(), finish: Finish::Filtered, logprobs: None });
    let mut candidates = answer.candidates.unwrap_or_default();
    candidates.sort_by_key(|candidate| candidate.index.unwrap_or(0));
    let mut ids = Ids::new(seed);
    let read = candidates.into_iter().map(|candidate| choice(candidate, &mut ids));
    let choices = read.chain(blocked.map(Ok)).collect::<Result<Vec<_>, _>>()?;
    if choices.is_empty() {
        return Err(NotAnAnswer);
    }
    Ok(Response { id: answer.response_id, model: answer.model_version, choices, usage })
}

fn choice<'a>(mut candidate: Candidate<'a>, ids: &mut Ids) -> Result<Choice<'a>, NotAnAnswer> {
    let mut parts = Vec::new();
    for part in candidate.take_parts() {
        parts.extend(part.content(ids)?.map(Part::of));
    }
    if let Some(grounding) = &candidate.grounding_metadata {
        cite(&mut parts, grounding);
    }
    let has_calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    let finish = finish(candidate.finish_reason().unwrap_or_default(), has_calls).map_err(|_| NotAnAnswer)?;
    Ok(Choice { parts, finish, logprobs: None })
}

/// Google's sources are those of the answer, which is one text almost always.
fn cite<'a>(parts: &mut [Part<'a>], grounding: &Grounding<'a>) {
    let texts = parts.iter_mut().rev().find_map(|part| match &mut part.content {
        Content::Text { text, citations } => Some((text, citations)),
        _ => None,
    });
    if let Some((text, citations)) = texts {
        *citations = grounding.citations(Some(text));
    }
}
