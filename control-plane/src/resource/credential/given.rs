//! A value as an admin gives it: its shape, without the line break and the spaces that a paste leaves. Nothing of it is in a violation.

use proto::admin::v1;
use proto::admin::v1::credential_value::Value;
use shared::credential::{AccessKeyPair, ClientSecret, CredentialType, CredentialValue, ServiceAccount};
use shared::name::{ProjectName, SecretName};
use shared::secret::Secret;

use crate::error::{FieldReason, FieldViolations};
use crate::resource::Merge;

/// The most bytes of an API key, a client secret and an additional key.
pub const API_KEY_BYTES: usize = 4096;
const ACCESS_KEY_ID_BYTES: std::ops::RangeInclusive<usize> = 16..=128;
const SECRET_ACCESS_KEY_BYTES: usize = 256;
const SESSION_TOKEN_BYTES: usize = 8192;
const SERVICE_ACCOUNT_BYTES: usize = 16 * 1024;
const CLIENT_ID_BYTES: usize = 128;

/// A value as an admin gives it.
#[derive(Debug, Clone)]
pub enum GivenValue {
    /// The value itself.
    Own(CredentialValue),
    /// The Secret that has it.
    Linked(SecretName),
}

impl GivenValue {
    /// Reads a credential's value. Every violation's path begins with `value`.
    #[must_use]
    pub fn read(
        given: Option<v1::CredentialValue>,
        project: &ProjectName,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        match given.and_then(|given| given.value) {
            Some(Value::Secret(name)) => read_link(&name, project, violations).map(Self::Linked),
            given => own_value(given, violations).map(Self::Own),
        }
    }
}

/// Reads a value that can't be a link: that of a Secret.
#[must_use]
pub fn read_own_value(given: Option<v1::CredentialValue>, violations: &mut FieldViolations) -> Option<CredentialValue> {
    own_value(given.and_then(|given| given.value), violations)
}

/// Reads an additional key; `None` where it is absent.
#[must_use]
pub fn read_additional_key(given: String, violations: &mut FieldViolations) -> Option<Secret> {
    if given.is_empty() { None } else { visible("additional_key", given, 1..=API_KEY_BYTES, violations) }
}

fn read_link(name: &str, project: &ProjectName, violations: &mut FieldViolations) -> Option<SecretName> {
    match name.trim().parse::<SecretName>() {
        Ok(name) if name.project() == *project => Some(name),
        Ok(name) => {
            violations.add("value.secret", FieldReason::ReferenceForeign, format!("{name} is not in {project}"));
            None
        }
        // A key that was pasted into the wrong field must not come back in an error.
        Err(_) => {
            let description = "give the name of a Secret, projects/{project}/secrets/{secret}";
            violations.add("value.secret", FieldReason::Malformed, description);
            None
        }
    }
}

fn own_value(given: Option<Value>, violations: &mut FieldViolations) -> Option<CredentialValue> {
    match given {
        None => {
            violations.add("value", FieldReason::Required, "give the value: one of its fields");
            None
        }
        Some(Value::ApiKey(key)) => {
            visible("value.api_key", key, 1..=API_KEY_BYTES, violations).map(CredentialValue::ApiKey)
        }
        Some(Value::AccessKeyPair(pair)) => read_pair(pair, violations).map(CredentialValue::AccessKeyPair),
        Some(Value::ServiceAccountJson(json)) => {
            read_service_account(json, violations).map(CredentialValue::ServiceAccount)
        }
        Some(Value::ClientSecret(client)) => read_client(client, violations).map(CredentialValue::ClientSecret),
        Some(Value::Secret(_)) => {
            violations.add("value.secret", FieldReason::Unsupported, "give the value itself: a Secret links to none");
            None
        }
    }
}

fn read_pair(given: v1::AccessKeyPair, violations: &mut FieldViolations) -> Option<AccessKeyPair> {
    const ID: &str = "value.access_key_pair.access_key_id";
    const KEY: &str = "value.access_key_pair.secret_access_key";
    const TOKEN: &str = "value.access_key_pair.session_token";
    let v1::AccessKeyPair { access_key_id, secret_access_key, session_token } = given;
    let access_key_id = visible(ID, access_key_id, ACCESS_KEY_ID_BYTES, violations);
    let secret_access_key = visible(KEY, secret_access_key, 1..=SECRET_ACCESS_KEY_BYTES, violations);
    let session_token = if session_token.trim().is_empty() {
        Some(None)
    } else {
        visible(TOKEN, session_token, 1..=SESSION_TOKEN_BYTES, violations).map(Some)
    };
    let (access_key_id, secret_access_key, session_token) = (access_key_id?, secret_access_key?, session_token?);
    Some(AccessKeyPair { access_key_id, secret_access_key, session_token })
}

