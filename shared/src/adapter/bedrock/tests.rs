//! Where Bedrock's calls go, how they are signed, and what the answers mean.

use http::{HeaderValue, Method};

use super::super::testing::{api_key, call, meaning, place, signed};
use super::super::{AdapterKind, adapter};
use super::*;
use crate::credential::AccessKeyPair;
use crate::secret::Secret;

const HOST: &str = "https://bedrock-runtime.us-east-1.amazonaws.com";
const HAIKU: &str = "anthropic.claude-3-haiku-20240307-v1:0";

fn pair() -> CredentialValue {
    let secret = |text: &str| Secret::from(text.to_owned());
    CredentialValue::AccessKeyPair(AccessKeyPair {
        access_key_id: secret("AKIDEXAMPLE"),
        secret_access_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    })
}

fn address(base_url: &str, call: Call<'_>) -> Result<String, NoAddress> {
    Bedrock.address(&place(AdapterKind::Bedrock, base_url), None, call).map(|uri| uri.to_string())
}

fn list() -> Call<'static> {
    call(Operation::ListModels, "", Delivery::Whole)
}

#[test]
fn bedrock_is_its_own_adapter() {
    assert_eq!(adapter(AdapterKind::Bedrock).format(), Format::Bedrock);
}

#[test]
fn chats_go_to_the_models_path_with_its_name_escaped() {
    let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x";
    for (operation, model, delivery, path) in [
        (Operation::Chat, HAIKU, Delivery::Whole, "anthropic.claude-3-haiku-20240307-v1%3A0/converse"),
        (Operation::Chat, HAIKU, Delivery::Stream, "anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream"),
        (Operation::CountTokens, "us.x", Delivery::Whole, "us.x/count-tokens"),
        (Operation::Invoke, "us.x", Delivery::Whole, "us.x/invoke"),
        (Operation::Chat, arn, Delivery::Whole, "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse"),
        (Operation::Chat, "../../x?y#z", Delivery::Whole, "..%2F..%2Fx%3Fy%23z/converse"),
    ] {
        assert_eq!(address(HOST, call(operation, model, delivery)).unwrap(), format!("{HOST}/model/{path}"));
    }
    assert_eq!(address(HOST, call(Operation::Chat, "..", Delivery::Whole)), Err(NoAddress::Model));
    for operation in [Operation::Completion, Operation::Responses, Operation::Embeddings, Operation::Rerank] {
        assert_eq!(address(HOST, call(operation, "x", Delivery::Whole)), Err(NoAddress::Unsupported));
    }
}

#[test]
fn the_list_of_models_is_the_control_hosts_and_never_another_hosts() {
    for (base_url, expected) in [
        (HOST, "https://bedrock.us-east-1.amazonaws.com"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "https://bedrock.cn-north-1.amazonaws.com.cn"),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com:8443",
            "https://bedrock-runtime.us-east-1.amazonaws.com:8443",
        ),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/x", "https://bedrock-runtime.us-east-1.amazonaws.com/x"),
        ("https://gateway.example.com/bedrock", "https://gateway.example.com/bedrock"),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com.example.com",
            "https://bedrock-runtime.us-east-1.amazonaws.com.example.com",
        ),
    ] {
        assert_eq!(address(base_url, list()).unwrap(), format!("{expected}/foundation-models"));
    }
}

#[test]
fn the_region_is_the_settings_then_the_places_then_the_hosts() {
    let mut own = place(AdapterKind::Bedrock, "https://gateway.example.com");
    let asked = Some(CredentialType::AccessKeyPair);
    assert_eq!(Bedrock.address(&own, asked, list()), Err(NoAddress::Lacks("region")));
    assert!(Bedrock.address(&own, Some(CredentialType::ApiKey), list()).is_ok());
    let key = pair();
    let key = Key { value: &key, token: None, additional: None };
    assert_eq!(signed(&Bedrock, &own, key, HeaderMap::new()), Err(UnfitSecret));
    let region = |place: &Place| {
        let lines = signed(&Bedrock, place, key, HeaderMap::new()).unwrap();
        let authorization = lines.iter().find(|line| line.starts_with("authorization: ")).unwrap().clone();
        authorization.split('/').nth(2).unwrap().to_owned()
    };
    assert_eq!(region(&place(AdapterKind::Bedrock, HOST)), "us-east-1");
    let private = "https://vpce-0a1-2b3.bedrock-runtime.us-west-2.vpce.amazonaws.com";
    assert_eq!(region(&place(AdapterKind::Bedrock, private)), "us-west-2");
    own.region = Some("eu-west-1".to_owned());
    assert_eq!(region(&own), "eu-west-1");
    own.settings.signing_region = Some("eu-west-2".to_owned());
    assert_eq!(region(&own), "eu-west-2");
}

