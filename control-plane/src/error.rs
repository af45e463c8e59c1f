//! What can go wrong in an admin call, and the only conversion to a gRPC status.
//!
//! Every status holds exactly one `ErrorInfo` (domain `keyplane`, a reason of the API's table) with all variables of its message in the
//! metadata, and a `BadRequest` with every field at fault. Outside messages are for the caller; inside detail goes to the log.

mod violation;

use std::collections::HashMap;
use std::time::Duration;

use proto::admin::v1::Dependents;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::store::{CommitError, MAX_VALUE_BYTES, StoreError, seal::SealError};

use violation::clipped;
pub use violation::{FieldReason, FieldViolation, FieldViolations};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "keyplane";

/// How long a caller should wait before it asks again what the store could not do.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// The most bytes of names, and of an etag that was given, in the metadata: an error has to fit into headers.
const NAMES_BYTES: usize = 3000;
const GIVEN_BYTES: usize = 100;

/// What can go wrong in an admin call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong: all of them are named.
    #[error("{0}")]
    Invalid(FieldViolations),
    /// The resource has changed since the caller read it.
    #[error("{name} has changed: its etag is now {current}; read it again and repeat the change")]
    EtagMismatch {
        /// The resource.
        name: String,
        /// What the caller sent.
        given: String,
        /// What it is.
        current: String,
    },
    /// The request id was used with another body.
    #[error("the request id {request_id} was used within the last hour with another request")]
    RequestIdReused {
        /// The request id.
        request_id: String,
    },
    /// The page token does not belong to this list.
    #[error("the page token is not one of this list with these arguments; begin again without one")]
    PageTokenInvalid,
    /// Another resource of the parent has the display name.
    #[error("{taken_by} has the display name {display_name:?} already")]
    DisplayNameTaken {
        /// The display name.
        display_name: String,
        /// Who has it.
        taken_by: String,
    },
    /// The name is taken.
    #[error("{name} exists already")]
    IdTaken {
        /// The name.
        name: String,
    },
    /// The provider has a rate for the model.
    #[error("{name} is what {upstream_model} costs already: update it instead")]
    RateTaken {
        /// The rate that is there.
        name: String,
        /// The model.
        upstream_model: String,
    },
    /// Other resources depend on this one.
    #[error("{name} is in use by {}{}", Depending(.dependents), if *.force_helps { "; force deletes or changes them too" } else { "" })]
    HasDependents {
        /// The resource.
        name: String,
        /// What depends on it.
        dependents: Vec<Dependents>,
        /// Whether `force` lets the change go through.
        force_helps: bool,
    },
    /// The provider's way to authenticate has no place for this.
    #[error("{name} has the auth mode {auth_mode}, which takes no credential")]
    AuthModeForbids {
        /// The provider.
        name: String,
        /// Its mode.
        auth_mode: String,
    },
    /// The vendor has no list of models.
    #[error("{vendor}, of {name}, has no list of models: name its models by hand")]
    ModelListingUnsupported {
        /// The provider.
        name: String,
        /// Who is upstream.
        vendor: String,
    },
    /// A stored value may not be sent to where it would go.
    #[error(
        "the value of {name} may not be sent to {origin}: it was given for another place; give it again for this one"
    )]
    DestinationChanged {
        /// The credential or the Secret.
        name: String,
        /// Where it would go.
        origin: String,
    },
    /// The provider did not take a credential.
    #[error("{message}")]
    CredentialRefused {
        /// The validation reason, `CREDENTIAL_REJECTED` and its like.
        reason: String,
        /// The upstream's HTTP status; `None` without an answer.
        upstream_status: Option<u16>,
        /// What happened and what to check, in our words.
        message: String,
    },
    /// Nothing has the name.
    #[error("{name} does not exist, or is outside of what this token may see")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The bearer token is missing or unknown.
    #[error("the request needs an admin token that this control plane knows, as `authorization: Bearer <token>`")]
    TokenInvalid,
    /// The principal may not do this.
    #[error("{principal} lacks the permission {permission}")]
    PermissionDenied {
        /// Who asked.
        principal: String,
        /// What is missing.
        permission: String,
    },
    /// No such rpc.
    #[error("{path} is not an rpc of this server")]
    RpcUnknown {
        /// The path asked for.
        path: String,
    },
    /// The master key is missing or wrong, so that nothing can be written.
    #[error("the store is sealed: {reason}")]
    StoreSealed {
        /// Why.
        reason: String,
    },
    /// The store can't do its work now.
    #[error("the store can't do this now; try again")]
    StoreUnavailable(#[source] Option<StoreError>),
    /// The disk is full.
    #[error("the disk of the data directory is full: free some space, then try again")]
    StoreFull,
    /// Asked too often.
    #[error("too many requests of this kind; try again in {} s", .retry_after.as_secs().max(1))]
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// A sealed value does not open.
    #[error("a stored value can't be opened; see the control plane's log")]
    Sealed(#[from] SealError),
    /// The handler panicked; the log says where.
    #[error("the control plane could not finish this; see its log")]
    Panicked,
    /// A stored record or an answer can't be read: a bug or a damaged store.
    #[error("a stored record can't be read; see the control plane's log")]
    Unreadable(#[source] prost::DecodeError),
}

/// Shows dependents as people read them.
struct Depending<'a>(&'a [Dependents]);

impl std::fmt::Display for Depending<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, dependents) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let first = dependents.sample_names.first().map_or("", String::as_str);
            write!(f, "{separator}{} {} (such as {first})", dependents.count, dependents.kind)?;
        }
        Ok(())
    }
}

