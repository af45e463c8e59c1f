//! What the services share, and the shape of a write.
//!
//! ```text
//! begin: sealed? repeated? ─► decide(view) ─► commit with preconditions ─► wait for the view ─► answer
//!                                 ▲                    │ a precondition failed: the world has moved
//!                                 └────────────────────┘
//! ```
//!
//! A decision is a pure function of the view. Everything that it relied on becomes a precondition, so that two racing writers can't both
//! be right; the loser decides anew on the newer view, and finds there the reason to give: a name that is taken, an etag that is stale.

mod allowance;
mod answer;
mod dependents;
mod filter;
mod idempotency;
mod page;
mod plan;
mod read;
pub mod value;

mod catalog;
mod connect;
mod connection;
mod discover;

pub mod caller_key;
pub mod credential;
pub mod environment;
pub mod fleet;
pub mod model;
pub mod project;
pub mod provider;
pub mod rate;
pub mod secret;
pub mod system;

pub use allowance::Allowance;
pub use answer::Answer;
pub use dependents::{dependents, reachers_of, served_by};
pub use filter::{Field, FieldValue, Filter};
pub use idempotency::forget_expired;
pub use page::{Page, PageRequest};
pub use plan::{Draft, Named, Plan};
pub use read::{get, list, parent, parse_name};

use std::sync::Arc;

use prost::Message;
use shared::address::AddressPolicy;

use crate::access::Call;
use crate::error::Error;
use crate::store::seal::Sealer;
use crate::store::{CommitError, Identity, Store, StoreError};
use crate::view::{View, ViewStopped, Views};

use idempotency::Repetition;

/// How often a write is decided when others win the race. Of those that race for one record, one wins each time, so this many can race.
const MOST_DECISIONS: usize = 128;

/// What every service works with. Clones share it.
#[derive(Debug, Clone)]
pub struct Context {
    /// The durable copy.
    pub store: Arc<dyn Store>,
    /// Everything, in memory.
    pub views: Views,
    /// Whether values can be sealed.
    pub sealing: Sealing,
    /// Which upstream addresses may be configured.
    pub addresses: AddressPolicy,
}

/// Whether values can be sealed and opened.
#[derive(Debug, Clone)]
pub enum Sealing {
    /// They can.
    Open(Arc<Sealer>),
    /// They can't, for this reason: nothing is written.
    Sealed(Arc<str>),
}

impl Sealing {
    /// The sealer.
    ///
    /// # Errors
    ///
    /// [`Error::StoreSealed`] when there is none.
    pub fn sealer(&self) -> Result<&Arc<Sealer>, Error> {
        match self {
            Self::Open(sealer) => Ok(sealer),
            Self::Sealed(reason) => Err(Error::StoreSealed { reason: reason.to_string() }),
        }
    }
}

/// How a mutating request wants to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode<'a> {
    /// Everything is checked, this `request_id` too, and nothing is changed: `validate_only`.
    ValidateOnly(&'a str),
    /// The change is made.
    Once,
    /// The change is made, and its answer remembered under this `request_id`.
    Repeatable(&'a str),
}

impl<'a> Mode<'a> {
    /// Of a request's two fields.
    #[must_use]
    pub fn of(validate_only: bool, request_id: &'a str) -> Self {
        match (validate_only, request_id) {
            (true, request_id) => Self::ValidateOnly(request_id),
            (false, "") => Self::Once,
            (false, request_id) => Self::Repeatable(request_id),
        }
    }
}

/// A mutating request at its beginning.
#[derive(Debug)]
pub enum Begun<'a, A> {
    /// It was made before: this is what it answered.
    Answered(A),
    /// It is to be made.
    New(Write<'a>),
}

/// A write that is to be decided and committed.
#[derive(Debug)]
pub struct Write<'a> {
    context: &'a Context,
    call: &'a Call,
    mode: Mode<'a>,
    repetition: Option<Repetition>,
}

