//! Errors in a caller's format: ours, and an upstream's remade.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use shared::adapter::Format;

use super::{Dialect, anthropic, bedrock, cohere, gemini, openai, responses};

/// An error of ours, in no format yet.
#[derive(Debug, Clone)]
pub(crate) struct Problem<'a> {
    /// The status that it is answered with; for the end of a stream, would have been.
    pub(crate) status: StatusCode,
    /// Our own word for it.
    pub(crate) code: &'a str,
    /// What people read.
    pub(crate) message: Cow<'a, str>,
}

/// What an upstream's error says, in no format: its texts scrubbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// What people read.
    pub(crate) message: Cow<'static, str>,
    /// The provider's own word for it.
    pub(crate) code: Option<Cow<'static, str>>,
    /// The provider's name for the request, where its errors hold one in the body.
    pub(crate) request_id: Option<Cow<'static, str>>,
}

/// An error as a format writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// The answer's body.
    pub(crate) body: Bytes,
    /// The header that the format says something in.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
}

impl Written {
    pub(super) fn body(body: Vec<u8>) -> Self {
        Self { body: body.into(), header: None }
    }
}

/// An error of ours as a format's answer.
pub(crate) fn written(format: Format, problem: &Problem<'_>) -> Written {
    match format {
        Format::OpenAi => openai::error::written(problem),
        Format::Anthropic => anthropic::error::written(problem),
        Format::Gemini => gemini::error::written(problem),
        Format::Bedrock => bedrock::error::written(problem),
        Format::Cohere => cohere::error::written(problem),
    }
}

/// An upstream's error for a caller of the same format: remade from the fields that the format documents, its texts scrubbed of anything
/// shaped like a secret.
pub(crate) fn remade(format: Format, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Written {
    let remade = match format {
        Format::OpenAi => openai::error::remade(status, body),
        Format::Anthropic => anthropic::error::remade(body),
        Format::Gemini => gemini::error::remade(body),
        Format::Bedrock => bedrock::error::remade(headers, body),
        Format::Cohere => cohere::error::remade(body),
    };
    remade.unwrap_or_else(|| {
        let message = Cow::Borrowed("the provider refused the request and gave no reason");
        written(format, &Problem { status, code: "upstream_error", message })
    })
}

/// An error of ours as the last event of a stream, with this number where the format counts them.
pub(crate) fn event(dialect: Dialect, problem: &Problem<'_>, number: u64) -> Bytes {
    match dialect {
        Dialect::Chat => openai::error::event(problem),
        Dialect::Responses => responses::watch::event(problem, number),
        Dialect::Anthropic => anthropic::error::event(problem),
        Dialect::Gemini => gemini::error::event(problem),
        Dialect::Bedrock => bedrock::error::event(problem),
        Dialect::Cohere => cohere::error::event(problem),
    }
}

/// An upstream's error for a caller of another format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retold {
    /// The upstream's, in the words of the caller's format.
    pub(crate) status: StatusCode,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl Retold {
    /// What the upstream says, with its status and its own word for it.
    pub(crate) fn of(from: Dialect, to: Format, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let given = from.protocol().read_error(headers, body);
        let (message, code) = given.map_or((None, None), |given| (Some(given.message), given.code));
        let status = told_status(to, status, code.as_deref());
        // OpenAI's words are the ones that all callers get.
        let own = code.filter(|_| from.format() == Format::OpenAi);
        Self {
            status,
            code: own.unwrap_or(Cow::Borrowed(word(status))),
            message: message.unwrap_or(Cow::Borrowed("the provider refused the request and gave no reason")),
        }
    }

    pub(crate) fn problem(&self) -> Problem<'_> {
        Problem { status: self.status, code: &self.code, message: Cow::Borrowed(&self.message) }
    }
}

/// A status that the format's clients know, and that is a gateway's where the upstream says that it failed: 529 is Anthropic's own word for being
/// overloaded, 424 Amazon's for a model that failed, 499 Google's for what it gave up itself, and a 408 would say that the caller was slow.
fn told_status(format: Format, status: StatusCode, code: Option<&str>) -> StatusCode {
    match (status.as_u16(), code) {
        // No wrong request, though Amazon says so.
        (400, Some("ServiceQuotaExceededException")) => StatusCode::PAYMENT_REQUIRED,
        (529, _) if format != Format::Anthropic => StatusCode::SERVICE_UNAVAILABLE,
        (408, _) => StatusCode::GATEWAY_TIMEOUT,
        (424 | 499 | 500, _) => StatusCode::BAD_GATEWAY,
        _ => status,
    }
}

/// OpenAI's word for a status.
fn word(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "invalid_api_key",
        402 => "insufficient_quota",
        403 => "permission_denied",
        404 => "model_not_found",
        409 => "conflict",
        413 => "request_too_large",
        429 => "rate_limit_exceeded",
        503 | 529 => "overloaded",
        504 => "timeout",
        500..=599 => "upstream_error",
        _ => "invalid_request_error",
    }
}

/// Reads an upstream's error, which some wrap into an array. An object alone counts: serde would read a struct from an array's items, too.
pub(super) fn read<T: DeserializeOwned>(upstream: &[u8]) -> Option<T> {
    match upstream.trim_ascii_start().first()? {
        b'{' => serde_json::from_slice(upstream).ok(),
        b'[' => serde_json::from_slice::<[&RawValue; 1]>(upstream).ok().and_then(|[one]| read(one.get().as_bytes())),
        _ => None,
    }
}

/// What an upstream's text comes to.
pub(super) fn cleaned(text: &str) -> Cow<'static, str> {
    Cow::Owned(super::scrub::scrub(text).into_owned())
}

