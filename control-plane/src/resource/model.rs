//! Models: the names that callers ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::name::{EnvironmentName, ModelName, ProviderName};

use super::{Resource, Weight};

/// What an admin sets of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What people call it.
    pub display_name: String,
    /// Where its requests go.
    pub targets: Vec<Target>,
    /// The environments that have it; empty means wherever a target is active.
    pub environments: BTreeSet<EnvironmentName>,
    /// How long one request may take in all.
    pub timeout: Duration,
    /// How many upstream calls one request may make.
    pub max_attempts: u32,
}

/// One place where a model's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The provider.
    pub provider: ProviderName,
    /// The provider's own name for the model.
    pub upstream_model: String,
    /// Its share among the targets of its priority.
    pub weight: Weight,
    /// The lowest come first.
    pub priority: u32,
}

impl Resource for Model {
    type Name = ModelName;
    const KIND: &'static str = "Model";
    const UID_PREFIX: &'static str = "mdl_";
}
