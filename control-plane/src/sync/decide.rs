//! The answer to a hello: one pure function, the same for a first connection and for a reconnection.

use shared::digest::Digest;
use shared::revision::{Epoch, Revision};

use super::position::Position;

/// What a proxy says that it holds of one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its position; `None` where it holds nothing, or where the position could not be read.
    pub position: Option<Position>,
    /// Whether the proof that came with the position is ours.
    pub proof: ProofCheck,
}

/// What the check of a proof said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofCheck {
    /// It is ours.
    Ours,
    /// It is not.
    Wrong,
}

/// What the control plane knows, without an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// The store's epoch.
    pub epoch: Epoch,
    /// The form in which resources are sent.
    pub projection: u32,
    /// The last commit that is in the store.
    pub head: Revision,
}

/// What a feed remembers of its environment's past.
pub trait History {
    /// Where the environment is.
    fn head(&self) -> Mark;

    /// The oldest state from which the log leads on.
    fn floor(&self) -> Mark;

    /// The digest that the environment had when the revision was its last; `None` where the log does not reach back, or where the environment
    /// was never at that revision.
    fn digest_at(&self, revision: Revision) -> Option<Digest>;
}

/// A revision of an environment with its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The environment's revision.
    pub revision: Revision,
    /// Its digest then.
    pub digest: Digest,
}

/// What to do for one environment of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The environment is not loaded and verified yet: the proxy is to come back.
    Unavailable,
    /// The proxy has acknowledged what this store lacks: nothing is sent until an operator accepts the rollback.
    Frozen,
    /// It holds the environment's state.
    UpToDate,
    /// What the log has after this revision brings it to the head.
    Deltas {
        /// The revision of the log that has the proxy's digest.
        after: Revision,
    },
    /// It gets the whole state.
    Snapshot(Cause),
}

/// Why a proxy gets the whole state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It holds nothing that compares: no position, or one of another epoch.
    New,
    /// Its state is in another form.
    Projection,
    /// Its position is not one that we gave.
    BadProof,
    /// The log does not reach back to it.
    Behind,
    /// Its state never was the environment's.
    Drift,
}

/// Decides what a proxy gets of one environment.
#[must_use]
pub fn decide<H: History + ?Sized>(claim: &Claim, here: &Here, environment: Option<&H>) -> Decision {
    let Some(environment) = environment else { return Decision::Unavailable };
    let Some(position) = claim.position.filter(|position| position.epoch == here.epoch) else {
        return Decision::Snapshot(Cause::New);
    };
    if position.projection != here.projection {
        return Decision::Snapshot(Cause::Projection);
    }
    if claim.proof == ProofCheck::Wrong {
        return Decision::Snapshot(Cause::BadProof);
    }
    if position.revision > here.head {
        return Decision::Frozen;
    }
    if position.digest == environment.head().digest {
        return Decision::UpToDate;
    }
    from_log(position, environment)
}

