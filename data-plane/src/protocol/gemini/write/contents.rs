//! The conversation of a request.

use std::collections::HashMap;

use serde::Serialize;
use shared::catalog::rules::{CallIds, ReasoningForm};

use super::unsayable;
use crate::exchange::json::Json;
use crate::exchange::manner::Manner;
use crate::exchange::message::{self, DocumentBody, Message, Role, Source};
use crate::exchange::text::Text;
use crate::exchange::tool::{ToolCall, ToolResult};
use crate::json;
use crate::protocol::Unsayable;
use crate::protocol::gemini::part::{FunctionCall, FunctionResponse, NO_SIGNATURE, Part, is_googles};

/// A turn of the conversation.
#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

/// Writes the turns.
///
/// # Errors
///
/// When one holds what the format can't say.
pub(super) fn written<'a>(messages: &'a [Message<'a>], manner: &Manner) -> Result<Vec<Content<'a>>, Unsayable> {
    let mut conversation = Conversation { manner, contents: Vec::new(), calls: HashMap::new(), count: 0 };
    for turn in messages.chunk_by(|left, right| is_model(left) == is_model(right)) {
        let parts = turn.iter().flat_map(|message| &message.parts);
        if turn.first().is_some_and(is_model) {
            conversation.model(parts)?;
        } else {
            conversation.user(parts)?;
        }
    }
    Ok(conversation.contents)
}

/// Gemini has two sides only: what the application says in the middle of the conversation stands where the user speaks.
fn is_model(message: &Message<'_>) -> bool {
    match message.role {
        Role::Assistant => true,
        Role::User | Role::System => false,
    }
}

impl<'a> Content<'a> {
    /// What the user says; `None` for nothing.
    pub(super) fn of_user(parts: Vec<Part<'a>>) -> Option<Self> {
        Self::of("user", parts)
    }

    fn of(role: &'static str, parts: Vec<Part<'a>>) -> Option<Self> {
        (!parts.is_empty()).then_some(Self { role, parts })
    }
}

/// The turns so far.
struct Conversation<'a, 'm> {
    manner: &'m Manner,
    contents: Vec<Content<'a>>,
    /// The calls so far, by their ids: which one it is, and the tool's name. Of several with one id the last.
    calls: HashMap<&'a str, (usize, &'a Text<'a>)>,
    /// How many there are.
    count: usize,
}

impl<'a> Conversation<'a, '_> {
    fn model(&mut self, turn: impl Iterator<Item = &'a message::Part<'a>>) -> Result<(), Unsayable> {
        let before = self.count;
        let mut parts = Vec::new();
        for part in turn {
            match &part.content {
                message::Content::ToolCall(call) => {
                    let is_first = self.count == before;
                    parts.push(self.call(call, is_first.then(|| self.stand_in()).flatten()));
                    self.calls.insert(&call.id, (self.count, &call.name));
                    self.count += 1;
                }
                other => said(other, &mut parts)?,
            }
        }
        self.contents.extend(Content::of("model", parts));
        Ok(())
    }

    /// What stands for the signature of a step's first call, if it has none: models that are told to think by a word, which are those from
    /// Gemini 3 on, want one there.
    fn stand_in(&self) -> Option<Text<'a>> {
        match self.manner.reasoning {
            ReasoningForm::Effort => Some(NO_SIGNATURE.into()),
            ReasoningForm::Budget | ReasoningForm::None => None,
        }
    }

    fn call(&self, call: &'a ToolCall<'a>, stand_in: Option<Text<'a>>) -> Part<'a> {
        let function_call = FunctionCall { id: self.id(&call.id), name: &call.name, args: call.arguments.borrowed() };
        Part {
            function_call: Some(function_call),
            thought_signature: call.signature.as_ref().map(Text::borrowed).or(stand_in),
            ..Part::default()
        }
    }

    /// The responses of functions stand alone in a content, in the order of their calls. Whatever else the user says, and what a response
    /// holds beside text, follows in another.
    fn user(&mut self, turn: impl Iterator<Item = &'a message::Part<'a>>) -> Result<(), Unsayable> {
        let mut responses = Vec::new();
        let mut beside = Vec::new();
        let mut others = Vec::new();
        for part in turn {
            match &part.content {
                message::Content::ToolResult(result) => {
                    responses.push(self.response(result)?);
                    for part in &result.content {
                        if part.as_text().is_none() {
                            said(&part.content, &mut beside)?;
                        }
                    }
                }
                other => said(other, &mut others)?,
            }
        }
        responses.sort_by_key(|(order, _)| *order);
        let responses = responses.into_iter().map(|(_, part)| part).collect();
        beside.append(&mut others);
        self.contents.extend(Content::of("user", responses));
        self.contents.extend(Content::of("user", beside));
        Ok(())
    }

    fn response(&self, result: &'a ToolResult<'a>) -> Result<(Option<usize>, Part<'a>), Unsayable> {
        let call = self.calls.get(result.id.as_str()).copied();
        let (order, called) = call.map_or((None, None), |(order, name)| (Some(order), Some(name)));
        let Some(name) = called.or(result.name.as_ref()) else {
            let what = format!("the tool result for the call {}", &*result.id);
            return Err(unsayable(&what, "which wants the tool's name: send the call in a message before its result"));
        };
        let function_response = FunctionResponse { id: self.id(&result.id), name, response: response(result) };
        Ok((order, Part { function_response: Some(function_response), ..Part::default() }))
    }

    fn id(&self, id: &'a str) -> Option<&'a str> {
        (self.manner.call_ids != CallIds::Absent).then_some(id)
    }
}

/// Writes what is neither a call nor its result.
fn said<'a>(content: &'a message::Content<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), Unsayable> {
    match content {
        message::Content::Text { text, .. } | message::Content::Refusal(text) => {
            // Google refuses empty texts.
            parts.extend((!text.is_empty()).then(|| Part::text(text)));
        }
        message::Content::Image(image) => parts.push(source("the image", &image.source)?),
        message::Content::Audio(audio) => parts.push(source("the audio", &audio.source)?),
        message::Content::Document(document) => {
            parts.extend(document.context.as_deref().map(Part::text));
            parts.push(match &document.body {
                DocumentBody::Text(text) => Part::text(text),
                DocumentBody::Bytes(bytes) => source("the document", bytes)?,
            });
        }
        // Calls and results stand elsewhere. Thoughts need not be sent back, and their signatures may be another provider's.
        message::Content::ToolCall(_)
        | message::Content::ToolResult(_)
        | message::Content::Reasoning { .. }
        | message::Content::SealedReasoning(_) => {}
    }
    Ok(())
}