/// A field of the error's metadata.
type Metadata = Vec<(&'static str, String)>;

impl Error {
    /// That a resource does not exist.
    pub fn not_found(name: impl std::fmt::Display) -> Self {
        Self::NotFound { name: name.to_string() }
    }

    /// That a resource is not as the caller read it.
    pub fn etag_mismatch(name: impl std::fmt::Display, given: &str, current: String) -> Self {
        let given = clipped(given.to_owned(), GIVEN_BYTES);
        Self::EtagMismatch { name: name.to_string(), given, current }
    }

    /// That one field is wrong.
    pub fn field(field: &str, reason: FieldReason, description: impl Into<String>) -> Self {
        let mut violations = FieldViolations::new();
        violations.add(field, reason, description);
        Self::Invalid(violations)
    }

    /// The reason of the API's table.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Invalid(violations) => violations.reason(),
            Self::EtagMismatch { .. } => "ETAG_MISMATCH",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::PageTokenInvalid => "PAGE_TOKEN_INVALID",
            Self::DisplayNameTaken { .. } => "DISPLAY_NAME_TAKEN",
            Self::IdTaken { .. } | Self::RateTaken { .. } => "ID_TAKEN",
            Self::HasDependents { .. } => "HAS_DEPENDENTS",
            Self::AuthModeForbids { .. } => "AUTH_MODE_FORBIDS",
            Self::ModelListingUnsupported { .. } => "MODEL_LISTING_UNSUPPORTED",
            Self::DestinationChanged { .. } => "DESTINATION_CHANGED",
            Self::CredentialRefused { reason, .. } => reason,
            Self::NotFound { .. } => "RESOURCE_NOT_FOUND",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::PermissionDenied { .. } => "PERMISSION_DENIED",
            Self::RpcUnknown { .. } => "RPC_UNKNOWN",
            Self::StoreSealed { .. } => "STORE_SEALED",
            Self::StoreUnavailable(_) => "STORE_UNAVAILABLE",
            Self::StoreFull => "STORE_FULL",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Sealed(_) | Self::Unreadable(_) | Self::Panicked => "INTERNAL",
        }
    }

    /// The gRPC code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::RequestIdReused { .. } | Self::PageTokenInvalid => Code::InvalidArgument,
            Self::EtagMismatch { .. } => Code::Aborted,
            Self::DisplayNameTaken { .. } | Self::IdTaken { .. } | Self::RateTaken { .. } => Code::AlreadyExists,
            Self::DestinationChanged { .. }
            | Self::ModelListingUnsupported { .. }
            | Self::HasDependents { .. }
            | Self::AuthModeForbids { .. }
            | Self::CredentialRefused { .. } => Code::FailedPrecondition,
            Self::NotFound { .. } => Code::NotFound,
            Self::TokenInvalid => Code::Unauthenticated,
            Self::PermissionDenied { .. } => Code::PermissionDenied,
            Self::RpcUnknown { .. } => Code::Unimplemented,
            Self::StoreSealed { .. } | Self::StoreUnavailable(_) => Code::Unavailable,
            Self::StoreFull | Self::RateLimited { .. } => Code::ResourceExhausted,
            Self::Sealed(_) | Self::Unreadable(_) | Self::Panicked => Code::Internal,
        }
    }

    fn metadata(&self) -> Metadata {
        match self {
            Self::Invalid(violations) => {
                let untold = Some(violations.untold()).filter(|untold| *untold > 0);
                let untold = untold.map(|untold| ("untold", untold.to_string()));
                [("fields", violations.paths())].into_iter().chain(untold).collect()
            }
            Self::EtagMismatch { name, given, current } => {
                vec![("name", name.clone()), ("given", given.clone()), ("current", current.clone())]
            }
            Self::RequestIdReused { request_id } => vec![("requestId", request_id.clone())],
            Self::DisplayNameTaken { display_name, taken_by } => {
                vec![("displayName", display_name.clone()), ("takenBy", taken_by.clone())]
            }
            Self::IdTaken { name } | Self::NotFound { name } => vec![("name", name.clone())],
            Self::RateTaken { name, upstream_model } => {
                vec![("name", name.clone()), ("upstreamModel", upstream_model.clone())]
            }
            Self::HasDependents { name, dependents, force_helps } => {
                dependents_metadata(name, dependents, *force_helps)
            }
            Self::ModelListingUnsupported { name, vendor } => {
                vec![("name", name.clone()), ("vendor", vendor.clone())]
            }
            Self::AuthModeForbids { name, auth_mode } => vec![("name", name.clone()), ("authMode", auth_mode.clone())],
            Self::DestinationChanged { name, origin } => vec![("name", name.clone()), ("origin", origin.clone())],
            Self::CredentialRefused { upstream_status, .. } => {
                upstream_status.map(|status| ("upstreamStatus", status.to_string())).into_iter().collect()
            }
            Self::PermissionDenied { principal, permission } => {
                vec![("principal", principal.clone()), ("permission", permission.clone())]
            }
            Self::RpcUnknown { path } => vec![("path", path.clone())],
            Self::StoreSealed { reason } => vec![("reason", reason.clone())],
            Self::RateLimited { retry_after } => vec![("retryAfterSeconds", retry_after.as_secs().max(1).to_string())],
            Self::PageTokenInvalid
            | Self::TokenInvalid
            | Self::StoreUnavailable(_)
            | Self::StoreFull
            | Self::Sealed(_)
            | Self::Unreadable(_)
            | Self::Panicked => Vec::new(),
        }
    }

    /// How long to wait before the same request may go through; `None` where waiting does not help.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::StoreUnavailable(_) => Some(STORE_RETRY),
            _ => None,
        }
    }
}

