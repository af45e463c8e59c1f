//! OpenAI's API at Azure's URLs.
//!
//! Azure has two styles. The dated one names the deployment in the path and the version in the query; version 1 is OpenAI's own API below
//! `/openai/v1`, with the deployment as the body's `model`. Which one a provider speaks, the first of these says:
//!
//! | `api_version` of `config` | base URL | style |
//! | --- | --- | --- |
//! | `v1` | any | version 1 |
//! | `preview` | any | version 1 with `api-version=preview` |
//! | a date | any | dated, with that version |
//! | absent | ends with `/openai/v1` | version 1 |
//! | absent | other | dated, 2024-10-21 |
//!
//! Source: learn.microsoft.com/azure/ai-services/openai (reference, API version lifecycle, managed identity), read in autumn 2026.

mod entra;

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Uri};

use super::classify::{self, Rule};
use super::header::KeyHeader;
use super::{
    Adapter, Call, Classified, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, OpenAiApi, Operation,
    Place, TokenRequest, UnfitSecret, Unsigned, is_plain_path, key, openai, segment, wording,
};
use crate::base_url::BaseUrl;
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;

/// The version of the dated style that is asked for where the provider names none.
const DEFAULT_VERSION: &str = "2024-10-21";
/// The first version of the dated style that has responses.
const FIRST_WITH_RESPONSES: &str = "2025-03-01-preview";
/// Where version 1 is, below a resource.
const V1_PATH: &str = "/openai/v1";

/// OpenAI's API at Azure's URLs.
#[derive(Debug)]
pub(super) struct AzureOpenAi;

/// How a provider's URLs are made.
enum Style<'a> {
    Dated { version: &'a str },
    V1 { query: &'static str },
}

impl<'a> Style<'a> {
    fn of(place: &'a Place) -> Self {
        match place.settings.api_version.as_deref() {
            Some("v1") => Self::V1 { query: "" },
            Some("preview") => Self::V1 { query: "?api-version=preview" },
            Some(version) => Self::Dated { version },
            None if place.base_url.path().ends_with(V1_PATH) => Self::V1 { query: "" },
            None => Self::Dated { version: DEFAULT_VERSION },
        }
    }
}

impl Adapter for AzureOpenAi {
    fn format(&self) -> Format {
        Format::OpenAi
    }

    fn address(&self, place: &Place, _key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        let resource = place.base_url.without_ending(V1_PATH);
        match Style::of(place) {
            Style::V1 { query } => v1_address(&resource, query, call),
            Style::Dated { version } => dated_address(&resource, version, call),
        }
    }

    /// Below what version 1 or the dated style puts before every path that names no deployment.
    fn address_below(&self, place: &Place, path: &str) -> Result<Uri, NoAddress> {
        if !is_plain_path(path) {
            return Err(NoAddress::Path);
        }
        let resource = place.base_url.without_ending(V1_PATH);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (prefix, version) = match Style::of(place) {
            Style::V1 { query } => (V1_PATH, query.trim_start_matches('?').to_owned()),
            Style::Dated { version } => ("/openai", format!("api-version={}", segment::escaped(version))),
        };
        // The caller's version would be another API than the provider is set up for.
        let others = segment::query_without(query, "api-version");
        let query: Vec<&str> = others.chain((!version.is_empty()).then_some(version.as_str())).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        Ok(resource.with_path(&format!("{prefix}{path}{query}")))
    }

    fn openai_api(&self, place: &Place) -> Option<OpenAiApi> {
        match Style::of(place) {
            // Versions are dates, and sort as they are written.
            Style::Dated { version } if version < FIRST_WITH_RESPONSES => Some(OpenAiApi::Chat),
            Style::Dated { .. } | Style::V1 { .. } => None,
        }
    }

    fn token_request(
        &self,
        place: &Place,
        value: &CredentialValue,
        _now: SystemTime,
    ) -> Result<Option<TokenRequest>, UnfitSecret> {
        match value {
            CredentialValue::ClientSecret(client) => entra::token_request(&place.base_url, client).map(Some),
            CredentialValue::ApiKey(_) => Ok(None),
            CredentialValue::AccessKeyPair(_) | CredentialValue::ServiceAccount(_) => Err(UnfitSecret),
        }
    }

    fn sign(&self, place: &Place, key: Key<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret> {
        match key.value {
            CredentialValue::ApiKey(secret) => key::sign(place, KeyHeader::ApiKey, secret, key, request.headers),
            CredentialValue::ClientSecret(_) => key::sign_with_token(place, key, request.headers),
            CredentialValue::AccessKeyPair(_) | CredentialValue::ServiceAccount(_) => Err(UnfitSecret),
        }
    }

    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or_else(|| KeyHeader::ApiKey.name()))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        classify::classify(&[RULES, openai::RULES], status, headers, body, now)
    }

    /// The list names the models that the resource could deploy, so it proves the key and nothing of a deployment.
    fn free_check(&self, _kind: CredentialType) -> FreeCheck {
        FreeCheck::ModelList
    }

    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList> {
        openai::read_models(body)
    }

    fn paid_check(&self, model: &str) -> Bytes {
        openai::paid_check(model)
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        openai::forwards_request_header(name) || name == "x-ms-client-request-id"
    }

    fn belongs_to_the_key(&self, name: &str) -> bool {
        openai::belongs_to_the_key(name)
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        openai::forwards_response_header(name)
            || matches!(name, "apim-request-id" | "x-ms-client-request-id" | "x-ms-region")
    }
}

