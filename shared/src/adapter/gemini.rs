//! Gemini's API, as AI Studio serves it.
//!
//! Sources: ai.google.dev/api (generate content, models, troubleshooting) and Google's `google.rpc.ErrorInfo` reasons
//! (googleapis/google/api/error_reason.proto), read in autumn 2026.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use serde::Deserialize;

use super::classify::{self, Rule};
use super::header::{self, KeyHeader};
use super::{
    Adapter, Call, Classified, Delivery, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, Operation, Place,
    TokenRequest, UnfitSecret, Unsigned, key, segment, wording,
};
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;

/// Gemini's API.
#[derive(Debug)]
pub(super) struct Gemini;

impl Adapter for Gemini {
    fn format(&self) -> Format {
        Format::Gemini
    }

    fn address(&self, place: &Place, _key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        let path = match call.operation {
            Operation::ListModels => match call.page {
                None => "/v1beta/models?pageSize=1000".to_owned(),
                Some(page) => format!("/v1beta/models?pageSize=1000&pageToken={}", segment::escaped(page)),
            },
            operation => {
                let method = method(operation, call.delivery).ok_or(NoAddress::Unsupported)?;
                format!("/v1beta/models/{}:{method}", segment::model(call.model)?)
            }
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

    /// The key never goes into the URL, where the API would take it too: it would stand in logs and in errors.
    fn sign(&self, place: &Place, key: Key<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret> {
        let CredentialValue::ApiKey(secret) = key.value else { return Err(UnfitSecret) };
        key::sign(place, KeyHeader::XGoogApiKey, secret, key, request.headers)
    }

    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or_else(|| KeyHeader::XGoogApiKey.name()))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        classify::classify(&[RULES], status, headers, body, now)
    }

    fn free_check(&self, _kind: CredentialType) -> FreeCheck {
        FreeCheck::ModelList
    }

    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct List {
            models: Vec<Model>,
            next_page_token: Option<String>,
        }
        #[derive(Deserialize)]
        struct Model {
            name: String,
        }
        let list: List = serde_json::from_slice(body).map_err(|_| NotAModelList)?;
        let name = |model: Model| model.name.strip_prefix("models/").map(str::to_owned).unwrap_or(model.name);
        let next = list.next_page_token.filter(|token| !token.is_empty());
        Ok(ModelPage { models: list.models.into_iter().map(name).collect(), next })
    }

    fn paid_check(&self, _model: &str) -> Bytes {
        paid_check()
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        forwards_request_header(name)
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        header::comes_down(name) || name == "x-gemini-service-tier"
    }
}

/// The method of a model, with its query. Embeddings are of one text: several have a method and a body of their own.
pub(super) fn method(operation: Operation, delivery: Delivery) -> Option<&'static str> {
    match (operation, delivery) {
        (Operation::Chat, Delivery::Whole) => Some("generateContent"),
        // Without `alt=sse` the answer is one JSON array, sent piece by piece.
        (Operation::Chat, Delivery::Stream) => Some("streamGenerateContent?alt=sse"),
        (Operation::CountTokens, _) => Some("countTokens"),
        (Operation::Embeddings, _) => Some("embedContent"),
        (Operation::EmbeddingBatch, _) => Some("batchEmbedContents"),
        (
            Operation::Completion
            | Operation::Responses
            | Operation::Rerank
            | Operation::Predict
            | Operation::Invoke
            | Operation::OpenAiOnly(_)
            | Operation::ListModels,
            _,
        ) => None,
    }
}

/// The model stands in the URL. Thinking counts against the limit, so it leaves room for some.
pub(super) fn paid_check() -> Bytes {
    let content = serde_json::json!({"role": "user", "parts": [{"text": "Say ok."}]});
    serde_json::json!({"contents": [content], "generationConfig": {"maxOutputTokens": 64}}).to_string().into()
}

/// Not `x-goog-user-project`, which would name another account that pays.
pub(super) fn forwards_request_header(name: &str) -> bool {
    header::goes_up(name) || name == "x-goog-api-client"
}

/// What Gemini's errors mean. A reason says more than the status that goes with it: a wrong key is a 400, not a 401.
pub(super) const RULES: &[Rule] = &[
    Rule::code("API_KEY_INVALID", Failure::Rejected),
    Rule::code("ACCESS_TOKEN_EXPIRED", Failure::Rejected),
    Rule::code("ACCESS_TOKEN_TYPE_UNSUPPORTED", Failure::Rejected),
    Rule::code("CREDENTIALS_MISSING", Failure::Rejected),
    Rule::code("ACCOUNT_STATE_INVALID", Failure::Rejected),
    Rule::code("CONSUMER_INVALID", Failure::Rejected),
    Rule::code("CONSUMER_SUSPENDED", Failure::Rejected),
    // Settings of the key or of its project, which shut out every model and every call from here.
    Rule::code("SERVICE_DISABLED", Failure::Rejected),
    Rule::code("API_KEY_SERVICE_BLOCKED", Failure::Rejected),
    Rule::code("API_KEY_IP_ADDRESS_BLOCKED", Failure::Rejected),
    Rule::code("API_KEY_HTTP_REFERRER_BLOCKED", Failure::Rejected),
    Rule::code("API_KEY_ANDROID_APP_BLOCKED", Failure::Rejected),
    Rule::code("API_KEY_IOS_APP_BLOCKED", Failure::Rejected),
    Rule::opening(wording::REPORTED_AS_LEAKED, Failure::Rejected).with(&[400, 403]),
    Rule::code("BILLING_DISABLED", Failure::Exhausted),
    Rule::wording(wording::ENABLE_BILLING, Failure::Exhausted).with(&[400]).beside("FAILED_PRECONDITION"),
    Rule::wording(wording::ENABLE_BILLING, Failure::Exhausted).with(&[403]),
    Rule::wording(wording::CREDITS_DEPLETED, Failure::Exhausted).with(&[402, 403, 429]),
    Rule::code("UNAUTHENTICATED", Failure::Rejected).with(&[401]),
    Rule::code("PERMISSION_DENIED", Failure::Denied).with(&[403]),
    Rule::code("NOT_FOUND", Failure::Denied).with(&[404]),
    Rule::code("RESOURCE_EXHAUSTED", Failure::RateLimited).with(&[429]),
    // The place that we call from, or a setting that the request needs.
    Rule::code("FAILED_PRECONDITION", Failure::CallersFault).with(&[400]),
    Rule::code("INVALID_ARGUMENT", Failure::CallersFault).with(&[400]),
    Rule::code("UNAVAILABLE", Failure::Overloaded).with(&[503]),
    Rule::code("DEADLINE_EXCEEDED", Failure::ServerError).with(&[504]),
    Rule::code("INTERNAL", Failure::ServerError).with(&[500]),
    Rule::code("CANCELLED", Failure::ServerError).with(&[499]),
];

#[cfg(test)]
mod tests;
