//! The questions of a connection: when each is asked, what answers it, and the flag that answers it too.

mod text;

use clap::ValueEnum as _;
use proto::admin::v1::{Adapter, AuthMode, CredentialType};

use super::super::catalog;
use super::super::credential::type_of;
use super::super::provider::fields::{AdapterFlag, AuthModeFlag, exposed};
use super::draft::{Draft, given};

/// A part of a connection. One opens when those before it are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Who is upstream, and what authenticates there.
    Credential,
    /// What it is called, and what callers reach.
    Routing,
    /// Where it is active.
    Environments,
    /// The names that callers ask for.
    Models,
}

/// A question of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Vendor,
    Adapter,
    BaseUrl,
    Region,
    /// Of Vertex: the Google Cloud project.
    CloudProject,
    /// Of a server of one's own, which may want no key.
    AuthMode,
    Type,
    AccessKeyId,
    TenantId,
    ClientId,
    ServiceAccount,
    Value,
    /// Whether to store what could not be checked.
    Unverified,
    DisplayName,
    Id,
    ExposedModels,
    Environments,
    Models,
}

/// What empties an answer that may be empty.
pub(super) const EMPTY: &str = "-";

/// How a question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A line.
    Line,
    /// A line that the terminal does not show.
    Hidden,
    /// A line with a path; the file's content is the answer.
    File,
}

impl Part {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 4] = [Self::Credential, Self::Routing, Self::Environments, Self::Models];

    /// What it is called.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Routing => "name and routing",
            Self::Environments => "environments",
            Self::Models => "models",
        }
    }

    /// Its questions, as far as what is known says which ones there are.
    pub(super) fn questions(self, draft: &Draft) -> Vec<Question> {
        match self {
            Self::Credential => of_credential(draft),
            Self::Routing => vec![Question::DisplayName, Question::Id, Question::ExposedModels],
            Self::Environments => vec![Question::Environments],
            Self::Models => vec![Question::Models],
        }
    }
}

fn of_credential(draft: &Draft) -> Vec<Question> {
    let mut questions = vec![Question::Vendor];
    let (entry, is_named) = (draft.entry(), !draft.provider.vendor.is_empty());
    // `custom` has one in the catalog, which is a guess.
    if is_named && entry.is_none_or(|entry| entry.vendor == "custom") {
        questions.push(Question::Adapter);
    }
    let is_elsewhere =
        is_named && entry.is_none_or(|entry| entry.default_base_url.is_empty() && !entry.region_required);
    // One that was given may be wrong, also where there is a default: it can be mended.
    if is_elsewhere || (is_named && !draft.provider.base_url.is_empty()) {
        questions.push(Question::BaseUrl);
    }
    if draft.provider.base_url.is_empty() && entry.is_some_and(|entry| entry.region_required) {
        questions.push(Question::Region);
    }
    if draft.adapter() == Adapter::Vertex {
        questions.push(Question::CloudProject);
    }
    if is_elsewhere && draft.adapter() == Adapter::Openai {
        questions.push(Question::AuthMode);
    }
    if !draft.takes_credential() || !draft.value.link.is_empty() {
        return questions;
    }
    if draft.types().len() > 1 {
        questions.push(Question::Type);
    }
    questions.extend_from_slice(match draft.kind() {
        None | Some(CredentialType::Unspecified) => &[],
        Some(CredentialType::ApiKey) => &[Question::Value],
        Some(CredentialType::AccessKeyPair) => &[Question::AccessKeyId, Question::Value],
        Some(CredentialType::ServiceAccount) => &[Question::ServiceAccount],
        Some(CredentialType::ClientSecret) => &[Question::TenantId, Question::ClientId, Question::Value],
    });
    questions
}

