//! Writes the conversation as items.

use std::borrow::Cow;

use serde::Serialize;

use super::tools::checked;
use crate::exchange::manner::Manner;
use crate::exchange::message::{Content, Document, DocumentBody, Image, Message, Part as Said, Role, Source};
use crate::exchange::request::Request;
use crate::exchange::text::Text;
use crate::exchange::tool::ToolResult;
use crate::protocol::openai::json_word;
use crate::protocol::responses::output::{Annotation, annotations};
use crate::protocol::{Unsayable, call_id};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        /// Vendors that hold a model's parts to their type want one, and it may be any.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
        role: &'static str,
        content: Parts<'a>,
    },
    FunctionCall {
        call_id: Cow<'a, str>,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: Cow<'a, str>,
        output: Parts<'a>,
    },
    /// Without an id: its provider knows it by what is sealed, and refuses one that does not belong to that.
    Reasoning {
        summary: Vec<Thought<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<[Thought<'a>; 1]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thought<'a> {
    SummaryText { text: &'a str },
    ReasoningText { text: &'a str },
}

/// What is said. One text is said as such, which every vendor reads.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Parts<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    InputText {
        text: &'a str,
    },
    OutputText {
        text: &'a str,
        annotations: Vec<Annotation<'a>>,
    },
    Refusal {
        refusal: &'a str,
    },
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        detail: &'a str,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
    },
}

pub(super) fn items<'a>(request: &'a Request<'_>, manner: &Manner) -> Result<Vec<Item<'a>>, Unsayable> {
    let mut items = Vec::with_capacity(request.messages.len() + 1);
    if json_word::is_lacking_in_conversation(request) {
        let content = Parts::Text(json_word::ASKS);
        items.push(Item::Message { id: None, status: None, role: "system", content });
    }
    for message in &request.messages {
        turn(message, manner, &mut items)?;
    }
    Ok(items)
}

/// What stands before the conversation, as an item of it.
pub(super) fn before<'a>(request: &'a Request<'_>) -> Vec<Item<'a>> {
    let mut parts = Vec::new();
    for said in &request.system {
        part(said, Role::System, &mut parts);
    }
    said_in(Role::System, &mut parts, 0).into_iter().collect()
}

/// A turn: what is said without a break is one message.
fn turn<'a>(message: &'a Message<'_>, manner: &Manner, items: &mut Vec<Item<'a>>) -> Result<(), Unsayable> {
    let mut parts = Vec::new();
    for said in &message.parts {
        let item = match &said.content {
            Content::ToolCall(call) => Item::FunctionCall {
                call_id: call_id::in_responses(&call.id),
                name: checked(&call.name)?,
                arguments: call.arguments.as_str(),
            },
            Content::ToolResult(result) => output(result),
            Content::Reasoning { .. } | Content::SealedReasoning(_) => match reasoning(&said.content, manner) {
                Some(item) => item,
                None => continue,
            },
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_) => {
                part(said, message.role, &mut parts);
                continue;
            }
        };
        items.extend(said_in(message.role, &mut parts, items.len()));
        items.push(item);
    }
    items.extend(said_in(message.role, &mut parts, items.len()));
    Ok(())
}

/// What was said up to here, as a message with this index.
fn said_in<'a>(role: Role, parts: &mut Vec<Part<'a>>, index: usize) -> Option<Item<'a>> {
    if parts.is_empty() {
        return None;
    }
    let content = shortest(std::mem::take(parts));
    let is_typed = role == Role::Assistant && matches!(content, Parts::Parts(_));
    let role = match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let (id, status) = (is_typed.then(|| format!("msg_{index}")), is_typed.then_some("completed"));
    Some(Item::Message { id, status, role, content })
}

fn shortest(parts: Vec<Part<'_>>) -> Parts<'_> {
    match &parts[..] {
        [Part::InputText { text }] => Parts::Text(text),
        [Part::OutputText { text, annotations }] if annotations.is_empty() => Parts::Text(text),
        _ => Parts::Parts(parts),
    }
}

fn output<'a>(result: &'a ToolResult<'_>) -> Item<'a> {
    let mut parts = Vec::new();
    for said in &result.content {
        part(said, Role::User, &mut parts);
    }
    let output = if parts.is_empty() { Parts::Text("") } else { shortest(parts) };
    Item::FunctionCallOutput { call_id: call_id::in_responses(&result.id), output }
}

/// Reasoning goes back as its provider sealed it; what is open goes to those alone who want it.
fn reasoning<'a>(content: &'a Content<'_>, manner: &Manner) -> Option<Item<'a>> {
    match content {
        Content::Reasoning { text, signature: Some(signature) } => {
            let summary = vec![Thought::SummaryText { text }];
            Some(Item::Reasoning { summary, content: None, encrypted_content: Some(signature) })
        }
        Content::Reasoning { text, signature: None } => {
            let content = Some([Thought::ReasoningText { text }]);
            let is_wanted = manner.reasoning_field.is_some();
            is_wanted.then_some(Item::Reasoning { summary: Vec::new(), content, encrypted_content: None })
        }
        Content::SealedReasoning(sealed) => {
            Some(Item::Reasoning { summary: Vec::new(), content: None, encrypted_content: Some(sealed) })
        }
        Content::Text { .. }
        | Content::Refusal(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_) => None,
    }
}

/// A part of a message or of a result. Audio can't be said, which was checked before.
fn part<'a>(said: &'a Said<'_>, role: Role, parts: &mut Vec<Part<'a>>) {
    match &said.content {
        Content::Text { text, citations } => parts.push(match role {
            Role::Assistant => Part::OutputText { text, annotations: annotations(citations, text).collect() },
            Role::System | Role::User => Part::InputText { text },
        }),
        Content::Refusal(refusal) => parts.push(Part::Refusal { refusal }),
        Content::Image(image) => parts.push(of_image(image)),
        Content::Document(document) => of_document(document, parts),
        Content::Audio(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::Reasoning { .. }
        | Content::SealedReasoning(_) => {}
    }
}

fn of_image<'a>(image: &'a Image<'_>) -> Part<'a> {
    let file_id = match &image.source {
        Source::File(file) => Some(file.as_str()),
        Source::Inline { .. } | Source::Url { .. } => None,
    };
    let detail = image.detail.as_deref().unwrap_or("auto");
    Part::InputImage { image_url: image.source.to_url(), file_id, detail }
}

/// A text is said as such, below its name; what there is to know of a file stands before it.
fn of_document<'a>(document: &'a Document<'_>, parts: &mut Vec<Part<'a>>) {
    let filename = document.name.as_deref();
    parts.extend(document.context.as_deref().map(|text| Part::InputText { text }));
    match &document.body {
        DocumentBody::Text(text) => {
            parts.extend(filename.map(|text| Part::InputText { text }));
            parts.push(Part::InputText { text });
        }
        DocumentBody::Bytes(source @ Source::Inline { .. }) => parts.push(Part::InputFile {
            // Bytes without a name are refused, and what they are is told by its ending.
            filename: Some(document.file_name()),
            file_data: source.to_url(),
            file_url: None,
            file_id: None,
        }),
        DocumentBody::Bytes(Source::Url { url, .. }) => {
            parts.push(Part::InputFile { filename: None, file_data: None, file_url: Some(url), file_id: None });
        }
        DocumentBody::Bytes(Source::File(file)) => {
            parts.push(Part::InputFile { filename: None, file_data: None, file_url: None, file_id: Some(file) });
        }
    }
}
