//! The vendors that Keyplane knows: what a provider of one needs not be told.
//!
//! Tables as data: [`VENDORS`], and what is peculiar to some of their models ([`rules`]). A vendor outside them is welcome, with an adapter and
//! a base URL of its own.

mod nearest;
mod pattern;
pub mod rules;
mod vendors;

use crate::adapter::{AdapterKind, Format};
use crate::credential::CredentialType;

pub use nearest::nearest;
pub use pattern::fits;
pub use rules::{ModelRule, model_rules};
pub use vendors::VENDORS;

/// A known vendor.
#[derive(Debug, Clone, Copy)]
pub struct CatalogEntry {
    /// Its name, as in a provider's `vendor`.
    pub vendor: &'static str,
    /// What people call it.
    pub display_name: &'static str,
    /// Other names by which it may be given; it is stored by its own.
    pub aliases: &'static [&'static str],
    /// The API that it speaks; of `custom`, the one that most do.
    pub adapter: AdapterKind,
    /// Where it is, `{region}` standing for the region; `None` where every user has a place of their own.
    pub default_base_url: Option<&'static str>,
    /// Whether a provider has to name a region, or a base URL that holds one.
    pub region_required: bool,
    /// What credentials it takes, the usual one first.
    pub credential_types: &'static [CredentialType],
    /// The header that carries a key.
    pub key_header: &'static str,
    /// How a credential is validated.
    pub validation: Validation,
    /// What can be asked for nothing.
    pub check: Check,
    /// Whether credentials can list the models that they may be used with.
    pub lists_models: bool,
    /// Whether it streams.
    pub streaming: bool,
    /// Whether its models call tools.
    pub tools: bool,
}

/// How a vendor's credentials are validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
    /// When they are given: the check proves that they work.
    Free,
    /// By their first use: the check, if there is one, only tells credentials that are certainly wrong.
    OnFirstUse,
}

/// What can be asked of a vendor about a credential at no cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The adapter's list of models.
    ModelList,
    /// A `GET` of this path below the base URL, because the list of models is open to everybody and proves nothing.
    Path(&'static str),
    /// A token that is minted from it. A type of credential that mints none has no check.
    TokenMint,
    /// Nothing.
    Nothing,
}

impl CatalogEntry {
    /// The forms in which callers reach it.
    #[must_use]
    pub fn formats(&self) -> &'static [Format] {
        match self.adapter {
            AdapterKind::OpenAi | AdapterKind::AzureOpenAi => &[Format::OpenAi],
            AdapterKind::Anthropic => &[Format::Anthropic],
            AdapterKind::Gemini | AdapterKind::Vertex => &[Format::Gemini],
            AdapterKind::Bedrock => &[Format::Bedrock],
            AdapterKind::Cohere => &[Format::Cohere],
        }
    }
}

/// The entry of a vendor, by its name or one of its aliases; `None` for one that is not known, which then has to name its adapter and its
/// base URL.
#[must_use]
pub fn entry(vendor: &str) -> Option<&'static CatalogEntry> {
    VENDORS.iter().find(|entry| entry.vendor == vendor || entry.aliases.contains(&vendor))
}

/// What credentials an adapter takes, for vendors that are not known.
#[must_use]
pub fn credential_types(adapter: AdapterKind) -> &'static [CredentialType] {
    match adapter {
        AdapterKind::OpenAi | AdapterKind::Anthropic | AdapterKind::Gemini | AdapterKind::Cohere => {
            &[CredentialType::ApiKey]
        }
        AdapterKind::AzureOpenAi => &[CredentialType::ApiKey, CredentialType::ClientSecret],
        AdapterKind::Vertex => &[CredentialType::ServiceAccount, CredentialType::ApiKey],
        AdapterKind::Bedrock => &[CredentialType::AccessKeyPair, CredentialType::ApiKey],
    }
}

#[cfg(test)]
mod tests;
