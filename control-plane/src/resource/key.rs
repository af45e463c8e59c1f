//! The keyspace: which key holds what.
//!
//! | key | holds |
//! | --- | --- |
//! | `spec/<name>` | what an admin set |
//! | `status/<name>` | what was observed: of a credential, a join token, a proxy |
//! | `index/display_name/<parent>/<collection>\|<display name>` | the name of whoever has it: two racing writers can't both be right |
//! | `index/ref/<target>\|<from>` | nothing: that one resource refers to another |
//! | `index/rate/<provider>\|<upstream model>` | the name of the rate that the model has |
//! | `request/<principal>/<request id>` | the answer to a request that may be repeated |
//! | `meta/admin_tokens/<SHA-256>` | who an admin token is |
//! | `meta/…` | what the control plane keeps for itself |

use std::sync::Arc;

use shared::name::ResourceName;

/// Before the names of what admins set.
pub const SPEC: &str = "spec/";
/// Before the names of what is observed.
pub const STATUS: &str = "status/";
/// Before remembered answers.
pub const REQUEST: &str = "request/";
/// Before the hashes of admin tokens.
pub const ADMIN_TOKENS: &str = "meta/admin_tokens/";

/// Where what an admin set of a resource is.
#[must_use]
pub fn spec(name: &str) -> Arc<str> {
    format!("{SPEC}{name}").into()
}

/// What every key of a resource's children begins with.
#[must_use]
pub fn spec_below(name: &str) -> Arc<str> {
    format!("{SPEC}{name}/").into()
}

/// Where what was observed of a resource is.
#[must_use]
pub fn status(name: &str) -> Arc<str> {
    format!("{STATUS}{name}").into()
}

/// Who has a display name within a parent and a collection. `|` stands in neither, so that no display name can be mistaken for a deeper one.
#[must_use]
pub fn display_name(name: &impl ResourceName, display_name: &str) -> Arc<str> {
    let collection = collection_of(name);
    format!("index/display_name/{}/{collection}|{display_name}", name.parent_str()).into()
}

/// Which rate an upstream model has. `|` stands in no provider's name.
#[must_use]
pub fn rate(provider: &str, upstream_model: &str) -> Arc<str> {
    format!("index/rate/{provider}|{upstream_model}").into()
}

/// That one resource refers to another.
#[must_use]
pub fn reference(target: &str, from: &str) -> Arc<str> {
    format!("{}{from}", references_to(target)).into()
}

/// What every key of a reference to a resource begins with. `|` stands in no name.
#[must_use]
pub fn references_to(target: &str) -> Arc<str> {
    format!("index/ref/{target}|").into()
}

/// Where the answer to a request is remembered.
#[must_use]
pub fn request(principal: &str, request_id: &str) -> Arc<str> {
    format!("{REQUEST}{principal}/{request_id}").into()
}

/// Where an admin token is, by the SHA-256 of the whole of it.
#[must_use]
pub fn admin_token(sha256: &[u8; 32]) -> Arc<str> {
    let mut key = ADMIN_TOKENS.to_owned();
    for byte in sha256 {
        key.push_str(&format!("{byte:02x}"));
    }
    key.into()
}

fn collection_of<N: ResourceName>(_name: &N) -> &'static str {
    N::COLLECTION
}
