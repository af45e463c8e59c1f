//! The conversation in Anthropic's form: what stands before it, then turns of the user and the assistant that alternate, the user's first.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::block::{Block, Contents, Said};
use crate::exchange::message::{Part, Role};
use crate::exchange::request::{AnswerFormat, Request};
use crate::protocol::Unsayable;

/// What a user says where the format needs them to say something, and they said nothing.
const NOTHING: &str = ".";

/// There is no field that asks for JSON of no schema.
const JSON_ONLY: &str =
    "Answer with a single JSON object and nothing else: no words before or after it, and no code fence around it.";

/// What is said.
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    /// It refers to files that were uploaded.
    pub(super) has_files: bool,
}

/// One side's turn.
pub(super) struct Turn<'a> {
    pub(super) side: Side,
    /// Never empty.
    pub(super) blocks: Vec<Block<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    User,
    Assistant,
}

impl<'a> Conversation<'a> {
    pub(super) fn of(request: &'a Request<'a>) -> Result<Self, Unsayable> {
        let mut conversation = Self { system: Vec::new(), turns: Vec::new(), has_files: false };
        for part in &request.system {
            conversation.system.extend(Block::of(part)?);
        }
        let mut last = None;
        for message in &request.messages {
            match message.role {
                Role::System => {
                    for part in &message.parts {
                        conversation.system.extend(Block::of(part)?);
                    }
                }
                Role::User => conversation.user(&message.parts)?,
                Role::Assistant => conversation.assistant(&message.parts)?,
            }
            last = Some(message.role).filter(|role| *role != Role::System).or(last);
        }
        if request.answer_format == Some(AnswerFormat::Json) {
            conversation.system.push(Block::text(JSON_ONLY));
        }
        conversation.finish(last);
        Ok(conversation)
    }

    fn user(&mut self, parts: &'a [Part<'a>]) -> Result<(), Unsayable> {
        for part in parts {
            let Some(block) = Block::of(part)? else { continue };
            self.has_files |= block.said.is_file();
            self.turn(Side::User).push(block);
        }
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part<'a>]) -> Result<(), Unsayable> {
        for part in parts {
            if let Some(block) = Block::of(part)? {
                self.turn(Side::Assistant).push(block);
            }
        }
        Ok(())
    }

    /// The blocks of the turn that a side has now: neighbours of the same side are one turn.
    fn turn(&mut self, side: Side) -> &mut Vec<Block<'a>> {
        if self.turns.last().is_none_or(|turn| turn.side != side) {
            self.turns.push(Turn { side, blocks: Vec::new() });
        }
        let at = self.turns.len() - 1;
        &mut self.turns[at].blocks
    }

    /// Sees to what the format wants of the first turn and the last one.
    fn finish(&mut self, last: Option<Role>) {
        for turn in &mut self.turns {
            // Results come first in the user's turn, in their own order. The assistant has none.
            turn.blocks.sort_by_key(|block| !matches!(block.said, Said::ToolResult { .. }));
        }
        if let Some(Turn { side: Side::Assistant, blocks }) = self.turns.last_mut()
            && let Some(Block { said: Said::Text { text, .. }, .. }) = blocks.last_mut()
        {
            *text = text.trim_end();
        }
        if self.turns.first().is_none_or(|turn| turn.side == Side::Assistant) {
            self.turns.insert(0, Turn { side: Side::User, blocks: vec![Block::text(NOTHING)] });
        }
        // A user's blank last word is a turn all the same: without it the model would go on with its own.
        if last == Some(Role::User) && self.turns.last().is_some_and(|turn| turn.side == Side::Assistant) {
            self.turns.push(Turn { side: Side::User, blocks: vec![Block::text(NOTHING)] });
        }
    }
}

impl Serialize for Turn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut turn = serializer.serialize_struct("Turn", 2)?;
        let role = match self.side {
            Side::User => "user",
            Side::Assistant => "assistant",
        };
        turn.serialize_field("role", role)?;
        turn.serialize_field("content", &Contents(&self.blocks))?;
        turn.end()
    }
}