#[test]
fn what_amazon_could_read_differently_is_not_signed_and_not_sent() {
    let (value, place) = (pair(), place(AdapterKind::Bedrock, HOST));
    let key = Key { value: &value, token: None, additional: None };
    let sent = |given: &[(&'static str, &'static [u8])]| {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        signed(&Bedrock, &place, key, headers).unwrap()
    };
    let plain = sent(&[("content-type", b"application/json")]);
    for odd in [
        &[("content-type", b"application/json".as_slice()), ("content-type", b"application/json")][..],
        &[("content-type", b"application/json; x=\"a  b\"")],
        &[("content-type", b"application/json;  x=a")],
        &[("content-type", b"application/json\xff")],
        &[("content-type", b"application/json"), ("x-amzn-bedrock-x", b"a"), ("x-amzn-bedrock-x", b"b")],
        &[("content-type", b"application/json"), ("x-amzn-bedrock-x", b"\xe9")],
    ] {
        assert_eq!(sent(odd), plain, "{odd:?}");
    }
    let charset = sent(&[("content-type", b"application/json; charset=utf-8"), ("x-amzn-bedrock-trace", b"ENABLED")]);
    assert!(charset.iter().any(|line| line.contains("charset")) && charset.iter().any(|line| line.contains("ENABLED")));
}

