//! Documents, and where bytes are.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::exchange::message::{Document, DocumentBody, Source};
use crate::protocol::Unsayable;

/// `source`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireSource<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
    File { file_id: &'a str },
    Text { media_type: &'static str, data: Cow<'a, str> },
}

impl<'a> WireSource<'a> {
    pub(super) fn of(source: &'a Source<'_>) -> Self {
        match source {
            Source::Inline { media_type, data } => Self::Base64 { media_type, data },
            Source::Url { url, .. } => Self::Url { url },
            Source::File(file_id) => Self::File { file_id },
        }
    }

    /// Where a document is. Text goes as text, however it came: of what is inline, only PDF may be base64.
    pub(super) fn of_document(document: &'a Document<'_>) -> Result<Self, Unsayable> {
        let source = match &document.body {
            DocumentBody::Text(text) => return Ok(Self::text(Cow::Borrowed(text))),
            DocumentBody::Bytes(source) => source,
        };
        match source {
            Source::Inline { media_type, data } if is_text(media_type) => {
                let decoded = STANDARD.decode(data.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let text = decoded.ok_or_else(|| unsayable(media_type, "is no base64 of UTF-8: encode it so"))?;
                Ok(Self::text(Cow::Owned(text)))
            }
            Source::Inline { media_type, .. } if !media_type.eq_ignore_ascii_case("application/pdf") => {
                Err(unsayable(media_type, "can't be sent to Anthropic: send it as PDF or plain text"))
            }
            Source::Inline { .. } | Source::Url { .. } | Source::File(_) => Ok(Self::of(source)),
        }
    }

    fn text(data: Cow<'a, str>) -> Self {
        Self::Text { media_type: "text/plain", data }
    }
}

fn is_text(media_type: &str) -> bool {
    media_type.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
        || media_type.eq_ignore_ascii_case("application/json")
}

fn unsayable(media_type: &str, why: &str) -> Unsayable {
    Unsayable { what: format!("a document of the type {media_type:?}"), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_pdf_or_text() {
        let written = |media_type: &'static str, data: &'static str| {
            let source = Source::Inline { media_type: media_type.into(), data: data.into() };
            let document = Document { body: DocumentBody::Bytes(source), name: None, context: None, cites: false };
            WireSource::of_document(&document).map(|source| serde_json::to_string(&source).unwrap())
        };
        let pdf = r#"{"type":"base64","media_type":"application/pdf","data":"aGk="}"#;
        assert_eq!(written("application/pdf", "aGk=").as_deref(), Ok(pdf));
        let text = r#"{"type":"text","media_type":"text/plain","data":"hi"}"#;
        assert_eq!(written("text/markdown", "aGk=").as_deref(), Ok(text));
        assert!(written("text/plain", "?").unwrap_err().to_string().contains("is no base64"));
        assert!(written("application/msword", "aGk=").is_err());
    }
}
