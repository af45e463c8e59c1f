//! Anthropic's URLs and headers, and the bodies that it answers with.

use super::*;
use crate::adapter::AdapterKind;
use crate::adapter::Delivery::Whole;
use crate::adapter::testing::{address, api_key, call, meaning, place, signed};
use crate::secret::Secret;

fn error(kind: &str, message: &str) -> String {
    format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_011CZ47RMLnx1JoJXRrzzSde"}}"#
    )
}

#[test]
fn every_type_has_its_failure() {
    for (status, kind, failure) in [
        (400, "invalid_request_error", Failure::CallersFault),
        (401, "authentication_error", Failure::Rejected),
        (402, "billing_error", Failure::Exhausted),
        (403, "permission_error", Failure::Denied),
        (403, "forbidden", Failure::CallersFault),
        (404, "not_found_error", Failure::Denied),
        (413, "request_too_large", Failure::CallersFault),
        (429, "rate_limit_error", Failure::RateLimited),
        (500, "api_error", Failure::ServerError),
        (504, "timeout_error", Failure::ServerError),
        (529, "overloaded_error", Failure::Overloaded),
    ] {
        assert_eq!(meaning(&Anthropic, status, &error(kind, "x")), (failure, Some(kind)), "{status} {kind}");
    }
    for (status, failure) in [
        (401, Failure::Rejected),
        (404, Failure::CallersFault),
        (502, Failure::ServerError),
        (529, Failure::Overloaded),
    ] {
        assert_eq!(meaning(&Anthropic, status, "<html>"), (failure, None), "{status}");
    }
}

#[test]
fn an_account_without_credit_is_exhausted_although_its_request_is_called_invalid() {
    for (message, failure) in [
        (
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
            Failure::Exhausted,
        ),
        (
            "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            Failure::Exhausted,
        ),
        ("This organization has been disabled.", Failure::Rejected),
        ("max_tokens: field required", Failure::CallersFault),
        // What the caller wrote, quoted.
        ("tools.0.name: 'Your credit balance is too low' is no name", Failure::CallersFault),
        ("tool_choice: 'This organization has been disabled' is not in tools", Failure::CallersFault),
    ] {
        let body = error("invalid_request_error", message);
        assert_eq!(meaning(&Anthropic, 400, &body), (failure, Some("invalid_request_error")), "{message}");
    }
    let revoked = error("permission_error", "OAuth token has been revoked. Please obtain a new token.");
    assert_eq!(meaning(&Anthropic, 403, &revoked), (Failure::Rejected, Some("permission_error")));
}

#[test]
fn calls_have_their_addresses() {
    let at = |operation| address(AdapterKind::Anthropic, "https://h/anthropic", call(operation, "../x?y", Whole));
    for (operation, expected) in [
        (Operation::Chat, Ok("https://h/anthropic/v1/messages")),
        (Operation::CountTokens, Ok("https://h/anthropic/v1/messages/count_tokens")),
        (Operation::ListModels, Ok("https://h/anthropic/v1/models?limit=1000")),
        (Operation::Embeddings, Err(NoAddress::Unsupported)),
    ] {
        assert_eq!(at(operation), expected.map(str::to_owned));
    }
    let next = Call { page: Some("a/b&c"), ..call(Operation::ListModels, "", Whole) };
    let expected = "https://api.anthropic.com/v1/models?limit=1000&after_id=a%2Fb%26c".to_owned();
    assert_eq!(address(AdapterKind::Anthropic, "https://api.anthropic.com", next), Ok(expected));
}

