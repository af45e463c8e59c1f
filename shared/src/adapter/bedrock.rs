//! Amazon Bedrock's Converse.
//!
//! A request is signed with an access key pair (Signature Version 4) or carries a Bedrock API key. Chats go to the runtime's host, the list
//! of models to the control host of the same region. Only for Amazon's own hosts is the one known from the other; an endpoint of one's own
//! gets everything, because no value may go to a host that nobody configured.
//!
//! Source: docs.aws.amazon.com/bedrock (API reference: Converse, ListFoundationModels, common errors; endpoints), read in autumn 2026.

mod host;
mod sigv4;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::Deserialize;

use self::host::RuntimeHost;
use self::sigv4::Scope;
use super::classify::{self, Rule};
use super::error_body::ErrorBody;
use super::header::{self, KeyHeader};
use super::{
    Adapter, AdapterKind, Call, Classified, Delivery, Format, FreeCheck, Key, ModelPage, NoAddress, NotAModelList,
    Operation, Place, TokenRequest, UnfitSecret, Unsigned, key, segment, wording,
};
use crate::credential::{CredentialType, CredentialValue};
use crate::failure::Failure;

/// Signatures name it for both of Bedrock's hosts.
const SERVICE: &str = "bedrock";

/// Amazon refuses signatures that are five minutes off; a clock that is nearly so may have been it when the request was signed.
const SKEW: Duration = Duration::from_secs(270);

/// Amazon Bedrock's Converse.
#[derive(Debug)]
pub(super) struct Bedrock;

impl Adapter for Bedrock {
    fn format(&self) -> Format {
        Format::Bedrock
    }

    fn address(&self, place: &Place, key: Option<CredentialType>, call: Call<'_>) -> Result<Uri, NoAddress> {
        if key == Some(CredentialType::AccessKeyPair) && region(place).is_none() {
            return Err(NoAddress::Lacks("region"));
        }
        let method = match (call.operation, call.delivery) {
            (Operation::Chat, Delivery::Whole) => "converse",
            (Operation::Chat, Delivery::Stream) => "converse-stream",
            (Operation::CountTokens, _) => "count-tokens",
            (Operation::ListModels, _) => return Ok(list_address(place)),
            (Operation::Invoke, Delivery::Whole) => "invoke",
            (Operation::Invoke, Delivery::Stream) => "invoke-with-response-stream",
            (
                Operation::Completion
                | Operation::Responses
                | Operation::Embeddings
                | Operation::EmbeddingBatch
                | Operation::Predict
                | Operation::Rerank
                | Operation::OpenAiOnly(_),
                _,
            ) => return Err(NoAddress::Unsupported),
        };
        Ok(place.base_url.with_path(&format!("/model/{}/{method}", segment::model(call.model)?)))
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
        match key.value {
            CredentialValue::ApiKey(secret) => key::sign(place, KeyHeader::Authorization, secret, key, request.headers),
            CredentialValue::AccessKeyPair(pair) => {
                let region = region(place).ok_or(UnfitSecret)?;
                key::sign_without(place, key, request.headers)?;
                keep_what_signs_alike(request.headers);
                sigv4::sign(pair, Scope { region, service: SERVICE }, request)
            }
            CredentialValue::ServiceAccount(_) | CredentialValue::ClientSecret(_) => Err(UnfitSecret),
        }
    }

    /// A caller's own key can only be a Bedrock API key: their signature would be for another host.
    fn own_key_header(&self, place: &Place) -> Option<HeaderName> {
        Some(place.key_header.clone().unwrap_or(AUTHORIZATION))
    }

