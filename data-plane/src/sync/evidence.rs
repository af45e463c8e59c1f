//! Coalesces what requests learned of credentials into numbered batches. Pure: no clock, no I/O.
//!
//! Every credential, value version, upstream model and finding is one entry, whatever the number of requests that met it. Entries gather in
//! the open batch; a sealed batch is kept until it is acknowledged, and sent again on the next stream. All of it is bounded, and what finds
//! no room is counted. What was used goes along, each name with its last time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use proto::sync::v1::{self, Batch, CredentialEvidence, Use};
use shared::name::CredentialName;

use crate::evidence::uses::Subject;
use crate::evidence::{Finding, Observation};

/// How many entries the open batch may have; the control plane reads no more of one.
const MOST_ENTRIES: usize = 1000;
/// How many uses one batch may tell of; what there is more goes with the next.
const MOST_USES: usize = 1000;
/// How many uses may wait for a batch. What finds no room stays where it was.
const MOST_WAITING_USES: usize = 4 * MOST_USES;
/// How many sealed batches may wait for their acknowledgement.
pub const MOST_UNACKNOWLEDGED: usize = 16;

/// What is to be told, and what was told and not acknowledged yet.
#[derive(Debug)]
pub struct Evidence {
    boot_id: Bytes,
    open: HashMap<Key, Met>,
    /// What was used, in the order of the batches to come.
    uses: VecDeque<Subject>,
    last_uses: HashMap<Subject, SystemTime>,
    sealed: VecDeque<Batch>,
    sequence: u64,
    acknowledged: u64,
    dropped: u64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    credential: CredentialName,
    value_version: u64,
    upstream_model: Arc<str>,
    finding: Finding,
}

#[derive(Debug)]
struct Met {
    count: u64,
    first: SystemTime,
    last: SystemTime,
    status: u16,
    provider_code: Option<&'static str>,
}

impl Evidence {
    /// Nothing is told yet in this boot.
    #[must_use]
    pub fn new(boot_id: [u8; 16]) -> Self {
        Self {
            boot_id: Bytes::copy_from_slice(&boot_id),
            open: HashMap::new(),
            uses: VecDeque::new(),
            last_uses: HashMap::new(),
            sealed: VecDeque::new(),
            sequence: 0,
            acknowledged: 0,
            dropped: 0,
        }
    }

    /// Takes an observation in, or counts it as dropped where there is no room for another entry.
    pub fn take(&mut self, observed: Observation) {
        let full = self.open.len() >= MOST_ENTRIES;
        let Observation { credential, value_version, upstream_model, finding, status, provider_code, at, .. } =
            observed;
        match self.open.entry(Key { credential, value_version, upstream_model, finding }) {
            Entry::Occupied(mut met) => {
                let met = met.get_mut();
                met.count += 1;
                met.first = met.first.min(at);
                if at >= met.last {
                    *met = Met { last: at, status, provider_code, ..*met };
                }
            }
            Entry::Vacant(_) if full => self.dropped += 1,
            Entry::Vacant(vacant) => {
                vacant.insert(Met { count: 1, first: at, last: at, status, provider_code });
            }
        }
    }

    /// Whether there is room for another use.
    #[must_use]
    pub fn has_room_for_uses(&self) -> bool {
        self.uses.len() < MOST_WAITING_USES
    }

    /// Takes in that something was used; the latest time counts.
    pub fn take_use(&mut self, subject: Subject, at: SystemTime) {
        match self.last_uses.entry(subject) {
            Entry::Occupied(mut last) => {
                let at = at.max(*last.get());
                last.insert(at);
            }
            Entry::Vacant(vacant) => {
                self.uses.push_back(vacant.key().clone());
                vacant.insert(at);
            }
        }
    }

    /// How many observations found no room here.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether there is something to tell and room to remember that it was told.
    #[must_use]
    pub fn can_seal(&self) -> bool {
        self.has_open() && self.sealed.len() < MOST_UNACKNOWLEDGED
    }

    /// Whether everything was told and acknowledged.
    #[must_use]
    pub fn is_told(&self) -> bool {
        !self.has_open() && self.sealed.is_empty()
    }

    fn has_open(&self) -> bool {
        !self.open.is_empty() || !self.uses.is_empty()
    }

    /// Makes the next batch of the open entries. `dropped_before` is what never got here.
    #[must_use]
    pub fn seal(&mut self, dropped_before: u64) -> Batch {
        self.sequence += 1;
        let batch = Batch {
            boot_id: self.boot_id.clone(),
            sequence: self.sequence,
            credential_evidence: self.open.drain().map(to_wire).collect(),
            dropped: self.dropped + dropped_before,
            uses: self.next_uses(),
        };
        self.sealed.push_back(batch.clone());
        batch
    }

    fn next_uses(&mut self) -> Vec<Use> {
        let next = self.uses.drain(..self.uses.len().min(MOST_USES));
        let last_uses = &mut self.last_uses;
        next.filter_map(|subject| last_uses.remove(&subject).map(|at| use_to_wire(&subject, at))).collect()
    }

    /// The batches that wait for their acknowledgement, in order.
    pub fn unacknowledged(&self) -> impl Iterator<Item = Batch> {
        self.sealed.iter().cloned()
    }

    /// Forgets the batches up to a number: the control plane has them.
    pub fn acknowledge(&mut self, sequence: u64) {
        // The control plane can't have what was never sent.
        self.acknowledged = self.acknowledged.max(sequence.min(self.sequence));
        self.sealed.retain(|batch| batch.sequence > self.acknowledged);
    }

    /// The number of the last batch that was acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
}

