//! The task that carries the machines: it takes evidence and checks, asks providers, stores statuses, and asks again what is out.
//!
//! ```text
//! proxies ──evidence──┐                              ┌─► Prober ──┐
//! admins ───check─────┼─► one entry per credential ──┤            ├─► the machine's next step
//! the clock ──────────┘   (idle, or at work once)    └─► Store ◄──┘
//! ```
//!
//! Every use and every finding goes into the credential's tally, which is cheap and bounded; a finding that says what another one says
//! that waits already goes no further.
//!
//! What is due is found in the view, every half a minute: nothing but statuses has to survive a restart.

mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use prometheus_client::registry::Registry;
use shared::name::{CredentialName, ProxyName};
use shared::task::Tasks;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::evidence::{Evidence, Told};
use super::metrics::Metrics;
use super::probe::Prober;
use super::{Input, Machine, wants_recheck};
use crate::resource::CredentialState;
use crate::store::Store;
use crate::store::seal::Sealer;
use crate::view::Views;

use work::{Known, Outcome, Worker, moment};

/// How often the view is searched for what has to be asked about again.
const SCAN: Duration = Duration::from_secs(30);
/// Probes at a time.
const PROBES: usize = 16;
/// Orders that wait for the task; one of them may be a whole batch.
const ORDERS: usize = 64;
/// Inputs of one credential that wait for the work on it. They are of few kinds, and more of the same say nothing more.
const WAITING: usize = 16;

/// Where evidence and checks go. Clones share the task.
#[derive(Debug, Clone)]
pub struct HealthHandle {
    orders: mpsc::Sender<Order>,
    metrics: Arc<Metrics>,
}

/// Why a check came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The control plane is stopping.
    #[error("the control plane is stopping")]
    Stopped,
    /// The result could not be stored.
    #[error("the result could not be stored")]
    NotStored,
}

#[derive(Debug)]
enum Order {
    Told(ProxyName, Told),
    Check(CredentialName, Option<String>, Asker),
}

type Asker = oneshot::Sender<Result<(), CheckError>>;

impl HealthHandle {
    /// Takes what a proxy told. The caller has made sure that it is that proxy, by its certificate, and that it serves an environment in which
    /// each credential's provider is active.
    /// Waits while the task is behind, so that a stream that tells too much is slowed and not the others' evidence dropped.
    ///
    /// # Errors
    ///
    /// [`CheckError::Stopped`] when the control plane is stopping.
    ///
    /// # Cancel safety
    ///
    /// The evidence is taken or not, as a whole.
    pub async fn report(&self, proxy: &ProxyName, told: Told) -> Result<(), CheckError> {
        let order = Order::Told(proxy.clone(), told);
        self.orders.send(order).await.map_err(|_| CheckError::Stopped)
    }

    /// Asks the provider about a credential, and waits until the result is stored and in the view. Nothing happens to a credential that
    /// does not exist, or whose value may not be sent to where its provider is.
    ///
    /// # Errors
    ///
    /// When the result could not be stored, or the control plane is stopping.
    ///
    /// # Cancel safety
    ///
    /// The check goes on when the future is dropped.
    pub async fn check(&self, credential: CredentialName) -> Result<(), CheckError> {
        self.order_check(credential, None).await
    }

    /// Does what [`check`](Self::check) does by a request to one of the upstream's models, which costs something.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check).
    ///
    /// # Cancel safety
    ///
    /// The check goes on when the future is dropped.
    pub async fn check_paid(&self, credential: CredentialName, model: String) -> Result<(), CheckError> {
        self.order_check(credential, Some(model)).await
    }

    /// Registers the health engine's metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    async fn order_check(&self, credential: CredentialName, model: Option<String>) -> Result<(), CheckError> {
        let (asker, answer) = oneshot::channel();
        self.orders.send(Order::Check(credential, model, asker)).await.map_err(|_| CheckError::Stopped)?;
        answer.await.map_err(|_| CheckError::Stopped)?
    }
}

/// Starts the task. Without a sealer, while the store is sealed, nothing is asked.
#[must_use]
pub fn start(
    tasks: &Tasks,
    views: Views,
    store: Arc<dyn Store>,
    sealer: Option<Arc<Sealer>>,
    prober: Prober,
) -> HealthHandle {
    let (orders, taken) = mpsc::channel(ORDERS);
    let (metrics, tallies) = (Arc::new(Metrics::default()), Arc::default());
    let probes = Arc::new(Semaphore::new(PROBES));
    let worker = Worker { views, store, sealer, prober, probes, tallies, metrics: metrics.clone() };
    let stop = tasks.clone();
    tasks.spawn("health", async move {
        tokio::select! {
            () = stop.stopping() => {}
            () = Schedule::new(worker).run(taken) => {}
        }
    });
    HealthHandle { orders, metrics }
}

/// The task's state.
struct Schedule {
    worker: Worker,
    entries: HashMap<CredentialName, Entry>,
    due: BTreeSet<(Instant, CredentialName)>,
    at_work: FuturesUnordered<BoxFuture<'static, (CredentialName, Machine, Outcome)>>,
}

/// One credential.
enum Entry {
    /// Nothing happens, until the time in `due` if there is one.
    Idle(Machine),
    /// Its machine is at work; what came meanwhile waits.
    AtWork { waiting: Vec<Input>, askers: Vec<Asker>, next_askers: Vec<Asker> },
}

