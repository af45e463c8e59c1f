//! Every rule is of a model that there is, and none is hidden behind another.

use std::collections::BTreeSet;

use super::super::fits;
use super::*;

/// Names of models as they are written to the providers that have rules.
const EXAMPLES: &[(&str, AdapterKind, &[&str])] = &[
    (
        "openai",
        AdapterKind::OpenAi,
        &[
            "chatgpt-4o-latest",
            "codex-mini-latest",
            "computer-use-preview",
            "ft:gpt-4o-mini-2024-07-18:acme::abc",
            "ft:o4-mini-2025-04-16:acme::abc",
            "gpt-3.5-turbo",
            "gpt-4.1",
            "gpt-4o-mini",
            "gpt-5",
            "gpt-5-chat-latest",
            "gpt-5-codex",
            "gpt-5-mini",
            "gpt-5-pro-2025-10-06",
            "gpt-5.1",
            "gpt-5.1-codex-max",
            "gpt-5.2-pro",
            "gpt-5.2",
            "gpt-5.2-chat-latest",
            "gpt-5.3-codex",
            "gpt-5.4-mini",
            "gpt-5.5",
            "gpt-5.6-terra",
            "gpt-6-astra",
            "gpt-6-luna",
            "gpt-6.1-sol",
            "gpt-7",
            "o1",
            "o1-2024-12-17",
            "o1-pro",
            "o3",
            "o3-deep-research",
            "o3-mini",
            "o3-pro",
            "o4-mini",
            "o4-mini-deep-research",
        ],
    ),
    ("azure", AdapterKind::AzureOpenAi, &["gpt-35-turbo", "gpt-4o", "gpt-5-mini", "our-deployment"]),
    ("cerebras", AdapterKind::OpenAi, &["gpt-oss-120b", "llama-3.3-70b"]),
    ("deepseek", AdapterKind::OpenAi, &["deepseek-v4-flash"]),
    ("groq", AdapterKind::OpenAi, &["llama-3.3-70b-versatile", "openai/gpt-oss-120b"]),
    ("mistral", AdapterKind::OpenAi, &["mistral-large-latest"]),
    ("ollama", AdapterKind::OpenAi, &["gpt-oss:20b", "llama3"]),
    ("openrouter", AdapterKind::OpenAi, &["anthropic/claude-opus-4.7"]),
    ("together", AdapterKind::OpenAi, &["Qwen/Qwen3-235B-A22B"]),
    (
        "xai",
        AdapterKind::OpenAi,
        &[
            "grok-2-1212",
            "grok-3",
            "grok-3-fast",
            "grok-3-mini-fast",
            "grok-4",
            "grok-4-0709",
            "grok-4-fast-non-reasoning",
            "grok-4.1-fast",
            "grok-4.20-reasoning",
            "grok-4.3",
            "grok-4.5",
            "grok-code-fast-1",
        ],
    ),
    (
        "gateway",
        AdapterKind::OpenAi,
        &[
            "anything",
            "google/gemini-3-pro-preview",
            "magistral-small",
            "ministral-14b",
            "mistralai/mistral-small-4",
            "our-devstral",
        ],
    ),
    ("anthropic", AdapterKind::Anthropic, CLAUDE),
    ("bedrock", AdapterKind::Bedrock, CLAUDE),
    (
        "bedrock",
        AdapterKind::Bedrock,
        &[
            "ai21.jamba-1-5-large-v1:0",
            "amazon.nova-pro-v1:0",
            "amazon.titan-embed-text-v2:0",
            "anthropic.claude-3-5-sonnet-20241022-v2:0",
            "anthropic.claude-3-haiku-20240307-v1:0",
            "anthropic.claude-next",
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-1-20250805-v1:0",
            "cohere.command-r-plus-v1:0",
            "cohere.embed-english-v3",
            "mistral.mistral-large-2407-v1:0",
            "us.meta.llama3-3-70b-instruct-v1:0",
            "eu.anthropic.claude-sonnet-4-6",
            "global.anthropic.claude-haiku-4-5-20251001-v1:0",
            "us.anthropic.claude-opus-4-6-v1",
            "us.anthropic.claude-opus-4-7-20260416-v1:0",
            "us.anthropic.claude-opus-5",
        ],
    ),
    (
        "google",
        AdapterKind::Gemini,
        &[
            "gemini-1.5-pro",
            "gemma-3-27b-it",
            "gemini-2.0-flash",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
            "gemini-2.5-pro",
            "gemini-3-flash-preview",
            "gemini-3-pro-preview",
            "gemini-3.1-flash-lite",
            "gemini-3.1-pro-preview",
            "gemini-3.5-flash",
            "gemini-3.8-flash",
            "gemini-3.6-flash",
            "gemini-3.7-flash",
            "gemini-2.5-flash-image",
            "gemini-2.5-flash-preview-tts",
        ],
    ),
    ("vertex", AdapterKind::Vertex, &["gemini-2.5-flash", "publishers/google/models/gemini-3-pro-preview"]),
    (
        "cohere",
        AdapterKind::Cohere,
        &[
            "c4ai-aya-expanse-32b",
            "command",
            "command-a-03-2025",
            "command-a-reasoning-08-2025",
            "command-light",
            "command-r-plus",
        ],
    ),
];