fn to_wire((key, met): (Key, Met)) -> CredentialEvidence {
    CredentialEvidence {
        credential: key.credential.to_string(),
        value_version: key.value_version,
        upstream_model: key.upstream_model.to_string(),
        finding: finding(key.finding).into(),
        count: met.count,
        first_time_ms: millis(met.first),
        last_time_ms: millis(met.last),
        upstream_status: met.status.into(),
        provider_code: met.provider_code.unwrap_or_default().to_owned(),
    }
}

fn use_to_wire(subject: &Subject, at: SystemTime) -> Use {
    Use { name: subject.name().to_owned(), last_time_ms: millis(at), value_version: subject.value_version() }
}

fn finding(finding: Finding) -> v1::Finding {
    match finding {
        Finding::Served => v1::Finding::Served,
        Finding::Rejected => v1::Finding::Rejected,
        Finding::Denied => v1::Finding::Denied,
        Finding::Exhausted => v1::Finding::Exhausted,
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn observed(credential: &str, finding: Finding, second: u64) -> Observation {
        Observation {
            environment: "projects/p/environments/e".parse().unwrap(),
            credential: format!("projects/p/providers/a/credentials/{credential}").parse().unwrap(),
            value_version: 1,
            upstream_model: "gpt".into(),
            finding,
            status: 401,
            provider_code: Some("invalid_api_key"),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
        }
    }

    #[test]
    fn what_many_requests_met_is_one_entry() {
        let mut evidence = Evidence::new([7; 16]);
        for second in [5, 3, 9] {
            evidence.take(observed("a", Finding::Rejected, second));
        }
        evidence.take(observed("a", Finding::Denied, 4));
        let batch = evidence.seal(2);
        assert_eq!((batch.sequence, batch.dropped, batch.boot_id.as_ref()), (1, 2, [7; 16].as_slice()));
        assert_eq!(batch.credential_evidence.len(), 2);
        let rejected = i32::from(v1::Finding::Rejected);
        let entry = batch.credential_evidence.iter().find(|entry| entry.finding == rejected).unwrap();
        assert_eq!((entry.count, entry.first_time_ms, entry.last_time_ms), (3, 3000, 9000));
        assert_eq!((entry.upstream_status, entry.provider_code.as_str()), (401, "invalid_api_key"));
    }

    #[test]
    fn a_batch_is_kept_until_it_is_acknowledged() {
        let mut evidence = Evidence::new([0; 16]);
        for second in 1..=3 {
            evidence.take(observed("a", Finding::Rejected, second));
            assert_eq!(evidence.seal(0).sequence, second);
        }
        evidence.acknowledge(2);
        assert_eq!(evidence.unacknowledged().map(|batch| batch.sequence).collect::<Vec<_>>(), [3]);
        evidence.acknowledge(1);
        assert!(!evidence.is_told());
        evidence.acknowledge(99);
        assert!(evidence.is_told());
        assert_eq!(evidence.acknowledged(), 3);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_is_known_still_coalesces() {
        let mut evidence = Evidence::new([0; 16]);
        for credential in 0..MOST_ENTRIES + 5 {
            evidence.take(observed(&format!("c{credential}"), Finding::Rejected, 1));
        }
        evidence.take(observed("c0", Finding::Rejected, 2));
        assert_eq!(evidence.dropped(), 5);
        let batch = evidence.seal(0);
        assert_eq!((batch.credential_evidence.len(), batch.dropped), (MOST_ENTRIES, 5));
    }

    fn used(provider: usize, second: u64) -> (Subject, SystemTime) {
        let provider = format!("projects/p/providers/a{provider}").parse().unwrap();
        (Subject::Provider(provider), SystemTime::UNIX_EPOCH + Duration::from_secs(second))
    }

    #[test]
    fn uses_go_once_each_with_their_last_time() {
        let mut evidence = Evidence::new([0; 16]);
        let credential: CredentialName = "projects/p/providers/a0/credentials/c".parse().unwrap();
        for second in [5, 9, 3] {
            let (provider, at) = used(0, second);
            evidence.take_use(provider, at);
            evidence.take_use(Subject::Credential(credential.clone(), 7), at);
        }
        assert!(evidence.can_seal() && !evidence.is_told());
        let batch = evidence.seal(0);
        let told: Vec<_> = batch.uses.iter().map(|told| (&*told.name, told.last_time_ms, told.value_version)).collect();
        let expected = [("projects/p/providers/a0", 9000, 0), ("projects/p/providers/a0/credentials/c", 9000, 7)];
        assert_eq!(told, expected);
        assert!(!evidence.can_seal(), "told once");
        evidence.acknowledge(1);
        assert!(evidence.is_told());
    }

    #[test]
    fn more_uses_than_a_batch_holds_go_with_the_next() {
        let mut evidence = Evidence::new([0; 16]);
        let mut count = 0;
        while evidence.has_room_for_uses() {
            let (provider, at) = used(count, 1);
            evidence.take_use(provider, at);
            count += 1;
        }
        assert_eq!(count, MOST_WAITING_USES);
        for _ in 0..MOST_WAITING_USES / MOST_USES {
            assert_eq!(evidence.seal(0).uses.len(), MOST_USES);
        }
        assert!(!evidence.can_seal());
    }

    #[test]
    fn nothing_is_sealed_while_too_much_waits_for_an_acknowledgement() {
        let mut evidence = Evidence::new([0; 16]);
        for second in 0..MOST_UNACKNOWLEDGED as u64 {
            evidence.take(observed("a", Finding::Rejected, second));
            assert!(evidence.can_seal());
            let _ = evidence.seal(0);
        }
        evidence.take(observed("a", Finding::Rejected, 99));
        assert!(!evidence.can_seal());
        evidence.acknowledge(1);
        assert!(evidence.can_seal());
    }
}