fn read_service_account(given: String, violations: &mut FieldViolations) -> Option<ServiceAccount> {
    const FIELD: &str = "value.service_account_json";
    let json = Secret::from(trimmed(given));
    if json.len() > SERVICE_ACCOUNT_BYTES {
        violations.add(FIELD, FieldReason::TooLong, format!("use at most {SERVICE_ACCOUNT_BYTES} bytes"));
        return None;
    }
    ServiceAccount::parse(json).map_err(|error| violations.add(FIELD, FieldReason::Malformed, error.to_string())).ok()
}

fn read_client(given: v1::ClientSecret, violations: &mut FieldViolations) -> Option<ClientSecret> {
    let v1::ClientSecret { tenant_id, client_id, client_secret } = given;
    let client_id = read_client_id(client_id.trim(), violations);
    let client_secret = visible("value.client_secret.client_secret", client_secret, 1..=API_KEY_BYTES, violations);
    let client = ClientSecret {
        tenant_id: tenant_id.trim().to_owned(),
        client_id: client_id.clone().unwrap_or_default(),
        client_secret: client_secret.clone().unwrap_or_else(|| Secret::new(Vec::new())),
    };
    // Which authority it is makes no difference to whether the directory is a name that may stand in its URL.
    let is_directory = client.token_uri("login.microsoftonline.com").is_some();
    if !is_directory {
        let description = "give the directory's id: a GUID or a domain";
        violations.add("value.client_secret.tenant_id", reason(&client.tenant_id), description);
    }
    (is_directory && client_id.is_some() && client_secret.is_some()).then_some(client)
}

/// An application's id stands in a form and in logs.
fn read_client_id(text: &str, violations: &mut FieldViolations) -> Option<String> {
    let fits = (1..=CLIENT_ID_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !fits {
        let description = "give the application's id as the directory shows it";
        violations.add("value.client_secret.client_id", reason(text), description);
    }
    fits.then(|| text.to_owned())
}

fn reason(text: &str) -> FieldReason {
    if text.is_empty() { FieldReason::Required } else { FieldReason::Malformed }
}

/// A secret that every header can carry.
fn visible(
    field: &str,
    given: String,
    bytes: std::ops::RangeInclusive<usize>,
    violations: &mut FieldViolations,
) -> Option<Secret> {
    let secret = trimmed(given);
    let fits = bytes.contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    // One that does not fit is wiped like one that does.
    let secret = Secret::from(secret);
    if !fits {
        let description = format!("use {} to {} visible ASCII characters", bytes.start(), bytes.end());
        violations.add(field, FieldReason::Malformed, description);
    }
    fits.then_some(secret)
}

/// Trimmed in place, so that no copy of a secret is left behind.
fn trimmed(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    text.drain(..text.len() - text.trim_start().len());
    text
}

/// Lays a given value over the current one, which is never answered and so absent. A mask that names it asks for a new one.
pub(super) fn apply_value(
    current: &mut Option<v1::CredentialValue>,
    given: Option<v1::CredentialValue>,
    merge: &mut Merge<'_>,
) {
    let of_path = |path| given.clone().filter(|given| given.value.as_ref().is_some_and(|value| path_of(value) == path));
    for path in PATHS {
        merge.write_only(path, current, of_path(path));
    }
    merge.write_only("value", current, given);
}

/// The field of a value that it stands in, as a mask names it.
fn path_of(value: &Value) -> &'static str {
    match value {
        Value::ApiKey(_) => "value.api_key",
        Value::AccessKeyPair(_) => "value.access_key_pair",
        Value::ServiceAccountJson(_) => "value.service_account_json",
        Value::ClientSecret(_) => "value.client_secret",
        Value::Secret(_) => "value.secret",
    }
}

/// Every field of a value. What has parts is given whole: without all of them it is none.
const PATHS: [&str; 5] =
    ["value.api_key", "value.access_key_pair", "value.service_account_json", "value.client_secret", "value.secret"];

/// The field of a value that holds one of a type.
#[must_use]
pub fn value_path(kind: CredentialType) -> &'static str {
    match kind {
        CredentialType::ApiKey => "value.api_key",
        CredentialType::AccessKeyPair => "value.access_key_pair",
        CredentialType::ServiceAccount => "value.service_account_json",
        CredentialType::ClientSecret => "value.client_secret",
    }
}

#[cfg(test)]
mod tests;
