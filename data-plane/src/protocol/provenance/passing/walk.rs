//! Goes through a body once, and notes what changes in it.
//!
//! Objects and arrays are entered where a format has conversations, and nowhere else: what tools are called with, and what they gave, is the
//! caller's, whatever it looks like.

use std::cmp::Reverse;
use std::ops::Range;

use shared::catalog::rules::CallIds;

use super::pieces::{Piece, cut, go};
use super::{Edit, alternation};
use crate::exchange::manner::Manner;
use crate::exchange::text::Text;
use crate::exchange::tool::{ID_MARK, split_id};
use crate::json::{self, JsonError, Scanner};
use crate::protocol::Dialect;
use crate::protocol::error::json;
use crate::protocol::provenance::unmarked;

/// The reasoning's field of vendors who want signatures of calls beside the calls.
const SIGNATURES: &str = "extra_content";

/// That of vendors who want it back with its proof, which is not theirs.
const DETAILS: &str = "reasoning_details";

/// What comes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Some of its items go.
    Shrinks,
    /// It is marked, or nothing of it is left.
    Goes,
}

/// What an object holds that decides of more than of itself.
#[derive(Default)]
struct Held {
    members: Vec<Piece>,
    goes: bool,
    /// The members that show reasoning in chat, and those that prove it.
    shown: Vec<usize>,
    details: Vec<usize>,
    /// What is proved is marked.
    is_ours: bool,
    /// A part of Gemini's: whether it is a thought, and where its signature is that is marked.
    is_thought: bool,
    thought_signatures: Vec<usize>,
    /// A call of chat's whose id carried something: the edit of the id, and the signature in it.
    carried: Option<(usize, Option<Text<'static>>)>,
    extra_content: Option<usize>,
}

pub(super) struct Walk<'a> {
    body: &'a [u8],
    dialect: Dialect,
    manner: &'a Manner,
    edits: Vec<Edit>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(body: &'a [u8], dialect: Dialect, manner: &'a Manner) -> Self {
        Self { body, dialect, manner, edits: Vec::new() }
    }

    /// # Errors
    ///
    /// When it is no JSON object.
    pub(super) fn body(&mut self, scanner: &mut Scanner<'_>) -> Result<(), JsonError> {
        self.value(scanner, 1, b"").map(drop)
    }

    /// What changes, in the order of the places.
    pub(super) fn edits(mut self) -> Vec<Edit> {
        // What changes inside of something that goes, goes with it.
        self.edits.sort_by_key(|(at, _)| (at.start, Reverse(at.end)));
        let mut end = 0;
        self.edits.retain(|(at, _)| {
            at.start >= end && {
                end = at.end;
                true
            }
        });
        self.edits
    }

    /// Past a value, which is the member `name`, or an item of it.
    fn value(&mut self, scanner: &mut Scanner<'_>, depth: u32, name: &[u8]) -> Result<Fate, JsonError> {
        match scanner.peek() {
            Some(b'[') => self.array(scanner, depth, name),
            Some(b'{') => self.object(scanner, depth, name),
            _ => scanner.value(depth).map(|()| Fate::Stays),
        }
    }

    fn array(&mut self, scanner: &mut Scanner<'_>, depth: u32, name: &[u8]) -> Result<Fate, JsonError> {
        let mut items = Vec::new();
        scanner.items(depth, |scanner| {
            let begin = scanner.at();
            let goes = self.value(scanner, depth + 1, name)? == Fate::Goes;
            items.push(Piece { at: begin..scanner.at(), goes });
            Ok(())
        })?;
        if name == b"messages" && self.dialect == Dialect::Bedrock {
            alternation::keep(self.body, &mut items, &mut self.edits);
        }
        let gone = items.iter().filter(|item| item.goes).count();
        cut(&items, &mut self.edits);
        Ok(match gone {
            0 => Fate::Stays,
            all if all == items.len() => Fate::Goes,
            _ => Fate::Shrinks,
        })
    }

    fn object(&mut self, scanner: &mut Scanner<'_>, depth: u32, name: &[u8]) -> Result<Fate, JsonError> {
        let mut held = Held::default();
        scanner.members(depth, |scanner, key, key_at| {
            let begin = scanner.at();
            let goes = if is_entered(key, depth) {
                Self::entered(key, self.value(scanner, depth + 1, key)?, &mut held);
                false
            } else {
                scanner.value(depth + 1)?;
                self.leaf(name, key, begin..scanner.at(), &mut held)
            };
            held.members.push(Piece { at: key_at.start..scanner.at(), goes });
            Ok(())
        })?;
        // What stands on top of a body is the caller's, and others change it too.
        Ok(if depth == 1 { Fate::Stays } else { self.fate(held) })
    }

    /// Notes what a member came to that was looked into.
    fn entered(key: &[u8], fate: Fate, held: &mut Held) {
        match key {
            b"reasoning_details" => {
                held.is_ours |= fate != Fate::Stays;
                held.details.push(held.members.len());
            }
            // Conversations of nothing are the provider's to refuse.
            b"messages" | b"contents" | b"input" => {}
            _ => held.goes |= fate == Fate::Goes,
        }
    }

