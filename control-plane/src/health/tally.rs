//! Who used a credential lately, and who says that it fails: what decides where no probe can.
//!
//! ```text
//! several proxies used it in the last minute      ─► more than half of them say the same, in that minute
//! one did, and no other connected proxy has it    ─► five requests in a row failed there, without a success between
//! one did of several that have it, or nobody did  ─► nothing is decided
//! more did than can be counted                    ─► nothing is decided
//! ```
//!
//! One of several is never enough, however quiet the others are: or a hostile one could empty a pool that nobody uses just now.
//!
//! Proxies are counted by the names in their certificates, by the control plane's clock, and only for the value that is current: nothing
//! of this is taken from a message. A proxy's last word is the one that counts, and it has one vote however often it speaks.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use shared::name::{CredentialName, ProxyName};

use super::evidence::Finding;

/// How long a use and a word count.
const WINDOW: Duration = Duration::from_secs(60);
/// How many requests in a row have to fail at the only proxy.
pub(super) const CONSECUTIVE: u64 = 5;
/// How long failures in a row are remembered: a proxy tries a failed credential once in ten minutes at the least.
const STREAK: Duration = Duration::from_secs(3600);
/// The most proxies of one credential that are counted.
const MOST_PROXIES: usize = 4096;
/// The most of them of all credentials together.
const MOST_IN_ALL: usize = 1 << 20;

/// What proxies do with one value of a credential.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    value_version: u64,
    proxies: BTreeMap<ProxyName, Voice>,
    /// When a proxy was last left out for want of room: until that is long ago, there is no majority.
    overfull: Option<Instant>,
}

/// What one proxy does with it.
#[derive(Debug, Clone, Copy)]
struct Voice {
    used: Instant,
    word: Option<Word>,
}

/// A proxy's last word.
#[derive(Debug, Clone, Copy)]
struct Word {
    finding: Finding,
    said: Instant,
    /// Requests that failed since the last one that was served.
    in_a_row: u64,
    company: Company,
}

/// Whether another connected proxy has the credential too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Alone,
    Others,
}

/// The tallies of every credential that is used. Bounded: what does not fit decides nothing.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    by_credential: HashMap<CredentialName, Tally>,
    voices: usize,
}

impl Tally {
    /// A proxy used it.
    fn used(&mut self, proxy: &ProxyName, room: usize, now: Instant) {
        if let Some(voice) = self.proxies.get_mut(proxy) {
            voice.used = now;
        } else if room > 0 && self.has_room(now) {
            self.proxies.insert(proxy.clone(), Voice { used: now, word: None });
        } else {
            self.overfull = Some(now);
        }
    }

    /// A proxy's requests met this so many times.
    fn told(&mut self, proxy: &ProxyName, (finding, count, company): (Finding, u64, Company), now: Instant) {
        let Some(voice) = self.proxies.get_mut(proxy) else { return };
        match finding {
            Finding::Served => voice.word = None,
            Finding::Rejected | Finding::Exhausted => {
                let before = voice.word.filter(|word| word.finding == finding && within(STREAK, word.said, now));
                let in_a_row = before.map_or(0, |word| word.in_a_row).saturating_add(count);
                voice.word = Some(Word { finding, said: now, in_a_row, company });
            }
            // They say nothing of whether it is dead.
            Finding::Denied | Finding::RateLimited => {}
        }
    }

    /// What enough proxies say.
    fn agreed(&self, now: Instant) -> Option<Finding> {
        if self.overfull.is_some_and(|at| within(WINDOW, at, now)) {
            return None;
        }
        let mut users = self.proxies.values().filter(|voice| within(WINDOW, voice.used, now));
        let (first, second) = (users.next()?, users.next());
        let Some(second) = second else {
            let decides = |word: &Word| word.company == Company::Alone && word.in_a_row >= CONSECUTIVE;
            return first.word.filter(decides).map(|word| word.finding);
        };
        let (mut all, mut rejected, mut exhausted) = (0_usize, 0_usize, 0_usize);
        for voice in [first, second].into_iter().chain(users) {
            all += 1;
            match voice.word.filter(|word| within(WINDOW, word.said, now)).map(|word| word.finding) {
                Some(Finding::Rejected) => rejected += 1,
                Some(Finding::Exhausted) => exhausted += 1,
                Some(Finding::Served | Finding::Denied | Finding::RateLimited) | None => {}
            }
        }
        match (rejected * 2 > all, exhausted * 2 > all) {
            (true, _) => Some(Finding::Rejected),
            (_, true) => Some(Finding::Exhausted),
            (false, false) => None,
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.proxies.len() >= MOST_PROXIES {
            self.forget_old(now);
        }
        self.proxies.len() < MOST_PROXIES
    }

    fn forget_old(&mut self, now: Instant) {
        self.proxies.retain(|_, voice| {
            within(WINDOW, voice.used, now) || voice.word.is_some_and(|word| within(STREAK, word.said, now))
        });
    }
}

impl Tallies {
    /// A proxy used a credential's current value.
    pub(super) fn used(&mut self, credential: &CredentialName, value_version: u64, proxy: &ProxyName, now: Instant) {
        self.note(credential, value_version, |tally, room| tally.used(proxy, room, now));
    }

    /// Requests of a proxy with a credential's current value met something.
    pub(super) fn told(
        &mut self,
        credential: &CredentialName,
        value_version: u64,
        (proxy, met): (&ProxyName, (Finding, u64, Company)),
        now: Instant,
    ) {
        self.note(credential, value_version, |tally, room| {
            tally.used(proxy, room, now);
            tally.told(proxy, met, now);
        });
    }

    /// What enough proxies say of a value.
    pub(super) fn agreed(&self, credential: &CredentialName, value_version: u64, now: Instant) -> Option<Finding> {
        let tally = self.by_credential.get(credential).filter(|tally| tally.value_version == value_version)?;
        tally.agreed(now)
    }

    /// Forgets what was said of a credential: it serves again, and is judged by what comes.
    pub(super) fn begin_anew(&mut self, credential: &CredentialName) {
        for voice in self.by_credential.get_mut(credential).into_iter().flat_map(|tally| tally.proxies.values_mut()) {
            voice.word = None;
        }
    }

    /// Forgets what is long ago.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.by_credential.retain(|_, tally| {
            tally.forget_old(now);
            !tally.proxies.is_empty()
        });
        self.voices = self.by_credential.values().map(|tally| tally.proxies.len()).sum();
    }

    fn note(&mut self, credential: &CredentialName, value_version: u64, change: impl FnOnce(&mut Tally, usize)) {
        let room = MOST_IN_ALL.saturating_sub(self.voices);
        let tally = match self.by_credential.get_mut(credential) {
            Some(tally) => tally,
            None if room == 0 => return,
            None => self.by_credential.entry(credential.clone()).or_default(),
        };
        let before = tally.proxies.len();
        if tally.value_version != value_version {
            *tally = Tally { value_version, ..Tally::default() };
        }
        change(tally, room);
        self.voices = self.voices.saturating_sub(before).saturating_add(tally.proxies.len());
    }
}

fn within(span: Duration, then: Instant, now: Instant) -> bool {
    now.saturating_duration_since(then) < span
}

#[cfg(test)]
mod tests;
