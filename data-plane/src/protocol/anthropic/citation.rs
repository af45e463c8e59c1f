//! Citations: where something that the model says comes from.
//!
//! Source: docs.anthropic.com/en/docs/build-with-claude/citations, read in autumn 2026.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::exchange::json::Json;
use crate::exchange::message::Citation;
use crate::exchange::text::Text;
use crate::json;

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    cited_text: Option<Text<'a>>,
    url: Option<Text<'a>>,
    /// A search result's, which is mostly a URL.
    source: Option<Text<'a>>,
    title: Option<Text<'a>>,
    document_title: Option<Text<'a>>,
}

/// A citation as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Written<'a> {
    /// One of Anthropic's own.
    Own(&'a Json<'a>),
    /// One of a web page, which is the only kind that needs no place in a document of the request.
    Web {
        r#type: &'static str,
        cited_text: &'a str,
        encrypted_index: &'static str,
        title: Option<&'a str>,
        url: &'a str,
    },
}

/// Reads a citation. One of a kind that is newer than this has at least what it was written as.
pub(super) fn read(raw: &RawValue) -> Citation<'_> {
    let read = serde_json::from_str::<Read<'_>>(raw.get()).ok();
    let own = Json::parse(raw.get());
    match read {
        Some(read) => Citation {
            url: read.url.or(read.source.filter(|source| source.starts_with("http"))),
            title: read.title.or(read.document_title),
            quoted: read.cited_text,
            answer_span: None,
            raw: own,
        },
        None => Citation { raw: own, ..Citation::default() },
    }
}

/// What a citation is written as. `None` where it says neither a URL nor a place that Anthropic's format has: a made up place would be a lie.
pub(super) fn written<'a>(citation: &'a Citation<'_>) -> Option<Written<'a>> {
    if let Some(own) = citation.raw.as_ref().filter(|raw| is_own(raw)) {
        return Some(Written::Own(own));
    }
    let url = citation.url.as_deref()?;
    Some(Written::Web {
        r#type: "web_search_result_location",
        cited_text: citation.quoted.as_deref().unwrap_or_default(),
        encrypted_index: "",
        title: citation.title.as_deref(),
        url,
    })
}

/// What can be written of several.
pub(super) fn all_written<'a>(citations: &'a [Citation<'_>]) -> Vec<Written<'a>> {
    citations.iter().filter_map(written).collect()
}

/// Whether a citation is in Anthropic's form: no other has types that end so.
fn is_own(raw: &Json<'_>) -> bool {
    json::text(raw.as_str().as_bytes(), b"type").is_some_and(|kind| kind.ends_with("_location"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(written: &str) -> (Citation<'_>, Option<String>) {
        let raw: &RawValue = serde_json::from_str(written).unwrap();
        let citation = read(raw);
        let again = super::written(&citation).map(|written| serde_json::to_string(&written).unwrap());
        (citation, again)
    }

    #[test]
    fn a_citation_of_a_document_keeps_its_place() {
        let given = r#"{"type":"char_location","cited_text":"so","document_index":0,"document_title":"T","start_char_index":1,"end_char_index":3}"#;
        let (citation, again) = round(given);
        assert_eq!((citation.url, citation.title), (None, Some("T".into())));
        assert_eq!(citation.quoted, Some("so".into()));
        assert_eq!(again.as_deref(), Some(given));
    }

    #[test]
    fn anothers_citation_is_written_if_it_names_a_page() {
        let page = Citation {
            url: Some("https://h/x".into()),
            raw: Json::parse(r#"{"type":"url_citation"}"#),
            ..Citation::default()
        };
        let expected = r#"{"type":"web_search_result_location","cited_text":"","encrypted_index":"","title":null,"url":"https://h/x"}"#;
        assert_eq!(serde_json::to_string(&written(&page)).unwrap(), expected);
        let none = Citation { quoted: Some("so".into()), ..Citation::default() };
        assert!(written(&none).is_none());
    }
}
