use std::time::Duration;

use bytes::Bytes;
use proto::sync::v1;
use shared::address::AddressPolicy;

use super::resource::Unusable;
use super::*;
use crate::balance::moment::Moment;

fn environment(id: &str) -> EnvironmentName {
    format!("projects/p/environments/{id}").parse().unwrap()
}

fn parsed(kind: v1::Kind, name: &str, message: &impl prost::Message) -> Result<Change, Unusable> {
    let put = Bytes::from(message.encode_to_vec());
    Change::put(AddressPolicy::AllowPrivate, &environment("e"), kind.into(), name, &put)
}

fn provider(id: &str) -> Change {
    let config = v1::ProviderConfig {
        adapter: v1::UpstreamAdapter::Openai.into(),
        base_url: "http://127.0.0.1:1/v1".into(),
        auth: v1::UpstreamAuth::Managed.into(),
        exposed_models: vec!["*".into()],
        ..Default::default()
    };
    parsed(v1::Kind::Provider, &format!("projects/p/providers/{id}"), &config).unwrap()
}

fn credential(provider: &str, id: &str, value_version: u64) -> Change {
    let value = Some(v1::credential_config::Value::ApiKey("sk-1".into()));
    let config = v1::CredentialConfig { value, value_version, weight: 1, ..Default::default() };
    parsed(v1::Kind::Credential, &format!("projects/p/providers/{provider}/credentials/{id}"), &config).unwrap()
}

fn caller_key(id: &str, hash: u8) -> Change {
    let config = v1::CallerKeyConfig { sha256: vec![hash; 32].into(), ..Default::default() };
    parsed(v1::Kind::CallerKey, &format!("projects/p/callerKeys/{id}"), &config).unwrap()
}

