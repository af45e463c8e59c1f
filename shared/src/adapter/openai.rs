//! OpenAI's API, and everything that is compatible with it.
//!
//! Sources: platform.openai.com/docs/api-reference (errors, rate limits, models) and the error pages of the compatible vendors, read in
//! autumn 2026.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use serde::Deserialize;

use super::classify::{self, Rule};
use super::header::{self, KeyHeader};
use super::{
    Adapter, Call, Classified, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, Operation, Place,
    TokenRequest, UnfitSecret, Unsigned, key, wording,
};
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;

/// OpenAI's API.
#[derive(Debug)]
pub(super) struct OpenAi;

impl Adapter for OpenAi {
    fn format(&self) -> Format {
        Format::OpenAi
    }

    fn address(&self, place: &Place, _key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        let path = match call.operation {
            Operation::Chat => "/chat/completions",
            Operation::Completion => "/completions",
            Operation::Responses => "/responses",
            Operation::Embeddings => "/embeddings",
            Operation::ListModels => "/models",
            Operation::CountTokens => "/responses/input_tokens",
            Operation::OpenAiOnly(route) => route.path(),
            Operation::Rerank | Operation::EmbeddingBatch | Operation::Predict | Operation::Invoke => {
                return Err(NoAddress::Unsupported);
            }
        };
        Ok(place.base_url.with_path(path))
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
        key::sign(place, KeyHeader::Authorization, secret, key, request.headers)
    }

    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or_else(|| KeyHeader::Authorization.name()))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        classify::classify(&[RULES], status, headers, body, now)
    }

    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList> {
        read_models(body)
    }

    fn free_check(&self, _kind: CredentialType) -> FreeCheck {
        FreeCheck::ModelList
    }

    fn paid_check(&self, model: &str) -> Bytes {
        paid_check(model)
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        forwards_request_header(name)
    }

    fn belongs_to_the_key(&self, name: &str) -> bool {
        belongs_to_the_key(name)
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        forwards_response_header(name)
    }
}

/// What OpenAI's list of models names, and that of the compatible vendors: Together has the bare array, Ollama `null` for an empty one.
pub(super) fn read_models(body: &[u8]) -> Result<ModelPage, NotAModelList> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Data { data: Vec<Model> },
        Empty { object: String, data: () },
        Bare(Vec<Model>),
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    let models = match serde_json::from_slice(body).map_err(|_| NotAModelList)? {
        List::Data { data } => data,
        List::Empty { object, data: () } if object == "list" => Vec::new(),
        // Any API may answer with an empty array.
        List::Bare(models) if !models.is_empty() => models,
        List::Empty { .. } | List::Bare(_) => return Err(NotAModelList),
    };
    Ok(ModelPage { models: models.into_iter().map(|model| model.id).collect(), next: None })
}

/// Without a limit of tokens, which has one name with new models and another with old ones and some vendors; the answer is short anyway.
pub(super) fn paid_check(model: &str) -> Bytes {
    let message = serde_json::json!({"role": "user", "content": "Say ok."});
    serde_json::json!({"model": model, "messages": [message]}).to_string().into()
}

pub(super) fn forwards_request_header(name: &str) -> bool {
    header::goes_up(name)
        || name == "idempotency-key"
        || name.starts_with("openai-")
        || name.starts_with("x-stainless-")
}

pub(super) fn belongs_to_the_key(name: &str) -> bool {
    matches!(name, "openai-organization" | "openai-project")
}

pub(super) fn forwards_response_header(name: &str) -> bool {
    header::comes_down(name) || name.starts_with("openai-") || name.starts_with("x-ratelimit-")
}

/// What OpenAI's errors mean, and those of the compatible vendors where they differ.
pub(super) const RULES: &[Rule] = &[
    Rule::code("insufficient_quota", Failure::Exhausted),
    Rule::code("billing_hard_limit_reached", Failure::Exhausted),
    Rule::code("credit_balance_exhausted", Failure::Exhausted),
    // Fireworks: the account is suspended, as its limit of spending is reached or its invoices are not paid.
    Rule::code("PRECONDITION_FAILED", Failure::Exhausted).with(&[412]),
    Rule::code("invalid_api_key", Failure::Rejected),
    Rule::code("invalid_organization", Failure::Rejected).with(&[401, 403]),
    Rule::code("mismatched_organization", Failure::Rejected).with(&[401, 403]),
    Rule::code("mismatched_project", Failure::Rejected).with(&[401, 403]),
    Rule::code("ip_not_authorized", Failure::Rejected).with(&[401, 403]),
    // Groq: the organization is restricted, whatever the key.
    Rule::code("organization_restricted", Failure::Rejected),
    Rule::wording(wording::MISSING_SCOPES, Failure::Denied).with(&[401, 403]),
    Rule::wording(wording::INSUFFICIENT_PERMISSIONS, Failure::Denied).with(&[401, 403]),
    // The egress region or a policy: another credential of the same account would meet the same.
    Rule::code("unsupported_country_region_territory", Failure::CallersFault).with(&[403]),
    Rule::code("content_policy_violation", Failure::CallersFault),
    Rule::code("context_length_exceeded", Failure::CallersFault),
    // OpenRouter: the prompt was flagged, or the model's provider refused it.
    Rule::code("flagged_input", Failure::CallersFault).with(&[403]),
    Rule::code("refusal", Failure::CallersFault).with(&[403]),
    // OpenRouter: a caller who asks for more than is left does not empty an account. Another credential may have more.
    Rule::wording(wording::AFFORDS_NOTHING, Failure::Exhausted).with(&[402]),
    Rule::opening(wording::FEWER_MAX_TOKENS, Failure::Denied).with(&[402]),
    Rule::opening(wording::PROMPT_TOKENS_LIMIT, Failure::Denied).with(&[402]),
    // xAI answers 400 to a bad key, 403 to a bad prompt.
    Rule::opening(wording::INCORRECT_API_KEY, Failure::Rejected).with(&[400]),
    Rule::wording(wording::VIOLATES_GUIDELINES, Failure::CallersFault).with(&[403]),
    Rule::wording(wording::USED_ALL_CREDITS, Failure::Exhausted).with(&[403, 429]),
    Rule::wording(wording::NO_CREDITS_YET, Failure::Exhausted).with(&[403, 429]),
    Rule::code("model_not_found", Failure::Denied).with(&[400, 403, 404]),
    // Ollama and vLLM: a model that is not there. A wrong path has no such code.
    Rule::code("not_found_error", Failure::Denied).with(&[404]),
    Rule::code("NotFoundError", Failure::Denied).with(&[404]),
    // NVIDIA lists models that an account may not use.
    Rule::wording(wording::NOT_FOUND_FOR_ACCOUNT, Failure::Denied).with(&[404]),
    Rule::code("slow_down", Failure::Overloaded).with(&[429, 503]),
    Rule::code("engine_overloaded", Failure::Overloaded).with(&[429, 503]),
    Rule::code("server_is_overloaded", Failure::Overloaded).with(&[429, 503]),
    Rule::code("rate_limit_exceeded", Failure::RateLimited).with(&[429]),
    // Groq's flex tier has no capacity left.
    Rule::status(&[498], Failure::RateLimited),
];

#[cfg(test)]
mod tests;
