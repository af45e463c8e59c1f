//! Hashes everything that is held anew, off the request path: what finds a byte that flipped in memory.

use shared::name::EnvironmentName;
use shared::task::Tasks;
use tokio::task::JoinHandle;

use crate::sync::state::State;

/// A check that may be under way; at most one.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    running: Option<JoinHandle<Vec<EnvironmentName>>>,
}

impl Checkup {
    /// Begins a check of the states as they are now, unless one is under way.
    pub(super) fn begin<'a>(&mut self, tasks: &Tasks, states: impl Iterator<Item = (&'a EnvironmentName, &'a State)>) {
        if self.running.is_some() {
            return;
        }
        // Clones of shared structure: what is applied meanwhile is not looked at.
        let states: Vec<_> = states.map(|(name, state)| (name.clone(), state.clone())).collect();
        self.running = Some(tasks.spawn_blocking(move || {
            let drifted = states.into_iter().filter(|(_, state)| !state.is_intact());
            drifted.map(|(name, _)| name).collect()
        }));
    }

    /// The environments that are not what was received, when the check is done; waits for ever while there is none.
    ///
    /// # Cancel safety
    ///
    /// The check goes on.
    pub(super) async fn done(&mut self) -> Vec<EnvironmentName> {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let drifted = running.await;
        self.running = None;
        // One that panicked was logged, and the next heartbeat begins another.
        drifted.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proto::sync::v1::SnapshotBegin;
    use shared::address::AddressPolicy;

    use super::*;
    use crate::sync::apply::{Assembly, Outcome};
    use crate::sync::model::{Control, Op, environment};

    fn state() -> State {
        let mut control = Control::default();
        control.commit(&[Op::Put { slot: 0, seed: 2 }]);
        let (begin, chunks, end): (SnapshotBegin, _, _) = control.snapshot(10);
        let mut assembly = Assembly::new(AddressPolicy::Public, environment(), &begin);
        assembly.chunk(None, &chunks[0]).unwrap();
        match assembly.end(None, &end).unwrap() {
            Outcome::Next { state, .. } => state,
            Outcome::Old => panic!("there was nothing before"),
        }
    }

    async fn check(state: State) -> Vec<EnvironmentName> {
        let (tasks, mut checkup) = (Tasks::new(), Checkup::default());
        checkup.begin(&tasks, [(&environment(), &state)].into_iter());
        checkup.done().await
    }

    #[tokio::test]
    async fn a_flipped_bit_is_found_and_an_intact_state_is_not_suspected() {
        assert!(check(state()).await.is_empty());
        assert_eq!(check(state().with_a_flipped_bit().unwrap()).await, [environment()]);
    }
}
