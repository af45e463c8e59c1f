//! Environments: named stages of a project, and the unit in which config reaches proxies.

use shared::name::EnvironmentName;

use super::Resource;

/// What an admin sets of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// What people call it.
    pub display_name: String,
}

impl Resource for Environment {
    type Name = EnvironmentName;
    const KIND: &'static str = "Environment";
    const UID_PREFIX: &'static str = "env_";
}
