//! A stored value never reaches a new origin: whatever moves, the new host sees no key until a value is given for it.

use super::*;

/// A second host, and a credential at the first one, whose provider then moves to it.
async fn moved(world: &World) -> ProviderDouble {
    let elsewhere = ProviderDouble::answering(200, MODELS).await;
    let base_url = elsewhere.base_url.to_string();
    world.change_provider("a", v1::Provider { base_url, ..Default::default() }).await;
    elsewhere
}

fn is_out(credential: &v1::Credential) -> bool {
    (credential.state(), credential.state_reason())
        == (v1::CredentialState::Inactive, v1::CredentialStateReason::DestinationChanged)
}

#[tokio::test]
async fn an_own_value_stays_at_home_and_a_second_key_with_it() {
    let world = World::new(200, MODELS).await;
    world
        .change_provider("a", v1::Provider { additional_key_header: "x-second-key".into(), ..Default::default() })
        .await;
    let two = v1::Credential { value: value("sk-1"), additional_key: "second".into(), ..Default::default() };
    world.create(v1::CreateCredentialRequest { credential: Some(two), ..new("") }).await.unwrap();
    let elsewhere = moved(&world).await;
    assert!(is_out(&world.check().await.unwrap()));
    // A new second key would have the old value sent along, and the other way round.
    let second = change(v1::Credential { additional_key: "another".into(), ..Default::default() });
    let first = change(v1::Credential { value: value("sk-2"), ..Default::default() });
    let rotation = v1::RotateCredentialRequest { name: NAME.into(), value: value("sk-2"), ..Default::default() };
    for refused in [
        world.update(second).await.unwrap_err(),
        world.update(first).await.unwrap_err(),
        world.rotate(rotation.clone()).await.unwrap_err(),
    ] {
        assert_eq!(reason(&refused), (Code::FailedPrecondition, "DESTINATION_CHANGED".to_owned()));
        let info = refused.get_details_error_info().unwrap();
        assert_eq!(info.metadata["origin"], elsewhere.base_url.origin().as_str());
    }
    // What asks nobody may change.
    assert!(is_out(&world.update(change(v1::Credential { weight: Some(2), ..Default::default() })).await.unwrap()));
    assert_eq!(elsewhere.asked().len(), 0);
    let both = v1::RotateCredentialRequest { additional_key: "another".into(), ..rotation };
    let given = world.rotate(both).await.unwrap().credential.unwrap();
    assert_eq!(given.state(), v1::CredentialState::Active);
    assert_eq!(keys_of(&elsewhere), ["Bearer sk-2"]);
}

#[tokio::test]
async fn a_secret_is_linked_where_it_is_allowed_and_nowhere_else() {
    let world = World::new(200, MODELS).await;
    let elsewhere = ProviderDouble::answering(200, MODELS).await;
    world.create_provider("b", stand_in(&elsewhere)).await;
    world.create_secret("s", value("sk-shared-value-1"), &[&world.upstream]).await.unwrap();
    let at = |provider: &str| v1::CreateCredentialRequest {
        parent: format!("projects/p/providers/{provider}"),
        credential: Some(v1::Credential { value: link("s"), ..Default::default() }),
        ..new("")
    };
    for skip_validation in [false, true] {
        let request = v1::CreateCredentialRequest { skip_validation, ..at("b") };
        let refused = world.create(request).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::FailedPrecondition, "DESTINATION_CHANGED".to_owned()));
        assert_eq!(refused.get_details_error_info().unwrap().metadata["name"], "projects/p/secrets/s");
    }
    let made = world.create(at("a")).await.unwrap();
    assert_eq!((made.state(), made.masked_value.as_str()), (v1::CredentialState::Active, "sk-s...e-1"));
    assert_eq!((made.linked_secret.as_str(), made.version), ("projects/p/secrets/s", 1));
    assert_eq!(world.check().await.unwrap().state(), v1::CredentialState::Active);
    // Its provider moves to a place that the Secret does not name.
    world.change_provider("a", v1::Provider { base_url: elsewhere.base_url.to_string(), ..Default::default() }).await;
    assert!(is_out(&world.get().await) && is_out(&world.check().await.unwrap()));
    let again = v1::RotateCredentialRequest { name: NAME.into(), value: link("s"), ..Default::default() };
    assert_eq!(reason(&world.rotate(again).await.unwrap_err()).1, "DESTINATION_CHANGED");
    assert_eq!(elsewhere.asked().len(), 0);
    assert!(keys_of(&world.upstream).iter().all(|key| key == "Bearer sk-shared-value-1"));
}

#[tokio::test]
async fn a_link_stays_in_the_project_and_has_to_exist_and_fit() {
    let world = World::new(200, MODELS).await;
    let linking = |name: &str| {
        let value = v1::CredentialValue { value: Some(Value::Secret(name.to_owned())) };
        v1::CreateCredentialRequest {
            credential: Some(v1::Credential { value: Some(value), ..Default::default() }),
            ..new("")
        }
    };
    for name in ["projects/p/secrets/none", "projects/other/secrets/s"] {
        let refused = world.create(linking(name)).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::InvalidArgument, "REFERENCE_INVALID".to_owned()), "{name}");
        assert_eq!(fields(&refused), ["credential.value.secret"]);
    }
    let pair = v1::AccessKeyPair {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "key".into(),
        ..Default::default()
    };
    let pair = Some(v1::CredentialValue { value: Some(Value::AccessKeyPair(pair)) });
    world.create_secret("pair", pair, &[]).await.unwrap();
    let refused = world.create(linking("projects/p/secrets/pair")).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_INVALID".to_owned()));
    assert_eq!(fields(&refused), ["credential.value.secret"], "the vendor takes no pairs");
    assert_eq!(world.upstream.asked().len(), 0);
}
