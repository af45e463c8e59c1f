//! What is peculiar to an upstream and its model, as far as a request that is written for it has to follow: data, which comes from the control
//! plane's catalog. No name of a model stands in the code.

use std::borrow::Cow;

use super::reasoning::Effort;

/// How requests for a model are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manner {
    /// The limit of tokens that is sent where the format demands one and the caller gave none.
    pub(crate) max_tokens: u64,
    /// The most tokens that the model writes, with what it thinks; `None` where that is not known.
    pub(crate) most_tokens: Option<u64>,
    /// How many tokens it can be told to think; `None` where that is not known.
    pub(crate) budget: Option<Budget>,
    pub(crate) forced_tools: ForcedTools,
    /// It refuses to be held to a form of the answer while it has tools: Gemini's format alone.
    pub(crate) tools_or_form: bool,
    /// What OpenAI's chat calls the limit of tokens.
    pub(crate) max_tokens_field: MaxTokensField,
    pub(crate) reasoning: ReasoningForm,
    /// The efforts that the model offers; empty where that is not known, and then every word is sent as it is.
    pub(crate) efforts: Vec<Effort>,
    pub(crate) schema: SchemaForm,
    /// What OpenAI's chat calls the reasoning of an assistant's turn that is sent back; `None` where the vendor doesn't want it.
    pub(crate) reasoning_field: Option<Cow<'static, str>>,
    /// It always thinks: asked not to, it thinks as little as it can.
    pub(crate) always_thinks: bool,
    /// The highest temperature that the model takes; higher ones are sent as this.
    pub(crate) max_temperature: Option<u32>,
    /// It refuses a temperature and `top_p` together: then the temperature counts.
    pub(crate) top_p_alone: bool,
    /// The most texts that may end an answer, in OpenAI's chat; `None` where that is not known.
    pub(crate) max_stops: Option<u32>,
    /// OpenAI's chat takes tools only while it does not think, and it may think unless it is told not to.
    pub(crate) tools_unthinking: bool,
    /// It takes a temperature and `top_p` only while it does not think, which it does not unless it is told to.
    pub(crate) sampling_unthinking: bool,
    /// After the results of tools, the model alone may speak, in OpenAI's chat.
    pub(crate) model_after_results: bool,
    /// Which ids calls and results of tools have.
    pub(crate) call_ids: CallIds,
    /// What requests for embeddings are written in at Bedrock.
    pub(crate) embedding: EmbeddingModel,
}

/// How many tokens a model can be told to think, where it is told so by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// Which tools a model can be made to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForcedTools {
    /// Any of them, or the one that is named.
    Named,
    /// Any of them.
    Any,
    /// None: it decides for itself.
    None,
}

/// What OpenAI's chat calls the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxTokensField {
    /// `max_completion_tokens`, as OpenAI does now.
    MaxCompletionTokens,
    /// `max_tokens`, as most compatible vendors do.
    MaxTokens,
}

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReasoningForm {
    /// It can't be told.
    None,
    /// By a number of tokens: Claude up to 4.5, Gemini 2.5.
    Budget,
    /// By a word: OpenAI, Claude from 4.6 on, Gemini from 3 on.
    Effort,
}

/// How a model is held to a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaForm {
    /// By the format's own field.
    Native,
    /// By a tool that it has to call.
    Tool,
}

/// Which ids calls of tools, and their results, have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallIds {
    /// Any.
    Carried,
    /// None: Gemini's format at Vertex.
    Absent,
    /// Nine letters and digits: Mistral.
    Nine,
}

/// Whose embedding model it is: Bedrock passes each vendor's own format on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmbeddingModel {
    /// Amazon's Titan.
    Titan,
    /// Cohere's Embed.
    Cohere,
}

/// Which of OpenAI's two ways to write conversations an upstream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenAiApi {
    /// Chat completions.
    ChatOnly,
    /// Responses.
    ResponsesOnly,
    /// Both: what comes in another format is written as chat completions.
    Both,
}

/// Of an upstream of which nothing is known.
pub(crate) static UNKNOWN: Manner = Manner {
    max_tokens: 4096,
    most_tokens: None,
    budget: None,
    forced_tools: ForcedTools::Named,
    tools_or_form: false,
    max_tokens_field: MaxTokensField::MaxCompletionTokens,
    reasoning: ReasoningForm::Effort,
    efforts: Vec::new(),
    schema: SchemaForm::Native,
    reasoning_field: None,
    always_thinks: false,
    max_temperature: None,
    top_p_alone: false,
    max_stops: None,
    tools_unthinking: false,
    sampling_unthinking: false,
    model_after_results: false,
    call_ids: CallIds::Carried,
    embedding: EmbeddingModel::Titan,
};
