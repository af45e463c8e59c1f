//! Gemini's URLs and headers, and the bodies that it answers with.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::adapter::AdapterKind;
use crate::adapter::Delivery::{Stream, Whole};
use crate::adapter::testing::{address, api_key, call, meaning, place, signed};

const HOST: &str = "https://generativelanguage.googleapis.com";

fn with_reason(code: u16, status: &str, reason: &str) -> String {
    format!(
        r#"{{"error":{{"code":{code},"message":"API key not valid. Please pass a valid API key.","status":"{status}","details":[
            {{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"googleapis.com","metadata":{{"service":"generativelanguage.googleapis.com"}}}},
            {{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en-US","message":"API key not valid."}}]}}}}"#
    )
}

#[test]
fn a_reason_says_what_the_status_does_not() {
    for (code, status, reason, failure) in [
        (400, "INVALID_ARGUMENT", "API_KEY_INVALID", Failure::Rejected),
        (401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", Failure::Rejected),
        (403, "PERMISSION_DENIED", "SERVICE_DISABLED", Failure::Rejected),
        (403, "PERMISSION_DENIED", "API_KEY_SERVICE_BLOCKED", Failure::Rejected),
        (403, "PERMISSION_DENIED", "API_KEY_IP_ADDRESS_BLOCKED", Failure::Rejected),
        (403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED", Failure::Rejected),
        (403, "PERMISSION_DENIED", "BILLING_DISABLED", Failure::Exhausted),
    ] {
        let body = with_reason(code, status, reason);
        assert_eq!(meaning(&Gemini, code, &body), (failure, Some(reason)), "{reason}");
        let array = format!("[{body}]");
        assert_eq!(meaning(&Gemini, code, &array), (failure, Some(reason)), "{reason} in an array");
    }
}

#[test]
fn every_status_word_has_its_failure() {
    for (code, status, failure) in [
        (400, "INVALID_ARGUMENT", Failure::CallersFault),
        (400, "FAILED_PRECONDITION", Failure::CallersFault),
        (401, "UNAUTHENTICATED", Failure::Rejected),
        (403, "PERMISSION_DENIED", Failure::Denied),
        (404, "NOT_FOUND", Failure::Denied),
        (429, "RESOURCE_EXHAUSTED", Failure::RateLimited),
        (499, "CANCELLED", Failure::ServerError),
        (500, "INTERNAL", Failure::ServerError),
        (503, "UNAVAILABLE", Failure::Overloaded),
        (504, "DEADLINE_EXCEEDED", Failure::ServerError),
    ] {
        let body = format!(r#"{{"error":{{"code":{code},"message":"x","status":"{status}"}}}}"#);
        assert_eq!(meaning(&Gemini, code, &body), (failure, Some(status)), "{status}");
    }
    assert_eq!(meaning(&Gemini, 404, "<!DOCTYPE html>"), (Failure::CallersFault, None));
}

#[test]
fn what_no_reason_says_is_read_from_the_message() {
    for (code, status, message, failure) in [
        (
            403,
            "PERMISSION_DENIED",
            "Your API key was reported as leaked. Please use another API key.",
            Failure::Rejected,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio.",
            Failure::Exhausted,
        ),
        // What the caller wrote, quoted.
        (400, "INVALID_ARGUMENT", "Invalid value at 'role' (TYPE_ENUM), enable billing", Failure::CallersFault),
        (400, "INVALID_ARGUMENT", "Invalid value, your API key was reported as leaked", Failure::CallersFault),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", Failure::CallersFault),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Your prepayment credits are depleted. Please go to AI Studio to manage your billing.",
            Failure::Exhausted,
        ),
    ] {
        let body = format!(r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}"}}}}"#);
        assert_eq!(meaning(&Gemini, code, &body), (failure, Some(status)), "{message}");
    }
}

#[test]
fn a_rate_limit_says_in_its_body_how_long_it_lasts() {
    let body = |quota: &str| {
        format!(
            r#"{{"error":{{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[
                {{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
                    {{"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"{quota}","quotaDimensions":{{"location":"global"}}}}]}},
                {{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37s"}}]}}}}"#
        )
    };
    for (quota, expected) in [
        ("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", 37),
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", 600),
    ] {
        let classified = Gemini
            .classify(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), body(quota).as_bytes(), SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(classified.failure, Failure::RateLimited);
        assert_eq!(classified.retry_after, Some(Duration::from_secs(expected)), "{quota}");
    }
}

#[test]
fn calls_have_their_addresses() {
    for (operation, delivery, expected) in [
        (Operation::Chat, Whole, Ok("/v1beta/models/gemini-2.5-pro:generateContent")),
        (Operation::Chat, Stream, Ok("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse")),
        (Operation::CountTokens, Whole, Ok("/v1beta/models/gemini-2.5-pro:countTokens")),
        (Operation::EmbeddingBatch, Whole, Ok("/v1beta/models/gemini-2.5-pro:batchEmbedContents")),
        (Operation::Embeddings, Whole, Ok("/v1beta/models/gemini-2.5-pro:embedContent")),
        (Operation::ListModels, Whole, Ok("/v1beta/models?pageSize=1000")),
        (Operation::Responses, Whole, Err(NoAddress::Unsupported)),
    ] {
        let at = address(AdapterKind::Gemini, HOST, call(operation, "gemini-2.5-pro", delivery));
        assert_eq!(at, expected.map(|path| format!("{HOST}{path}")));
    }
    let next = Call { page: Some("x=&y"), ..call(Operation::ListModels, "", Whole) };
    let expected = format!("{HOST}/v1beta/models?pageSize=1000&pageToken=x%3D%26y");
    assert_eq!(address(AdapterKind::Gemini, HOST, next), Ok(expected));
}

#[test]
fn model_lists_lose_their_prefix_and_go_on_by_a_token() {
    let page = |body: &str| Gemini.read_models(body.as_bytes());
    let body = r#"{"models":[{"name":"models/gemini-2.5-pro","displayName":"x","supportedGenerationMethods":["generateContent"]},{"name":"tunedModels/x"}],"nextPageToken":"t"}"#;
    let models = vec!["gemini-2.5-pro".to_owned(), "tunedModels/x".to_owned()];
    assert_eq!(page(body), Ok(ModelPage { models, next: Some("t".to_owned()) }));
    assert_eq!(page(r#"{"models":[],"nextPageToken":""}"#), Ok(ModelPage { models: vec![], next: None }));
    for bad in ["", "[]", "{}", r#"{"data":[]}"#, r#"{"models":[{}]}"#] {
        assert_eq!(page(bad), Err(NotAModelList), "{bad}");
    }
}

#[test]
fn a_key_goes_into_a_header_and_never_into_the_url() {
    let place = place(AdapterKind::Gemini, HOST);
    let value = api_key("AIzaCanary");
    let key = Key { value: &value, token: None, additional: None };
    assert_eq!(signed(&Gemini, &place, key, HeaderMap::new()), Ok(vec!["x-goog-api-key: AIzaCanary".into()]));
    assert_eq!(Gemini.own_key_header(&place).unwrap(), "x-goog-api-key");
    for name in ["x-goog-api-key", "authorization", "x-goog-user-project", "cookie"] {
        assert!(!Gemini.forwards_request_header(name), "{name}");
    }
    assert!(Gemini.forwards_request_header("x-goog-api-client") && Gemini.forwards_request_header("content-type"));
    assert!(Gemini.forwards_response_header("retry-after") && !Gemini.forwards_response_header("set-cookie"));
}

proptest! {
    #[test]
    fn no_model_changes_the_host_the_segments_or_the_query(model: String) {
        if let Ok(at) = address(AdapterKind::Gemini, HOST, call(Operation::Chat, &model, Whole)) {
            let uri: Uri = at.parse().unwrap();
            prop_assert_eq!(uri.host(), Some("generativelanguage.googleapis.com"));
            prop_assert_eq!(uri.path().split('/').count(), 4);
            prop_assert_eq!(uri.query(), None);
        }
    }
}
