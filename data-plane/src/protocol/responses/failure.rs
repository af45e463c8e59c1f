//! What an error inside a stream comes to: the status that the upstream would have answered with.

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

/// The status of an error that is [`wrapped`].
pub(super) fn status(wrapped: &[u8]) -> StatusCode {
    error::status_in(wrapped).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
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
