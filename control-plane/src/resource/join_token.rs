//! Join tokens: what proxies enroll with.

use std::time::SystemTime;

use shared::name::{EnvironmentPattern, JoinTokenName};

use super::Resource;

/// What an admin sets of a join token, and the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// What people call it.
    pub display_name: String,
    /// The environments of the proxies that join with it.
    pub environments: Vec<EnvironmentPattern>,
    /// When it stops working.
    pub expire_time: Option<SystemTime>,
    /// How many proxies may join with it; 0 is any number.
    pub max_uses: u32,
    /// The SHA-256 of the secret in the middle of the token.
    pub sha256: [u8; 32],
}

/// How often a join token was used: observed, not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JoinTokenUse {
    /// How many proxies have joined with it.
    pub uses: u32,
}

impl Resource for JoinToken {
    type Name = JoinTokenName;
    const KIND: &'static str = "JoinToken";
    const UID_PREFIX: &'static str = "jtk_";
}
