//! What a caller is told when no attempt served.

use shared::adapter::Format;
use shared::failure::Failure;

use super::attempt::Failed;
use super::{Missing, Run, Trouble};
use crate::error::{Refusal, shown};

impl Run<'_> {
    /// What the caller is told in the end.
    pub(super) fn refusal(self, model: &str, format: Format) -> Refusal {
        let (shortest, all_rate_limited) = (self.waits.shortest(), self.waits.all_rate_limited());
        let (failed, provider) = match self.trouble {
            Some(Trouble::Failed { failed, provider }) => (failed, provider.to_string()),
            Some(Trouble::NoPick { provider }) if self.waits.all_missing() => {
                return Refusal::ModelMissing { model: shown(model), provider: provider.to_string() };
            }
            None if let Some(unsaid) = self.unsaid => return unsaid,
            Some(Trouble::NoPick { .. }) | None => {
                let rate_limited = all_rate_limited && shortest.is_some();
                return Refusal::NoCredential { model: shown(model), retry_after: shortest, rate_limited };
            }
        };
        let Failed { failure, retry_after, fault, unsupported, .. } = failed;
        match fault {
            Some(fault) => Refusal::CallersFault(fault),
            None if unsupported => Refusal::Unsupported { provider, format },
            None if self.missing == Missing::ForAll => Refusal::ModelMissing { model: shown(model), provider },
            None if failure.is_credentials_fault() => Refusal::UpstreamAuth { provider },
            None => {
                // Somebody else may be back earlier than the one who was asked last.
                let retry_after = if failure == Failure::Overloaded { shortest } else { retry_after };
                Refusal::Upstream { provider, failure, retry_after }
            }
        }
    }
}
