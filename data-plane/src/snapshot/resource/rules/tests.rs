use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;

use super::*;

fn provider(rules: &[v1::ModelRule]) -> Provider {
    let place = Place {
        base_url: BaseUrl::parse(AdapterKind::OpenAi, "https://h.example/v1", AddressPolicy::Public).unwrap(),
        region: None,
        settings: Settings::default(),
        key_header: None,
        additional_key_header: None,
    };
    Provider { rules: ModelRules::parse(rules), ..Provider::new(AdapterKind::OpenAi, place) }
}

fn dropped(paths: &[&str]) -> Option<v1::DroppedFields> {
    Some(v1::DroppedFields { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn rule(model: &str) -> v1::ModelRule {
    v1::ModelRule { models: vec![model.to_owned()], ..Default::default() }
}

#[test]
fn without_rules_nothing_is_peculiar() {
    let peculiar = Peculiar::new(&provider(&[]), "m");
    assert_eq!((&peculiar.manner, peculiar.openai_api), (&manner::UNKNOWN, OpenAiApi::Both));
    assert!(peculiar.chat.fields.is_empty() && peculiar.responses.fields.is_empty());
}

#[test]
fn every_property_is_read() {
    let full = v1::ModelRule {
        dropped: dropped(&["temperature", "a.b"]),
        renamed: Some(v1::RenamedFields { names: vec![v1::Pair { key: "x".into(), value: "y".into() }] }),
        max_tokens: 7,
        most_tokens: 9,
        budget: Some(v1::ThinkingBudget { least: 3, most: 5 }),
        forced_tools: v1::ForcedTools::Any.into(),
        tools_and_form: v1::ToolsAndForm::Apart.into(),
        max_tokens_field: v1::MaxTokensField::MaxTokens.into(),
        reasoning: v1::ReasoningForm::Budget.into(),
        efforts: vec![v1::ReasoningEffort::Low.into(), v1::ReasoningEffort::Xhigh.into()],
        schema: v1::SchemaForm::Tool.into(),
        reasoning_field: "reasoning_content".into(),
        max_temperature: 1,
        call_ids: v1::CallIds::Nine.into(),
        thinking: v1::Thinking::Always.into(),
        top_p: v1::TopP::Alone.into(),
        max_stops: 4,
        chat_tools: v1::ChatTools::Unthinking.into(),
        sampling: v1::Sampling::Unthinking.into(),
        after_results: v1::AfterResults::Model.into(),
        openai_api: v1::OpenAiApi::Responses.into(),
        embedding: v1::EmbeddingModel::Cohere.into(),
        ..rule("m*")
    };
    let provider = provider(&[full]);
    let peculiar = Peculiar::new(&provider, "M-1");
    let expected = Manner {
        max_tokens: 7,
        most_tokens: Some(9),
        budget: Some(Budget { least: 3, most: 5 }),
        forced_tools: ForcedTools::Any,
        tools_or_form: true,
        max_tokens_field: MaxTokensField::MaxTokens,
        reasoning: ReasoningForm::Budget,
        efforts: vec![Effort::Low, Effort::XHigh],
        schema: SchemaForm::Tool,
        reasoning_field: Some("reasoning_content".into()),
        max_temperature: Some(1),
        always_thinks: true,
        top_p_alone: true,
        max_stops: Some(4),
        tools_unthinking: true,
        sampling_unthinking: true,
        model_after_results: true,
        call_ids: CallIds::Nine,
        embedding: EmbeddingModel::Cohere,
    };
    assert_eq!((peculiar.manner, peculiar.openai_api), (expected, OpenAiApi::Responses));
    assert_eq!(peculiar.chat.fields, Fields::new(["temperature", "a.b"], [("x", "y")]));
    assert_eq!(peculiar.responses.fields, Fields::new(["temperature", "a.b"], []));
    assert_eq!(Peculiar::new(&provider, "other").manner, manner::UNKNOWN);
}

#[test]
fn of_each_property_the_first_rule_that_says_something_counts() {
    let provider = provider(&[
        v1::ModelRule { dropped: dropped(&[]), ..rule("m-chat") },
        v1::ModelRule { dropped: dropped(&["temperature"]), max_tokens: 1, ..rule("m*") },
        v1::ModelRule { max_tokens: 2, max_temperature: 3, ..rule("*") },
    ]);
    let said = |model| {
        let Peculiar { manner, chat, .. } = Peculiar::new(&provider, model);
        (chat.fields.drops(b"temperature"), manner.max_tokens, manner.max_temperature)
    };
    assert_eq!(said("m-chat"), (false, 1, Some(3)));
    assert_eq!(said("m-1"), (true, 1, Some(3)));
    assert_eq!(said("x"), (false, 2, Some(3)));
}

#[test]
fn a_rule_with_an_unknown_value_is_passed_over_and_the_others_count() {
    let unknown: [fn(&mut v1::ModelRule); 15] = [
        |rule| rule.max_tokens_field = 99,
        |rule| rule.reasoning = 99,
        |rule| rule.efforts = vec![v1::ReasoningEffort::Low.into(), 99],
        |rule| rule.efforts = vec![0],
        |rule| rule.schema = 99,
        |rule| rule.forced_tools = 99,
        |rule| rule.tools_and_form = 99,
        |rule| rule.call_ids = 99,
        |rule| rule.openai_api = 99,
        |rule| rule.embedding = 99,
        |rule| rule.thinking = 99,
        |rule| rule.top_p = 99,
        |rule| rule.chat_tools = 99,
        |rule| rule.sampling = 99,
        |rule| rule.after_results = 99,
    ];
    for change in unknown {
        let mut newer = v1::ModelRule { max_tokens: 1, ..rule("*") };
        change(&mut newer);
        let provider = provider(&[newer, v1::ModelRule { max_tokens: 2, ..rule("*") }]);
        assert_eq!(Peculiar::new(&provider, "m").manner.max_tokens, 2);
    }
}

#[test]
fn what_an_admin_says_of_the_provider_counts_before_the_rules() {
    let mut provider = provider(&[v1::ModelRule { openai_api: v1::OpenAiApi::Both.into(), ..rule("*") }]);
    provider.place.settings.openai_api = Some(shared::adapter::OpenAiApi::Chat);
    assert_eq!(Peculiar::new(&provider, "m").openai_api, OpenAiApi::Chat);
}

#[test]
fn what_the_provider_sets_is_set_as_the_model_takes_it() {
    let mut provider = provider(&[v1::ModelRule {
        dropped: dropped(&["temperature", "a.b"]),
        renamed: Some(v1::RenamedFields { names: vec![v1::Pair { key: "x".into(), value: "y".into() }] }),
        ..rule("m")
    }]);
    let parse = |json: &str| Defaults::parse(json.as_bytes()).unwrap();
    provider.edits.request_defaults = parse(r#"{"a":{"b":1,"c":2},"temperature":0,"x":5}"#);
    let Peculiar { chat, responses, .. } = Peculiar::new(&provider, "m");
    assert_eq!(chat.defaults, parse(r#"{"a":{"c":2},"y":5}"#));
    assert_eq!(responses.defaults, parse(r#"{"a":{"c":2},"x":5}"#));
    let set = |body: &str| {
        let lacking = chat.defaults.lacking(body.as_bytes(), &chat.fields);
        lacking.map(|(at, fields)| (at.start, String::from_utf8(fields).unwrap()))
    };
    assert_eq!(set(r#"{"x":1}"#), Some((6, r#","a":{"c":2}"#.to_owned())), "it becomes the y that is lacking");
    assert_eq!(set(r#"{"temperature":1}"#), Some((16, r#""a":{"c":2},"y":5"#.to_owned())), "nothing is left before");
    assert_eq!(set(r#"{"y":1,"a":0}"#), None);
    assert_eq!(Peculiar::new(&provider, "other").chat.defaults, provider.edits.request_defaults);
}
