//! Errors in Amazon's shape, as an answer and as an exception frame of a stream. The only place that writes one.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and API_runtime_ConverseStream.html, read in autumn 2026. The
//! kind of an error stands in a header, its text in the body; in a stream the kind is the frame's `:exception-type`.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::protocol::error::{Problem, Written, cleaned, json};

/// The header with an error's kind.
pub(super) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
}

#[derive(Deserialize)]
struct Given {
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// An error of ours as an answer.
pub(crate) fn written(problem: &Problem<'_>) -> Written {
    let header = Some((ERROR_TYPE, HeaderValue::from_static(kind(problem.status))));
    Written { header, ..Written::body(json(&ErrorBody { message: &problem.message })) }
}

/// An error of ours as the last frame of a stream.
pub(crate) fn event(problem: &Problem<'_>) -> Bytes {
    let kind = match problem.status.as_u16() {
        429 => "throttlingException",
        503 => "serviceUnavailableException",
        _ => "internalServerException",
    };
    exception(kind, &problem.message)
}

/// An upstream's error, remade. `None` where there is no error that can be read.
pub(crate) fn remade(headers: &HeaderMap, upstream: &[u8]) -> Option<Written> {
    let given = serde_json::from_slice::<Given>(upstream).ok();
    let named = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    let kind = named.or(given.as_ref().and_then(|given| given.kind.as_deref()))?;
    // An address may follow the kind, or a namespace stand before it.
    let kind = kind.split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let is_kind = !kind.is_empty() && kind.len() < 100 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let value = is_kind.then(|| HeaderValue::from_str(kind).ok()).flatten()?;
    let message = given.and_then(|given| given.message).unwrap_or_else(|| "the upstream gave no reason".to_owned());
    let body = json(&ErrorBody { message: &cleaned(&message) });
    Some(Written { header: Some((ERROR_TYPE, value)), ..Written::body(body) })
}

/// An upstream's exception as the last frame of a stream.
pub(super) fn remade_event(kind: &str, upstream: &[u8]) -> Bytes {
    let given = serde_json::from_slice::<Given>(upstream).ok().and_then(|given| given.message);
    let is_kind = !kind.is_empty() && kind.len() < 100 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let kind = if is_kind { kind } else { "internalServerException" };
    match given {
        Some(message) => exception(kind, &cleaned(&message)),
        None => exception(kind, "the upstream ended the stream with an error"),
    }
}

/// Amazon's kind for a status of ours.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UnrecognizedClientException",
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500..=599 => "InternalServerException",
        _ => "ValidationException",
    }
}

/// A frame: lengths and their checksum, three headers of type 7 (string), the payload, the checksum of it all.
fn exception(kind: &str, message: &str) -> Bytes {
    let mut headers = BytesMut::new();
    for (name, value) in
        [(":message-type", "exception"), (":exception-type", kind), (":content-type", "application/json")]
    {
        // All of them are short.
        headers.put_u8(name.len() as u8);
        headers.put_slice(name.as_bytes());
        headers.put_u8(7);
        headers.put_u16(value.len() as u16);
        headers.put_slice(value.as_bytes());
    }
    let payload = json(&ErrorBody { message });
    let mut frame = BytesMut::with_capacity(16 + headers.len() + payload.len());
    frame.put_u32((16 + headers.len() + payload.len()) as u32);
    frame.put_u32(headers.len() as u32);
    frame.put_u32(crc32fast::hash(&frame));
    frame.put_slice(&headers);
    frame.put_slice(&payload);
    frame.put_u32(crc32fast::hash(&frame));
    frame.freeze()
}

/// What an upstream's error says, in no format.
pub(in crate::protocol) fn given(
    _headers: &http::HeaderMap,
    _upstream: &[u8],
) -> Option<crate::protocol::error::Given> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_the_frame_that_amazon_sends() {
        let expected = "0000008300000061a9d144e50d3a6d6573736167652d74797065070009657863657074696f6e0f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b226d657373616765223a22736c6f77227dd4f2b6a9";
        let frame: String = exception("throttlingException", "slow").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(frame, expected);
    }

    #[test]
    fn errors_are_remade_with_their_kind() {
        let mut headers = HeaderMap::new();
        headers.insert(ERROR_TYPE, HeaderValue::from_static("ValidationException:http://internal.amazon.com/"));
        let remade_one = remade(&headers, br#"{"message":"bad AKIAABCDEFGH1234","x":1}"#).unwrap();
        assert_eq!(remade_one.body, r#"{"message":"bad [redacted]"}"#);
        assert_eq!(remade_one.header.unwrap().1, "ValidationException");
        let body = br#"{"__type":"com.amazon.coral#ThrottlingException","Message":"slow"}"#;
        assert_eq!(remade(&HeaderMap::new(), body).unwrap().header.unwrap().1, "ThrottlingException");
        assert!(remade(&HeaderMap::new(), b"<html>").is_none());
    }
}
