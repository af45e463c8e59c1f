//! OpenAI's API, and everything that is compatible with it.
//!
//! Source: platform.openai.com/docs/api-reference (errors, rate limits, models), read in autumn 2026.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Adapter, Call, Classified, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList, Operation, Place,
    TokenRequest, UnfitSecret, Unsigned, hint,
};
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;
use crate::secret::Secret;

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
            Operation::CountTokens | Operation::Rerank => return Err(NoAddress::Unsupported),
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

    fn sign(&self, _place: &Place, key: Key<'_>, request: Unsigned<'_>) -> Result<(), UnfitSecret> {
        let CredentialValue::ApiKey(secret) = key.value else { return Err(UnfitSecret) };
        // A copy of a secret is one too, and is zeroized when the request is gone.
        let bearer = Secret::new([b"Bearer ".as_slice(), secret.expose()].concat());
        let mut value = HeaderValue::from_maybe_shared(bearer.expose_shared()).map_err(|_| UnfitSecret)?;
        value.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or(AUTHORIZATION))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        if status.is_success() {
            return None;
        }
        let error = ErrorBody::read(body);
        let provider_code = error.known_code();
        let failure = match (status.as_u16(), provider_code) {
            (_, Some("insufficient_quota" | "billing_hard_limit_reached" | "credit_balance_exhausted")) | (402, _) => {
                Failure::Exhausted
            }
            (_, Some("invalid_api_key")) => Failure::Rejected,
            (401 | 403, _) if error.names_a_missing_scope() => Failure::Denied,
            (401, _) => Failure::Rejected,
            // The egress region or a policy: another credential of the same account would meet the same.
            (403, Some("unsupported_country_region_territory" | "content_policy_violation")) => Failure::CallersFault,
            (403, _) => Failure::Denied,
            // xAI answers 400 to a bad key.
            (400, _) if error.says_incorrect_key() => Failure::Rejected,
            (404, Some("model_not_found")) => Failure::Denied,
            (429, Some("slow_down")) | (503 | 529, _) => Failure::Overloaded,
            (429 | 498, _) => Failure::RateLimited,
            (408, _) => Failure::TimedOut,
            (400..=499, _) => Failure::CallersFault,
            // Redirects too: they are not followed, and no caller can do anything about one.
            _ => Failure::ServerError,
        };
        Some(Classified { failure, retry_after: hint::retry_after(headers, now), provider_code })
    }

    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }
        let list: List = serde_json::from_slice(body).map_err(|_| NotAModelList)?;
        Ok(ModelPage { models: list.data.into_iter().map(|model| model.id).collect(), next: None })
    }

    fn free_check(&self, _kind: CredentialType) -> FreeCheck {
        FreeCheck::ModelList
    }

    fn paid_check(&self, model: &str) -> Bytes {
        let message = serde_json::json!({"role": "user", "content": "Say ok."});
        let body = serde_json::json!({"model": model, "messages": [message], "max_completion_tokens": 16});
        body.to_string().into()
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        matches!(name, "content-type" | "accept" | "user-agent" | "idempotency-key" | "traceparent" | "tracestate")
            || name.starts_with("openai-")
            || name.starts_with("x-stainless-")
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        matches!(name, "content-type" | "cache-control" | "retry-after" | "retry-after-ms")
            || name.starts_with("openai-")
            || name.starts_with("x-ratelimit-")
    }
}

/// The codes that we know: what stands in logs and reports is one of them or nothing, never an upstream's own text.
const CODES: [&str; 15] = [
    "billing_hard_limit_reached",
    "content_policy_violation",
    "context_length_exceeded",
    "credit_balance_exhausted",
    "engine_overloaded",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_organization",
    "ip_not_authorized",
    "mismatched_project",
    "model_not_found",
    "rate_limit_exceeded",
    "server_is_overloaded",
    "slow_down",
    "unsupported_country_region_territory",
];

/// `{"error": {"message", "type", "code"}}`, a one-element array of it, or xAI's `{"error": "message"}`, as far as it can be read.
#[derive(Default)]
struct ErrorBody {
    message: String,
    kind: String,
    code: String,
}

impl ErrorBody {
    fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body.get(0).unwrap_or(&body)["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match error {
            Value::String(message) => Self { message: message.clone(), ..Self::default() },
            error => Self { message: text(&error["message"]), kind: text(&error["type"]), code: text(&error["code"]) },
        }
    }

    fn known_code(&self) -> Option<&'static str> {
        CODES.into_iter().find(|known| *known == self.code || *known == self.kind)
    }

    /// A restricted key: it is valid, but not for this endpoint. OpenAI has no code for it.
    fn names_a_missing_scope(&self) -> bool {
        self.message_has("missing scopes") || self.message_has("insufficient permissions")
    }

    fn says_incorrect_key(&self) -> bool {
        self.message_has("incorrect api key")
    }

    fn message_has(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(words)
    }
}

#[cfg(test)]
mod tests;
