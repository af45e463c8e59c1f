//! What a request of one dialect says that another can't: refused where leaving it out would change what is meant, and else warned of. So is what
//! no upstream takes, since each refuses it in the words of its own format.

use std::collections::HashMap;

use shared::catalog::rules::ForcedTools;

use super::Dialect;
use crate::exchange::feature::{Feature, Features};
use crate::exchange::manner::Manner;
use crate::exchange::message::Content;
use crate::exchange::request::{Loss, Request};
use crate::exchange::tool::ToolChoice;

/// The most fields that are warned of.
const MOST_WARNED: usize = 16;

/// What is lost on the way into another dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The caller's fields that are left out, each once, up to 16: a warning says so.
    pub(crate) warned: Vec<String>,
}

/// Something that would change what the request means, if it were left out, or that no upstream takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field {field} {}", lacking.words(*to))]
pub(crate) struct Refused {
    /// The caller's field.
    pub(crate) field: String,
    /// What the request would have been written in.
    pub(crate) to: Dialect,
    /// What is not there.
    pub(crate) lacking: Lacking,
}

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// Such a thing in the format.
    Format,
    /// Such a thing in the model, though the format has it.
    Model,
    /// The tool that is to be called.
    Tool,
    /// A word.
    Words,
    /// A call that waits for this result.
    Call,
}

impl Lacking {
    fn words(self, to: Dialect) -> String {
        match self {
            Self::Format => format!(
                "can't be said to {}; leave it out, or ask for a model that is served in a format that has it",
                to.display_name()
            ),
            Self::Model => {
                "can't be said to the model, which decides for itself; leave it out, or ask for another model"
                    .to_owned()
            }
            Self::Tool => "names a tool that is not one of the request's".to_owned(),
            Self::Words => "says nothing: give at least one message with something in it".to_owned(),
            Self::Call => format!("gives a call of a tool two results, of which {} takes one", to.display_name()),
        }
    }
}

/// What of a request is lost between two dialects.
///
/// # Errors
///
/// When something would be that must not, and when the request is one that no upstream takes.
pub(crate) fn check(request: &Request<'_>, from: Dialect, to: Dialect) -> Result<Lost, Refused> {
    let features = Features::of(request);
    let mut warned = Vec::new();
    for (feature, loss) in to.protocol().cannot() {
        if features.has(*feature) {
            lose(*loss, field(from, *feature).to_owned(), to, &mut warned)?;
        }
    }
    for extra in &request.extras {
        lose(extra.loss, extra.field.as_str().to_owned(), to, &mut warned)?;
    }
    // Whatever may stand in the place of these has a better reason to be refused.
    if !says_something(request) {
        return Err(Refused { field: conversation(from).to_owned(), to, lacking: Lacking::Words });
    }
    if !has_chosen_tool(request) {
        let field = field(from, Feature::ToolChoiceNamed).to_owned();
        return Err(Refused { field, to, lacking: Lacking::Tool });
    }
    if matches!(to, Dialect::Anthropic | Dialect::Bedrock | Dialect::Gemini) && has_second_result(request) {
        return Err(Refused { field: conversation(from).to_owned(), to, lacking: Lacking::Call });
    }
    Ok(Lost { warned })
}

/// Whether there is anything to answer. A text that is empty is: some take it.
fn says_something(request: &Request<'_>) -> bool {
    !request.system.is_empty() || request.messages.iter().any(|message| !message.parts.is_empty())
}

/// Whether there are more results of an id than calls before them. An id may come again with another call.
fn has_second_result(request: &Request<'_>) -> bool {
    let mut waiting: HashMap<&str, usize> = HashMap::new();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match &part.content {
            Content::ToolCall(call) => *waiting.entry(&call.id).or_default() += 1,
            Content::ToolResult(result) => match waiting.get_mut(&*result.id) {
                Some(0) => return true,
                Some(calls) => *calls -= 1,
                // A result of nothing is another matter, and the upstream's.
                None => {}
            },
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Reasoning { .. }
            | Content::SealedReasoning(_) => {}
        }
    }
    false
}

fn has_chosen_tool(request: &Request<'_>) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Named(name)) => request.tools.iter().any(|tool| tool.name == *name),
        Some(ToolChoice::Auto | ToolChoice::Required | ToolChoice::Never) | None => true,
    }
}

/// What a model can't do although its format can say it.
///
/// # Errors
///
/// When the model has to call a tool and can't be made to.
pub(crate) fn check_model(request: &Request<'_>, from: Dialect, to: Dialect, manner: &Manner) -> Result<(), Refused> {
    let feature = match request.tool_choice {
        Some(ToolChoice::Required) => Feature::ToolChoiceRequired,
        Some(ToolChoice::Named(_)) => Feature::ToolChoiceNamed,
        Some(ToolChoice::Auto | ToolChoice::Never) | None => return Ok(()),
    };
    match manner.forced_tools {
        ForcedTools::None if !request.tools.is_empty() => {
            Err(Refused { field: field(from, feature).to_owned(), to, lacking: Lacking::Model })
        }
        ForcedTools::Named | ForcedTools::Any | ForcedTools::None => Ok(()),
    }
}

fn lose(loss: Loss, field: String, to: Dialect, warned: &mut Vec<String>) -> Result<(), Refused> {
    match loss {
        Loss::Silent => {}
        // Callers may write any number of fields, and nobody reads so many warnings.
        Loss::Warned if warned.len() >= MOST_WARNED || warned.contains(&field) => {}
        Loss::Warned => warned.push(field),
        Loss::Refused => return Err(Refused { field, to, lacking: Lacking::Format }),
    }
    Ok(())
}

/// What a dialect calls the conversation.
fn conversation(from: Dialect) -> &'static str {
    match from {
        Dialect::Chat | Dialect::Anthropic | Dialect::Bedrock | Dialect::Cohere => "messages",
        Dialect::Responses => "input",
        Dialect::Gemini => "contents",
    }
}

/// A feature's field in a dialect's words.
pub(super) fn field(from: Dialect, feature: Feature) -> &'static str {
    // What was read from the dialect has a name there; a table with a hole is found by a test.
    from.protocol().field(feature).unwrap_or("(body)")
}

#[cfg(test)]
mod tests;
