//! The questions in words.

use clap::ValueEnum;
use proto::admin::v1::CredentialType;
use shared::name::{EnvironmentName, ResourceName as _};

use super::super::super::credential::type_of;
use super::super::super::provider::fields::{AdapterFlag, AuthModeFlag};
use super::super::draft::Draft;
use super::{EMPTY, Question};

impl Question {
    /// The question in words, with what there is to choose from.
    pub(in super::super) fn text(self, draft: &Draft, listed: &[String]) -> String {
        let types = || draft.types().into_iter().map(|kind| type_of(kind.into())).collect::<Vec<_>>().join(", ");
        match self {
            Self::Vendor => {
                let vendors: Vec<_> = draft.known.catalog.iter().map(|entry| entry.vendor.as_str()).collect();
                format!("Who is upstream? {}, or any other name", vendors.join(", "))
            }
            Self::Adapter => {
                let likely = draft.likely_vendor().map_or_else(String::new, |vendor| {
                    format!("The catalog has no {}: go back if you mean {vendor}. ", draft.provider.vendor)
                });
                format!("{likely}Which API does it speak? {}", names::<AdapterFlag>())
            }
            Self::BaseUrl => match draft.entry().map(|entry| &*entry.default_base_url) {
                None | Some("") => "Where is it? Its base URL".into(),
                Some(default) => format!("Where is it? Its base URL ({EMPTY} for {default})"),
            },
            Self::Region => "In which region?".into(),
            Self::CloudProject => "In which Google Cloud project? (empty only with an API key)".into(),
            Self::AuthMode => format!("How do requests authenticate? {}", names::<AuthModeFlag>()),
            Self::Type => format!("What type of credential? {}", types()),
            Self::AccessKeyId => "The access key's id".into(),
            Self::TenantId => "The directory (tenant) id".into(),
            Self::ClientId => "The application (client) id".into(),
            Self::ServiceAccount => "The file with the service account's JSON".into(),
            Self::Value => match draft.kind() {
                Some(CredentialType::AccessKeyPair) => "The secret access key (not shown)".into(),
                Some(CredentialType::ClientSecret) => "The client's secret (not shown)".into(),
                _ => "The API key (not shown)".into(),
            },
            Self::Unverified => "Store it unverified all the same? yes or no".into(),
            Self::DisplayName => "What do people call it?".into(),
            Self::Id => "Its id, which never changes (empty: made from the name)".into(),
            Self::ExposedModels => {
                format!("Which models may callers reach? Names{}, or * for all{}", numbers(listed), list(listed))
            }
            Self::Environments => {
                let environments = &draft.known.environments;
                format!("In which environments is it active? Ids{}{}", numbers(environments), list(environments))
            }
            Self::Models => {
                "Which names may callers ask for? NAME=UPSTREAM_MODEL, or a model's own name (empty: none)".into()
            }
        }
    }
}

/// The words that a flag takes.
fn names<F: ValueEnum>() -> String {
    let names = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    names.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}

fn numbers(listed: &[String]) -> &'static str {
    if listed.is_empty() { "" } else { " or numbers" }
}

/// How many are listed by number.
const SHOWN: usize = 50;

fn list(listed: &[String]) -> String {
    let shown = listed.iter().take(SHOWN).enumerate().map(|(index, name)| {
        let name = name.parse::<EnvironmentName>().map_or_else(|_| name.clone(), |name| name.id().to_owned());
        format!("\n  {}  {name}", index + 1)
    });
    let more = listed.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    shown.chain([more]).collect()
}
