use std::collections::{BTreeMap, BTreeSet};

use proptest::option;
use proptest::prelude::*;
use shared::adapter::AdapterKind;
use shared::base_url::BaseUrl;
use shared::credential::CredentialType;
use shared::name::{CallerKeyName, CredentialName, ModelName, ResourceName as _, SecretName};

use super::super::{
    AdditionalKey, AuthMode, CallerKey, Credential, CredentialProblem, CredentialStatus, CredentialValues,
    Destinations, ExposedModel, Health, HealthReason, HeldValue, JoinTokenUse, Model, NamedSecret, Provider, Proxy,
    SealedValue, StoredValue, Target, Weight, kind_to_message,
};
use super::*;

fn any_time() -> impl Strategy<Value = SystemTime> {
    (0_u64..4_000_000_000, 0_u32..1_000_000_000)
        .prop_map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
}

fn any_display_name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9é日][A-Za-z0-9 é日]{0,60}[A-Za-z0-9]"
}

fn any_environments() -> impl Strategy<Value = BTreeSet<EnvironmentName>> {
    proptest::collection::btree_set("[a-z]{1,8}", 0..4)
        .prop_map(|ids| ids.iter().map(|id| format!("projects/p/environments/{id}").parse().unwrap()).collect())
}

fn any_meta() -> impl Strategy<Value = Meta> {
    ("[a-z]{3}_[0-9a-z]{26}", any::<u64>(), any::<u64>(), any_time(), any_time()).prop_map(
        |(uid, revision, generation, create_time, update_time)| Meta {
            uid,
            revision: Revision(revision),
            generation,
            create_time,
            update_time,
        },
    )
}

fn any_provider() -> impl Strategy<Value = Provider> {
    (any_display_name(), "[a-z]{1,12}", any::<bool>(), any::<bool>(), any_environments(), any::<bool>()).prop_map(
        |(display_name, vendor, enabled, managed, environments, default)| {
            let url = format!("https://{vendor}.example/v1");
            let base_url = BaseUrl::parse(AdapterKind::OpenAi, &url, AddressPolicy::Public).unwrap();
            Provider {
                display_name,
                vendor,
                enabled,
                auth_mode: if managed { AuthMode::Managed } else { AuthMode::None },
                environments,
                exposed_models: vec![ExposedModel { upstream_model: "gpt-4o".into(), display_name: None }],
                default_model: default.then(|| "gpt-4o".to_owned()),
                ..Provider::stand_in(base_url)
            }
        },
    )
}

fn any_model() -> impl Strategy<Value = Model> {
    let target =
        (0_u32..=100, 0_u32..=100, "[a-z0-9:./-]{1,40}").prop_map(|(weight, priority, upstream_model)| Target {
            provider: "projects/p/providers/a".parse().unwrap(),
            upstream_model,
            weight: Weight::new(weight).unwrap(),
            priority,
        });
    let targets = proptest::collection::vec(target, 0..4);
    (any_display_name(), targets, any_environments(), 1_u64..=3600, 1_u32..=16).prop_map(
        |(display_name, targets, environments, timeout, max_attempts)| Model {
            display_name,
            targets,
            environments,
            timeout: Duration::from_secs(timeout),
            max_attempts,
        },
    )
}

fn any_kind() -> impl Strategy<Value = CredentialType> {
    prop_oneof![
        Just(CredentialType::ApiKey),
        Just(CredentialType::AccessKeyPair),
        Just(CredentialType::ServiceAccount),
        Just(CredentialType::ClientSecret)
    ]
}

fn any_destinations() -> impl Strategy<Value = Destinations> {
    proptest::collection::btree_set("https://[a-z]{1,9}\\.example(:8[0-9]{3})?", 0..4).prop_map(|texts| {
        if texts.is_empty() {
            return Destinations::Anywhere;
        }
        Destinations::Only(texts.iter().map(|text| value::read_origin(text).unwrap()).collect())
    })
}

