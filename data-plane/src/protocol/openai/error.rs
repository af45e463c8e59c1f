//! Errors in OpenAI's shape, as an answer and as an event of a stream. The only place that writes one.

mod status;

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

pub(in crate::protocol) use self::status::status_in;
use crate::protocol::error::{self, Problem, Written, cleaned, json};

/// `{"error": {"message", "type", "param", "code"}}`, every field always there, as OpenAI's own are.
#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    error: Detail<'a>,
}

/// What an error says.
#[derive(Debug, Serialize)]
pub(in crate::protocol) struct Detail<'a> {
    pub(in crate::protocol) message: Cow<'a, str>,
    pub(in crate::protocol) r#type: Cow<'a, str>,
    pub(in crate::protocol) param: Option<Cow<'a, str>>,
    pub(in crate::protocol) code: Option<Cow<'a, str>>,
}

/// An error of ours as an answer.
pub(crate) fn written(problem: &Problem<'_>) -> Written {
    Written::body(json(&ErrorBody { error: ours(problem) }))
}

/// An error of ours as the last event of a stream.
pub(crate) fn event(problem: &Problem<'_>) -> Bytes {
    as_event(ours(problem))
}

/// An upstream's error that came with this status, remade from the four fields that OpenAI documents. `None` where the bytes hold no error that can
/// be read.
pub(crate) fn remade(status: StatusCode, upstream: &[u8]) -> Option<Written> {
    Some(Written::body(json(&ErrorBody { error: read(status, upstream)? })))
}

/// An upstream's error as the last event of a stream.
pub(in crate::protocol) fn remade_event(upstream: &[u8]) -> Bytes {
    let unread = || Detail {
        message: "the upstream ended the stream with an error".into(),
        r#type: "upstream_error".into(),
        param: None,
        code: Some("upstream_error".into()),
    };
    let status = status_in(upstream).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    as_event(read(status, upstream).unwrap_or_else(unread))
}

fn as_event(error: Detail<'_>) -> Bytes {
    [b"data: ".as_slice(), &json(&ErrorBody { error }), b"\n\n"].concat().into()
}

fn ours<'a>(problem: &'a Problem<'_>) -> Detail<'a> {
    let kind = kind(problem.status);
    Detail { message: (&*problem.message).into(), r#type: kind.into(), param: None, code: Some(problem.code.into()) }
}

/// OpenAI's `type`, from which its SDKs make nothing, but people read it.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "authentication_error",
        429 => "rate_limit_error",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    }
}

