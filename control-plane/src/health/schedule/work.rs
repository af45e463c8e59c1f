//! The work on one credential: the machine's steps, with their probes and commits, until there is nothing more to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use shared::name::{CredentialName, ProxyName};
use shared::revision::Revision;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::CheckError;
use crate::health::evidence::{Finding, Told};
use crate::health::metrics::Metrics;
use crate::health::probe::{Prober, Question};
use crate::health::tally::{Company, Tallies};
use crate::health::{Action, Input, Machine, Moment, Standing, Subject};
use crate::resource::{AuthMode, Credential, CredentialState, CredentialStatus, Health, Provider, Stored, key};
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
    pub(super) tallies: Arc<Mutex<Tallies>>,
    pub(super) metrics: Arc<Metrics>,
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
    /// The commit that last changed the status; `None` where none is stored.
    status_revision: Option<Revision>,
}

impl Known {
    pub(super) fn of(view: &Arc<View>, name: &CredentialName) -> Option<Self> {
        let credential = view.credentials.get(name)?.clone();
        let provider = view.providers.get(&name.provider())?.clone();
        let status = view.status_of(&credential);
        let status_revision = view.credential_status.get(name).map(|observed| observed.revision);
        Some(Self { view: Arc::clone(view), credential, provider, status, status_revision })
    }

    pub(super) fn subject(&self, agreed: Option<Finding>) -> Subject<'_> {
        Subject {
            status: &self.status,
            value_version: self.value_version(),
            standing: standing(&self.credential.spec, &self.provider.spec),
            agreed,
        }
    }

    pub(super) fn state(&self) -> CredentialState {
        self.credential.spec.state(&self.status, &self.provider.spec).0
    }

    fn value_version(&self) -> u64 {
        self.credential.spec.value.version
    }
}

/// A question that was asked: where, and what led to it.
struct Asked {
    provider: Arc<Stored<Provider>>,
    machine: Machine,
    input: Input,
}

impl Asked {
    /// Whether the provider is still asked alike.
    fn is_of(&self, provider: &Provider) -> bool {
        let before = &self.provider.spec;
        before.place() == provider.place()
            && before.request_headers == provider.request_headers
            && before.ca_certificates == provider.ca_certificates
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
    /// What proxies do with each credential. Held for a moment only.
    pub(super) fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what a proxy told, of the values that are current.
    pub(super) fn count(&self, proxy: &ProxyName, told: &Told, now: std::time::Instant) {
        let view = self.views.load();
        let is_current = |name: &CredentialName, version: u64| {
            view.credentials.get(name).is_some_and(|credential| credential.spec.value.version == version)
        };
        let mut tallies = self.tallies();
        for (credential, version) in told.uses.iter().filter(|(name, version)| is_current(name, *version)) {
            tallies.used(credential, *version, proxy, now);
        }
        for one in told.evidence.iter().filter(|one| is_current(&one.credential, one.value_version)) {
            let is_shared = told.shared.contains(&one.credential.provider());
            let company = if is_shared { Company::Others } else { Company::Alone };
            tallies.told(&one.credential, one.value_version, (proxy, (one.finding, one.count, company)), now);
        }
    }

    /// Carries the machine from an input to where there is nothing more to do.
    pub(super) async fn drive(&self, name: &CredentialName, mut machine: Machine, input: Input) -> (Machine, Outcome) {
        let (queue, paid_check_model) = match &input {
            Input::CheckRequested { paid_check_model } => (Queue::Skip, paid_check_model.clone()),
            Input::Evidence { .. } | Input::RecheckDue | Input::Probed { .. } => (Queue::Wait, None),
        };
        let mut input = input;
        let mut attempts = 0;
        let mut asked: Option<Asked> = None;
        loop {
            let Some(known) = Known::of(&self.views.load(), name) else { return (machine, Outcome::Gone) };
            // What another place answered says nothing: what led to the question leads to the next one.
            if let Some(elsewhere) = asked.take_if(|asked| !asked.is_of(&known.provider.spec)) {
                attempts += 1;
                (machine, input) = (elsewhere.machine, elsewhere.input);
            }
            let before = machine.clone();
            let moment_now = moment();
            let agreed = self.tallies().agreed(name, known.value_version(), moment_now.now);
            match machine.step(known.subject(agreed), input.clone(), moment_now) {
                Action::Nothing => return (machine, Outcome::Done),
                Action::Probe if attempts > ATTEMPTS => {
                    machine.postpone(moment());
                    return (machine, Outcome::Failed);
                }
                Action::Probe => match self.probe(&known, queue, paid_check_model.clone()).await {
                    Ok(probed) => {
                        let input = std::mem::replace(&mut input, probed);
                        asked = Some(Asked { provider: known.provider, machine: before, input });
                    }
                    Err(error) => {
                        tracing::error!(credential = %name, %error, "a credential can't be checked");
                        machine.postpone(moment());
                        return (machine, Outcome::Failed);
                    }
                },
                Action::Commit(status) => match self.store(&known, &status).await {
                    Ok(()) => {
                        self.note_change(&known, &status);
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

    async fn probe(&self, known: &Known, queue: Queue, paid_check_model: Option<String>) -> Result<Input, NotChecked> {
        let opened = self.open(known)?;
        // The semaphore is never closed, and without a permit the probe is only less orderly.
        let _permit = match queue {
            Queue::Wait => self.probes.acquire().await.ok(),
            Queue::Skip => None,
        };
        let provider = &known.provider.spec;
        let OpenedValues { value, additional_key } = opened;
        let question = Question { additional_key, paid_check_model, ..Question::of(provider, Some(value)) };
        let result = self.prober.probe(&question, SystemTime::now()).await;
        self.metrics.probed(result.outcome);
        let problem = result.problem(&provider.base_url, SystemTime::now());
        Ok(Input::Probed { value_version: known.value_version(), outcome: result.outcome, problem })
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
        let key = key::status(name.to_string().as_str());
        // Two decisions on one status can't both be right: the later one is made anew.
        let before = match known.status_revision {
            Some(revision) => Precondition::Unchanged(key.clone(), revision),
            None => Precondition::Absent(key.clone()),
        };
        let change = Change { key, value: Some(status.to_record().into()) };
        let commit = Commit { preconditions: vec![spec, provider, before], changes: vec![change] };
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

    fn note_change(&self, known: &Known, status: &CredentialStatus) {
        let (before, name) = (&known.status, &known.credential.name);
        match (before.health, status.health) {
            (Health::Unverified | Health::Active, Health::Inactive) => {
                self.metrics.taken_out.inc();
            }
            // It is judged by what comes from now on.
            (Health::Inactive, Health::Unverified | Health::Active) => self.tallies().begin_anew(name),
            _ => {}
        }
        if before.health != status.health || before.reason != status.reason {
            let upstream_status = status.last_error.as_ref().and_then(|problem| problem.upstream_status);
            tracing::info!(
                credential = %name, health = ?status.health, reason = ?status.reason, upstream_status,
                "a credential's health has changed"
            );
        }
    }
}

/// The present moment. The monotonic clock is tokio's, so that a paused one is followed.
pub(super) fn moment() -> Moment {
    let random = u64::from_le_bytes(shared::id::random());
    Moment { now: Instant::now().into_std(), wall: SystemTime::now(), random }
}
