//! What an error inside a stream comes to: the status that the upstream would have answered with.
//!
//! Source: the codes of `response.error` in the Responses API's reference, and those of OpenAI's guide to errors, read in autumn 2026. Some
//! vendors have the status itself as the code, as a number or in digits.

use http::StatusCode;

use super::{Given, GivenCode, GivenDetail, GivenError};
use crate::protocol::error;

/// The status that an error means by its code, or else by its type; `None` where neither says.
pub(in crate::protocol) fn status_in(upstream: &[u8]) -> Option<StatusCode> {
    let given: Given = error::read(upstream)?;
    let GivenError::Detail(GivenDetail { code, r#type, .. }) = given.error else { return None };
    let by_code = code.and_then(|code| match code {
        GivenCode::Number(number) => of_number(number),
        GivenCode::Text(text) => text.parse().ok().and_then(of_number).or_else(|| of_word(&text)),
        GivenCode::Other(_) => None,
    });
    by_code.or_else(|| of_word(&r#type?))
}

fn of_number(code: i64) -> Option<StatusCode> {
    let status = StatusCode::from_u16(u16::try_from(code).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn of_word(word: &str) -> Option<StatusCode> {
    match word {
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "billing_hard_limit_reached"
        | "credit_balance_exhausted"
        | "too_many_requests" => Some(StatusCode::TOO_MANY_REQUESTS),
        "server_is_overloaded" | "engine_overloaded" | "overloaded_error" | "slow_down" => {
            Some(StatusCode::SERVICE_UNAVAILABLE)
        }
        "invalid_api_key" | "authentication_error" => Some(StatusCode::UNAUTHORIZED),
        "permission_error" | "unsupported_country_region_territory" => Some(StatusCode::FORBIDDEN),
        "model_not_found" | "not_found_error" => Some(StatusCode::NOT_FOUND),
        "invalid_prompt"
        | "invalid_request_error"
        | "context_length_exceeded"
        | "content_policy_violation"
        | "content_filter"
        | "misalignment_policy_violation"
        | "data_residency_mismatch"
        | "bio_policy"
        | "cyber_policy"
        | "empty_image_file"
        | "failed_to_download_image"
        | "unsupported_image_media_type" => Some(StatusCode::BAD_REQUEST),
        "server_error" | "internal_server_error" => Some(StatusCode::INTERNAL_SERVER_ERROR),
        _ if word.starts_with("invalid_image") || word.starts_with("image_") || word == "invalid_base64_image" => {
            Some(StatusCode::BAD_REQUEST)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_status_that_its_code_or_its_type_means() {
        for (upstream, expected) in [
            (r#"{"error":{"code":429}}"#, Some(429)),
            (r#"{"error":{"code":"429"}}"#, Some(429)),
            (r#"{"error":{"code":200}}"#, None),
            (r#"{"error":{"type":"tokens","code":"rate_limit_exceeded"}}"#, Some(429)),
            (r#"{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}"#, Some(400)),
            (r#"{"error":{"type":"invalid_request_error","code":null}}"#, Some(400)),
            (r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key"}}"#, Some(401)),
            (r#"{"error":{"type":"server_error","code":null}}"#, Some(500)),
            (r#"{"error":{"type":"x","code":"y"}}"#, None),
            (r#"{"error":"text"}"#, None),
            ("not json", None),
        ] {
            assert_eq!(status_in(upstream.as_bytes()).map(|status| status.as_u16()), expected, "{upstream}");
        }
    }
}