impl Context {
    /// The store's identity.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.store.identity()
    }

    /// Begins a mutating request: refuses it while the store is sealed, and finds its answer if it was made before.
    ///
    /// # Errors
    ///
    /// [`Error::StoreSealed`], [`Error::RequestIdReused`], a bad `request_id`, or what the store says.
    pub async fn begin<'a, Q: Message, A: Answer>(
        &'a self,
        call: &'a Call,
        request: &Q,
        mode: Mode<'a>,
    ) -> Result<Begun<'a, A>, Error> {
        let sealer = self.sealing.sealer()?;
        let mut write = Write { context: self, call, mode, repetition: None };
        if let Mode::ValidateOnly(request_id) = mode {
            Repetition::new(call, request, request_id)?;
        }
        if let Mode::Repeatable(request_id) = mode {
            let mut repetition = Repetition::new(call, request, request_id)?;
            if let Some(answer) = repetition.find(&*self.store, sealer, call.now).await? {
                return Ok(Begun::Answered(answer));
            }
            write.repetition = Some(repetition);
        }
        Ok(Begun::New(write))
    }

    /// Begins a mutating request, decides it and commits it, for requests that need nothing in between.
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin) and [`Write::commit`].
    pub async fn write<Q: Message, A: Answer>(
        &self,
        call: &Call,
        request: &Q,
        mode: Mode<'_>,
        decide: impl Fn(&mut Plan<'_>) -> Result<A, Error> + Send,
    ) -> Result<A, Error> {
        match self.begin(call, request, mode).await? {
            Begun::Answered(answer) => Ok(answer),
            Begun::New(write) => write.commit(decide).await,
        }
    }
}

impl Write<'_> {
    /// Decides on the view as it is, commits, waits until the view shows the commit, and answers. `decide` may be asked several times.
    ///
    /// # Errors
    ///
    /// What `decide` says, or [`Error::StoreUnavailable`], [`Error::StoreFull`] and their like.
    ///
    /// # Cancel safety
    ///
    /// The change is made or not, as a whole.
    pub async fn commit<A: Answer>(
        mut self,
        decide: impl Fn(&mut Plan<'_>) -> Result<A, Error> + Send,
    ) -> Result<A, Error> {
        let context = self.context;
        let identity = context.identity();
        let mut view = context.views.load();
        for _ in 0..MOST_DECISIONS {
            let (mut answer, mut draft) = self.decide(&view, &decide)?;
            if self.validates_only() {
                return Ok(answer);
            }
            if let Some(repetition) = &self.repetition {
                repetition.remember(&mut draft, context.sealing.sealer()?, identity.store_id, self.call.now, &answer);
            }
            if draft.is_empty() {
                return Ok(answer);
            }
            match context.store.commit(draft.into_commit()).await {
                Ok(revision) => {
                    context.views.wait_for(revision).await?;
                    answer.made_at(identity.epoch, revision);
                    return Ok(answer);
                }
                Err(CommitError::Precondition { current, .. }) => {
                    if let Some(answer) = self.answered_meanwhile().await? {
                        return Ok(answer);
                    }
                    let head = context.store.head();
                    view = context.views.wait_for(current.map_or(head, |current| current.max(head))).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::StoreUnavailable(None))
    }

    fn validates_only(&self) -> bool {
        matches!(self.mode, Mode::ValidateOnly(_))
    }

    fn decide<A>(
        &self,
        view: &View,
        decide: &(impl Fn(&mut Plan<'_>) -> Result<A, Error> + Send),
    ) -> Result<(A, Draft), Error> {
        let mut plan = Plan::new(view, self.call, self.context.addresses, self.validates_only());
        let answer = decide(&mut plan)?;
        Ok((answer, plan.into_draft()))
    }

    async fn answered_meanwhile<A: Answer>(&mut self) -> Result<Option<A>, Error> {
        let Some(repetition) = &mut self.repetition else { return Ok(None) };
        repetition.find(&*self.context.store, self.context.sealing.sealer()?, self.call.now).await
    }
}

impl From<ViewStopped> for Error {
    fn from(ViewStopped: ViewStopped) -> Self {
        Self::StoreUnavailable(Some(StoreError::Stopped))
    }
}

#[cfg(test)]
mod tests;
