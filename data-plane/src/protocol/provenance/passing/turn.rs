//! Whether Claude may think on in a turn of which others said something.
//!
//! A turn of a model that thinks by a budget has to begin with what it thought, until the user says something else than what tools gave; see
//! docs.anthropic.com/en/docs/build-with-claude/extended-thinking, read in autumn 2026.

use std::ops::Range;

use super::{DISABLED, Edit, applied};
use crate::json::{self, JsonError};
use crate::protocol::Dialect;

/// What a message holds, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Thought,
    Result,
    Other,
}

/// The changes of a body in which something of others changes, and that the model thinks no more where its turn goes on without a thought.
pub(super) fn thinking_off(body: &[u8], dialect: Dialect, mut edits: Vec<Edit>) -> Vec<Edit> {
    if edits.is_empty() {
        return edits;
    }
    let budgets: Vec<_> = budgets(body, dialect).map(|(_, at)| at).collect();
    if !budgets.is_empty() && !may_think(&applied(body, &edits)) {
        edits.extend(budgets.into_iter().map(|at| (at, DISABLED.to_vec())));
        edits.sort_by_key(|(at, _)| at.start);
    }
    edits
}

/// Where Claude is asked to think by a budget: the path of members, and the place.
pub(super) fn budgets(body: &[u8], dialect: Dialect) -> impl Iterator<Item = (&'static [&'static str], Range<usize>)> {
    let paths: &[&'static [&'static str]] = match dialect {
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
    let found = paths.iter().filter_map(move |path| Some((*path, place(body, path)?)));
    found.filter(|(_, at)| json::text(&body[at.clone()], b"type").is_some_and(|kind| kind == "enabled"))
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

/// As [`claude::may_think`](crate::protocol::claude::may_think) has it, of bytes that need not be readable to pass.
fn may_think(body: &[u8]) -> bool {
    let messages = place(body, &["messages"]).or_else(|| place(body, &["input", "converse", "messages"]));
    let list = messages.map_or(&b""[..], |at| &body[at]);
    let mut begin = None;
    for message in json::items(list).unwrap_or_default().into_iter().map(|at| &list[at]) {
        let blocks = blocks(message);
        match json::text(message, b"role").as_deref() {
            // What tools gave is part of the turn that called them.
            Some("user") if blocks.contains(&Block::Result) => {}
            Some("user") => begin = None,
            Some("assistant") => begin = begin.or(blocks.first().copied()),
            // Such words stand before the conversation.
            _ => {}
        }
    }
    begin.is_none_or(|begin| begin == Block::Thought)
}

/// What a message holds: Anthropic's blocks say by a type what they are, and Amazon's by their only member.
fn blocks(message: &[u8]) -> Vec<Block> {
    let content = json::member(message, b"content").unwrap_or_default();
    if !content.starts_with(b"[") {
        return vec![Block::Other];
    }
    json::items(content).unwrap_or_default().into_iter().map(|at| block(&content[at])).collect()
}

fn block(block: &[u8]) -> Block {
    let mut kind = Block::Other;
    let read = json::members(block, |key, value| {
        match (&*key, json::string(&block[value]).as_deref()) {
            (b"type", Some("thinking" | "redacted_thinking")) | (b"reasoningContent", _) => kind = Block::Thought,
            (b"type", Some("tool_result")) | (b"toolResult", _) => kind = Block::Result,
            _ => {}
        }
        Ok::<_, JsonError>(())
    });
    read.map_or(Block::Other, |()| kind)
}
