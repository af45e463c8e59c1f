//! The headers that cross with a call whose meaning nobody knows, beside those that the adapter lists: those of HTTP that belong to a body or to
//! what is asked for, and those that the provider's family has for itself.
//!
//! What is in neither list stays here. What stands before a proxy writes who the caller is into headers of its own, tokens among it
//! (`x-amzn-oidc-data`, `cf-access-jwt-assertion`, `x-goog-iap-jwt-assertion`, `x-ms-token-aad-access-token`), and what stands before a provider
//! says what holds for its own host (`alt-svc`, `strict-transport-security`, `set-cookie`, `access-control-*`). There are more of these than anybody
//! can list.

use shared::adapter::AdapterKind;

/// Whether a caller's header may go to a provider of this kind.
pub(super) fn goes_up(kind: AdapterKind, name: &str) -> bool {
    is_of_content(name)
        || name.starts_with("if-")
        || matches!(name, "accept-language" | "range" | "prefer" | "pragma" | "idempotency-key" | "x-client-request-id")
        || is_of_family(kind, name)
}

/// Whether a header of such a provider's may go to the caller.
pub(super) fn comes_down(kind: AdapterKind, name: &str) -> bool {
    is_of_content(name)
        || matches!(
            name,
            "etag"
                | "last-modified"
                | "accept-ranges"
                | "age"
                | "expires"
                | "vary"
                | "location"
                | "link"
                | "allow"
                | "warning"
                | "deprecation"
                | "sunset"
                | "preference-applied"
                | "request-id"
                | "x-should-retry"
                | "operation-location"
                | "azure-asyncoperation"
        )
        || name.starts_with("ratelimit")
        || name.starts_with("x-ratelimit-")
        || is_of_family(kind, name)
}

/// What describes a body. Its length is the hop's own, and its encoding is kept by those who know that nobody reads it.
fn is_of_content(name: &str) -> bool {
    matches!(
        name,
        "content-disposition"
            | "content-language"
            | "content-location"
            | "content-range"
            | "content-md5"
            | "content-digest"
            | "repr-digest"
            | "digest"
            | "cache-control"
    )
}

/// What a family of providers has headers of its own for. Those of their front doors that name a caller are none.
fn is_of_family(kind: AdapterKind, name: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match kind {
        AdapterKind::OpenAi => {
            begins(&["x-openrouter-", "x-groq-", "x-fireworks-", "fireworks-", "x-together-", "x-grok-"])
                || begins(&["x-dashscope-", "nvcf-", "x-inference-", "x-mistral-", "x-cerebras-"])
                || matches!(
                    name,
                    "http-referer" | "x-title" | "x-session-affinity" | "x-use-cache" | "x-wait-for-model"
                )
        }
        AdapterKind::AzureOpenAi => {
            begins(&["x-ms-oai-", "x-ms-rai-"]) || matches!(name, "x-ms-request-id" | "x-ms-deployment-name")
        }
        AdapterKind::Anthropic => begins(&["anthropic-"]),
        // Without those of its identity-aware proxy, and the project that pays.
        AdapterKind::Gemini | AdapterKind::Vertex => {
            begins(&["x-goog-upload-", "x-goog-hash", "x-goog-generation", "x-goog-stored-", "x-gemini-"])
                || begins(&["x-guploader-"])
                || matches!(
                    name,
                    "x-goog-fieldmask" | "x-goog-request-params" | "x-goog-request-reason" | "x-server-timeout"
                )
        }
        AdapterKind::Bedrock => {
            begins(&["amz-sdk-"]) || matches!(name, "x-amzn-errortype" | "x-amzn-codewhisperer-optout")
        }
        AdapterKind::Cohere => begins(&["x-fern-"]) || matches!(name, "num_chars" | "num_tokens"),
    }
}
