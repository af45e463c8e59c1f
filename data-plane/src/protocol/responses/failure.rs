//! What an error inside a stream comes to: the status that the upstream would have answered with.
//!
//! Source: the codes of `response.error` in the Responses API's reference, and those of OpenAI's guide to errors, read in autumn 2026.

use bytes::Bytes;
use http::StatusCode;

use crate::json;
use crate::protocol::openai::error;

/// `{"error": {…}}`, of the object that holds the error: as its `error`, or in its own fields.
pub(super) fn wrapped(holder: &[u8]) -> Bytes {
    match json::has_member(holder, b"error") {
        true => Bytes::copy_from_slice(holder),
        false => [b"{\"error\":".as_slice(), holder, b"}"].concat().into(),
    }
}

/// The status of an error that is [`wrapped`]: what its code means, or else its type.
pub(super) fn status(wrapped: &[u8]) -> StatusCode {
    if let Some(status) = error::status_in(wrapped) {
        return status;
    }
    let detail = json::member(wrapped, b"error").unwrap_or(b"{}");
    let word = |name| json::text(detail, name).and_then(|word| of_word(&word));
    word(b"code".as_slice()).or_else(|| word(b"type")).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
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
        | "misalignment_policy_violation"
        | "data_residency_mismatch"
        | "bio_policy"
        | "cyber_policy"
        | "empty_image_file"
        | "failed_to_download_image"
        | "unsupported_image_media_type" => Some(StatusCode::BAD_REQUEST),
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
    fn an_error_has_the_status_that_its_code_means() {
        for (holder, expected) in [
            (r#"{"error": {"code": "rate_limit_exceeded", "message": "slow"}}"#, 429),
            (r#"{"type": "error", "code": "insufficient_quota", "message": "m", "param": null}"#, 429),
            (r#"{"type": "error", "error": {"type": "invalid_request_error", "code": null}}"#, 400),
            (r#"{"error": {"code": "image_too_large"}}"#, 400),
            (r#"{"error": {"code": "server_is_overloaded"}}"#, 503),
            (r#"{"error": {"code": 502}}"#, 502),
            (r#"{"error": {"code": "server_error"}}"#, 500),
            (r#"{"error": {"code": "something_new"}}"#, 500),
            (r#"{"error": "text"}"#, 500),
            ("not json", 500),
        ] {
            assert_eq!(status(&wrapped(holder.as_bytes())), expected, "{holder}");
        }
    }
}
