//! Amazon wants users and assistants to speak in turns.

use super::Edit;
use super::pieces::Piece;
use crate::json;

/// What the assistant said of whom nothing else is left: about the least that is not blank, which Amazon refuses.
const SAID: &str = r#"{"role":"assistant","content":[{"text":"."}]}"#;

/// Leaves a word of the assistant's where all of its words would go that stand between two of the user's.
pub(super) fn keep(body: &[u8], messages: &mut [Piece], edits: &mut Vec<Edit>) {
    let is_user = |message: &Piece| json::text(&body[message.at.clone()], b"role").is_some_and(|role| role == "user");
    let mut rest = messages;
    while let Some(before) = rest.iter().position(|message| !message.goes) {
        let Some((before, after)) = rest.split_at_mut(before).1.split_first_mut() else { return };
        let next = after.iter().find(|message| !message.goes);
        let meet = is_user(before) && next.is_some_and(is_user);
        if let Some(first) = after.first_mut().filter(|first| first.goes && meet) {
            first.goes = false;
            edits.push((first.at.clone(), SAID.into()));
        }
        rest = after;
    }
}