fn any_sealed() -> impl Strategy<Value = SealedValue> {
    let sealed = (any::<u32>(), any::<Vec<u8>>(), any::<Vec<u8>>()).prop_map(|(data_key, nonce, ciphertext)| Sealed {
        data_key,
        nonce,
        ciphertext,
    });
    (any_kind(), sealed, "[a-z]{4}\\.\\.\\.[a-z]{3}", any::<u64>(), any_destinations()).prop_map(
        |(kind, sealed, masked, version, destinations)| SealedValue { kind, sealed, masked, version, destinations },
    )
}

fn any_values() -> impl Strategy<Value = CredentialValues> {
    let additional_key = option::of(any_sealed()).prop_map(|key| {
        key.map(|SealedValue { sealed, version, destinations, .. }| AdditionalKey { sealed, version, destinations })
    });
    (any_sealed(), any::<bool>(), additional_key).prop_map(|(value, linked, additional_key)| {
        let SealedValue { kind, sealed, masked, version, destinations } = value;
        let held =
            if linked { HeldValue::In("projects/p/secrets/s".parse().unwrap()) } else { HeldValue::Here(sealed) };
        CredentialValues { value: StoredValue { kind, held, masked, version, destinations }, additional_key }
    })
}

fn any_credential() -> impl Strategy<Value = Credential> {
    let quota_group = option::of("[a-z]{1,63}");
    let rest = ("[a-z]{0,20}", quota_group, option::of(any_time()));
    (any_display_name(), any_values(), 0_u32..=100, any::<bool>(), rest).prop_map(
        |(display_name, values, weight, disabled, (owner, quota_group, expire_time))| Credential {
            display_name,
            value: values.value,
            additional_key: values.additional_key,
            weight: Weight::new(weight).unwrap(),
            quota_group,
            disabled,
            owner,
            expire_time,
        },
    )
}

fn any_secret() -> impl Strategy<Value = NamedSecret> {
    (any_display_name(), any_sealed()).prop_map(|(display_name, value)| NamedSecret { display_name, value })
}

fn any_caller_key() -> impl Strategy<Value = CallerKey> {
    let allowed = proptest::collection::btree_set("[a-z/0-9-]{1,20}\\*?", 0..4);
    let labels = proptest::collection::btree_map("[a-z]{1,9}", "[a-z]{0,9}", 0..4);
    (any_display_name(), allowed, option::of(any_time()), any::<bool>(), labels, any::<[u8; 32]>()).prop_map(
        |(display_name, allowed_models, expire_time, disabled, labels, sha256): (
            _,
            _,
            _,
            _,
            BTreeMap<String, String>,
            _,
        )| CallerKey {
            display_name,
            environment: "projects/p/environments/production".parse().unwrap(),
            allowed_models,
            expire_time,
            disabled,
            owner: "team".into(),
            labels,
            sha256,
        },
    )
}

fn any_status() -> impl Strategy<Value = CredentialStatus> {
    let problem = ("[A-Z_]{1,20}", option::of(100_u16..600), "[a-z ]{0,40}", any_time()).prop_map(
        |(reason, upstream_status, message, time)| CredentialProblem { reason, upstream_status, message, time },
    );
    let health = prop_oneof![Just(Health::Unverified), Just(Health::Active), Just(Health::Inactive)];
    let reason = option::of(prop_oneof![
        Just(HealthReason::Rejected),
        Just(HealthReason::Exhausted),
        Just(HealthReason::Limited),
        Just(HealthReason::Unreachable),
        Just(HealthReason::NotYetUsed),
        Just(HealthReason::DestinationChanged)
    ]);
    (any::<u64>(), health, reason, option::of(any_time()), option::of(problem)).prop_map(
        |(value_version, health, reason, last_check_time, last_error)| CredentialStatus {
            value_version,
            health,
            reason,
            last_check_time,
            last_error,
        },
    )
}

