//! Where Vertex's calls go, how they are signed, and what the answers mean.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::testing::{api_key, call, meaning, place, signed};
use super::super::{AdapterKind, Delivery, Operation, adapter};
use super::*;
use crate::credential::ServiceAccount;
use crate::failure::Failure;
use crate::secret::Secret;

const HOST: &str = "https://us-central1-aiplatform.googleapis.com";
const CHAT: Operation = Operation::Chat;

fn of_project(base_url: &str) -> Place {
    let mut place = place(AdapterKind::Vertex, base_url);
    place.settings.project = Some("acme".to_owned());
    place
}

fn account() -> ServiceAccount {
    let file = json!({
        "type": "service_account",
        "private_key_id": "1a2b",
        "private_key": include_str!("../../../fixtures/rsa_2048.pem"),
        "client_email": "keyplane@acme.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    ServiceAccount::parse(Secret::from(file.to_string())).unwrap()
}

fn path(place: &Place, key: CredentialType, call: Call<'_>) -> Result<String, NoAddress> {
    Vertex.address(place, Some(key), call).map(|uri| uri.to_string())
}

#[test]
fn a_service_accounts_calls_name_project_and_location() {
    assert_eq!(
        adapter(AdapterKind::Vertex)
            .token_request(&of_project(HOST), &api_key("x"), SystemTime::UNIX_EPOCH)
            .map(|request| request.is_none()),
        Ok(true)
    );
    let models = "projects/acme/locations/us-central1/publishers/google/models";
    for (operation, model, delivery, end) in [
        (CHAT, "gemini-2.5-pro", Delivery::Whole, "gemini-2.5-pro:generateContent"),
        (CHAT, "gemini-2.5-pro", Delivery::Stream, "gemini-2.5-pro:streamGenerateContent?alt=sse"),
        (Operation::CountTokens, "gemini-2.5-pro", Delivery::Whole, "gemini-2.5-pro:countTokens"),
        (Operation::Predict, "gemini-2.5-pro", Delivery::Whole, "gemini-2.5-pro:predict"),
        (CHAT, "../../x?y", Delivery::Whole, "..%2F..%2Fx%3Fy:generateContent"),
    ] {
        let address = path(&of_project(HOST), CredentialType::ServiceAccount, call(operation, model, delivery));
        assert_eq!(address.unwrap(), format!("{HOST}/v1/{models}/{end}"));
    }
    for operation in [Operation::ListModels, Operation::Completion, Operation::Responses, Operation::Rerank] {
        let address = path(&of_project(HOST), CredentialType::ServiceAccount, call(operation, "x", Delivery::Whole));
        assert_eq!(address, Err(NoAddress::Unsupported));
    }
}

#[test]
fn an_api_keys_calls_name_neither() {
    let chat = call(CHAT, "gemini-2.5-pro", Delivery::Whole);
    let expected = "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-pro:generateContent";
    let base_url = "https://aiplatform.googleapis.com";
    assert_eq!(path(&of_project(base_url), CredentialType::ApiKey, chat).unwrap(), expected);
    let bare = place(AdapterKind::Vertex, base_url);
    assert_eq!(path(&bare, CredentialType::ApiKey, chat).unwrap(), expected);
    assert_eq!(Vertex.address(&bare, None, chat).unwrap(), expected);
    assert_eq!(path(&bare, CredentialType::ServiceAccount, chat), Err(NoAddress::Lacks("project")));
}

#[test]
fn the_location_is_the_settings_then_the_regions_then_the_hosts() {
    let chat = call(CHAT, "m", Delivery::Whole);
    let location = |place: &Place| {
        let address = path(place, CredentialType::ServiceAccount, chat)?;
        Ok(address.split('/').nth(7).unwrap().to_owned())
    };
    for (base_url, expected) in [
        (HOST, "us-central1"),
        ("https://aiplatform.googleapis.com", "global"),
        ("https://aiplatform.eu.rep.googleapis.com", "eu"),
    ] {
        assert_eq!(location(&of_project(base_url)), Ok(expected.to_owned()));
    }
    let mut own = of_project("https://vertex.example.com");
    assert_eq!(location(&own), Err(NoAddress::Lacks("location")));
    own.region = Some("europe-west4".to_owned());
    assert_eq!(location(&own).unwrap(), "europe-west4");
    own.settings.location = Some("a/../b".to_owned());
    assert_eq!(location(&own).unwrap(), "a%2F..%2Fb");
}

#[test]
fn an_assertion_is_signed_by_the_account_for_its_endpoint() {
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let value = CredentialValue::ServiceAccount(account());
    let request = Vertex.token_request(&of_project(HOST), &value, now).unwrap().unwrap();
    assert_eq!(request.uri, "https://oauth2.googleapis.com/token");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(request.form.expose()).into_owned().collect();
    assert_eq!(form[0], ("grant_type".to_owned(), "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()));
    assert_eq!((form[1].0.as_str(), form.len()), ("assertion", 2));
    let (signed, signature) = form[1].1.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(read(header), json!({"alg": "RS256", "typ": "JWT", "kid": "1a2b"}));
    assert_eq!(
        read(claims),
        json!({
            "iss": "keyplane@acme.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": 1_700_000_000,
            "exp": 1_700_003_600,
        })
    );
    let key = RsaKeyPair::from_pkcs8(account().private_key().expose()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
}

#[test]
fn a_token_goes_as_bearer_and_a_key_in_googles_header() {
    let place = of_project(HOST);
    let account = CredentialValue::ServiceAccount(account());
    let token = Secret::from("ya29.token".to_owned());
    let key = Key { value: &account, token: Some(&token), additional: None };
    let headers = HeaderMap::from_iter([(KeyHeader::XGoogApiKey.name(), "caller".parse().unwrap())]);
    assert_eq!(signed(&Vertex, &place, key, headers).unwrap(), ["authorization: Bearer ya29.token"]);
    assert_eq!(signed(&Vertex, &place, Key { token: None, ..key }, HeaderMap::new()), Err(UnfitSecret));
    let value = api_key("AIza");
    let key = Key { value: &value, token: None, additional: None };
    assert_eq!(signed(&Vertex, &place, key, HeaderMap::new()).unwrap(), ["x-goog-api-key: AIza"]);
}

#[test]
fn googles_errors_are_read() {
    for (status, body, failure) in [
        (401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#, Failure::Rejected),
        (
            400,
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            Failure::Rejected,
        ),
        (403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#, Failure::Denied),
        (404, r#"{"error":{"code":404,"status":"NOT_FOUND"}}"#, Failure::Denied),
        (429, r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#, Failure::RateLimited),
        (503, r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#, Failure::Overloaded),
    ] {
        assert_eq!(meaning(&Vertex, status, body).0, failure, "{body}");
    }
}

#[test]
fn only_a_service_account_can_be_checked_for_free() {
    assert_eq!(Vertex.free_check(CredentialType::ServiceAccount), FreeCheck::TokenMint);
    assert_eq!(Vertex.free_check(CredentialType::ApiKey), FreeCheck::None);
}
