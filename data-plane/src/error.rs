//! What can go wrong in a request, whose fault it is, and what the caller is told. Outside messages never hold what an upstream wrote,
//! but for an answer that is the caller's own fault.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use shared::adapter::Format;
use shared::failure::Failure;

use crate::protocol::error::Problem;
use crate::protocol::limits::Refused;
use crate::protocol::route::ScanError;
use crate::protocol::{Unreadable, Unsayable};

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such route.
    #[error("there is no such route; see /v1/models for the models and POST /v1/chat/completions to use one")]
    NoRoute,
    /// The route takes another method.
    #[error("this route takes {allow} only")]
    Method {
        /// The method that it takes.
        allow: &'static str,
    },
    /// The URI is over 8 KiB.
    #[error("the URI is too long")]
    UriTooLong,
    /// The body is over the limit.
    #[error("the body is over {most} bytes")]
    BodyTooLarge {
        /// The limit.
        most: u64,
    },
    /// The body is compressed.
    #[error("send the body without content-encoding")]
    BodyEncoded,
    /// The body did not come.
    #[error("the body did not come in time or was cut")]
    BodyCut,
    /// The body can't be routed.
    #[error(transparent)]
    Body(#[from] ScanError),
    /// The body holds what its format does not allow.
    #[error(transparent)]
    Unreadable(Unreadable),
    /// A field that no target can be told of, and that must not be left out.
    #[error(transparent)]
    Untranslatable(Refused),
    /// Something in the request that no target can be told.
    #[error(transparent)]
    Unsayable(Unsayable),
    /// No caller key.
    #[error("give a caller key, as Authorization: Bearer kp_… or as x-keyplane-key")]
    KeyMissing,
    /// Two keys that differ.
    #[error("two different keys are given; give one, or name the caller key in x-keyplane-key")]
    KeysDiffer,
    /// Nobody's key.
    #[error("this caller key is not known here")]
    KeyInvalid,
    /// Too old a key.
    #[error("this caller key has expired")]
    KeyExpired,
    /// A key that was taken out.
    #[error("this caller key is disabled")]
    KeyDisabled,
    /// This proxy does not have its config yet.
    #[error("this proxy has no configuration yet; try again")]
    NotReady,
    /// No such model.
    #[error("the model {model:?} does not exist here; GET /v1/models lists those that this key may use")]
    ModelUnknown {
        /// The name as asked for, cut.
        model: String,
    },
    /// Not for this key.
    #[error("this caller key may not use the model {model:?}; GET /v1/models lists those that it may use")]
    ModelNotAllowed {
        /// The name as asked for, cut.
        model: String,
    },
    /// Its targets speak other formats.
    #[error(
        "the model {model:?} is served in another format than this route's; use {}",
        route_of(*spoken)
    )]
    OtherFormat {
        /// The name as asked for, cut.
        model: String,
        /// What the first of its targets speaks.
        spoken: Format,
    },
    /// The provider's API has no such operation.
    #[error("the provider {provider} has no such operation; {} is one that it may have", route_of(*format))]
    Unsupported {
        /// The last provider's id.
        provider: String,
        /// What the caller speaks.
        format: Format,
    },
    /// No such provider.
    #[error("there is no provider {provider:?} here that can be called by its own paths")]
    NoProvider {
        /// The id as asked for, cut.
        provider: String,
    },
    /// Not for this key, or not all of it.
    #[error(
        "the provider {provider:?} can't be called by its own paths: the caller key has to allow {provider}/*, and the provider to expose \
         all of its models"
    )]
    ProviderNotAllowed {
        /// The id as asked for, cut.
        provider: String,
    },
    /// No provider has what a path means, for this key.
    #[error(
        "this caller key can call no provider of OpenAI's format by its own paths: it has to allow {{provider}}/*, and the provider to expose \
         all of its models"
    )]
    NoOpenProvider,
    /// There are several providers that a path may mean.
    #[error(
        "several providers may be meant: name the one of OpenAI's format whose this is by its id, in the header {header}"
    )]
    ProviderUnnamed {
        /// Where it is named.
        header: HeaderName,
    },
    /// An array of answers was asked for.
    #[error("ask for the stream as server-sent events, with ?alt=sse")]
    NotEvents,
    /// The provider takes its callers' own keys, and there is none.
    #[error("this provider takes your own key: give it in the header {header}, and the caller key in x-keyplane-key")]
    OwnKeyMissing {
        /// Where the provider wants it.
        header: HeaderName,
    },
    /// The provider has no such model, for none of our credentials.
    #[error("the provider {provider} has no model for {model:?} that our credentials may use")]
    ModelMissing {
        /// The name as asked for, cut.
        model: String,
        /// The last provider's id.
        provider: String,
    },
    /// Nothing can serve the model.
    #[error("nothing serves the model {model:?} now: its providers are disabled or gone")]
    NoTarget {
        /// The name as asked for, cut.
        model: String,
    },
    /// Every credential is out, or there is none.
    #[error("no credential can serve the model {model:?} now; your caller key is fine")]
    NoCredential {
        /// The name as asked for, cut.
        model: String,
        /// The shortest wait, if waiting helps.
        retry_after: Option<Duration>,
        /// All of them are asked too often.
        rate_limited: bool,
    },
    /// The provider refused our credentials.
    #[error("the provider {provider} refused our credentials; your caller key is fine")]
    UpstreamAuth {
        /// The last provider's id.
        provider: String,
    },
    /// The provider failed.
    #[error("the provider {provider} could not serve this request: {}", failure.word())]
    Upstream {
        /// The last provider's id.
        provider: String,
        /// The last failure.
        failure: Failure,
        /// What the provider asked to wait.
        retry_after: Option<Duration>,
    },
    /// The request is at fault, and the provider says how.
    #[error("the provider refused the request")]
    CallersFault(Box<Fault>),
    /// A bug of ours.
    #[error("something went wrong inside the proxy")]
    Internal,
}