/// What an upstream's error says, scrubbed of anything shaped like a secret. One that says not of what type it is has that of its status.
pub(in crate::protocol) fn read(status: StatusCode, upstream: &[u8]) -> Option<Detail<'static>> {
    let GivenDetail { message, r#type, param, code } = error::read::<Given>(upstream)?.detail();
    let cleaned = |text: String| cleaned(&text);
    let kind = r#type.map_or(Cow::Borrowed(kind(status)), cleaned);
    let code = code.and_then(GivenCode::text);
    Some(Detail { message: reason(message), r#type: kind, param: param.map(cleaned), code })
}

/// What an upstream says of why.
fn reason(message: Option<String>) -> Cow<'static, str> {
    message.map_or(Cow::Borrowed("the upstream gave no reason"), |message| cleaned(&message))
}

#[derive(Deserialize)]
struct Given {
    error: GivenError,
}

impl Given {
    fn detail(self) -> GivenDetail {
        match self.error {
            GivenError::Text(message) => GivenDetail { message: Some(message), ..GivenDetail::default() },
            GivenError::Detail(detail) => detail,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GivenError {
    Text(String),
    Detail(GivenDetail),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GivenDetail {
    message: Option<String>,
    r#type: Option<String>,
    param: Option<String>,
    code: Option<GivenCode>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GivenCode {
    Text(String),
    Number(i64),
    Other(serde::de::IgnoredAny),
}

impl GivenCode {
    fn text(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Text(text) => Some(cleaned(&text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Other(_) => None,
        }
    }
}

/// What an upstream's error says, in no format. Beside OpenAI's own form this reads those that have no `error` around them: vLLM's, that of the
/// gateway before Azure's models, and the `error` event of responses.
pub(in crate::protocol) fn given(_headers: &http::HeaderMap, upstream: &[u8]) -> Option<crate::protocol::error::Given> {
    let detail = match error::read::<Given>(upstream) {
        Some(given) => given.detail(),
        None => error::read::<Bare>(upstream)?.detail(),
    };
    let code = detail.code.and_then(GivenCode::text).or_else(|| detail.r#type.map(|kind| cleaned(&kind)));
    Some(error::Given { message: reason(detail.message), code, request_id: None })
}

/// An error with nothing around it.
#[derive(Deserialize)]
struct Bare {
    message: String,
    code: Option<GivenCode>,
    #[serde(rename = "statusCode")]
    status_code: Option<i64>,
    r#type: Option<String>,
}

impl Bare {
    fn detail(self) -> GivenDetail {
        let Self { message, code, status_code, r#type } = self;
        // The event that it is says nothing of what went wrong.
        let kind = r#type.filter(|kind| kind != "error");
        let code = code.or(status_code.map(GivenCode::Number));
        GivenDetail { message: Some(message), r#type: kind, param: None, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_errors_are_remade_from_four_fields() {
        let given = br#"{"error":{"message":"bad sk-abcdefgh12345678","type":"invalid_request_error","param":"n","code":null,"internal":"x"},"id":1}"#;
        let Written { body, .. } = remade(StatusCode::BAD_REQUEST, given).unwrap();
        let expected =
            br#"{"error":{"message":"bad [redacted]","type":"invalid_request_error","param":"n","code":null}}"#;
        assert_eq!(body, expected.as_slice());
        assert!(remade(StatusCode::BAD_REQUEST, b"<html>").is_none());
        for (status, kind) in
            [(StatusCode::BAD_REQUEST, "invalid_request_error"), (StatusCode::BAD_GATEWAY, "server_error")]
        {
            let wrapped = remade(status, br#"[{"error":{"message":"m","code":5}}]"#).unwrap();
            let expected = format!(r#"{{"error":{{"message":"m","type":"{kind}","param":null,"code":"5"}}}}"#);
            assert_eq!(wrapped.body, expected);
        }
        assert!(remade(StatusCode::BAD_REQUEST, br#"{"error":"plain"}"#).is_some());
    }

    #[test]
    fn what_an_error_says_is_read_from_every_form() {
        let headers = http::HeaderMap::new();
        for (upstream, message, code) in [
            (r#"{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#, "no", Some("c")),
            (r#"{"error":{"message":"bad sk-abcdefgh12345678","type":"t","code":null}}"#, "bad [redacted]", Some("t")),
            (r#"{"error":{"code":429}}"#, "the upstream gave no reason", Some("429")),
            (r#"{"error":"plain"}"#, "plain", None),
            (r#"[{"error":{"message":"no","code":5}}]"#, "no", Some("5")),
            (r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#, "no", Some("400")),
            (r#"{"statusCode":401,"message":"Access denied"}"#, "Access denied", Some("401")),
            (r#"{"type":"error","code":"server_error","message":"no","param":null}"#, "no", Some("server_error")),
        ] {
            let given = given(&headers, upstream.as_bytes()).unwrap();
            assert_eq!((&*given.message, given.code.as_deref()), (message, code), "{upstream}");
        }
        for upstream in ["<html>", "{}", r#"{"choices":[]}"#, r#"{"message":{"role":"assistant"}}"#, ""] {
            assert_eq!(super::given(&headers, upstream.as_bytes()), None, "{upstream}");
        }
    }
}