/// Which of a provider's credentials serve, in one round.
fn serving(snapshot: &Snapshot, provider: &str) -> Vec<String> {
    let Some(environment) = snapshot.environment(&environment("e")) else { return Vec::new() };
    let Some(upstream) = environment.upstreams.get(provider) else { return Vec::new() };
    let picks = (0..10).filter_map(|_| upstream.pool.pick("m", &[], Moment(1)).ok());
    let mut names: Vec<_> = picks.map(|pick| pick.member().name.id().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn credentials_find_their_provider_in_any_order() {
    let e = environment("e");
    let snapshot = Snapshot::new().with(&e, [credential("a", "k1", 1), credential("ab", "k2", 1)]);
    assert!(serving(&snapshot, "a").is_empty());
    let snapshot = snapshot.with(&e, [provider("a"), credential("a", "k3", 1), provider("ab")]);
    assert_eq!(serving(&snapshot, "a"), ["k1", "k3"]);
    assert_eq!(serving(&snapshot, "ab"), ["k2"]);
    let name = "projects/p/providers/a/credentials/k1".parse().unwrap();
    let snapshot = snapshot.with(&e, [Change::RemoveCredential(name)]);
    assert_eq!(serving(&snapshot, "a"), ["k3"]);
    let snapshot = snapshot.with(&e, [Change::RemoveProvider("projects/p/providers/a".parse().unwrap())]);
    assert!(serving(&snapshot, "a").is_empty());
}

#[test]
fn a_snapshot_never_changes_and_a_stored_one_retires_what_it_lacks() {
    let e = environment("e");
    let store = SnapshotStore::new();
    store.store(store.load().with(&e, [provider("a"), credential("a", "k1", 1), credential("a", "k2", 1)]));
    let held = store.load();
    let name: CredentialName = "projects/p/providers/a/credentials/k1".parse().unwrap();
    let next = held.with(&e, [Change::RemoveCredential(name)]);
    assert_eq!(serving(&held, "a"), ["k1", "k2"], "what is not stored changes nothing");
    store.store(next);
    assert_eq!(serving(&held, "a"), ["k2"], "a request with the older snapshot makes no new use of it");
    store.store(store.load().with(&e, [credential("a", "k2", 2)]));
    assert_eq!(serving(&store.load(), "a"), ["k2"]);
    assert!(serving(&held, "a").is_empty(), "the old value is gone too");
}

#[test]
fn a_replaced_state_has_nothing_of_the_old_one() {
    let e = environment("e");
    let store = SnapshotStore::new();
    store.store(
        store.load().with(&e, [provider("a"), credential("a", "k1", 1), caller_key("x", 1), caller_key("y", 2)]),
    );
    let held = store.load();
    store.store(held.replacing(&e, [provider("b"), credential("b", "k1", 1), caller_key("y", 3)]));
    let snapshot = store.load();
    assert_eq!(serving(&snapshot, "b"), ["k1"]);
    assert!(serving(&snapshot, "a").is_empty() && serving(&held, "a").is_empty());
    let known: Vec<_> = (1..=3).map(|hash| snapshot.caller(&[hash; 32]).is_some()).collect();
    assert_eq!(known, [false, false, true]);
}

#[test]
fn a_proxy_is_ready_when_every_granted_environment_has_a_state() {
    let (a, b) = (environment("a"), environment("b"));
    let snapshot = Snapshot::new();
    assert!(!snapshot.is_ready(), "nothing is known yet");
    let snapshot = snapshot.granting([a.clone(), b.clone()]).with(&a, []);
    assert!(!snapshot.is_ready());
    assert!(snapshot.with(&b, []).is_ready());
    assert!(snapshot.withdraw(&b).is_ready());
    let snapshot = snapshot.with(&b, [caller_key("x", 1)]).granting([a]);
    assert!(snapshot.is_ready());
    assert_eq!(snapshot.environments().count(), 1);
    assert!(snapshot.caller(&[1; 32]).is_none());
    assert!(!snapshot.grant(&b).is_ready());
}

#[test]
fn a_change_costs_what_it_changes_with_a_hundred_thousand_resources_too() {
    let e = environment("e");
    let many = (0..100_000).flat_map(|n| [provider(&format!("p{n}")), credential(&format!("p{n}"), "k", 1)]);
    let snapshot = Snapshot::new().with(&e, many);
    let begun = std::time::Instant::now();
    let mut next = snapshot;
    for version in 2..102 {
        next = next.with(&e, [credential("p500", "k", version)]);
    }
    // Generous: a copy of everything would take a hundred times as long.
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(serving(&next, "p500"), ["k"]);
}

#[test]
fn what_can_not_be_used_says_why() {
    let name = "projects/p/providers/a";
    let good = v1::ProviderConfig { adapter: 1, auth: 1, base_url: "https://h/v1".into(), ..Default::default() };
    let provider = |config| parsed(v1::Kind::Provider, name, &config).unwrap_err();
    assert_eq!(provider(v1::ProviderConfig { adapter: 99, ..good.clone() }), Unusable::UnknownAdapter(99));
    assert_eq!(provider(v1::ProviderConfig { auth: 0, ..good.clone() }), Unusable::UnknownAuth(0));
    assert!(matches!(
        provider(v1::ProviderConfig { base_url: "ftp://x".into(), ..good.clone() }),
        Unusable::BadBaseUrl(_)
    ));
    assert_eq!(parsed(v1::Kind::Provider, "projects/q/providers/a", &good).unwrap_err(), Unusable::ForeignProject);
    assert_eq!(parsed(v1::Kind::Provider, "nonsense", &good).unwrap_err(), Unusable::BadName);
    let credential = "projects/p/providers/a/credentials/k";
    let none = v1::CredentialConfig::default();
    assert_eq!(parsed(v1::Kind::Credential, credential, &none).unwrap_err(), Unusable::UnknownValue);
    let value = Some(v1::credential_config::Value::ApiKey("a\nb".into()));
    let unfit = v1::CredentialConfig { value, ..Default::default() };
    assert_eq!(parsed(v1::Kind::Credential, credential, &unfit).unwrap_err(), Unusable::UnfitSecret);
    let e = environment("e");
    let broken = Change::put(AddressPolicy::Public, &e, 1, name, &Bytes::from_static(b"\xff")).unwrap_err();
    assert_eq!(broken, Unusable::Undecodable);
    let unknown = Change::put(AddressPolicy::Public, &e, 77, name, &Bytes::new()).unwrap_err();
    assert_eq!(unknown, Unusable::UnknownKind(77));
}
