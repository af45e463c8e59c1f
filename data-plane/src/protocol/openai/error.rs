//! Errors in OpenAI's shape, as an answer and as an event of a stream. The only place that writes one.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::scrub::scrub;

/// `{"error": {"message", "type", "param", "code"}}`, every field always there, as OpenAI's own are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorBody<'a> {
    error: Detail<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Detail<'a> {
    message: Cow<'a, str>,
    r#type: Cow<'a, str>,
    param: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
}

impl<'a> ErrorBody<'a> {
    /// An error of ours.
    pub(crate) fn new(message: impl Into<Cow<'a, str>>, kind: &'a str, code: &'a str) -> Self {
        let detail = Detail { message: message.into(), r#type: kind.into(), param: None, code: Some(code.into()) };
        Self { error: detail }
    }

    /// An upstream's error, remade from the four fields that OpenAI documents and scrubbed of anything shaped like a secret. `None`
    /// where the bytes hold no error that can be read.
    pub(crate) fn remade(upstream: &[u8]) -> Option<Self> {
        let given: Given = serde_json::from_slice(upstream)
            .or_else(|_| serde_json::from_slice::<[Given; 1]>(upstream).map(|[one]| one))
            .ok()?;
        let detail = match given.error {
            GivenError::Text(message) => GivenDetail { message: Some(message), ..GivenDetail::default() },
            GivenError::Detail(detail) => detail,
        };
        let cleaned = |text: String| Cow::Owned(scrub(&text).into_owned());
        let code = detail.code.and_then(|code| match code {
            GivenCode::Text(text) => Some(cleaned(text)),
            GivenCode::Number(number) => Some(Cow::Owned(number.to_string())),
            GivenCode::Other(_) => None,
        });
        let message = detail.message.map_or(Cow::Borrowed("the upstream gave no reason"), cleaned);
        let kind = detail.r#type.map_or(Cow::Borrowed("invalid_request_error"), cleaned);
        Some(Self { error: Detail { message, r#type: kind, param: detail.param.map(cleaned), code } })
    }

    /// As the body of an answer.
    pub(crate) fn to_json(&self) -> Bytes {
        // Strings always serialize; an empty body would still carry its status.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// As the last event of a stream.
    pub(crate) fn to_event(&self) -> Bytes {
        [b"data: ".as_slice(), &self.to_json(), b"\n\n"].concat().into()
    }
}

#[derive(Deserialize)]
struct Given {
    error: GivenError,
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

/// The HTTP status that an error inside a stream names as its code, as some upstreams do.
pub(crate) fn status_in(upstream: &[u8]) -> Option<http::StatusCode> {
    let given: Given = serde_json::from_slice(upstream).ok()?;
    match given.error {
        GivenError::Detail(GivenDetail { code: Some(GivenCode::Number(code)), .. }) => {
            let status = http::StatusCode::from_u16(u16::try_from(code).ok()?).ok()?;
            (status.is_client_error() || status.is_server_error()).then_some(status)
        }
        GivenError::Detail(_) | GivenError::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_errors_are_remade_from_four_fields() {
        let given = br#"{"error":{"message":"bad sk-abcdefgh12345678","type":"invalid_request_error","param":"n","code":null,"internal":"x"},"id":1}"#;
        let remade = ErrorBody::remade(given).unwrap().to_json();
        let expected =
            br#"{"error":{"message":"bad [redacted]","type":"invalid_request_error","param":"n","code":null}}"#;
        assert_eq!(remade, expected.as_slice());
        assert!(ErrorBody::remade(b"<html>").is_none());
        assert!(ErrorBody::remade(br#"[{"error":{"message":"m"}}]"#).is_some());
        assert!(ErrorBody::remade(br#"{"error":"plain"}"#).is_some());
    }

    #[test]
    fn a_status_in_a_stream_is_read() {
        assert_eq!(status_in(br#"{"error":{"code":429}}"#), Some(http::StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(status_in(br#"{"error":{"code":200}}"#), None);
        assert_eq!(status_in(br#"{"error":{"code":"429"}}"#), None);
    }
}
