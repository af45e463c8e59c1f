//! Short-lived tokens: minted from a credential, kept, and refreshed before they end.
//!
//! ```text
//! no token ──ask──► minting ──────────────► valid ──refresh time──► valid, and minting in the background
//!     ▲                │ failed               ▲  │ expired              │          │ failed
//!     └─ paused ◄──────┘                      │  └──► no token          │          ▼
//!        the error is answered                └──────────── minted ─────┘       the old one serves to its end,
//!        at once; pauses grow                                                   the next try waits for its pause
//! ```
//!
//! One token for each whole credential, and at the most one call to a token endpoint for it at a time, however many ask. A call belongs
//! to nobody who waits for it: it goes on when they leave. An answer with a valid token takes no lock.

mod exchange;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::Instant;

use self::exchange::Exchange;
use self::slot::{Decision, Outcome, Slot, Token, Want};
use crate::adapter::{Adapter, Place, UnfitSecret};
use crate::credential::{CredentialType, CredentialValue};
use crate::dial::{DialFailure, Dialer};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::task::Tasks;

/// Credentials whose tokens are kept; above it the one that was not used for the longest time goes.
const MOST_SLOTS: usize = 4096;

/// Mints tokens and keeps them. Its clones share them.
#[derive(Clone)]
pub struct Minter {
    inner: Arc<Inner>,
}

/// What a token is minted from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Says how it is asked for.
    pub adapter: &'static dyn Adapter,
    /// Where it will be used.
    pub place: &'a Place,
    /// What it is asked for with.
    pub value: &'a CredentialValue,
}