/// Names of Claude, as it is called at one place or another.
const CLAUDE: &[&str] = &[
    "anthropic/claude-4.6-opus",
    "anthropic/claude-4.6-sonnet",
    "anthropic/claude-4.7-opus",
    "anthropic/claude-3.5-haiku",
    "anthropic/claude-3.7-sonnet",
    "anthropic/claude-haiku-4.5",
    "anthropic/claude-opus-4.1",
    "anthropic/claude-opus-4.5",
    "anthropic/claude-opus-4.6",
    "anthropic/claude-opus-4.7",
    "anthropic/claude-opus-4.8",
    "anthropic/claude-opus-5.5",
    "anthropic/claude-sonnet-4",
    "anthropic/claude-sonnet-4.5",
    "anthropic/claude-sonnet-4.6",
    "anthropic/claude-sonnet-5.5",
    "claude-2.1",
    "claude-3-5-haiku-20241022",
    "claude-3-7-sonnet-20250219",
    "claude-3-haiku-20240307",
    "claude-fable-5-1",
    "claude-fable-5.1",
    "claude-haiku-4-5-20251001",
    "claude-haiku-5-5",
    "claude-instant-1.2",
    "claude-fable-5-2",
    "claude-mythos-5",
    "claude-mythos-5-1",
    "claude-mythos-5.1",
    "claude-mythos-5-2",
    "claude-opus-4",
    "claude-opus-4-0",
    "claude-opus-4-1-20250805",
    "claude-opus-4-20250514",
    "claude-opus-4-5-20251101",
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-4@20250514",
    "claude-opus-5-5",
    "claude-sonnet-4-0",
    "claude-sonnet-4-20250514",
    "claude-sonnet-4-5",
    "claude-sonnet-4-6",
    "claude-sonnet-4@20250514",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
];

/// What the first rule says that fits a model and says something of a property.
fn said<T>(vendor: &str, adapter: AdapterKind, model: &str, property: impl Fn(&ModelRule) -> Option<T>) -> Option<T> {
    let mut rules = model_rules(vendor, adapter).filter(|rule| rule.models.iter().any(|pattern| fits(pattern, model)));
    rules.find_map(property)
}

/// The names of the properties that a rule says something of.
fn properties(rule: &ModelRule) -> Vec<&'static str> {
    let ModelRule {
        models: _,
        dropped,
        renamed,
        max_tokens,
        most_tokens,
        budget,
        forced_tools,
        tools_and_form,
        max_tokens_field,
        reasoning,
        efforts,
        schema,
        reasoning_field,
        thinking,
        max_temperature,
        top_p,
        max_stops,
        chat_tools,
        sampling,
        after_results,
        call_ids,
        openai_api,
        embedding,
    } = rule;
    [
        ("dropped", dropped.is_some()),
        ("renamed", renamed.is_some()),
        ("max_tokens", max_tokens.is_some()),
        ("most_tokens", most_tokens.is_some()),
        ("budget", budget.is_some()),
        ("forced_tools", forced_tools.is_some()),
        ("tools_and_form", tools_and_form.is_some()),
        ("max_tokens_field", max_tokens_field.is_some()),
        ("reasoning", reasoning.is_some()),
        ("efforts", efforts.is_some()),
        ("schema", schema.is_some()),
        ("reasoning_field", reasoning_field.is_some()),
        ("thinking", thinking.is_some()),
        ("max_temperature", max_temperature.is_some()),
        ("top_p", top_p.is_some()),
        ("max_stops", max_stops.is_some()),
        ("chat_tools", chat_tools.is_some()),
        ("sampling", sampling.is_some()),
        ("after_results", after_results.is_some()),
        ("call_ids", call_ids.is_some()),
        ("openai_api", openai_api.is_some()),
        ("embedding", embedding.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, is_said)| is_said.then_some(name))
    .collect()
}

