//! What is peculiar to a provider's models, as the control plane says it, and what comes of that for one model.

use std::borrow::Cow;

use proto::sync::v1;
use shared::adapter::{OpenAiApi, adapter};
use shared::catalog::fits;
use shared::catalog::rules::{Budget, CallIds, EmbeddingModel, ForcedTools, MaxTokensField, ReasoningForm, SchemaForm};

use super::fields::Fields;
use super::{Defaults, Provider};
use crate::exchange::manner::{self, Manner};
use crate::exchange::reasoning::Effort;

/// Rules in the order in which they count: of each property, the first that fits a model and says something of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelRules(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    models: Vec<String>,
    says: Says,
}

/// What a rule says. It says nothing of what is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Says {
    dropped: Option<Vec<String>>,
    renamed: Option<Vec<(String, String)>>,
    max_tokens: Option<u64>,
    most_tokens: Option<u64>,
    budget: Option<Budget>,
    forced_tools: Option<ForcedTools>,
    tools_or_form: Option<bool>,
    max_tokens_field: Option<MaxTokensField>,
    reasoning: Option<ReasoningForm>,
    efforts: Option<Vec<Effort>>,
    schema: Option<SchemaForm>,
    reasoning_field: Option<String>,
    max_temperature: Option<u32>,
    always_thinks: Option<bool>,
    top_p_alone: Option<bool>,
    max_stops: Option<u32>,
    tools_unthinking: Option<bool>,
    sampling_unthinking: Option<bool>,
    model_after_results: Option<bool>,
    call_ids: Option<CallIds>,
    openai_api: Option<OpenAiApi>,
    embedding: Option<EmbeddingModel>,
}

/// What is peculiar to one model of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peculiar {
    /// What written requests follow.
    pub(crate) manner: Manner,
    /// Which of OpenAI's two APIs it has.
    pub(crate) openai_api: OpenAiApi,
    /// What changes in a conversation's request in the provider's format.
    pub(crate) chat: BodyChanges,
    /// What changes in one of OpenAI's responses: other names are chat's alone.
    pub(crate) responses: BodyChanges,
}

/// What changes in the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyChanges {
    /// What the model refuses, or calls otherwise.
    pub(crate) fields: Fields,
    /// What the provider sets where it is absent, as the model takes it.
    pub(crate) defaults: Defaults,
}

impl ModelRules {
    /// A rule that holds a value unknown here can't be used, and is left out: what it means is not guessed, and the provider serves without it.
    pub(super) fn parse(rules: &[v1::ModelRule]) -> Self {
        let usable = |rule: &v1::ModelRule| Some(Rule { models: rule.models.clone(), says: Says::parse(rule)? });
        Self(rules.iter().filter_map(usable).collect())
    }

    /// Those that fit a model, each looked at once: they have a hundred patterns.
    fn fitting(&self, model: &str) -> Fitting<'_> {
        let fits = |rule: &&Rule| rule.models.iter().any(|pattern| fits(pattern, model));
        Fitting(self.0.iter().filter(fits).map(|rule| &rule.says).collect())
    }
}

/// What the rules say that fit one model, in their order.
struct Fitting<'a>(Vec<&'a Says>);

