//! What an upstream's model says: a whole `message`, or a `delta` of one. Vendors differ, and whatever can be understood is.
//!
//! Source: platform.openai.com/docs/api-reference/chat, the vendors' own pages, read in autumn 2026.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::reasoning::Detail;
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::text::Text;

/// A message or a delta.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Body<'a>>,
    pub(super) refusal: Option<Text<'a>>,
    pub(super) reasoning_content: Option<Text<'a>>,
    pub(super) reasoning: Option<Text<'a>>,
    pub(super) reasoning_details: Option<Vec<Detail<'a>>>,
    pub(super) annotations: Option<Vec<Annotation<'a>>>,
    pub(super) images: Option<Vec<Piece<'a>>>,
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    pub(super) function_call: Option<Function<'a>>,
}

/// A text, or pieces of one.
#[derive(Debug)]
pub(super) enum Body<'a> {
    Text(Text<'a>),
    Pieces(Vec<Piece<'a>>),
}

/// A piece of content: text, reasoning (as Mistral has it), or an image.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    pub(super) thinking: Option<Body<'a>>,
    image_url: Option<ImageUrl<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotation<'a> {
    #[serde(borrow)]
    url_citation: Option<UrlCitation<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct UrlCitation<'a> {
    #[serde(borrow)]
    url: Option<Text<'a>>,
    title: Option<Text<'a>>,
    content: Option<Text<'a>>,
    start_index: Option<u64>,
    end_index: Option<u64>,
}

/// A tool's call, or a part of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    /// Signed, lest an odd one spoil the rest.
    pub(super) index: Option<i64>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    pub(super) function: Option<Function<'a>>,
    pub(super) extra_content: Option<ExtraContent<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    arguments: Option<&'a RawValue>,
}

/// Where Gemini's compatible API keeps the signature of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExtraContent<'a> {
    #[serde(borrow)]
    google: Option<Google<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Google<'a> {
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
}

impl<'a> Body<'a> {
    /// Its texts as one.
    pub(super) fn into_text(self) -> Text<'a> {
        match self {
            Self::Text(text) => text,
            Self::Pieces(pieces) => {
                let texts: String = pieces.iter().filter_map(|piece| piece.text.as_deref()).collect();
                texts.into()
            }
        }
    }
}

impl<'a> Piece<'a> {
    /// The image that it is; `None` for anything else.
    pub(super) fn image(self) -> Option<Image<'a>> {
        let source = Source::of_url(self.image_url?.url)?;
        Some(Image { source, detail: None })
    }
}

impl<'a> Annotation<'a> {
    /// The page that it cites; `None` for a kind that is not known.
    pub(super) fn citation(self) -> Option<Citation<'a>> {
        let UrlCitation { url, title, content, start_index, end_index } = self.url_citation?;
        Some(Citation { url, title, quoted: content, answer_span: start_index.zip(end_index), raw: None })
    }
}

impl<'a> ExtraContent<'a> {
    pub(super) fn signature(self) -> Option<Text<'a>> {
        self.google?.thought_signature
    }
}

impl<'a> Function<'a> {
    /// Its arguments, or a fragment of them.
    pub(super) fn arguments(&self) -> Option<Text<'a>> {
        arguments_text(self.arguments?)
    }
}

/// The text of a call's arguments, or of a fragment of them. Some give an object in the place of its text.
pub(super) fn arguments_text(given: &RawValue) -> Option<Text<'_>> {
    let written = given.get();
    if written.starts_with('"') { serde_json::from_str(written).ok() } else { Some(written.into()) }
}

/// The JSON of a call's arguments; `None` where they are no object.
pub(super) fn arguments(text: Text<'_>) -> Option<Json<'_>> {
    match text.0 {
        Cow::Borrowed(text) => Json::arguments(text),
        Cow::Owned(text) => Json::arguments(&text).map(Json::into_owned),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Body<'de>, E> {
        Ok(Body::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Body<'de>, E> {
        Ok(Body::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Body<'de>, A::Error> {
        let mut pieces = Vec::new();
        while let Some(piece) = items.next_element()? {
            pieces.push(piece);
        }
        Ok(Body::Pieces(pieces))
    }
}
