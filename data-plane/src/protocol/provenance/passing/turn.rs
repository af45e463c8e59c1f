//! Whether Claude may think on in a turn of which others said something.
//!
//! A turn of a model that thinks by a budget has to begin with what it thought, for as long as tools are called in it; see
//! docs.anthropic.com/en/docs/build-with-claude/extended-thinking, read in autumn 2026.

use std::ops::Range;

use super::{DISABLED, Edit, applied};
use crate::json::{self, JsonError};
use crate::protocol::Dialect;

/// What a message holds, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Thought,
    Call,
    Result,
    Other,
}

/// What the assistant said since the user's last word.
#[derive(Default)]
struct Turn {
    begins_with_thought: Option<bool>,
    calls: bool,
    /// Nobody spoke after it.
    is_last: bool,
    /// The user said something since, and tools gave something.
    has_word: bool,
    has_results: bool,
}

/// The changes of a body in which something of others changes, and that the model thinks no more where its turn goes on without a thought.
pub(super) fn thinking_off(body: &[u8], dialect: Dialect, mut edits: Vec<Edit>) -> Vec<Edit> {
    if edits.is_empty() {
        return edits;
    }
    let budgets = budgets(body, dialect);
    if !budgets.is_empty() && !may_think(&applied(body, &edits)) {
        edits.extend(budgets.into_iter().map(|at| (at, DISABLED.to_vec())));
        edits.sort_by_key(|(at, _)| at.start);
    }
    edits
}

/// Where Claude is asked to think by a budget.
fn budgets(body: &[u8], dialect: Dialect) -> Vec<Range<usize>> {
    let paths: &[&[&str]] = match dialect {
        Dialect::Anthropic => &[&["thinking"]],
        Dialect::Bedrock => &[
            &["additionalModelRequestFields", "thinking"],
            // What it was called before.
            &["additionalModelRequestFields", "reasoning_config"],
            // Where tokens are counted.
            &["input", "converse", "additionalModelRequestFields", "thinking"],
            &["input", "converse", "additionalModelRequestFields", "reasoning_config"],
        ],
        Dialect::Chat | Dialect::Responses | Dialect::Gemini | Dialect::Cohere => &[],
    };
    let found = paths.iter().filter_map(|path| place(body, path));
    found.filter(|at| json::text(&body[at.clone()], b"type").is_some_and(|kind| kind == "enabled")).collect()
}

/// Where the value stands to which a path of members leads.
fn place(body: &[u8], path: &[&str]) -> Option<Range<usize>> {
    path.iter().try_fold(0..body.len(), |object, name| {
        let mut found = None;
        let read = json::members(&body[object.clone()], |key, value| {
            if *key == *name.as_bytes() {
                found.get_or_insert(object.start + value.start..object.start + value.end);
            }
            Ok::<_, JsonError>(())
        });
        read.ok().and(found)
    })
}

fn may_think(body: &[u8]) -> bool {
    let messages = place(body, &["messages"]).or_else(|| place(body, &["input", "converse", "messages"]));
    let list = messages.map_or(&b""[..], |at| &body[at]);
    let mut turn = Turn::default();
    for message in json::items(list) {
        turn.go_on(&list[message]);
    }
    turn.may_think()
}

impl Turn {
    fn go_on(&mut self, message: &[u8]) {
        let blocks = blocks(message);
        match json::text(message, b"role").as_deref() {
            Some("user") => {
                self.is_last = false;
                self.has_word |= blocks.iter().any(|block| *block != Block::Result);
                self.has_results |= blocks.contains(&Block::Result);
            }
            Some("assistant") => {
                if self.has_word {
                    *self = Self::default();
                }
                self.has_results = false;
                self.is_last = true;
                if let Some(first) = blocks.first() {
                    self.begins_with_thought.get_or_insert(*first == Block::Thought);
                }
                self.calls |= blocks.contains(&Block::Call);
            }
            // Such words stand before the conversation.
            _ => {}
        }
    }

    /// Words beside a tool's results are taken not to end the turn: it is not said what they do, and where they do end it, only a thought is lost.
    fn may_think(&self) -> bool {
        let is_over = self.has_word && !self.has_results;
        let goes_on = !is_over && (self.calls || self.is_last);
        !goes_on || self.begins_with_thought.unwrap_or(true)
    }
}

/// What a message holds: Anthropic's blocks say by a type what they are, and Amazon's by their only member.
fn blocks(message: &[u8]) -> Vec<Block> {
    let content = json::member(message, b"content").unwrap_or_default();
    if !content.starts_with(b"[") {
        return vec![Block::Other];
    }
    json::items(content).into_iter().map(|at| block(&content[at])).collect()
}

fn block(block: &[u8]) -> Block {
    let mut kind = Block::Other;
    let read = json::members(block, |key, value| {
        match (&*key, json::string(&block[value]).as_deref()) {
            (b"type", Some("thinking" | "redacted_thinking")) | (b"reasoningContent", _) => kind = Block::Thought,
            (b"type", Some("tool_use")) | (b"toolUse", _) => kind = Block::Call,
            (b"type", Some("tool_result")) | (b"toolResult", _) => kind = Block::Result,
            _ => {}
        }
        Ok::<_, JsonError>(())
    });
    read.map_or(Block::Other, |()| kind)
}
