//! Reasoning between turns: what a model thought, with what proves it to its provider.
//!
//! Source: openrouter.ai/docs/use-cases/reasoning-tokens, read in autumn 2026. OpenAI's own chat has no reasoning. Vendors show it as a text,
//! `reasoning_content` or `reasoning`; what has to come back unchanged is in `reasoning_details`, a list of
//! `{type: "reasoning.text", text, signature}`, `{type: "reasoning.summary", summary}` and `{type: "reasoning.encrypted", data}`. Whose a proof is
//! stands beside it, as `format`, and so does its `id`: without them it comes back as somebody else's.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::exchange::message::{Content, Part};
use crate::exchange::text::Text;

/// An item of `reasoning_details`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    pub(super) text: Option<Text<'a>>,
    pub(super) summary: Option<Text<'a>>,
    pub(super) signature: Option<Text<'a>>,
    pub(super) data: Option<Text<'a>>,
    format: Option<Text<'a>>,
    id: Option<Text<'a>>,
    /// Items with the same are pieces of one.
    index: Option<u64>,
}

impl<'a> Detail<'a> {
    /// The words that it holds.
    pub(super) fn words(&self) -> Option<&Text<'a>> {
        self.text.as_ref().or(self.summary.as_ref()).filter(|words| !words.is_empty())
    }

    /// With what stands beside its proof inside of it, since other formats have one place for a proof: [`proven`] takes it out again.
    pub(super) fn kept(mut self) -> Self {
        let (format, id) = (self.format.take(), self.id.take());
        if format.is_none() && id.is_none() {
            return self;
        }
        for proof in [&mut self.signature, &mut self.data] {
            let kept = |proof: &mut Text<'_>| {
                let beside = Beside { format: format.as_deref().map(Cow::from), id: id.as_deref().map(Cow::from) };
                serde_json::to_string(&Kept { beside, proof: proof.as_str().into() })
            };
            if let Some(Ok(kept)) = proof.as_mut().map(kept) {
                *proof = Some(kept.into());
            }
        }
        self
    }

    fn is_sealed(&self) -> bool {
        &*self.r#type == "reasoning.encrypted"
    }
}

/// What stands beside a proof.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Beside<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
}

/// A proof with what stands beside it.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(flatten)]
    beside: Beside<'a>,
    proof: Cow<'a, str>,
}

/// What reasoning an assistant's turn holds: `plain` is its text where it has one beside the details.
pub(super) fn read<'a>(plain: Option<Text<'a>>, details: Vec<Detail<'a>>) -> Vec<Part<'a>> {
    // The details repeat the text, or else only prove it.
    let mut plain = plain.filter(|text| !text.is_empty() && !details.iter().any(|detail| detail.words().is_some()));
    let mut found: Vec<(Option<u64>, Content<'a>)> = Vec::new();
    for detail in details {
        let index = detail.index;
        if detail.is_sealed() {
            found.extend(detail.data.map(|data| (index, Content::SealedReasoning(data))));
            continue;
        }
        let words = detail.words().cloned();
        if let Some((Some(last), Content::Reasoning { text, signature })) = found.last_mut()
            && Some(*last) == index
            && signature.is_none()
        {
            if let Some(words) = words {
                text.0.to_mut().push_str(&words);
            }
            *signature = detail.signature;
        } else if words.is_some() || detail.signature.is_some() {
            let text = words.or_else(|| plain.take()).unwrap_or_default();
            found.push((index, Content::Reasoning { text, signature: detail.signature }));
        }
    }
    let plain = plain.map(|text| Content::Reasoning { text, signature: None });
    plain.into_iter().chain(found.into_iter().map(|(_, content)| content)).map(Part::of).collect()
}

/// An item of `reasoning_details` as it is written.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Written<'a> {
    #[serde(rename = "reasoning.text")]
    Text {
        index: u32,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<Cow<'a, str>>,
        #[serde(flatten)]
        beside: Beside<'a>,
    },
    #[serde(rename = "reasoning.encrypted")]
    Encrypted {
        index: u32,
        data: Cow<'a, str>,
        #[serde(flatten)]
        beside: Beside<'a>,
    },
}

impl<'a> Written<'a> {
    pub(super) fn text(index: u32, text: &'a str, signature: Option<&'a str>) -> Self {
        Self::Text { index, text, signature: signature.map(Cow::from), beside: Beside::default() }
    }

    pub(super) fn encrypted(index: u32, data: &'a str) -> Self {
        Self::Encrypted { index, data: data.into(), beside: Beside::default() }
    }
}

/// The reasoning among the parts that has a proof, for whoever made it.
pub(super) fn proven<'a>(parts: &'a [Part<'_>]) -> Vec<Written<'a>> {
    let mut proven = details(parts);
    proven.retain(|detail| match detail {
        Written::Text { signature, .. } => signature.as_deref().is_some_and(|signature| !signature.is_empty()),
        Written::Encrypted { .. } => true,
    });
    for detail in &mut proven {
        let (proof, beside) = match detail {
            Written::Text { signature: Some(signature), beside, .. } => (signature, beside),
            Written::Encrypted { data, beside, .. } => (data, beside),
            Written::Text { signature: None, .. } => continue,
        };
        let kept = serde_json::from_str::<Kept<'_>>(proof).map(|kept| {
            let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
            let Beside { format, id } = kept.beside;
            (owned(kept.proof), Beside { format: format.map(owned), id: id.map(owned) })
        });
        if let Ok(kept) = kept {
            (*proof, *beside) = kept;
        }
    }
    proven
}

