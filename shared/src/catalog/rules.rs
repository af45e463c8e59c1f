//! What is peculiar to some of a vendor's models, as data: fields that a model refuses or calls otherwise, how it is told to think, which of
//! OpenAI's two APIs it has.
//!
//! [`model_rules`] gives the rules of a provider in their order, the special before the general. **Of each property, the first rule that fits a
//! model and says something of it counts**; so an exception stands before its rule and says what holds instead, such as that nothing is
//! dropped. A model that no rule fits is sent what callers say.
//!
//! A rule stands here only where a source says it; the sources are named in the files. What a vendor accepts and ignores is not dropped, nor
//! is what would change a request's meaning, such as `logit_bias` or `stop`: that the vendor may refuse itself.

mod claude;
mod compatible;
mod gemini;
mod openai;

use crate::adapter::{AdapterKind, OpenAiApi};

/// What is peculiar to the models whose names fit. Every property may be left out, and then the rule says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelRule {
    /// Patterns for the upstream's names, see [`fits`](super::fits): one that fits is enough.
    pub models: &'static [&'static str],
    /// Fields that the model refuses, as paths in the words of the provider's format: `inferenceConfig.topP`.
    pub dropped: Option<&'static [&'static str]>,
    /// Fields on top of OpenAI's chat that the model knows by another name: the usual one, and its own.
    pub renamed: Option<&'static [(&'static str, &'static str)]>,
    /// The limit of tokens where the format demands one and the caller gave none.
    pub max_tokens: Option<u64>,
    /// The most tokens that it can write, with what it thinks.
    pub most_tokens: Option<u64>,
    /// How many tokens it can be told to think.
    pub budget: Option<Budget>,
    /// Which tools it can be made to call, at Bedrock and at Anthropic.
    pub forced_tools: Option<ForcedTools>,
    /// Whether Gemini's format holds it to a form of the answer while it has tools.
    pub tools_and_form: Option<ToolsAndForm>,
    /// What OpenAI's chat calls the limit of tokens.
    pub max_tokens_field: Option<MaxTokensField>,
    /// How the model is told to think.
    pub reasoning: Option<ReasoningForm>,
    /// The efforts that it offers.
    pub efforts: Option<&'static [Effort]>,
    /// How it is held to a schema.
    pub schema: Option<SchemaForm>,
    /// The field of OpenAI's chat in which it wants its reasoning back.
    pub reasoning_field: Option<&'static str>,
    /// Whether it can be told not to think.
    pub thinking: Option<Thinking>,
    /// The highest temperature that it takes.
    pub max_temperature: Option<u32>,
    /// Whether it takes `top_p` beside a temperature.
    pub top_p: Option<TopP>,
    /// The most texts that may end an answer, in OpenAI's chat.
    pub max_stops: Option<u32>,
    /// Whether OpenAI's chat takes tools for it while it thinks.
    pub chat_tools: Option<ChatTools>,
    /// Whether it takes a temperature and `top_p` while it thinks.
    pub sampling: Option<Sampling>,
    /// Who may speak after the results of tools, in OpenAI's chat.
    pub after_results: Option<AfterResults>,
    /// Which ids calls of tools have.
    pub call_ids: Option<CallIds>,
    /// Which of OpenAI's two APIs it has.
    pub openai_api: Option<OpenAiApi>,
    /// What requests for embeddings are written in at Bedrock.
    pub embedding: Option<EmbeddingModel>,
}

/// How many tokens a model can be told to think, where it is told so by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The fewest. None at all is another matter: see [`Thinking`].
    pub least: u64,
    /// The most.
    pub most: u64,
}

/// Which tools a model can be made to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForcedTools {
    /// Any of them, or the one that is named.
    Named,
    /// Any of them.
    Any,
    /// It decides for itself, and refuses to be made to call one.
    None,
}

/// Whether a model can be held to a form of the answer while it has tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolsAndForm {
    /// It can.
    Together,
    /// It refuses both together.
    Apart,
}

/// What OpenAI's chat calls the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningForm {
    /// It can't be told.
    None,
    /// By a number of tokens.
    Budget,
    /// By a word.
    Effort,
}

/// How much a model is to think, in the words that the formats share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    XHigh,
    /// `max`.
    Max,
}

/// How a model is held to a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaForm {
    /// By the format's own field.
    Native,
    /// By a tool that it has to call.
    Tool,
}

/// Whether a model can be told not to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// It can.
    Optional,
    /// It always thinks, and refuses to be told otherwise.
    Always,
}

/// Whether a model takes `top_p` beside a temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopP {
    /// It does.
    Beside,
    /// It refuses both together.
    Alone,
}