fn v1_address(resource: &BaseUrl, query: &str, call: Call<'_>) -> Result<Uri, NoAddress> {
    let path = match call.operation {
        Operation::Chat => "chat/completions",
        Operation::Completion => "completions",
        Operation::Responses => "responses",
        Operation::Embeddings => "embeddings",
        Operation::ListModels => "models",
        Operation::CountTokens => "responses/input_tokens",
        Operation::OpenAiOnly(route) => route.path().trim_start_matches('/'),
        Operation::Rerank | Operation::EmbeddingBatch | Operation::Predict | Operation::Invoke => {
            return Err(NoAddress::Unsupported);
        }
    };
    Ok(resource.with_path(&format!("{V1_PATH}/{path}{query}")))
}

fn dated_address(resource: &BaseUrl, version: &str, call: Call<'_>) -> Result<Uri, NoAddress> {
    let of_deployment = |path: &str| Ok(format!("/openai/deployments/{}/{path}", segment::model(call.model)?));
    let path = match call.operation {
        Operation::Chat => of_deployment("chat/completions")?,
        Operation::Completion => of_deployment("completions")?,
        Operation::Embeddings => of_deployment("embeddings")?,
        // The deployment is the body's `model`.
        Operation::Responses => "/openai/responses".to_owned(),
        Operation::CountTokens => "/openai/responses/input_tokens".to_owned(),
        Operation::OpenAiOnly(route) => of_deployment(route.path().trim_start_matches('/'))?,
        Operation::ListModels => "/openai/models".to_owned(),
        Operation::Rerank | Operation::EmbeddingBatch | Operation::Predict | Operation::Invoke => {
            return Err(NoAddress::Unsupported);
        }
    };
    Ok(resource.with_path(&format!("{path}?api-version={}", segment::escaped(version))))
}

/// What Azure's own errors mean; OpenAI's come through beside them.
const RULES: &[Rule] = &[
    Rule::code("content_filter", Failure::CallersFault),
    Rule::code("ResponsibleAIPolicyViolation", Failure::CallersFault),
    // Rules of the resource's network are no fault of the key; another target may well be in reach.
    Rule::wording(wording::FIREWALL_RULES, Failure::Unreachable).with(&[403]),
    Rule::code("Forbidden", Failure::Unreachable).with(&[403]),
    // The resource takes no keys, or no tokens: this credential is of no use to it.
    Rule::code("AuthenticationTypeDisabled", Failure::Rejected),
    Rule::wording(wording::LACKS_DATA_ACTION, Failure::Denied).with(&[401, 403]),
    Rule::code("PermissionDenied", Failure::Rejected).with(&[401]),
    Rule::code("PermissionDenied", Failure::Denied).with(&[403]),
    Rule::code("Unauthorized", Failure::Rejected).with(&[401]),
    Rule::code("DeploymentNotFound", Failure::Denied),
    Rule::code("RateLimitReached", Failure::RateLimited).with(&[429]),
    Rule::code("TooManyRequests", Failure::RateLimited).with(&[429]),
];

#[cfg(test)]
mod tests;
