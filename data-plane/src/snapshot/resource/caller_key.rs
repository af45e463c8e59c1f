//! The key that an application sends, as this proxy knows it.

use std::time::{Duration, SystemTime};

use proto::sync::v1::CallerKeyConfig;

use super::Unusable;

/// The key that an application sends, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerKey {
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
    /// What it may ask for.
    pub allowed_models: Vec<ModelPattern>,
    /// When it stops working.
    pub expire_time: Option<SystemTime>,
    /// Taken out by an admin.
    pub disabled: bool,
}

/// A model's name, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPattern {
    /// This name.
    Name(Box<str>),
    /// Every name that begins so.
    Prefix(Box<str>),
}

impl ModelPattern {
    /// Whether a name, as asked for, is meant.
    #[must_use]
    pub fn matches(&self, asked: &str) -> bool {
        match self {
            Self::Name(name) => **name == *asked,
            Self::Prefix(prefix) => asked.starts_with(&**prefix),
        }
    }
}

impl CallerKey {
    /// Whether it may ask for a model, by the name as asked for.
    #[must_use]
    pub fn allows(&self, asked: &str) -> bool {
        self.allowed_models.iter().any(|pattern| pattern.matches(asked))
    }

    /// Whether it may ask for everything of a provider, under whatever name: `*`, `{provider}/*`, or what these begin with.
    #[must_use]
    pub fn allows_all_of(&self, provider: &str) -> bool {
        let is_before_all = |prefix: &str| prefix.strip_suffix('/') == Some(provider) || provider.starts_with(prefix);
        self.allowed_models.iter().any(|pattern| match pattern {
            ModelPattern::Name(_) => false,
            ModelPattern::Prefix(prefix) => is_before_all(prefix),
        })
    }
}

impl TryFrom<CallerKeyConfig> for CallerKey {
    type Error = Unusable;

    fn try_from(config: CallerKeyConfig) -> Result<Self, Unusable> {
        let allowed_models = config.allowed_models.into_iter().map(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => ModelPattern::Prefix(prefix.into()),
            None => ModelPattern::Name(pattern.into()),
        });
        let expiry = Duration::from_millis(config.expire_time_ms);
        Ok(Self {
            sha256: config.sha256.as_ref().try_into().map_err(|_| Unusable::BadHash)?,
            allowed_models: allowed_models.collect(),
            // A time past the clock's range is as good as never.
            expire_time: (!expiry.is_zero()).then(|| SystemTime::UNIX_EPOCH.checked_add(expiry)).flatten(),
            disabled: config.disabled,
        })
    }
}
