//! The headers that cross with a call whose meaning nobody knows: those of HTTP that belong to a body or to what is asked for, and those that the
//! provider's family has for itself.
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
        || matches!(
            name,
            "accept" | "accept-language" | "range" | "prefer" | "pragma" | "idempotency-key" | "x-client-request-id"
        )
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
        "content-type"
            | "content-disposition"
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
            begins(&[
                "openai-",
                "x-stainless-",
                "x-openrouter-",
                "x-groq-",
                "x-fireworks-",
                "fireworks-",
                "x-together-",
            ]) || begins(&["x-grok-", "x-dashscope-", "nvcf-", "x-inference-", "x-mistral-", "x-cerebras-"])
                || matches!(
                    name,
                    "http-referer" | "x-title" | "x-session-affinity" | "x-use-cache" | "x-wait-for-model"
                )
        }
        AdapterKind::AzureOpenAi => {
            begins(&["openai-", "x-stainless-", "x-ms-oai-", "x-ms-rai-"])
                || matches!(
                    name,
                    "x-ms-client-request-id"
                        | "x-ms-request-id"
                        | "x-ms-region"
                        | "x-ms-deployment-name"
                        | "apim-request-id"
                )
        }
        AdapterKind::Anthropic => begins(&["anthropic-", "x-stainless-"]),
        // Without those of its identity-aware proxy, and the project that pays.
        AdapterKind::Gemini | AdapterKind::Vertex => {
            begins(&[
                "x-goog-upload-",
                "x-goog-hash",
                "x-goog-generation",
                "x-goog-stored-",
                "x-gemini-",
                "x-vertex-ai-",
            ]) || begins(&["x-guploader-"])
                || matches!(
                    name,
                    "x-goog-api-client"
                        | "x-goog-fieldmask"
                        | "x-goog-request-params"
                        | "x-goog-request-reason"
                        | "x-server-timeout"
                )
        }
        AdapterKind::Bedrock => {
            begins(&["x-amzn-bedrock-", "amz-sdk-"])
                || matches!(name, "x-amzn-requestid" | "x-amzn-errortype" | "x-amzn-codewhisperer-optout")
        }
        AdapterKind::Cohere => {
            begins(&["x-endpoint-monthly-call-", "x-trial-endpoint-call-", "x-fern-"])
                || matches!(name, "x-client-name" | "x-api-warning" | "num_chars" | "num_tokens")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [AdapterKind; 7] = [
        AdapterKind::OpenAi,
        AdapterKind::AzureOpenAi,
        AdapterKind::Anthropic,
        AdapterKind::Gemini,
        AdapterKind::Vertex,
        AdapterKind::Bedrock,
        AdapterKind::Cohere,
    ];

    #[test]
    fn what_front_doors_add_crosses_to_nobody() {
        for name in [
            "x-amzn-oidc-data",
            "x-amzn-oidc-accesstoken",
            "x-amzn-trace-id",
            "x-amz-security-token",
            "cf-access-jwt-assertion",
            "cf-connecting-ip",
            "x-forwarded-for",
            "forwarded",
            "via",
            "x-real-ip",
            "x-goog-user-project",
            "x-goog-iap-jwt-assertion",
            "x-goog-authenticated-user-email",
            "x-ms-token-aad-access-token",
            "x-ms-client-principal",
            "x-auth-request-access-token",
            "x-keyplane-key",
            "cookie",
            "tailscale-user-login",
            "origin",
            "referer",
            "baggage",
            "authorization",
            "x-request-id",
        ] {
            assert!(KINDS.into_iter().all(|kind| !goes_up(kind, name)), "{name}");
        }
        for name in [
            "alt-svc",
            "strict-transport-security",
            "access-control-allow-origin",
            "set-cookie",
            "server",
            "nel",
            "report-to",
            "cf-ray",
            "content-security-policy",
            "x-keyplane-attempts",
            "www-authenticate",
            "clear-site-data",
            "public-key-pins",
            "refresh",
        ] {
            assert!(KINDS.into_iter().all(|kind| !comes_down(kind, name)), "{name}");
        }
    }

    #[test]
    fn what_a_provider_has_use_for_crosses() {
        for (kind, name) in [
            (AdapterKind::Anthropic, "anthropic-beta"),
            (AdapterKind::Anthropic, "anthropic-version"),
            (AdapterKind::OpenAi, "openai-beta"),
            (AdapterKind::Gemini, "x-goog-api-client"),
            (AdapterKind::Gemini, "x-goog-upload-command"),
            (AdapterKind::Vertex, "range"),
            (AdapterKind::Bedrock, "if-none-match"),
            (AdapterKind::Cohere, "content-type"),
        ] {
            assert!(goes_up(kind, name), "{name}");
        }
        for (kind, name) in [
            (AdapterKind::OpenAi, "x-ratelimit-remaining-requests"),
            (AdapterKind::Gemini, "x-goog-upload-url"),
            (AdapterKind::Bedrock, "x-amzn-errortype"),
            (AdapterKind::AzureOpenAi, "operation-location"),
            (AdapterKind::Cohere, "etag"),
        ] {
            assert!(comes_down(kind, name), "{name}");
        }
    }
}
