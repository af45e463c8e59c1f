//! One credential's token: what to do when it is asked for. Pure but for its own lock, which is held for a few moves and never for a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::exchange::Granted;
use super::{MintError, Refused};
use crate::backoff::Backoff;
use crate::secret::Secret;

/// What came of a call to the token endpoint.
pub(super) type Outcome = Result<Secret, MintError>;

/// A token is refreshed at least so long before it ends, and up to a twentieth of its life earlier, so that many do not come due at once.
const EARLY: Duration = Duration::from_secs(60);
/// A token that is refused so soon after another was shows that the credential itself is refused.
const YOUNG: Duration = Duration::from_secs(60);
/// The pauses after failures: under 2 s, then growing.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A time that is so much before a pause tells of a clock that was set back.
const SET_BACK: Duration = Duration::from_secs(60);

/// A token with its times.
pub(super) struct Token {
    secret: Secret,
    refresh: SystemTime,
    expiry: SystemTime,
}

/// Which token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Any that is valid.
    Valid,
    /// One that is minted now.
    New,
}

/// What to do for one who asks.
pub(super) enum Decision {
    /// Here it is.
    Use(Secret),
    /// Here it is, and the asker starts the minting of the next.
    UseAndMint(Secret, watch::Sender<Option<Outcome>>),
    /// Somebody else is minting one.
    Wait(watch::Receiver<Option<Outcome>>),
    /// The asker starts the minting, and waits for it.
    Mint(watch::Sender<Option<Outcome>>, watch::Receiver<Option<Outcome>>),
    /// There was an error a moment ago.
    Fail(MintError),
}

/// One credential's token.
pub(super) struct Slot {
    token: ArcSwapOption<Token>,
    /// Seconds since the epoch.
    last_used: AtomicU64,
    minting: Mutex<Minting>,
}

struct Minting {
    /// The call that is under way, or the last one: its sender is gone when it has ended, however it did.
    call: Option<watch::Receiver<Option<Outcome>>>,
    backoff: Backoff,
    pause: Option<Pause>,
    /// When a token was last dropped because its provider refused it.
    refused: Option<SystemTime>,
}

struct Pause {
    length: Duration,
    until: SystemTime,
    error: MintError,
}

impl Token {
    /// The jitter is the random number's.
    pub(super) fn new(granted: Granted, now: SystemTime, random: u64) -> Self {
        let Granted { token: secret, lifetime } = granted;
        let jitter = Backoff::new(lifetime / 20, lifetime / 20).next_delay(random);
        // A token of two minutes or less would else be refreshed all the time.
        let early = (EARLY + jitter).min(lifetime / 2);
        Self { secret, refresh: now + (lifetime - early), expiry: now + lifetime }
    }
}

impl Slot {
    pub(super) fn new(now: SystemTime) -> Self {
        let minting =
            Minting { call: None, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), pause: None, refused: None };
        Self { token: ArcSwapOption::empty(), last_used: AtomicU64::new(seconds(now)), minting: Mutex::new(minting) }
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// What to do for one who asks at `now`.
    pub(super) fn decide(&self, want: Want, now: SystemTime) -> Decision {
        self.note_use(now);
        if let (Want::Valid, Some(token)) = (want, self.token_before(now, |token| token.refresh)) {
            return Decision::Use(token);
        }
        let mut minting = self.minting();
        // A refresh may have ended since.
        if let (Want::Valid, Some(token)) = (want, self.token_before(now, |token| token.refresh)) {
            return Decision::Use(token);
        }
        let held = match want {
            Want::Valid => self.token_before(now, |token| token.expiry),
            Want::New => None,
        };
        if let Some(call) = minting.under_way() {
            return held.map_or(Decision::Wait(call), Decision::Use);
        }
        if let (Want::Valid, Some(error)) = (want, minting.paused(now)) {
            return held.map_or(Decision::Fail(error), Decision::Use);
        }
        let (sender, receiver) = watch::channel(None);
        minting.call = Some(receiver.clone());
        match held {
            Some(token) => Decision::UseAndMint(token, sender),
            None => Decision::Mint(sender, receiver),
        }
    }

