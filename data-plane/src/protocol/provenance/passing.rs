//! Bodies that pass as they came. What another family signed for the caller's conversation has a mark, since the answer that it came with was
//! written anew; an upstream of the caller's own format would refuse it, so that it goes, and nothing else changes.

use std::ops::Range;

use memchr::memmem;
use serde_json::value::RawValue;

use super::{MARK, unmarked};
use crate::json::{self, JsonError};

/// What changes in a caller's body: places, and what stands there instead. Without a mark, which is nearly always, nothing is read.
pub(crate) fn edits(body: &[u8]) -> Vec<(Range<usize>, Vec<u8>)> {
    if !has_mark(body) {
        return Vec::new();
    }
    let mut edits = Vec::new();
    let read = json::members(body, |key, at| {
        let value = body.get(at.clone()).unwrap_or_default();
        if matches!(&*key, b"messages" | b"contents" | b"input")
            && has_mark(value)
            && let Some(kept) = kept(value)
        {
            edits.push((at, kept));
        }
        Ok::<_, JsonError>(())
    });
    read.map_or_else(|_| Vec::new(), |()| edits)
}

fn has_mark(bytes: &[u8]) -> bool {
    memmem::find(bytes, MARK.as_bytes()).is_some()
}

/// A value without what another family signed; `None` where nothing is left of it.
fn kept(value: &[u8]) -> Option<Vec<u8>> {
    match value.first() {
        Some(b'[') if has_mark(value) => Some(items(value)),
        Some(b'{') if has_mark(value) => object(value),
        _ => Some(value.to_vec()),
    }
}

fn items(array: &[u8]) -> Vec<u8> {
    let Ok(items) = serde_json::from_slice::<Vec<&RawValue>>(array) else { return array.to_vec() };
    let kept: Vec<Vec<u8>> = items.into_iter().filter_map(|item| kept(item.get().as_bytes())).collect();
    [b"[", kept.join(&b","[..]).as_slice(), b"]"].concat()
}

/// Reasoning that has a mark is gone, and what holds nothing else.
fn object(object: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(object.len());
    let mut end = 0;
    let mut is_gone = false;
    let read = json::members(object, |key, at| {
        let value = object.get(at.clone()).unwrap_or_default();
        is_gone |= is_proof(&key) && json::string(value).is_some_and(|text| unmarked(&text).is_some());
        match kept(value) {
            Some(kept) => {
                is_gone |= matches!(&*key, b"content" | b"parts") && kept == b"[]" && value != b"[]";
                written.extend_from_slice(object.get(end..at.start).unwrap_or_default());
                written.extend_from_slice(&kept);
                end = at.end;
            }
            None => is_gone = true,
        }
        Ok::<_, JsonError>(())
    });
    written.extend_from_slice(object.get(end..).unwrap_or_default());
    match read {
        Ok(()) if is_gone => None,
        Ok(()) => Some(written),
        Err(_) => Some(object.to_vec()),
    }
}

/// Whether a format has signatures, or what they seal, under this name.
fn is_proof(key: &[u8]) -> bool {
    matches!(
        key,
        b"signature" | b"data" | b"encrypted_content" | b"redactedContent" | b"thoughtSignature" | b"thought_signature"
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, mark};
    use super::*;
    use crate::exchange::text::Text;
    use crate::protocol::Dialect;

    fn marked() -> String {
        let mut marked = Text::from("s");
        mark(&mut marked, Kind::Signed, Dialect::Responses, Dialect::Anthropic);
        marked.to_string()
    }

    fn passed(body: &str) -> String {
        let mut passed = body.to_owned();
        for (at, with) in edits(body.as_bytes()).into_iter().rev() {
            passed.replace_range(at, std::str::from_utf8(&with).unwrap());
        }
        passed
    }

    #[test]
    fn what_another_family_signed_does_not_pass_and_the_rest_does() {
        for (body, expected) in [
            (
                r#"{"m": 1, "messages" : [{"role":"assistant", "content":[{"type":"thinking","thinking":"t","signature":"M"}, {"type":"redacted_thinking","data":"M"},{"type":"text","text":"M"} ]}]}"#,
                r#"{"m": 1, "messages" : [{"role":"assistant", "content":[{"type":"text","text":"M"}]}]}"#,
            ),
            (
                r#"{"messages":[{"content":"a","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"M"}]}]}"#,
                r#"{"messages":[{"content":"a","reasoning_details":[]}]}"#,
            ),
            (
                r#"{"contents":[{"role":"model","parts":[{"text":"","thought":true,"thoughtSignature":"M"}]},{"role":"model","parts":[{"text":"a"}]}]}"#,
                r#"{"contents":[{"role":"model","parts":[{"text":"a"}]}]}"#,
            ),
            (
                r#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"M"},{"role":"user","content":"a"}]}"#,
                r#"{"input":[{"role":"user","content":"a"}]}"#,
            ),
            (
                r#"{"messages":[{"content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"M"}}},{"reasoningContent":{"redactedContent":"M"}},{"text":"a"}]}]}"#,
                r#"{"messages":[{"content":[{"text":"a"}]}]}"#,
            ),
        ] {
            let with_mark = |text: &str| text.replace("\"M\"", &format!("\"{}\"", marked()));
            assert_eq!(passed(&with_mark(body)), with_mark(expected));
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_passes() {
        for body in [
            r#"{"messages":[{"content":[{"type":"thinking","signature":"a2V5cGxhbmUt"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"a2V5cGxhbmUt"}]}]}"#,
            r#"{"messages":[{"content":[]}],"a2V5cGxhbmUt":1}"#,
            r#"{"messages":[{"content":["a2V5cGxhbmUt""#,
        ] {
            assert_eq!(passed(body), body);
        }
    }
}
