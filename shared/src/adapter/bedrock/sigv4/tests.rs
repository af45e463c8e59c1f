//! The reference's vectors, and signatures of anything.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const BODY: &str = r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
const HOST: &str = "https://bedrock-runtime.us-east-1.amazonaws.com";
const PATH: &str = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse";

/// 2015-08-30 12:36:00 UTC.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
}

fn pair(session_token: Option<&str>) -> AccessKeyPair {
    let secret = |text: &str| Secret::from(text.to_owned());
    AccessKeyPair {
        access_key_id: secret("AKIDEXAMPLE"),
        secret_access_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: session_token.map(secret),
    }
}

/// The headers after a signature, and the hash of the canonical request.
fn signed(
    session_token: Option<&str>,
    scope: Scope<'_>,
    (method, uri): (Method, &str),
    mut headers: HeaderMap,
    body: &[Bytes],
) -> (HeaderMap, String) {
    let uri: Uri = uri.parse().unwrap();
    let unsigned = Unsigned { method: &method, uri: &uri, headers: &mut headers, body, now: now() };
    sign(&pair(session_token), scope, unsigned).unwrap();
    let mut before = headers.clone();
    before.remove(AUTHORIZATION);
    let hash = hex(&Sha256::digest(&canonical_request(&method, &uri, &before, body).text));
    (headers, hash)
}

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn authorization(headers: &HeaderMap) -> &str {
    assert!(headers[AUTHORIZATION].is_sensitive());
    headers[AUTHORIZATION].to_str().unwrap()
}

const BEDROCK: Scope<'_> = Scope { region: "us-east-1", service: "bedrock" };

#[test]
fn vector_a_a_plain_get() {
    let scope = Scope { region: "us-east-1", service: "service" };
    let request = (Method::GET, "https://example.amazonaws.com/");
    let (headers, hash) = signed(None, scope, request, HeaderMap::new(), &[]);
    assert_eq!(hash, "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
    assert_eq!(
        authorization(&headers),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    assert_eq!(headers["x-amz-date"], "20150830T123600Z");
}

#[test]
fn vector_b_a_model_whose_name_is_encoded_twice() {
    assert_eq!(canonical_path(PATH), "/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse");
    assert_eq!(body_hash(&[Bytes::from(BODY)]), "c3335e07d6e89650bf94cb98664be69f8774dbc3198df221f113db0a59ea14f0");
    let request = (Method::POST, format!("{HOST}{PATH}"));
    let (headers, hash) = signed(None, BEDROCK, (request.0, &request.1), json(), &[Bytes::from(BODY)]);
    assert_eq!(hash, "70063920c38a0ff3e5f2d03983179e180c93a3c260cbe8f3e4d844bf97c892a0");
    assert_eq!(
        authorization(&headers),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=b2d89376425920647b8197be6560da5f53c4d9cc5ac66b56efafa43ba66c9022"
    );
}

#[test]
fn vector_c_a_sessions_token_is_signed() {
    // What stood there before is replaced, and is not signed with it.
    let mut headers = json();
    headers.append("x-amz-security-token", HeaderValue::from_static("another"));
    headers.append("x-amz-date", HeaderValue::from_static("another"));
    let request = (Method::POST, format!("{HOST}{PATH}"));
    let body = [Bytes::from(&BODY[..7]), Bytes::new(), Bytes::from(&BODY[7..])];
    let (headers, _) = signed(Some("TOKENEXAMPLE"), BEDROCK, (request.0, &request.1), headers, &body);
    let end = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
               Signature=6dbb1d580160364eb1739aa2d8d86433ed029743fda1387d68c282c6b6d47945";
    assert!(authorization(&headers).ends_with(end), "{}", authorization(&headers));
    assert_eq!(headers["x-amz-security-token"], "TOKENEXAMPLE");
    assert!(headers["x-amz-security-token"].is_sensitive());
}

#[test]
fn a_pair_without_a_session_sends_no_token() {
    let mut headers = json();
    headers.insert("x-amz-security-token", HeaderValue::from_static("another's"));
    let (headers, _) = signed(None, BEDROCK, (Method::POST, HOST), headers, &[]);
    assert!(!headers.contains_key("x-amz-security-token"));
    assert!(authorization(&headers).contains("SignedHeaders=content-type;host;x-amz-date,"));
}

#[test]
fn what_changes_on_the_way_is_not_signed() {
    let mut headers = json();
    for (name, value) in [
        ("user-agent", "x"),
        ("x-amzn-trace-id", "y"),
        ("traceparent", "z"),
        ("x-amzn-bedrock-guardrailidentifier", "  a   b "),
    ] {
        headers.append(name, value.parse().unwrap());
    }
    headers.append("x-amzn-bedrock-guardrailidentifier", HeaderValue::from_static("c"));
    let uri: Uri = "http://gateway.example:8080/x?b=2&a=%7e&a=+&c".parse().unwrap();
    let canonical = canonical_request(&Method::GET, &uri, &headers, &[]);
    let expected = [
        "GET",
        "/x",
        "a=%2B&a=~&b=2&c=",
        "content-type:application/json",
        "host:gateway.example:8080",
        "x-amzn-bedrock-guardrailidentifier:a b,c",
        "",
        "content-type;host;x-amzn-bedrock-guardrailidentifier",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ];
    assert_eq!(String::from_utf8(canonical.text).unwrap(), expected.join("\n"));
}

#[test]
fn the_host_is_signed_as_it_is_sent() {
    for (uri, expected) in [
        ("https://h/x", "h"),
        ("https://h:443/x", "h"),
        ("https://h:8443/x", "h:8443"),
        ("http://h:80/x", "h"),
        ("http://h:443/x", "h:443"),
        ("http://[::1]:9/x", "[::1]:9"),
    ] {
        assert_eq!(host(&uri.parse().unwrap()), expected);
    }
}

#[test]
fn times_that_no_signature_names_are_refused() {
    assert_eq!(time(now()).as_deref(), Ok("20150830T123600Z"));
    let in_many_years = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert_eq!(time(in_many_years), Err(UnfitSecret));
    assert_eq!(time(SystemTime::UNIX_EPOCH - Duration::from_secs(70_000_000_000)), Err(UnfitSecret));
}

proptest! {
    #[test]
    fn nothing_panics(
        id: Vec<u8>,
        secret: Vec<u8>,
        token: Option<Vec<u8>>,
        region: String,
        path in "[a-zA-Z0-9%/._~:?&=+-]{0,60}",
        header: Vec<u8>,
        body: Vec<Vec<u8>>,
        seconds: u64,
    ) {
        let pair = AccessKeyPair {
            access_key_id: Secret::new(id),
            secret_access_key: Secret::new(secret),
            session_token: token.map(Secret::new),
        };
        let uri = format!("{HOST}/{path}").parse::<Uri>().unwrap_or_default();
        let mut headers = json();
        if let Ok(value) = HeaderValue::from_bytes(&header) {
            headers.insert("x-amz-meta", value);
        }
        let body: Vec<_> = body.into_iter().map(Bytes::from).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds >> 20);
        let request = Unsigned { method: &Method::POST, uri: &uri, headers: &mut headers, body: &body, now };
        let _ = sign(&pair, Scope { region: &region, service: "bedrock" }, request);
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same(text: String) {
        prop_assert_eq!(decoded(&encoded(text.as_bytes())), text.as_bytes());
    }
}
