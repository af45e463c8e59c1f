//! The embedded store beside a model that is simple enough to be right: the same operations, the same answers, also after reopening.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use control_plane::store::sled::{Options, SledStore};
use control_plane::store::{Change, Commit, CommitError, Precondition, Range, Record, Store, WatchError};
use futures_util::future::join_all;
use proptest::prelude::*;
use shared::revision::Revision;

const KEYS: [&str; 7] = ["a", "a/1", "a/2", "a/2/x", "b/1", "b/\0", "c"];
const PREFIXES: [&str; 6] = ["", "a", "a/", "a/2", "b/", "d"];

#[derive(Debug, Clone)]
enum Operation {
    /// Commits that wait together.
    Commit(Vec<Commit>),
    Range(&'static str),
    Watch(u64),
    Compact(u64),
    Reopen,
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&KEYS[..])
}

fn precondition() -> impl Strategy<Value = Precondition> {
    let revision = || (0..30_u64).prop_map(Revision);
    prop_oneof![
        key().prop_map(|key| Precondition::Exists(key.into())),
        key().prop_map(|key| Precondition::Absent(key.into())),
        (key(), revision()).prop_map(|(key, revision)| Precondition::Unchanged(key.into(), revision)),
        (prop::sample::select(&PREFIXES[..]), revision())
            .prop_map(|(prefix, revision)| Precondition::PrefixUnchanged(prefix.into(), revision)),
    ]
}

fn commit() -> impl Strategy<Value = Commit> {
    let value = prop_oneof![
        1 => Just(None),
        2 => (0..20_usize, any::<u8>()).prop_map(|(length, byte)| Some(Bytes::from(vec![byte; length]))),
        1 => (4000..13_000_usize, any::<u8>()).prop_map(|(length, byte)| Some(Bytes::from(vec![byte; length]))),
    ];
    let changes = prop::collection::btree_map(key(), value, 0..4);
    (prop::collection::vec(precondition(), 0..2), changes).prop_map(|(preconditions, changes)| Commit {
        preconditions,
        changes: changes.into_iter().map(|(key, value)| Change { key: key.into(), value }).collect(),
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => prop::collection::vec(commit(), 1..4).prop_map(Operation::Commit),
        2 => prop::sample::select(&PREFIXES[..]).prop_map(Operation::Range),
        2 => (0..30_u64).prop_map(Operation::Watch),
        1 => (0..30_u64).prop_map(Operation::Compact),
        1 => Just(Operation::Reopen),
    ]
}

#[derive(Debug, Default)]
struct Model {
    records: BTreeMap<String, (Revision, Bytes)>,
    log: Vec<Vec<Change>>,
    floor: u64,
}

impl Model {
    fn head(&self) -> Revision {
        Revision(self.log.len() as u64)
    }

    fn commit(&mut self, commit: &Commit) -> Result<Revision, CommitError> {
        for precondition in &commit.preconditions {
            let (holds, current) = self.check(precondition);
            if !holds {
                return Err(CommitError::Precondition { precondition: precondition.clone(), current });
            }
        }
        self.log.push(commit.changes.clone());
        for change in &commit.changes {
            match &change.value {
                Some(value) => drop(self.records.insert(change.key.to_string(), (self.head(), value.clone()))),
                None => drop(self.records.remove(&*change.key)),
            }
        }
        Ok(self.head())
    }

    fn check(&self, precondition: &Precondition) -> (bool, Option<Revision>) {
        let current = |key: &str| self.records.get(key).map(|(revision, _)| *revision);
        match precondition {
            Precondition::Exists(key) => (current(key).is_some(), current(key)),
            Precondition::Absent(key) => (current(key).is_none(), current(key)),
            Precondition::Unchanged(key, revision) => (current(key) == Some(*revision), current(key)),
            Precondition::PrefixUnchanged(prefix, after) => {
                let touched = self.log.iter().skip(after.0 as usize).flatten().any(|c| c.key.starts_with(&**prefix));
                (after.0 >= self.floor && !touched, None)
            }
        }
    }

    fn range(&self, prefix: &str) -> Range {
        let records = self
            .records
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(key, (revision, value))| Record {
                key: key.as_str().into(),
                revision: *revision,
                value: value.clone(),
            })
            .collect();
        Range { revision: self.head(), records }
    }
}

async fn check_watch(store: &SledStore, model: &Model, after: u64) -> Result<(), TestCaseError> {
    let mut watch = store.watch(Revision(after));
    if after < model.floor {
        prop_assert_eq!(watch.next().await, Err(WatchError::Compacted(Revision(after))));
        return Ok(());
    }
    for (at, changes) in model.log.iter().enumerate().skip(after as usize) {
        let commit = watch.next().await.unwrap();
        prop_assert_eq!((commit.revision.0, &commit.changes), (at as u64 + 1, changes));
        prop_assert!(commit.time <= SystemTime::now());
    }
    Ok(())
}

async fn run(operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let open = || SledStore::open(folder.path(), Options::default()).unwrap();
    let (mut store, mut model) = (open(), Model::default());
    for operation in operations {
        match operation {
            Operation::Commit(commits) => {
                let expected: Vec<_> = commits.iter().map(|commit| model.commit(commit)).collect();
                let answers = join_all(commits.into_iter().map(|commit| store.commit(commit))).await;
                prop_assert_eq!(answers, expected);
            }
            Operation::Range(prefix) => prop_assert_eq!(store.range(prefix).await.unwrap(), model.range(prefix)),
            Operation::Watch(after) => check_watch(&store, &model, after).await?,
            Operation::Compact(up_to) => {
                store.compact(Revision(up_to)).await.unwrap();
                model.floor = model.floor.max(up_to.min(model.head().0));
            }
            Operation::Reopen => {
                store.close().await;
                store = open();
            }
        }
        prop_assert_eq!(store.head(), model.head());
    }
    prop_assert_eq!(store.range("").await.unwrap(), model.range(""));
    check_watch(&store, &model, model.floor).await?;
    store.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_model_does(operations in prop::collection::vec(operation(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(operations))?;
    }
}
