//! The order in which weighted things take turns: smooth, exact and computed ahead.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The order of one round: indices into `weights`, each as often as its weight (divided by what all have in common) and spread evenly.
///
/// A thing of weight `w` is due at the times `(k + ½) / w`; the round is all of these merged. Two that are due at once go by who was
/// served longer ago, then by index. Repeated, any run of as many turns as the round is long gives each its weight. Empty where every
/// weight is 0.
#[must_use]
pub(crate) fn order(weights: &[u32]) -> Box<[u32]> {
    let divisor = weights.iter().copied().fold(0, gcd);
    if divisor == 0 {
        return Box::default();
    }
    let turns = |&weight: &u32| u64::from(weight / divisor);
    let length: u64 = weights.iter().map(turns).sum();
    let mut heap: BinaryHeap<Reverse<Due>> = weights
        .iter()
        .map(turns)
        .enumerate()
        .filter(|(_, weight)| *weight > 0)
        .map(|(index, weight)| Reverse(Due { halves: 1, weight, served_at: 0, index }))
        .collect();
    let mut order = Vec::with_capacity(length as usize);
    for turn in 1..=length {
        let Some(Reverse(due)) = heap.pop() else { break };
        // A pool has far fewer than 2³² members.
        order.push(due.index as u32);
        // One that had all of its turns lies after the end of the round, and so does not come up again.
        heap.push(Reverse(Due { halves: due.halves + 2, served_at: turn, ..due }));
    }
    order.into()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// When something has its next turn: at `halves / (2 · weight)`.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    halves: u64,
    weight: u64,
    served_at: u64,
    index: usize,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        // Fractions are compared crosswise: without rounding, so that ties are ties.
        (self.halves * other.weight)
            .cmp(&(other.halves * self.weight))
            .then(self.served_at.cmp(&other.served_at))
            .then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_are_spread_evenly() {
        assert_eq!(*order(&[3, 2, 1]), [0, 1, 2, 0, 1, 0]);
        assert_eq!(*order(&[100, 100]), [0, 1]);
        assert_eq!(*order(&[0, 40, 20]), [1, 2, 1]);
        assert!(order(&[0, 0]).is_empty());
        assert!(order(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn any_run_as_long_as_the_round_gives_each_its_weight(
            weights in prop::collection::vec(0_u32..=100, 1..12), start in 0_usize..1000,
        ) {
            let round = order(&weights);
            prop_assume!(!round.is_empty());
            let divisor = weights.iter().copied().fold(0, gcd);
            let mut served = vec![0; weights.len()];
            for turn in start..start + round.len() {
                served[round[turn % round.len()] as usize] += 1;
            }
            let expected: Vec<u32> = weights.iter().map(|weight| weight / divisor).collect();
            prop_assert_eq!(served, expected);
        }
    }
}