#[test]
fn a_pair_signs_the_body_and_replaces_every_key() {
    let value = pair();
    let key = Key { value: &value, token: None, additional: None };
    let uri = format!("{HOST}/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse").parse().unwrap();
    let body = [Bytes::from_static(br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#)];
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("content-type", "application/json"), ("authorization", "Bearer caller"), ("x-api-key", "caller")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
    let request = Unsigned { method: &Method::POST, uri: &uri, headers: &mut headers, body: &body, now };
    Bedrock.sign(&place(AdapterKind::Bedrock, HOST), key, request).unwrap();
    // Vector B of the reference.
    let signature = "Signature=b2d89376425920647b8197be6560da5f53c4d9cc5ac66b56efafa43ba66c9022";
    assert!(headers[AUTHORIZATION].to_str().unwrap().ends_with(signature), "{:?}", headers[AUTHORIZATION].to_str());
    assert!(!headers.contains_key("x-api-key"));
}

#[test]
fn an_api_key_goes_as_it_is() {
    let value = api_key("ABSKexample");
    let key = Key { value: &value, token: None, additional: None };
    let place = place(AdapterKind::Bedrock, HOST);
    assert_eq!(signed(&Bedrock, &place, key, HeaderMap::new()).unwrap(), ["authorization: Bearer ABSKexample"]);
    assert_eq!(Bedrock.own_key_header(&place), Some(AUTHORIZATION));
}

fn classified(status: u16, kind: &'static str, date: &'static str, body: &str) -> Option<Classified> {
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
    headers.insert(DATE, HeaderValue::from_static(date));
    // 1994-11-06 08:49:37 UTC.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    Bedrock.classify(status.try_into().unwrap(), &headers, body.as_bytes(), now)
}

#[test]
fn errors_mean_what_their_type_says() {
    for (status, kind, failure) in [
        (400, "ValidationException", Failure::CallersFault),
        (400, "ServiceQuotaExceededException", Failure::Exhausted),
        (403, "AccessDeniedException", Failure::Denied),
        (403, "UnrecognizedClientException", Failure::Rejected),
        (403, "InvalidSignatureException", Failure::Rejected),
        (403, "ExpiredTokenException", Failure::Rejected),
        (403, "IncompleteSignatureException", Failure::Rejected),
        (403, "MissingAuthenticationTokenException", Failure::Rejected),
        (403, "RequestTimeTooSkewed", Failure::ServerError),
        (404, "ResourceNotFoundException", Failure::Denied),
        (408, "ModelTimeoutException", Failure::TimedOut),
        (424, "ModelErrorException", Failure::ServerError),
        (429, "ThrottlingException", Failure::RateLimited),
        (429, "ModelNotReadyException", Failure::Overloaded),
        (500, "InternalServerException", Failure::ServerError),
        (503, "ServiceUnavailableException", Failure::Overloaded),
        (404, "UnknownOperationException", Failure::ServerError),
    ] {
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        let by_header = classified(status, kind, now, "{}").unwrap();
        assert_eq!((by_header.failure, by_header.provider_code), (failure, Some(kind)), "{kind}");
        let body = format!(r#"{{"__type":"com.amazon.coral.service#{kind}","message":"x"}}"#);
        assert_eq!(meaning(&Bedrock, status, &body), (failure, Some(kind)), "{kind} in the body");
    }
    let with_address = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/";
    assert_eq!(classified(429, with_address, "", "").unwrap().failure, Failure::RateLimited);
}

#[test]
fn errors_without_a_type_mean_what_else_is_known() {
    for (status, body, failure) in [
        (403, r#"{"Message":"Authentication failed: Please make sure your API Key is valid."}"#, Failure::Rejected),
        (403, r#"{"message":"Bearer Token has expired"}"#, Failure::Rejected),
        (403, r#"{"message":"Forbidden"}"#, Failure::Denied),
        (403, r#"{"message":"x","Message":"Authentication failed"}"#, Failure::Denied),
        (413, "", Failure::CallersFault),
        (424, "", Failure::ServerError),
        (429, "<html>", Failure::RateLimited),
        (500, "[1]", Failure::ServerError),
        (503, "", Failure::Overloaded),
    ] {
        assert_eq!(meaning(&Bedrock, status, body), (failure, None), "{status} {body}");
    }
}

#[test]
fn a_clock_that_is_off_is_no_keys_fault() {
    for (date, failure) in [
        ("Sun, 06 Nov 1994 08:49:30 GMT", Failure::Rejected),
        ("Sun, 06 Nov 1994 08:46:37 GMT", Failure::Rejected),
        ("Sun, 06 Nov 1994 08:43:37 GMT", Failure::ServerError),
        ("Sun, 06 Nov 1994 09:49:37 GMT", Failure::ServerError),
        ("yesterday", Failure::Rejected),
    ] {
        assert_eq!(classified(403, "InvalidSignatureException", date, "{}").unwrap().failure, failure, "{date}");
        // A key that is unknown stays unknown, whatever the clock.
        assert_eq!(classified(403, "UnrecognizedClientException", date, "{}").unwrap().failure, Failure::Rejected);
    }
}

#[test]
fn a_success_that_is_an_error_document_is_none() {
    let body = r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    assert_eq!(meaning(&Bedrock, 200, body), (Failure::ServerError, Some("UnknownOperationException")));
    let now = SystemTime::UNIX_EPOCH;
    for body in ["", r#"{"output":{"message":{}}}"#] {
        assert_eq!(Bedrock.classify(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), now), None);
    }
}

#[test]
fn the_catalog_of_models_is_read() {
    let body = br#"{"modelSummaries":[{"modelId":"amazon.nova-lite-v1:0","providerName":"Amazon"},{"modelId":"x.y"}]}"#;
    let models = vec!["amazon.nova-lite-v1:0".to_owned(), "x.y".to_owned()];
    assert_eq!(Bedrock.read_models(body), Ok(ModelPage { models, next: None }));
    for body in [&b"{}"[..], b"", b"[]", b"<html>"] {
        assert_eq!(Bedrock.read_models(body), Err(NotAModelList));
    }
}

#[test]
fn headers_cross_by_name() {
    for (name, goes, comes) in [
        ("content-type", true, true),
        ("x-amzn-bedrock-guardrailidentifier", true, true),
        ("x-amzn-requestid", false, true),
        ("x-amz-security-token", false, false),
        ("x-amz-date", false, false),
        ("authorization", false, false),
        ("accept-encoding", false, false),
        ("set-cookie", false, false),
    ] {
        assert_eq!(
            (Bedrock.forwards_request_header(name), Bedrock.forwards_response_header(name)),
            (goes, comes),
            "{name}"
        );
    }
}
