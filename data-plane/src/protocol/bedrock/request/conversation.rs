//! Writes a conversation as turns that alternate, the first of them the user's.

use serde::Serialize;

use crate::exchange::json::Json;
use crate::exchange::message::{CacheHint, Content, Document, DocumentBody, Part, Role};
use crate::exchange::request::Request;
use crate::exchange::tool::ToolResult;
use crate::protocol::Unsayable;
use crate::protocol::bedrock::block::{self, Block, Enabled, Media, Reasoning, ReasoningText, inline, unknown_type};
use crate::protocol::bedrock::name::{self, Documents};
use crate::protocol::media::Medium;

/// What the user says where the conversation has another begin, which Amazon refuses.
const BEGIN: &str = "(The conversation begins.)";
/// What the user says where they have to say something, and said nothing.
const NOTHING: &str = ".";
/// What stands beside a document that comes without a word, which Amazon refuses.
const DOCUMENT: &str = "(See the document.)";
/// What a tool gave that gave nothing: a blank text is refused.
const NO_OUTPUT: &str = "(no output)";

/// A turn.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// A conversation that is being written.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    documents: Documents,
}

impl<'a> Conversation<'a> {
    pub(super) fn of(request: &'a Request<'_>) -> Result<Self, Unsayable> {
        let mut conversation = Self::default();
        conversation.say_system(&request.system);
        for message in &request.messages {
            match message.role {
                // Only some models have such turns; before the conversation all of them heed it.
                Role::System => conversation.say_system(&message.parts),
                Role::User => conversation.say("user", &message.parts)?,
                Role::Assistant => conversation.say("assistant", &message.parts)?,
            }
        }
        if conversation.turns.first().is_none_or(|turn| turn.role != "user") {
            conversation.turns.insert(0, Turn { role: "user", content: vec![Block::Text(BEGIN)] });
        }
        let last = request.messages.iter().rfind(|message| message.role != Role::System);
        conversation.end(last.map(|message| message.role));
        conversation.turns.iter_mut().for_each(Turn::finish);
        Ok(conversation)
    }

