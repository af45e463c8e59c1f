//! Citations, as Cohere has them: which characters of the answer come from which documents or tools.
//!
//! Source: docs.cohere.com/v2/docs/rag-citations, read in autumn 2026. A document's fields are the caller's own; `title`, `url` and `snippet`
//! are what most have.

use serde::{Deserialize, Serialize};

use crate::exchange::message::Citation;
use crate::exchange::text::Text;
use crate::protocol::characters::Characters;

/// A citation.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cited<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    /// What the answer says there.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    sources: Vec<SourceOf<'a>>,
    /// Which part of the answer it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<Text<'a>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct SourceOf<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Fields<'a>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    title: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Text<'a>>,
}

impl<'a> Cited<'a> {
    /// A citation of the exchange form, in an answer whose text is known or not.
    pub(super) fn of(citation: &'a Citation<'_>, answer: Option<&Characters<'a>>, content_index: Option<u64>) -> Self {
        let fields = Fields {
            title: citation.title.as_ref().map(Text::borrowed),
            url: citation.url.as_ref().map(Text::borrowed),
            snippet: citation.quoted.as_ref().map(Text::borrowed),
        };
        let id = citation.url.as_ref().or(citation.title.as_ref()).map(Text::borrowed);
        let (start, end) = citation.answer_span.unzip();
        Self {
            start,
            end,
            text: answer.zip(citation.answer_span).map(|(answer, (begin, end))| answer.between(begin, end).into()),
            sources: vec![SourceOf { r#type: "document".into(), id, document: Some(fields) }],
            content_index,
            r#type: Some("TEXT_CONTENT".into()),
        }
    }

    /// One citation for each source.
    pub(super) fn read(self) -> impl Iterator<Item = Citation<'a>> {
        let answer_span = self.start.zip(self.end);
        self.sources.into_iter().map(move |source| {
            let fields = source.document.unwrap_or_default();
            // A tool has no other name than its call's.
            let title = fields.title.or(if &*source.r#type == "tool" { source.id } else { None });
            Citation { url: fields.url, title, quoted: fields.snippet, answer_span, raw: None }
        })
    }
}
