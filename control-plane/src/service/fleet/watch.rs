//! Watching the fleet: level-triggered and bounded, so that a slow watcher misses steps and never the end.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use proto::admin::v1;
use shared::name::ProxyName;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::proxy;
use crate::sync::Sync;
use crate::sync::feeds::Published;

/// How many answers wait for the watcher.
const ANSWERS: usize = 4;

/// How many proxies one answer holds.
const PROXIES: usize = 500;

/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(100);

type Answers = mpsc::Sender<Result<v1::WatchProxiesResponse, Status>>;

/// All proxies, then each change of one.
pub(super) fn start(sync: &Sync) -> ReceiverStream<Result<v1::WatchProxiesResponse, Status>> {
    let (answers, stream) = mpsc::channel(ANSWERS);
    let watched = sync.clone();
    sync.tasks().spawn("watch_proxies", async move {
        tokio::select! {
            () = watched.tasks().stopping() => {}
            () = answers.closed() => {}
            // Ends with the watcher.
            _gone = watch(&watched, &answers) => {}
        }
    });
    ReceiverStream::new(stream)
}

/// The watcher has gone.
struct Gone;

async fn watch(sync: &Sync, answers: &Answers) -> Result<(), Gone> {
    let mut changes = sync.fleet().changes();
    let mut moved = sync.feeds().moved();
    let (_, mut clock) = sync.fleet().changed_after(u64::MAX);
    let mut known = BTreeSet::new();
    let published = sync.feeds().published();
    known.extend(published.view.proxies.keys().cloned());
    send(sync, &published, &known.iter().cloned().collect::<Vec<_>>(), Vec::new(), answers).await?;
    loop {
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| Gone)?,
            changed = moved.changed() => changed.map_err(|_| Gone)?,
        }
        tokio::time::sleep(GATHER).await;
        let published = sync.feeds().published();
        let proxies = &published.view.proxies;
        let (mut changed, now) = sync.fleet().changed_after(clock);
        clock = now;
        changed.retain(|name| proxies.contains_key(name));
        changed.extend(proxies.keys().filter(|name| !known.contains(*name)).cloned());
        changed.sort();
        changed.dedup();
        let removed: Vec<_> = known.iter().filter(|name| !proxies.contains_key(*name)).cloned().collect();
        for name in &removed {
            known.remove(name);
        }
        known.extend(changed.iter().cloned());
        if !changed.is_empty() || !removed.is_empty() {
            send(sync, &published, &changed, removed, answers).await?;
        }
    }
}

/// Sends proxies as they are, in answers of a bounded size; at least one answer.
async fn send(
    sync: &Sync,
    published: &Published,
    names: &[ProxyName],
    removed: Vec<ProxyName>,
    answers: &Answers,
) -> Result<(), Gone> {
    let mut removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
    let mut rest = names;
    loop {
        let (some, more) = rest.split_at(rest.len().min(PROXIES));
        let now = SystemTime::now();
        let proxies = some.iter().filter_map(|name| {
            let record = published.view.proxies.get(name)?;
            Some(proxy::message(published, name, record, &sync.fleet().member(name), now))
        });
        let answer = v1::WatchProxiesResponse { proxies: proxies.collect(), removed: std::mem::take(&mut removed) };
        answers.send(Ok(answer)).await.map_err(|_| Gone)?;
        rest = more;
        if rest.is_empty() {
            return Ok(());
        }
    }
}
