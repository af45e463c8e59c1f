//! Where an answer's words come from: `groundingMetadata`.

use serde::{Deserialize, Serialize};

use crate::exchange::message::Citation;
use crate::exchange::text::Text;

/// The sources, and which words each supports.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::protocol::gemini) struct Grounding<'a> {
    #[serde(borrow)]
    grounding_chunks: Option<Vec<Chunk<'a>>>,
    grounding_supports: Option<Vec<Support>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    web: Option<Place<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    retrieved_context: Option<Place<'a>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Place<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    uri: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    title: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Support {
    segment: Option<Segment>,
    grounding_chunk_indices: Option<Vec<usize>>,
}

/// Bytes of a part's text, as UTF-8.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_index: Option<usize>,
    end_index: Option<usize>,
}

impl<'a> Grounding<'a> {
    /// The citations: for each source those of the words that it supports in a text, or one for the answer as a whole.
    pub(in crate::protocol::gemini) fn citations(&self, text: Option<&str>) -> Vec<Citation<'a>> {
        let mut citations = Vec::new();
        for (at, chunk) in self.grounding_chunks.iter().flatten().enumerate() {
            let Some(citation) = chunk.citation() else { continue };
            let before = citations.len();
            citations.extend(self.spans(at, text).map(|span| Citation { answer_span: Some(span), ..citation.clone() }));
            if citations.len() == before {
                citations.push(citation);
            }
        }
        citations
    }

    /// The characters that a source supports.
    fn spans(&self, chunk: usize, text: Option<&str>) -> impl Iterator<Item = (u64, u64)> {
        let supports = self.grounding_supports.as_deref().unwrap_or_default();
        let of_chunk = move |support: &&Support| {
            support.grounding_chunk_indices.as_ref().is_some_and(|chunks| chunks.contains(&chunk))
        };
        supports.iter().filter(of_chunk).filter_map(move |support| {
            let segment = support.segment?;
            let begin = characters(text?, segment.start_index.unwrap_or(0))?;
            Some((begin, characters(text?, segment.end_index?)?))
        })
    }
}

impl<'a> Chunk<'a> {
    fn citation(&self) -> Option<Citation<'a>> {
        let Place { uri, title, text } = self.web.as_ref().or(self.retrieved_context.as_ref())?;
        Some(Citation { url: uri.clone(), title: title.clone(), quoted: text.clone(), ..Citation::default() })
    }
}

/// How many characters stand before a byte.
fn characters(text: &str, byte: usize) -> Option<u64> {
    u64::try_from(text.get(..byte)?.chars().count()).ok()
}

/// The byte at which a character begins.
fn byte(text: &str, character: u64) -> Option<usize> {
    let character = usize::try_from(character).ok()?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(character)
}

/// Writes the sources.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::protocol::gemini) struct GroundingWriter<'a> {
    grounding_chunks: Vec<Chunk<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grounding_supports: Vec<Support>,
}

impl<'a> GroundingWriter<'a> {
    /// Adds a citation, of words in a text where that is known.
    pub(in crate::protocol::gemini) fn add(&mut self, citation: &'a Citation<'_>, text: Option<&str>) {
        let Citation { url, title, quoted, answer_span, raw: _ } = citation;
        let borrowed = |text: &'a Option<Text<'_>>| text.as_ref().map(Text::borrowed);
        let place = Place { uri: borrowed(url), title: borrowed(title), text: borrowed(quoted) };
        let chunk = match url {
            Some(_) => Chunk { web: Some(place), retrieved_context: None },
            None => Chunk { web: None, retrieved_context: Some(place) },
        };
        let index = self.grounding_chunks.len();
        self.grounding_chunks.push(chunk);
        let segment = answer_span.zip(text).and_then(|((begin, end), text)| {
            Some(Segment { start_index: Some(byte(text, begin)?), end_index: Some(byte(text, end)?) })
        });
        if segment.is_some() {
            self.grounding_supports.push(Support { segment, grounding_chunk_indices: Some(vec![index]) });
        }
    }

    /// The sources, if there are any.
    pub(in crate::protocol::gemini) fn written(self) -> Option<Self> {
        (!self.grounding_chunks.is_empty()).then_some(self)
    }
}
