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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::bootstrap_principal;

    fn page(size: i32, token: &str) -> Result<v1::ListCatalogResponse, Error> {
        let call = Call {
            principal: bootstrap_principal(),
            permission: "catalog:ListCatalog".into(),
            now: std::time::SystemTime::UNIX_EPOCH,
        };
        list(&call, &v1::ListCatalogRequest { page_size: size, page_token: token.into() })
    }

    #[test]
    fn the_catalog_is_listed_whole_in_order_page_by_page() {
        let whole = page(1000, "").unwrap();
        assert_eq!((whole.entries.len(), whole.next_page_token.as_str()), (VENDORS.len(), ""));
        assert!(whole.entries.is_sorted_by_key(|entry| entry.vendor.clone()));
        let (mut paged, mut token) = (Vec::new(), String::new());
        loop {
            let next = page(7, &token).unwrap();
            paged.extend(next.entries);
            token = next.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, whole.entries);
        assert!(matches!(page(7, "x"), Err(Error::PageTokenInvalid)));
    }

    #[test]
    fn an_entry_says_what_a_provider_of_it_needs() {
        let entries = page(1000, "").unwrap().entries;
        let bedrock = entries.iter().find(|entry| entry.vendor == "bedrock").unwrap();
        assert!(bedrock.region_required && bedrock.aliases.contains(&"aws".to_owned()));
        assert_eq!(bedrock.default_base_url, "https://bedrock-runtime.{region}.amazonaws.com");
        assert_eq!(bedrock.validation(), v1::CatalogValidation::OnFirstUse);
        assert_eq!(bedrock.adapter(), v1::Adapter::Bedrock);
        for entry in entries {
            assert!(!entry.display_name.is_empty() && !entry.formats.is_empty() && !entry.credential_types.is_empty());
        }
    }
}
