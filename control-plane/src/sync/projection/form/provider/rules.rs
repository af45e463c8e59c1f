//! What is peculiar to a provider's models, by the catalog, in the form in which proxies get it.

use proto::sync::v1;
use shared::adapter::{AdapterKind, OpenAiApi};
use shared::catalog::rules::{
    AfterResults, Budget, CallIds, ChatTools, Effort, EmbeddingModel, ForcedTools, MaxTokensField, ReasoningForm,
    Sampling, SchemaForm, Thinking, ToolsAndForm, TopP,
};
use shared::catalog::{self, ModelRule};

/// The rules of a provider's models, in the order in which they count.
pub(super) fn model_rules(vendor: &str, adapter: AdapterKind) -> Vec<v1::ModelRule> {
    catalog::model_rules(vendor, adapter).map(model_rule).collect()
}

fn model_rule(rule: &ModelRule) -> v1::ModelRule {
    v1::ModelRule {
        models: owned(rule.models),
        dropped: rule.dropped.map(|paths| v1::DroppedFields { paths: owned(paths) }),
        renamed: rule.renamed.map(renamed),
        max_tokens: rule.max_tokens.unwrap_or_default(),
        most_tokens: rule.most_tokens.unwrap_or_default(),
        budget: rule.budget.map(|Budget { least, most }| v1::ThinkingBudget { least, most }),
        forced_tools: rule.forced_tools.map(forced_tools).unwrap_or_default().into(),
        tools_and_form: rule.tools_and_form.map(tools_and_form).unwrap_or_default().into(),
        max_tokens_field: rule.max_tokens_field.map(max_tokens_field).unwrap_or_default().into(),
        reasoning: rule.reasoning.map(reasoning).unwrap_or_default().into(),
        efforts: rule.efforts.unwrap_or_default().iter().map(|one| effort(*one).into()).collect(),
        schema: rule.schema.map(schema).unwrap_or_default().into(),
        reasoning_field: rule.reasoning_field.unwrap_or_default().to_owned(),
        thinking: rule.thinking.map(thinking).unwrap_or_default().into(),
        max_temperature: rule.max_temperature.unwrap_or_default(),
        top_p: rule.top_p.map(top_p).unwrap_or_default().into(),
        max_stops: rule.max_stops.unwrap_or_default(),
        chat_tools: rule.chat_tools.map(chat_tools).unwrap_or_default().into(),
        sampling: rule.sampling.map(sampling).unwrap_or_default().into(),
        after_results: rule.after_results.map(after_results).unwrap_or_default().into(),
        call_ids: rule.call_ids.map(call_ids).unwrap_or_default().into(),
        openai_api: rule.openai_api.map(openai_api).unwrap_or_default().into(),
        embedding: rule.embedding.map(embedding).unwrap_or_default().into(),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn renamed(names: &[(&str, &str)]) -> v1::RenamedFields {
    let pair = |&(usual, own): &(&str, &str)| v1::Pair { key: usual.to_owned(), value: own.to_owned() };
    v1::RenamedFields { names: names.iter().map(pair).collect() }
}

fn forced_tools(forced: ForcedTools) -> v1::ForcedTools {
    match forced {
        ForcedTools::Named => v1::ForcedTools::Named,
        ForcedTools::Any => v1::ForcedTools::Any,
        ForcedTools::None => v1::ForcedTools::None,
    }
}

fn tools_and_form(both: ToolsAndForm) -> v1::ToolsAndForm {
    match both {
        ToolsAndForm::Together => v1::ToolsAndForm::Together,
        ToolsAndForm::Apart => v1::ToolsAndForm::Apart,
    }
}

fn max_tokens_field(field: MaxTokensField) -> v1::MaxTokensField {
    match field {
        MaxTokensField::MaxCompletionTokens => v1::MaxTokensField::MaxCompletionTokens,
        MaxTokensField::MaxTokens => v1::MaxTokensField::MaxTokens,
    }
}

fn reasoning(form: ReasoningForm) -> v1::ReasoningForm {
    match form {
        ReasoningForm::None => v1::ReasoningForm::None,
        ReasoningForm::Budget => v1::ReasoningForm::Budget,
        ReasoningForm::Effort => v1::ReasoningForm::Effort,
    }
}

fn effort(effort: Effort) -> v1::ReasoningEffort {
    match effort {
        Effort::Minimal => v1::ReasoningEffort::Minimal,
        Effort::Low => v1::ReasoningEffort::Low,
        Effort::Medium => v1::ReasoningEffort::Medium,
        Effort::High => v1::ReasoningEffort::High,
        Effort::XHigh => v1::ReasoningEffort::Xhigh,
        Effort::Max => v1::ReasoningEffort::Max,
    }
}

fn schema(form: SchemaForm) -> v1::SchemaForm {
    match form {
        SchemaForm::Native => v1::SchemaForm::Native,
        SchemaForm::Tool => v1::SchemaForm::Tool,
    }
}

fn thinking(thinking: Thinking) -> v1::Thinking {
    match thinking {
        Thinking::Optional => v1::Thinking::Optional,
        Thinking::Always => v1::Thinking::Always,
    }
}

fn top_p(top_p: TopP) -> v1::TopP {
    match top_p {
        TopP::Beside => v1::TopP::Beside,
        TopP::Alone => v1::TopP::Alone,
    }
}

fn chat_tools(tools: ChatTools) -> v1::ChatTools {
    match tools {
        ChatTools::Always => v1::ChatTools::Always,
        ChatTools::Unthinking => v1::ChatTools::Unthinking,
    }
}

fn sampling(sampling: Sampling) -> v1::Sampling {
    match sampling {
        Sampling::Always => v1::Sampling::Always,
        Sampling::Unthinking => v1::Sampling::Unthinking,
    }
}

fn after_results(who: AfterResults) -> v1::AfterResults {
    match who {
        AfterResults::Anybody => v1::AfterResults::Anybody,
        AfterResults::Model => v1::AfterResults::Model,
    }
}

fn call_ids(ids: CallIds) -> v1::CallIds {
    match ids {
        CallIds::Carried => v1::CallIds::Carried,
        CallIds::Absent => v1::CallIds::Absent,
        CallIds::Nine => v1::CallIds::Nine,
    }
}

fn embedding(model: EmbeddingModel) -> v1::EmbeddingModel {
    match model {
        EmbeddingModel::Titan => v1::EmbeddingModel::Titan,
        EmbeddingModel::Cohere => v1::EmbeddingModel::Cohere,
    }
}

fn openai_api(api: OpenAiApi) -> v1::OpenAiApi {
    match api {
        OpenAiApi::Chat => v1::OpenAiApi::Chat,
        OpenAiApi::Responses => v1::OpenAiApi::Responses,
        OpenAiApi::Both => v1::OpenAiApi::Both,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use shared::digest::Digest;

    use super::*;
    use crate::sync::position::PROJECTION;

    #[test]
    fn the_rules_change_with_the_projection_alone() {
        let of = |entry: &catalog::CatalogEntry| {
            let rules = model_rules(entry.vendor, entry.adapter);
            let bytes: Vec<u8> = rules.iter().flat_map(v1::ModelRule::encode_length_delimited_to_vec).collect();
            Digest::of(v1::Kind::Provider.into(), entry.vendor, PROJECTION.into(), &bytes)
        };
        let sum = catalog::VENDORS.iter().map(of).fold(Digest::default(), Digest::plus);
        let expected = "f43c0da7319398ac89d9482028685774cd3db7450485087ed8f9bd3d273e16e9";
        assert_eq!(format!("{sum:?}"), expected, "count the projection up, and write down what the rules are now");
    }

    #[test]
    fn a_rule_says_on_the_wire_what_the_catalog_says_and_nothing_else() {
        let rules = model_rules("openai", AdapterKind::OpenAi);
        assert_eq!(rules.len(), catalog::model_rules("openai", AdapterKind::OpenAi).count());
        let of =
            |pattern: &'static str| rules.iter().filter(move |rule| rule.models.iter().any(|model| model == pattern));
        let dropped = of("gpt-5-*").find_map(|rule| rule.dropped.clone()).unwrap();
        assert_eq!(dropped.paths, ["temperature", "top_p", "presence_penalty", "frequency_penalty"]);
        let renamed = of("gpt-5*").find_map(|rule| rule.renamed.clone()).unwrap();
        assert_eq!(renamed.names, [v1::Pair { key: "max_tokens".into(), value: "max_completion_tokens".into() }]);
        let exception = of("gpt-5-chat*").next().unwrap();
        assert_eq!(exception.dropped, Some(v1::DroppedFields::default()), "set and empty");
        let expected = v1::ModelRule {
            models: vec!["gpt-5-pro*".into()],
            efforts: vec![v1::ReasoningEffort::High.into()],
            ..Default::default()
        };
        assert_eq!(of("gpt-5-pro*").next(), Some(&expected));
    }

    #[test]
    fn a_vendor_gets_its_own_rules_and_a_stranger_its_adapters() {
        let fields = |vendor, adapter| {
            let rules = model_rules(vendor, adapter);
            rules.into_iter().map(|rule| (rule.reasoning_field, rule.call_ids)).collect::<Vec<_>>()
        };
        let absent = v1::CallIds::Absent.into();
        assert!(fields("deepseek", AdapterKind::OpenAi).contains(&("reasoning_content".into(), 0)));
        assert!(fields("vertex", AdapterKind::Vertex).contains(&(String::new(), absent)));
        assert!(!fields("google", AdapterKind::Gemini).contains(&(String::new(), absent)));
        assert!(fields("acme", AdapterKind::OpenAi).iter().all(|(field, _)| field != "reasoning_content"));
    }
}
