//! Documents, and where bytes are.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::exchange::message::{Document, DocumentBody, Source};
use crate::protocol::Unsayable;
use crate::protocol::media::Medium;

const PDF: &str = "application/pdf";

/// `source`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireSource<'a> {
    Base64 { media_type: &'static str, data: &'a str },
    Url { url: &'a str },
    File { file_id: &'a str },
    Text { media_type: &'static str, data: Cow<'a, str> },
}

impl<'a> WireSource<'a> {
    fn of(source: &'a Source<'_>, media_type: &'static str) -> Self {
        match source {
            Source::Inline { data, .. } => Self::Base64 { media_type, data },
            Source::Url { url, .. } => Self::Url { url },
            Source::File(file_id) => Self::File { file_id },
        }
    }

    /// Where an image is. Of what is inline the type has to be one of Anthropic's, as Anthropic writes it.
    pub(super) fn of_image(source: &'a Source<'_>) -> Result<Self, Unsayable> {
        let media_type = match source {
            Source::Inline { media_type, .. } => Medium::Image.usual(media_type).ok_or_else(|| Unsayable {
                what: format!("an image of the type {media_type:?}"),
                why: format!("can't be sent to Anthropic: its formats are {}", Medium::Image.formats()),
            })?,
            Source::Url { .. } | Source::File(_) => "",
        };
        Ok(Self::of(source, media_type))
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
            Source::Inline { media_type, .. } if !media_type.eq_ignore_ascii_case(PDF) => {
                Err(unsayable(media_type, "can't be sent to Anthropic: send it as PDF or plain text"))
            }
            Source::Inline { .. } | Source::Url { .. } | Source::File(_) => Ok(Self::of(source, PDF)),
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
    fn an_image_has_one_of_the_known_types() {
        let written = |media_type: &'static str| {
            let source = Source::Inline { media_type: media_type.into(), data: "aGk=".into() };
            WireSource::of_image(&source).map(|source| serde_json::to_string(&source).unwrap())
        };
        let jpeg = r#"{"type":"base64","media_type":"image/jpeg","data":"aGk="}"#;
        assert_eq!(written("image/JPG").as_deref(), Ok(jpeg));
        let expected =
            "an image of the type \"image/svg+xml\" can't be sent to Anthropic: its formats are png, jpeg, gif, webp";
        assert_eq!(written("image/svg+xml").unwrap_err().to_string(), expected);
    }

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
