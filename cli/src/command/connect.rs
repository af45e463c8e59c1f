//! `keyplane connect`: a provider with its first credential, where it is active and its models, in one commit or not at all.
//!
//! Flags and answers fill the same draft ([`draft`]), so that either way the same request comes out. The questions are asked where
//! something is missing and somebody is there to answer ([`wizard`], [`terminal`]).

mod draft;
mod question;
mod summary;
mod terminal;
mod wizard;

use proto::admin::v1::{ConnectProviderRequest, ConnectProviderResponse, Credential, ListEnvironmentsRequest};

use self::draft::{Draft, Known, Parts};
use self::question::{Part, Question};
use self::terminal::Terminal;
use self::wizard::Wizard;
use super::provider::fields::Fields;
use super::value::{ValueFlags, plain};
use super::{Context, InProject, PAGE_SIZE, WriteFlags, catalog, state};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::Printable;

/// What to connect. On a terminal, what is left out is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// The project.
    #[command(flatten)]
    project: InProject,
    /// The provider's id; left out, one is made from the display name.
    #[arg(long, default_value = "", value_name = "ID")]
    id: String,
    /// The provider.
    #[command(flatten)]
    provider: Box<Fields>,
    /// The credential's id; left out, `default`.
    #[arg(long, default_value = "", value_name = "ID")]
    credential_id: String,
    /// The credential's value.
    #[command(flatten)]
    value: ValueFlags,
    /// The file with an additional key, for providers that want two; `-` for the standard input.
    #[arg(long, value_name = "PATH")]
    additional_key_file: Option<std::path::PathBuf>,
    /// The upstream account whose rate limits the credential shares.
    #[arg(long, default_value = "", value_name = "ACCOUNT")]
    quota_group: String,
    /// A model to make: the name that callers ask for, and the upstream's own name where it is another. May be repeated.
    #[arg(long = "model", value_name = "NAME[=UPSTREAM_MODEL]")]
    models: Vec<String>,
    /// Stores a value that can't be checked as UNVERIFIED instead of refusing it.
    #[arg(long)]
    skip_validation: bool,
    /// Asks nothing, and fails where something is missing, also on a terminal.
    #[arg(long)]
    no_input: bool,
    /// How to write.
    #[command(flatten)]
    write: WriteFlags,
}

impl Printable for ConnectProviderResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.ConnectProviderResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What is missing, what the control plane refused, or what can't be read or printed.
pub(crate) async fn run(flags: Flags, context: &Context) -> Result<(), Error> {
    let known = known(context, &flags.project).await?;
    let (write, can_ask) = (flags.write.clone(), !flags.no_input && input::is_terminal());
    let draft = flags.draft(known)?;
    let missing = missing(&draft);
    let request = if missing.is_empty() {
        draft.request()
    } else if can_ask {
        let test = async |request: proto::admin::v1::TestConnectionRequest| {
            send(async || context.client.providers().test_connection(request.clone()).await).await
        };
        let walked = Box::pin(terminal::walk(Wizard::new(draft), &mut Terminal, test)).await?;
        walked.ok_or(Error::Left)?
    } else {
        return Err(Error::Usage(format!("missing: {}{}", missing.join(", "), hints(&draft, &missing))));
    };
    let request =
        ConnectProviderRequest { validate_only: write.validate_only, request_id: write.request_id(), ..request };
    let made = send(async || context.client.providers().connect_provider(request.clone()).await).await?;
    tell(context, &made)
}

fn tell(context: &Context, made: &ConnectProviderResponse) -> Result<(), Error> {
    let output = context.output;
    if output.is_json() {
        return output.one(made);
    }
    let name = |provider: &Option<proto::admin::v1::Provider>| provider.clone().unwrap_or_default().name;
    match made.revision {
        0 => output.say(&format!("{} could be connected; nothing was changed", name(&made.provider)))?,
        revision => output.say(&format!("{} was connected by revision {revision}", name(&made.provider)))?,
    }
    if let Some(credential) = &made.credential {
        output.say(&format!("  {}: {}", credential.name, state(credential.state)))?;
    }
    made.models.iter().try_for_each(|model| output.say(&format!("  {}", model.name)))
}

/// The flags for all that is missing, in the order of the questions.
fn missing(draft: &Draft) -> Vec<&'static str> {
    let questions = Part::ALL.iter().flat_map(|part| part.questions(draft));
    questions.filter(|question| !question.is_answered(draft)).map(|question| question.flag()).collect()
}

/// What is most likely meant, where a missing flag is missing for what others say.
fn hints(draft: &Draft, missing: &[&str]) -> String {
    let mut hints = String::new();
    if let Some(nearest) = draft.likely_vendor() {
        hints.push_str(&format!("; did you mean --vendor {nearest}?"));
    }
    if missing.contains(&"--value-file") && Part::Credential.questions(draft).contains(&Question::AuthMode) {
        hints.push_str("; --auth-mode none if it wants no key");
    }
    for (_, upstream_model) in draft.models.iter().filter(|(_, upstream_model)| !draft.exposes(upstream_model)) {
        hints.push_str(&format!("; --model goes to {upstream_model}, which no --exposed-model names"));
    }
    hints
}

impl Flags {
    fn draft(self, known: Known) -> Result<Draft, Error> {
        let mut draft = Draft { known, provider_id: self.id, credential_id: self.credential_id, ..Default::default() };
        self.provider.apply(&mut draft.provider, &self.project)?;
        let additional_key = self.additional_key_file.as_deref().map(plain).transpose()?.unwrap_or_default();
        draft.credential = Credential { additional_key, quota_group: self.quota_group, ..Default::default() };
        if let Some(value) = self.value.given(&self.project.project)?.and_then(|value| value.value) {
            draft.value = Parts::of(value);
        }
        draft.models = self.models.iter().map(|text| question::model(text)).collect();
        draft.skip_validation = self.skip_validation;
        Ok(draft)
    }
}

/// What there is to choose from.
async fn known(context: &Context, project: &InProject) -> Result<Known, Error> {
    let project = project.name()?.to_string();
    let environments = every_page(async |page_token| {
        let request =
            ListEnvironmentsRequest { parent: project.clone(), page_size: PAGE_SIZE, page_token, ..Default::default() };
        let answer = send(async || context.client.environments().list_environments(request.clone()).await).await?;
        Ok((answer.environments, answer.next_page_token))
    })
    .await?;
    let environments = environments.into_iter().map(|environment| environment.name).collect();
    Ok(Known { project, catalog: catalog::every(context).await?, environments })
}

#[cfg(test)]
mod tests;
