//! What the answer of a wrong base URL suggests: the path or the adapter that is likely to be right.

use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::BaseUrl;
use crate::adapter::AdapterKind;
use crate::catalog;

/// An answer that an API gives at no path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongAnswer {
    /// 404: nothing is there.
    NotFound,
    /// 405: something is there, but it is asked otherwise.
    MethodNotAllowed,
    /// A page for people.
    WebPage,
}

impl WrongAnswer {
    /// What kind of wrong answer it is; `None` where it says nothing of the URL.
    #[must_use]
    pub fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let is_page_by_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"));
        // An overloaded provider's edge answers with a page, too: its status says more.
        let may_be_page = status.is_success() || status.is_client_error() || status.is_redirection();
        match status {
            _ if may_be_page && (is_page_by_type || begins_like_page(body)) => Some(Self::WebPage),
            StatusCode::NOT_FOUND => Some(Self::NotFound),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::MethodNotAllowed),
            _ => None,
        }
    }
}

fn begins_like_page(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    ["<!doctype html", "<html"]
        .iter()
        .any(|begin| body.get(..begin.len()).is_some_and(|body| body.eq_ignore_ascii_case(begin.as_bytes())))
}

/// What is likely to put a provider right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LikelyFix {
    /// Another adapter: that host speaks its API.
    Adapter(AdapterKind),
    /// Another base URL.
    BaseUrl(String),
    /// Nothing that can be named: the URL is that of a site, not of an API.
    NotAnApi,
}

impl fmt::Display for LikelyFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adapter(kind) => write!(f, "use the adapter {}: that host speaks its API", kind.as_str()),
            Self::BaseUrl(url) => write!(f, "try the base URL {url}"),
            Self::NotAnApi => f.write_str("give the URL of the API, not of a web page"),
        }
    }
}

/// What a wrong answer at a base URL suggests; `None` where nothing is known. It never suggests another host, which would get the keys.
#[must_use]
pub fn likely_fix(adapter: AdapterKind, base_url: &BaseUrl, answer: WrongAnswer) -> Option<LikelyFix> {
    let of_host = adapter_of_host(base_url.host());
    if let Some(kind) = of_host.filter(|kind| *kind != adapter && !is_compatible_path(adapter, base_url.path())) {
        return Some(LikelyFix::Adapter(kind));
    }
    let url = match known_base_url(adapter, base_url) {
        // It is right: something else is wrong.
        Some(known) if known == base_url.as_str() => return None,
        Some(known) => Some(known.to_owned()),
        None => with_v1(adapter, base_url),
    };
    match (url, answer) {
        (Some(url), _) => Some(LikelyFix::BaseUrl(url)),
        (None, WrongAnswer::WebPage) => Some(LikelyFix::NotAnApi),
        (None, WrongAnswer::NotFound | WrongAnswer::MethodNotAllowed) => None,
    }
}

/// The API that a provider's own host speaks.
fn adapter_of_host(host: &str) -> Option<AdapterKind> {
    const AZURE: [&str; 5] = [
        ".openai.azure.com",
        ".openai.azure.us",
        ".openai.azure.cn",
        ".services.ai.azure.com",
        ".cognitiveservices.azure.com",
    ];
    match host {
        "api.openai.com" => Some(AdapterKind::OpenAi),
        "api.anthropic.com" => Some(AdapterKind::Anthropic),
        "generativelanguage.googleapis.com" => Some(AdapterKind::Gemini),
        "api.cohere.com" | "api.cohere.ai" => Some(AdapterKind::Cohere),
        "aiplatform.googleapis.com" => Some(AdapterKind::Vertex),
        _ if host.ends_with("-aiplatform.googleapis.com") || host.ends_with(".rep.googleapis.com") => {
            Some(AdapterKind::Vertex)
        }
        _ if host.starts_with("bedrock")
            && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")) =>
        {
            Some(AdapterKind::Bedrock)
        }
        _ if AZURE.iter().any(|ending| host.ends_with(ending)) => Some(AdapterKind::AzureOpenAi),
        _ => None,
    }
}

/// Whether another vendor's host speaks the adapter's API at such a path: Gemini, Vertex, Bedrock and Cohere have OpenAI-compatible ones,
/// Foundry an Anthropic one.
fn is_compatible_path(adapter: AdapterKind, path: &str) -> bool {
    match adapter {
        AdapterKind::OpenAi => {
            ["/openai", "/openapi", "/openai/v1", "/compatibility/v1"].iter().any(|end| path.ends_with(end))
        }
        AdapterKind::Anthropic => path.ends_with("/anthropic"),
        AdapterKind::AzureOpenAi
        | AdapterKind::Gemini
        | AdapterKind::Vertex
        | AdapterKind::Bedrock
        | AdapterKind::Cohere => false,
    }
}

