//! The work on one credential: the machine's steps, with their probes and commits, until there is nothing more to do.

use std::sync::Arc;
use std::time::SystemTime;

use shared::name::CredentialName;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::CheckError;
use crate::health::probe::{Prober, Question};
use crate::health::{Action, Input, Machine, Moment, Standing, Subject};
use crate::resource::{AuthMode, Credential, CredentialStatus, Provider, Stored, key};
use crate::store::seal::Sealer;
use crate::store::{Change, Commit, CommitError, Precondition, Store};
use crate::view::{NotOpened, OpenedValues, View, Views, open_values};

/// A commit that loses a race is decided anew, and this often at the most.
const ATTEMPTS: usize = 8;

/// What the work needs.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) views: Views,
    pub(super) store: Arc<dyn Store>,
    /// `None` while the store is sealed: nothing can be asked then.
    pub(super) sealer: Option<Arc<Sealer>>,
    pub(super) prober: Prober,
    pub(super) probes: Arc<Semaphore>,
}

/// Whether a probe waits for its turn. An admin's check, of which there are few, does not wait behind a thousand re-checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Wait,
    Skip,
}

/// How the work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it is done.
    Done,
    /// The credential is there no more.
    Gone,
    /// Something could not be read or stored: later again.
    Failed,
}

impl Outcome {
    pub(super) fn answer(self) -> Result<(), CheckError> {
        match self {
            Self::Done | Self::Gone => Ok(()),
            Self::Failed => Err(CheckError::NotStored),
        }
    }
}

/// A credential with its provider and its status, all of one view.
#[derive(Debug, Clone)]
pub(super) struct Known {
    view: Arc<View>,
    credential: Arc<Stored<Credential>>,
    provider: Arc<Stored<Provider>>,
    status: Arc<CredentialStatus>,
}

impl Known {
    pub(super) fn of(view: &Arc<View>, name: &CredentialName) -> Option<Self> {
        let credential = view.credentials.get(name)?.clone();
        let provider = view.providers.get(&name.provider())?.clone();
        let status = view.status_of(&credential);
        Some(Self { view: Arc::clone(view), credential, provider, status })
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            status: &self.status,
            value_version: self.credential.spec.value.version,
            standing: standing(&self.credential.spec, &self.provider.spec),
        }
    }
}

fn standing(credential: &Credential, provider: &Provider) -> Standing {
    if !credential.may_be_sent_to(&provider.base_url.origin()) || provider.auth_mode != AuthMode::Managed {
        Standing::Elsewhere
    } else if credential.disabled || !provider.enabled {
        Standing::OutOfUse
    } else {
        Standing::InUse
    }
}

/// Why a status was not stored.
enum NotStored {
    /// The credential has changed meanwhile: decide anew.
    Stale,
    Failed(CommitError),
}

/// Why a provider could not be asked.
#[derive(Debug, thiserror::Error)]
enum NotChecked {
    /// The master key is missing or wrong.
    #[error("the store is sealed")]
    StoreSealed,
    /// The values can't be opened.
    #[error(transparent)]
    Values(#[from] NotOpened),
}

impl Worker {
    /// Carries the machine from an input to where there is nothing more to do.
    pub(super) async fn drive(&self, name: &CredentialName, mut machine: Machine, input: Input) -> (Machine, Outcome) {
        let queue = if input == Input::CheckRequested { Queue::Skip } else { Queue::Wait };
        let mut input = input;
        let mut attempts = 0;
        loop {
            let Some(known) = Known::of(&self.views.load(), name) else { return (machine, Outcome::Gone) };
            let before = machine.clone();
            match machine.step(known.subject(), input.clone(), moment()) {
                Action::Nothing => return (machine, Outcome::Done),
                Action::Probe => match self.probe(&known, queue).await {
                    Ok(probed) => input = probed,
                    Err(error) => {
                        tracing::error!(credential = %name, %error, "a credential can't be checked");
                        machine.postpone(moment());
                        return (machine, Outcome::Failed);
                    }
                },
                Action::Commit(status) => match self.store(&known, &status).await {
                    Ok(()) => {
                        report_change(&known, &status);
                        return (machine, Outcome::Done);
                    }
                    Err(NotStored::Stale) if attempts < ATTEMPTS => {
                        attempts += 1;
                        machine = before;
                    }
                    Err(error) => {
                        if let NotStored::Failed(error) = &error {
                            tracing::warn!(credential = %name, %error, "a credential's status could not be stored");
                        }
                        machine.postpone(moment());
                        return (machine, Outcome::Failed);
                    }
                },
            }
        }
    }

    async fn probe(&self, known: &Known, queue: Queue) -> Result<Input, NotChecked> {
        let opened = self.open(known)?;
        // The semaphore is never closed, and without a permit the probe is only less orderly.
        let _permit = match queue {
            Queue::Wait => self.probes.acquire().await.ok(),
            Queue::Skip => None,
        };
        let provider = &known.provider.spec;
        let question = Question { additional_key: opened.additional_key, ..Question::of(provider, Some(opened.value)) };
        let result = self.prober.probe(&question, SystemTime::now()).await;
        let problem = result.problem(&provider.base_url, SystemTime::now());
        Ok(Input::Probed { value_version: known.credential.spec.value.version, outcome: result.outcome, problem })
    }

    /// Opens the values for the provider's present origin: for another one than they were given for, they do not open.
    fn open(&self, known: &Known) -> Result<OpenedValues, NotChecked> {
        let sealer = self.sealer.as_ref().ok_or(NotChecked::StoreSealed)?;
        Ok(open_values(sealer, &known.view, &known.credential, &known.provider.spec.base_url.origin())?)
    }

    /// Stores a status, and waits until the view has it. Whatever it was decided on must not have changed.
    async fn store(&self, known: &Known, status: &CredentialStatus) -> Result<(), NotStored> {
        let name = &known.credential.name;
        let spec = Precondition::Unchanged(key::spec(name.to_string().as_str()), known.credential.meta.revision);
        let provider = known.provider.name.to_string();
        let provider = Precondition::Unchanged(key::spec(provider.as_str()), known.provider.meta.revision);
        let change = Change { key: key::status(name.to_string().as_str()), value: Some(status.to_record().into()) };
        let commit = Commit { preconditions: vec![spec, provider], changes: vec![change] };
        match self.store.commit(commit).await {
            Ok(revision) => {
                // A view that has stopped is the end of the process, soon.
                let _ = self.views.wait_for(revision).await;
                Ok(())
            }
            Err(CommitError::Precondition { .. }) => {
                let _ = self.views.wait_for(self.store.head()).await;
                Err(NotStored::Stale)
            }
            Err(error) => Err(NotStored::Failed(error)),
        }
    }
}

fn report_change(known: &Known, status: &CredentialStatus) {
    if known.status.health != status.health || known.status.reason != status.reason {
        let upstream_status = status.last_error.as_ref().and_then(|problem| problem.upstream_status);
        tracing::info!(
            credential = %known.credential.name, health = ?status.health, reason = ?status.reason, upstream_status,
            "a credential's health has changed"
        );
    }
}

/// The present moment. The monotonic clock is tokio's, so that a paused one is followed.
pub(super) fn moment() -> Moment {
    let random = u64::from_le_bytes(shared::id::random());
    Moment { now: Instant::now().into_std(), wall: SystemTime::now(), random }
}