/// What to think of a token that its provider refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Tokens end before their time, by a revocation or a clock: the next is another, and worth one more try.
    AskAgain,
    /// One was refused a moment ago, and this is the one that followed it: the credential itself is refused.
    Believe,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The value can't ask for one.
    #[error("the value can't ask for a token")]
    Unfit(#[from] UnfitSecret),
    /// The token endpoint was not reached.
    #[error("the token endpoint gave no answer")]
    NoAnswer(#[from] DialFailure),
    /// The token endpoint did not answer in time.
    #[error("the token endpoint did not answer in time")]
    TimedOut,
    /// The token endpoint answered with an error.
    #[error("the token endpoint answered {status}")]
    Refused {
        /// What it means.
        failure: Failure,
        /// Its status.
        status: u16,
        /// The error's code, `invalid_grant` and its like, if it is one of those that we know.
        code: Option<&'static str>,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The token endpoint answered well, but with something else than a token.
    #[error("the token endpoint's answer holds no token")]
    NotAToken,
    /// The process ends.
    #[error("the process is stopping")]
    Stopping,
}

struct Inner {
    exchange: Exchange,
    tasks: Tasks,
    slots: ArcSwap<HashMap<Id, Arc<Slot>>>,
    most_slots: usize,
}

/// A whole credential, hashed.
type Id = [u8; 32];

impl Minter {
    /// Mints through a dialer, whose rules say which token endpoints may be called.
    #[must_use]
    pub fn new(dialer: &Dialer, tasks: &Tasks) -> Self {
        Self::with_most(dialer, tasks, MOST_SLOTS)
    }

    fn with_most(dialer: &Dialer, tasks: &Tasks, most_slots: usize) -> Self {
        let (exchange, tasks) = (Exchange::new(dialer), tasks.clone());
        Self { inner: Arc::new(Inner { exchange, tasks, slots: ArcSwap::default(), most_slots }) }
    }

    /// The token to sign with; `None` where the value signs by itself. It is valid at `now`, and refreshed in the background when it
    /// soon won't be.
    ///
    /// # Errors
    ///
    /// When there is no valid token and none can be minted, or none could be a moment ago.
    ///
    /// # Cancel safety
    ///
    /// A call that has begun goes on without its waiters, and the next one who asks gets its token.
    pub async fn token(&self, source: Source<'_>, now: SystemTime) -> Result<Option<Secret>, MintError> {
        self.get(source, Want::Valid, now).await
    }

    /// A token that is minted now, whatever is kept: it proves that the credential is good. `None` where the value signs by itself.
    ///
    /// # Errors
    ///
    /// When none can be minted.
    ///
    /// # Cancel safety
    ///
    /// As of [`token`](Self::token).
    pub async fn fresh(&self, source: Source<'_>, now: SystemTime) -> Result<Option<Secret>, MintError> {
        self.get(source, Want::New, now).await
    }

    /// Takes note that the provider refused a token, and says whether to try once more.
    #[must_use]
    pub fn refused(&self, source: Source<'_>, token: &Secret, now: SystemTime) -> Refused {
        match id(source).and_then(|id| self.inner.slots.load().get(&id).cloned()) {
            Some(slot) => slot.refused(token, now),
            None => Refused::AskAgain,
        }
    }

    async fn get(&self, source: Source<'_>, want: Want, now: SystemTime) -> Result<Option<Secret>, MintError> {
        let Some(id) = id(source) else { return Ok(None) };
        let slot = self.inner.slot(id, now);
        let waiting = match slot.decide(want, now) {
            Decision::Use(token) => return Ok(Some(token)),
            Decision::Fail(error) => return Err(error),
            Decision::Wait(minting) => minting,
            Decision::UseAndMint(token, done) => {
                self.mint(slot, source, done, now);
                return Ok(Some(token));
            }
            Decision::Mint(done, minting) => {
                self.mint(slot, source, done, now);
                minting
            }
        };
        outcome(waiting).await.map(Some)
    }

    /// Mints in a task of its own, which takes all that is costly: the assertion's signature, too.
    fn mint(&self, slot: Arc<Slot>, source: Source<'_>, done: watch::Sender<Option<Outcome>>, now: SystemTime) {
        let (adapter, place, value) = (source.adapter, source.place.clone(), source.value.clone());
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn("mint a token", async move {
            let started = Instant::now();
            let request = match adapter.token_request(&place, &value, now) {
                Ok(Some(request)) => Ok(request),
                Ok(None) | Err(UnfitSecret) => Err(MintError::Unfit(UnfitSecret)),
            };
            let minted = match request {
                Ok(request) => inner.exchange.post(request).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &minted {
                tracing::warn!(%error, "a token could not be minted");
            }
            let minted = minted.map(|granted| Token::new(granted, now, random()));
            slot.finish(minted, now + started.elapsed(), random(), &done);
        });
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter").field("slots", &self.inner.slots.load().len()).finish_non_exhaustive()
    }
}

impl Inner {
    fn slot(&self, id: Id, now: SystemTime) -> Arc<Slot> {
        if let Some(slot) = self.slots.load().get(&id) {
            return Arc::clone(slot);
        }
        let new = Arc::new(Slot::new(now));
        let mut chosen = Arc::clone(&new);
        self.slots.rcu(|slots| {
            let mut slots = HashMap::clone(slots);
            chosen = Arc::clone(slots.entry(id).or_insert_with(|| Arc::clone(&new)));
            while slots.len() > self.most_slots {
                let unused = slots.iter().filter(|(other, _)| **other != id).min_by_key(|(_, slot)| slot.last_used());
                let Some(unused) = unused.map(|(unused, _)| *unused) else { break };
                slots.remove(&unused);
            }
            slots
        });
        chosen
    }
}

impl MintError {
    /// The failure word for it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Unfit(_) => Failure::Rejected,
            Self::NoAnswer(_) | Self::Stopping => Failure::Unreachable,
            Self::TimedOut => Failure::TimedOut,
            Self::Refused { failure, .. } => *failure,
            Self::NotAToken => Failure::ServerError,
        }
    }

    /// How long the token endpoint asks to wait; `None` where it says nothing.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unfit(_) | Self::NoAnswer(_) | Self::TimedOut | Self::NotAToken | Self::Stopping => None,
        }
    }
}

/// Hashes everything that a token depends on; `None` where the value signs by itself.
fn id(source: Source<'_>) -> Option<Id> {
    let mut hasher = blake3::Hasher::new();
    match source.value.kind() {
        CredentialType::ApiKey | CredentialType::AccessKeyPair => return None,
        // The token's endpoint is among its bytes, and its scope is always the same.
        CredentialType::ServiceAccount => hasher.update(b"service account\0"),
        // Endpoint and scope depend on the cloud, which the origin tells.
        CredentialType::ClientSecret => {
            hasher.update(b"client secret\0").update(source.place.base_url.origin().as_str().as_bytes()).update(b"\0")
        }
    };
    hasher.update(source.value.to_bytes().expose());
    Some(*hasher.finalize().as_bytes())
}

async fn outcome(mut minting: watch::Receiver<Option<Outcome>>) -> Outcome {
    match minting.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(outcome)) => outcome.clone(),
        Ok(None) | Err(_) => Err(MintError::Stopping),
    }
}

/// Spreads refreshes and pauses. Without randomness they are not spread, which is no fault.
fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