impl<'a> Fitting<'a> {
    /// What the first says that says something.
    fn say<T>(&self, property: impl Fn(&'a Says) -> Option<T>) -> Option<T> {
        self.0.iter().copied().find_map(property)
    }

    fn manner(&self) -> Manner {
        let unknown = &manner::UNKNOWN;
        Manner {
            max_tokens: self.say(|says| says.max_tokens).unwrap_or(unknown.max_tokens),
            most_tokens: self.say(|says| says.most_tokens).or(unknown.most_tokens),
            budget: self.say(|says| says.budget).or(unknown.budget),
            forced_tools: self.say(|says| says.forced_tools).unwrap_or(unknown.forced_tools),
            tools_or_form: self.say(|says| says.tools_or_form).unwrap_or(unknown.tools_or_form),
            max_tokens_field: self.say(|says| says.max_tokens_field).unwrap_or(unknown.max_tokens_field),
            reasoning: self.say(|says| says.reasoning).unwrap_or(unknown.reasoning),
            efforts: self.say(|says| says.efforts.clone()).unwrap_or_else(|| unknown.efforts.clone()),
            schema: self.say(|says| says.schema).unwrap_or(unknown.schema),
            reasoning_field: match self.say(|says| says.reasoning_field.clone()) {
                Some(field) => Some(Cow::Owned(field)),
                None => unknown.reasoning_field.clone(),
            },
            max_temperature: self.say(|says| says.max_temperature).or(unknown.max_temperature),
            always_thinks: self.say(|says| says.always_thinks).unwrap_or(unknown.always_thinks),
            top_p_alone: self.say(|says| says.top_p_alone).unwrap_or(unknown.top_p_alone),
            max_stops: self.say(|says| says.max_stops).or(unknown.max_stops),
            tools_unthinking: self.say(|says| says.tools_unthinking).unwrap_or(unknown.tools_unthinking),
            sampling_unthinking: self.say(|says| says.sampling_unthinking).unwrap_or(unknown.sampling_unthinking),
            model_after_results: self.say(|says| says.model_after_results).unwrap_or(unknown.model_after_results),
            call_ids: self.say(|says| says.call_ids).unwrap_or(unknown.call_ids),
            embedding: self.say(|says| says.embedding).unwrap_or(unknown.embedding),
        }
    }
}

impl Peculiar {
    /// Of a provider's model: what an admin says of the provider counts before the rules.
    pub(crate) fn new(provider: &Provider, model: &str) -> Self {
        let rules = provider.rules.fitting(model);
        let dropped = rules.say(|says| says.dropped.as_deref()).unwrap_or_default();
        let dropped = || dropped.iter().map(String::as_str);
        let renamed = rules.say(|says| says.renamed.as_deref()).unwrap_or_default();
        let renamed = renamed.iter().map(|(name, to)| (name.as_str(), to.as_str()));
        let place = &provider.place;
        let said = place.settings.openai_api.or_else(|| adapter(provider.adapter).openai_api(place));
        Self {
            manner: rules.manner(),
            // Whoever is not known may have both: what comes is passed.
            openai_api: said.or_else(|| rules.say(|says| says.openai_api)).unwrap_or(OpenAiApi::Both),
            chat: BodyChanges::new(provider, Fields::new(dropped(), renamed)),
            responses: BodyChanges::new(provider, Fields::new(dropped(), [])),
        }
    }
}

impl BodyChanges {
    fn new(provider: &Provider, fields: Fields) -> Self {
        Self { defaults: provider.edits.request_defaults.for_model(&fields), fields }
    }
}

impl Says {
    /// `None` where a value is not known.
    fn parse(rule: &v1::ModelRule) -> Option<Self> {
        let text = &rule.reasoning_field;
        let pairs = |renamed: &v1::RenamedFields| {
            renamed.names.iter().map(|v1::Pair { key, value }| (key.clone(), value.clone())).collect()
        };
        Some(Self {
            dropped: rule.dropped.as_ref().map(|dropped| dropped.paths.clone()),
            renamed: rule.renamed.as_ref().map(pairs),
            max_tokens: (rule.max_tokens > 0).then_some(rule.max_tokens),
            most_tokens: (rule.most_tokens > 0).then_some(rule.most_tokens),
            budget: rule.budget.map(budget),
            forced_tools: forced_tools(rule.forced_tools)?,
            tools_or_form: tools_or_form(rule.tools_and_form)?,
            max_tokens_field: max_tokens_field(rule.max_tokens_field)?,
            reasoning: reasoning(rule.reasoning)?,
            efforts: match rule.efforts.as_slice() {
                [] => None,
                efforts => Some(efforts.iter().map(|one| effort(*one)).collect::<Option<_>>()?),
            },
            schema: schema(rule.schema)?,
            reasoning_field: (!text.is_empty()).then(|| text.clone()),
            max_temperature: (rule.max_temperature > 0).then_some(rule.max_temperature),
            always_thinks: always_thinks(rule.thinking)?,
            top_p_alone: top_p_alone(rule.top_p)?,
            max_stops: (rule.max_stops > 0).then_some(rule.max_stops),
            tools_unthinking: tools_unthinking(rule.chat_tools)?,
            sampling_unthinking: sampling_unthinking(rule.sampling)?,
            model_after_results: model_after_results(rule.after_results)?,
            call_ids: call_ids(rule.call_ids)?,
            openai_api: rules_openai_api(rule.openai_api)?,
            embedding: embedding(rule.embedding)?,
        })
    }
}

/// A range whose end stands before its beginning is no more than its end.
fn budget(v1::ThinkingBudget { least, most }: v1::ThinkingBudget) -> Budget {
    Budget { least: least.min(most), most }
}

// Each gives `None` for a value that is not known, and of one that is, `None` where it says nothing.

fn forced_tools(value: i32) -> Option<Option<ForcedTools>> {
    Some(match v1::ForcedTools::try_from(value).ok()? {
        v1::ForcedTools::Unspecified => None,
        v1::ForcedTools::Named => Some(ForcedTools::Named),
        v1::ForcedTools::Any => Some(ForcedTools::Any),
        v1::ForcedTools::None => Some(ForcedTools::None),
    })
}

fn tools_or_form(value: i32) -> Option<Option<bool>> {
    Some(match v1::ToolsAndForm::try_from(value).ok()? {
        v1::ToolsAndForm::Unspecified => None,
        v1::ToolsAndForm::Together => Some(false),
        v1::ToolsAndForm::Apart => Some(true),
    })
}

fn max_tokens_field(value: i32) -> Option<Option<MaxTokensField>> {
    Some(match v1::MaxTokensField::try_from(value).ok()? {
        v1::MaxTokensField::Unspecified => None,
        v1::MaxTokensField::MaxCompletionTokens => Some(MaxTokensField::MaxCompletionTokens),
        v1::MaxTokensField::MaxTokens => Some(MaxTokensField::MaxTokens),
    })
}

fn reasoning(value: i32) -> Option<Option<ReasoningForm>> {
    Some(match v1::ReasoningForm::try_from(value).ok()? {
        v1::ReasoningForm::Unspecified => None,
        v1::ReasoningForm::None => Some(ReasoningForm::None),
        v1::ReasoningForm::Budget => Some(ReasoningForm::Budget),
        v1::ReasoningForm::Effort => Some(ReasoningForm::Effort),
    })
}

fn effort(value: i32) -> Option<Effort> {
    match v1::ReasoningEffort::try_from(value).ok()? {
        v1::ReasoningEffort::Unspecified => None,
        v1::ReasoningEffort::Minimal => Some(Effort::Minimal),
        v1::ReasoningEffort::Low => Some(Effort::Low),
        v1::ReasoningEffort::Medium => Some(Effort::Medium),
        v1::ReasoningEffort::High => Some(Effort::High),
        v1::ReasoningEffort::Xhigh => Some(Effort::XHigh),
        v1::ReasoningEffort::Max => Some(Effort::Max),
    }
}

fn schema(value: i32) -> Option<Option<SchemaForm>> {
    Some(match v1::SchemaForm::try_from(value).ok()? {
        v1::SchemaForm::Unspecified => None,
        v1::SchemaForm::Native => Some(SchemaForm::Native),
        v1::SchemaForm::Tool => Some(SchemaForm::Tool),
    })
}

fn always_thinks(value: i32) -> Option<Option<bool>> {
    Some(match v1::Thinking::try_from(value).ok()? {
        v1::Thinking::Unspecified => None,
        v1::Thinking::Optional => Some(false),
        v1::Thinking::Always => Some(true),
    })
}

fn top_p_alone(value: i32) -> Option<Option<bool>> {
    Some(match v1::TopP::try_from(value).ok()? {
        v1::TopP::Unspecified => None,
        v1::TopP::Beside => Some(false),
        v1::TopP::Alone => Some(true),
    })
}

fn tools_unthinking(value: i32) -> Option<Option<bool>> {
    Some(match v1::ChatTools::try_from(value).ok()? {
        v1::ChatTools::Unspecified => None,
        v1::ChatTools::Always => Some(false),
        v1::ChatTools::Unthinking => Some(true),
    })
}

fn sampling_unthinking(value: i32) -> Option<Option<bool>> {
    Some(match v1::Sampling::try_from(value).ok()? {
        v1::Sampling::Unspecified => None,
        v1::Sampling::Always => Some(false),
        v1::Sampling::Unthinking => Some(true),
    })
}

fn model_after_results(value: i32) -> Option<Option<bool>> {
    Some(match v1::AfterResults::try_from(value).ok()? {
        v1::AfterResults::Unspecified => None,
        v1::AfterResults::Anybody => Some(false),
        v1::AfterResults::Model => Some(true),
    })
}

fn call_ids(value: i32) -> Option<Option<CallIds>> {
    Some(match v1::CallIds::try_from(value).ok()? {
        v1::CallIds::Unspecified => None,
        v1::CallIds::Carried => Some(CallIds::Carried),
        v1::CallIds::Absent => Some(CallIds::Absent),
        v1::CallIds::Nine => Some(CallIds::Nine),
    })
}

fn embedding(value: i32) -> Option<Option<EmbeddingModel>> {
    Some(match v1::EmbeddingModel::try_from(value).ok()? {
        v1::EmbeddingModel::Unspecified => None,
        v1::EmbeddingModel::Titan => Some(EmbeddingModel::Titan),
        v1::EmbeddingModel::Cohere => Some(EmbeddingModel::Cohere),
    })
}

fn rules_openai_api(value: i32) -> Option<Option<OpenAiApi>> {
    Some(match v1::OpenAiApi::try_from(value).ok()? {
        v1::OpenAiApi::Unspecified => None,
        v1::OpenAiApi::Chat => Some(OpenAiApi::Chat),
        v1::OpenAiApi::Responses => Some(OpenAiApi::Responses),
        v1::OpenAiApi::Both => Some(OpenAiApi::Both),
    })
}

#[cfg(test)]
mod tests;
