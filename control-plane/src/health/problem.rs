//! What is told of a credential on a proxy's word: notes for people, which change nothing.

use std::time::SystemTime;

use crate::resource::CredentialProblem;

impl CredentialProblem {
    /// A proxy met a missing right.
    pub(super) fn denied(upstream_status: Option<u16>, time: SystemTime) -> Self {
        Self {
            reason: "CREDENTIAL_REJECTED".to_owned(),
            upstream_status,
            message:
                "the credential lacks a right that a request needed; check its scopes and its project with the provider"
                    .to_owned(),
            time,
        }
    }

    /// A proxy met an empty account, which the free probe can't see.
    pub(super) fn exhausted_elsewhere(upstream_status: Option<u16>, time: SystemTime) -> Self {
        Self {
            reason: "CREDENTIAL_REJECTED".to_owned(),
            upstream_status,
            message:
                "requests are refused for want of credit or quota, though the provider still knows the credential; \
                      check the account's billing"
                    .to_owned(),
            time,
        }
    }
}