/// The catalog's own base URL at the same host.
fn known_base_url(adapter: AdapterKind, base_url: &BaseUrl) -> Option<&'static str> {
    let origin = base_url.origin();
    catalog::VENDORS
        .iter()
        .filter(|entry| entry.adapter == adapter)
        .filter_map(|entry| entry.default_base_url)
        .find(|known| known.strip_prefix(origin.as_str()).is_some_and(|path| path.is_empty() || path.starts_with('/')))
}

/// Most servers that are compatible with OpenAI have its `/v1`.
fn with_v1(adapter: AdapterKind, base_url: &BaseUrl) -> Option<String> {
    let has_version = base_url
        .path()
        .split('/')
        .any(|segment| segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
    (adapter == AdapterKind::OpenAi && !has_version).then(|| format!("{base_url}/v1"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::address::AddressPolicy;

    fn fix(adapter: AdapterKind, url: &str, answer: WrongAnswer) -> Option<String> {
        let url = BaseUrl::parse(adapter, url, AddressPolicy::AllowPrivate).unwrap();
        likely_fix(adapter, &url, answer).map(|fix| fix.to_string())
    }

    #[test]
    fn the_likely_fix_is_named() {
        use AdapterKind::{Anthropic, AzureOpenAi, Bedrock, Cohere, Gemini, OpenAi, Vertex};
        use WrongAnswer::{MethodNotAllowed, NotFound, WebPage};
        let adapter = |kind: &str| Some(format!("use the adapter {kind}: that host speaks its API"));
        let url = |url: &str| Some(format!("try the base URL {url}"));
        for (kind, at, answer, expected) in [
            (OpenAi, "https://api.anthropic.com", NotFound, adapter("anthropic")),
            (OpenAi, "https://api.anthropic.com/v1", NotFound, adapter("anthropic")),
            (OpenAi, "https://generativelanguage.googleapis.com/v1beta", NotFound, adapter("gemini")),
            (OpenAi, "https://generativelanguage.googleapis.com/v1beta/openai", NotFound, None),
            (OpenAi, "https://x.openai.azure.com", NotFound, adapter("azure-openai")),
            (OpenAi, "https://us-central1-aiplatform.googleapis.com", NotFound, adapter("vertex")),
            (OpenAi, "https://bedrock-runtime.us-east-1.amazonaws.com", NotFound, adapter("bedrock")),
            (OpenAi, "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", NotFound, None),
            (OpenAi, "https://api.cohere.com", WebPage, adapter("cohere")),
            (Anthropic, "https://api.openai.com", NotFound, adapter("openai")),
            (Anthropic, "https://x.services.ai.azure.com/anthropic", NotFound, None),
            (Gemini, "https://api.openai.com", NotFound, adapter("openai")),
            (Cohere, "https://api.anthropic.com", MethodNotAllowed, adapter("anthropic")),
            (OpenAi, "https://openrouter.ai", WebPage, url("https://openrouter.ai/api/v1")),
            (OpenAi, "https://api.groq.com/v1", NotFound, url("https://api.groq.com/openai/v1")),
            (OpenAi, "https://api.perplexity.ai", NotFound, None),
            (OpenAi, "https://api.openai.com", WebPage, None),
            (OpenAi, "http://localhost:8000", NotFound, url("http://localhost:8000/v1")),
            (OpenAi, "http://localhost:8000/llm", MethodNotAllowed, url("http://localhost:8000/llm/v1")),
            (OpenAi, "https://gw.example/v1", NotFound, None),
            (OpenAi, "https://gw.example/api/v3", NotFound, None),
            (OpenAi, "https://gw.example/v1", WebPage, Some("give the URL of the API, not of a web page".to_owned())),
            (AzureOpenAi, "my-resource", NotFound, None),
            (Vertex, "https://us-central1-aiplatform.googleapis.com", NotFound, None),
            (Bedrock, "https://bedrock-runtime.us-east-1.amazonaws.com", NotFound, None),
        ] {
            assert_eq!(fix(kind, at, answer), expected, "{kind:?} {at}");
        }
    }

    #[test]
    fn only_answers_that_speak_of_the_url_are_wrong() {
        let json = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let html = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("Text/HTML; charset=utf-8"))]);
        for (status, headers, body, expected) in [
            (200, &json, "{}", None),
            (200, &html, "", Some(WrongAnswer::WebPage)),
            (200, &HeaderMap::new(), " \n<!DOCTYPE HTML><p>", Some(WrongAnswer::WebPage)),
            (404, &json, "{}", Some(WrongAnswer::NotFound)),
            (404, &HeaderMap::new(), "<html>", Some(WrongAnswer::WebPage)),
            (405, &json, "{}", Some(WrongAnswer::MethodNotAllowed)),
            (401, &json, "{}", None),
            (502, &html, "<html>", None),
            (503, &html, "<html>", None),
        ] {
            assert_eq!(
                WrongAnswer::of(status.try_into().unwrap(), headers, body.as_bytes()),
                expected,
                "{status} {body}"
            );
        }
    }
}