/// Bytes: here, or where Google keeps them. It does not fetch from elsewhere.
fn source<'a>(what: &str, source: &'a Source<'a>) -> Result<Part<'a>, Unsayable> {
    let is_at_google = match source {
        Source::Inline { .. } => true,
        Source::Url { .. } => false,
        Source::File(uri) => is_googles(uri),
    };
    if is_at_google {
        return Ok(Part::source(source));
    }
    let instead =
        "which takes bytes, and URIs of files that were uploaded to Google (gs:// at Vertex AI): send one of these";
    Err(unsayable(what, instead))
}

/// A result as an object, as Google wants it: `{"output": …}`, `{"error": …}`, or the object that it is.
fn response<'a>(result: &'a ToolResult<'a>) -> Json<'a> {
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Named<'a> {
        Output(&'a str),
        Error(&'a str),
    }
    let mut texts = result.content.iter().filter_map(message::Part::as_text);
    let (first, second) = (texts.next(), texts.next());
    let joined;
    let text = match (first, second) {
        (None, _) => "",
        (Some(text), None) if !result.is_error && is_plain_object(text) => {
            return Json::parse(text).unwrap_or_else(|| Json::of(&Named::Output(text)));
        }
        (Some(text), None) => text.as_str(),
        (Some(first), Some(second)) => {
            let texts: Vec<&str> = [first, second].into_iter().chain(texts).map(|text| text.as_str()).collect();
            joined = texts.join("\n");
            &joined
        }
    };
    Json::of(&if result.is_error { Named::Error(text) } else { Named::Output(text) })
}

/// Whether a text is an object none of whose members Google understands in a way of its own.
fn is_plain_object(text: &str) -> bool {
    let mut is_plain = true;
    let read = json::members(text.as_bytes(), |key, _| {
        is_plain &= !matches!(&*key, b"output" | b"result" | b"error");
        Ok::<_, json::JsonError>(())
    });
    is_plain && read.is_ok()
}
