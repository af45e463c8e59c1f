//! Where the upstream is: its region and its base URL, of which the region's is made where none is given.

use proto::admin::v1;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::catalog;

use super::vendor::{did_you_mean, read_adapter};
use crate::error::{FieldReason, FieldViolations};
use crate::resource::{Rules, Source};

/// The most characters of a region.
const REGION_CHARACTERS: usize = 50;

/// The region: it becomes part of a host, so nothing else than a label's characters may stand in it.
pub(super) fn read_region(given: &str, violations: &mut FieldViolations) -> Option<String> {
    let given = given.trim();
    if given.is_empty() {
        return None;
    }
    if given.chars().count() > REGION_CHARACTERS {
        violations.add("region", FieldReason::TooLong, format!("use at most {REGION_CHARACTERS} characters"));
    } else if !is_region(given) {
        violations.add("region", FieldReason::Malformed, "use [a-z]([a-z0-9-]*[a-z0-9])?, such as us-east-1");
    }
    Some(given.to_owned())
}

fn is_region(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The base URL that the catalog has for a vendor, or that the region gives; `None` where every user has a place of their own, where the
/// region is missing, and for another adapter than the catalog's: a foreign vendor's key would go to another's host.
pub(super) fn derived(vendor: &str, adapter: Option<AdapterKind>, region: Option<&str>) -> Option<String> {
    let entry = catalog::entry(vendor).filter(|entry| Some(entry.adapter) == adapter)?;
    let default = entry.default_base_url?;
    if !default.contains(REGION) {
        return Some(default.to_owned());
    }
    region.filter(|region| is_region(region)).map(|region| default.replace(REGION, region))
}

/// What stands for the region in the catalog's base URLs.
const REGION: &str = "{region}";

/// Whether a provider's base URL says what was derived from the region that it had, so that it follows a new one.
pub(super) fn was_derived(message: &v1::Provider, region_before: &str) -> bool {
    let adapter = read_adapter(message.adapter, &message.vendor, &mut FieldViolations::new());
    let parse =
        |text: &str| BaseUrl::parse(adapter.unwrap_or(AdapterKind::OpenAi), text, AddressPolicy::AllowPrivate).ok();
    let region = Some(region_before).filter(|region| !region.is_empty());
    let derived = derived(&message.vendor, adapter, region);
    derived.is_some_and(|derived| parse(&derived) == parse(&message.base_url))
}

/// The base URL, of the region or the catalog where none is given.
pub(super) fn read_base_url(
    given: &str,
    vendor: &str,
    adapter: Option<AdapterKind>,
    region: Option<&str>,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> Option<BaseUrl> {
    let derived = derived(vendor, adapter, region);
    let text = match (given.trim(), derived) {
        ("", Some(derived)) => derived,
        ("", None) if needs_region(adapter) && region.is_none() && catalog::entry(vendor).is_some() => {
            violations.add("region", FieldReason::Required, "give the region, or a base URL that holds it");
            return None;
        }
        // A region that is no region is named already.
        ("", None) if needs_region(adapter) && catalog::entry(vendor).is_some() => return None,
        ("", None) => {
            let description = format!(
                "give the base URL of the upstream's API: the catalog has none for the vendor{}",
                did_you_mean(vendor)
            );
            violations.add("base_url", FieldReason::Required, description);
            return None;
        }
        (given, _) => given.to_owned(),
    };
    // What is wrong with a URL is so for every adapter: without one, any stands in, so that all bad fields are found at once.
    let base_url = BaseUrl::parse(adapter.unwrap_or(AdapterKind::OpenAi), &text, rules.addresses)
        .map_err(|error| violations.add("base_url", FieldReason::Malformed, error.to_string()))
        .ok()?;
    let lacks = needs_region(adapter) && region.is_none() && !holds_region(adapter, &base_url);
    if lacks && rules.source == Source::Request {
        violations.add("region", FieldReason::Required, "give the region: the base URL holds none");
    }
    Some(base_url)
}

fn needs_region(adapter: Option<AdapterKind>) -> bool {
    matches!(adapter, Some(AdapterKind::Bedrock | AdapterKind::Vertex))
}

/// Whether the host says the region, as those of the vendors themselves do.
fn holds_region(adapter: Option<AdapterKind>, base_url: &BaseUrl) -> bool {
    let origin = base_url.origin();
    let host = origin.as_str().split("://").nth(1).unwrap_or_default();
    match adapter {
        Some(AdapterKind::Bedrock) => host.contains(".amazonaws.com") && host.starts_with("bedrock"),
        Some(AdapterKind::Vertex) => host.ends_with("aiplatform.googleapis.com"),
        _ => false,
    }
}
