//! The endpoints that give short-lived tokens: Google's, for an assertion that a service account signed, and Entra's, for a client's secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::SignatureScheme;
use serde_json::{Value, json};

use super::exchange::require;
use super::{Account, Asked, Book, Fault, Reply, Topic};

/// Names the key of every service account here.
pub const SERVICE_ACCOUNT_KEY_ID: &str = "f00dfeedf00dfeedf00dfeedf00dfeedf00dfeed";
/// The one private key of the tests' service accounts, which nobody else has any use for.
const PRIVATE_KEY: &[u8] = include_bytes!("../../fixtures/service-account-key.pk8");
const PUBLIC_KEY: &[u8] = include_bytes!("../../fixtures/service-account-key.pub");
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The JSON of a service account's key, as Google's console gives it, whose tokens come from an endpoint.
#[must_use]
pub fn service_account_json(client_email: &str, token_uri: &str) -> String {
    let encoded = STANDARD.encode(PRIVATE_KEY);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN {0}-----\n{1}\n-----END {0}-----\n", "PRIVATE KEY", lines.join("\n"));
    let file = json!({
        "type": "service_account", "project_id": "acme-ai", "private_key_id": SERVICE_ACCOUNT_KEY_ID, "private_key": pem,
        "client_email": client_email, "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    });
    file.to_string()
}

/// Google's answer to an assertion.
pub(super) fn of_service_account(asked: &Asked, book: &mut Book) -> Result<Reply, Fault> {
    let form = form(asked)?;
    let grant = field(&form, "grant_type");
    require(grant == "urn:ietf:params:oauth:grant-type:jwt-bearer", || format!("the grant_type is {grant:?}"))?;
    let claims = verified(field(&form, "assertion"))?;
    let (issued, expires) = (claims["iat"].as_i64().unwrap_or(-1), claims["exp"].as_i64().unwrap_or(-1));
    require(claims["scope"] == SCOPE, || format!("the scope is {}", claims["scope"]))?;
    let audience = claims["aud"].as_str().unwrap_or_default();
    let own = format!("{}{}", asked.header("host"), asked.path);
    require(audience.ends_with(&format!("://{own}")), || format!("the audience is {audience}, and this is {own}"))?;
    require(issued > 0 && (1..=3600).contains(&(expires - issued)), || format!("issued {issued}, expires {expires}"))?;
    let email = claims["iss"].as_str().unwrap_or_default().to_owned();
    Ok(match book.account(&email) {
        Account::Dead => {
            let error = json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."});
            Reply::json(400, &error).about(Topic::Token, &email)
        }
        Account::Good
        | Account::Empty
        | Account::Unlisting
        | Account::Denied
        | Account::Throttled
        | Account::Modelless => minted(book, &email),
    })
}

/// Entra's answer to a client.
pub(super) fn of_client(asked: &Asked, book: &mut Book) -> Result<Reply, Fault> {
    let form = form(asked)?;
    let grant = field(&form, "grant_type");
    require(grant == "client_credentials", || format!("the grant_type is {grant:?}"))?;
    let scope = field(&form, "scope");
    require(scope == "https://cognitiveservices.azure.com/.default", || format!("the scope is {scope:?}"))?;
    let tenant = asked.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    require(!tenant.is_empty() && tenant != "oauth2", || "no tenant is in the path".into())?;
    require(!field(&form, "client_secret").is_empty(), || "there is no client_secret".into())?;
    let client = field(&form, "client_id").to_owned();
    Ok(match book.account(&client) {
        Account::Dead => {
            let description = "AADSTS7000215: Invalid client secret provided.";
            let error =
                json!({"error": "invalid_client", "error_description": description, "error_codes": [7_000_215]});
            Reply::json(401, &error).about(Topic::Token, &client)
        }
        Account::Good
        | Account::Empty
        | Account::Unlisting
        | Account::Denied
        | Account::Throttled
        | Account::Modelless => minted(book, &client),
    })
}

fn minted(book: &mut Book, identity: &str) -> Reply {
    let random: String = shared::id::random::<12>().iter().map(|byte| format!("{byte:02x}")).collect();
    let token = format!("ya29.{random}");
    book.tokens.insert(token.clone(), identity.to_owned());
    let answer = json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"});
    Reply::json(200, &answer).about(Topic::Token, identity)
}

fn form(asked: &Asked) -> Result<Vec<(String, String)>, Fault> {
    let kind = asked.header("content-type");
    require(kind.starts_with("application/x-www-form-urlencoded"), || format!("the content-type is {kind:?}"))?;
    require(!asked.headers.contains_key("authorization"), || "an authorization came with a form".into())?;
    Ok(url::form_urlencoded::parse(&asked.body).into_owned().collect())
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// The claims of a JWT that the tests' private key signed.
fn verified(assertion: &str) -> Result<Value, Fault> {
    let fault = |what: &str| Fault(format!("the assertion {what}"));
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(|| fault("has no signature"))?;
    let (header, claims) = signed.split_once('.').ok_or_else(|| fault("has no claims"))?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| fault("is not base64url"));
    let parse = |text: &str| serde_json::from_slice::<Value>(&decode(text)?).map_err(|_| fault("is not JSON"));
    let header = parse(header)?;
    let wanted = json!({"alg": "RS256", "typ": "JWT", "kid": SERVICE_ACCOUNT_KEY_ID});
    require(header == wanted, || format!("the assertion's header is {header}"))?;
    let signature = decode(signature)?;
    let mapping = rustls::crypto::ring::default_provider().signature_verification_algorithms.mapping;
    let algorithms = mapping.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256);
    let is_right = algorithms.is_some_and(|(_, algorithms)| {
        algorithms.iter().any(|algorithm| algorithm.verify_signature(PUBLIC_KEY, signed.as_bytes(), &signature).is_ok())
    });
    require(is_right, || "the assertion's signature is wrong".into())?;
    parse(claims)
}
