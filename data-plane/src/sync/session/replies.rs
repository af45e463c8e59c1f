//! What the control plane is to be told: at most one word for each environment, the newest.

use std::collections::BTreeMap;

use proto::sync::v1::{Applied, ProxyFrame, RefusalReason, Refused, proxy_frame};
use shared::name::EnvironmentName;

use crate::sync::environments::Environments;

/// How many unusable resources one acknowledgement names. More of them have one cause, which some of them show.
const MOST_UNUSABLE: usize = 100;

/// The words that wait.
#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: BTreeMap<EnvironmentName, Word>,
}

#[derive(Debug)]
enum Word {
    Applied,
    Refused { revision: u64, reason: RefusalReason },
}

impl Replies {
    /// A state was applied. What is told of it is read when it is sent.
    pub(super) fn applied(&mut self, environment: EnvironmentName) {
        self.waiting.insert(environment, Word::Applied);
    }

    /// A frame was refused.
    pub(super) fn refused(&mut self, environment: EnvironmentName, revision: u64, reason: RefusalReason) {
        self.waiting.insert(environment, Word::Refused { revision, reason });
    }

    /// There is nothing to say of an environment any more.
    pub(super) fn forget(&mut self, environment: &EnvironmentName) {
        self.waiting.remove(environment);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the next word; `None` where it has become moot.
    pub(super) fn next(&mut self, environments: &Environments) -> Option<ProxyFrame> {
        let (environment, word) = self.waiting.pop_first()?;
        let frame = match word {
            Word::Applied => {
                let state = environments.state(&environment)?;
                proxy_frame::Frame::Applied(Applied {
                    environment: environment.to_string(),
                    position: Some(state.position().to_wire()),
                    unusable: state.unusable(MOST_UNUSABLE),
                })
            }
            Word::Refused { revision, reason } => proxy_frame::Frame::Refused(Refused {
                environment: environment.to_string(),
                revision,
                reason: reason.into(),
            }),
        };
        Some(ProxyFrame { frame: Some(frame) })
    }
}
