//! Which texts are service accounts.

use serde_json::{Value, json};

use super::*;

const KEY: &str = include_str!("../../../fixtures/rsa_2048.pem");

fn file() -> Value {
    json!({
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "1a2b",
        "private_key": KEY,
        "client_email": "keyplane@acme.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    })
}

fn parse(file: &Value) -> Result<ServiceAccount, ServiceAccountError> {
    ServiceAccount::parse(Secret::from(file.to_string()))
}

fn parse_with(field: &str, value: &str) -> Result<ServiceAccount, ServiceAccountError> {
    let mut file = file();
    file[field] = value.into();
    parse(&file)
}

#[test]
fn a_service_accounts_parts_are_read_and_its_bytes_kept() {
    let account = parse(&file()).unwrap();
    assert_eq!(account.client_email(), "keyplane@acme.iam.gserviceaccount.com");
    assert_eq!(account.private_key_id(), "1a2b");
    assert_eq!(account.token_uri(), "https://oauth2.googleapis.com/token");
    assert_eq!(account.project_id(), Some("acme"));
    assert_eq!(account.json().expose(), file().to_string().as_bytes());
    assert_eq!(format!("{account:?}"), "ServiceAccount(..)");
}

#[test]
fn a_file_that_lacks_something_is_refused() {
    for field in ["type", "private_key_id", "private_key", "client_email", "token_uri"] {
        let mut file = file();
        file.as_object_mut().unwrap().remove(field);
        assert_eq!(parse(&file).unwrap_err(), ServiceAccountError::Malformed, "{field}");
    }
    for (field, value) in [("client_email", "nobody"), ("client_email", "a\n@b"), ("private_key_id", "")] {
        assert_eq!(parse_with(field, value).unwrap_err(), ServiceAccountError::Malformed, "{field}");
    }
    assert_eq!(ServiceAccount::parse(Secret::from("sk-1".to_owned())).unwrap_err(), ServiceAccountError::Malformed);
    let other = json!({"type": "authorized_user", "client_id": "x", "client_secret": "y", "refresh_token": "z"});
    assert_eq!(parse(&other).unwrap_err(), ServiceAccountError::OtherType);
    let large = parse_with("comment", &"x".repeat(MOST_BYTES));
    assert_eq!(large.unwrap_err(), ServiceAccountError::TooLarge);
}

#[test]
fn a_key_that_can_not_sign_is_refused() {
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let pkcs1 = KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY");
    let cut = KEY.lines().take(10).chain(["-----END PRIVATE KEY-----"]).collect::<Vec<_>>().join("\n");
    for key in ["", "secret", &elliptic, &pkcs1, &cut] {
        assert_eq!(parse_with("private_key", key).unwrap_err(), ServiceAccountError::PrivateKey);
    }
}

#[test]
fn assertions_go_to_google_or_to_a_stand_in_on_this_machine() {
    for uri in [
        "https://oauth2.googleapis.com/token",
        "https://OAuth2.GoogleAPIs.com/token",
        "https://oauth2.googleapis.com:443/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "http://127.0.0.1:4000/token",
        "http://[::1]:4000/token",
    ] {
        assert!(parse_with("token_uri", uri).is_ok(), "{uri}");
    }
    for uri in [
        "",
        "/token",
        "oauth2.googleapis.com",
        "http://oauth2.googleapis.com/token",
        "https://googleapis.com.example.com/token",
        "https://evilgoogleapis.com/token",
        "https://oauth2.googleapis.com.:443/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://user@oauth2.googleapis.com/token",
        "https://example.com/token?.googleapis.com",
        "https://example.com/token#.googleapis.com",
        "https://example.com\\.googleapis.com/token",
        "https://example.com%2f.googleapis.com/token",
        "https://example.com/.googleapis.com",
        "https://127.0.0.1/token",
        "http://localhost:4000/token",
        "http://10.0.0.1/token",
        "http://169.254.169.254/token",
        "http://127.1/token",
        "http://127.0.0.1@example.com/token",
        "file:///etc/passwd",
    ] {
        assert_eq!(parse_with("token_uri", uri).unwrap_err(), ServiceAccountError::ForeignTokenUri, "{uri}");
    }
}