#[test]
fn every_pattern_fits_a_model_and_no_rule_is_hidden_behind_another() {
    let every: Vec<&ModelRule> = SETS.iter().flat_map(|set| set.rules).collect();
    let (mut fitting, mut counting) = (BTreeSet::new(), BTreeSet::new());
    for (vendor, adapter, models) in EXAMPLES {
        for model in *models {
            let mut taken = BTreeSet::new();
            for rule in model_rules(vendor, *adapter) {
                let at = every.iter().position(|known| std::ptr::eq(*known, rule)).unwrap();
                let patterns: Vec<_> = rule.models.iter().filter(|pattern| fits(pattern, model)).collect();
                fitting.extend(patterns.iter().map(|pattern| (at, **pattern)));
                let properties = if patterns.is_empty() { Vec::new() } else { properties(rule) };
                counting.extend(properties.into_iter().filter(|name| taken.insert(*name)).map(|name| (at, name)));
            }
        }
    }
    for (at, rule) in every.iter().enumerate() {
        assert!(!properties(rule).is_empty(), "a rule of {:?} says nothing", rule.models);
        for pattern in rule.models {
            assert!(fitting.contains(&(at, *pattern)), "{pattern} fits no example");
        }
        for name in properties(rule) {
            assert!(counting.contains(&(at, name)), "{name} of {:?} is hidden", rule.models);
        }
    }
}

#[test]
fn the_rules_name_vendors_of_the_catalog_and_fields_that_are_none_of_routing() {
    for set in SETS {
        if let Of::Vendors(vendors) = set.of {
            for vendor in vendors {
                assert_eq!(super::super::entry(vendor).map(|entry| entry.vendor), Some(*vendor));
            }
        }
        for rule in set.rules {
            let renamed = rule.renamed.unwrap_or_default().iter().flat_map(|(from, to)| [*from, *to]);
            for path in rule.dropped.unwrap_or_default().iter().copied().chain(renamed) {
                assert!(!["model", "stream", "messages", "input"].contains(&path), "{path}");
                assert!(path.split('.').all(|name| !name.is_empty()), "{path}");
            }
        }
    }
}

#[test]
fn a_family_is_known_by_each_of_its_names() {
    let claude = |adapter, model| said("any", adapter, model, |rule| rule.reasoning);
    for model in ["claude-opus-4-7", "claude-opus-4-7-20260416", "anthropic/claude-opus-4.7", "claude-sonnet-5"] {
        let dropped = said("anthropic", AdapterKind::Anthropic, model, |rule| rule.dropped);
        assert_eq!(dropped, Some(["temperature", "top_p", "top_k"].as_slice()), "{model}");
        assert_eq!(claude(AdapterKind::Anthropic, model), Some(ReasoningForm::Effort), "{model}");
    }
    let bedrock = said("bedrock", AdapterKind::Bedrock, "us.anthropic.claude-opus-4-7-v1:0", |rule| rule.dropped);
    assert!(bedrock.unwrap().contains(&"inferenceConfig.temperature"));
    for model in ["claude-opus-4-20250514", "claude-opus-4-1", "claude-sonnet-4-5", "claude-3-7-sonnet-latest"] {
        assert_eq!(claude(AdapterKind::Anthropic, model), Some(ReasoningForm::Budget), "{model}");
        assert_eq!(said("anthropic", AdapterKind::Anthropic, model, |rule| rule.dropped), None, "{model}");
    }
}

#[test]
fn the_special_counts_before_the_general() {
    let openai = |model| said("openai", AdapterKind::OpenAi, model, |rule| rule.dropped);
    assert!(openai("gpt-5-mini").unwrap().contains(&"temperature"));
    assert_eq!(openai("gpt-5-chat-latest"), Some([].as_slice()));
    assert_eq!((openai("gpt-5.1"), openai("gpt-4o")), (None, None));
    let api = |model| said("openai", AdapterKind::OpenAi, model, |rule| rule.openai_api);
    assert_eq!((api("o3-pro"), api("gpt-5.3-codex")), (Some(OpenAiApi::Responses), Some(OpenAiApi::Responses)));
    assert_eq!((api("o3"), api("gpt-5")), (Some(OpenAiApi::Both), Some(OpenAiApi::Both)));
    let azure = |model| said("azure", AdapterKind::AzureOpenAi, model, |rule| rule.max_tokens_field);
    assert_eq!(azure("gpt-4o"), Some(MaxTokensField::MaxTokens));
    assert_eq!(azure("gpt-5"), Some(MaxTokensField::MaxCompletionTokens));
}

