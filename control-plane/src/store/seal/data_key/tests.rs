//! Which master keys unlock which store, and that a refusal changes nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::secret::Secret;
use tempfile::TempDir;

use super::*;
use crate::store::seal::Binding;
use crate::store::sled::{Options, SledStore, restore};

fn masters(keys: &[(&str, u8)]) -> MasterKeys {
    let lines: Vec<_> = keys.iter().map(|(id, byte)| format!("{id}:{}", STANDARD.encode([*byte; 32]))).collect();
    MasterKeys::from_text(&Secret::from(lines.join("\n"))).unwrap()
}

fn binding(store: &dyn Store) -> Binding<'static> {
    Binding { store_id: store.identity().store_id, uid: "crd_1", field: "value", version: 1, origin: "https://a" }
}

fn open(folder: &TempDir) -> SledStore {
    SledStore::open(folder.path(), Options::default()).unwrap()
}

async fn raw(store: &dyn Store) -> Vec<Record> {
    store.range("").await.unwrap().records
}

#[tokio::test]
async fn a_store_opens_again_with_its_master_key() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let sealer = Sealer::unlock(&store, &masters(&[("a", 1)])).await.unwrap();
    let sealed = sealer.seal(&Secret::from("value".to_owned()), binding(&store));
    store.close().await;
    let store = open(&folder);
    let head = store.head();
    let sealer = Sealer::unlock(&store, &masters(&[("a", 1)])).await.unwrap();
    assert_eq!(sealer.open(&sealed, binding(&store)).unwrap().expose(), b"value");
    assert_eq!(store.head(), head, "nothing new is written");
}

#[tokio::test]
async fn a_wrong_or_unknown_master_key_leaves_everything_as_it_is() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    Sealer::unlock(&store, &masters(&[("a", 1), ("b", 2)])).await.unwrap();
    let before = raw(&store).await;
    let wrong = Sealer::unlock(&store, &masters(&[("a", 9)])).await;
    assert!(matches!(wrong, Err(SealedReason::WrongKey { id }) if id == "a"));
    // Although another one is right.
    let wrong = Sealer::unlock(&store, &masters(&[("a", 1), ("b", 9)])).await;
    assert!(matches!(wrong, Err(SealedReason::WrongKey { id }) if id == "b"));
    let unknown = Sealer::unlock(&store, &masters(&[("c", 1)])).await.unwrap_err();
    assert!(unknown.to_string().contains("(c)") && unknown.to_string().contains("a, b"), "{unknown}");
    assert_eq!(raw(&store).await, before);
}

#[tokio::test]
async fn a_new_master_key_opens_once_an_old_one_introduced_it() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let sealer = Sealer::unlock(&store, &masters(&[("old", 1)])).await.unwrap();
    let sealed = sealer.seal(&Secret::from("value".to_owned()), binding(&store));
    assert!(Sealer::unlock(&store, &masters(&[("new", 2)])).await.is_err());
    Sealer::unlock(&store, &masters(&[("new", 2), ("old", 1)])).await.unwrap();
    let sealer = Sealer::unlock(&store, &masters(&[("new", 2)])).await.unwrap();
    assert_eq!(sealer.open(&sealed, binding(&store)).unwrap().expose(), b"value");
}

#[tokio::test]
async fn two_control_planes_that_start_at_once_make_one_data_key() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let keys = masters(&[("a", 1)]);
    let (one, other) = tokio::join!(Sealer::unlock(&store, &keys), Sealer::unlock(&store, &keys));
    let sealed = one.unwrap().seal(&Secret::from("value".to_owned()), binding(&store));
    assert_eq!(other.unwrap().open(&sealed, binding(&store)).unwrap().expose(), b"value");
}

#[tokio::test]
async fn a_store_without_its_data_key_stays_sealed() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let change = Change { key: "spec/x".into(), value: Some("x".into()) };
    store.commit(Commit { preconditions: Vec::new(), changes: vec![change] }).await.unwrap();
    assert!(matches!(Sealer::unlock(&store, &masters(&[("a", 1)])).await, Err(SealedReason::NoDataKey)));
}

#[tokio::test]
async fn a_data_key_from_another_store_does_not_open() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(&folder);
    Sealer::unlock(&store, &masters(&[("a", 1)])).await.unwrap();
    let changes = raw(&store).await.into_iter().map(|r| Change { key: r.key, value: Some(r.value) }).collect();
    let other = open(&other);
    other.commit(Commit { preconditions: Vec::new(), changes }).await.unwrap();
    assert!(matches!(Sealer::unlock(&other, &masters(&[("a", 1)])).await, Err(SealedReason::Altered)));
}

#[tokio::test]
async fn values_open_after_a_restore() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let sealer = Sealer::unlock(&store, &masters(&[("a", 1)])).await.unwrap();
    let sealed = sealer.seal(&Secret::from("value".to_owned()), binding(&store));
    let from = store.checkpoint().await.unwrap();
    store.close().await;
    restore(&from, folder.path()).unwrap();
    let store = open(&folder);
    let sealer = Sealer::unlock(&store, &masters(&[("a", 1)])).await.unwrap();
    assert_eq!(sealer.open(&sealed, binding(&store)).unwrap().expose(), b"value");
}
