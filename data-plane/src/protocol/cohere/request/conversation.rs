//! Writes a conversation.

use serde::Serialize;
use shared::catalog::rules::ReasoningForm;

use crate::exchange::manner::Manner;
use crate::exchange::message::{Content, Document, DocumentBody, Image, Message, Part, Role};
use crate::exchange::request::Request;
use crate::exchange::text::Text;
use crate::exchange::tool::ToolResult;
use crate::protocol::Unsayable;
use crate::protocol::cohere::call::Call;

/// What a tool gave that gave nothing that can be said in its message.
const NO_OUTPUT: &str = "(no output)";
/// The same, where an image follows.
const IMAGE: &str = "(See the image.)";

/// A message.
#[derive(Debug, Default, Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_plan: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Said::is_nothing")]
    content: Said<'a>,
}

/// A content.
#[derive(Debug, Default, Serialize)]
#[serde(untagged)]
enum Said<'a> {
    #[default]
    Nothing,
    /// What most are.
    Text(&'a str),
    Items(Vec<Item<'a>>),
}

impl Said<'_> {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// A piece of a content.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Debug, Serialize)]
struct ImageUrl<'a> {
    url: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// A document that the answer is made from.
#[derive(Debug, Serialize)]
pub(super) struct Source<'a> {
    data: Fields<'a>,
}

#[derive(Debug, Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    snippet: &'a str,
}

/// A conversation that is being written.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) documents: Vec<Source<'a>>,
    /// The model knows what thinking is.
    thinks: bool,
}

impl<'a> Conversation<'a> {
    /// A conversation, with a word to the model before it if there is one.
    ///
    /// # Errors
    ///
    /// When something in it can't be said, or nothing is.
    pub(super) fn of(request: &'a Request<'_>, manner: &Manner, word: Option<&'a str>) -> Result<Self, Unsayable> {
        let thinks = manner.reasoning != ReasoningForm::None;
        let mut written = Self { turns: Vec::new(), documents: Vec::new(), thinks };
        written.system(&request.system, word);
        for Message { role, parts } in &request.messages {
            match role {
                Role::System => written.system(parts, None),
                Role::User => written.user(parts)?,
                Role::Assistant => written.assistant(parts),
            }
        }
        if written.turns.is_empty() {
            let why = "can't be sent to Cohere: give at least one message with something in it".to_owned();
            return Err(Unsayable { what: "a conversation in which nothing is said".to_owned(), why });
        }
        Ok(written)
    }

    fn push(&mut self, turn: Turn<'a>) {
        // What says nothing is refused.
        if !turn.content.is_nothing() || !turn.tool_calls.is_empty() || turn.tool_plan.is_some() {
            self.turns.push(turn);
        }
    }

    fn system(&mut self, parts: &'a [Part<'_>], word: Option<&'a str>) {
        let texts = parts.iter().filter_map(Part::as_text).map(|text| text.as_str()).chain(word);
        let items = texts.filter(|text| !text.is_empty()).map(|text| Item::Text { text }).collect();
        self.push(Turn { role: "system", content: said(items), ..Turn::default() });
    }

    /// The results of tools have messages of their own, before what the user says.
    fn user(&mut self, parts: &'a [Part<'_>]) -> Result<(), Unsayable> {
        let mut items = Vec::with_capacity(parts.len());
        let mut images = Vec::new();
        for part in parts {
            match &part.content {
                Content::ToolResult(result) => self.result(result, &mut images)?,
                Content::Document(document) => self.document(document)?,
                other => items.extend(user_item(other)?),
            }
        }
        images.append(&mut items);
        self.push(Turn { role: "user", content: said(images), ..Turn::default() });
        Ok(())
    }

    fn result(&mut self, result: &'a ToolResult<'_>, images: &mut Vec<Item<'a>>) -> Result<(), Unsayable> {
        let images_before = images.len();
        let mut items = Vec::with_capacity(result.content.len());
        for part in &result.content {
            match &part.content {
                Content::Document(Document { body: DocumentBody::Text(text), .. }) => items.push(Item::Text { text }),
                other => match user_item(other)? {
                    Some(image @ Item::ImageUrl { .. }) => images.push(image),
                    item => items.extend(item),
                },
            }
        }
        if items.is_empty() {
            items.push(Item::Text { text: if images.len() > images_before { IMAGE } else { NO_OUTPUT } });
        }
        let tool_call_id = Some(result.id.borrowed());
        self.push(Turn { role: "tool", tool_call_id, content: said(items), ..Turn::default() });
        Ok(())
    }

    fn document(&mut self, document: &'a Document<'_>) -> Result<(), Unsayable> {
        let DocumentBody::Text(text) = &document.body else { return Err(unsayable("a document that is not text")) };
        let (title, context) = (document.name.as_deref(), document.context.as_deref());
        self.documents.push(Source { data: Fields { title, context, snippet: text } });
        Ok(())
    }

    /// What is said beside calls is the plan for them.
    fn assistant(&mut self, parts: &'a [Part<'_>]) {
        let mut items = Vec::with_capacity(parts.len());
        let mut tool_calls = Vec::new();
        for part in parts {
            match &part.content {
                Content::Text { text, .. } | Content::Refusal(text) if !text.is_empty() => {
                    items.push(Item::Text { text });
                }
                Content::Reasoning { text, .. } if self.thinks && !text.is_empty() => {
                    items.push(Item::Thinking { thinking: text });
                }
                Content::ToolCall(call) => tool_calls.push(Call::returned(call)),
                Content::Text { .. }
                | Content::Refusal(_)
                | Content::Reasoning { .. }
                | Content::SealedReasoning(_)
                | Content::Image(_)
                | Content::Audio(_)
                | Content::Document(_)
                | Content::ToolResult(_) => {}
            }
        }
        let mut tool_plan = None;
        if !tool_calls.is_empty() {
            items.retain(|item| match item {
                Item::Text { text } => {
                    tool_plan.get_or_insert_with(String::new).push_str(text);
                    false
                }
                Item::Thinking { .. } | Item::ImageUrl { .. } => true,
            });
        }
        self.push(Turn { role: "assistant", tool_plan, tool_calls, content: said(items), tool_call_id: None });
    }
}

/// What a user or a tool says, as an item. Calls and reasoning are no user's.
fn user_item<'a>(content: &'a Content<'_>) -> Result<Option<Item<'a>>, Unsayable> {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => Ok((!text.is_empty()).then_some(Item::Text { text })),
        Content::Image(Image { source, detail }) => {
            let url = source.to_url().ok_or_else(|| unsayable("an image that was uploaded to a provider"))?;
            Ok(Some(Item::ImageUrl { image_url: ImageUrl { url, detail: detail.as_deref() } }))
        }
        Content::Audio(_) => Err(unsayable("audio")),
        Content::Document(_) => Err(unsayable("a document that is not text")),
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning { .. } | Content::SealedReasoning(_) => {
            Ok(None)
        }
    }
}

fn unsayable(what: &str) -> Unsayable {
    Unsayable { what: what.to_owned(), why: "can't be sent to Cohere: send text or images".to_owned() }
}

/// Items as a content: a text alone is itself.
fn said(items: Vec<Item<'_>>) -> Said<'_> {
    match items.as_slice() {
        [] => Said::Nothing,
        [Item::Text { text }] => Said::Text(text),
        _ => Said::Items(items),
    }
}
