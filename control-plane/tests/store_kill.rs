//! `kill -9` under concurrent writers: every acknowledged commit is there afterwards, and none is there in part.
//!
//! The test runs itself as the process that is killed: [`WRITER`] in the environment names the data directory and makes
//! [`writes_until_it_is_killed`] the writer. It is killed 100 times, which takes half a minute; `KEYPLANE_LONG=1` kills it 1,000 times.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use control_plane::store::sled::{Options, SledStore};
use control_plane::store::{Change, Commit, Store};
use shared::id::{random_below, random_duration};
use shared::revision::Revision;
use shared::task::Tasks;

const WRITER: &str = "KEYPLANE_TEST_STORE_WRITER";
const WRITERS: u64 = 8;
const FIELDS: [&str; 3] = ["a", "b", "c"];

/// Small, so that checkpoints and the trimming of the log are killed too.
const OPTIONS: Options = Options { checkpoint_every: 60, keep_log: 400, cache_bytes: 8 << 20 };

/// What the writer said it had done: a writer's commit and its revision.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    writer: u64,
    count: u64,
    revision: Revision,
}

#[test]
fn no_acknowledged_commit_is_lost_and_none_is_torn() {
    let kills = kills();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut counts = BTreeMap::new();
    let mut total = 0;
    for _ in 0..kills {
        let acknowledged = write_and_kill(folder.path());
        total += acknowledged.len();
        counts = runtime.block_on(check(folder.path(), &acknowledged, counts));
    }
    assert!(total > 10 * kills, "the writers were killed before they wrote");
}

#[test]
fn a_store_that_was_killed_while_it_was_made_opens() {
    for _ in 0..kills() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = spawn(folder.path());
        pause(Duration::from_millis(40));
        kill(&mut child);
        SledStore::open(folder.path(), OPTIONS).unwrap();
    }
}

fn kills() -> usize {
    if env::var_os("KEYPLANE_LONG").is_some() { 1_000 } else { 100 }
}

#[test]
fn writes_until_it_is_killed() {
    // Only as the child of the test above.
    let Some(path) = env::var_os(WRITER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SledStore::open(Path::new(&path), OPTIONS).unwrap());
        let tasks = Tasks::new();
        let writers: Vec<_> = (0..WRITERS).map(|n| tasks.spawn("writer", write(Arc::clone(&store), n))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn write(store: Arc<SledStore>, writer: u64) {
    let mut count = counts(&*store).await.get(&writer).copied().unwrap_or_default();
    loop {
        count += 1;
        let revision = store.commit(commit(writer, count)).await.unwrap();
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "acknowledged {writer} {count} {revision}").unwrap();
        stdout.flush().unwrap();
    }
}

/// The same count in every key; now and then so long that each value has several parts.
fn commit(writer: u64, count: u64) -> Commit {
    let length = if count.is_multiple_of(5) { 5000 * (count % 4) as usize } else { 0 };
    let mut value = count.to_be_bytes().to_vec();
    value.resize(value.len() + length, count as u8);
    let value = Bytes::from(value);
    let change = |field| Change { key: format!("w/{writer}/{field}").into(), value: Some(value.clone()) };
    Commit { preconditions: Vec::new(), changes: FIELDS.map(change).to_vec() }
}

/// Runs the writer, kills it at some moment, and gives what it acknowledged until then.
fn write_and_kill(path: &Path) -> Vec<Acknowledged> {
    let mut child = spawn(path);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    // One time in eight while it opens the store, else after some commits.
    if random_below(8) > 0 {
        let enough = 20 + random_below(300) as usize;
        while acknowledged.len() < enough && read_line(&mut stdout, &mut acknowledged) {}
    }
    pause(Duration::from_millis(20));
    kill(&mut child);
    while read_line(&mut stdout, &mut acknowledged) {}
    acknowledged
}

fn spawn(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
        .env(WRITER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a moment pass: there is no condition to wait for, since a moment without meaning is what is wanted.
fn pause(at_most: Duration) {
    thread::sleep(random_duration(at_most));
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(status.code().is_none(), "the writer ended by itself: {status}");
}

fn read_line(stdout: &mut BufReader<ChildStdout>, acknowledged: &mut Vec<Acknowledged>) -> bool {
    let mut line = String::new();
    if stdout.read_line(&mut line).unwrap() == 0 {
        return false;
    }
    // The test harness writes its own lines between.
    if let Some(numbers) = line.strip_prefix("acknowledged ").filter(|line| line.ends_with('\n')) {
        let numbers: Vec<u64> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [writer, count, revision] = numbers[..] else { panic!("{line}") };
        acknowledged.push(Acknowledged { writer, count, revision: Revision(revision) });
    }
    true
}

/// Compares the store with what was acknowledged, and with each writer's count before; gives the counts now.
async fn check(path: &Path, acknowledged: &[Acknowledged], mut least: BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
    let store = SledStore::open(path, OPTIONS).unwrap();
    for write in acknowledged {
        least.insert(write.writer, write.count);
    }
    let counts = counts(&store).await;
    for (writer, least) in least {
        // One more may have been made that nobody was told of.
        assert!(
            (least..=least + 1).contains(&counts[&writer]),
            "writer {writer} is at {}, not {least}",
            counts[&writer]
        );
    }
    let log = check_log(&store).await;
    for write in
        acknowledged.iter().filter(|write| log.first_key_value().is_some_and(|(first, _)| write.revision >= *first))
    {
        assert_eq!(log.get(&write.revision), Some(&(write.writer, write.count)), "{write:?}");
    }
    store.close().await;
    counts
}

/// Each writer's count, after a look that all of its keys say the same and were written together.
async fn counts(store: &dyn Store) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    let records = store.range("w/").await.unwrap().records;
    for fields in records.chunks(FIELDS.len()) {
        assert!(fields.iter().all(|f| f.revision == fields[0].revision && f.value == fields[0].value), "torn commit");
        let (writer, count) = parse(&fields[0].key, &fields[0].value);
        counts.insert(writer, count);
    }
    counts
}

/// The log's commits, after a look that there is no gap and that each is whole.
async fn check_log(store: &dyn Store) -> BTreeMap<Revision, (u64, u64)> {
    let head = store.head();
    let mut after = Revision(head.0.saturating_sub(OPTIONS.keep_log));
    let mut watch = store.watch(after);
    let mut log = BTreeMap::new();
    while after < head {
        let made = watch.next().await.unwrap();
        after = after.next();
        assert_eq!(made.revision, after, "a gap in the log");
        let value = made.changes[0].value.as_ref().unwrap();
        let (writer, count) = parse(&made.changes[0].key, value);
        assert_eq!(made.changes, commit(writer, count).changes, "torn log entry");
        log.insert(made.revision, (writer, count));
    }
    log
}

fn parse(key: &str, value: &[u8]) -> (u64, u64) {
    let writer = key.split('/').nth(1).unwrap().parse().unwrap();
    (writer, u64::from_be_bytes(*value.first_chunk().unwrap()))
}