impl Schedule {
    fn new(worker: Worker) -> Self {
        Self { worker, entries: HashMap::new(), due: BTreeSet::new(), at_work: FuturesUnordered::new() }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut scan = tokio::time::interval(SCAN);
        scan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = self.due.first().map(|(due, _)| *due);
            tokio::select! {
                // With every handle gone, re-checks go on until the stop.
                Some(order) = orders.recv() => self.take(order),
                Some((credential, machine, outcome)) = self.at_work.next() => self.finish(credential, machine, outcome),
                () = sleep_until(due) => self.take_due(Instant::now()),
                _ = scan.tick() => self.scan(),
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Told(proxy, told) => self.take_told(&proxy, told),
            Order::Check(credential, paid_check_model, asker) => {
                self.input(credential, Input::CheckRequested { paid_check_model }, Some(asker));
            }
        }
    }

    /// Counts everything before anything of it is weighed: what a batch says of other credentials may decide over one.
    fn take_told(&mut self, proxy: &ProxyName, told: Told) {
        let now = Instant::now().into_std();
        self.worker.count(proxy, &told, now);
        for evidence in told.evidence {
            let Evidence { credential, value_version, finding, count, upstream_status } = evidence;
            tracing::debug!(%proxy, %credential, value_version, ?finding, count, upstream_status, "a proxy reports");
            self.worker.metrics.weighed(finding);
            self.input(credential, Input::Evidence { finding, value_version, upstream_status }, None);
        }
    }

    fn take_due(&mut self, now: Instant) {
        while let Some((due, _)) = self.due.first()
            && *due <= now
            && let Some((_, credential)) = self.due.pop_first()
        {
            self.input(credential, Input::RecheckDue, None);
        }
    }

    /// Gives an input to the credential's machine, or lets it wait for it.
    fn input(&mut self, credential: CredentialName, input: Input, asker: Option<Asker>) {
        match self.entries.remove(&credential) {
            Some(Entry::AtWork { mut waiting, askers, mut next_askers }) => {
                // What proxies tell may fill the room, but takes none from an admin's check.
                let is_check = matches!(input, Input::CheckRequested { .. });
                if (waiting.len() < WAITING || is_check) && !waiting.contains(&input) {
                    waiting.push(input);
                } else if !is_check {
                    self.worker.metrics.evidence_coalesced.inc();
                }
                next_askers.extend(asker);
                self.entries.insert(credential, Entry::AtWork { waiting, askers, next_askers });
            }
            Some(Entry::Idle(machine)) => self.work(credential, machine, input, asker.into_iter().collect()),
            None => self.work(credential, Machine::default(), input, asker.into_iter().collect()),
        }
    }

    fn work(&mut self, credential: CredentialName, machine: Machine, input: Input, askers: Vec<Asker>) {
        self.forget_due(&credential, &machine);
        let entry = Entry::AtWork { waiting: Vec::new(), askers, next_askers: Vec::new() };
        self.entries.insert(credential.clone(), entry);
        let worker = self.worker.clone();
        self.at_work.push(Box::pin(async move {
            let (machine, outcome) = worker.drive(&credential, machine, input).await;
            (credential, machine, outcome)
        }));
    }

    fn finish(&mut self, credential: CredentialName, machine: Machine, outcome: Outcome) {
        let Some(Entry::AtWork { mut waiting, askers, next_askers }) = self.entries.remove(&credential) else { return };
        for asker in askers {
            // Whoever asked may have gone.
            let _ = asker.send(outcome.answer());
        }
        if waiting.is_empty() {
            if outcome != Outcome::Gone && !machine.is_forgettable(Instant::now().into_std()) {
                self.rest(credential, machine);
            }
            return;
        }
        let input = waiting.remove(0);
        self.work(credential.clone(), machine, input, Vec::new());
        // Those who asked meanwhile are answered by the last of the inputs, theirs among them.
        if let Some(Entry::AtWork { waiting: later, askers: now, next_askers: then }) =
            self.entries.get_mut(&credential)
        {
            if waiting.is_empty() {
                *now = next_askers;
            } else {
                *then = next_askers;
            }
            *later = waiting;
        }
    }

    fn rest(&mut self, credential: CredentialName, machine: Machine) {
        if let Some(due) = machine.recheck_at() {
            self.due.insert((Instant::from_std(due), credential.clone()));
        }
        self.entries.insert(credential, Entry::Idle(machine));
    }

    fn forget_due(&mut self, credential: &CredentialName, machine: &Machine) {
        if let Some(due) = machine.recheck_at() {
            self.due.remove(&(Instant::from_std(due), credential.clone()));
        }
    }

    /// Finds what has to be asked about again and waits for nothing: after a start, what a service stored, and what is in use again. Drops
    /// what is quiet.
    fn scan(&mut self) {
        let view = self.worker.views.load();
        let now = Instant::now().into_std();
        self.worker.tallies().sweep(now);
        self.entries.retain(|_, entry| !matches!(entry, Entry::Idle(machine) if machine.is_forgettable(now)));
        let mut counts = CredentialState::ALL.map(|state| (state, 0));
        for credential in view.credentials.keys() {
            let Some(known) = Known::of(&view, credential) else { continue };
            counts.iter_mut().filter(|(state, _)| *state == known.state()).for_each(|(_, count)| *count += 1);
            // Nothing can be asked while the store is sealed.
            if self.worker.sealer.is_some() && wants_recheck(known.subject(None)) {
                self.plan_recheck(credential, &known);
            }
        }
        self.worker.metrics.count(counts.map(|(_, count)| count));
    }

    /// Sees to it that the credential is asked about again, unless it is already.
    fn plan_recheck(&mut self, credential: &CredentialName, known: &Known) {
        let machine = match self.entries.get(credential) {
            Some(Entry::AtWork { .. }) => return,
            Some(Entry::Idle(machine)) if machine.recheck_at().is_some() => return,
            // Its time came while nobody was to be asked.
            Some(Entry::Idle(machine)) => machine.clone().resumed(known.subject(None), moment()),
            None => Machine::found(known.subject(None), moment()),
        };
        self.rest(credential.clone(), machine);
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
