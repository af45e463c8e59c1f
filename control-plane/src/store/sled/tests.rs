//! What the store promises when the disk, the files or another process misbehave. What it promises when all is well stands in
//! `tests/store_model.rs`, and what it promises when it is killed in `tests/store_kill.rs`.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use shared::revision::Revision;
use tempfile::TempDir;

use super::disk::{Disk, WATERMARK_BYTES};
use super::{Options, SledStore, open, restore};
use crate::store::checkpoint::{self, CheckpointError};
use crate::store::memory::MemoryStore;
use crate::store::{
    Change, Commit, CommitError, Identity, MAX_OBSERVATION_BYTES, MAX_VALUE_BYTES, ObserveError, Precondition, Store,
    StoreError, WatchError,
};

/// A disk that fails when told to.
#[derive(Debug, Clone, Default)]
struct FaultyDisk {
    fails: Arc<AtomicBool>,
    used_bytes: Arc<AtomicU64>,
}

impl Disk for FaultyDisk {
    fn sync(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(io::Error::other("injected")) } else { Ok(()) }
    }

    fn available_bytes(&self) -> io::Result<u64> {
        Ok((1 << 40) - self.used_bytes.load(Ordering::SeqCst))
    }

    fn reserve(&self) -> io::Result<()> {
        Ok(())
    }
}

fn open(folder: &TempDir) -> SledStore {
    SledStore::open(folder.path(), Options::default()).unwrap()
}

fn open_on(folder: &TempDir, disk: &FaultyDisk) -> SledStore {
    let options = Options::default();
    let opened = open::open(folder.path(), options).unwrap();
    SledStore::start(opened, Box::new(disk.clone()), options).unwrap()
}

fn put(key: &str, value: impl Into<Bytes>) -> Commit {
    Commit { preconditions: Vec::new(), changes: vec![Change { key: key.into(), value: Some(value.into()) }] }
}

fn delete(key: &str) -> Commit {
    Commit { preconditions: Vec::new(), changes: vec![Change { key: key.into(), value: None }] }
}

async fn keys(store: &SledStore) -> Vec<String> {
    store.range("").await.unwrap().records.iter().map(|record| record.key.to_string()).collect()
}

