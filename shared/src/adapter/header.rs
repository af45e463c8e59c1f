//! The headers that cross with every API: each adapter adds its own to these.

use http::header::{AUTHORIZATION, HeaderName};

/// Headers of the caller's that mean the same to every upstream.
pub(super) fn goes_up(name: &str) -> bool {
    matches!(name, "content-type" | "accept" | "user-agent" | "traceparent" | "tracestate")
}

/// Headers of any upstream's that mean the same to every caller.
pub(super) fn comes_down(name: &str) -> bool {
    matches!(name, "content-type" | "cache-control" | "retry-after" | "retry-after-ms")
}

/// The header in which an API takes its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyHeader {
    /// `authorization`, behind `Bearer`.
    Authorization,
    /// `x-api-key`, bare: Anthropic.
    XApiKey,
    /// `api-key`, bare: Azure.
    ApiKey,
    /// `x-goog-api-key`, bare: Google.
    XGoogApiKey,
}

impl KeyHeader {
    /// Every one: none of them may reach an upstream but the one that was just signed.
    pub(super) const ALL: [Self; 4] = [Self::Authorization, Self::XApiKey, Self::ApiKey, Self::XGoogApiKey];

    pub(super) fn name(self) -> HeaderName {
        match self {
            Self::Authorization => AUTHORIZATION,
            Self::XApiKey => HeaderName::from_static("x-api-key"),
            Self::ApiKey => HeaderName::from_static("api-key"),
            Self::XGoogApiKey => HeaderName::from_static("x-goog-api-key"),
        }
    }
}