/// Strings and numbers always serialize; an empty body would still carry its status.
pub(crate) fn json(form: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status, the code and the header's kind that callers of a format get.
    fn told(from: Dialect, to: Format, status: u16, kind: &str) -> (u16, String, Option<String>) {
        let mut headers = HeaderMap::new();
        let body = match from {
            Dialect::Bedrock => {
                headers.insert("x-amzn-errortype", kind.parse().unwrap());
                r#"{"message":"m"}"#.to_owned()
            }
            Dialect::Gemini => format!(r#"{{"error":{{"code":{status},"message":"m","status":"{kind}"}}}}"#),
            Dialect::Cohere => r#"{"message":"m"}"#.to_owned(),
            _ => format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m","code":"{kind}"}}}}"#),
        };
        let status = StatusCode::from_u16(status).unwrap();
        let retold = Retold::of(from, to, status, &headers, body.as_bytes());
        let Written { body, header } = written(to, &retold.problem());
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let code = [&body["error"]["code"], &body["error"]["type"]].into_iter().find_map(|code| code.as_str());
        let code = if to == Format::Gemini { body["error"]["status"].as_str() } else { code };
        let kind = header.map(|(_, value)| value.to_str().unwrap().to_owned());
        (retold.status.as_u16(), code.unwrap_or_default().to_owned(), kind)
    }

    #[test]
    fn an_error_is_told_in_the_words_of_whoever_gets_it() {
        for (from, status, kind, told_status, openai, anthropic, google, amazon) in [
            (
                Dialect::Bedrock,
                400,
                "ValidationException",
                400,
                "invalid_request_error",
                "invalid_request_error",
                "INVALID_ARGUMENT",
                "ValidationException",
            ),
            (
                Dialect::Bedrock,
                403,
                "AccessDeniedException",
                403,
                "permission_denied",
                "permission_error",
                "PERMISSION_DENIED",
                "AccessDeniedException",
            ),
            (
                Dialect::Bedrock,
                400,
                "ServiceQuotaExceededException",
                402,
                "insufficient_quota",
                "billing_error",
                "RESOURCE_EXHAUSTED",
                "ServiceQuotaExceededException",
            ),
            (
                Dialect::Bedrock,
                429,
                "ThrottlingException",
                429,
                "rate_limit_exceeded",
                "rate_limit_error",
                "RESOURCE_EXHAUSTED",
                "ThrottlingException",
            ),
            (
                Dialect::Bedrock,
                404,
                "ResourceNotFoundException",
                404,
                "model_not_found",
                "not_found_error",
                "NOT_FOUND",
                "ResourceNotFoundException",
            ),
            (
                Dialect::Bedrock,
                408,
                "ModelTimeoutException",
                504,
                "timeout",
                "timeout_error",
                "DEADLINE_EXCEEDED",
                "ModelTimeoutException",
            ),
            (
                Dialect::Bedrock,
                424,
                "ModelErrorException",
                502,
                "upstream_error",
                "api_error",
                "UNAVAILABLE",
                "InternalServerException",
            ),
            (
                Dialect::Bedrock,
                503,
                "ServiceUnavailableException",
                503,
                "overloaded",
                "overloaded_error",
                "UNAVAILABLE",
                "ServiceUnavailableException",
            ),
            (
                Dialect::Anthropic,
                402,
                "billing_error",
                402,
                "insufficient_quota",
                "billing_error",
                "RESOURCE_EXHAUSTED",
                "ServiceQuotaExceededException",
            ),
            (
                Dialect::Anthropic,
                413,
                "request_too_large",
                413,
                "request_too_large",
                "request_too_large",
                "INVALID_ARGUMENT",
                "ValidationException",
            ),
            (
                Dialect::Gemini,
                499,
                "CANCELLED",
                502,
                "upstream_error",
                "api_error",
                "UNAVAILABLE",
                "InternalServerException",
            ),
            (
                Dialect::Gemini,
                504,
                "DEADLINE_EXCEEDED",
                504,
                "timeout",
                "timeout_error",
                "DEADLINE_EXCEEDED",
                "ModelTimeoutException",
            ),
            (
                Dialect::Cohere,
                422,
                "",
                422,
                "invalid_request_error",
                "invalid_request_error",
                "INVALID_ARGUMENT",
                "ValidationException",
            ),
            (Dialect::Cohere, 500, "", 502, "upstream_error", "api_error", "UNAVAILABLE", "InternalServerException"),
        ] {
            assert_eq!(told(from, Format::OpenAi, status, kind), (told_status, openai.to_owned(), None), "{kind}");
            assert_eq!(
                told(from, Format::Anthropic, status, kind),
                (told_status, anthropic.to_owned(), None),
                "{kind}"
            );
            assert_eq!(told(from, Format::Gemini, status, kind), (told_status, google.to_owned(), None), "{kind}");
            let amazon = Some(amazon.to_owned());
            assert_eq!(told(from, Format::Bedrock, status, kind).2, amazon, "{kind}");
        }
        assert_eq!(told(Dialect::Anthropic, Format::OpenAi, 529, "overloaded_error"), (503, "overloaded".into(), None));
        let own = told(Dialect::Responses, Format::Anthropic, 400, "context_length_exceeded");
        assert_eq!(own, (400, "invalid_request_error".into(), None));
        let own = Retold::of(
            Dialect::Chat,
            Format::OpenAi,
            StatusCode::BAD_REQUEST,
            &HeaderMap::new(),
            br#"{"error":{"message":"m","code":"content_filter"}}"#,
        );
        assert_eq!(own.code, "content_filter");
    }
}
