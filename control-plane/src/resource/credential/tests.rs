//! A credential's state, by where its provider is.

use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::credential::CredentialType;

use super::*;
use crate::store::seal::Sealed;
use crate::view::View;

/// A provider of Bedrock's, of which nobody is asked anything here.
fn provider(region: &str, base_url: &str) -> Provider {
    let view = View::empty(crate::store::Store::identity(&crate::store::memory::MemoryStore::new()));
    let message = v1::Provider {
        display_name: "A".into(),
        vendor: "bedrock".into(),
        region: region.into(),
        base_url: base_url.into(),
        ..Default::default()
    };
    let rules = Rules { addresses: AddressPolicy::Public, targets: &view, source: crate::resource::Source::Request };
    let name = "projects/p/providers/a".parse().unwrap();
    let mut violations = FieldViolations::new();
    let read = Provider::read(message, &name, (), &rules, &mut violations);
    violations.into_result(read).unwrap()
}

fn credential(kind: CredentialType, given_for: &Provider) -> Credential {
    let sealed = Sealed { data_key: 1, nonce: vec![0; 24], ciphertext: Vec::new() };
    let value = StoredValue {
        kind,
        held: HeldValue::Here(sealed),
        masked: "***".into(),
        version: 1,
        destinations: Destinations::of(kind, given_for.base_url.origin()),
    };
    let settings = CredentialSettings::read(
        v1::Credential::default(),
        &"projects/p/providers/a/credentials/c".parse().unwrap(),
        &mut FieldViolations::new(),
    );
    settings.with_values(CredentialValues { value, additional_key: None })
}

#[test]
fn another_region_or_host_or_port_takes_out_whatever_is_sent_and_no_pair() {
    let home = provider("eu-west-1", "");
    let out = (CredentialState::Inactive, Some(HealthReason::DestinationChanged));
    for (there, moved) in [
        (provider("eu-west-1", ""), false),
        (provider("us-east-1", ""), true),
        (provider("eu-west-1", "https://bedrock.example"), true),
        (provider("eu-west-1", &format!("{}:8443", home.base_url)), true),
        // The same place in other words.
        (provider("eu-west-1", &format!("{}:443/", home.base_url)), false),
    ] {
        for kind in [
            CredentialType::ApiKey,
            CredentialType::AccessKeyPair,
            CredentialType::ServiceAccount,
            CredentialType::ClientSecret,
        ] {
            let state = credential(kind, &home).state(&CredentialStatus::default(), &there);
            let is_out = moved && kind != CredentialType::AccessKeyPair;
            assert_eq!(state == out, is_out, "{kind:?} at {}", there.base_url);
        }
    }
}

#[test]
fn a_second_key_binds_a_pair_too() {
    let (home, there) = (provider("eu-west-1", ""), provider("us-east-1", ""));
    let mut pair = credential(CredentialType::AccessKeyPair, &home);
    assert!(pair.may_be_sent_to(&there.base_url.origin()));
    pair.additional_key = Some(AdditionalKey {
        sealed: Sealed { data_key: 1, nonce: vec![0; 24], ciphertext: Vec::new() },
        version: 1,
        destinations: Destinations::of(CredentialType::ApiKey, home.base_url.origin()),
    });
    assert!(pair.may_be_sent_to(&home.base_url.origin()) && !pair.may_be_sent_to(&there.base_url.origin()));
}

#[test]
fn destinations_are_one_text_for_one_set() {
    let origin = |text: &str| BaseUrl::parse(AdapterKind::OpenAi, text, AddressPolicy::Public).unwrap().origin();
    let (a, b) = (origin("https://a.example/v1"), origin("https://b.example/v1"));
    let both = Destinations::Only([b.clone(), a.clone()].into());
    assert_eq!(both.as_text(), "https://a.example https://b.example");
    assert_eq!(Destinations::Only([a.clone()].into()).as_text(), a.as_str(), "as values were always sealed");
    assert_eq!(Destinations::Anywhere.as_text(), "");
}
