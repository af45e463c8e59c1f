//! What people paste instead of a base URL, and what it is repaired to, by the adapter.
//!
//! Source: the providers' API references, read in autumn 2026.

use std::borrow::Cow;

use super::BaseUrlError;
use crate::adapter::AdapterKind;

/// Where Azure's version 1 is. It stays in a base URL, because it says which style the URLs have.
const AZURE_V1: &str = "/openai/v1";

/// The text of a URL: that of an Azure resource may be its bare name, or a pasted endpoint with its query.
pub(super) fn text(adapter: AdapterKind, text: &str) -> Cow<'_, str> {
    if adapter != AdapterKind::AzureOpenAi {
        return Cow::Borrowed(text);
    }
    if is_resource_name(text) {
        return Cow::Owned(format!("https://{text}.openai.azure.com"));
    }
    // Only behind a path, where every program reads the same host.
    let query = text.split_once("://").and_then(|(scheme, rest)| {
        let path = rest.find('/')?;
        let query = rest.find('?').filter(|query| *query > path && !rest.contains('#'))?;
        Some(scheme.len() + "://".len() + query)
    });
    Cow::Borrowed(query.map_or(text, |query| &text[..query]))
}

/// Azure's rule for the name of a resource: 2 to 64 letters, digits and hyphens, none of them at an end.
fn is_resource_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The path that all of the adapter's paths share. Endings go until none is left, so that a repaired URL is not repaired again.
pub(super) fn path<'a>(adapter: AdapterKind, origin: &str, path: &'a str) -> Result<&'a str, BaseUrlError> {
    let path = path.trim_end_matches('/');
    if openai_path(adapter).is_some_and(|segments| before(path, segments).is_some()) {
        return Err(BaseUrlError::OpenAiPath);
    }
    let path = match adapter {
        AdapterKind::OpenAi => without_endings(path, OPENAI),
        AdapterKind::Anthropic => without_endings(path, ANTHROPIC),
        AdapterKind::Cohere => without_endings(path, COHERE),
        AdapterKind::Gemini => without_endings(before(path, "/v1beta/models").unwrap_or(path), GEMINI),
        AdapterKind::AzureOpenAi => azure_path(path),
        AdapterKind::Bedrock => without_endings(before(path, "/model").unwrap_or(path), BEDROCK),
        // Project and location come from the provider's settings.
        AdapterKind::Vertex => "",
    };
    let is_bare_openai = path.is_empty() && adapter == AdapterKind::OpenAi && origin == "https://api.openai.com";
    Ok(if is_bare_openai { "/v1" } else { path })
}

/// Where a vendor whose API is the adapter's speaks OpenAI's, too: nothing below it answers the adapter.
fn openai_path(adapter: AdapterKind) -> Option<&'static str> {
    match adapter {
        AdapterKind::Gemini => Some("/v1beta/openai"),
        AdapterKind::Anthropic => Some("/v1/chat/completions"),
        AdapterKind::Bedrock => Some("/openai/v1"),
        AdapterKind::Cohere => Some("/compatibility/v1"),
        AdapterKind::OpenAi | AdapterKind::AzureOpenAi | AdapterKind::Vertex => None,
    }
}

const OPENAI: &[&str] = &[
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/images/generations",
    "/images/edits",
    "/audio/transcriptions",
    "/audio/translations",
    "/audio/speech",
    "/models",
];

const ANTHROPIC: &[&str] =
    &["/v1/messages/count_tokens", "/v1/messages/batches", "/v1/messages", "/v1/complete", "/v1/models", "/v1"];

const COHERE: &[&str] =
    &["/v2/chat", "/v2/embed", "/v2/rerank", "/v1/chat", "/v1/embed", "/v1/rerank", "/v1/models", "/v2", "/v1"];

const GEMINI: &[&str] = &["/v1/models", "/v1beta", "/v1"];

const AZURE: &[&str] = &["/openai/models", "/openai/responses", "/openai"];

const BEDROCK: &[&str] = &["/foundation-models", "/inference-profiles"];

fn without_endings<'a>(mut path: &'a str, endings: &[&str]) -> &'a str {
    loop {
        path = path.trim_end_matches('/');
        let Some(shorter) = endings.iter().find_map(|ending| path.strip_suffix(ending)) else { return path };
        path = shorter;
    }
}

/// Whatever stands below version 1 goes; the dated style's paths go whole.
fn azure_path(path: &str) -> &str {
    match before(path, AZURE_V1) {
        Some(resource) => &path[..resource.len() + AZURE_V1.len()],
        None => without_endings(before(path, "/openai/deployments").unwrap_or(path), AZURE),
    }
}

/// What stands before some segments of a path, if they are there.
fn before<'a>(path: &'a str, segments: &str) -> Option<&'a str> {
    path.match_indices(segments)
        .find(|(at, _)| matches!(path.as_bytes().get(at + segments.len()), None | Some(b'/' | b':')))
        .map(|(at, _)| &path[..at])
}
