//! Types of values, the second key, the quota group, and what an update's mask takes.

use super::*;

fn pair() -> Option<v1::CredentialValue> {
    let pair = v1::AccessKeyPair {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "canary".into(),
        ..Default::default()
    };
    Some(v1::CredentialValue { value: Some(Value::AccessKeyPair(pair)) })
}

fn masked(paths: &[&str], credential: v1::Credential) -> v1::UpdateCredentialRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    v1::UpdateCredentialRequest { update_mask: Some(prost_types::FieldMask { paths }), ..change(credential) }
}

#[tokio::test]
async fn a_type_is_what_the_value_is_and_has_to_match_and_be_taken() {
    let world = World::new(200, MODELS).await;
    let with = |kind: v1::CredentialType, value| v1::CreateCredentialRequest {
        credential: Some(v1::Credential { r#type: kind.into(), value, ..Default::default() }),
        ..new("")
    };
    let (key, unsaid) = (v1::CredentialType::ApiKey, v1::CredentialType::Unspecified);
    for (request, expected) in [
        (with(unsaid, pair()), vec!["credential.value.access_key_pair"]),
        (with(key, pair()), vec!["credential.value.access_key_pair"]),
        (with(v1::CredentialType::AccessKeyPair, pair()), vec!["credential.type"]),
        (with(v1::CredentialType::AccessKeyPair, value("sk-1")), vec!["credential.type", "credential.value.api_key"]),
        (with(unsaid, None), vec!["credential.value"]),
    ] {
        let refused = world.create(request).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_INVALID".to_owned()));
        assert_eq!(fields(&refused), expected);
        assert!(!refused.message().contains("canary"));
    }
    assert_eq!(world.upstream.asked().len(), 0);
    let made = world.create(with(unsaid, value("sk-1"))).await.unwrap();
    assert_eq!(made.r#type(), key);
    let other = change(v1::Credential { value: pair(), ..Default::default() });
    assert_eq!(fields(&world.update(other).await.unwrap_err()), ["credential.value.access_key_pair"]);
    let other = v1::Credential { r#type: v1::CredentialType::ClientSecret.into(), ..Default::default() };
    assert_eq!(fields(&world.update(change(other)).await.unwrap_err())[0], "credential.type");
}

#[tokio::test]
async fn a_mask_that_names_a_value_asks_for_it_and_no_other_touches_it() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-first-value-1")).await.unwrap();
    for path in ["value", "value.api_key", "value.secret"] {
        let refused = world.update(masked(&[path], v1::Credential::default())).await.unwrap_err();
        assert_eq!(fields(&refused), [format!("credential.{path}")], "it would else be ignored");
    }
    let given = || v1::Credential { value: value("sk-second-value-2"), owner: "me".into(), ..Default::default() };
    let refused = world.update(masked(&["value.access_key_pair"], given())).await.unwrap_err();
    assert_eq!(fields(&refused), ["credential.value.access_key_pair"]);
    let refused = world.update(masked(&["value.access_key_pair.session_token"], given())).await.unwrap_err();
    assert_eq!(fields(&refused), ["update_mask"], "a part of a value is none");
    let untouched = world.update(masked(&["owner"], given())).await.unwrap();
    assert_eq!((untouched.version, untouched.owner.as_str()), (1, "me"));
    let everything = world.update(masked(&["*"], v1::Credential::default())).await.unwrap();
    assert_eq!(
        (everything.version, everything.owner.as_str(), everything.masked_value.as_str()),
        (1, "", "sk-f...e-1")
    );
    for (path, version) in [("value", 2), ("value.api_key", 3)] {
        assert_eq!(world.update(masked(&[path], given())).await.unwrap().version, version);
    }
    let read_back = world.get().await;
    let sent_back = v1::UpdateCredentialRequest { credential: Some(read_back.clone()), ..Default::default() };
    assert_eq!(world.update(sent_back).await.unwrap(), read_back, "what was read can be sent back");
}

#[tokio::test]
async fn a_quota_group_is_kept_cleared_and_limited() {
    let world = World::new(200, MODELS).await;
    let grouped = |group: &str| v1::CreateCredentialRequest {
        credential: Some(v1::Credential { quota_group: group.into(), value: value("sk-1"), ..Default::default() }),
        ..new("")
    };
    for bad in ["x".repeat(64), " a".to_owned(), "a\nb".to_owned()] {
        assert_eq!(fields(&world.create(grouped(&bad)).await.unwrap_err()), ["credential.quota_group"], "{bad:?}");
    }
    assert_eq!(world.create(grouped(&"x".repeat(63))).await.unwrap().quota_group, "x".repeat(63));
    let cleared = world.update(masked(&["quota_group"], v1::Credential::default())).await.unwrap();
    assert_eq!((cleared.quota_group.as_str(), cleared.version), ("", 1));
}

#[tokio::test]
async fn a_second_key_needs_a_header_and_is_sealed_counted_shown_as_set_and_dropped() {
    let world = World::new(200, MODELS).await;
    let two = || v1::Credential {
        value: value("sk-first-value-1"),
        additional_key: " canary-second-key\n".into(),
        ..Default::default()
    };
    let request = || v1::CreateCredentialRequest { credential: Some(two()), ..new("") };
    assert_eq!(fields(&world.create(request()).await.unwrap_err()), ["credential.additional_key"]);
    let header = v1::Provider { additional_key_header: "x-second-key".into(), ..Default::default() };
    world.change_provider("a", header).await;
    let made = world.create(request()).await.unwrap();
    assert!(made.additional_key_set && made.additional_key.is_empty());
    let everything = world.context.store.range("").await.unwrap();
    let canary = b"canary-second-key";
    assert!(everything.records.iter().all(|one| !one.value.windows(canary.len()).any(|bytes| bytes == canary)));
    // A new value keeps it; a new one of it is a new version of the pair, which is asked about.
    let kept = world.update(change(v1::Credential { value: value("sk-2"), ..Default::default() })).await.unwrap();
    assert!(kept.additional_key_set && kept.version == 2);
    let other = v1::Credential { additional_key: "another".into(), ..Default::default() };
    let other = world.update(change(other)).await.unwrap();
    assert!(other.additional_key_set && other.version == 3);
    assert_eq!(keys_of(&world.upstream), ["Bearer sk-first-value-1", "Bearer sk-2", "Bearer sk-2"]);
    let dropped = world.update(masked(&["additional_key"], v1::Credential::default())).await.unwrap();
    assert!(!dropped.additional_key_set && dropped.version == 4);
    let again = world.update(masked(&["additional_key"], v1::Credential::default())).await.unwrap();
    assert_eq!(again.version, 4, "there is none to drop");
}

#[tokio::test]
async fn a_change_answers_when_it_was_last_used() {
    let world = World::new(200, MODELS).await;
    world.create(new("sk-first-value-1")).await.unwrap();
    for name in [NAME, PARENT] {
        let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        world.context.views.last_used().note(name, 1_800_000_100_000, now);
    }
    let used = Some(prost_types::Timestamp { seconds: 1_800_000_100, nanos: 0 });
    let owner = v1::Credential { owner: "me".into(), ..Default::default() };
    assert_eq!(world.update(change(owner)).await.unwrap().last_used_time, used);
    let given = v1::Credential { value: value("sk-second-value-2"), ..Default::default() };
    assert_eq!(world.update(change(given)).await.unwrap().last_used_time, used);
    let rotation =
        v1::RotateCredentialRequest { name: NAME.into(), value: value("sk-third-value-33"), ..Default::default() };
    assert_eq!(world.rotate(rotation).await.unwrap().credential.unwrap().last_used_time, used);
    let provider = v1::Provider { name: PARENT.into(), default_model: String::new(), ..stand_in(&world.upstream) };
    let request = v1::UpdateProviderRequest { provider: Some(provider), ..Default::default() };
    let changed = world.providers.update_provider(call(request)).await.unwrap().into_inner();
    assert_eq!(changed.last_used_time, used);
}

/// Without its header a second key could not be sent, and whoever has one could sign nothing.
#[tokio::test]
async fn the_header_of_second_keys_stays_while_there_is_one() {
    let world = World::new(200, MODELS).await;
    let header = v1::Provider { additional_key_header: "x-second".into(), ..Default::default() };
    world.change_provider("a", header).await;
    let credential = v1::Credential { value: value("sk-1"), additional_key: "second-1".into(), ..Default::default() };
    world.create(v1::CreateCredentialRequest { credential: Some(credential), ..new("") }).await.unwrap();
    let drop_header = async || {
        let paths = vec!["additional_key_header".to_owned()];
        let provider = v1::Provider { name: PARENT.into(), ..Default::default() };
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = v1::UpdateProviderRequest { provider: Some(provider), update_mask, ..Default::default() };
        world.providers.update_provider(call(request)).await
    };
    let refused = drop_header().await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "HAS_DEPENDENTS".to_owned()));
    assert!(refused.message().contains(NAME));
    world.update(masked(&["additional_key"], v1::Credential::default())).await.unwrap();
    drop_header().await.unwrap();
}
