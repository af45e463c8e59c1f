//! Cohere's API, version 2.
//!
//! Source: docs.cohere.com/reference (chat, embed, rerank, list models, errors), read in autumn 2026. Errors are `{"id", "message"}`,
//! without codes: the status says what there is to know.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use serde::Deserialize;

use super::classify::{self, Rule};
use super::header::{self, KeyHeader};
use super::{
    Adapter, Call, Classified, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, Operation, Place,
    TokenRequest, UnfitSecret, Unsigned, key, segment, wording,
};
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;

/// Cohere's API.
#[derive(Debug)]
pub(super) struct Cohere;

impl Adapter for Cohere {
    fn format(&self) -> Format {
        Format::Cohere
    }

    fn address(&self, place: &Place, _key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        let path = match call.operation {
            Operation::Chat => "/v2/chat".to_owned(),
            Operation::Embeddings => "/v2/embed".to_owned(),
            Operation::Rerank => "/v2/rerank".to_owned(),
            // There is none in version 2.
            Operation::ListModels => match call.page {
                None => "/v1/models?page_size=1000".to_owned(),
                Some(page) => format!("/v1/models?page_size=1000&page_token={}", segment::escaped(page)),
            },
            Operation::Completion
            | Operation::Responses
            | Operation::CountTokens
            | Operation::EmbeddingBatch
            | Operation::Predict
            | Operation::Invoke
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
        key::sign(place, KeyHeader::Authorization, secret, key, request.headers)
    }

    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or_else(|| KeyHeader::Authorization.name()))
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
            models: Vec<Model>,
            next_page_token: Option<String>,
        }
        #[derive(Deserialize)]
        struct Model {
            name: String,
        }
        let list: List = serde_json::from_slice(body).map_err(|_| NotAModelList)?;
        let next = list.next_page_token.filter(|token| !token.is_empty());
        Ok(ModelPage { models: list.models.into_iter().map(|model| model.name).collect(), next })
    }

    fn paid_check(&self, model: &str) -> Bytes {
        let message = serde_json::json!({"role": "user", "content": "Say ok."});
        serde_json::json!({"model": model, "max_tokens": 16, "messages": [message]}).to_string().into()
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        header::goes_up(name) || name == "x-client-name"
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        header::comes_down(name)
            || name == "x-api-warning"
            || name.starts_with("x-endpoint-monthly-call-")
            || name.starts_with("x-trial-endpoint-call-")
    }
}

/// What Cohere's errors mean.
const RULES: &[Rule] = &[
    Rule::wording(wording::CALLS_OF_THE_MONTH, Failure::Exhausted).with(&[429]),
    // A model that is not there, or not for this key; a page of an edge proxy is no such answer.
    Rule::message(&[404], Failure::Denied),
    // A prompt that the usage guidelines forbid.
    Rule::status(&[498], Failure::CallersFault),
];

#[cfg(test)]
mod tests;
