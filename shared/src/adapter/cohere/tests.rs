//! Cohere's URLs, and the bodies that it answers with.

use super::*;
use crate::adapter::AdapterKind;
use crate::adapter::Delivery::Whole;
use crate::adapter::testing::{address, api_key, call, meaning, place, signed};

#[test]
fn every_error_has_its_failure() {
    for (status, message, failure) in [
        (400, "invalid request: message must be at least 1 token long", Failure::CallersFault),
        (401, "invalid api token", Failure::Rejected),
        (
            402,
            "please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment",
            Failure::Exhausted,
        ),
        (403, "your account is not allowed", Failure::Denied),
        (
            404,
            "model 'command-x' not found, make sure the correct model ID was used and that you have access to the model.",
            Failure::Denied,
        ),
        (422, "unprocessable", Failure::CallersFault),
        (
            429,
            "You are using a Trial key, which is limited to 20 API calls / minute. Please wait and try again later.",
            Failure::RateLimited,
        ),
        (
            429,
            "You are using a Trial key, which is limited to 1000 API calls / month. You can continue to use the Trial key for free or upgrade to a Production key.",
            Failure::Exhausted,
        ),
        (498, "your request was blocked due to potential violations of our Usage Guidelines", Failure::CallersFault),
        (499, "request cancelled by user", Failure::ServerError),
        (500, "internal server error", Failure::ServerError),
        (503, "service unavailable", Failure::Overloaded),
    ] {
        let body = format!(r#"{{"id":"41f7cc1f-9c09-4fbb-a1ee-8ec53fd0fa6c","message":"{message}"}}"#);
        assert_eq!(meaning(&Cohere, status, &body), (failure, None), "{status} {message}");
    }
    // Nothing of Cohere's: a wrong path at an edge.
    assert_eq!(meaning(&Cohere, 404, "<html>"), (Failure::CallersFault, None));
}

#[test]
fn calls_have_their_addresses() {
    let host = "https://api.cohere.com";
    for (operation, expected) in [
        (Operation::Chat, Ok("/v2/chat")),
        (Operation::Embeddings, Ok("/v2/embed")),
        (Operation::Rerank, Ok("/v2/rerank")),
        (Operation::ListModels, Ok("/v1/models?page_size=1000")),
        (Operation::CountTokens, Err(NoAddress::Unsupported)),
    ] {
        let at = address(AdapterKind::Cohere, host, call(operation, "../x", Whole));
        assert_eq!(at, expected.map(|path| format!("{host}{path}")));
    }
    let next = Call { page: Some("a b"), ..call(Operation::ListModels, "", Whole) };
    assert_eq!(
        address(AdapterKind::Cohere, host, next),
        Ok(format!("{host}/v1/models?page_size=1000&page_token=a%20b"))
    );
}

#[test]
fn model_lists_go_on_by_a_token() {
    let page = |body: &str| Cohere.read_models(body.as_bytes());
    let body = r#"{"models":[{"name":"command-a-03-2025","endpoints":["chat"],"finetuned":false,"context_length":256000}],"next_page_token":"t"}"#;
    let models = vec!["command-a-03-2025".to_owned()];
    assert_eq!(page(body), Ok(ModelPage { models, next: Some("t".to_owned()) }));
    assert_eq!(page(r#"{"models":[]}"#), Ok(ModelPage { models: vec![], next: None }));
    for bad in ["", "[]", "{}", r#"{"models":[{"id":"x"}]}"#] {
        assert_eq!(page(bad), Err(NotAModelList), "{bad}");
    }
}

#[test]
fn a_key_goes_as_bearer() {
    let place = place(AdapterKind::Cohere, "https://api.cohere.com");
    let value = api_key("k");
    let key = Key { value: &value, token: None, additional: None };
    assert_eq!(signed(&Cohere, &place, key, HeaderMap::new()), Ok(vec!["authorization: Bearer k".into()]));
    assert!(!Cohere.forwards_request_header("authorization") && Cohere.forwards_request_header("x-client-name"));
    assert!(!Cohere.forwards_response_header("set-cookie") && Cohere.forwards_response_header("retry-after"));
}
