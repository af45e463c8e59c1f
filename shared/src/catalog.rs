//! The vendors that Keyplane knows: what a provider of one needs not be told.

use crate::adapter::AdapterKind;

/// A known vendor.
#[derive(Debug, Clone, Copy)]
pub struct CatalogEntry {
    /// Its name, as in a provider's `vendor`.
    pub vendor: &'static str,
    /// What people call it.
    pub display_name: &'static str,
    /// The API that it speaks.
    pub adapter: AdapterKind,
    /// Where it is; `None` where every user has a place of their own.
    pub default_base_url: Option<&'static str>,
}

/// Every known vendor, in the order of their names.
pub const VENDORS: &[CatalogEntry] = &[CatalogEntry {
    vendor: "openai",
    display_name: "OpenAI",
    adapter: AdapterKind::OpenAi,
    default_base_url: Some("https://api.openai.com/v1"),
}];

/// The entry of a vendor; `None` for one that is not known, which then has to name its adapter and its base URL.
#[must_use]
pub fn entry(vendor: &str) -> Option<&'static CatalogEntry> {
    VENDORS.iter().find(|entry| entry.vendor == vendor)
}
