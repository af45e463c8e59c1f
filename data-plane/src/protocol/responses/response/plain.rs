//! Whether a whole answer holds nothing but what the exchange form has: one with more in it must not become a stream that says less.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    output: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

/// Whether it does.
pub(in crate::protocol) fn is_plain(body: &[u8]) -> bool {
    let Ok(Answer { status, output }) = serde_json::from_slice(body) else { return false };
    let is_known = |item: &Item<'_>| matches!(&*item.r#type, "message" | "reasoning" | "function_call");
    matches!(&*status, "completed" | "incomplete") && output.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_or_says_more_is_not_plain() {
        assert!(is_plain(br#"{"status":"completed","output":[{"type":"message"},{"type":"function_call"}]}"#));
        assert!(!is_plain(br#"{"status":"completed","output":[{"type":"message"},{"type":"web_search_call"}]}"#));
        assert!(!is_plain(br#"{"status":"in_progress","output":[]}"#));
        assert!(!is_plain(br#"{"output":[]}"#));
    }
}
