use shared::adapter::{AdapterKind, Place, Settings};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;

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

fn provider(kind: AdapterKind) -> Provider {
    let base_url = BaseUrl::parse(kind, "https://api.example.com", AddressPolicy::Public).unwrap();
    let settings = Settings::default();
    Provider::new(kind, Place { base_url, region: None, settings, key_header: None, additional_key_header: None })
}

/// One header of the name.
fn one(name: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("x"))])
}

#[test]
fn only_listed_headers_cross_and_keys_never_do() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("openai-beta", "x"),
        ("openai-version", "dropped: the connection lists it"),
        ("authorization", "Bearer kp_x"),
        ("x-keyplane-key", "kp_x"),
        ("x-api-key", "k"),
        ("cookie", "c"),
        ("accept-encoding", "gzip"),
        ("connection", "close, OpenAI-Version"),
        ("x-forwarded-for", "1.2.3.4"),
        ("host", "h"),
    ] {
        headers.append(name, value.parse().unwrap());
    }
    let sent = for_upstream(&headers, &provider(AdapterKind::OpenAi));
    let mut names: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "openai-beta"]);
    let edits = Edits {
        strip_headers: vec![HeaderName::from_static("openai-beta")],
        request_headers: vec![(HeaderName::from_static("x-team"), "a".parse().unwrap())],
        ..Edits::default()
    };
    let sent = for_upstream(&headers, &Provider { edits, ..provider(AdapterKind::OpenAi) });
    assert!(!sent.contains_key("openai-beta"));
    assert_eq!(sent["x-team"], "a");
}

#[test]
fn what_was_changed_is_told_and_what_is_no_header_is_not() {
    let mut headers = HeaderMap::new();
    let changes = ["the field temperature was lowered".to_owned(), "a\nb".to_owned()];
    warn_of_changes(&mut headers, &changes);
    let told: Vec<_> = headers.get_all(WARNING).iter().collect();
    assert_eq!(told, ["199 keyplane \"the field temperature was lowered\""]);
    warn_of_changes(&mut headers, &vec!["x".to_owned(); 40]);
    assert_eq!(headers.get_all(WARNING).iter().count(), 1 + MOST_WARNINGS);
}

#[test]
fn what_names_an_account_goes_with_the_callers_own_key_only() {
    for (kind, name) in [
        (AdapterKind::OpenAi, "openai-organization"),
        (AdapterKind::OpenAi, "openai-project"),
        (AdapterKind::AzureOpenAi, "openai-organization"),
        (AdapterKind::Anthropic, "anthropic-dangerous-direct-browser-access"),
    ] {
        for (auth, goes) in [(Auth::Managed, false), (Auth::None, false), (Auth::Passthrough, true)] {
            let provider = Provider { auth, ..provider(kind) };
            for cross in [for_upstream, for_upstream_as_it_is, for_caller_as_it_is] {
                assert_eq!(cross(&one(name), &provider).contains_key(name), goes, "{name} with {auth:?}");
            }
            let comes = goes && kind != AdapterKind::Anthropic;
            assert_eq!(for_caller(&one(name), &provider).contains_key(name), comes, "{name} with {auth:?}");
        }
    }
}

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
        assert!(KINDS.into_iter().all(|kind| for_upstream_as_it_is(&one(name), &provider(kind)).is_empty()), "{name}");
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
        assert!(KINDS.into_iter().all(|kind| for_caller_as_it_is(&one(name), &provider(kind)).is_empty()), "{name}");
    }
}

#[test]
fn what_a_provider_has_use_for_crosses() {
    for (kind, name) in [
        (AdapterKind::Anthropic, "anthropic-beta"),
        (AdapterKind::Anthropic, "anthropic-version"),
        (AdapterKind::OpenAi, "openai-beta"),
        (AdapterKind::OpenAi, "x-stainless-lang"),
        (AdapterKind::OpenAi, "x-title"),
        (AdapterKind::AzureOpenAi, "x-ms-client-request-id"),
        (AdapterKind::Vertex, "x-vertex-ai-llm-request-type"),
        (AdapterKind::Bedrock, "x-amzn-bedrock-trace"),
        (AdapterKind::Cohere, "x-client-name"),
        (AdapterKind::Cohere, "accept"),
        (AdapterKind::Gemini, "content-encoding"),
        (AdapterKind::Gemini, "x-goog-api-client"),
        (AdapterKind::Gemini, "x-goog-upload-command"),
        (AdapterKind::Vertex, "range"),
        (AdapterKind::Bedrock, "if-none-match"),
        (AdapterKind::Cohere, "content-type"),
    ] {
        assert!(for_upstream_as_it_is(&one(name), &provider(kind)).contains_key(name), "{name}");
    }
    for (kind, name) in [
        (AdapterKind::OpenAi, "x-ratelimit-remaining-requests"),
        (AdapterKind::Gemini, "x-goog-upload-url"),
        (AdapterKind::Bedrock, "x-amzn-errortype"),
        (AdapterKind::Bedrock, "x-amzn-requestid"),
        (AdapterKind::OpenAi, "openai-processing-ms"),
        (AdapterKind::Anthropic, "anthropic-fast-ratelimit"),
        (AdapterKind::Anthropic, "request-id"),
        (AdapterKind::AzureOpenAi, "apim-request-id"),
        (AdapterKind::AzureOpenAi, "x-ms-region"),
        (AdapterKind::Cohere, "x-trial-endpoint-call-limit"),
        (AdapterKind::Cohere, "content-type"),
        (AdapterKind::Gemini, "retry-after"),
        (AdapterKind::AzureOpenAi, "operation-location"),
        (AdapterKind::Cohere, "etag"),
    ] {
        assert!(for_caller_as_it_is(&one(name), &provider(kind)).contains_key(name), "{name}");
    }
}
