//! The call to a token endpoint, and what its answer means.
//!
//! Sources: RFC 6749 (sections 5.1 and 5.2), RFC 7523, and Google's and Microsoft's pages on service accounts and client credentials, read
//! in autumn 2026.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;

use super::MintError;
use crate::adapter::TokenRequest;
use crate::dial::{Client, DialFailure, Dialer};
use crate::failure::Failure;
use crate::secret::Secret;

/// How long a call may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read; tokens have a few kilobytes.
const MOST_BODY_BYTES: usize = 64 * 1024;
/// The life of a token whose answer does not say it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// No answer can make us wait for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// No answer can make us keep a token for longer.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Asks token endpoints.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Client<Full<Bytes>>,
}

/// What a token endpoint gives.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: Secret,
    pub(super) lifetime: Duration,
}

impl Exchange {
    pub(super) fn new(dialer: &Dialer) -> Self {
        Self { client: dialer.client() }
    }

    /// Posts the form. Redirects are not followed: they are errors like others.
    pub(super) async fn post(&self, request: TokenRequest) -> Result<Granted, MintError> {
        let mut post = Request::new(Full::new(request.form.expose_shared()));
        *post.method_mut() = Method::POST;
        *post.uri_mut() = request.uri;
        let headers = post.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("keyplane/", env!("CARGO_PKG_VERSION"))));
        tokio::time::timeout(TIMEOUT, self.answer(post)).await.unwrap_or(Err(MintError::TimedOut))
    }

    async fn answer(&self, post: Request<Full<Bytes>>) -> Result<Granted, MintError> {
        let response = self.client.request(post).await.map_err(|error| DialFailure::of(&error))?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, MOST_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            // The status still counts.
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Bytes::new(),
            Err(_) => return Err(MintError::NoAnswer(DialFailure::Broken)),
        };
        read(head.status, &head.headers, &body)
    }
}

/// The codes that we know: what stands in logs and reports is one of them or nothing.
const CODES: [&str; 9] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Granted, MintError> {
    if status.is_success() {
        return granted(body).ok_or(MintError::NotAToken);
    }
    let code = code(body);
    let failure = match (status.as_u16(), code) {
        (429, _) | (_, Some("temporarily_unavailable")) | (503, _) => Failure::Overloaded,
        (408 | 504, _) => Failure::TimedOut,
        (500.., _) | (_, Some("server_error")) => Failure::ServerError,
        // The client is good, but may not have this scope.
        (400..=499, Some("invalid_scope")) => Failure::Denied,
        // A revoked key, an unknown account, client or tenant, a wrong secret, a clock that is wrong.
        (400..=499, Some(_)) | (401, None) => Failure::Rejected,
        // No token endpoint speaks like this.
        _ => Failure::ServerError,
    };
    Err(MintError::Refused { failure, status: status.as_u16(), code, retry_after: retry_after(headers) })
}

fn granted(body: &[u8]) -> Option<Granted> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        expires_in: Option<Seconds>,
    }
    // Some of Microsoft's endpoints write numbers as text.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(u64),
        Text(String),
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let token = Secret::from(answer.access_token);
    // A header has to carry it.
    if token.is_empty() || !token.expose().iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let seconds = match answer.expires_in {
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(text)) => text.parse().ok(),
        None => None,
    };
    Some(Granted { token, lifetime: seconds.map_or(DEFAULT_LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME) })
}

fn code(body: &[u8]) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Answer {
        error: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    CODES.into_iter().find(|known| *known == answer.error)
}

/// Token endpoints give seconds, never dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read_body(status: u16, body: &str) -> Result<Granted, MintError> {
        read(status.try_into().unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_token_is_read_with_its_life() {
        for (body, seconds) in [
            (r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#, 3599),
            (r#"{"access_token":"t","expires_in":"3599"}"#, 3599),
            (r#"{"access_token":"t"}"#, 300),
            (r#"{"access_token":"t","expires_in":"soon"}"#, 300),
            (r#"{"access_token":"t","expires_in":99999999999}"#, 86400),
            (r#"{"access_token":"t","expires_in":0}"#, 0),
        ] {
            let granted = read_body(200, body).unwrap();
            assert_eq!((granted.token.expose(), granted.lifetime.as_secs()), (&b"t"[..], seconds), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_token_that_a_header_can_carry_is_an_error() {
        for body in
            ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":"a b"}"#, r#"{"access_token":"a\n"}"#]
        {
            assert_eq!(read_body(200, body).unwrap_err(), MintError::NotAToken, "{body}");
        }
    }

    #[test]
    fn errors_mean_what_their_code_says() {
        for (status, body, failure, code) in [
            (400, r#"{"error":"invalid_grant","error_description":"x"}"#, Failure::Rejected, Some("invalid_grant")),
            (401, r#"{"error":"invalid_client"}"#, Failure::Rejected, Some("invalid_client")),
            (401, "", Failure::Rejected, None),
            (403, r#"{"error":"access_denied"}"#, Failure::Rejected, Some("access_denied")),
            (400, r#"{"error":"invalid_scope"}"#, Failure::Denied, Some("invalid_scope")),
            (400, r#"{"error":"temporarily_unavailable"}"#, Failure::Overloaded, Some("temporarily_unavailable")),
            (400, r#"{"error":{"code":400}}"#, Failure::ServerError, None),
            (404, "<html>", Failure::ServerError, None),
            (302, "", Failure::ServerError, None),
            (408, "", Failure::TimedOut, None),
            (429, "", Failure::Overloaded, None),
            (500, r#"{"error":"internal_failure"}"#, Failure::ServerError, None),
            (503, "", Failure::Overloaded, None),
        ] {
            let expected = MintError::Refused { failure, status, code, retry_after: None };
            assert_eq!(read_body(status, body).unwrap_err(), expected, "{status} {body}");
            assert_eq!(expected.failure(), failure);
        }
    }

    #[test]
    fn a_hint_to_wait_is_kept_within_ten_minutes() {
        for (value, expected) in [("7", Some(7)), (" 7 ", Some(7)), ("86400", Some(600)), ("soon", None), ("-1", None)]
        {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            let error = read(StatusCode::SERVICE_UNAVAILABLE, &headers, b"").unwrap_err();
            assert_eq!(error.retry_after().map(|wait| wait.as_secs()), expected, "{value}");
        }
    }
}
