//! How much of an answer stays in memory while it goes by: a stream may last for an hour, and hold no more than a whole answer.

use super::Trouble;
use crate::exchange::event::Piece;
use crate::exchange::message::Source;
use crate::exchange::text::Text;
use crate::protocol::{Dialect, MOST_KEPT};

/// About what an item, a call or a citation takes beside its words.
const ENVELOPE: usize = 256;

/// What a writer may keep of an answer.
#[derive(Debug)]
pub(super) struct Kept {
    /// The caller's format ends an answer with all of it.
    is_all: bool,
    bytes: usize,
    /// What the last words were, which an item is of.
    words: Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    None,
    Text,
    Refusal,
    Reasoning,
}

impl Kept {
    pub(super) fn by(caller: Dialect) -> Self {
        Self { is_all: caller == Dialect::Responses, bytes: 0, words: Words::None }
    }

    /// Counts what may stay of a piece.
    ///
    /// # Errors
    ///
    /// When it is too much by now.
    pub(super) fn add(&mut self, piece: &Piece<'_>) -> Result<(), Trouble> {
        let length = |text: &Option<Text<'_>>| text.as_ref().map_or(0, |text| text.len());
        self.bytes += match piece {
            // Until a call's turn comes, or, for Gemini's callers, it is whole.
            Piece::ToolBegin { id, name, signature, .. } => ENVELOPE + id.len() + name.len() + length(signature),
            Piece::ToolArguments { fragment, .. } => fragment.len(),
            // Gemini's callers get them last.
            Piece::Citation(citation) => {
                ENVELOPE + length(&citation.url) + length(&citation.title) + length(&citation.quoted)
            }
            Piece::Text(_)
            | Piece::Refusal(_)
            | Piece::Reasoning(_)
            | Piece::ReasoningSignature(_)
            | Piece::SealedReasoning(_)
            | Piece::Image(_)
                if !self.is_all =>
            {
                0
            }
            Piece::Text(text) => self.of(Words::Text) + text.len(),
            Piece::Refusal(text) => self.of(Words::Refusal) + text.len(),
            Piece::Reasoning(text) => self.of(Words::Reasoning) + text.len(),
            Piece::ReasoningSignature(proof) | Piece::SealedReasoning(proof) => self.of(Words::None) + proof.len(),
            Piece::Image(image) => self.of(Words::None) + source_length(&image.source),
            Piece::ToolEnd { .. } | Piece::Logprobs(_) => 0,
        };
        if self.bytes > MOST_KEPT { Err(Trouble::Disorder) } else { Ok(()) }
    }

    /// What an item takes that begins with such words.
    fn of(&mut self, words: Words) -> usize {
        let is_more = words != Words::None && words == self.words;
        self.words = words;
        if is_more { 0 } else { ENVELOPE }
    }
}

fn source_length(source: &Source<'_>) -> usize {
    match source {
        Source::Inline { data, .. } => data.len(),
        Source::Url { url, .. } => url.len(),
        Source::File(id) => id.len(),
    }
}
