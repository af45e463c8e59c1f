//! `keyplane catalog`: the vendors that Keyplane knows.

use proto::admin::v1::{Adapter, ApiFormat, CatalogEntry, CatalogValidation, ListCatalogRequest};

use shared::catalog::nearest;

use super::credential::type_of;
use super::{Context, PAGE_SIZE};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::output::{Printable, Row, word};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// One vendor, by its name or another name that it goes by; left out, all of them.
    vendor: Option<String>,
}

impl Printable for CatalogEntry {
    const MESSAGE: &'static str = "keyplane.admin.v1.CatalogEntry";
}

impl Row for CatalogEntry {
    const HEADINGS: &'static [&'static str] =
        &["VENDOR", "NAME", "ADAPTER", "BASE URL", "REGION", "CREDENTIALS", "VALIDATED", "MODELS", "FORMATS"];

    fn cells(&self) -> Vec<String> {
        let validation = CatalogValidation::try_from(self.validation).unwrap_or_default();
        let types: Vec<_> = self.credential_types.iter().map(|number| type_of(*number)).collect();
        let format = |number: &i32| {
            word(ApiFormat::try_from(*number).unwrap_or_default().as_str_name(), "API_FORMAT_").to_lowercase()
        };
        let base_url = if self.default_base_url.is_empty() { "to be given" } else { &self.default_base_url };
        vec![
            [std::slice::from_ref(&self.vendor), &self.aliases].concat().join(", "),
            self.display_name.clone(),
            adapter(self.adapter),
            base_url.to_owned(),
            if self.region_required { "required" } else { "-" }.to_owned(),
            types.join(" "),
            word(validation.as_str_name(), "CATALOG_VALIDATION_").to_owned(),
            if self.lists_models { "listed" } else { "-" }.to_owned(),
            self.formats.iter().map(format).collect::<Vec<_>>().join(" "),
        ]
    }
}

/// An adapter, as flags and people know it.
pub(crate) fn adapter(number: i32) -> String {
    let name = Adapter::try_from(number).unwrap_or_default().as_str_name();
    word(name, "ADAPTER_").to_lowercase().replace('_', "-")
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(flags: Flags, context: &Context) -> Result<(), Error> {
    let entries = every(context).await?;
    let Some(vendor) = flags.vendor else { return context.output.list(&entries) };
    let unknown = || {
        let likely = nearest(&vendor).map_or_else(String::new, |nearest| format!("did you mean {nearest}? or "));
        Error::Usage(format!("{vendor} is not in the catalog; {likely}give --adapter and --base-url for it"))
    };
    context.output.one(entry(&entries, &vendor).ok_or_else(unknown)?)
}

/// The vendor of a name or of an alias.
pub(crate) fn entry<'a>(entries: &'a [CatalogEntry], vendor: &str) -> Option<&'a CatalogEntry> {
    entries.iter().find(|entry| entry.vendor == vendor || entry.aliases.iter().any(|alias| alias == vendor))
}

/// The whole catalog.
///
/// # Errors
///
/// What the control plane refused.
pub(crate) async fn every(context: &Context) -> Result<Vec<CatalogEntry>, Error> {
    every_page(async |page_token| {
        let request = ListCatalogRequest { page_size: PAGE_SIZE, page_token };
        let answer = send(async || context.client.providers().list_catalog(request.clone()).await).await?;
        Ok((answer.entries, answer.next_page_token))
    })
    .await
}

#[cfg(test)]
mod tests {
    use proto::admin::v1::CredentialType;

    use super::*;

    #[test]
    fn a_vendor_is_a_row_with_all_that_a_provider_of_it_has_to_give() {
        let bedrock = CatalogEntry {
            vendor: "bedrock".into(),
            display_name: "Amazon Bedrock".into(),
            adapter: Adapter::Bedrock.into(),
            region_required: true,
            credential_types: vec![CredentialType::AccessKeyPair.into(), CredentialType::ApiKey.into()],
            validation: CatalogValidation::OnFirstUse.into(),
            formats: vec![ApiFormat::Openai.into(), ApiFormat::Bedrock.into()],
            aliases: vec!["aws".into()],
            ..Default::default()
        };
        let cells = bedrock.cells();
        assert_eq!(cells.len(), CatalogEntry::HEADINGS.len());
        assert_eq!(
            cells,
            [
                "bedrock, aws",
                "Amazon Bedrock",
                "bedrock",
                "to be given",
                "required",
                "ACCESS_KEY_PAIR API_KEY",
                "ON_FIRST_USE",
                "-",
                "openai bedrock"
            ]
        );
        assert_eq!(entry(&[bedrock], "aws").map(|entry| &*entry.vendor), Some("bedrock"));
        assert_eq!(adapter(Adapter::AzureOpenai.into()), "azure-openai");
    }
}
