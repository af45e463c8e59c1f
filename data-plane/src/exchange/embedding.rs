//! Texts whose meaning is wanted as vectors, and the vectors.

use super::json::{Json, Number};
use super::request::Extra;
use super::text::Text;

/// A request for vectors.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct EmbeddingRequest<'a> {
    /// At least one.
    pub(crate) inputs: Vec<Text<'a>>,
    /// What the vectors are for; `None` where the caller does not say.
    pub(crate) purpose: Option<Purpose>,
    /// The same in a word of Google's that is not known here; then there is no other.
    pub(crate) task_type: Option<Text<'a>>,
    /// The titles of documents, each at its text's place; those behind the end of the list have none.
    pub(crate) titles: Vec<Option<Text<'a>>>,
    /// How many numbers a vector is to have.
    pub(crate) dimensions: Option<Number<'a>>,
    pub(crate) encoding: Encoding,
    /// What becomes of a text that is too long; `None` where the caller does not say.
    pub(crate) truncation: Option<Truncation>,
    pub(crate) extras: Vec<Extra<'a>>,
}

impl<'a> EmbeddingRequest<'a> {
    /// The title of the text at a place, if it has one.
    pub(crate) fn title(&self, at: usize) -> Option<&Text<'a>> {
        self.titles.get(at)?.as_ref()
    }
}

/// What vectors are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To find what is like it.
    Query,
    /// To find what answers it.
    Question,
    /// To find what proves it.
    Fact,
    /// To find the code that does it.
    Code,
    /// To be found.
    Document,
    Similarity,
    Classification,
    Clustering,
}

impl Purpose {
    pub(crate) const ALL: [Self; 8] = [
        Self::Query,
        Self::Question,
        Self::Fact,
        Self::Code,
        Self::Document,
        Self::Similarity,
        Self::Classification,
        Self::Clustering,
    ];
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    /// As numbers.
    #[default]
    Numbers,
    /// As base64 of its numbers as 32-bit floats, the least byte first.
    Base64,
}

/// What becomes of a text that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truncation {
    /// An error.
    Never,
    /// Its end goes.
    End,
    /// Its start goes.
    Start,
}

/// Vectors, in the order of the texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Embeddings<'a> {
    /// Arrays of numbers, as they were written.
    pub(crate) vectors: Vec<Json<'a>>,
    /// The tokens of all the texts, where the provider says it.
    pub(crate) input_tokens: Option<u64>,
}
