//! The blocks that messages are made of, as they are written; and those that both sides read.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html, read in autumn 2026. A block is an object with one
//! member, whose name says what it is.

use serde::{Deserialize, Serialize};

use crate::exchange::json::Json;
use crate::exchange::message::{Audio, Citation, Content, Image, Source};
use crate::exchange::text::Text;
use crate::protocol::Unsayable;
use crate::protocol::media::Medium;

/// A block that is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'a> {
    Text(&'a str),
    Image(Media<'a>),
    Audio(Media<'a>),
    Document(Document<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: Text<'a>,
        name: &'a str,
        input: Json<'a>,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: Text<'a>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    ReasoningContent(Reasoning<'a>),
    CitationsContent(Citations<'a>),
    CachePoint {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<&'static str>,
    },
}

/// An image or audio.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Media<'a> {
    #[serde(borrow)]
    pub(super) format: Text<'a>,
    pub(super) source: MediaSource<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MediaSource<'a> {
    /// Base64.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) s3_location: Option<Json<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    pub(super) format: &'static str,
    pub(super) name: String,
    pub(super) source: DocumentSource<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) citations: Option<Enabled>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum DocumentSource<'a> {
    /// Base64.
    Bytes(&'a str),
    Text(&'a str),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Enabled {
    pub(super) enabled: bool,
}

/// `reasoningContent`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reasoning<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_text: Option<ReasoningText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redacted_content: Option<Text<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReasoningText<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<Text<'a>>,
}

/// `citationsContent`: text, and where it comes from.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Citations<'a> {
    #[serde(borrow)]
    pub(super) content: Vec<Said<'a>>,
    pub(super) citations: Vec<CitationOf<'a>>,
}

/// Text in a list of kinds that has no other.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

/// A citation.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CitationOf<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    title: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_content: Option<Vec<Said<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location<'a>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Location<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    web: Option<Web<'a>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Web<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    url: Option<Text<'a>>,
}

/// `toolUse`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    pub(super) tool_use_id: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) input: Option<Json<'a>>,
    /// What is not the caller's to call.
    pub(super) r#type: Option<Text<'a>>,
}

impl<'a> Media<'a> {
    /// An image of the exchange form.
    ///
    /// # Errors
    ///
    /// When it is not here, or of a type that Amazon does not have.
    pub(super) fn image(image: &'a Image<'_>) -> Result<Self, Unsayable> {
        Self::of(&image.source, Medium::Image)
    }

    /// The same for audio.
    pub(super) fn audio(audio: &'a Audio<'_>) -> Result<Self, Unsayable> {
        Self::of(&audio.source, Medium::Audio)
    }

    fn of(source: &'a Source<'_>, medium: Medium) -> Result<Self, Unsayable> {
        let (media_type, data) = inline(source, medium)?;
        let format = medium.format(media_type).ok_or_else(|| unknown_type(media_type, medium))?;
        let source = MediaSource { bytes: Some(data.into()), s3_location: None };
        Ok(Self { format: format.into(), source })
    }

    /// The exchange form of what came as bytes; `None` where it is elsewhere.
    pub(super) fn source(self, medium: Medium) -> Option<Source<'a>> {
        let data = self.source.bytes?;
        let media_type = medium.media_type(&self.format).map_or(self.format, Text::from);
        Some(Source::Inline { media_type, data })
    }
}

/// The media type and the base64 of what is here.
///
/// # Errors
///
/// When it is elsewhere.
pub(super) fn inline<'a>(source: &'a Source<'_>, medium: Medium) -> Result<(&'a str, &'a str), Unsayable> {
    match source {
        Source::Inline { media_type, data } => Ok((media_type, data)),
        Source::Url { .. } | Source::File(_) => Err(Unsayable {
            what: format!("the {} at a URL or a provider", noun(medium)),
            why: "can't be sent to Bedrock: send its bytes".to_owned(),
        }),
    }
}

/// A media type that Amazon has no word for.
pub(super) fn unknown_type(media_type: &str, medium: Medium) -> Unsayable {
    Unsayable {
        what: format!("the {} of type {media_type:?}", noun(medium)),
        why: format!("can't be sent to Bedrock: it has {}", medium.formats()),
    }
}

fn noun(medium: Medium) -> &'static str {
    match medium {
        Medium::Image => "image",
        Medium::Audio => "audio",
        Medium::Document => "document",
    }
}

impl<'a> Reasoning<'a> {
    /// What the exchange form has for it, if it says anything.
    pub(super) fn read(self) -> Option<Content<'a>> {
        if let Some(ReasoningText { text, signature }) = self.reasoning_text {
            return Some(Content::Reasoning { text, signature });
        }
        self.redacted_content.map(Content::SealedReasoning)
    }
}

impl<'a> Citations<'a> {
    pub(super) fn of(text: &'a str, citations: &'a [Citation<'_>]) -> Self {
        Self { content: vec![Said { text: text.into() }], citations: citations.iter().map(CitationOf::of).collect() }
    }

    pub(super) fn read(self) -> Content<'a> {
        let citations = self.citations.into_iter().map(CitationOf::read).collect();
        Content::Text { text: joined(self.content).unwrap_or_default(), citations }
    }
}

impl<'a> CitationOf<'a> {
    pub(super) fn of(citation: &'a Citation<'_>) -> Self {
        let url = citation.url.as_ref().map(Text::borrowed);
        Self {
            title: citation.title.as_ref().map(Text::borrowed),
            source_content: citation.quoted.as_ref().map(|text| vec![Said { text: text.borrowed() }]),
            location: url.map(|url| Location { web: Some(Web { url: Some(url) }) }),
        }
    }

    pub(super) fn read(self) -> Citation<'a> {
        Citation {
            url: self.location.and_then(|location| location.web).and_then(|web| web.url),
            title: self.title,
            quoted: self.source_content.and_then(joined),
            answer_span: None,
            raw: None,
        }
    }
}

/// The texts of a list as one, `None` where there are none.
fn joined(texts: Vec<Said<'_>>) -> Option<Text<'_>> {
    let mut texts = texts.into_iter().map(|said| said.text);
    let first = texts.next()?;
    Some(texts.fold(first, |before, text| format!("{}{}", before.as_str(), text.as_str()).into()))
}

/// A text of the model's, with its citations if it has any.
pub(super) fn text<'a>(text: &'a str, citations: &'a [Citation<'_>]) -> Block<'a> {
    if citations.is_empty() { Block::Text(text) } else { Block::CitationsContent(Citations::of(text, citations)) }
}