impl Question {
    /// The flag that answers it.
    pub(super) fn flag(self) -> &'static str {
        match self {
            Self::Vendor => "--vendor",
            Self::Adapter => "--adapter",
            Self::BaseUrl => "--base-url",
            Self::Region => "--region",
            Self::CloudProject => "--config project=…",
            Self::AuthMode => "--auth-mode",
            Self::Type => "a value (--value-file, --access-key-id, --service-account-file, --client-id or --secret)",
            Self::AccessKeyId => "--access-key-id",
            Self::TenantId => "--tenant-id",
            Self::ClientId => "--client-id",
            Self::ServiceAccount => "--service-account-file",
            Self::Value => "--value-file",
            Self::Unverified => "--skip-validation",
            Self::DisplayName => "--display-name",
            Self::Id => "--id",
            Self::ExposedModels => "--exposed-model",
            Self::Environments => "--environment",
            Self::Models => "--model",
        }
    }

    /// How it is put.
    pub(super) fn form(self) -> Form {
        match self {
            Self::Value => Form::Hidden,
            Self::ServiceAccount => Form::File,
            _ => Form::Line,
        }
    }

    /// What is known already, which an empty answer keeps. A secret is not told, but that there is one.
    pub(super) fn known(self, draft: &Draft) -> String {
        let provider = &draft.provider;
        let names = |names: Vec<&str>| names.join(" ");
        match self {
            Self::Vendor => provider.vendor.clone(),
            Self::Adapter if draft.adapter() == Adapter::Unspecified => String::new(),
            Self::Adapter => catalog::adapter(draft.adapter().into()),
            Self::BaseUrl => provider.base_url.clone(),
            Self::Region => provider.region.clone(),
            Self::CloudProject => draft.config("project"),
            Self::AuthMode => match provider.auth_mode() {
                AuthMode::Unspecified | AuthMode::Managed => "managed".into(),
                AuthMode::Passthrough => "passthrough".into(),
                AuthMode::None => "none".into(),
            },
            Self::Type => draft.kind().map_or_else(String::new, |kind| type_of(kind.into())),
            Self::AccessKeyId => draft.value.access_key_id.clone(),
            Self::TenantId => draft.value.tenant_id.clone(),
            Self::ClientId => draft.value.client_id.clone(),
            Self::ServiceAccount | Self::Value if draft.value.secret.is_none() => String::new(),
            Self::ServiceAccount | Self::Value => "as given".into(),
            Self::Unverified => String::new(),
            Self::DisplayName => draft.display_name(),
            Self::Id => draft.provider_id.clone(),
            Self::ExposedModels => {
                names(provider.exposed_models.iter().map(|model| model.upstream_model.as_str()).collect())
            }
            Self::Environments => names(provider.environments.iter().map(|name| id(name)).collect()),
            Self::Models => {
                draft.models.iter().map(|(id, model)| format!("{id}={model}")).collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// Whether it needs no answer any more.
    pub(super) fn is_answered(self, draft: &Draft) -> bool {
        match self {
            Self::Id => true,
            // Its paths name the project; those of a key in express mode don't.
            Self::CloudProject => {
                draft.kind() != Some(CredentialType::ServiceAccount) || !draft.config("project").is_empty()
            }
            Self::Unverified => draft.skip_validation,
            Self::BaseUrl => draft.has_default_base_url() || !draft.provider.base_url.is_empty(),
            Self::Environments => !draft.provider.environments.is_empty(),
            // Another answer may have taken away what they go to.
            Self::Models => draft.models.iter().all(|(_, upstream_model)| draft.exposes(upstream_model)),
            _ => !self.known(draft).is_empty(),
        }
    }

    /// Takes an answer in. `listed` are the models that were found upstream.
    ///
    /// # Errors
    ///
    /// Why it can't be; nothing is changed.
    pub(super) fn answer(self, draft: &mut Draft, text: &str, listed: &[String]) -> Result<(), String> {
        let may_be_empty = match self {
            Self::Id | Self::CloudProject | Self::Models => true,
            Self::BaseUrl => draft.has_default_base_url(),
            _ => false,
        };
        let text = if may_be_empty && text == EMPTY { "" } else { text };
        match self {
            Self::Vendor => text.clone_into(&mut draft.provider.vendor),
            Self::Adapter => {
                let flag = AdapterFlag::from_str(text, true).map_err(|_| format!("{text} is none of them"))?;
                draft.provider.set_adapter(flag.into());
            }
            Self::BaseUrl => text.clone_into(&mut draft.provider.base_url),
            Self::Region => text.clone_into(&mut draft.provider.region),
            Self::CloudProject => draft.set_config("project", text),
            Self::AuthMode => {
                let flag = AuthModeFlag::from_str(text, true).map_err(|_| format!("{text} is none of them"))?;
                draft.provider.set_auth_mode(flag.into());
            }
            Self::Type => {
                let is_it = |kind: &CredentialType| type_of((*kind).into()).eq_ignore_ascii_case(text);
                let kind = draft.types().into_iter().find(is_it).ok_or_else(|| format!("{text} is none of them"))?;
                draft.value.kind = Some(kind);
            }
            Self::AccessKeyId => text.clone_into(&mut draft.value.access_key_id),
            Self::TenantId => text.clone_into(&mut draft.value.tenant_id),
            Self::ClientId => text.clone_into(&mut draft.value.client_id),
            Self::ServiceAccount | Self::Value => draft.value.secret = given(text.to_owned()),
            Self::Unverified => draft.skip_validation = yes_or_no(text)?,
            Self::DisplayName => text.clone_into(&mut draft.provider.display_name),
            Self::Id => text.clone_into(&mut draft.provider_id),
            Self::ExposedModels => {
                draft.provider.exposed_models = chosen(text, listed)?.into_iter().map(exposed).collect();
            }
            Self::Environments => draft.provider.environments = environments(draft, text)?,
            Self::Models => {
                let models: Vec<_> = text.split_whitespace().map(model).collect();
                if let Some((_, missing)) = models.iter().find(|(_, upstream_model)| !draft.exposes(upstream_model)) {
                    return Err(format!("{missing} is not among the models that callers may reach"));
                }
                draft.models = models;
            }
        }
        Ok(())
    }
}

/// `NAME=UPSTREAM_MODEL`, or a model's own name.
pub(super) fn model(text: &str) -> (String, String) {
    let (id, upstream_model) = text.split_once('=').unwrap_or((text, text));
    (id.to_owned(), upstream_model.to_owned())
}

/// `yes` or `no`, or a letter of it.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("say yes or no".into()),
    }
}

/// Words, of which numbers stand for what was listed.
fn chosen(text: &str, listed: &[String]) -> Result<Vec<String>, String> {
    let one = |word: &str| match word.parse::<usize>() {
        Ok(number) if !listed.is_empty() => {
            let listed = number.checked_sub(1).and_then(|index| listed.get(index));
            listed.cloned().ok_or_else(|| format!("there is no number {number}"))
        }
        _ => Ok(word.to_owned()),
    };
    text.split([' ', ',']).filter(|word| !word.is_empty()).map(one).collect()
}

fn environments(draft: &Draft, text: &str) -> Result<Vec<String>, String> {
    let known = &draft.known.environments;
    let find = |word: String| {
        let found = known.iter().find(|name| **name == word || id(name) == word);
        found.cloned().ok_or_else(|| match known.is_empty() {
            true => "the project has no environment: make one first, with keyplane environments create".into(),
            false => format!("{word} is none of the project's environments"),
        })
    };
    chosen(text, known)?.into_iter().map(find).collect()
}

fn id(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}
