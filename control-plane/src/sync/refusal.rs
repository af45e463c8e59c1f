//! What the sync listener answers when it does not do what was asked. Its conversion to a gRPC status is the only one of this side.

use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::ca::CsrError;

/// Why a proxy does not get what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The call came without a client certificate of this control plane.
    #[error("this call needs the client certificate that Enroll gives")]
    NoCertificate,
    /// The connection was made with a certificate that has expired since.
    #[error("the certificate of this connection has expired: connect again with the one that Renew gave")]
    CertificateExpired,
    /// The proxy's record is gone.
    #[error("{proxy} is not enrolled any more: enroll again")]
    NotEnrolled {
        /// The proxy.
        proxy: String,
    },
    /// Another process has enrolled under the name.
    #[error("{proxy} was taken over by a later enrollment of the same node id: give each proxy a node id of its own")]
    TakenOver {
        /// The proxy.
        proxy: String,
    },
    /// The join token does not have its form.
    #[error("the join token does not have the form kpj_<id>.<secret>.<pin>")]
    TokenMalformed,
    /// No such join token, or not its secret: the same answer, so that nobody can ask which ones there are.
    #[error("the join token is unknown or was revoked")]
    TokenUnknown,
    /// The join token names another CA.
    #[error("the join token is of another control plane: its pin is not this one's CA")]
    TokenOfAnotherCa,
    /// The join token has expired.
    #[error("the join token has expired")]
    TokenExpired,
    /// The join token was used as often as it may be.
    #[error("the join token was used {max_uses} times, as often as it may be")]
    TokenSpent {
        /// How often it may be used.
        max_uses: u32,
    },
    /// The node id does not have its form.
    #[error("the node id must be 1 to 63 characters of A-Z a-z 0-9 . _ -")]
    NodeId,
    /// The signing request is refused.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The proxy speaks another protocol.
    #[error("this control plane speaks protocol {ours}; the proxy speaks {min} to {max}")]
    Protocol {
        /// Ours.
        ours: u32,
        /// The proxy's lowest.
        min: u32,
        /// Its highest.
        max: u32,
    },
    /// The proxy sent what it may not send.
    #[error("the stream can't go on: {problem}")]
    Garbage {
        /// What it sent.
        problem: &'static str,
    },
    /// Nothing was acknowledged for too long.
    #[error("nothing was acknowledged for {} s", stall.as_secs())]
    Stalled {
        /// How long.
        stall: Duration,
    },
    /// Too many at once, or not ready yet.
    #[error("the control plane is busy; come back in {} ms", pushback.as_millis())]
    Busy {
        /// When to come back.
        pushback: Duration,
    },
    /// The control plane stops.
    #[error("the control plane is stopping")]
    Stopping,
    /// The store can't do its work.
    #[error("the store can't do this now")]
    Store,
    /// A certificate can't be made.
    #[error("a certificate can't be made; see the control plane's log")]
    Internal,
}

impl Refusal {
    fn code(&self) -> Code {
        match self {
            Self::NoCertificate | Self::TokenMalformed | Self::TokenUnknown | Self::TokenOfAnotherCa => {
                Code::Unauthenticated
            }
            Self::NotEnrolled { .. } => Code::Unauthenticated,
            Self::TokenExpired => Code::Unauthenticated,
            Self::TakenOver { .. } | Self::TokenSpent { .. } | Self::Protocol { .. } => Code::FailedPrecondition,
            Self::NodeId | Self::Csr(_) | Self::Garbage { .. } => Code::InvalidArgument,
            Self::Stalled { .. } => Code::ResourceExhausted,
            // Another connection is what helps: the proxy's newer certificate may be good.
            Self::CertificateExpired => Code::Unavailable,
            Self::Busy { .. } | Self::Stopping | Self::Store => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut status = Self::new(refusal.code(), refusal.to_string());
        if let Refusal::Busy { pushback } = refusal {
            let millis = u64::try_from(pushback.as_millis()).unwrap_or(u64::MAX);
            status.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from(millis));
        }
        status
    }
}
