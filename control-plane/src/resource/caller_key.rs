//! Caller keys: what applications send.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use shared::name::{CallerKeyName, EnvironmentName};

use super::Resource;

/// What an admin sets of a caller key, and the hash of the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerKey {
    /// What people call it.
    pub display_name: String,
    /// Where it works.
    pub environment: EnvironmentName,
    /// The models that it may ask for; a trailing `*` is a prefix.
    pub allowed_models: BTreeSet<String>,
    /// When it stops working.
    pub expire_time: Option<SystemTime>,
    /// Taken out by an admin.
    pub disabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// What people sort it by.
    pub labels: BTreeMap<String, String>,
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
}

impl Resource for CallerKey {
    type Name = CallerKeyName;
    const KIND: &'static str = "CallerKey";
    const UID_PREFIX: &'static str = "key_";
}
