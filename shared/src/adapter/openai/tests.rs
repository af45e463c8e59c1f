//! The bodies that OpenAI and its kin answer with, and what each means.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};

use super::*;
use crate::adapter::testing::{call, place};
use crate::adapter::{AdapterKind, Delivery};
use crate::secret::Secret;

fn classify(status: u16, body: &str) -> Option<(Failure, Option<&'static str>)> {
    let status = StatusCode::from_u16(status).unwrap();
    OpenAi
        .classify(status, &HeaderMap::new(), body.as_bytes(), SystemTime::UNIX_EPOCH)
        .map(|classified| (classified.failure, classified.provider_code))
}

fn error(code: &str) -> String {
    format!(r#"{{"error":{{"message":"x","type":"invalid_request_error","param":null,"code":"{code}"}}}}"#)
}

fn message(message: &str) -> String {
    format!(r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":null,"code":null}}}}"#)
}

#[test]
fn every_code_has_its_failure() {
    for (status, code, failure) in [
        (400, "context_length_exceeded", Failure::CallersFault),
        (400, "content_policy_violation", Failure::CallersFault),
        (400, "unsupported_parameter", Failure::CallersFault),
        (401, "invalid_api_key", Failure::Rejected),
        (401, "invalid_organization", Failure::Rejected),
        (401, "mismatched_project", Failure::Rejected),
        (401, "ip_not_authorized", Failure::Rejected),
        (403, "unsupported_country_region_territory", Failure::CallersFault),
        (403, "content_policy_violation", Failure::CallersFault),
        (404, "model_not_found", Failure::Denied),
        (429, "rate_limit_exceeded", Failure::RateLimited),
        (429, "insufficient_quota", Failure::Exhausted),
        (429, "billing_hard_limit_reached", Failure::Exhausted),
        (429, "credit_balance_exhausted", Failure::Exhausted),
        (429, "slow_down", Failure::Overloaded),
        (503, "slow_down", Failure::Overloaded),
        (503, "engine_overloaded", Failure::Overloaded),
        (503, "server_is_overloaded", Failure::Overloaded),
    ] {
        let known = Some(code).filter(|code| *code != "unsupported_parameter");
        assert_eq!(classify(status, &error(code)), Some((failure, known)), "{status} {code}");
    }
}

#[test]
fn a_status_alone_has_its_failure() {
    for (status, failure) in [
        (302, Failure::ServerError),
        (307, Failure::ServerError),
        (400, Failure::CallersFault),
        (401, Failure::Rejected),
        (402, Failure::Exhausted),
        (403, Failure::Denied),
        (404, Failure::CallersFault),
        (408, Failure::TimedOut),
        (409, Failure::CallersFault),
        (413, Failure::CallersFault),
        (422, Failure::CallersFault),
        (429, Failure::RateLimited),
        (498, Failure::RateLimited),
        (500, Failure::ServerError),
        (502, Failure::ServerError),
        (503, Failure::Overloaded),
        (504, Failure::ServerError),
        (529, Failure::Overloaded),
        (999, Failure::ServerError),
    ] {
        // Edge proxies answer with pages, or cut bodies.
        for body in [
            "",
            "<html>nginx</html>",
            r#"{"error":"#,
            "[]",
            r#"{"error":"text"}"#,
            r#"{"error":{"code":429}}"#,
            "[1]",
            "null",
        ] {
            assert_eq!(classify(status, body), Some((failure, None)), "{status} {body}");
        }
    }
    assert_eq!(classify(200, "{}"), None);
    assert_eq!(classify(204, ""), None);
}

#[test]
fn what_no_code_says_is_read_from_the_message() {
    for (status, text, failure) in [
        (401, "You have insufficient permissions for this operation. Missing scopes: model.request.", Failure::Denied),
        (403, "Missing scopes: api.model.read", Failure::Denied),
        (
            400,
            "Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai.",
            Failure::Rejected,
        ),
        (400, "Invalid value for temperature", Failure::CallersFault),
        // What the caller wrote, quoted.
        (400, "Invalid value: 'Incorrect API key provided'. Supported values are: 'system'.", Failure::CallersFault),
        (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_DATA_LEAKAGE", Failure::CallersFault),
        (403, "Your newly created team doesn't have any credits yet.", Failure::Exhausted),
        (
            429,
            "Your team 16f2151a has either used all available credits or reached its monthly spending limit.",
            Failure::Exhausted,
        ),
    ] {
        assert_eq!(classify(status, &message(text)), Some((failure, None)), "{text}");
    }
    let of_xai = r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***."}"#;
    assert_eq!(classify(400, of_xai), Some((Failure::Rejected, None)));
    // The code says more than the message.
    let both = r#"{"error":{"message":"missing scopes","code":"invalid_api_key"}}"#;
    assert_eq!(classify(401, both), Some((Failure::Rejected, Some("invalid_api_key"))));
}

#[test]
fn an_error_in_an_array_or_in_its_type_is_read() {
    let array = r#"[{"error":{"code":"insufficient_quota","message":"x"}}]"#;
    assert_eq!(classify(429, array), Some((Failure::Exhausted, Some("insufficient_quota"))));
    let kind = r#"{"error":{"type":"insufficient_quota","code":null}}"#;
    assert_eq!(classify(429, kind), Some((Failure::Exhausted, Some("insufficient_quota"))));
}

/// What vendors that are compatible with OpenAI really answer.
#[test]
fn the_compatible_vendors_errors_are_read() {
    for (vendor, status, body, failure) in [
        (
            "xai",
            400,
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai."}"#,
            Failure::Rejected,
        ),
        (
            "fireworks",
            412,
            r#"{"error":{"message":"Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.","param":null,"code":"PRECONDITION_FAILED","type":"error"}}"#,
            Failure::Exhausted,
        ),
        (
            "nvidia",
            404,
            r#"{"status":404,"title":"Not Found","detail":"Function 'd8dd4e9b': Not found for account 'x'"}"#,
            Failure::Denied,
        ),
        ("nvidia", 404, r#"{"status":404,"title":"Not Found"}"#, Failure::CallersFault),
        ("nvidia", 401, r#"{"status":401,"title":"Unauthorized","detail":"Authentication failed"}"#, Failure::Rejected),
        ("openrouter", 401, r#"{"error":{"message":"No auth credentials found","code":401}}"#, Failure::Rejected),
        (
            "openrouter",
            402,
            r#"{"error":{"message":"Insufficient credits. Add more using https://openrouter.ai/settings/credits","code":402}}"#,
            Failure::Exhausted,
        ),
        (
            "openrouter",
            402,
            r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 3395. To increase, visit https://openrouter.ai/settings/credits","code":402,"metadata":{"provider_name":null}}}"#,
            Failure::Denied,
        ),
        (
            "openrouter",
            402,
            r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, but can only afford 0. To increase, visit https://openrouter.ai/settings/keys","code":402}}"#,
            Failure::Exhausted,
        ),
        (
            "openrouter",
            402,
            r#"{"error":{"message":"Prompt tokens limit exceeded: 230799 > 91442. To increase, visit https://openrouter.ai/settings/keys","code":402}}"#,
            Failure::Denied,
        ),
        (
            "openrouter",
            403,
            r#"{"error":{"code":403,"message":"x requires moderation","metadata":{"reasons":["hate"],"flagged_input":"…","provider_name":"OpenAI","model_slug":"x"}}}"#,
            Failure::CallersFault,
        ),
        (
            "openrouter",
            403,
            r#"{"error":{"code":403,"message":"x","metadata":{"error_type":"content_policy_violation"}}}"#,
            Failure::CallersFault,
        ),
        (
            "deepseek",
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            Failure::Exhausted,
        ),
        (
            "deepseek",
            401,
            r#"{"error":{"message":"Authentication Fails, Your api key: ****x is invalid","type":"authentication_error","param":null,"code":"invalid_request_error"}}"#,
            Failure::Rejected,
        ),
        ("mistral", 401, r#"{"message":"Unauthorized","request_id":"x"}"#, Failure::Rejected),
        ("mistral", 429, r#"{"message":"Requests rate limit exceeded"}"#, Failure::RateLimited),
        (
            "groq",
            401,
            r#"{"error":{"message":"Invalid API Key","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            Failure::Rejected,
        ),
        (
            "groq",
            400,
            r#"{"error":{"message":"Organization has been restricted.","type":"invalid_request_error","code":"organization_restricted"}}"#,
            Failure::Rejected,
        ),
        (
            "ollama",
            404,
            r#"{"error":{"message":"model \"x\" not found","type":"not_found_error","param":null,"code":null}}"#,
            Failure::Denied,
        ),
        (
            "vllm",
            404,
            r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
            Failure::Denied,
        ),
        ("vllm", 401, r#"{"error":"Unauthorized"}"#, Failure::Rejected),
    ] {
        assert_eq!(classify(status, body).map(|(failure, _)| failure), Some(failure), "{vendor} {status} {body}");
    }
}

#[test]
fn a_hint_to_wait_is_kept() {
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("7"))]);
    let classified = OpenAi.classify(StatusCode::TOO_MANY_REQUESTS, &headers, b"", SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(classified.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn model_lists_are_read_in_their_order() {
    let models = |body: &str| OpenAi.read_models(body.as_bytes()).map(|page| (page.models, page.next));
    let list =
        r#"{"object":"list","data":[{"id":"gpt-4o","object":"model","created":1,"owned_by":"x"},{"id":"a","new":{}}]}"#;
    assert_eq!(models(list), Ok((vec!["gpt-4o".to_owned(), "a".to_owned()], None)));
    assert_eq!(models(r#"{"data":[]}"#), Ok((vec![], None)));
    // Ollama without a model, and Together.
    assert_eq!(models(r#"{"object":"list","data":null}"#), Ok((vec![], None)));
    assert_eq!(models(r#"[{"id":"a","type":"chat"}]"#), Ok((vec!["a".to_owned()], None)));
    for bad in [
        "",
        "{}",
        "[]",
        "[1]",
        "<html>",
        r#"{"data":[{"name":"x"}]}"#,
        r#"{"data":"#,
        r#"{"data":null}"#,
        r#"{"models":[]}"#,
    ] {
        assert_eq!(models(bad), Err(NotAModelList), "{bad}");
    }
}

#[test]
fn addresses_are_below_the_base_url() {
    let place = place(AdapterKind::OpenAi, "https://h/api/v3/");
    for (operation, expected) in [
        (Operation::Chat, Ok("https://h/api/v3/chat/completions")),
        (Operation::Completion, Ok("https://h/api/v3/completions")),
        (Operation::Responses, Ok("https://h/api/v3/responses")),
        (Operation::Embeddings, Ok("https://h/api/v3/embeddings")),
        (Operation::ListModels, Ok("https://h/api/v3/models")),
        (Operation::CountTokens, Ok("https://h/api/v3/responses/input_tokens")),
        (Operation::Invoke, Err(NoAddress::Unsupported)),
        (Operation::Rerank, Err(NoAddress::Unsupported)),
    ] {
        // A model's name stands in the body alone.
        let call = call(operation, "../../x?y", Delivery::Stream);
        assert_eq!(OpenAi.address(&place, None, call).map(|uri| uri.to_string()), expected.map(str::to_owned));
    }
}

#[test]
fn a_signature_replaces_what_stood_there_and_is_sensitive() {
    let place = place(AdapterKind::OpenAi, "https://h/v1");
    let mut headers = HeaderMap::new();
    headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-caller"));
    headers.append(AUTHORIZATION, HeaderValue::from_static("Basic x"));
    let uri = Uri::from_static("https://h/v1/models");
    let mut sign = |key: &str| {
        let value = CredentialValue::ApiKey(Secret::from(key.to_owned()));
        let request =
            Unsigned { method: &Method::GET, uri: &uri, headers: &mut headers, body: &[], now: SystemTime::UNIX_EPOCH };
        OpenAi.sign(&place, Key { value: &value, token: None, additional: None }, request)
    };
    sign("sk-1").unwrap();
    for unfit in ["sk-1\n", "a\u{0}b", "a\r\nx: y", "", " sk-1", "sk-1 ", "sk-é", "sk\t1"] {
        assert_eq!(sign(unfit), Err(UnfitSecret));
    }
    sign("sk-2").unwrap();
    let values: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
    assert_eq!(values, ["Bearer sk-2"]);
    assert!(values[0].is_sensitive());
}

#[test]
fn only_listed_headers_pass() {
    for name in ["content-type", "accept", "openai-organization", "traceparent", "x-stainless-lang"] {
        assert!(OpenAi.forwards_request_header(name), "{name}");
    }
    for name in ["authorization", "cookie", "x-api-key", "x-goog-api-key", "accept-encoding", "host", "x-keyplane-key"]
    {
        assert!(!OpenAi.forwards_request_header(name), "{name}");
    }
    for name in
        ["content-type", "retry-after", "retry-after-ms", "x-ratelimit-remaining-requests", "openai-processing-ms"]
    {
        assert!(OpenAi.forwards_response_header(name), "{name}");
    }
    for name in ["set-cookie", "server", "www-authenticate", "alt-svc"] {
        assert!(!OpenAi.forwards_response_header(name), "{name}");
    }
}