    fn classify(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Classified> {
        let error = read_error(status, headers, body)?;
        let mut classified = classify::classify_error(&[RULES], status, headers, &error, now);
        if error.has_code("InvalidSignatureException") && is_clock_off(headers, now) {
            // Our clock is at fault: every key would meet the same.
            classified.failure = Failure::ServerError;
        }
        Some(classified)
    }

    fn free_check(&self, kind: CredentialType) -> FreeCheck {
        match kind {
            CredentialType::ApiKey | CredentialType::AccessKeyPair => FreeCheck::ModelList,
            CredentialType::ServiceAccount | CredentialType::ClientSecret => FreeCheck::None,
        }
    }

    /// The list has one page. It is a catalog: it says nothing of what the account may use.
    fn read_models(&self, body: &[u8]) -> Result<ModelPage, NotAModelList> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct List {
            model_summaries: Vec<Model>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Model {
            model_id: String,
        }
        let list: List = serde_json::from_slice(body).map_err(|_| NotAModelList)?;
        Ok(ModelPage { models: list.model_summaries.into_iter().map(|model| model.model_id).collect(), next: None })
    }

    /// The model stands in the URL.
    fn paid_check(&self, _model: &str) -> Bytes {
        let message = serde_json::json!({"role": "user", "content": [{"text": "Say ok."}]});
        serde_json::json!({"messages": [message], "inferenceConfig": {"maxTokens": 16}}).to_string().into()
    }

    fn forwards_request_header(&self, name: &str) -> bool {
        header::goes_up(name) || name.starts_with("x-amzn-bedrock-")
    }

    fn forwards_response_header(&self, name: &str) -> bool {
        header::comes_down(name) || matches!(name, "x-amzn-requestid") || name.starts_with("x-amzn-bedrock-")
    }
}

/// Takes out what a caller could write so that Amazon reads it differently than we sign it: a signature that is refused takes the pair out.
/// The body is JSON, whatever its caller says.
fn keep_what_signs_alike(headers: &mut HeaderMap) {
    let is_plain = |name: &HeaderName, headers: &HeaderMap| {
        let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let first = values.next().unwrap_or_default();
        let is_visible = first.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'"');
        values.next().is_none() && is_visible && !first.windows(2).any(|pair| pair == b"  ")
    };
    let odd: Vec<_> =
        headers.keys().filter(|name| sigv4::is_signed(name) && !is_plain(name, headers)).cloned().collect();
    for name in odd {
        headers.remove(&name);
        if name == CONTENT_TYPE {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
}

/// The region that signatures name.
fn region(place: &Place) -> Option<&str> {
    let named = place.settings.signing_region.as_deref().or(place.region.as_deref());
    named.or_else(|| place.base_url.region(AdapterKind::Bedrock))
}

/// The list of models is the control host's, if the base URL is nothing but the runtime's host.
fn list_address(place: &Place) -> Uri {
    const PATH: &str = "/foundation-models";
    let runtime = RuntimeHost::of(place.base_url.host());
    // With a port, a path or plain http it is somebody's own endpoint.
    let runtime = runtime.filter(|_| place.base_url.as_str() == format!("https://{}", place.base_url.host()));
    let control = runtime.and_then(|runtime| format!("https://{}{PATH}", runtime.control()).parse().ok());
    control.unwrap_or_else(|| place.base_url.with_path(PATH))
}

/// The error of an answer: its type from the header or from the body. `None` for a success.
fn read_error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<ErrorBody> {
    #[derive(Deserialize, Default)]
    struct Body {
        #[serde(rename = "__type")]
        kind: Option<String>,
        message: Option<String>,
        #[serde(rename = "Message")]
        other_message: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wrapped {
        output: Body,
    }
    // A wrong path can be answered with 200 and such a document; no answer of Converse begins like it.
    const WRAPPING: &[u8] = br#"{"Output":{"__type""#;
    let in_body = if body.starts_with(WRAPPING) {
        serde_json::from_slice(body).map(|wrapped: Wrapped| wrapped.output).unwrap_or_default()
    } else if status.is_success() {
        return None;
    } else {
        serde_json::from_slice(body).unwrap_or_default()
    };
    let in_header = headers.get("x-amzn-errortype").and_then(|kind| kind.to_str().ok());
    let kind = in_header.or(in_body.kind.as_deref()).unwrap_or_default();
    // `com.amazon.coral.service#ThrottlingException:http://internal.amazon.com/…`: the name stands between the two.
    let kind = kind.split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    Some(ErrorBody::of(kind, &in_body.message.or(in_body.other_message).unwrap_or_default()))
}

/// Whether the upstream's clock and ours differ by so much that a signature is refused for it. An `InvalidSignatureException` has no other
/// word for it.
fn is_clock_off(headers: &HeaderMap, now: SystemTime) -> bool {
    let date =
        headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(|date| httpdate::parse_http_date(date).ok());
    date.is_some_and(|date| {
        let difference = date.duration_since(now).unwrap_or_else(|earlier| earlier.duration());
        difference > SKEW
    })
}

/// What Bedrock's errors mean.
const RULES: &[Rule] = &[
    Rule::code("UnrecognizedClientException", Failure::Rejected),
    Rule::code("InvalidSignatureException", Failure::Rejected),
    Rule::code("SignatureDoesNotMatch", Failure::Rejected),
    Rule::code("ExpiredTokenException", Failure::Rejected),
    Rule::code("ExpiredToken", Failure::Rejected),
    Rule::code("IncompleteSignatureException", Failure::Rejected),
    Rule::code("IncompleteSignature", Failure::Rejected),
    Rule::code("MissingAuthenticationTokenException", Failure::Rejected),
    Rule::code("MissingAuthenticationToken", Failure::Rejected),
    Rule::code("InvalidClientTokenId", Failure::Rejected),
    // The clock's fault: every key would meet the same.
    Rule::code("RequestTimeTooSkewed", Failure::ServerError),
    Rule::code("RequestExpired", Failure::ServerError),
    Rule::wording(wording::AUTHENTICATION_FAILED, Failure::Rejected).with(&[401, 403]),
    Rule::wording(wording::BEARER_TOKEN_EXPIRED, Failure::Rejected).with(&[401, 403]),
    Rule::code("AccessDeniedException", Failure::Denied),
    Rule::code("ServiceQuotaExceededException", Failure::Exhausted),
    Rule::code("ThrottlingException", Failure::RateLimited),
    Rule::code("TooManyRequestsException", Failure::RateLimited),
    // It is being loaded, and every key would wait for it.
    Rule::code("ModelNotReadyException", Failure::Overloaded),
    Rule::code("ServiceUnavailableException", Failure::Overloaded),
    Rule::code("ModelTimeoutException", Failure::TimedOut),
    Rule::code("ModelErrorException", Failure::ServerError),
    Rule::code("ModelStreamErrorException", Failure::ServerError),
    Rule::code("InternalServerException", Failure::ServerError),
    Rule::code("InternalFailure", Failure::ServerError),
    Rule::code("ResourceNotFoundException", Failure::Denied),
    Rule::code("ValidationException", Failure::CallersFault),
    // A base URL that is none of Bedrock's: no caller can do anything about it, whatever the status.
    Rule::code("UnknownOperationException", Failure::ServerError),
    Rule::status(&[424], Failure::ServerError),
];

#[cfg(test)]
mod tests;
