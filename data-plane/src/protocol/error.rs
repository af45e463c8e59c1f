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
        Format::OpenAi => openai::error::remade(body),
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
        Self {
            status: known_status(to, status),
            code: code.unwrap_or(Cow::Borrowed("upstream_error")),
            message: message.unwrap_or(Cow::Borrowed("the provider refused the request and gave no reason")),
        }
    }

    pub(crate) fn problem(&self) -> Problem<'_> {
        Problem { status: self.status, code: &self.code, message: Cow::Borrowed(&self.message) }
    }
}

/// A status that the format's clients know, and that is a gateway's where the upstream says that it failed: 529 is Anthropic's own word for being
/// overloaded, 424 Amazon's for a model that failed, and a 408 would say that the caller was slow.
fn known_status(format: Format, status: StatusCode) -> StatusCode {
    match status.as_u16() {
        408 => StatusCode::GATEWAY_TIMEOUT,
        424 | 500 => StatusCode::BAD_GATEWAY,
        529 if format != Format::Anthropic => StatusCode::SERVICE_UNAVAILABLE,
        _ => status,
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
