//! Where an answer's words come from: `groundingMetadata`.

use serde::{Deserialize, Serialize};

use crate::exchange::message::Citation;
use crate::exchange::text::Text;
use crate::protocol::characters::Characters;

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
        for (chunk, spans) in self.grounding_chunks.iter().flatten().zip(self.spans(text)) {
            let Some(citation) = chunk.citation() else { continue };
            if spans.is_empty() {
                citations.push(citation);
            } else {
                let of_span = |span| Citation { answer_span: Some(span), ..citation.clone() };
                citations.extend(spans.into_iter().map(of_span));
            }
        }
        citations
    }

    /// For each source the characters that it supports.
    fn spans(&self, text: Option<&str>) -> Vec<Vec<(u64, u64)>> {
        let mut spans = vec![Vec::new(); self.grounding_chunks.as_ref().map_or(0, Vec::len)];
        let (Some(text), Some(supports)) = (text, &self.grounding_supports) else { return spans };
        let characters = Characters::of(text);
        for support in supports {
            let Some(span) = support.segment.and_then(|segment| segment.span(&characters)) else { continue };
            for chunk in support.grounding_chunk_indices.iter().flatten() {
                // One that is named twice supports the words once.
                if let Some(of_chunk) = spans.get_mut(*chunk).filter(|spans| spans.last() != Some(&span)) {
                    of_chunk.push(span);
                }
            }
        }
        spans
    }
}

impl Segment {
    fn span(self, text: &Characters<'_>) -> Option<(u64, u64)> {
        Some((text.before(self.start_index.unwrap_or(0))?, text.before(self.end_index?)?))
    }
}

impl<'a> Chunk<'a> {
    fn citation(&self) -> Option<Citation<'a>> {
        let Place { uri, title, text } = self.web.as_ref().or(self.retrieved_context.as_ref())?;
        Some(Citation { url: uri.clone(), title: title.clone(), quoted: text.clone(), ..Citation::default() })
    }
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
    pub(in crate::protocol::gemini) fn add(&mut self, citation: &'a Citation<'_>, text: Option<&Characters<'_>>) {
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
            Some(Segment { start_index: Some(text.byte(begin)?), end_index: Some(text.byte(end)?) })
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
