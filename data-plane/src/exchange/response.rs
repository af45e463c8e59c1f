//! A whole answer.

use super::json::Json;
use super::message::Part;
use super::text::Text;
use super::usage::Usage;

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Response<'a> {
    /// The provider's name for it.
    pub(crate) id: Option<Text<'a>>,
    /// The model that answered, in the provider's words.
    pub(crate) model: Option<Text<'a>>,
    /// The alternatives, in the order of their index; mostly one.
    pub(crate) choices: Vec<Choice<'a>>,
    pub(crate) usage: Usage,
}

/// One alternative.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) finish: Finish<'a>,
    /// The probabilities of tokens as OpenAI's chat has them, where they were asked for.
    pub(crate) logprobs: Option<Json<'a>>,
}

/// Why an answer is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish<'a> {
    /// The model was done.
    Stop,
    /// A stop text came: this one, if the provider says.
    StopText(Option<Text<'a>>),
    /// The limit of tokens was reached.
    Length,
    /// The model waits for the results of tools.
    ToolCalls,
    /// The provider's filter took the answer, or the rest of it.
    Filtered,
    /// The model would not answer.
    Refused,
    /// The model paused a long turn and can be asked to go on.
    Paused,
}