async fn fill(store: &SledStore, commits: u64) {
    for n in 0..commits {
        store.commit(put(&format!("k/{n:04}"), n.to_be_bytes().to_vec())).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_answered_after_a_failed_sync() {
    let (folder, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let store = open_on(&folder, &disk);
    let mut watch = store.watch(Revision(0));
    store.commit(put("a", "1")).await.unwrap();
    disk.fails.store(true, Ordering::SeqCst);
    let stopped = Err(CommitError::Store(StoreError::Stopped));
    assert_eq!(store.commit(put("b", "2")).await, stopped);
    disk.fails.store(false, Ordering::SeqCst);
    assert_eq!(store.commit(put("c", "3")).await, stopped);
    assert_eq!(store.range("").await, Err(StoreError::Stopped));
    store.stopped().await;
    assert_eq!(store.head(), Revision(1));
    assert_eq!(watch.next().await.unwrap().revision, Revision(1));
    assert_eq!(watch.next().await, Err(WatchError::Stopped));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_serves_reads_until_there_is_space() {
    let (folder, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let store = open_on(&folder, &disk);
    store.commit(put("a", "1")).await.unwrap();
    disk.used_bytes.store((1 << 40) - WATERMARK_BYTES, Ordering::SeqCst);
    assert_eq!(store.commit(put("b", "2")).await, Err(CommitError::Full));
    assert!(matches!(store.checkpoint().await, Err(CheckpointError::Full)));
    store.compact(Revision(1)).await.unwrap();
    assert_eq!(keys(&store).await, ["a"]);
    disk.used_bytes.store(0, Ordering::SeqCst);
    assert_eq!(store.commit(put("b", "2")).await, Ok(Revision(2)));
    assert_eq!(keys(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_second_process_on_the_directory_is_told_so() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let error = SledStore::open(folder.path(), Options::default()).unwrap_err();
    let StoreError::Open { problem, remedy, .. } = error else { panic!("{error}") };
    assert_eq!(problem, "another control plane uses it");
    assert!(remedy.contains("--data-dir"));
    assert!(matches!(restore(folder.path(), folder.path()), Err(super::RestoreError::Checkpoint(_))));
    let from = store.checkpoint().await.unwrap();
    assert!(matches!(restore(&from, folder.path()), Err(super::RestoreError::Store(_))));
    store.close().await;
    open(&folder);
}

#[tokio::test]
async fn the_identity_is_made_once() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let identity = store.identity();
    store.close().await;
    assert_eq!(store.commit(put("a", "1")).await, Err(CommitError::Store(StoreError::Stopped)));
    assert_eq!(open(&folder).identity(), identity);
    assert_ne!(open(&TempDir::new().unwrap()).identity(), identity);
}

#[tokio::test]
async fn a_damaged_snapshot_file_costs_nothing() {
    let folder = TempDir::new().unwrap();
    // sled writes its snapshot when it opens what has grown.
    for round in 0..3 {
        let store = open(&folder);
        fill(&store, 40 + round).await;
        store.close().await;
    }
    let snapshots: Vec<_> = fs::read_dir(folder.path().join("sled"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("snap."))
        .collect();
    assert!(!snapshots.is_empty(), "sled writes no snapshots any more");
    for snapshot in snapshots {
        let mut bytes = fs::read(&snapshot).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(&snapshot, &bytes[..bytes.len() - 1]).unwrap();
    }
    let store = open(&folder);
    assert_eq!(store.head(), Revision(40 + 41 + 42));
    assert_eq!(keys(&store).await.len(), 42);
}

#[tokio::test]
async fn a_flipped_bit_is_repaired_or_refused_and_never_served() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let store = open(&folder);
        fill(&store, 60).await;
        store.close().await;
    }
    let store = open(&folder);
    let expected = store.range("").await.unwrap();
    let newest = store.checkpoint().await.unwrap();
    store.close().await;
    let sled = folder.path().join("sled");
    let files: Vec<_> = fs::read_dir(&sled)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    let used = fs::read(sled.join("db")).unwrap().iter().rposition(|byte| *byte != 0).unwrap();

    let (mut served, mut refused) = (0, 0);
    for n in 0..60 {
        fs::remove_dir_all(&sled).unwrap();
        fs::create_dir(&sled).unwrap();
        for (bytes, path) in &files {
            let mut bytes = bytes.clone();
            if path.ends_with("db") {
                bytes[n * used / 60] ^= 1 << (n % 8);
            }
            fs::write(path, bytes).unwrap();
        }
        match SledStore::open(folder.path(), Options::default()) {
            Err(StoreError::Open { problem, remedy, .. }) => {
                assert!(remedy.contains(newest.to_str().unwrap()), "{problem}; {remedy}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
            Ok(store) => {
                match store.range("").await {
                    Ok(range) => assert_eq!(range, expected, "flip {n}"),
                    Err(error) => assert!(matches!(error, StoreError::Corrupt { .. } | StoreError::Stopped)),
                }
                served += 1;
                store.close().await;
            }
        }
    }
    assert!(refused > 0 && served > 0, "{refused} refused, {served} served: the flips miss what matters");
}

#[tokio::test]
async fn a_store_that_lost_answered_commits_is_refused() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    fill(&store, 5).await;
    store.close().await;
    let old = fs::read(folder.path().join("sled/db")).unwrap();
    let store = open(&folder);
    fill(&store, 5).await;
    let from = store.checkpoint().await.unwrap();
    store.close().await;
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    fs::create_dir(folder.path().join("sled")).unwrap();
    let error = SledStore::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains(&format!("restore --from {}", from.display())), "{error}");
    fs::write(folder.path().join("sled/db"), old).unwrap();
    let error = SledStore::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("ends at revision 5, but revision 10 was answered"), "{error}");
}

#[tokio::test]
async fn a_checkpoint_restores_to_the_same_records_in_a_new_epoch() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    fill(&store, 20).await;
    store.commit(put("large", vec![7; MAX_VALUE_BYTES])).await.unwrap();
    let from = store.checkpoint().await.unwrap();
    let expected = store.range("").await.unwrap();
    let Identity { store_id, epoch } = store.identity();
    store.commit(delete("k/0003")).await.unwrap();
    let later = store.checkpoint().await.unwrap();
    store.close().await;

    for data_dir in [&folder, &TempDir::new().unwrap()] {
        let (identity, revision) = restore(&from, data_dir.path()).unwrap();
        assert_eq!((identity.store_id, revision), (store_id, expected.revision));
        assert_ne!(identity.epoch, epoch);
        let store = open(data_dir);
        assert_eq!(store.identity(), identity);
        assert_eq!(store.range("").await.unwrap(), expected);
        assert_eq!(store.watch(Revision(0)).next().await, Err(WatchError::Compacted(Revision(0))));
        assert_eq!(store.commit(put("a", "1")).await, Ok(Revision(22)));
        store.close().await;
    }
    let aside = folder.path().join("replaced-1");
    assert!(
        aside.join("sled/db").exists() && aside.join(later.file_name().unwrap()).exists(),
        "what was there is kept"
    );
    assert_eq!(checkpoint::newest(from.parent().unwrap()), Some(from));
}

#[tokio::test]
async fn checkpoints_are_written_by_themselves_over_restarts_too() {
    let folder = TempDir::new().unwrap();
    for _ in 0..7 {
        let store = SledStore::open(folder.path(), Options { checkpoint_every: 10, ..Options::default() }).unwrap();
        fill(&store, 5).await;
        store.close().await;
    }
    let newest = checkpoint::newest(&folder.path().join("checkpoints")).unwrap();
    assert_eq!(checkpoint::read(&newest).unwrap().revision, Revision(30));
}

#[tokio::test]
async fn large_values_stay_out_of_the_files_that_are_never_synced() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    for n in 0..40 {
        store.commit(put(&format!("large/{n}"), vec![n; MAX_VALUE_BYTES])).await.unwrap();
    }
    for n in 0..40 {
        store.commit(put(&format!("large/{n}"), vec![n; 10])).await.unwrap();
    }
    let too_large = store.commit(put("x", vec![0; MAX_VALUE_BYTES + 1])).await;
    assert_eq!(too_large, Err(CommitError::TooLarge { key: "x".into(), bytes: MAX_VALUE_BYTES + 1 }));
    assert!(store.range("").await.unwrap().records.iter().all(|record| record.value.len() == 10));
    store.close().await;
    assert_eq!(fs::read_dir(folder.path().join("sled/blobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_commit_of_many_records_is_made() {
    let folder = TempDir::new().unwrap();
    let store = SledStore::open(folder.path(), Options { cache_bytes: 4 << 20, ..Options::default() }).unwrap();
    let change = |n: u32, value| Change { key: format!("many/{n:06}").into(), value };
    let puts = (0..6000).map(|n| change(n, Some(Bytes::from(vec![n as u8; 200 + (n as usize % 50) * 40])))).collect();
    store.commit(Commit { preconditions: Vec::new(), changes: puts }).await.unwrap();
    assert_eq!(store.range("many/").await.unwrap().records.len(), 6000);
    let deletes = (0..6000).map(|n| change(n, None)).collect();
    store.commit(Commit { preconditions: Vec::new(), changes: deletes }).await.unwrap();
    assert_eq!(store.range("").await.unwrap().records.len(), 0);
}

#[tokio::test]
async fn the_log_keeps_its_length() {
    let folder = TempDir::new().unwrap();
    let options = Options { keep_log: 10, ..Options::default() };
    let store = SledStore::open(folder.path(), options).unwrap();
    fill(&store, 50).await;
    store.close().await;
    let store = SledStore::open(folder.path(), options).unwrap();
    assert_eq!(store.watch(Revision(39)).next().await, Err(WatchError::Compacted(Revision(39))));
    assert_eq!(store.watch(Revision(40)).next().await.unwrap().revision, Revision(41));
    // What is forgotten can't be ruled out.
    let unchanged = |after| Commit {
        preconditions: vec![Precondition::PrefixUnchanged("other/".into(), Revision(after))],
        changes: Vec::new(),
    };
    assert!(matches!(store.commit(unchanged(39)).await, Err(CommitError::Precondition { .. })));
    assert_eq!(store.commit(unchanged(40)).await, Ok(Revision(51)));
}

#[tokio::test]
async fn a_watch_goes_from_the_log_to_memory_without_a_gap() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    fill(&store, 700).await;
    store.close().await;
    let store = open(&folder);
    let mut watch = store.watch(Revision(0));
    fill(&store, 20).await;
    for revision in 1..=720 {
        assert_eq!(watch.next().await.unwrap().revision, Revision(revision));
    }
    store.close().await;
    assert_eq!(watch.next().await, Err(WatchError::Stopped));
}

#[tokio::test]
async fn commits_that_wait_together_see_each_other() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let absent = || Commit { preconditions: vec![Precondition::Absent("k".into())], ..put("k", "1") };
    let (a, b, c) = tokio::join!(store.commit(absent()), store.commit(absent()), store.commit(put("other", "2")));
    assert_eq!(a, Ok(Revision(1)));
    let precondition = Precondition::Absent("k".into());
    assert_eq!(b, Err(CommitError::Precondition { precondition, current: Some(Revision(1)) }));
    assert_eq!(c, Ok(Revision(2)));
}

#[tokio::test]
async fn the_last_change_of_a_key_in_a_commit_counts() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let changes =
        [vec![1; 20_000], vec![2]].map(|value| Change { key: "k".into(), value: Some(value.into()) }).to_vec();
    store.commit(Commit { preconditions: Vec::new(), changes }).await.unwrap();
    let records = store.range("").await.unwrap().records;
    assert_eq!(records.iter().map(|record| &*record.value).collect::<Vec<_>>(), [[2]]);
}

#[tokio::test]
async fn everything_in_the_data_directory_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    // As a volume that others may look into.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = open(&folder);
    fill(&store, 3).await;
    let checkpoint = store.checkpoint().await.unwrap();
    store.close().await;
    drop(store);
    restore(&checkpoint, folder.path()).unwrap();
    open(&folder).close().await;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap().chain(fs::read_dir(folder.path().join("checkpoints")).unwrap()) {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let checkpoint = checkpoint.file_name().unwrap().to_str().unwrap();
    assert_eq!(names, [checkpoint, "ballast", "checkpoints", "head", "lock", "replaced-1", "sled"]);
}

fn observation(key: &str, value: Option<&'static [u8]>) -> Change {
    Change { key: key.into(), value: value.map(Bytes::from_static) }
}

async fn observed(store: &dyn Store, prefix: &str) -> Vec<(String, Bytes)> {
    let found = store.observed(prefix).await.unwrap();
    found.into_iter().map(|one| (one.key.to_string(), one.value)).collect()
}

/// What both stores do with observations.
async fn check_observations(store: &dyn Store) {
    store.commit(put("seen/a", "a record")).await.unwrap();
    let head = store.head();
    let mut watch = store.watch(head);
    let changes =
        vec![observation("seen/b", Some(b"2")), observation("seen/a", Some(b"1")), observation("sent/c", Some(b"3"))];
    store.observe(changes).await.unwrap();
    let changes = vec![observation("seen/b", Some(b"4")), observation("sent/c", None), observation("none", None)];
    store.observe(changes).await.unwrap();
    let expected = [("seen/a".to_owned(), Bytes::from("1")), ("seen/b".to_owned(), Bytes::from("4"))];
    assert_eq!(observed(store, "seen/").await, expected);
    assert_eq!(observed(store, "").await, expected);
    assert_eq!(observed(store, "seen/b").await, expected[1..]);
    let large = Change { key: "seen/l".into(), value: Some(vec![0; MAX_OBSERVATION_BYTES + 1].into()) };
    let refused = store.observe(vec![observation("seen/x", Some(b"5")), large]).await;
    assert!(matches!(refused, Err(ObserveError::TooLarge { .. })), "{refused:?}");
    assert_eq!(observed(store, "seen/").await, expected, "all of them or none");
    // Records, revisions and watches know nothing of them.
    assert_eq!(store.head(), head);
    let records: Vec<_> = store.range("").await.unwrap().records.into_iter().map(|record| record.value).collect();
    assert_eq!(records, ["a record"]);
    store.commit(put("k", "v")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().changes, put("k", "v").changes);
}

#[tokio::test]
async fn observations_are_beside_the_commits_in_every_store() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    check_observations(&store).await;
    check_observations(&MemoryStore::new()).await;
    store.close().await;
    let store = open(&folder);
    assert_eq!(observed(&store, "seen/a").await, [("seen/a".to_owned(), Bytes::from("1"))], "durable");
    let checkpoint = checkpoint::read(&store.checkpoint().await.unwrap()).unwrap();
    assert_eq!(checkpoint.records.len(), 2, "not in a checkpoint");
}

#[tokio::test]
async fn observations_are_refused_by_a_full_disk_and_stop_the_store_when_a_sync_fails() {
    let (folder, disk) = (TempDir::new().unwrap(), FaultyDisk::default());
    let store = open_on(&folder, &disk);
    disk.used_bytes.store((1 << 40) - WATERMARK_BYTES, Ordering::SeqCst);
    assert_eq!(store.observe(vec![observation("a", Some(b"1"))]).await, Err(ObserveError::Full));
    disk.used_bytes.store(0, Ordering::SeqCst);
    disk.fails.store(true, Ordering::SeqCst);
    let stopped = Err(ObserveError::Store(StoreError::Stopped));
    assert_eq!(store.observe(vec![observation("a", Some(b"1"))]).await, stopped);
}