/// A provider's answer to a request that is at fault, as far as callers get it.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The provider's status.
    pub(crate) status: StatusCode,
    /// Those of its headers that callers get.
    pub(crate) headers: HeaderMap,
    /// Its error, remade.
    pub(crate) body: Bytes,
}

impl Refusal {
    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute | Self::ModelUnknown { .. } | Self::ModelMissing { .. } | Self::NoProvider { .. } => {
                StatusCode::NOT_FOUND
            }
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyCut => StatusCode::REQUEST_TIMEOUT,
            Self::Body(_)
            | Self::Unreadable(_)
            | Self::Untranslatable(_)
            | Self::Unsayable(_)
            | Self::KeysDiffer
            | Self::OtherFormat { .. }
            | Self::Unsupported { .. }
            | Self::ProviderUnnamed { .. }
            | Self::NotEvents => StatusCode::BAD_REQUEST,
            Self::KeyMissing | Self::KeyInvalid | Self::KeyExpired | Self::KeyDisabled | Self::OwnKeyMissing { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::ModelNotAllowed { .. } | Self::ProviderNotAllowed { .. } | Self::NoOpenProvider => {
                StatusCode::FORBIDDEN
            }
            Self::NotReady | Self::NoTarget { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoCredential { rate_limited: true, .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoCredential { rate_limited: false, .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamAuth { .. } => StatusCode::BAD_GATEWAY,
            Self::Upstream { failure, .. } => upstream_status(*failure),
            Self::CallersFault(fault) => fault.status,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code, as the body and the metrics have it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoRoute => "route_not_found",
            Self::Method { .. } => "method_not_allowed",
            Self::UriTooLong => "uri_too_long",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyEncoded => "body_encoded",
            Self::BodyCut => "body_cut",
            Self::Body(_) | Self::Unreadable(_) => "body_invalid",
            Self::Untranslatable(_) | Self::Unsayable(_) => "field_not_translatable",
            Self::KeyMissing | Self::KeysDiffer | Self::KeyInvalid => "caller_key_invalid",
            Self::KeyExpired => "caller_key_expired",
            Self::KeyDisabled => "caller_key_disabled",
            Self::NotReady => "not_ready",
            Self::ModelUnknown { .. } | Self::ModelMissing { .. } => "model_not_found",
            Self::OtherFormat { .. } => "format_not_served",
            Self::Unsupported { .. } => "operation_not_served",
            Self::NotEvents => "stream_form_not_served",
            Self::NoProvider { .. } => "provider_not_found",
            Self::ProviderNotAllowed { .. } | Self::NoOpenProvider => "provider_not_allowed",
            Self::ProviderUnnamed { .. } => "provider_not_named",
            Self::OwnKeyMissing { .. } => "provider_key_missing",
            Self::ModelNotAllowed { .. } => "model_not_allowed",
            Self::NoTarget { .. } => "no_target_available",
            Self::NoCredential { .. } => "no_credential_available",
            Self::UpstreamAuth { .. } => "upstream_auth",
            Self::Upstream { failure, .. } => upstream_code(*failure),
            Self::CallersFault(_) => "callers_fault",
            Self::Internal => "internal",
        }
    }

    /// When the caller may try again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotReady => Some(Duration::from_secs(1)),
            Self::NoCredential { retry_after, .. } => Some(retry_after.unwrap_or(UNKNOWN_WAIT)),
            Self::NoTarget { .. } => Some(UNKNOWN_WAIT),
            Self::Upstream { retry_after, .. } => *retry_after,
            Self::NoRoute
            | Self::Method { .. }
            | Self::UriTooLong
            | Self::BodyTooLarge { .. }
            | Self::BodyEncoded
            | Self::BodyCut
            | Self::Body(_)
            | Self::Unreadable(_)
            | Self::Untranslatable(_)
            | Self::Unsayable(_)
            | Self::KeyMissing
            | Self::KeysDiffer
            | Self::KeyInvalid
            | Self::KeyExpired
            | Self::KeyDisabled
            | Self::ModelUnknown { .. }
            | Self::ModelMissing { .. }
            | Self::ModelNotAllowed { .. }
            | Self::OtherFormat { .. }
            | Self::Unsupported { .. }
            | Self::NotEvents
            | Self::NoProvider { .. }
            | Self::ProviderNotAllowed { .. }
            | Self::NoOpenProvider
            | Self::ProviderUnnamed { .. }
            | Self::OwnKeyMissing { .. }
            | Self::UpstreamAuth { .. }
            | Self::CallersFault(_)
            | Self::Internal => None,
        }
    }