    /// Takes what came of a call, and tells those who wait for it.
    pub(super) fn finish(
        &self,
        minted: Result<Token, MintError>,
        now: SystemTime,
        random: u64,
        done: &watch::Sender<Option<Outcome>>,
    ) {
        let outcome = minted.as_ref().map(|token| token.secret.clone()).map_err(MintError::clone);
        {
            let mut minting = self.minting();
            match minted {
                Ok(token) => {
                    self.token.store(Some(Arc::new(token)));
                    minting.backoff.reset();
                    minting.pause = None;
                }
                Err(error) => minting.pause_after(error, now, random),
            }
        }
        done.send_replace(Some(outcome));
    }

    /// Drops a token that its provider refused, unless one was dropped a moment ago or another has its place already.
    pub(super) fn refused(&self, token: &Secret, now: SystemTime) -> Refused {
        let mut minting = self.minting();
        match &*self.token.load() {
            Some(held) if is_same(&held.secret, token) => {
                // A clock that was set back makes no refusal young.
                let since = minting.refused.and_then(|refused| now.duration_since(refused).ok());
                if since.is_some_and(|since| since < YOUNG) {
                    return Refused::Believe;
                }
                minting.refused = Some(now);
                self.token.store(None);
                Refused::AskAgain
            }
            Some(_) | None => Refused::AskAgain,
        }
    }

    /// The token, if `now` is before the time that is named.
    fn token_before(&self, now: SystemTime, time: impl Fn(&Token) -> SystemTime) -> Option<Secret> {
        self.token.load().as_ref().filter(|token| now < time(token)).map(|token| token.secret.clone())
    }

    /// One write a second at the most, so that many who ask do not fight for the cache line.
    fn note_use(&self, now: SystemTime) {
        let now = seconds(now);
        if self.last_used.load(Ordering::Relaxed) != now {
            self.last_used.store(now, Ordering::Relaxed);
        }
    }

    fn minting(&self) -> MutexGuard<'_, Minting> {
        self.minting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minting {
    fn under_way(&self) -> Option<watch::Receiver<Option<Outcome>>> {
        self.call.as_ref().filter(|call| call.has_changed().is_ok()).cloned()
    }

    /// A clock that was set back ends a pause, or it could last for years. Who took the time a little before the pause began is in it.
    fn paused(&self, now: SystemTime) -> Option<MintError> {
        let pause = self.pause.as_ref()?;
        let left = pause.until.duration_since(now).ok()?;
        (!left.is_zero() && left <= pause.length + SET_BACK).then(|| pause.error.clone())
    }

    /// Half of the bound at least, so that a failing endpoint has its rest.
    fn pause_after(&mut self, error: MintError, now: SystemTime, random: u64) {
        let half = self.backoff.next_bound() / 2;
        let length = (half + Backoff::new(half, half).next_delay(random)).max(error.retry_after().unwrap_or_default());
        self.pause = Some(Pause { length, until: now + length, error });
    }
}

/// Whether two are clones of one: a copy of a token comes from here, and shares its bytes.
fn is_same(one: &Secret, other: &Secret) -> bool {
    std::ptr::eq(one.expose(), other.expose())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_is_refreshed_a_minute_early_or_at_half_its_life(seconds in 0_u64..100_000, random: u64) {
            let (now, lifetime) = (SystemTime::UNIX_EPOCH, Duration::from_secs(seconds));
            let token = Token::new(Granted { token: Secret::from("t".to_owned()), lifetime }, now, random);
            prop_assert_eq!(token.expiry, now + lifetime);
            let early = token.expiry.duration_since(token.refresh).unwrap();
            prop_assert!(early <= lifetime / 2);
            prop_assert!(early >= EARLY.min(lifetime / 2));
            prop_assert!(early <= EARLY + lifetime / 20);
        }
    }
}
