//! Bodies that pass as they came. What was written for the caller when another format's upstream answered is marked, and a provider of the
//! caller's own format would refuse it; so that it goes, or becomes what the provider takes, and nothing else changes.
//!
//! ```text
//! reasoning of others, and of nobody    goes
//! a call's id with what it carries      becomes the id alone, as the provider takes ids
//! chat: how reasoning is shown there    goes with it, unless the model wants it back in the same field
//! chat: a call's signature              goes, unless the vendor is Google
//! Claude: thinking by a budget          is off where a turn goes on whose thinking went
//! Bedrock: an assistant's whole turn    becomes a word, where two turns of the user's would meet
//! ```
//!
//! Two more things are known of targets that no other request could get past them, marked or not: Mistral takes ids of its own form alone, and
//! Vertex none.

mod alternation;
mod pieces;
mod turn;
mod walk;

use std::ops::Range;

use memchr::memmem;
use shared::catalog::rules::CallIds;

use self::walk::Walk;
use super::MARK;
use crate::exchange::manner::Manner;
use crate::exchange::tool::ID_MARK;
use crate::json::Scanner;
use crate::protocol::Dialect;

/// A place in a body, and what stands there instead.
pub(crate) type Edit = (Range<usize>, Vec<u8>);

/// How Claude is told not to think.
const DISABLED: &[u8] = br#"{"type":"disabled"}"#;

/// The fields by which the model was to think, if with these changes of a body it does not.
pub(crate) fn thinking_turned_off(body: &[u8], edits: &[Edit], dialect: Dialect) -> Vec<String> {
    let off: Vec<_> = edits.iter().filter(|(_, with)| with == DISABLED).map(|(at, _)| at).collect();
    if off.is_empty() {
        return Vec::new();
    }
    let is_off = |at: &Range<usize>| off.contains(&at);
    let fields = turn::budgets(body, dialect).filter(|(_, at)| is_off(at));
    fields.map(|(path, _)| path.join(".")).collect()
}

/// A body with its changes, which are in order.
pub(crate) fn applied(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let (mut applied, mut end) = (Vec::with_capacity(body.len()), 0);
    for (at, with) in edits {
        applied.extend_from_slice(body.get(end..at.start).unwrap_or_default());
        applied.extend_from_slice(with);
        end = at.end;
    }
    applied.extend_from_slice(body.get(end..).unwrap_or_default());
    applied
}

/// What changes in a caller's body, in its order. Without a mark, which is nearly always, nothing is read; and else all of it once.
pub(crate) fn edits(body: &[u8], dialect: Dialect, manner: &Manner) -> Vec<Edit> {
    let has = |part: &str| memmem::find(body, part.as_bytes()).is_some();
    let may_have_ids = match (dialect, manner.call_ids) {
        (Dialect::Chat, CallIds::Nine) => has("tool_call"),
        (Dialect::Gemini, CallIds::Absent) => has("function"),
        _ => false,
    };
    if !may_have_ids && !has(MARK) && !has(ID_MARK) {
        return Vec::new();
    }
    let mut scanner = Scanner::new(body);
    let mut walk = Walk::new(body, dialect, manner);
    match walk.body(&mut scanner) {
        Ok(()) => turn::thinking_off(body, dialect, walk.edits()),
        // The routes let none through.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