    /// Notes what a member says that is not looked into; whether it goes from its object.
    fn leaf(&mut self, name: &[u8], key: &[u8], at: Range<usize>, held: &mut Held) -> bool {
        let value = self.body.get(at.clone()).unwrap_or_default();
        let index = held.members.len();
        match key {
            b"signature" | b"data" | b"encrypted_content" | b"redactedContent" => held.goes |= is_marked(value),
            b"thoughtSignature" | b"thought_signature" if is_marked(value) => held.thought_signatures.push(index),
            b"thought" => held.is_thought = value == b"true",
            b"reasoning_content" | b"reasoning" => held.shown.push(index),
            b"extra_content" => held.extra_content = Some(index),
            b"id" if self.takes_no_ids() && is_function(name) => return true,
            b"id" | b"tool_call_id" | b"tool_use_id" | b"call_id" | b"toolUseId" => self.id(name, key, at, held),
            _ => {}
        }
        false
    }

    /// Puts an id in another's place that the provider does not take.
    fn id(&mut self, name: &[u8], key: &[u8], at: Range<usize>, held: &mut Held) {
        let is_call = self.dialect == Dialect::Chat && name == b"tool_calls";
        let is_result = self.dialect == Dialect::Chat && key == b"tool_call_id";
        let is_held_to_nine = self.manner.call_ids == CallIds::Nine && (is_call || is_result);
        let Some(given) = self.body.get(at.clone()).and_then(json::string) else { return };
        if !is_held_to_nine && !given.contains(ID_MARK) {
            return;
        }
        let given = Text(given);
        let (plain, signature) = split_id(&given);
        let taken = self.dialect.protocol().call_id(&plain, self.manner);
        if *taken == *given {
            return;
        }
        if is_call && given.contains(ID_MARK) {
            held.carried = Some((self.edits.len(), signature));
        }
        self.edits.push((at, json(&taken)));
    }

    /// What comes of an object, now that all of it is known.
    fn fate(&mut self, mut held: Held) -> Fate {
        held.goes |= held.is_thought && !held.thought_signatures.is_empty();
        if held.goes {
            return Fate::Goes;
        }
        // A client may have joined a thought with what was said after it.
        held.thought_signatures.iter().for_each(|index| go(&mut held.members, *index));
        if held.is_ours {
            self.hide(&mut held);
        }
        if let Some((edit, signature)) = held.carried.take() {
            self.carry(edit, signature, &mut held);
        }
        cut(&held.members, &mut self.edits);
        Fate::Stays
    }

    /// Takes away how chat shows reasoning, unless the model wants it back so.
    fn hide(&self, held: &mut Held) {
        let is_wanted =
            self.manner.reasoning_field.as_deref().is_some_and(|field| ![SIGNATURES, DETAILS].contains(&field));
        let shown = if is_wanted { &[] } else { held.shown.as_slice() };
        for index in shown.iter().chain(&held.details) {
            go(&mut held.members, *index);
        }
    }

    /// Leaves a call's signature to Google, and to nobody else.
    fn carry(&mut self, edit: usize, signature: Option<Text<'static>>, held: &mut Held) {
        let is_wanted = self.manner.reasoning_field.as_deref() == Some(SIGNATURES);
        match (held.extra_content, signature) {
            (Some(index), Some(_)) if !is_wanted => go(&mut held.members, index),
            (None, Some(signature)) if is_wanted => {
                let google = serde_json::json!({ "google": { "thought_signature": signature.as_str() } });
                if let Some((_, with)) = self.edits.get_mut(edit) {
                    with.extend_from_slice(b",\"extra_content\":");
                    with.extend_from_slice(google.to_string().as_bytes());
                }
            }
            _ => {}
        }
    }

    fn takes_no_ids(&self) -> bool {
        self.dialect == Dialect::Gemini && self.manner.call_ids == CallIds::Absent
    }
}

/// Whether what is under this name may hold something of a conversation's. What has the name `input` is one on top of a request, and further
/// down what a tool is called with.
fn is_entered(key: &[u8], depth: u32) -> bool {
    match key {
        b"input" => depth == 1,
        b"messages"
        | b"contents"
        | b"generateContentRequest"
        | b"generate_content_request"
        | b"converse"
        | b"content"
        | b"parts"
        | b"tool_calls"
        | b"reasoning_details"
        | b"toolUse"
        | b"toolResult"
        | b"reasoningContent"
        | b"reasoningText" => true,
        _ => is_function(key),
    }
}

/// Whether it is a call, or what it gave, in Gemini's words.
fn is_function(key: &[u8]) -> bool {
    matches!(key, b"functionCall" | b"function_call" | b"functionResponse" | b"function_response")
}

fn is_marked(value: &[u8]) -> bool {
    json::string(value).is_some_and(|text| unmarked(&text).is_some())
}
