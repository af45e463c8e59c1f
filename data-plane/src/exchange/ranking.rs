//! Documents whose relevance to a question is wanted, and their order.

use super::json::Number;
use super::request::Extra;
use super::text::Text;

/// A request for an order of documents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RankingRequest<'a> {
    pub(crate) query: Text<'a>,
    pub(crate) documents: Vec<Text<'a>>,
    /// How many of the best are wanted; `None` means all.
    pub(crate) top: Option<Number<'a>>,
    pub(crate) extras: Vec<Extra<'a>>,
}

/// The best documents first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ranking<'a> {
    pub(crate) results: Vec<Ranked<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked<'a> {
    /// Which document, counted from 0.
    pub(crate) index: u64,
    /// From 0 to 1, as it was written.
    pub(crate) relevance: Number<'a>,
}