fn dependents_metadata(name: &str, dependents: &[Dependents], force_helps: bool) -> Metadata {
    let join = |part: fn(&Dependents) -> String| dependents.iter().map(part).collect::<Vec<_>>().join(",");
    vec![
        ("name", name.to_owned()),
        ("kinds", join(|dependents| dependents.kind.clone())),
        ("counts", join(|dependents| dependents.count.to_string())),
        ("names", clipped(join(|dependents| dependents.sample_names.join(",")), NAMES_BYTES)),
        ("forceHelps", force_helps.to_string()),
    ]
}

impl From<FieldViolations> for Error {
    fn from(violations: FieldViolations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            // Whoever commits decides anew when a precondition fails, so this is only seen when that never ends.
            CommitError::Precondition { .. } => Self::StoreUnavailable(None),
            CommitError::TooLarge { key, bytes } => Self::field(
                key.split_once('/').map_or("", |(_, name)| name),
                FieldReason::TooLong,
                format!("the resource takes {bytes} bytes, more than the {MAX_VALUE_BYTES} that one may have"),
            ),
            CommitError::Full => Self::StoreFull,
            CommitError::Store(error) => Self::StoreUnavailable(Some(error)),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::StoreUnavailable(Some(error))
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let metadata: HashMap<_, _> =
            error.metadata().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut details = ErrorDetails::new();
        details.set_error_info(error.reason(), DOMAIN, metadata);
        if let Error::Invalid(violations) = &error {
            details.set_bad_request(violations.to_details());
        }
        if let Some(delay) = error.retry_after() {
            details.set_retry_info(Some(delay));
        }
        if error.code() == Code::Internal || matches!(error, Error::StoreUnavailable(_)) {
            tracing::error!(error = &error as &dyn std::error::Error, "an admin call failed");
        }
        Self::with_error_details(error.code(), error.to_string(), details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_holds_one_error_info_and_every_field_at_fault() {
        let mut violations = FieldViolations::new();
        violations.add("vendor", FieldReason::Required, "say who is upstream");
        violations.add("base_url", FieldReason::Malformed, "begin with https://");
        let status = Status::from(Error::from(violations.within("provider")));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("FIELD_INVALID", "keyplane"));
        let fields: Vec<_> =
            details.bad_request().unwrap().field_violations.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["provider.vendor", "provider.base_url"]);
    }

    #[test]
    fn a_stale_etag_is_told_the_current_one() {
        let error =
            Error::EtagMismatch { name: "projects/p".into(), given: "\"a-1\"".into(), current: "\"a-2\"".into() };
        let status = Status::from(error);
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(status.get_details_error_info().unwrap().metadata["current"], "\"a-2\"");
    }

    #[test]
    fn waiting_is_suggested_where_it_helps() {
        let status = Status::from(Error::RateLimited { retry_after: Duration::from_secs(6) });
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(6)));
        assert!(Status::from(Error::StoreFull).get_details_retry_info().is_none());
    }
}
