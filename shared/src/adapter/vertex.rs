//! Gemini's API at Vertex AI's URLs.
//!
//! A service account's tokens go with paths that name project and location; an API key (express mode) with paths that name neither.
//!
//! Source: cloud.google.com/vertex-ai (REST reference, locations, express mode), read in autumn 2026.

mod assertion;

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Uri};

use super::classify;
use super::header::{self, KeyHeader};
use super::{
    Adapter, AdapterKind, Call, Classified, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, Operation,
    Place, TokenRequest, UnfitSecret, Unsigned, gemini, key, segment,
};
use crate::credential::{CredentialType, CredentialValue};

/// Gemini's API at Vertex AI's URLs.
#[derive(Debug)]
pub(super) struct Vertex;

impl Adapter for Vertex {
    fn format(&self) -> Format {
        Format::Gemini
    }

    /// Of a key of no known type, the provider's project tells which of the two ways it goes.
    fn address(&self, place: &Place, key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        // The catalog of models needs a token and says nothing of what a project may use, so there is no list.
        let method = match call.operation {
            Operation::Predict => Some("predict"),
            // Vertex has none of several texts.
            Operation::EmbeddingBatch => None,
            operation => gemini::method(operation, call.delivery),
        };
        let method = method.ok_or(NoAddress::Unsupported)?;
        let project = place.settings.project.as_deref();
        let is_express = match key {
            Some(CredentialType::ApiKey) => true,
            Some(_) => false,
            None => project.is_none(),
        };
        let parent = if is_express {
            String::new()
        } else {
            let project = segment::escaped(project.ok_or(NoAddress::Lacks("project"))?);
            let location = segment::escaped(location(place).ok_or(NoAddress::Lacks("location"))?);
            format!("/projects/{project}/locations/{location}")
        };
        let model = segment::model(call.model)?;
        Ok(place.base_url.with_path(&format!("/v1{parent}/publishers/google/models/{model}:{method}")))
    }

    fn token_request(
        &self,
        _place: &Place,
        value: &CredentialValue,
        now: SystemTime,
    ) -> Result<Option<TokenRequest>, UnfitSecret> {
        match value {
            CredentialValue::ServiceAccount(account) => assertion::token_request(account, now).map(Some),
            CredentialValue::ApiKey(_) => Ok(None),
            CredentialValue::AccessKeyPair(_) | CredentialValue::ClientSecret(_) => Err(UnfitSecret),
        }
    }

    fn sign(&self, place: &Place, key: Key<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret> {
        match key.value {
            CredentialValue::ApiKey(secret) => key::sign(place, KeyHeader::XGoogApiKey, secret, key, request.headers),
            CredentialValue::ServiceAccount(_) => key::sign_with_token(place, key, request.headers),
            CredentialValue::AccessKeyPair(_) | CredentialValue::ClientSecret(_) => Err(UnfitSecret),
        }
    }

    /// A caller's own key is one of express mode.
    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or_else(|| KeyHeader::XGoogApiKey.name()))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        classify::classify(&[gemini::RULES], status, headers, body, now)
    }

    fn free_check(&self, kind: CredentialType) -> FreeCheck {
        match kind {
            CredentialType::ServiceAccount => FreeCheck::TokenMint,
            CredentialType::ApiKey | CredentialType::AccessKeyPair | CredentialType::ClientSecret => FreeCheck::None,
        }
    }

    fn read_models(&self, _body: &[u8]) -> Result<ModelPage, NotAModelList> {
        Err(NotAModelList)
    }

    fn paid_check(&self, _model: &str) -> Bytes {
        gemini::paid_check()
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        gemini::forwards_request_header(name) || name.starts_with("x-vertex-ai-")
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        header::comes_down(name) || name.starts_with("x-vertex-ai-")
    }
}

/// The location in the path: what the provider says, or what its host is for.
fn location(place: &Place) -> Option<&str> {
    let named = place.settings.location.as_deref().or(place.region.as_deref());
    named.or_else(|| place.base_url.region(AdapterKind::Vertex))
}

#[cfg(test)]
mod tests;