fn from_log<H: History + ?Sized>(position: Position, environment: &H) -> Decision {
    let floor = environment.floor();
    // The log begins anew with the process: a proxy that was at the head then may name an older revision with the same digest.
    if position.revision <= floor.revision && position.digest == floor.digest {
        return Decision::Deltas { after: floor.revision };
    }
    match environment.digest_at(position.revision) {
        Some(digest) if digest == position.digest => Decision::Deltas { after: position.revision },
        Some(_) => Decision::Snapshot(Cause::Drift),
        None if position.revision < floor.revision => Decision::Snapshot(Cause::Behind),
        None => Decision::Snapshot(Cause::Drift),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EPOCH: Epoch = Epoch([1; 16]);

    /// A past as a plain list, oldest first and never empty.
    #[derive(Debug, Clone)]
    struct Past(Vec<Mark>);

    impl History for Past {
        fn head(&self) -> Mark {
            *self.0.last().unwrap()
        }
        fn floor(&self) -> Mark {
            self.0[0]
        }
        fn digest_at(&self, revision: Revision) -> Option<Digest> {
            self.0.iter().find(|mark| mark.revision == revision).map(|mark| mark.digest)
        }
    }

    fn digest(seed: u8) -> Digest {
        Digest::of(1, "x", u64::from(seed), b"")
    }

    fn past() -> impl Strategy<Value = Past> {
        (0..20_u64, prop::collection::vec((1..5_u64, 0..6_u8), 1..8)).prop_map(|(start, steps)| {
            let mut revision = start;
            let mut marks = vec![Mark { revision: Revision(start), digest: digest(9) }];
            for (step, seed) in steps {
                revision += step;
                marks.push(Mark { revision: Revision(revision), digest: digest(seed) });
            }
            Past(marks)
        })
    }

    fn claim(revision: u64, seed: u8) -> Claim {
        let position = Position { epoch: EPOCH, projection: 1, revision: Revision(revision), digest: digest(seed) };
        Claim { position: Some(position), proof: ProofCheck::Ours }
    }

    fn here(head: u64) -> Here {
        Here { epoch: EPOCH, projection: 1, head: Revision(head) }
    }

    proptest! {
        #[test]
        fn whoever_holds_the_state_gets_nothing_whatever_the_revision(past in past(), back in 0..30_u64) {
            let head = past.head();
            let mut claim = claim(head.revision.0.saturating_sub(back), 0);
            claim.position.as_mut().unwrap().digest = head.digest;
            prop_assert_eq!(decide(&claim, &here(head.revision.0), Some(&past)), Decision::UpToDate);
        }

        #[test]
        fn deltas_are_offered_only_from_a_state_that_was(past in past(), revision in 0..60_u64, seed in 0..10_u8) {
            let claim = claim(revision, seed);
            if let Decision::Deltas { after } = decide(&claim, &here(100), Some(&past)) {
                let position = claim.position.unwrap();
                prop_assert_eq!(past.digest_at(after), Some(position.digest));
                // Never back in time inside an epoch.
                prop_assert!(after >= position.revision);
                prop_assert!(after < past.head().revision || position.digest != past.head().digest);
            }
        }

        #[test]
        fn every_state_of_the_log_is_resumed_without_a_snapshot(past in past(), at in any::<prop::sample::Index>()) {
            let mark = past.0[at.index(past.0.len())];
            let position = Position { epoch: EPOCH, projection: 1, revision: mark.revision, digest: mark.digest };
            let claim = Claim { position: Some(position), proof: ProofCheck::Ours };
            let decision = decide(&claim, &here(100), Some(&past));
            prop_assert!(matches!(decision, Decision::UpToDate | Decision::Deltas { .. }), "{decision:?}");
        }

        #[test]
        fn no_position_that_is_not_proven_gets_less_than_a_snapshot(past in past(), revision in 0..200_u64, seed in 0..10_u8) {
            let claim = Claim { proof: ProofCheck::Wrong, ..claim(revision, seed) };
            prop_assert_eq!(decide(&claim, &here(100), Some(&past)), Decision::Snapshot(Cause::BadProof));
        }

        #[test]
        fn a_position_beyond_the_head_freezes(past in past(), beyond in 1..50_u64, seed in 0..10_u8) {
            let head = past.head().revision.0;
            let claim = claim(head + beyond, seed);
            prop_assert_eq!(decide(&claim, &here(head), Some(&past)), Decision::Frozen);
        }
    }

    #[test]
    fn what_does_not_compare_gets_a_snapshot_before_anything_else_is_asked() {
        let past = Past(vec![Mark { revision: Revision(5), digest: digest(1) }]);
        let nothing = Claim { position: None, proof: ProofCheck::Wrong };
        assert_eq!(decide(&nothing, &here(5), Some(&past)), Decision::Snapshot(Cause::New));
        let mut elsewhere = claim(99, 1);
        elsewhere.position.as_mut().unwrap().epoch = Epoch([2; 16]);
        assert_eq!(decide(&elsewhere, &here(5), Some(&past)), Decision::Snapshot(Cause::New));
        let mut old_form = claim(5, 1);
        old_form.position.as_mut().unwrap().projection = 0;
        assert_eq!(decide(&old_form, &here(5), Some(&past)), Decision::Snapshot(Cause::Projection));
        assert_eq!(decide(&claim(5, 1), &here(5), None::<&Past>), Decision::Unavailable);
    }

    #[test]
    fn a_digest_that_never_was_is_drift_and_one_before_the_log_is_behind() {
        let past = Past(vec![
            Mark { revision: Revision(5), digest: digest(1) },
            Mark { revision: Revision(7), digest: digest(2) },
        ]);
        for (revision, seed, expected) in [
            (7, 8, Decision::Snapshot(Cause::Drift)),
            (6, 8, Decision::Snapshot(Cause::Drift)),
            (5, 8, Decision::Snapshot(Cause::Drift)),
            (4, 8, Decision::Snapshot(Cause::Behind)),
            (4, 1, Decision::Deltas { after: Revision(5) }),
        ] {
            assert_eq!(decide(&claim(revision, seed), &here(7), Some(&past)), expected, "{revision}");
        }
    }
}
