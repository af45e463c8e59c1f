//! Errors in Anthropic's shape, as an answer and as an event of a stream. The only place that writes one.
//!
//! Source: docs.anthropic.com/en/api/errors, read in autumn 2026.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::protocol::error::{self, Given, Problem, Written, cleaned, json};

/// `{"type": "error", "error": {"type", "message"}}`.
#[derive(Serialize)]
struct ErrorBody<'a> {
    r#type: &'static str,
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    r#type: Cow<'a, str>,
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Upstreams {
    error: UpstreamsDetail,
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct UpstreamsDetail {
    r#type: Option<String>,
    message: Option<String>,
}

/// An error of ours as an answer.
pub(crate) fn written(problem: &Problem<'_>) -> Written {
    Written::body(ours(problem))
}

/// An error of ours as the last event of a stream.
pub(crate) fn event(problem: &Problem<'_>) -> Bytes {
    as_event(&ours(problem))
}

/// An upstream's error, remade. `None` where the bytes hold no error that can be read.
pub(crate) fn remade(upstream: &[u8]) -> Option<Written> {
    let UpstreamsDetail { r#type, message } = error::read::<Upstreams>(upstream)?.error;
    let kind = r#type.map_or(Cow::Borrowed("api_error"), |kind| cleaned(&kind));
    let message = message.map_or(Cow::Borrowed("the upstream gave no reason"), |message| cleaned(&message));
    Some(Written::body(json(&ErrorBody { r#type: "error", error: Detail { r#type: kind, message } })))
}

/// An upstream's error as the last event of a stream.
pub(super) fn remade_event(upstream: &[u8]) -> Bytes {
    match remade(upstream) {
        Some(written) => as_event(&written.body),
        None => event(&Problem {
            status: StatusCode::BAD_GATEWAY,
            code: "upstream_error",
            message: "the upstream ended the stream with an error".into(),
        }),
    }
}

/// The status that Anthropic answers an error of this type with.
pub(super) fn status_in(upstream: &[u8]) -> Option<StatusCode> {
    let status = match &*error::read::<Upstreams>(upstream)?.error.r#type? {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    StatusCode::from_u16(status).ok()
}

fn ours(problem: &Problem<'_>) -> Vec<u8> {
    let kind = match problem.status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 | 405 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        408 | 504 => "timeout_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    };
    let detail = Detail { r#type: kind.into(), message: (&*problem.message).into() };
    json(&ErrorBody { r#type: "error", error: detail })
}

fn as_event(body: &[u8]) -> Bytes {
    [b"event: error\ndata: ".as_slice(), body, b"\n\n"].concat().into()
}

/// What an upstream's error says, in no format.
pub(in crate::protocol) fn given(_: &HeaderMap, upstream: &[u8]) -> Option<Given> {
    let Upstreams { error: UpstreamsDetail { r#type, message }, request_id } = error::read(upstream)?;
    Some(Given {
        message: message.map_or(Cow::Borrowed("the upstream gave no reason"), |message| cleaned(&message)),
        code: r#type.map(|kind| cleaned(&kind)),
        request_id: request_id.filter(|id| is_request_id(id)).map(Cow::Owned),
    })
}

/// Whether a text is what Anthropic names requests by, which is shaped like a secret and none.
fn is_request_id(id: &str) -> bool {
    let rest = id.strip_prefix("req_").unwrap_or_default();
    !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_written_and_remade_from_two_fields() {
        let given = br#"{"type":"error","error":{"type":"invalid_request_error","message":"bad sk-ant-abcdefgh1","x":1},"request_id":"r"}"#;
        let expected = r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad [redacted]"}}"#;
        assert_eq!(remade(given).unwrap().body, expected);
        assert!(remade(b"<html>").is_none());
        for (status, kind) in [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (429, "rate_limit_error"),
            (502, "api_error"),
            (503, "overloaded_error"),
            (504, "timeout_error"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let problem = Problem { status, code: "c", message: "m".into() };
            let body: serde_json::Value = serde_json::from_slice(&written(&problem).body).unwrap();
            assert_eq!(body, serde_json::json!({"type": "error", "error": {"type": kind, "message": "m"}}));
        }
    }

    #[test]
    fn an_error_inside_a_stream_has_the_status_of_its_type() {
        for (kind, status) in [
            ("billing_error", 402),
            ("conflict_error", 409),
            ("rate_limit_error", 429),
            ("timeout_error", 504),
            ("overloaded_error", 529),
            ("api_error", 500),
            ("of_tomorrow", 500),
        ] {
            let event = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
            assert_eq!(status_in(event.as_bytes()).map(|status| status.as_u16()), Some(status), "{kind}");
        }
    }

    #[test]
    fn an_error_gives_its_message_its_type_and_its_request() {
        let headers = HeaderMap::new();
        let body = br#"{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}"#;
        let expected = Given {
            message: "model: x".into(),
            code: Some("not_found_error".into()),
            request_id: Some("req_011CSHoEeqs5C35K2UUqR7Fy".into()),
        };
        assert_eq!(given(&headers, body), Some(expected));
        let secret = br#"{"error":{"message":"key sk-ant-abcdefgh1"},"request_id":"sk-ant-abcdefgh1"}"#;
        let expected = Given { message: "key [redacted]".into(), code: None, request_id: None };
        assert_eq!(given(&headers, secret), Some(expected));
        assert_eq!(given(&headers, b"{}"), None);
    }
}
