//! Proxies: what is known of one across its streams and the control plane's restarts.

use std::time::SystemTime;

use shared::name::{EnvironmentPattern, JoinTokenName};

/// An enrolled proxy, as the store has it. Whether it is connected, and what it has applied, is known in memory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Made at its first enrollment.
    pub uid: String,
    /// What it calls itself.
    pub node_id: String,
    /// What it joined with.
    pub join_token: JoinTokenName,
    /// What it may receive, as the token said then.
    pub environments: Vec<EnvironmentPattern>,
    /// When it first joined.
    pub create_time: SystemTime,
    /// When it was last seen, give or take an hour.
    pub last_seen_time: SystemTime,
}
