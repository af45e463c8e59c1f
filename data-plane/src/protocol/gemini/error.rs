//! Errors in Google's shape, as an answer and as an event of a stream. The only place that writes one.
//!
//! Source: ai.google.dev/gemini-api/docs/troubleshooting and google.aip.dev/193, read in autumn 2026.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::protocol::error::{self, Problem, Written, cleaned, json};

/// `{"error": {"code", "message", "status", "details"}}`.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    code: u16,
    message: Cow<'a, str>,
    status: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<[Info; 1]>,
}

/// The place for our own word.
#[derive(Serialize)]
struct Info {
    #[serde(rename = "@type")]
    r#type: &'static str,
    reason: String,
    domain: &'static str,
}

#[derive(Deserialize)]
struct Given {
    error: GivenDetail,
}

#[derive(Deserialize)]
struct GivenDetail {
    code: Option<u16>,
    message: Option<String>,
    status: Option<String>,
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
    let GivenDetail { code, message, status } = read(upstream)?;
    let code = code.unwrap_or(500);
    let detail = Detail {
        code,
        message: message.map_or(Cow::Borrowed("the upstream gave no reason"), |message| cleaned(&message)),
        status: status.map_or(Cow::Borrowed(word(code)), |status| cleaned(&status)),
        details: None,
    };
    Some(Written::body(json(&ErrorBody { error: detail })))
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

/// The status that an error names.
pub(super) fn status_in(upstream: &[u8]) -> Option<StatusCode> {
    let status = StatusCode::from_u16(read(upstream)?.code?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn read(upstream: &[u8]) -> Option<GivenDetail> {
    error::read::<Given>(upstream).map(|given| given.error)
}

fn ours(problem: &Problem<'_>) -> Vec<u8> {
    let info = Info {
        r#type: "type.googleapis.com/google.rpc.ErrorInfo",
        reason: problem.code.to_ascii_uppercase(),
        domain: "keyplane",
    };
    let detail = Detail {
        code: problem.status.as_u16(),
        message: (&*problem.message).into(),
        status: word(problem.status.as_u16()).into(),
        details: Some([info]),
    };
    json(&ErrorBody { error: detail })
}

/// Google's name for a status.
fn word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        502 | 503 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

fn as_event(body: &[u8]) -> Bytes {
    [b"data: ".as_slice(), body, b"\n\n"].concat().into()
}

/// What an upstream's error says, in no format.
pub(in crate::protocol) fn given(_headers: &HeaderMap, upstream: &[u8]) -> Option<error::Given> {
    let GivenDetail { code: _, message, status } = read(upstream)?;
    Some(error::Given {
        message: message.map_or(Cow::Borrowed("the upstream gave no reason"), |message| cleaned(&message)),
        code: status.map(|status| cleaned(&status)),
        request_id: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_written_and_remade_from_three_fields() {
        let given = br#"[{"error":{"code":400,"message":"bad AIzaSyD-123456","status":"INVALID_ARGUMENT","details":[{"x":1}]}}]"#;
        let expected = r#"{"error":{"code":400,"message":"bad [redacted]","status":"INVALID_ARGUMENT"}}"#;
        assert_eq!(remade(given).unwrap().body, expected);
        assert_eq!(status_in(given), Some(StatusCode::BAD_REQUEST));
        assert!(remade(b"<html>").is_none());
        let said = super::given(&HeaderMap::new(), given).unwrap();
        assert_eq!((&*said.message, said.code.as_deref()), ("bad [redacted]", Some("INVALID_ARGUMENT")));
        assert!(super::given(&HeaderMap::new(), b"<html>").is_none());
        let problem = Problem { status: StatusCode::UNAUTHORIZED, code: "caller_key_invalid", message: "m".into() };
        let body: serde_json::Value = serde_json::from_slice(&written(&problem).body).unwrap();
        assert_eq!((&body["error"]["status"], &body["error"]["code"]), (&"UNAUTHENTICATED".into(), &401.into()));
        assert_eq!(body["error"]["details"][0]["reason"], "CALLER_KEY_INVALID");
    }
}
