//! Vendors that validate on first use, and pairs, which only sign and so are at home anywhere.

use super::*;

const CATALOG: &str = r#"{"modelSummaries":[{"modelId":"amazon.nova-lite-v1:0"}]}"#;

fn pair(secret_access_key: &str) -> Option<v1::CredentialValue> {
    let pair = v1::AccessKeyPair {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: secret_access_key.into(),
        ..Default::default()
    };
    Some(v1::CredentialValue { value: Some(Value::AccessKeyPair(pair)) })
}

fn at_bedrock(value: Option<v1::CredentialValue>) -> v1::CreateCredentialRequest {
    v1::CreateCredentialRequest {
        parent: "projects/p/providers/bedrock".into(),
        credential: Some(v1::Credential { value, ..Default::default() }),
        ..new("")
    }
}

async fn world() -> (World, ProviderDouble) {
    let world = World::new(200, MODELS).await;
    let bedrock = ProviderDouble::answering(200, CATALOG).await;
    let provider = v1::Provider {
        vendor: "bedrock".into(),
        base_url: bedrock.base_url.to_string(),
        region: "eu-west-1".into(),
        ..Default::default()
    };
    world.create_provider("bedrock", provider).await;
    (world, bedrock)
}

fn state(credential: &v1::Credential) -> (v1::CredentialState, v1::CredentialStateReason) {
    (credential.state(), credential.state_reason())
}

const NOT_YET_USED: (v1::CredentialState, v1::CredentialStateReason) =
    (v1::CredentialState::Unverified, v1::CredentialStateReason::NotYetUsed);

#[tokio::test]
async fn what_only_its_first_use_can_validate_is_stored_unless_it_is_rejected_outright() {
    let (world, bedrock) = world().await;
    let made = world.create(at_bedrock(pair("canary"))).await.unwrap();
    assert_eq!((made.r#type(), made.masked_value.as_str()), (v1::CredentialType::AccessKeyPair, "AKIA...PLE"));
    assert_eq!(state(&made), NOT_YET_USED, "a catalog says nothing of what the account may use");
    bedrock.answer(403, r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid."}"#);
    let rejected = v1::CreateCredentialRequest { credential_id: "d".into(), ..at_bedrock(pair("canary")) };
    let refused = world.create(rejected).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "CREDENTIAL_REJECTED".to_owned()));
    assert!(!refused.message().contains("canary") && !format!("{made:?}").contains("canary"));
}

#[tokio::test]
async fn a_pair_is_never_sent_and_outlives_a_move_of_its_provider() {
    let (world, bedrock) = world().await;
    let key = v1::CreateCredentialRequest { credential_id: "key".into(), ..at_bedrock(value("bearer-canary-key")) };
    world.create(key).await.unwrap();
    world.create(at_bedrock(pair("pair-canary"))).await.unwrap();
    let elsewhere = ProviderDouble::answering(200, CATALOG).await;
    let base_url = elsewhere.base_url.to_string();
    world.change_provider("bedrock", v1::Provider { base_url, ..Default::default() }).await;
    let check = async |id: &str| {
        let name = format!("projects/p/providers/bedrock/credentials/{id}");
        let request = v1::CheckCredentialRequest { name, ..Default::default() };
        world.credentials.check_credential(call(request)).await.unwrap().into_inner()
    };
    assert_eq!(state(&check("c").await), NOT_YET_USED);
    let out = (v1::CredentialState::Inactive, v1::CredentialStateReason::DestinationChanged);
    assert_eq!(state(&check("key").await), out);
    assert!(!elsewhere.asked().is_empty(), "the pair was asked about there");
    for (_, headers) in bedrock.asked().iter().chain(&elsewhere.asked()) {
        let sent: Vec<_> = headers.values().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        assert!(sent.iter().all(|value| !value.contains("pair-canary")), "{sent:?}");
    }
    for (_, headers) in &elsewhere.asked() {
        assert!(headers.values().all(|value| !value.to_str().unwrap().contains("bearer-canary")));
    }
}
