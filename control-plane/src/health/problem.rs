//! What is told of a credential on a proxy's word: in our words, for people.

use std::time::SystemTime;

use super::evidence::Finding;
use crate::resource::{CredentialProblem, HealthReason};

/// The reason of the error table.
const REFUSED: &str = "CREDENTIAL_REJECTED";

impl CredentialProblem {
    /// A proxy met a missing right.
    pub(super) fn denied(upstream_status: Option<u16>, time: SystemTime) -> Self {
        Self {
            reason: REFUSED.to_owned(),
            upstream_status,
            message:
                "the credential lacks a right that a request needed; check its scopes and its project with the provider"
                    .to_owned(),
            time,
        }
    }

    /// A proxy met what the probe can neither confirm nor refute; `None` for what no probe is made for.
    pub(super) fn unsettled(finding: Finding, upstream_status: Option<u16>, time: SystemTime) -> Option<Self> {
        let message = match finding {
            Finding::Exhausted => {
                "requests are refused for want of credit or quota, which the free check can't see; it is taken out when \
                 most of the proxies that use it say so; check the account's billing"
            }
            Finding::Rejected => {
                "requests are refused as not authenticated, which the free check can't see; it is taken out when most of \
                 the proxies that use it say so; check that the value is valid and may call the provider's models"
            }
            Finding::Served | Finding::Denied | Finding::RateLimited => return None,
        };
        Some(Self { reason: REFUSED.to_owned(), upstream_status, message: message.to_owned(), time })
    }

    /// Enough proxies say so, and no probe can tell.
    pub(super) fn agreed(reason: HealthReason, upstream_status: Option<u16>, time: SystemTime) -> Self {
        let message = match reason {
            HealthReason::Exhausted => {
                "the proxies that use it are refused for want of credit or quota; check the account's billing, then check \
                 the credential"
            }
            HealthReason::Rejected
            | HealthReason::Limited
            | HealthReason::Unreachable
            | HealthReason::NotYetUsed
            | HealthReason::DestinationChanged => {
                "the proxies that use it are refused as not authenticated; check that the value is valid and may call the \
                 provider's models, or rotate it"
            }
        };
        Self { reason: REFUSED.to_owned(), upstream_status, message: message.to_owned(), time }
    }
}
