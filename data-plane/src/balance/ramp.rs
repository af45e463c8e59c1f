//! How something that comes back takes up its share again: in steps, so that what was too much for it is not too much at once.
//!
//! A pure function of the time that is left. The order of turns holds for as long as a step does, so that a pick costs nothing for it.

use std::time::Duration;

use super::moment::Moment;

/// A whole share, in the parts that the steps count.
pub(super) const WHOLE: u32 = 6;
/// How long each part short of the whole is taken.
const STEP: Duration = Duration::from_secs(6);
/// How long it takes from the first part to the whole.
pub(super) const LENGTH: Duration = STEP.saturating_mul(WHOLE - 1);

/// The part of its share, 1 to [`WHOLE`], that something takes at `now` if it takes the whole from `until` on.
#[must_use]
pub(super) fn part(until: Moment, now: Moment) -> u32 {
    WHOLE - steps_left(until, now)
}

/// When the part grows next, if it does.
#[must_use]
pub(super) fn next_step(until: Moment, now: Moment) -> Option<Moment> {
    let after_it = steps_left(until, now).checked_sub(1)?;
    Some(Moment(until.0.saturating_sub(STEP.saturating_mul(after_it).as_millis() as u64)))
}

fn steps_left(until: Moment, now: Moment) -> u32 {
    let left = until.since(now).as_millis().div_ceil(STEP.as_millis());
    // A clock that went wrong makes it begin anew, and not vanish.
    u32::try_from(left).unwrap_or(u32::MAX).min(WHOLE - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_part_grows_from_a_sixth_to_the_whole_in_thirty_seconds() {
        let begin = Moment(5000);
        let until = begin.plus(LENGTH);
        for (second, expected) in [(0, 1), (5, 1), (6, 2), (12, 3), (18, 4), (24, 5), (29, 5), (30, 6), (999, 6)] {
            assert_eq!(part(until, begin.plus(Duration::from_secs(second))), expected, "{second}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lasts_until_the_next_step_and_not_longer(after in 0_u64..40_000) {
            let (begin, now) = (Moment(1), Moment(1 + after));
            let until = begin.plus(LENGTH);
            match next_step(until, now) {
                None => prop_assert_eq!(part(until, now), WHOLE),
                Some(next) => {
                    prop_assert!(next > now);
                    prop_assert_eq!(part(until, Moment(next.0 - 1)), part(until, now));
                    prop_assert_eq!(part(until, next), part(until, now) + 1);
                }
            }
        }
    }
}