#[test]
fn model_lists_go_on_while_there_are_more() {
    let page = |body: &str| Anthropic.read_models(body.as_bytes());
    let first = r#"{"data":[{"type":"model","id":"claude-a","display_name":"A"},{"id":"claude-b"}],"has_more":true,"first_id":"claude-a","last_id":"claude-b"}"#;
    let models = vec!["claude-a".to_owned(), "claude-b".to_owned()];
    assert_eq!(page(first), Ok(ModelPage { models, next: Some("claude-b".to_owned()) }));
    let last = r#"{"data":[{"id":"c"}],"has_more":false,"last_id":"c"}"#;
    assert_eq!(page(last), Ok(ModelPage { models: vec!["c".to_owned()], next: None }));
    assert_eq!(page(r#"{"data":[],"has_more":false,"last_id":null}"#), Ok(ModelPage { models: vec![], next: None }));
    for bad in ["", "[]", "{}", r#"{"models":[]}"#, r#"{"data":[{}]}"#] {
        assert_eq!(page(bad), Err(NotAModelList), "{bad}");
    }
}

#[test]
fn a_key_goes_bare_and_a_token_of_oauth_as_bearer() {
    let mut place = place(AdapterKind::Anthropic, "https://api.anthropic.com");
    let mut given = HeaderMap::new();
    given.append("authorization", HeaderValue::from_static("Bearer of-the-caller"));
    given.append("x-goog-api-key", HeaderValue::from_static("of-the-caller"));
    let sign = |place: &Place, value: &str, additional: Option<&Secret>, given: &HeaderMap| {
        let value = api_key(value);
        signed(&Anthropic, place, Key { value: &value, token: None, additional }, given.clone())
    };
    let version = "anthropic-version: 2023-06-01";
    assert_eq!(
        sign(&place, "sk-ant-api03-x", None, &given),
        Ok(vec![version.into(), "x-api-key: sk-ant-api03-x".into()])
    );
    let beta = "anthropic-beta: oauth-2025-04-20";
    let oauth = Ok(vec![beta.into(), version.into(), "authorization: Bearer sk-ant-oat01-x".into()]);
    assert_eq!(sign(&place, "sk-ant-oat01-x", None, &given), oauth);
    // A caller's own beta of that name does not replace the one that lets the token in.
    let own = HeaderMap::from_iter([(HeaderName::from_static("anthropic-beta"), HeaderValue::from_static("oauth-x"))]);
    assert!(sign(&place, "sk-ant-oat01-x", None, &own).unwrap().contains(&beta.to_owned()));
    given.append("anthropic-beta", HeaderValue::from_static("context-1m, oauth-2025-04-20"));
    given.append("anthropic-version", HeaderValue::from_static("2023-01-01"));
    let kept = [
        "anthropic-beta: context-1m, oauth-2025-04-20",
        "anthropic-version: 2023-01-01",
        "authorization: Bearer sk-ant-oat01-x",
    ];
    assert_eq!(sign(&place, "sk-ant-oat01-x", None, &given), Ok(kept.map(str::to_owned).into()));

    place.key_header = Some(HeaderName::from_static("x-custom"));
    let custom = Ok(vec![version.into(), "x-custom: k".into()]);
    assert_eq!(sign(&place, "k", None, &HeaderMap::new()), custom);
    place.key_header = Some(http::header::AUTHORIZATION);
    let bearer = Ok(vec![version.into(), "authorization: Bearer k".into()]);
    assert_eq!(sign(&place, "k", None, &HeaderMap::new()), bearer);

    let second = Secret::from("second".to_owned());
    assert_eq!(sign(&place, "k", Some(&second), &HeaderMap::new()), Err(UnfitSecret));
    place.additional_key_header = Some(HeaderName::from_static("x-second"));
    let both = Ok(vec![version.into(), "authorization: Bearer k".into(), "x-second: second".into()]);
    assert_eq!(sign(&place, "k", Some(&second), &HeaderMap::new()), both);
}

#[test]
fn only_listed_headers_pass() {
    for name in ["content-type", "anthropic-version", "anthropic-beta", "x-stainless-lang", "traceparent"] {
        assert!(Anthropic.forwards_request_header(name), "{name}");
    }
    for name in ["authorization", "x-api-key", "cookie", "accept-encoding", "openai-organization", "x-keyplane-key"] {
        assert!(!Anthropic.forwards_request_header(name), "{name}");
    }
    for name in ["content-type", "request-id", "retry-after", "anthropic-ratelimit-tokens-reset"] {
        assert!(Anthropic.forwards_response_header(name), "{name}");
    }
    for name in ["set-cookie", "server", "anthropic-organization-id", "cf-ray"] {
        assert!(!Anthropic.forwards_response_header(name), "{name}");
    }
}