#[test]
fn newer_gpts_refuse_in_chat_to_call_tools_while_they_think() {
    let of = |vendor, adapter, model| {
        let tools = said(vendor, adapter, model, |rule| rule.chat_tools);
        let thinking = said(vendor, adapter, model, |rule| rule.thinking);
        (tools, thinking)
    };
    for (vendor, adapter) in [("openai", AdapterKind::OpenAi), ("azure", AdapterKind::AzureOpenAi)] {
        for model in ["gpt-5.2", "gpt-5.4-mini", "gpt-5.5", "gpt-5.6-terra", "gpt-6-luna"] {
            assert_eq!(of(vendor, adapter, model), (Some(ChatTools::Unthinking), None), "{model}");
        }
        for model in ["gpt-6-astra", "gpt-6.1-sol", "gpt-5.5-pro"] {
            let expected = (Some(ChatTools::Unthinking), Some(Thinking::Always));
            assert_eq!(of(vendor, adapter, model), expected, "{model}");
        }
        for model in ["gpt-4o", "gpt-5.1", "gpt-5-mini"] {
            assert_eq!(of(vendor, adapter, model).0, None, "{model}");
        }
    }
}

#[test]
fn a_gpt_takes_sampling_fields_as_far_as_its_generation_does() {
    let of = |model| {
        let dropped = said("openai", AdapterKind::OpenAi, model, |rule| rule.dropped).unwrap_or_default();
        (dropped.contains(&"temperature"), said("openai", AdapterKind::OpenAi, model, |rule| rule.sampling))
    };
    for model in ["gpt-5.1", "gpt-5.2", "gpt-5.4-mini"] {
        assert_eq!(of(model), (false, Some(Sampling::Unthinking)), "{model}");
    }
    for model in ["gpt-5-mini", "gpt-5.1-codex", "gpt-5.2-pro", "gpt-5.5", "gpt-5.6-sol", "gpt-6-luna"] {
        assert!(of(model).0, "{model}");
    }
    assert_eq!(of("gpt-4o"), (false, None));
}

#[test]
fn who_may_speak_after_results_and_what_has_to_come_back_is_known_wherever_a_model_runs() {
    let of = |vendor, model| {
        let after = said(vendor, AdapterKind::OpenAi, model, |rule| rule.after_results);
        (after, said(vendor, AdapterKind::OpenAi, model, |rule| rule.reasoning_field))
    };
    assert_eq!(of("mistral", "any"), (Some(AfterResults::Model), None));
    assert_eq!(of("nvidia", "mistralai/mistral-small-4"), (Some(AfterResults::Model), None));
    assert_eq!(of("acme", "gemini-3-pro-preview"), (None, Some("extra_content")));
    assert_eq!(of("openrouter", "google/gemini-3-pro-preview"), (None, Some("reasoning_details")));
    assert_eq!(of("openai", "gpt-5.6"), (None, None));
}

#[test]
fn a_vendor_at_another_adapter_and_one_that_is_unknown_have_the_adapters_rules_alone() {
    let names = |vendor, adapter| model_rules(vendor, adapter).map(|rule| rule.models).collect::<Vec<_>>();
    assert_eq!(names("deepseek", AdapterKind::Anthropic), names("acme", AdapterKind::Anthropic));
    assert_eq!(names("acme", AdapterKind::OpenAi).last(), Some(&["*"].as_slice()));
    let kept = said("acme", AdapterKind::OpenAi, "gpt-5", |rule| rule.dropped);
    assert_eq!(kept, None, "a gateway drops what it has to itself");
    assert_eq!(said("acme", AdapterKind::OpenAi, "gpt-5", |rule| rule.openai_api), Some(OpenAiApi::Both));
}

