//! What is peculiar to an upstream and its model, as far as a request that is written for it has to follow: data, which comes from the control
//! plane's catalog. No name of a model stands in the code.

use std::borrow::Cow;

use shared::catalog::rules::{Budget, CallIds, EmbeddingModel, ForcedTools, MaxTokensField, ReasoningForm, SchemaForm};

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
