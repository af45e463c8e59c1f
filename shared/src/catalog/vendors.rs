//! The table of vendors.
//!
//! Sources: each vendor's API reference (base URL, authentication, list of models, tool use), read in autumn 2026.

use super::{CatalogEntry, Check, Validation};
use crate::adapter::AdapterKind;
use crate::credential::CredentialType;

/// Every known vendor, in the order of their names.
pub const VENDORS: &[CatalogEntry] = &[
    CatalogEntry {
        vendor: "anthropic",
        display_name: "Anthropic",
        aliases: &["claude"],
        adapter: AdapterKind::Anthropic,
        key_header: "x-api-key",
        ..compatible("https://api.anthropic.com")
    },
    // The list is of models that a resource could deploy: it proves the key, and says nothing of a deployment.
    CatalogEntry {
        vendor: "azure",
        display_name: "Azure OpenAI",
        aliases: &["azure-ai", "azure-openai", "microsoft"],
        adapter: AdapterKind::AzureOpenAi,
        default_base_url: None,
        credential_types: &[CredentialType::ApiKey, CredentialType::ClientSecret],
        key_header: "api-key",
        validation: Validation::OnFirstUse,
        lists_models: false,
        ..PLACELESS
    },
    // Permission to list is another one than permission to call.
    CatalogEntry {
        vendor: "bedrock",
        display_name: "Amazon Bedrock",
        aliases: &["amazon", "amazon-bedrock", "aws", "aws-bedrock"],
        adapter: AdapterKind::Bedrock,
        region_required: true,
        credential_types: &[CredentialType::AccessKeyPair, CredentialType::ApiKey],
        validation: Validation::OnFirstUse,
        ..compatible("https://bedrock-runtime.{region}.amazonaws.com")
    },
    CatalogEntry {
        vendor: "cerebras",
        display_name: "Cerebras",
        aliases: &["cerebras-ai"],
        ..compatible("https://api.cerebras.ai/v1")
    },
    CatalogEntry {
        vendor: "cohere",
        display_name: "Cohere",
        aliases: &["cohere-ai"],
        adapter: AdapterKind::Cohere,
        ..compatible("https://api.cohere.com")
    },
    CatalogEntry { vendor: "custom", display_name: "Custom", ..PLACELESS },
    CatalogEntry {
        vendor: "deepseek",
        display_name: "DeepSeek",
        aliases: &["deep-seek"],
        ..compatible("https://api.deepseek.com")
    },
    CatalogEntry {
        vendor: "fireworks",
        display_name: "Fireworks AI",
        aliases: &["fireworks-ai"],
        ..compatible("https://api.fireworks.ai/inference/v1")
    },
    CatalogEntry {
        vendor: "gateway",
        display_name: "OpenAI-compatible gateway",
        aliases: &["openai-compatible"],
        ..PLACELESS
    },
    CatalogEntry {
        vendor: "google",
        display_name: "Google Gemini",
        aliases: &["gemini", "google-ai", "google-ai-studio"],
        adapter: AdapterKind::Gemini,
        key_header: "x-goog-api-key",
        ..compatible("https://generativelanguage.googleapis.com")
    },
    CatalogEntry {
        vendor: "groq",
        display_name: "Groq",
        aliases: &["groqcloud"],
        ..compatible("https://api.groq.com/openai/v1")
    },
    CatalogEntry {
        vendor: "mistral",
        display_name: "Mistral AI",
        aliases: &["mistral-ai", "mistralai"],
        ..compatible("https://api.mistral.ai/v1")
    },
    // It lists its models to everybody, those too that an account may not use.
    CatalogEntry {
        vendor: "nvidia",
        display_name: "NVIDIA NIM",
        aliases: &["nim", "nvidia-nim"],
        validation: Validation::OnFirstUse,
        check: Check::Nothing,
        ..compatible("https://integrate.api.nvidia.com/v1")
    },
    // On a machine of its user's, and it wants no key unless something before it does.
    CatalogEntry { vendor: "ollama", display_name: "Ollama", ..PLACELESS },
    CatalogEntry {
        vendor: "openai",
        display_name: "OpenAI",
        aliases: &["open-ai"],
        ..compatible("https://api.openai.com/v1")
    },
    CatalogEntry {
        vendor: "openrouter",
        display_name: "OpenRouter",
        aliases: &["open-router"],
        check: Check::Path("/key"),
        ..compatible("https://openrouter.ai/api/v1")
    },
    // Its list is open to everybody, and of another API's models.
    CatalogEntry {
        vendor: "perplexity",
        display_name: "Perplexity",
        aliases: &["perplexity-ai", "pplx"],
        validation: Validation::OnFirstUse,
        check: Check::Nothing,
        lists_models: false,
        tools: false,
        ..compatible("https://api.perplexity.ai")
    },
    CatalogEntry {
        vendor: "together",
        display_name: "Together AI",
        aliases: &["together-ai", "togetherai"],
        ..compatible("https://api.together.xyz/v1")
    },
    // A token proves the account, not that it may use a model in a place. An express key mints none.
    CatalogEntry {
        vendor: "vertex",
        display_name: "Google Vertex AI",
        aliases: &["google-vertex", "vertex-ai"],
        adapter: AdapterKind::Vertex,
        region_required: true,
        credential_types: &[CredentialType::ServiceAccount, CredentialType::ApiKey],
        key_header: "x-goog-api-key",
        validation: Validation::OnFirstUse,
        check: Check::TokenMint,
        lists_models: false,
        ..compatible("https://{region}-aiplatform.googleapis.com")
    },
    CatalogEntry {
        vendor: "xai",
        display_name: "xAI",
        aliases: &["grok", "x-ai"],
        ..compatible("https://api.x.ai/v1")
    },
];

/// What is usual among vendors that are compatible with OpenAI: each row says only where it differs.
const fn compatible(base_url: &'static str) -> CatalogEntry {
    CatalogEntry { default_base_url: Some(base_url), ..PLACELESS }
}

/// The same without a place that is everybody's.
const PLACELESS: CatalogEntry = CatalogEntry {
    vendor: "",
    display_name: "",
    aliases: &[],
    adapter: AdapterKind::OpenAi,
    default_base_url: None,
    region_required: false,
    credential_types: &[CredentialType::ApiKey],
    key_header: "authorization",
    validation: Validation::Free,
    check: Check::ModelList,
    lists_models: true,
    streaming: true,
    tools: true,
};