/// Whether OpenAI's chat takes tools for a model while it thinks. OpenAI's responses do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatTools {
    /// It does.
    Always,
    /// Only while the model does not think, and it may think unless it is told not to.
    Unthinking,
}

/// Whether a model takes a temperature and `top_p` while it thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// It does.
    Always,
    /// Only while it does not think, which it does not unless it is told to.
    Unthinking,
}

/// Who may speak after the results of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterResults {
    /// Anybody.
    Anybody,
    /// The model alone.
    Model,
}

/// Which ids calls of tools, and their results, have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallIds {
    /// Any.
    Carried,
    /// None, and one is refused.
    Absent,
    /// Nine letters and digits, and others are refused.
    Nine,
}

/// Whose embedding model it is: Bedrock passes each vendor's own format on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingModel {
    /// Amazon's Titan.
    Titan,
    /// Cohere's Embed.
    Cohere,
}

/// Rules of the same providers.
struct Set {
    of: Of,
    rules: &'static [ModelRule],
}

/// Which providers rules are of.
enum Of {
    /// Those of these vendors, at the adapter that the catalog has for them: at another one they speak another format.
    Vendors(&'static [&'static str]),
    /// Those of these adapters.
    Adapters(&'static [AdapterKind]),
}

/// Vendors before adapters: what is known of one vendor is more special.
static SETS: &[Set] = &[
    Set { of: Of::Vendors(&["openai"]), rules: openai::OPENAI },
    Set { of: Of::Vendors(&["azure"]), rules: openai::AZURE },
    Set { of: Of::Vendors(&["openai", "azure"]), rules: openai::BOTH },
    Set { of: Of::Vendors(&["openai"]), rules: openai::NEWER },
    Set { of: Of::Vendors(&["azure"]), rules: openai::UNNAMED },
    Set { of: Of::Vendors(&["cerebras"]), rules: compatible::CEREBRAS },
    Set { of: Of::Vendors(&["deepseek"]), rules: compatible::DEEPSEEK },
    Set { of: Of::Vendors(&["groq"]), rules: compatible::GROQ },
    Set { of: Of::Vendors(&["mistral"]), rules: compatible::MISTRAL },
    Set { of: Of::Vendors(&["ollama"]), rules: compatible::OLLAMA },
    Set { of: Of::Vendors(&["openrouter"]), rules: compatible::OPENROUTER },
    Set { of: Of::Vendors(&["xai"]), rules: compatible::XAI },
    Set { of: Of::Vendors(&["nvidia", "perplexity", "together"]), rules: compatible::CHAT_ALONE },
    Set { of: Of::Adapters(&[AdapterKind::OpenAi]), rules: compatible::ANY },
    Set { of: Of::Adapters(&[AdapterKind::Anthropic]), rules: claude::ANTHROPIC },
    Set { of: Of::Adapters(&[AdapterKind::Bedrock]), rules: claude::BEDROCK },
    Set { of: Of::Adapters(&[AdapterKind::Vertex]), rules: gemini::VERTEX },
    Set { of: Of::Adapters(&[AdapterKind::Gemini, AdapterKind::Vertex]), rules: gemini::BOTH },
    Set { of: Of::Adapters(&[AdapterKind::Cohere]), rules: compatible::COHERE },
];

/// The rules of a provider's models, in the order in which they count. `vendor` is the catalog's name for it, or one that it does not know.
pub fn model_rules(vendor: &str, adapter: AdapterKind) -> impl Iterator<Item = &'static ModelRule> {
    let is_usual = super::entry(vendor).is_some_and(|entry| entry.adapter == adapter);
    let sets = SETS.iter().filter(move |set| match set.of {
        Of::Vendors(vendors) => is_usual && vendors.contains(&vendor),
        Of::Adapters(kinds) => kinds.contains(&adapter),
    });
    // Collected, as the vendor's name need not outlive this.
    sets.flat_map(|set| set.rules).collect::<Vec<_>>().into_iter()
}

/// A rule that says nothing yet.
const SILENT: ModelRule = ModelRule {
    models: &[],
    dropped: None,
    renamed: None,
    max_tokens: None,
    most_tokens: None,
    budget: None,
    forced_tools: None,
    tools_and_form: None,
    max_tokens_field: None,
    reasoning: None,
    efforts: None,
    schema: None,
    reasoning_field: None,
    thinking: None,
    max_temperature: None,
    top_p: None,
    max_stops: None,
    chat_tools: None,
    sampling: None,
    after_results: None,
    call_ids: None,
    openai_api: None,
    embedding: None,
};

#[cfg(test)]
mod tests;
