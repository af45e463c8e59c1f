//! Which headers cross the proxy: those that the adapter lists, never a hop's own, never a key.

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};
use shared::adapter::Adapter;

use crate::hop::stays_here;
use crate::snapshot::resource::{Auth, Edits};

/// The caller's headers that go upstream, and those that the provider adds. Framing and the credential are added later, by those who own
/// them.
pub(crate) fn for_upstream(headers: &HeaderMap, adapter: &dyn Adapter, auth: Auth, edits: &Edits) -> HeaderMap {
    let belongs_to_ours = |name: &str| auth != Auth::Passthrough && adapter.belongs_to_the_key(name);
    let forwards = |name: &str| adapter.forwards_request_header(name) && !belongs_to_ours(name);
    let mut kept = filtered(headers, forwards, edits);
    for (name, value) in &edits.request_headers {
        kept.insert(name.clone(), value.clone());
    }
    kept
}

/// The upstream's headers that go to the caller.
pub(crate) fn for_caller(headers: &HeaderMap, adapter: &dyn Adapter, edits: &Edits) -> HeaderMap {
    filtered(headers, |name| adapter.forwards_response_header(name), edits)
}

fn filtered(headers: &HeaderMap, forwards: impl Fn(&str) -> bool, edits: &Edits) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(16);
    let lists = headers.contains_key(CONNECTION);
    for (name, value) in headers {
        if forwards(name.as_str()) && !stays_here(name) && !(lists && is_listed(headers, name)) {
            kept.append(name.clone(), value.clone());
        }
    }
    for name in &edits.strip_headers {
        kept.remove(name);
    }
    kept
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
            ("openai-version", "dropped: the connection lists it"),
            ("authorization", "Bearer kp_x"),
            ("x-keyplane-key", "kp_x"),
            ("x-api-key", "k"),
            ("cookie", "c"),
            ("accept-encoding", "gzip"),
            ("connection", "close, OpenAI-Version"),
            ("x-forwarded-for", "1.2.3.4"),
            ("host", "h"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let sent = for_upstream(&headers, adapter(AdapterKind::OpenAi), Auth::Managed, &Edits::default());
        let mut names: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "openai-beta"]);
        let edits = Edits {
            strip_headers: vec![HeaderName::from_static("openai-beta")],
            request_headers: vec![(HeaderName::from_static("x-team"), "a".parse().unwrap())],
            ..Edits::default()
        };
        let sent = for_upstream(&headers, adapter(AdapterKind::OpenAi), Auth::Managed, &edits);
        assert!(!sent.contains_key("openai-beta"));
        assert_eq!(sent["x-team"], "a");
    }

    #[test]
    fn what_names_an_account_goes_with_the_callers_own_key_only() {
        for (kind, name) in [
            (AdapterKind::OpenAi, "openai-organization"),
            (AdapterKind::OpenAi, "openai-project"),
            (AdapterKind::AzureOpenAi, "openai-organization"),
            (AdapterKind::Anthropic, "anthropic-dangerous-direct-browser-access"),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), "of-another".parse().unwrap())]);
            for (auth, goes) in [(Auth::Managed, false), (Auth::None, false), (Auth::Passthrough, true)] {
                let sent = for_upstream(&headers, adapter(kind), auth, &Edits::default());
                assert_eq!(sent.contains_key(name), goes, "{name} with {auth:?}");
            }
        }
    }
}
