//! Errors in Amazon's shape, as an answer and as an exception frame of a stream. The only place that writes one.
//!
//! Source: docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and API_runtime_ConverseStream.html, read in autumn 2026. The
//! kind of an error stands in a header, its text in the body; in a stream the kind is the frame's `:exception-type`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::frame::{self, Kind};
use crate::protocol::Fault;
use crate::protocol::error::{self, Problem, Written, cleaned, json};

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
        // The stream has no word of its own for a model that took too long.
        424 | 504 => "modelStreamErrorException",
        400..=499 => "validationException",
        _ => "internalServerException",
    };
    exception(kind, &problem.message)
}

/// An upstream's error, remade. `None` where there is no error that can be read.
pub(crate) fn remade(headers: &HeaderMap, upstream: &[u8]) -> Option<Written> {
    let given = serde_json::from_slice::<Given>(upstream).ok();
    let value = HeaderValue::from_str(&kind_of(headers, given.as_ref())?).ok()?;
    let message = given.and_then(|given| given.message).unwrap_or_else(|| "the upstream gave no reason".to_owned());
    let body = json(&ErrorBody { message: &cleaned(&message) });
    Some(Written { header: Some((ERROR_TYPE, value)), ..Written::body(body) })
}

/// What an upstream's error says, in no format.
pub(in crate::protocol) fn given(headers: &HeaderMap, upstream: &[u8]) -> Option<error::Given> {
    let given = serde_json::from_slice::<Given>(upstream).ok();
    let code = kind_of(headers, given.as_ref());
    let message = given.and_then(|given| given.message);
    if code.is_none() && message.is_none() {
        return None;
    }
    let message = cleaned(message.as_deref().unwrap_or("the upstream gave no reason"));
    Some(error::Given { message, code: code.map(Into::into), request_id: None })
}

/// The kind that an error's header or body names.
fn kind_of(headers: &HeaderMap, given: Option<&Given>) -> Option<String> {
    let named = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    let kind = named.or(given.and_then(|given| given.kind.as_deref()))?;
    // An address may follow the kind, or a namespace stand before it.
    let kind = kind.split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    is_kind(kind).then(|| kind.to_owned())
}

fn is_kind(kind: &str) -> bool {
    !kind.is_empty() && kind.len() < 100 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An exception of a stream, with the status that its kind has as an answer.
pub(super) fn fault(kind: &str, payload: &[u8]) -> Fault {
    // As answers have it; errors that are no exceptions have it in a stream, too.
    let capitalized: String = kind.chars().take(1).flat_map(char::to_uppercase).chain(kind.chars().skip(1)).collect();
    let status = match capitalized.as_str() {
        "ValidationException" | "ServiceQuotaExceededException" => StatusCode::BAD_REQUEST,
        "AccessDeniedException" => StatusCode::FORBIDDEN,
        "ResourceNotFoundException" => StatusCode::NOT_FOUND,
        "ModelTimeoutException" => StatusCode::REQUEST_TIMEOUT,
        "ModelErrorException" | "ModelStreamErrorException" => StatusCode::FAILED_DEPENDENCY,
        "ModelNotReadyException" | "ThrottlingException" => StatusCode::TOO_MANY_REQUESTS,
        "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let header = HeaderValue::from_str(&capitalized).ok().map(|kind| (ERROR_TYPE, kind));
    Fault { status, body: Bytes::copy_from_slice(payload), header }
}

/// A stream that is not what the format has, which is the upstream's fault.
pub(super) fn broken(message: &str) -> Fault {
    Fault { status: StatusCode::BAD_GATEWAY, body: json(&ErrorBody { message }).into(), header: None }
}

/// An upstream's exception as the last frame of a stream.
pub(super) fn remade_event(kind: &str, upstream: &[u8]) -> Bytes {
    let given = serde_json::from_slice::<Given>(upstream).ok().and_then(|given| given.message);
    let kind = if is_kind(kind) { kind } else { "internalServerException" };
    match given {
        Some(message) => exception(kind, &cleaned(&message)),
        None => exception(kind, "the upstream ended the stream with an error"),
    }
}

/// Amazon's kind for a status of ours.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UnrecognizedClientException",
        402 => "ServiceQuotaExceededException",
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500..=599 => "InternalServerException",
        _ => "ValidationException",
    }
}

