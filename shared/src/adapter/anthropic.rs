//! Anthropic's Messages.
//!
//! Source: docs.anthropic.com (API reference: messages, models, errors, rate limits), read in autumn 2026.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::Deserialize;

use super::classify::{self, Rule};
use super::header::{self, KeyHeader};
use super::{
    Adapter, Call, Classified, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, Operation, Place,
    TokenRequest, UnfitSecret, Unsigned, key, segment, wording,
};
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;

/// The version that every request has to name; a caller may name another.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
/// How the tokens of OAuth begin, which are given like keys and go where tokens go.
const OAUTH_PREFIX: &str = "sk-ant-oat";
/// The beta that lets the API take such tokens.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// Anthropic's API.
#[derive(Debug)]
pub(super) struct Anthropic;

impl Adapter for Anthropic {
    fn format(&self) -> Format {
        Format::Anthropic
    }

    fn address(&self, place: &Place, _key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        let path = match call.operation {
            Operation::Chat => "/v1/messages".to_owned(),
            Operation::CountTokens => "/v1/messages/count_tokens".to_owned(),
            Operation::ListModels => match call.page {
                None => "/v1/models?limit=1000".to_owned(),
                Some(page) => format!("/v1/models?limit=1000&after_id={}", segment::escaped(page)),
            },
            Operation::Completion
            | Operation::Responses
            | Operation::Embeddings
            | Operation::EmbeddingBatch
            | Operation::Predict
            | Operation::Invoke
            | Operation::Rerank
            | Operation::OpenAiOnly(_) => return Err(NoAddress::Unsupported),
        };
        Ok(place.base_url.with_path(&path))
    }

    fn token_request(
        &self,
        _place: &Place,
        _value: &CredentialValue,
        _now: SystemTime,
    ) -> Result<Option<TokenRequest>, UnfitSecret> {
        Ok(None)
    }

    fn sign(&self, place: &Place, key: Key<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret> {
        let CredentialValue::ApiKey(secret) = key.value else { return Err(UnfitSecret) };
        self.complete_headers(request.headers);
        let header = if key::begins_with(secret, OAUTH_PREFIX) {
            add_oauth_beta(request.headers);
            KeyHeader::Authorization
        } else {
            KeyHeader::XApiKey
        };
        key::sign(place, header, secret, key, request.headers)
    }

    fn complete_headers(&self, headers: &mut HeaderMap) {
        headers.entry("anthropic-version").or_insert(VERSION);
    }

    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or_else(|| KeyHeader::XApiKey.name()))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        classify::classify(&[RULES], status, headers, body, now)
    }

    fn free_check(&self, _kind: CredentialType) -> FreeCheck {
        FreeCheck::ModelList
    }

    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Model>,
            #[serde(default)]
            has_more: bool,
            last_id: Option<String>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }
        let list: List = serde_json::from_slice(body).map_err(|_| NotAModelList)?;
        let next = list.last_id.filter(|id| list.has_more && !id.is_empty());
        Ok(ModelPage { models: list.data.into_iter().map(|model| model.id).collect(), next })
    }

    fn paid_check(&self, model: &str) -> Bytes {
        let message = serde_json::json!({"role": "user", "content": "Say ok."});
        serde_json::json!({"model": model, "max_tokens": 16, "messages": [message]}).to_string().into()
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        header::goes_up(name) || name.starts_with("anthropic-") || name.starts_with("x-stainless-")
    }

    /// Organizations may forbid calls from browsers, with the 401 of a wrong key; one that names itself a browser's is judged so.
    fn belongs_to_the_key(&self, name: &str) -> bool {
        matches!(
            name,
            "anthropic-dangerous-direct-browser-access" | "anthropic-organization-id" | "anthropic-workspace-id"
        )
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        header::comes_down(name) || name == "request-id" || name.starts_with("anthropic-ratelimit-")
    }
}

/// Adds the beta to those that the caller asks for, if it is not among them.
fn add_oauth_beta(headers: &mut HeaderMap) {
    let is_there = headers
        .get_all("anthropic-beta")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|betas| betas.split(',').any(|beta| beta.trim() == OAUTH_BETA));
    if !is_there {
        headers.append("anthropic-beta", HeaderValue::from_static(OAUTH_BETA));
    }
}

/// What Anthropic's errors mean. Sentences first: they stand in errors of a type that says less.
pub(super) const RULES: &[Rule] = &[
    Rule::opening(wording::CREDIT_BALANCE_TOO_LOW, Failure::Exhausted).with(&[400, 403]),
    Rule::opening(wording::USAGE_LIMITS_REACHED, Failure::Exhausted).with(&[400, 403]),
    Rule::opening(wording::ORGANIZATION_DISABLED, Failure::Rejected).with(&[400, 403]),
    Rule::wording(wording::TOKEN_REVOKED, Failure::Rejected).with(&[401, 403]),
    Rule::wording(wording::OAUTH_NOT_ALLOWED, Failure::Rejected).with(&[401, 403]),
    Rule::code("authentication_error", Failure::Rejected),
    Rule::code("billing_error", Failure::Exhausted),
    Rule::code("permission_error", Failure::Denied),
    // The edge, which refuses a whole region: another credential would meet the same.
    Rule::code("forbidden", Failure::CallersFault).with(&[403]),
    Rule::code("not_found_error", Failure::Denied).with(&[404]),
    Rule::code("rate_limit_error", Failure::RateLimited),
    Rule::code("overloaded_error", Failure::Overloaded),
    Rule::code("request_too_large", Failure::CallersFault),
    Rule::code("invalid_request_error", Failure::CallersFault).with(&[400, 413, 422]),
    Rule::code("timeout_error", Failure::ServerError).with(&[504]),
    Rule::code("api_error", Failure::ServerError).with(&[500, 502]),
];

#[cfg(test)]
mod tests;
