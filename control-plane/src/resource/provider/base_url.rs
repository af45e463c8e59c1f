//! Where the upstream is: its region and its base URL, of which the region's is made where none is given.

use proto::admin::v1;
use shared::adapter::AdapterKind;
use shared::address::AddressPolicy;
use shared::base_url::{BaseUrl, check_region};
use shared::catalog;

use super::vendor::{did_you_mean, read_adapter};
use crate::error::{FieldReason, FieldViolations};
use crate::resource::{Rules, Source};

/// The most characters of a region.
const REGION_CHARACTERS: usize = 50;

/// The region: it becomes part of a host.
pub(super) fn read_region(given: &str, violations: &mut FieldViolations) -> Option<String> {
    let given = given.trim();
    if given.is_empty() {
        return None;
    }
    if given.chars().count() > REGION_CHARACTERS {
        violations.add("region", FieldReason::TooLong, format!("use at most {REGION_CHARACTERS} characters"));
    } else if let Err(error) = check_region(given) {
        violations.add("region", FieldReason::Malformed, error.to_string());
    }
    Some(given.to_owned())
}

/// The base URL that the region gives, or the catalog; `None` where every user has a place of their own, where the region is missing, and for
/// another adapter than the catalog's: a foreign vendor's key would go to another's host. Whether it may be called is not asked here.
fn derived(vendor: &str, adapter: Option<AdapterKind>, region: Option<&str>) -> Option<BaseUrl> {
    let adapter = adapter?;
    let entry = catalog::entry(vendor).filter(|entry| entry.adapter == adapter)?;
    if entry.region_required {
        return BaseUrl::derived(adapter, region?).ok().flatten();
    }
    BaseUrl::parse(adapter, entry.default_base_url?, AddressPolicy::AllowPrivate).ok()
}

/// Whether a provider's base URL says what was derived from the region that it had, so that it follows a new one.
pub(super) fn was_derived(message: &v1::Provider, region_before: &str) -> bool {
    let Some(adapter) = read_adapter(message.adapter, &message.vendor, &mut FieldViolations::new()) else {
        return false;
    };
    let region = Some(region_before).filter(|region| !region.is_empty());
    let given = BaseUrl::parse(adapter, &message.base_url, AddressPolicy::AllowPrivate).ok();
    given.is_some() && given == derived(&message.vendor, Some(adapter), region)
}

/// The base URL, of the region or the catalog where none is given.
pub(super) fn read_base_url(
    given: &str,
    (vendor, adapter): (&str, Option<AdapterKind>),
    region: Option<&str>,
    rules: &Rules<'_>,
    violations: &mut FieldViolations,
) -> Option<BaseUrl> {
    let derived = match given.trim().is_empty() {
        true => derived_or_refused((vendor, adapter), region, violations)?.to_string(),
        false => String::new(),
    };
    let given = if derived.is_empty() { given } else { &derived };
    // What is wrong with a URL is so for every adapter: without one, any stands in, so that all bad fields are found at once.
    let base_url = BaseUrl::parse(adapter.unwrap_or(AdapterKind::OpenAi), given, rules.addresses)
        .map_err(|error| violations.add("base_url", FieldReason::Malformed, error.to_string()))
        .ok()?;
    let holds_region = adapter.is_some_and(|adapter| base_url.region(adapter).is_some());
    if needs_region(adapter) && region.is_none() && !holds_region && rules.source == Source::Request {
        violations.add("region", FieldReason::Required, "give the region: the base URL holds none");
    }
    Some(base_url)
}

/// The base URL where none is given, or what else has to be.
fn derived_or_refused(
    (vendor, adapter): (&str, Option<AdapterKind>),
    region: Option<&str>,
    violations: &mut FieldViolations,
) -> Option<BaseUrl> {
    let derived = derived(vendor, adapter, region);
    let follows_region =
        needs_region(adapter) && catalog::entry(vendor).is_some_and(|entry| Some(entry.adapter) == adapter);
    match region {
        _ if derived.is_some() => {}
        None if follows_region => {
            violations.add("region", FieldReason::Required, "give the region, or a base URL that holds it");
        }
        // A region that can be none is named already.
        Some(_) if follows_region => {}
        _ => violations.add("base_url", FieldReason::Required, no_base_url(vendor, adapter)),
    }
    derived
}

fn needs_region(adapter: Option<AdapterKind>) -> bool {
    matches!(adapter, Some(AdapterKind::Bedrock | AdapterKind::Vertex))
}

fn no_base_url(vendor: &str, adapter: Option<AdapterKind>) -> String {
    if adapter == Some(AdapterKind::AzureOpenAi) {
        return "give the Azure resource's name, or the base URL of its API".to_owned();
    }
    let suggestion = did_you_mean(vendor);
    format!("give the base URL of the upstream's API: the catalog has none for this vendor and adapter{suggestion}")
}
