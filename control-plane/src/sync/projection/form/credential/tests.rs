//! Each type of value in its field, and the values of Secrets where they are linked and active.

use shared::credential::{AccessKeyPair, ClientSecret, CredentialValue};
use shared::name::SecretName;
use shared::secret::Secret;

use super::*;
use crate::resource::{Destinations, HeldValue, NamedSecret, SealedValue, StoredValue, key};
use crate::store::seal::Sealed;
use crate::store::{Change, Committed};
use crate::sync::projection::tests::{Operation, apply, environment, first_view, held, put};
use crate::view::View;

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

/// A view with a provider in production and a credential of it.
fn view() -> View {
    let view = apply(
        &first_view(),
        &Operation::PutProvider { provider: 0, environments: [true, false, false], enabled: true, moved: false },
    );
    let operation =
        Operation::PutCredential { provider: 0, credential: 0, disabled: false, value: Some(1), moved: false };
    apply(&view.0, &operation).0
}

fn commit(view: &View, changes: Vec<Change>) -> View {
    let committed = Committed { revision: view.revision.next(), time: std::time::SystemTime::UNIX_EPOCH, changes };
    view.apply(&committed).unwrap()
}

fn only(view: &View) -> crate::resource::Stored<Credential> {
    (**view.credentials.values().next().unwrap()).clone()
}

#[test]
fn every_type_of_value_has_its_own_field_with_its_bytes() {
    let pair = AccessKeyPair { access_key_id: secret("id"), secret_access_key: secret("key"), session_token: None };
    let client = ClientSecret { tenant_id: "t".into(), client_id: "c".into(), client_secret: secret("s") };
    let mut spec = only(&view()).spec;
    spec.quota_group = Some("account-1".into());
    for value in [
        CredentialValue::ApiKey(secret("sk-1")),
        CredentialValue::AccessKeyPair(pair),
        CredentialValue::ClientSecret(client),
    ] {
        let opened = OpenedValues { value: value.clone(), additional_key: Some(secret("second")) };
        let form = credential(&spec, CredentialState::Unverified, &opened);
        let expected = value.to_bytes();
        let bytes = match (value.kind(), form.value.unwrap()) {
            (CredentialType::ApiKey, Value::ApiKey(bytes))
            | (CredentialType::AccessKeyPair, Value::AccessKeyPair(bytes))
            | (CredentialType::ClientSecret, Value::ClientSecret(bytes)) => bytes,
            (kind, _) => panic!("{kind:?} stands in another's field"),
        };
        assert_eq!(&bytes[..], expected.expose());
        assert_eq!((&form.additional_key[..], form.quota_group.as_str()), (b"second".as_slice(), "account-1"));
        assert!(form.unverified && form.value_version == 1);
    }
}

#[test]
fn a_secrets_value_goes_where_a_linked_credential_serves_and_changes_with_a_rotation() {
    let name: SecretName = "projects/p/secrets/s".parse().unwrap();
    let of = |text: &str, version, view: &View| {
        let origin = view.providers.values().next().unwrap().spec.base_url.origin();
        let value = SealedValue {
            kind: CredentialType::ApiKey,
            sealed: Sealed { data_key: 1, nonce: vec![0; 24], ciphertext: text.as_bytes().to_vec() },
            masked: "***".into(),
            version,
            destinations: Destinations::Only([origin].into()),
        };
        NamedSecret { display_name: "s".into(), value }
    };
    let view = view();
    let mut spec = only(&view).spec;
    let link = |secret: &NamedSecret, version| StoredValue {
        kind: CredentialType::ApiKey,
        held: HeldValue::In("projects/p/secrets/s".parse().unwrap()),
        masked: "***".into(),
        version,
        destinations: secret.value.destinations.clone(),
    };
    let (first, second) = (of("first-canary", 1, &view), of("second-canary", 2, &view));
    spec.value = link(&first, 2);
    let credential_name = only(&view).name;
    let at = view.revision.next();
    let linked = commit(&view, vec![put(name.clone(), at, first), put(credential_name.clone(), at, spec.clone())]);
    let bytes_in = |view: &View, at: usize| {
        held(view, &environment(at)).into_values().flat_map(|(_, put)| put.to_vec()).collect::<Vec<_>>()
    };
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has(&bytes_in(&linked, 0), "first-canary"));
    assert!(!has(&bytes_in(&linked, 1), "canary"), "its provider is not active there");
    spec.value = link(&second, 3);
    let at = linked.revision.next();
    let rotated = commit(&linked, vec![put(name.clone(), at, second), put(credential_name, at, spec)]);
    assert!(has(&bytes_in(&rotated, 0), "second-canary") && !has(&bytes_in(&rotated, 0), "first-canary"));
    // Nothing but the credential itself says that the Secret is there.
    assert!(!has(&bytes_in(&rotated, 0), "secrets/s"));
    let at = rotated.revision.next();
    let gone = commit(&rotated, vec![Change { key: key::spec("projects/p/secrets/s"), value: None }]);
    assert_eq!((gone.revision, gone.secrets.len()), (at, 0));
    assert!(!has(&bytes_in(&gone, 0), "canary"), "without its Secret it is not sent");
}
