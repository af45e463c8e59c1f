//! The one task that publishes: it follows the store's watch for the changed keys, folds every commit up to the view it has now, and has the
//! feeds project and encode the difference.

use std::sync::Arc;

use shared::revision::Revision;
use shared::task::Tasks;
use tokio::time::Instant;

use super::feeds::{Changed, Feeds};
use super::pace::{Hurry, Pace};
use super::projection::{self, Key};
use crate::store::seal::OpenValue;
use crate::store::{Committed, Store, Watch, WatchError};
use crate::view::{View, Views};

/// Publishes until the tasks are asked to stop or the store has stopped.
pub async fn run<O: OpenValue + Send + Sync + 'static>(
    feeds: Arc<Feeds<O>>,
    store: Arc<dyn Store>,
    views: Views,
    tasks: Tasks,
) {
    let published = feeds.published().view.revision;
    let watch = store.watch(published);
    let mut publisher =
        Publisher { feeds, store, views, tasks: tasks.clone(), watch, pace: Pace::default(), waiting: None };
    tokio::select! {
        () = tasks.stopping() => {}
        () = publisher.publish_forever() => tracing::warn!("nothing is published any more: the store has stopped"),
    }
}

struct Publisher<O> {
    feeds: Arc<Feeds<O>>,
    store: Arc<dyn Store>,
    views: Views,
    tasks: Tasks,
    watch: Box<dyn Watch>,
    pace: Pace,
    waiting: Option<Waiting>,
}

/// Commits that were seen and not published yet.
struct Waiting {
    up_to: Revision,
    changed: Changed,
    hurry: Hurry,
}

impl<O: OpenValue + Send + Sync + 'static> Publisher<O> {
    async fn publish_forever(&mut self) {
        loop {
            let due = self.waiting.as_ref().map(|waiting| self.pace.due(Instant::now(), waiting.hurry));
            let went_on = tokio::select! {
                // What is due goes first: a flood of commits must not hold it up.
                biased;
                () = until(due) => self.publish().await,
                committed = self.watch.next() => self.take(committed).await,
            };
            match went_on {
                Ok(()) => {}
                Err(WatchError::Compacted(_)) => self.reload().await,
                Err(WatchError::Stopped) => return,
            }
        }
    }

    /// Notes a commit.
    async fn take(&mut self, committed: Result<Arc<Committed>, WatchError>) -> Result<(), WatchError> {
        let committed = committed?;
        let view = self.views.wait_for(committed.revision).await.map_err(|_stopped| WatchError::Stopped)?;
        self.note(&committed, &view);
        Ok(())
    }

    fn note(&mut self, committed: &Committed, view: &View) {
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            up_to: committed.revision,
            changed: Changed::default(),
            hurry: Hurry::Folds,
        });
        waiting.up_to = committed.revision;
        waiting.changed.commit_time = Some(committed.time);
        for change in &committed.changes {
            if change.value.is_none() && change.key.starts_with("status/proxies/") {
                waiting.changed.proxies_removed = true;
                waiting.hurry = Hurry::AtOnce;
            }
            let Some(key) = Key::of_record(&change.key) else { continue };
            if projection::is_urgent(view, &key) {
                waiting.hurry = Hurry::AtOnce;
            }
            waiting.changed.keys.insert(key);
        }
    }

    /// Publishes everything up to the view that is there now.
    async fn publish(&mut self) -> Result<(), WatchError> {
        let view = self.views.load();
        while self.waiting.as_ref().is_some_and(|waiting| waiting.up_to < view.revision) {
            let committed = self.watch.next().await?;
            self.note(&committed, &view);
        }
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let began = Instant::now();
        let feeds = Arc::clone(&self.feeds);
        // Sealed values are opened and frames encoded: for a large fold that takes longer than a task may hold its thread.
        let publishing = self.tasks.spawn_blocking(move || feeds.publish(view, &waiting.changed));
        let Ok(publication) = publishing.await else {
            tracing::error!("a publication failed: every feed begins anew");
            self.reload().await;
            return Ok(());
        };
        let now = Instant::now();
        if publication.environments > 0 {
            self.pace.published(now, now - began, publication.woken);
        }
        Ok(())
    }

    /// Begins anew where the store's log does not lead on.
    async fn reload(&mut self) {
        let view = self.views.load();
        tracing::warn!(revision = %view.revision, "the feeds are read anew from the view");
        self.watch = self.store.watch(view.revision);
        self.waiting = None;
        let feeds = Arc::clone(&self.feeds);
        if self.tasks.spawn_blocking(move || feeds.reload(view)).await.is_err() {
            tracing::error!("the feeds could not be read anew");
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
