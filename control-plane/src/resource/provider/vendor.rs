//! Who is upstream, and which API they speak.

use proto::admin::v1;
use shared::adapter::AdapterKind;
use shared::catalog;
use shared::name::is_id;

use crate::error::{FieldReason, FieldViolations};

/// The vendor's one name: an alias of the catalog's is stored as what it stands for.
pub(super) fn canonical(given: &str) -> &str {
    catalog::entry(given).map_or(given, |entry| entry.vendor)
}

pub(super) fn read_vendor(given: &str, violations: &mut FieldViolations) -> String {
    if given.is_empty() {
        violations.add("vendor", FieldReason::Required, "say who is upstream, such as openai");
    } else if !is_id(given) {
        violations.add("vendor", FieldReason::Malformed, "use [a-z]([a-z0-9-]{0,61}[a-z0-9])?");
    }
    canonical(given).to_owned()
}

pub(super) fn read_adapter(given: i32, vendor: &str, violations: &mut FieldViolations) -> Option<AdapterKind> {
    match v1::Adapter::try_from(given) {
        Ok(v1::Adapter::Openai) => Some(AdapterKind::OpenAi),
        Ok(v1::Adapter::AzureOpenai) => Some(AdapterKind::AzureOpenAi),
        Ok(v1::Adapter::Anthropic) => Some(AdapterKind::Anthropic),
        Ok(v1::Adapter::Gemini) => Some(AdapterKind::Gemini),
        Ok(v1::Adapter::Vertex) => Some(AdapterKind::Vertex),
        Ok(v1::Adapter::Bedrock) => Some(AdapterKind::Bedrock),
        Ok(v1::Adapter::Cohere) => Some(AdapterKind::Cohere),
        Ok(v1::Adapter::Unspecified) => {
            let known = catalog::entry(vendor).map(|entry| entry.adapter);
            if known.is_none() {
                let description = format!(
                    "say which API the upstream speaks: the catalog does not know the vendor{}",
                    did_you_mean(vendor)
                );
                violations.add("adapter", FieldReason::Required, description);
            }
            known
        }
        Err(_) => {
            violations.add("adapter", FieldReason::Unsupported, format!("this version has no adapter {given}"));
            None
        }
    }
}

/// The adapter as the API has it.
#[must_use]
pub fn adapter_to_message(adapter: AdapterKind) -> v1::Adapter {
    match adapter {
        AdapterKind::OpenAi => v1::Adapter::Openai,
        AdapterKind::AzureOpenAi => v1::Adapter::AzureOpenai,
        AdapterKind::Anthropic => v1::Adapter::Anthropic,
        AdapterKind::Gemini => v1::Adapter::Gemini,
        AdapterKind::Vertex => v1::Adapter::Vertex,
        AdapterKind::Bedrock => v1::Adapter::Bedrock,
        AdapterKind::Cohere => v1::Adapter::Cohere,
    }
}

/// The end of a description that names the nearest vendor of the catalog; empty for a known one, and where none is near.
pub(super) fn did_you_mean(vendor: &str) -> String {
    let nearest = catalog::nearest(vendor).filter(|_| catalog::entry(vendor).is_none());
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}
