//! The rules of each field of a value, and that nothing of a bad one is told.

use shared::secret::Secret;

use super::*;

const CANARY: &str = "canary";

/// A key that was made for tests alone.
const PEM: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures/rsa_2048.pem"));

fn read(value: Value) -> Result<GivenValue, FieldViolations> {
    let mut violations = FieldViolations::new();
    let project = "projects/p".parse().unwrap();
    let given = v1::CredentialValue { value: Some(value) };
    let read = GivenValue::read(Some(given), &project, &mut violations);
    violations.into_result(read)
}

fn own(value: Value) -> CredentialValue {
    match read(value).unwrap() {
        GivenValue::Own(value) => value,
        GivenValue::Linked(name) => panic!("{name} is a link"),
    }
}

fn pair(id: &str, secret: &str, token: &str) -> Value {
    Value::AccessKeyPair(v1::AccessKeyPair {
        access_key_id: id.into(),
        secret_access_key: secret.into(),
        session_token: token.into(),
    })
}

fn client(tenant_id: &str, client_id: &str, client_secret: &str) -> Value {
    Value::ClientSecret(v1::ClientSecret {
        tenant_id: tenant_id.into(),
        client_id: client_id.into(),
        client_secret: client_secret.into(),
    })
}

fn service_account() -> serde_json::Value {
    serde_json::json!({
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "1a2b",
        "private_key": PEM,
        "client_email": "keyplane@acme.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

fn masks(value: &CredentialValue) -> (CredentialType, String) {
    (value.kind(), value.mask())
}

#[test]
fn every_type_is_told_from_its_value_and_masked_by_its_own_rule() {
    let tenant = "8a7b6c5d-0000-4000-8000-000000000001";
    for (value, kind, mask) in [
        (Value::ApiKey("sk-abcdefxyz".into()), CredentialType::ApiKey, "sk-a...xyz"),
        (Value::ApiKey("short".into()), CredentialType::ApiKey, "***"),
        (pair("AKIAIOSFODNN7EXAMPLE", "wJalr", ""), CredentialType::AccessKeyPair, "AKIA...PLE"),
        (client(tenant, "app-1", "s3cret"), CredentialType::ClientSecret, "app-1"),
        (
            Value::ServiceAccountJson(service_account().to_string()),
            CredentialType::ServiceAccount,
            "keyplane@acme.iam.gserviceaccount.com",
        ),
    ] {
        assert_eq!(masks(&own(value)), (kind, mask.to_owned()));
    }
}

#[test]
fn what_a_paste_leaves_at_the_ends_goes() {
    assert_eq!(own(Value::ApiKey(" \tsk-1\r\n".into())).to_bytes().expose(), b"sk-1");
    let CredentialValue::AccessKeyPair(read) = own(pair(" AKIAIOSFODNN7EXAMPLE\n", "key\n", " \n")) else {
        panic!("it is a pair")
    };
    assert_eq!(read.access_key_id.expose(), b"AKIAIOSFODNN7EXAMPLE");
    assert_eq!(read.secret_access_key.expose(), b"key");
    assert!(read.session_token.is_none());
    let CredentialValue::ClientSecret(read) = own(client(" contoso.com\n", "app\n", " s \n")) else {
        panic!("it is a client")
    };
    assert_eq!((read.tenant_id.as_str(), read.client_id.as_str()), ("contoso.com", "app"));
    assert_eq!(read.client_secret.expose(), b"s");
    let json = format!("\n{}\n", service_account());
    assert_eq!(own(Value::ServiceAccountJson(json)).to_bytes().expose(), service_account().to_string().as_bytes());
    let GivenValue::Linked(name) = read_ok(" projects/p/secrets/s\n") else { panic!("it is a link") };
    assert_eq!(name.to_string(), "projects/p/secrets/s");
}

fn read_ok(secret: &str) -> GivenValue {
    read(Value::Secret(secret.into())).unwrap()
}

#[test]
fn a_bad_part_is_named_by_its_path_and_nothing_of_it_is_told() {
    let long = |bytes: usize| CANARY.repeat(bytes);
    let mut other_type = service_account();
    other_type["type"] = "authorized_user".into();
    other_type["client_email"] = CANARY.into();
    let mut foreign = service_account();
    foreign["token_uri"] = "https://canary.example/token".into();
    for (value, path) in [
        (Value::ApiKey("canary canary".into()), "value.api_key"),
        (Value::ApiKey(long(1000)), "value.api_key"),
        (Value::ApiKey(" \n".into()), "value.api_key"),
        (pair("canary", "k", ""), "value.access_key_pair.access_key_id"),
        (pair(&long(30), "k", ""), "value.access_key_pair.access_key_id"),
        (pair("AKIAIOSFODNN7EXAMPLE", "", ""), "value.access_key_pair.secret_access_key"),
        (pair("AKIAIOSFODNN7EXAMPLE", &long(50), ""), "value.access_key_pair.secret_access_key"),
        (pair("AKIAIOSFODNN7EXAMPLE", "k", "canary canary"), "value.access_key_pair.session_token"),
        (pair("AKIAIOSFODNN7EXAMPLE", "k", &long(2000)), "value.access_key_pair.session_token"),
        (client("canary/../x", "app", "s"), "value.client_secret.tenant_id"),
        (client("", "app", "s"), "value.client_secret.tenant_id"),
        (client("contoso.com", "canary app", "s"), "value.client_secret.client_id"),
        (client("contoso.com", "app", "canary\ncanary"), "value.client_secret.client_secret"),
        (Value::ServiceAccountJson(CANARY.into()), "value.service_account_json"),
        (Value::ServiceAccountJson(long(4000)), "value.service_account_json"),
        (Value::ServiceAccountJson(other_type.to_string()), "value.service_account_json"),
        (Value::ServiceAccountJson(foreign.to_string()), "value.service_account_json"),
        (Value::Secret("sk-canary".into()), "value.secret"),
        (Value::Secret("projects/canary/secrets/s".into()), "value.secret"),
    ] {
        let violations = read(value).unwrap_err();
        let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, [path]);
        let is_link = path == "value.secret" && violations.to_string().contains("is not in projects/p");
        assert!(is_link || !violations.to_string().contains(CANARY), "{violations}");
    }
    let violations = read(pair("", "", "é")).unwrap_err();
    assert_eq!(violations.iter().count(), 3, "all of them at once: {violations}");
}

#[test]
fn a_secrets_value_is_no_link_and_no_value_is_refused() {
    let mut violations = FieldViolations::new();
    let link = v1::CredentialValue { value: Some(Value::Secret("projects/p/secrets/s".into())) };
    assert!(read_own_value(Some(link), &mut violations).is_none());
    assert!(read_own_value(Some(v1::CredentialValue::default()), &mut violations).is_none());
    assert!(read_own_value(None, &mut violations).is_none());
    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["value.secret", "value", "value"]);
}

#[test]
fn an_additional_key_is_trimmed_and_absent_where_it_is_empty() {
    let mut violations = FieldViolations::new();
    let key: Option<Secret> = read_additional_key(" second\n".into(), &mut violations);
    assert_eq!(key.unwrap().expose(), b"second");
    assert!(read_additional_key(String::new(), &mut violations).is_none() && violations.is_empty());
    assert!(read_additional_key("a b".into(), &mut violations).is_none() && !violations.is_empty());
}
