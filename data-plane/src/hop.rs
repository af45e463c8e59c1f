//! Headers that pass through no proxy, whatever a list says of them.

use http::HeaderName;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

/// Whether a header stays here: hop-by-hop headers (RFC 9110, section 7.6.1), framing, and what holds keys.
pub(crate) fn stays_here(name: &HeaderName) -> bool {
    [
        CONNECTION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        CONTENT_LENGTH,
        CONTENT_ENCODING,
        ACCEPT_ENCODING,
        HOST,
        AUTHORIZATION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
    ]
    .contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "cookie" | "set-cookie" | "x-keyplane-key")
        || holds_a_key(name)
}

/// Whether a header is one that providers take keys in, `authorization` aside.
pub(crate) fn holds_a_key(name: &HeaderName) -> bool {
    matches!(name.as_str(), "x-api-key" | "api-key" | "x-goog-api-key")
}
