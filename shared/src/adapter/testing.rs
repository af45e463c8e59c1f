//! What the adapters' tests share: places, calls and signatures.

use std::time::SystemTime;

use http::{HeaderMap, Method, Uri};

use super::{Adapter, AdapterKind, Call, Delivery, Key, Operation, Place, Settings, UnfitSecret, Unsigned, adapter};
use crate::address::AddressPolicy;
use crate::base_url::BaseUrl;
use crate::credential::CredentialValue;
use crate::failure::Failure;
use crate::secret::Secret;

pub(super) fn place(kind: AdapterKind, base_url: &str) -> Place {
    Place {
        base_url: BaseUrl::parse(kind, base_url, AddressPolicy::Public).unwrap(),
        region: None,
        settings: Settings::default(),
        key_header: None,
        additional_key_header: None,
    }
}

pub(super) fn call(operation: Operation, model: &str, delivery: Delivery) -> Call<'_> {
    Call { operation, model, delivery, page: None }
}

/// Where a call goes, or why nowhere.
pub(super) fn address(kind: AdapterKind, base_url: &str, call: Call<'_>) -> Result<String, super::NoAddress> {
    adapter(kind).address(&place(kind, base_url), None, call).map(|uri| uri.to_string())
}

/// What an answer means, with the code that is known.
pub(super) fn meaning(adapter: &dyn Adapter, status: u16, body: &str) -> (Failure, Option<&'static str>) {
    let status = status.try_into().unwrap();
    let classified = adapter.classify(status, &HeaderMap::new(), body.as_bytes(), SystemTime::UNIX_EPOCH).unwrap();
    (classified.failure, classified.provider_code)
}

pub(super) fn api_key(key: &str) -> CredentialValue {
    CredentialValue::ApiKey(Secret::from(key.to_owned()))
}

/// The headers of a request after it is signed, as `name: value`, in the order of their names.
pub(super) fn signed(
    adapter: &dyn Adapter,
    place: &Place,
    key: Key<'_>,
    mut headers: HeaderMap,
) -> Result<Vec<String>, UnfitSecret> {
    let uri = Uri::from_static("https://h/x");
    let request =
        Unsigned { method: &Method::POST, uri: &uri, headers: &mut headers, body: &[], now: SystemTime::UNIX_EPOCH };
    adapter.sign(place, key, request)?;
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    Ok(lines)
}
