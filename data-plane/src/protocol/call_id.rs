//! Ids of calls as OpenAI's two formats take them: no longer than vendors do.
//!
//! Source: OpenAI refuses one of more than 40 characters in chat and of more than 64 in responses ("string too long"), and Mistral one that is not
//! of nine letters and digits; seen in autumn 2026.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};
use shared::catalog::rules::CallIds;

use crate::exchange::manner::Manner;

/// The most characters of an id in chat.
const MOST: usize = 40;
/// And in responses.
const MOST_OF_RESPONSES: usize = 64;
/// What Mistral's ids have.
const NINE: usize = 9;
const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// An id that the vendor takes in chat: the same for a call and its result, and another for another id.
pub(super) fn in_chat<'a>(id: &'a str, manner: &Manner) -> Cow<'a, str> {
    match manner.call_ids {
        CallIds::Nine if id.len() == NINE && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => id.into(),
        CallIds::Nine => signs(id, NINE).into(),
        CallIds::Carried | CallIds::Absent if id.len() <= MOST => id.into(),
        CallIds::Carried | CallIds::Absent => short(id).into(),
    }
}

/// The same in responses.
pub(super) fn in_responses(id: &str) -> Cow<'_, str> {
    if id.len() <= MOST_OF_RESPONSES { id.into() } else { short(id).into() }
}

fn short(id: &str) -> String {
    format!("call_{}", signs(id, 24))
}

/// So many letters and digits that stand for an id: at most 32.
fn signs(id: &str, count: usize) -> String {
    let sign = |byte: u8| SIGNS.get(usize::from(byte) % SIGNS.len()).copied().map_or('A', char::from);
    Sha256::digest(id.as_bytes()).iter().take(count).map(|byte| sign(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::manner::UNKNOWN;

    #[test]
    fn an_id_that_is_too_long_is_shortened_and_stays_its_own() {
        let manner = &UNKNOWN;
        assert_eq!(in_chat("call_1", manner), "call_1");
        let (long, other) = ("x".repeat(41), "x".repeat(42));
        assert!(in_chat(&long, manner).len() <= MOST);
        assert_eq!(in_chat(&long, manner), in_chat(&long.clone(), manner));
        assert_ne!(in_chat(&long, manner), in_chat(&other, manner));
        assert_eq!((in_responses(&long), in_responses(&"x".repeat(65)).len()), (long.as_str().into(), 29));
    }

    #[test]
    fn mistrals_ids_have_nine_letters_and_digits() {
        let manner = &Manner { call_ids: CallIds::Nine, ..UNKNOWN.clone() };
        assert_eq!(in_chat("aB3dE6gH9", manner), "aB3dE6gH9");
        for id in ["", "call_1", "é", "aB3dE6gH_", &"x".repeat(50)] {
            let made = in_chat(id, manner).into_owned();
            assert!(made.len() == NINE && made.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}: {made}");
            assert_ne!(made, in_chat("toolu_1", manner));
        }
    }
}
