//! The table is complete, and what it says holds together.

use std::collections::BTreeSet;

use super::*;
use crate::adapter::{Place, Settings, adapter};
use crate::address::AddressPolicy;
use crate::base_url::BaseUrl;

#[test]
fn every_vendor_that_users_come_with_is_known() {
    let names: Vec<_> = VENDORS.iter().map(|entry| entry.vendor).collect();
    let expected = [
        "anthropic",
        "azure",
        "bedrock",
        "cerebras",
        "cohere",
        "custom",
        "deepseek",
        "fireworks",
        "gateway",
        "google",
        "groq",
        "mistral",
        "nvidia",
        "ollama",
        "openai",
        "openrouter",
        "perplexity",
        "together",
        "vertex",
        "xai",
    ];
    assert_eq!(names, expected);
    let adapters: BTreeSet<_> = VENDORS.iter().map(|entry| entry.adapter.as_str()).collect();
    assert_eq!(adapters, AdapterKind::ALL.map(AdapterKind::as_str).into());
}

#[test]
fn names_and_aliases_are_unique_ids_and_lead_to_their_entry() {
    let mut seen = BTreeSet::new();
    for entry in VENDORS {
        for name in std::iter::once(&entry.vendor).chain(entry.aliases) {
            assert!(seen.insert(*name), "{name} stands twice");
            assert_eq!(super::entry(name).map(|found| found.vendor), Some(entry.vendor));
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-'), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
        }
        assert!((1..=100).contains(&entry.display_name.chars().count()), "{}", entry.vendor);
    }
    for (alias, vendor) in [("gemini", "google"), ("aws", "bedrock"), ("azure-openai", "azure")] {
        assert_eq!(super::entry(alias).map(|found| found.vendor), Some(vendor));
    }
    assert!(super::entry("").is_none() && super::entry("OpenAI").is_none());
}

#[test]
fn a_default_base_url_is_read_to_itself_and_holds_the_region_where_one_is_required() {
    for entry in VENDORS {
        let Some(url) = entry.default_base_url else { continue };
        assert_eq!(url.contains("{region}"), entry.region_required, "{}", entry.vendor);
        let url = url.replace("{region}", "us-east1");
        let parsed = BaseUrl::parse(entry.adapter, &url, AddressPolicy::Public).unwrap();
        assert_eq!(parsed.as_str(), url);
        let derived = BaseUrl::derived(entry.adapter, "us-east1").unwrap();
        assert_eq!(derived, entry.region_required.then_some(parsed), "{}", entry.vendor);
    }
}

#[test]
fn what_a_vendor_takes_is_what_its_adapter_takes() {
    for entry in VENDORS {
        assert_eq!(entry.credential_types, credential_types(entry.adapter), "{}", entry.vendor);
        assert!(entry.key_header.parse::<http::HeaderName>().is_ok(), "{}", entry.vendor);
        assert_eq!(entry.formats().len(), 1);
    }
}

#[test]
fn the_header_of_a_key_and_the_format_are_the_adapters_own() {
    for entry in VENDORS {
        let url = entry.default_base_url.unwrap_or("https://h.example").replace("{region}", "us-east1");
        let place = Place {
            base_url: BaseUrl::parse(entry.adapter, &url, AddressPolicy::Public).unwrap(),
            region: None,
            settings: Settings::default(),
            key_header: None,
            additional_key_header: None,
        };
        let adapter = adapter(entry.adapter);
        let header = adapter.own_key_header(&place).map(|name| name.to_string());
        assert_eq!(header.as_deref(), Some(entry.key_header), "{}", entry.vendor);
        assert_eq!(entry.formats(), [adapter.format()], "{}", entry.vendor);
    }
}

#[test]
fn what_is_validated_for_free_has_a_check_and_an_open_list_is_none() {
    for entry in VENDORS {
        let is_proof = matches!(entry.check, Check::ModelList | Check::Path(_));
        assert!(entry.validation == Validation::OnFirstUse || is_proof, "{}", entry.vendor);
        if let Check::Path(path) = entry.check {
            assert!(path.starts_with('/') && !path.contains(['?', '#']), "{}", entry.vendor);
        }
    }
    let on_first_use: Vec<_> =
        VENDORS.iter().filter(|entry| entry.validation == Validation::OnFirstUse).map(|entry| entry.vendor).collect();
    assert_eq!(on_first_use, ["azure", "bedrock", "nvidia", "perplexity", "vertex"]);
    let unlisted: Vec<_> = VENDORS.iter().filter(|entry| !entry.lists_models).map(|entry| entry.vendor).collect();
    assert_eq!(unlisted, ["azure", "perplexity", "vertex"]);
}
