//! What proxies tell of credentials, read once from the wire.

use std::collections::BTreeSet;

use proto::sync::v1;
use shared::name::{CredentialName, NameError, ProviderName};

/// What one batch of a proxy told of credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What it used, and which value of it: whoever used a credential has a vote on it.
    pub uses: Vec<(CredentialName, u64)>,
    /// What it met.
    pub evidence: Vec<Evidence>,
    /// The providers of what it met that another connected proxy has too: there its word alone decides nothing.
    pub shared: BTreeSet<ProviderName>,
}

/// What requests with one credential met at one proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The credential.
    pub credential: CredentialName,
    /// Which of its values was used.
    pub value_version: u64,
    /// What was met.
    pub finding: Finding,
    /// How many requests met it, 1 or more.
    pub count: u64,
    /// The upstream's last status; `None` without one.
    pub upstream_status: Option<u16>,
}

/// What a request with a credential met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// It succeeded.
    Served,
    /// The provider refuses the credential.
    Rejected,
    /// The credential may not do this.
    Denied,
    /// The account has no credit or quota left.
    Exhausted,
    /// The account is asked too often: stays with the proxy.
    RateLimited,
}

impl Told {
    /// Whether it tells nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty() && self.evidence.is_empty()
    }
}

/// Why evidence can't be used. It is skipped, and the batch is taken all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableEvidence {
    /// It names no credential.
    #[error("it names no credential")]
    Name(#[from] NameError),
    /// Its finding is not known here: of a newer proxy, perhaps.
    #[error("its finding {0} is not known")]
    Finding(i32),
}

impl TryFrom<&v1::CredentialEvidence> for Evidence {
    type Error = UnusableEvidence;

    fn try_from(wire: &v1::CredentialEvidence) -> Result<Self, UnusableEvidence> {
        let finding = match v1::Finding::try_from(wire.finding) {
            Ok(v1::Finding::Served) => Finding::Served,
            Ok(v1::Finding::Rejected) => Finding::Rejected,
            Ok(v1::Finding::Denied) => Finding::Denied,
            Ok(v1::Finding::Exhausted) => Finding::Exhausted,
            Ok(v1::Finding::RateLimited) => Finding::RateLimited,
            Ok(v1::Finding::Unspecified) | Err(_) => return Err(UnusableEvidence::Finding(wire.finding)),
        };
        Ok(Self {
            credential: wire.credential.parse()?,
            value_version: wire.value_version,
            finding,
            count: wire.count.max(1),
            upstream_status: u16::try_from(wire.upstream_status).ok().filter(|status| (100..=599).contains(status)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> v1::CredentialEvidence {
        v1::CredentialEvidence {
            credential: "projects/p/providers/a/credentials/c".to_owned(),
            value_version: 2,
            finding: v1::Finding::Rejected.into(),
            count: 3,
            upstream_status: 401,
            ..Default::default()
        }
    }

    #[test]
    fn evidence_is_read() {
        let evidence = Evidence::try_from(&wire()).unwrap();
        assert_eq!(evidence.credential.to_string(), "projects/p/providers/a/credentials/c");
        assert_eq!((evidence.value_version, evidence.count, evidence.upstream_status), (2, 3, Some(401)));
        assert_eq!(evidence.finding, Finding::Rejected);
    }

    #[test]
    fn a_status_that_is_none_is_left_out() {
        for upstream_status in [0, 99, 600, 65_936, u32::MAX] {
            let wire = v1::CredentialEvidence { upstream_status, ..wire() };
            assert_eq!(Evidence::try_from(&wire).unwrap().upstream_status, None);
        }
    }

    #[test]
    fn what_names_nothing_or_says_nothing_known_is_refused() {
        for finding in [0, 99, -1] {
            let wire = v1::CredentialEvidence { finding, ..wire() };
            assert_eq!(Evidence::try_from(&wire), Err(UnusableEvidence::Finding(finding)));
        }
        let wire = v1::CredentialEvidence { credential: "projects/p".to_owned(), ..wire() };
        assert!(matches!(Evidence::try_from(&wire), Err(UnusableEvidence::Name(_))));
    }
}