    /// Sees to what is refused of the last turn: blanks that end the assistant's words. A user's blank last word is a turn all the same: without
    /// it the model would go on with its own.
    fn end(&mut self, last: Option<Role>) {
        let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == "assistant") else { return };
        if last == Some(Role::User) {
            self.turns.push(Turn { role: "user", content: vec![Block::Text(NOTHING)] });
        } else if let Some(Block::Text(text)) = turn.content.last_mut() {
            *text = text.trim_end();
        }
    }

    fn say_system(&mut self, parts: &'a [Part<'_>]) {
        for part in parts {
            if let Some(text) = part.as_text().filter(|text| !is_blank(text)) {
                self.system.push(Block::Text(text));
                self.system.extend(part.cache.map(cache_point));
            }
        }
    }

    fn say(&mut self, role: &'static str, parts: &'a [Part<'_>]) -> Result<(), Unsayable> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            if let Some(block) = self.block(part)? {
                blocks.push(block);
                blocks.extend(part.cache.or_else(|| cache_inside(part)).map(cache_point));
            }
        }
        match self.turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some(turn) if turn.role == role => turn.content.append(&mut blocks),
            Some(_) | None => self.turns.push(Turn { role, content: blocks }),
        }
        Ok(())
    }

    /// A part's block; `None` where it would be refused and says nothing, and where it is another provider's own.
    fn block(&mut self, part: &'a Part<'_>) -> Result<Option<Block<'a>>, Unsayable> {
        Ok(Some(match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) if is_blank(text) => return Ok(None),
            Content::Text { text, .. } | Content::Refusal(text) => Block::Text(text),
            Content::Image(image) => Block::Image(Media::image(image)?),
            Content::Audio(audio) => Block::Audio(Media::audio(audio)?),
            Content::Document(document) => self.document(document)?,
            Content::ToolCall(call) => Block::ToolUse {
                tool_use_id: name::id(&call.id),
                name: name::tool(&call.name)?,
                input: if call.arguments.is_object() { call.arguments.borrowed() } else { Json::empty_object() },
            },
            Content::ToolResult(result) => self.result(result)?,
            Content::Reasoning { text, signature: Some(signature) } => {
                let text = ReasoningText { text: text.borrowed(), signature: Some(signature.borrowed()) };
                Block::ReasoningContent(Reasoning { reasoning_text: Some(text), redacted_content: None })
            }
            // Without its proof it is refused.
            Content::Reasoning { signature: None, .. } => return Ok(None),
            Content::SealedReasoning(sealed) => {
                Block::ReasoningContent(Reasoning { reasoning_text: None, redacted_content: Some(sealed.borrowed()) })
            }
        }))
    }

    fn result(&mut self, result: &'a ToolResult<'_>) -> Result<Block<'a>, Unsayable> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            if matches!(part.content, Content::Audio(_)) {
                return Err(Unsayable {
                    what: "audio that a tool gave".to_owned(),
                    why: "can't be sent to Bedrock: send it beside the tool's result".to_owned(),
                });
            }
            // Neither calls nor reasoning stand in a result.
            content.extend(
                self.block(part)?
                    .filter(|block| matches!(block, Block::Text(_) | Block::Image(_) | Block::Document(_))),
            );
        }
        if content.is_empty() {
            content.push(Block::Text(NO_OUTPUT));
        }
        // Success is the default, and the word itself is known to some models only.
        let status = result.is_error.then_some("error");
        Ok(Block::ToolResult { tool_use_id: name::id(&result.id), content, status })
    }

    fn document(&mut self, document: &'a Document<'_>) -> Result<Block<'a>, Unsayable> {
        let given = document.name.as_deref();
        let (format, source) = match &document.body {
            DocumentBody::Text(text) => ("txt", block::DocumentSource::Text(text)),
            DocumentBody::Bytes(source) => {
                let (media_type, data) = inline(source, Medium::Document)?;
                let by_name = || given.and_then(|name| Medium::Document.format_of_file(name));
                let format = Medium::Document.format(media_type).or_else(by_name);
                (format.ok_or_else(|| unknown_type(media_type, Medium::Document))?, block::DocumentSource::Bytes(data))
            }
        };
        Ok(Block::Document(block::Document {
            format,
            name: self.documents.name(given),
            source,
            context: document.context.as_deref(),
            citations: document.cites.then_some(Enabled { enabled: true }),
        }))
    }
}

impl Turn<'_> {
    /// Puts the results of tools before anything else, and a word beside a document.
    fn finish(&mut self) {
        if self.role == "user" {
            let mut rest = Vec::with_capacity(self.content.len());
            let mut results = Vec::new();
            let mut is_of_result = false;
            for block in self.content.drain(..) {
                // A cache point belongs to what stands before it.
                if !matches!(block, Block::CachePoint { .. }) {
                    is_of_result = matches!(block, Block::ToolResult { .. });
                }
                if is_of_result { results.push(block) } else { rest.push(block) }
            }
            results.append(&mut rest);
            self.content = results;
        }
        let has_document = self.content.iter().any(|block| matches!(block, Block::Document(_)));
        let has_text = self.content.iter().any(|block| matches!(block, Block::Text(_)));
        if has_document && !has_text {
            self.content.push(Block::Text(DOCUMENT));
        }
    }
}

/// A hint in a tool's result, where no block may follow it.
fn cache_inside(part: &Part<'_>) -> Option<CacheHint> {
    match &part.content {
        Content::ToolResult(result) => result.content.iter().rev().find_map(|part| part.cache),
        Content::Text { .. }
        | Content::Refusal(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::ToolCall(_)
        | Content::Reasoning { .. }
        | Content::SealedReasoning(_) => None,
    }
}

pub(super) fn cache_point<'a>(hint: CacheHint) -> Block<'a> {
    let ttl = match hint {
        CacheHint::Default => None,
        CacheHint::FiveMinutes => Some("5m"),
        CacheHint::OneHour => Some("1h"),
    };
    Block::CachePoint { r#type: "default", ttl }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