/// The reasoning among the parts as `reasoning_details`.
pub(super) fn details<'a>(parts: &'a [Part<'_>]) -> Vec<Written<'a>> {
    let mut index = 0..;
    parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Reasoning { text, signature } => Some(Written::text(index.next()?, text, signature.as_deref())),
            Content::SealedReasoning(data) => Some(Written::encrypted(index.next()?, data)),
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::ToolCall(_)
            | Content::ToolResult(_) => None,
        })
        .collect()
}

/// The reasoning among the parts as one text; `None` where there are no words.
pub(super) fn plain(parts: &[Part<'_>]) -> Option<String> {
    let words = parts.iter().filter_map(|part| match &part.content {
        Content::Reasoning { text, .. } => Some(text.as_str()),
        Content::Text { .. }
        | Content::Refusal(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::SealedReasoning(_) => None,
    });
    let text: String = words.collect();
    (!text.is_empty()).then_some(text)
}

/// Whether a text alone would lose something of the reasoning among the parts.
pub(super) fn needs_details(parts: &[Part<'_>]) -> bool {
    parts
        .iter()
        .any(|part| matches!(part.content, Content::SealedReasoning(_) | Content::Reasoning { signature: Some(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasoning(text: &'static str, signature: Option<&'static str>) -> Part<'static> {
        Part::of(Content::Reasoning { text: text.into(), signature: signature.map(Text::from) })
    }

    fn sealed(data: &'static str) -> Part<'static> {
        Part::of(Content::SealedReasoning(data.into()))
    }

    #[test]
    fn reasoning_is_read_from_every_form() {
        for (plain, details, expected) in [
            (Some("a"), "[]", vec![reasoning("a", None)]),
            (Some(""), "[]", vec![]),
            (
                Some("ab"),
                r#"[{"type":"reasoning.text","text":"ab","signature":"s"}]"#,
                vec![reasoning("ab", Some("s"))],
            ),
            (Some("ab"), r#"[{"type":"reasoning.text","signature":"s"}]"#, vec![reasoning("ab", Some("s"))]),
            (Some("ab"), r#"[{"type":"reasoning.encrypted","data":"x"}]"#, vec![reasoning("ab", None), sealed("x")]),
            (None, r#"[{"type":"reasoning.summary","summary":"s"}]"#, vec![reasoning("s", None)]),
            (None, r#"[{"type":"reasoning.text","text":"","signature":"s"}]"#, vec![reasoning("", Some("s"))]),
            (None, r#"[{"type":"reasoning.unheard-of","x":1}]"#, vec![]),
            (
                Some("abc"),
                r#"[{"type":"reasoning.text","text":"a","index":0},{"type":"reasoning.text","text":"b","index":0},
                    {"type":"reasoning.text","signature":"s","index":0},{"type":"reasoning.text","text":"c","index":1}]"#,
                vec![reasoning("ab", Some("s")), reasoning("c", None)],
            ),
        ] {
            let given = serde_json::from_str(details).unwrap();
            assert_eq!(read(plain.map(Text::from), given), expected, "{details}");
        }
    }

    #[test]
    fn a_proof_comes_back_with_what_tells_whose_it_is() {
        let given = r#"[{"type":"reasoning.summary","summary":"a","format":"openai-responses-v1","index":0},
            {"type":"reasoning.encrypted","data":"x","format":"openai-responses-v1","id":"rs_1","index":1},
            {"type":"reasoning.text","text":"b","signature":"s","format":"anthropic-claude-v1","index":2},
            {"type":"reasoning.text","text":"c","signature":"t","index":3}]"#;
        let given: Vec<Detail<'_>> = serde_json::from_str(given).unwrap();
        let parts = read(None, given.into_iter().map(Detail::kept).collect());
        let expected = serde_json::json!([
            {"type": "reasoning.encrypted", "index": 1, "data": "x", "format": "openai-responses-v1", "id": "rs_1"},
            {"type": "reasoning.text", "index": 2, "text": "b", "signature": "s", "format": "anthropic-claude-v1"},
            {"type": "reasoning.text", "index": 3, "text": "c", "signature": "t"},
        ]);
        assert_eq!(serde_json::to_value(proven(&parts)).unwrap(), expected);
        assert!(proven(&parts[..1]).is_empty(), "words alone prove nothing");
    }

    #[test]
    fn details_come_back_as_they_were() {
        let parts = [reasoning("a", Some("s")), sealed("x"), reasoning("", Some("t")), reasoning("b", None)];
        let written = serde_json::to_string(&details(&parts)).unwrap();
        assert_eq!(read(Some("ab".into()), serde_json::from_str(&written).unwrap()), parts);
        assert!(needs_details(&parts) && !needs_details(&parts[3..]));
    }
}
