//! Which headers cross the proxy: those that the adapter lists, never a hop's own, never a key.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};
use shared::adapter::Adapter;

/// The caller's headers that go upstream. Framing and the credential are added later, by those who own them.
pub(crate) fn for_upstream(headers: &HeaderMap, adapter: &dyn Adapter) -> HeaderMap {
    filtered(headers, |name| adapter.forwards_request_header(name))
}

/// The upstream's headers that go to the caller.
pub(crate) fn for_caller(headers: &HeaderMap, adapter: &dyn Adapter) -> HeaderMap {
    filtered(headers, |name| adapter.forwards_response_header(name))
}

fn filtered(headers: &HeaderMap, forwards: impl Fn(&str) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(16);
    let lists = headers.contains_key(CONNECTION);
    for (name, value) in headers {
        if forwards(name.as_str()) && !is_ours(name) && !(lists && is_listed(headers, name)) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// Hop-by-hop headers (RFC 9110, section 7.6.1), framing, and what holds keys: no adapter's list can let these through.
fn is_ours(name: &HeaderName) -> bool {
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
        || matches!(
            name.as_str(),
            "keep-alive" | "proxy-connection" | "cookie" | "set-cookie" | "x-api-key" | "api-key" | "x-goog-api-key"
        )
}

/// Whether `Connection` names it as the hop's own.
fn is_listed(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|listed| listed.split(',').any(|token| token.trim().eq_ignore_ascii_case(name.as_str())))
}

#[cfg(test)]
mod tests {
    use shared::adapter::{AdapterKind, adapter};

    use super::*;

    #[test]
    fn only_listed_headers_cross_and_keys_never_do() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("openai-beta", "x"),
            ("openai-organization", "dropped: the connection lists it"),
            ("authorization", "Bearer kp_x"),
            ("x-keyplane-key", "kp_x"),
            ("x-api-key", "k"),
            ("cookie", "c"),
            ("accept-encoding", "gzip"),
            ("connection", "close, OpenAI-Organization"),
            ("x-forwarded-for", "1.2.3.4"),
            ("host", "h"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let sent = for_upstream(&headers, adapter(AdapterKind::OpenAi));
        let mut names: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "openai-beta"]);
    }
}
