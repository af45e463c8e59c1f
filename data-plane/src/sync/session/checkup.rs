//! Hashes everything that is held anew, off the request path: what finds a byte that flipped in memory.

use shared::name::EnvironmentName;
use shared::task::Tasks;
use tokio::task::JoinHandle;

use crate::sync::environments::Environments;

/// A check that may be under way; at most one.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    running: Option<JoinHandle<Vec<EnvironmentName>>>,
}

impl Checkup {
    /// Begins a check of the states as they are now, unless one is under way.
    pub(super) fn begin(&mut self, tasks: &Tasks, environments: &Environments) {
        if self.running.is_some() {
            return;
        }
        // Clones of shared structure: what is applied meanwhile is not looked at.
        let states: Vec<_> = environments.states().map(|(name, state)| (name.clone(), state.clone())).collect();
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