    /// What it says, in no format yet.
    pub(crate) fn problem(&self) -> Problem<'static> {
        Problem { status: self.status(), code: self.code(), message: self.to_string().into() }
    }
}

/// The route for a chat in a format.
fn route_of(format: Format) -> &'static str {
    match format {
        Format::OpenAi => "POST /v1/chat/completions",
        Format::Anthropic => "POST /v1/messages",
        Format::Gemini => "POST /v1beta/models/{model}:generateContent",
        Format::Bedrock => "POST /model/{model}/converse",
        Format::Cohere => "POST /v2/chat",
    }
}

/// What to say where nothing is known of how long it takes.
const UNKNOWN_WAIT: Duration = Duration::from_secs(30);

fn upstream_status(failure: Failure) -> StatusCode {
    match failure {
        Failure::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Failure::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Failure::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Failure::Rejected
        | Failure::Denied
        | Failure::Exhausted
        | Failure::ServerError
        | Failure::Unreachable
        | Failure::CallersFault => StatusCode::BAD_GATEWAY,
    }
}

fn upstream_code(failure: Failure) -> &'static str {
    match failure {
        Failure::Rejected | Failure::Denied | Failure::Exhausted => "upstream_auth",
        Failure::RateLimited => "upstream_rate_limited",
        Failure::Overloaded => "upstream_overloaded",
        Failure::ServerError | Failure::CallersFault => "upstream_error",
        Failure::Unreachable => "upstream_unreachable",
        Failure::TimedOut => "upstream_timeout",
    }
}

/// A model's name as a message may show it.
pub(crate) fn shown(model: &str) -> String {
    model.chars().take(200).collect()
}