fn exception(kind: &str, message: &str) -> Bytes {
    let mut frame = Vec::new();
    frame::put(&mut frame, Kind::Exception, kind, &ErrorBody { message });
    frame.into()
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

    #[test]
    fn what_an_error_says_is_told_without_its_secrets() {
        let mut headers = HeaderMap::new();
        headers.insert(ERROR_TYPE, HeaderValue::from_static("ValidationException:http://internal.amazon.com/"));
        let said = given(&headers, br#"{"message":"bad AKIAABCDEFGH1234"}"#).unwrap();
        assert_eq!((&*said.message, said.code.as_deref()), ("bad [redacted]", Some("ValidationException")));
        let said = given(&HeaderMap::new(), br#"{"Message":"slow"}"#).unwrap();
        assert_eq!((&*said.message, said.code.as_deref()), ("slow", None));
        assert_eq!(given(&HeaderMap::new(), b"<html>"), None);
    }

    #[test]
    fn a_callers_stream_ends_with_the_exception_that_says_whose_fault_it_was() {
        for (status, kind) in [
            (400, "validationException"),
            (402, "validationException"),
            (429, "throttlingException"),
            (500, "internalServerException"),
            (502, "internalServerException"),
            (503, "serviceUnavailableException"),
            (504, "modelStreamErrorException"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let written = event(&Problem { status, code: "c", message: "m".into() });
            assert_eq!(written, exception(kind, "m"), "{status}");
        }
    }

    #[test]
    fn what_an_exception_means_is_what_its_kind_does_as_an_answer() {
        use shared::adapter::{AdapterKind, adapter};
        use shared::failure::Failure;
        for (kind, failure) in [
            ("validationException", Failure::CallersFault),
            ("modelTimeoutException", Failure::TimedOut),
            ("modelStreamErrorException", Failure::ServerError),
            ("throttlingException", Failure::RateLimited),
            ("serviceUnavailableException", Failure::Overloaded),
            ("internalServerException", Failure::ServerError),
            ("accessDeniedException", Failure::Denied),
            ("serviceQuotaExceededException", Failure::Exhausted),
            ("ofTomorrow", Failure::ServerError),
        ] {
            let Fault { status, body, header } = fault(kind, br#"{"message":"m"}"#);
            let headers: HeaderMap = header.into_iter().collect();
            let now = std::time::SystemTime::UNIX_EPOCH;
            let classified = adapter(AdapterKind::Bedrock).classify(status, &headers, &body, now).unwrap();
            assert_eq!(classified.failure, failure, "{kind}");
        }
    }

    #[test]
    fn an_exception_has_the_status_of_its_kind() {
        for (kind, status) in [
            ("validationException", 400),
            ("modelTimeoutException", 408),
            ("modelStreamErrorException", 424),
            ("throttlingException", 429),
            ("serviceUnavailableException", 503),
            ("internalServerException", 500),
            ("ThrottlingException", 429),
            ("modelNotReadyException", 429),
            ("accessDeniedException", 403),
            ("serviceQuotaExceededException", 400),
            ("ofTomorrow", 500),
        ] {
            assert_eq!(fault(kind, b"{}").status, status, "{kind}");
        }
        let fault = fault("throttlingException", br#"{"message":"slow"}"#);
        assert_eq!(fault.header.as_ref().unwrap().1, "ThrottlingException");
        assert_eq!(given(&fault.header.into_iter().collect(), &fault.body).unwrap().message, "slow");
    }
}
