//! For any value: what is sealed for one place opens there and nowhere else.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::{BaseUrl, Origin};
use shared::credential::{AccessKeyPair, ClientSecret, ServiceAccount};
use shared::revision::StoreId;

use super::*;
use crate::resource::{Destinations, SealedField, SealedValue};
use crate::store::memory::MemoryStore;
use crate::store::seal::{MasterKeys, Sealer};
use crate::store::{Identity, Store};

/// A key that was made for tests alone.
const PEM: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures/rsa_2048.pem"));

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn service_account(email: &str) -> CredentialValue {
    let json = serde_json::json!({
        "type": "service_account",
        "private_key_id": "1a2b",
        "private_key": PEM,
        "client_email": format!("{email}@acme.iam.gserviceaccount.com"),
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    CredentialValue::ServiceAccount(ServiceAccount::parse(Secret::from(json.to_string())).unwrap())
}

fn any_value() -> impl Strategy<Value = CredentialValue> {
    let pair = ("[!-~]{16,40}", "[!-~]{1,60}", prop::option::of("[!-~]{1,80}")).prop_map(|(id, key, token)| {
        CredentialValue::AccessKeyPair(AccessKeyPair {
            access_key_id: secret(&id),
            secret_access_key: secret(&key),
            session_token: token.as_deref().map(secret),
        })
    });
    let client = ("[a-z]{1,20}", "[a-z0-9]{1,20}", "[!-~]{1,60}").prop_map(|(tenant, client, key)| {
        CredentialValue::ClientSecret(ClientSecret {
            tenant_id: tenant,
            client_id: client,
            client_secret: secret(&key),
        })
    });
    prop_oneof![
        "[!-~]{1,200}".prop_map(|key| CredentialValue::ApiKey(secret(&key))),
        pair,
        client,
        "[a-z]{1,20}".prop_map(|email| service_account(&email)),
    ]
}

fn origin(host: u8) -> Origin {
    let text = format!("https://h{host}.example/v1");
    BaseUrl::parse(AdapterKind::OpenAi, &text, AddressPolicy::Public).unwrap().origin()
}

fn sealer(store: &MemoryStore) -> Sealer {
    let keys = MasterKeys::from_text(&Secret::from(format!("a:{}=", "A".repeat(43)))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Sealer::unlock(store, &keys)).unwrap()
}

/// A Secret of a value that may go to some hosts.
fn stored(sealer: &Sealer, identity: Identity, value: &CredentialValue, hosts: &BTreeSet<u8>) -> Stored<NamedSecret> {
    let kind = value.kind();
    let destinations = match kind.is_bound_to_origin() {
        true => Destinations::Only(hosts.iter().map(|host| origin(*host)).collect()),
        false => Destinations::Anywhere,
    };
    let text = destinations.as_text();
    let sealed = sealer.seal(&value.to_bytes(), SealedField::value("sec_1").binding(identity.store_id, 1, &text));
    let time = std::time::SystemTime::UNIX_EPOCH;
    let meta = crate::resource::Meta {
        uid: "sec_1".into(),
        revision: shared::revision::Revision(1),
        generation: 1,
        create_time: time,
        update_time: time,
    };
    let value = SealedValue { kind, sealed, masked: value.mask(), version: 1, destinations };
    Stored {
        name: "projects/p/secrets/s".parse().unwrap(),
        meta,
        spec: NamedSecret { display_name: "s".into(), value },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_value_opens_for_its_own_places_alone(
        value in any_value(),
        hosts in prop::collection::btree_set(0..6_u8, 1..4),
        asked in 0..6_u8,
        change in 0..5_usize,
    ) {
        let store = MemoryStore::new();
        let (sealer, identity) = (sealer(&store), store.identity());
        let view = View::empty(identity);
        let right = stored(&sealer, identity, &value, &hosts);
        let opened = open_secret(&sealer, &view, &right, &origin(asked));
        if hosts.contains(&asked) || !value.kind().is_bound_to_origin() {
            let (opened, given) = (opened.unwrap().to_bytes(), value.to_bytes());
            prop_assert_eq!(opened.expose(), given.expose());
        } else {
            prop_assert_eq!(opened.unwrap_err(), NotOpened::Elsewhere { origin: origin(asked) });
        }
        // Whatever a record is changed to say, the ciphertext knows what it was sealed for.
        let (mut wrong, mut elsewhere) = (right, view);
        match change {
            0 => wrong.meta.uid.push('x'),
            1 => wrong.spec.value.version += 1,
            2 => elsewhere.identity.store_id = StoreId([9; 16]),
            3 => {
                let mut more: BTreeSet<_> = hosts.iter().map(|host| origin(*host)).collect();
                more.insert(origin(9));
                wrong.spec.value.destinations = Destinations::Only(more);
            }
            _ if value.kind().is_bound_to_origin() => wrong.spec.value.destinations = Destinations::Anywhere,
            _ => wrong.spec.value.destinations = Destinations::Only(BTreeSet::from([origin(9)])),
        }
        let opened = open_secret(&sealer, &elsewhere, &wrong, &origin(9));
        prop_assert!(opened.is_err());
    }
}