fn round_trip<R: Resource>(name: R::Name, meta: Meta, spec: R) {
    let stored = Stored { name, meta, spec };
    let read = Stored::<R>::from_record(stored.name.as_str(), stored.meta.revision, &stored.to_record()).unwrap();
    assert_eq!((read.name, read.meta, read.spec), (stored.name, stored.meta, stored.spec));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_read_as_it_was_written(
        meta in any_meta(), provider in any_provider(), model in any_model(),
        credential in any_credential(), secret in any_secret(), key in any_caller_key(), status in any_status(),
    ) {
        round_trip("projects/p/providers/a".parse().unwrap(), meta.clone(), provider);
        round_trip("projects/p/models/meta/llama:3".parse::<ModelName>().unwrap(), meta.clone(), model);
        let name: CredentialName = "projects/p/providers/a/credentials/b".parse().unwrap();
        round_trip(name, meta.clone(), credential);
        round_trip("projects/p/secrets/s".parse::<SecretName>().unwrap(), meta.clone(), secret);
        round_trip("projects/p/callerKeys/k".parse::<CallerKeyName>().unwrap(), meta, key);
        prop_assert_eq!(CredentialStatus::from_record(&status.to_record()).unwrap(), status);
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_and_never_panic(bytes: Vec<u8>) {
        let _ = Stored::<Provider>::from_record("projects/p/providers/a", Revision(1), &bytes);
        let _ = Stored::<CallerKey>::from_record("projects/p/callerKeys/a", Revision(1), &bytes);
        let _ = Stored::<NamedSecret>::from_record("projects/p/secrets/a", Revision(1), &bytes);
        let _ = CredentialStatus::from_record(&bytes);
        let _ = Proxy::from_record(&bytes);
    }
}

#[test]
fn proxies_and_uses_are_read_as_they_were_written() {
    let proxy = Proxy {
        uid: "prx_1".into(),
        node_id: "node".into(),
        join_token: "joinTokens/t".parse().unwrap(),
        environments: vec!["projects/-/environments/-".parse().unwrap()],
        create_time: SystemTime::UNIX_EPOCH,
        last_seen_time: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
    };
    assert_eq!(Proxy::from_record(&proxy.to_record()).unwrap(), proxy);
    assert_eq!(JoinTokenUse::from_record(&JoinTokenUse { uses: 3 }.to_record()).unwrap().uses, 3);
}

/// A record of the first version: an API key with its origin, and no type.
#[test]
fn an_old_record_of_a_credential_is_read_as_an_api_key() {
    #[derive(Clone, PartialEq, Message)]
    struct OldValue {
        #[prost(message, optional, tag = "1")]
        sealed: Option<Sealed>,
        #[prost(string, tag = "2")]
        masked: String,
        #[prost(uint64, tag = "3")]
        version: u64,
        #[prost(string, tag = "4")]
        origin: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct OldSpec {
        #[prost(string, tag = "1")]
        uid: String,
        #[prost(message, optional, tag = "3")]
        create_time: Option<Timestamp>,
        #[prost(message, optional, tag = "4")]
        update_time: Option<Timestamp>,
        #[prost(bytes = "vec", tag = "5")]
        message: Vec<u8>,
        #[prost(message, optional, tag = "6")]
        value: Option<OldValue>,
    }
    let message = proto::admin::v1::Credential {
        r#type: kind_to_message(CredentialType::ApiKey).into(),
        weight: Some(3),
        ..Default::default()
    };
    let sealed = Sealed { data_key: 1, nonce: vec![1; 24], ciphertext: vec![2; 20] };
    let value = OldValue {
        sealed: Some(sealed.clone()),
        masked: "sk-a...xyz".into(),
        version: 4,
        origin: "https://api.openai.com".into(),
    };
    let time = Some(Timestamp::default());
    let record = OldSpec {
        uid: "crd_1".into(),
        create_time: time,
        update_time: time,
        message: message.encode_to_vec(),
        value: Some(value),
    };
    let name = "projects/p/providers/a/credentials/b";
    let read = Stored::<Credential>::from_record(name, Revision(7), &record.encode_to_vec()).unwrap().spec;
    let origin = value::read_origin("https://api.openai.com").unwrap();
    assert_eq!(
        (read.value.kind, read.value.version, read.value.held),
        (CredentialType::ApiKey, 4, HeldValue::Here(sealed))
    );
    assert_eq!(read.value.destinations.as_text(), origin.as_str(), "what it was sealed with");
    assert!(read.additional_key.is_none() && read.quota_group.is_none() && read.weight.get() == 3);
}