#[test]
fn how_much_a_model_thinks_and_writes_is_known_by_its_name() {
    let most = |model| said("anthropic", AdapterKind::Anthropic, model, |rule| rule.most_tokens);
    assert_eq!(most("claude-opus-4-1-20250805"), Some(32_000));
    assert_eq!((most("claude-sonnet-4-20250514"), most("claude-opus-4-5-20251101")), (Some(64_000), Some(64_000)));
    assert_eq!((most("claude-opus-5"), most("claude-next")), (Some(128_000), None));
    assert_eq!((most("claude-3-7-sonnet-20250219"), most("claude-3-opus-20240229")), (Some(64_000), Some(4096)));
    let bedrock = |model| said("bedrock", AdapterKind::Bedrock, model, |rule| rule.most_tokens);
    assert_eq!(
        (bedrock("us.anthropic.claude-opus-4-20250514-v1:0"), bedrock("amazon.nova-pro-v1:0")),
        (Some(32_000), None)
    );
    let budget = |model| said("google", AdapterKind::Gemini, model, |rule| rule.budget);
    assert_eq!(budget("gemini-2.5-pro"), Some(Budget { least: 128, most: 32_768 }));
    assert_eq!(budget("models/gemini-2.5-flash-lite"), Some(Budget { least: 512, most: 24_576 }));
    assert_eq!(budget("gemini-2.5-flash-preview-09-2025"), Some(Budget { least: 0, most: 24_576 }));
    assert_eq!(budget("gemini-3-pro-preview"), None);
    let google = |model| said("google", AdapterKind::Gemini, model, |rule| rule.most_tokens);
    assert_eq!((google("gemini-3-pro-preview"), google("gemini-next")), (Some(65_535), None));
    let form = |model| said("google", AdapterKind::Gemini, model, |rule| rule.reasoning);
    assert_eq!(
        (form("gemini-2.5-flash-image"), form("gemini-2.5-flash-preview-tts"), form("gemini-2.5-flash")),
        (Some(ReasoningForm::None), Some(ReasoningForm::None), Some(ReasoningForm::Budget))
    );
    let efforts = |model| said("google", AdapterKind::Gemini, model, |rule| rule.efforts).map(<[_]>::len);
    assert_eq!((efforts("gemini-3.7-flash"), efforts("gemini-3-pro-preview")), (Some(3), Some(2)));
}

#[test]
fn what_a_model_can_be_made_to_call_is_known_by_its_name() {
    let forced = |model| said("bedrock", AdapterKind::Bedrock, model, |rule| rule.forced_tools);
    assert_eq!(forced("us.meta.llama3-3-70b-instruct-v1:0"), Some(ForcedTools::None));
    assert_eq!(forced("mistral.mistral-large-2407-v1:0"), Some(ForcedTools::Any));
    assert_eq!((forced("amazon.nova-pro-v1:0"), forced("anthropic.claude-opus-4-6-v1")), (None, None));
    assert_eq!(forced("us.anthropic.claude-opus-5-5"), Some(ForcedTools::None));
    assert_eq!(
        (forced("anthropic.claude-fable-5-20260609"), forced("claude-fable-5.1")),
        (None, Some(ForcedTools::None))
    );
    let dropped = |model| said("bedrock", AdapterKind::Bedrock, model, |rule| rule.dropped).map(<[_]>::len);
    assert_eq!((dropped("amazon.nova-pro-v1:0"), dropped("mistral.mixtral-8x7b-instruct-v0:1")), (Some(1), Some(0)));
    assert_eq!(dropped("anthropic.claude-sonnet-4-5-20250929-v1:0"), Some(0));
    let forced = |model| said("anthropic", AdapterKind::Anthropic, model, |rule| rule.forced_tools);
    assert_eq!((forced("claude-sonnet-5-5"), forced("claude-sonnet-5")), (Some(ForcedTools::None), None));
    let gemini = |model| said("google", AdapterKind::Gemini, model, |rule| rule.tools_and_form);
    assert_eq!((gemini("gemini-2.5-pro"), gemini("gemini-3-pro-preview")), (Some(ToolsAndForm::Apart), None));
}

#[test]
fn cohere_at_bedrock_is_asked_for_embeddings_in_its_own_way() {
    let embedding = |model| said("bedrock", AdapterKind::Bedrock, model, |rule| rule.embedding);
    assert_eq!(embedding("us.cohere.embed-v4:0"), Some(EmbeddingModel::Cohere));
    assert_eq!(embedding("amazon.titan-embed-text-v2:0"), None);
}
