//! The current view, and the one task that makes it follow the store.

use std::sync::Arc;

use arc_swap::ArcSwap;
use shared::revision::Revision;
use shared::task::Tasks;
use tokio::sync::watch;

use super::last_used::LastUsed;
use super::{View, ViewError};
use crate::store::{Store, StoreError, WatchError};

/// The current view. Clones share it.
#[derive(Debug, Clone)]
pub struct Views {
    current: Arc<ArcSwap<View>>,
    reached: watch::Receiver<Revision>,
    last_used: LastUsed,
}

/// The view follows the store no longer: the control plane is stopping, or a commit could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the view follows the store no longer")]
pub struct ViewStopped;

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record can't be used.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Views {
    /// Reads the whole store, and starts the task that follows it.
    ///
    /// # Errors
    ///
    /// When the store or a record of it can't be read.
    pub async fn open(store: Arc<dyn Store>, tasks: &Tasks) -> Result<Self, OpenError> {
        let view = read(&*store).await?;
        let last_used = LastUsed::read(&*store, &view).await?;
        let (reach, reached) = watch::channel(view.revision);
        let current = Arc::new(ArcSwap::from_pointee(view));
        let follower = Follower { store, current: current.clone(), reach };
        let stop = tasks.clone();
        tasks.spawn("view", async move {
            tokio::select! {
                () = stop.stopping() => {}
                () = follower.run() => {}
            }
        });
        Ok(Self { current, reached, last_used })
    }

    /// The view now.
    #[must_use]
    pub fn load(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// The view once a revision is in it.
    ///
    /// # Errors
    ///
    /// When it will never be.
    ///
    /// # Cancel safety
    ///
    /// Waiting changes nothing.
    pub async fn wait_for(&self, revision: Revision) -> Result<Arc<View>, ViewStopped> {
        let mut reached = self.reached.clone();
        // The channel closes with the task.
        reached.wait_for(|reached| *reached >= revision).await.map_err(|_| ViewStopped)?;
        Ok(self.load())
    }

    /// When things were last used, which is of no revision.
    #[must_use]
    pub fn last_used(&self) -> &LastUsed {
        &self.last_used
    }

    /// Wakes whenever the view has moved. It carries the revision only: what changed is in the view.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Revision> {
        self.reached.clone()
    }
}

/// The only writer of the view.
struct Follower {
    store: Arc<dyn Store>,
    current: Arc<ArcSwap<View>>,
    reach: watch::Sender<Revision>,
}

impl Follower {
    async fn run(self) {
        loop {
            match self.follow().await {
                Ok(WatchError::Stopped) => return,
                // The log was cut: what it would have told is in the records.
                Ok(WatchError::Compacted(_)) => match read(&*self.store).await {
                    Ok(view) => self.publish(view),
                    Err(error) => return stopped(&error),
                },
                Err(error) => return stopped(&error),
            }
        }
    }

    async fn follow(&self) -> Result<WatchError, ViewError> {
        let mut watch = self.store.watch(self.current.load().revision);
        loop {
            match watch.next().await {
                Ok(committed) => {
                    let next = self.current.load().apply(&committed)?;
                    self.publish(next);
                }
                Err(error) => return Ok(error),
            }
        }
    }

    fn publish(&self, view: View) {
        let revision = view.revision;
        self.current.store(Arc::new(view));
        self.reach.send_replace(revision);
    }
}

/// Nothing is guessed: reads go on with the last good view, writes say that they can't be seen.
fn stopped(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "the view stopped following the store; restart the control plane");
}

async fn read(store: &dyn Store) -> Result<View, OpenError> {
    // One range, so that everything is of one revision.
    let range = store.range("").await?;
    Ok(View::decode(store.identity(), &range)?)
}
