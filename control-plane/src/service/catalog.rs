//! The catalog: the vendors that Keyplane knows, page by page.

use imbl::OrdMap;
use proto::admin::v1;
use shared::adapter::Format;
use shared::catalog::{CatalogEntry, VENDORS, Validation};

use super::PageRequest;
use crate::access::Call;
use crate::error::Error;
use crate::resource::{adapter_to_message, kind_to_message};

/// A page of the catalog.
pub(super) fn list(call: &Call, request: &v1::ListCatalogRequest) -> Result<v1::ListCatalogResponse, Error> {
    call.allow_in("")?;
    let vendors: OrdMap<&str, &CatalogEntry> = VENDORS.iter().map(|entry| (entry.vendor, entry)).collect();
    let page = PageRequest { parent: "", prefix: "", filter: "", size: request.page_size, token: &request.page_token };
    let page = page.page(&vendors, |_| true)?;
    let entries = page.items.into_iter().map(|entry| message(entry)).collect();
    Ok(v1::ListCatalogResponse { entries, next_page_token: page.next_token })
}

fn message(entry: &CatalogEntry) -> v1::CatalogEntry {
    v1::CatalogEntry {
        vendor: entry.vendor.to_owned(),
        display_name: entry.display_name.to_owned(),
        adapter: adapter_to_message(entry.adapter).into(),
        default_base_url: entry.default_base_url.unwrap_or_default().to_owned(),
        region_required: entry.region_required,
        credential_types: entry.credential_types.iter().map(|kind| kind_to_message(*kind).into()).collect(),
        key_header: entry.key_header.to_owned(),
        validation: validation(entry.validation).into(),
        lists_models: entry.lists_models,
        formats: entry.formats().iter().map(|one| format(*one).into()).collect(),
        streaming: entry.streaming,
        tools: entry.tools,
        aliases: entry.aliases.iter().map(|&alias| alias.to_owned()).collect(),
    }
}

fn validation(validation: Validation) -> v1::CatalogValidation {
    match validation {
        Validation::Free => v1::CatalogValidation::Free,
        Validation::OnFirstUse => v1::CatalogValidation::OnFirstUse,
    }
}

fn format(format: Format) -> v1::ApiFormat {
    match format {
        Format::OpenAi => v1::ApiFormat::Openai,
        Format::Anthropic => v1::ApiFormat::Anthropic,
        Format::Gemini => v1::ApiFormat::Gemini,
        Format::Bedrock => v1::ApiFormat::Bedrock,
        Format::Cohere => v1::ApiFormat::Cohere,
    }
}
