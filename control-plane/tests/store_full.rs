//! A full disk: writes are refused above zero, reads go on, and the store opens with not a byte left.
//!
//! It needs a small file system of its own, so that it mounts a tmpfs in a namespace of its own and runs itself there. Containers often
//! may not do that, which is why it runs with `KEYPLANE_LONG=1` only; a disk that merely claims to be full is tested in `store/sled`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use control_plane::store::sled::{Options, SledStore};
use control_plane::store::{Change, Commit, CommitError, Store};

const DISK: &str = "KEYPLANE_TEST_FULL_DISK";

#[test]
fn a_full_disk_costs_writes_only() {
    if env::var_os("KEYPLANE_LONG").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=24m none \"$0\" && exec \"$1\" --exact fills_the_disk_and_goes_on --nocapture";
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .args([folder.path().as_os_str(), env::current_exe().unwrap().as_os_str()])
        .env(DISK, folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}; it needs the right to make namespaces");
}

#[tokio::test]
async fn fills_the_disk_and_goes_on() {
    // Only as the child of the test above.
    let Some(disk) = env::var_os(DISK) else { return };
    let disk = Path::new(&disk);
    let open = || SledStore::open(&disk.join("data"), Options::default()).unwrap();
    let mut store = open();
    let mut made = 0;
    let refusal = loop {
        match store.commit(put(made)).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refusal, CommitError::Full);
    // Somebody else takes what was left.
    let filler = disk.join("filler");
    let mut rest = File::create(&filler).unwrap();
    take_all(&mut rest);
    check_full(&store, made).await;
    store.close().await;
    // It opens by its ballast, and somebody takes that too.
    store = open();
    check_full(&store, made).await;
    take_all(&mut rest);
    check_full(&store, made).await;
    store.close().await;
    drop(rest);
    fs::remove_file(&filler).unwrap();
    let store = open();
    store.commit(put(made)).await.unwrap();
    assert_eq!(count(&store).await, made + 1);
    store.close().await;
}

fn put(n: usize) -> Commit {
    let change = Change { key: format!("k/{n}").into(), value: Some(Bytes::from(vec![n as u8; 1500])) };
    Commit { preconditions: Vec::new(), changes: vec![change] }
}

async fn check_full(store: &SledStore, made: usize) {
    assert_eq!(store.commit(put(made)).await, Err(CommitError::Full));
    assert_eq!(count(store).await, made);
}

async fn count(store: &SledStore) -> usize {
    store.range("").await.unwrap().records.len()
}

fn take_all(file: &mut File) {
    for size in [4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}
