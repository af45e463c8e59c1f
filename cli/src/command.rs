//! The commands: one file per resource, and what they share.

mod caller_key;
mod catalog;
mod connect;
mod credential;
mod environment;
pub(crate) mod health;
mod join_token;
mod model;
mod project;
mod provider;
mod proxy;
mod rate;
mod rollout;
mod rotation;
mod secret;
mod status;
mod value;

use prost_types::FieldMask;
use proto::admin::v1::{CredentialCount, CredentialState, Dependents};
use shared::name::{EnvironmentName, ProjectName};

use crate::client::{self, Client};
use crate::config::{DevFlags, Flags, Global};
use crate::error::Error;
use crate::output::{Output, Printable, word};
use crate::{dev, input};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Runs a control plane and a proxy in this process, with a provider to try them on.
    Dev(DevFlags),
    /// Shows the fleet at a glance: proxies, environments, revision, lag, credentials by state.
    Status,
    /// Connects a provider: credential, name and routing, environments and models, in one go. Asks for what is left out.
    Connect(Box<connect::Flags>),
    /// Projects: the tenancy boundary.
    #[command(subcommand, visible_alias = "project")]
    Projects(project::Command),
    /// Environments: the stages of a project.
    #[command(subcommand, visible_alias = "environment")]
    Environments(environment::Command),
    /// Providers: connections to upstreams.
    #[command(subcommand, visible_alias = "provider")]
    Providers(provider::Command),
    /// Credentials: what authenticates to a provider.
    #[command(subcommand, visible_alias = "credential")]
    Credentials(credential::Command),
    /// Secrets: stored values that several credentials may link to.
    #[command(subcommand, visible_alias = "secret")]
    Secrets(secret::Command),
    /// Rates: what models cost at a provider.
    #[command(subcommand, visible_alias = "rate")]
    Rates(rate::Command),
    /// The vendors that Keyplane knows.
    Catalog(catalog::Flags),
    /// Models: the names that callers ask for.
    #[command(subcommand, visible_alias = "model")]
    Models(model::Command),
    /// Caller keys: what applications send to a proxy.
    #[command(subcommand, visible_alias = "caller-key")]
    CallerKeys(caller_key::Command),
    /// Join tokens: what proxies enroll with.
    #[command(subcommand, visible_alias = "join-token")]
    JoinTokens(join_token::Command),
    /// Proxies: the fleet.
    #[command(subcommand, visible_alias = "proxy")]
    Proxies(proxy::Command),
    /// Rollouts: who has which revision.
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Asks a process for its health, for images without a shell: exits with 0 if it is well.
    #[command(hide = true)]
    Health(health::Flags),
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The admin API.
    pub(crate) client: Client,
    /// Where answers go.
    pub(crate) output: Output,
}

/// Runs a command.
///
/// # Errors
///
/// Whatever went wrong, to be told to people.
pub(crate) async fn run(flags: Flags) -> Result<(), Error> {
    let Flags { global, command } = flags;
    match command {
        Command::Dev(flags) => Box::pin(dev::run(flags)).await,
        Command::Health(flags) => health::run(flags).await,
        Command::Status => status::run(&context(&global)?).await,
        Command::Connect(flags) => Box::pin(connect::run(*flags, &context(&global)?)).await,
        Command::Projects(command) => project::run(command, &context(&global)?).await,
        Command::Environments(command) => environment::run(command, &context(&global)?).await,
        Command::Providers(command) => provider::run(command, &context(&global)?).await,
        Command::Credentials(command) => credential::run(command, &context(&global)?).await,
        Command::Secrets(command) => secret::run(command, &context(&global)?).await,
        Command::Rates(command) => rate::run(command, &context(&global)?).await,
        Command::Catalog(flags) => catalog::run(flags, &context(&global)?).await,
        Command::Models(command) => model::run(command, &context(&global)?).await,
        Command::CallerKeys(command) => caller_key::run(command, &context(&global)?).await,
        Command::JoinTokens(command) => join_token::run(command, &context(&global)?).await,
        Command::Proxies(command) => proxy::run(command, &context(&global)?).await,
        Command::Rollout(command) => rollout::run(command, &context(&global)?).await,
    }
}

fn context(global: &Global) -> Result<Context, Error> {
    let token = input::token(global.token_file.as_ref())?;
    Ok(Context { client: Client::new(&global.server, &token)?, output: Output::new(global.output) })
}

/// In which project ids are looked up.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct InProject {
    /// The project, by its id or its full name.
    #[arg(long, short, default_value = "default", value_name = "PROJECT")]
    pub(crate) project: String,
}

impl InProject {
    /// The project's name.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub(crate) fn name(&self) -> Result<ProjectName, Error> {
        input::project(&self.project)
    }

    /// The names of environments in it that were given by their ids or their full names.
    ///
    /// # Errors
    ///
    /// When one is neither.
    pub(crate) fn environments(&self, given: &[String]) -> Result<Vec<String>, Error> {
        given.iter().map(|text| Ok(input::in_project::<EnvironmentName>(text, &self.project)?.to_string())).collect()
    }
}

/// Which items to list.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ListFlags {
    /// Only those that match, `field = value` and `field != value` with `AND` between them.
    #[arg(long, default_value = "", value_name = "FILTER")]
    pub(crate) filter: String,
}

/// How many items one request of a list asks for.
pub(crate) const PAGE_SIZE: i32 = 1000;

/// How to write.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WriteFlags {
    /// Checks everything and changes nothing.
    #[arg(long)]
    pub(crate) validate_only: bool,
    /// Makes a repetition of the command change nothing more. Made up when left out.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl WriteFlags {
    /// The request id given, or a new one.
    pub(crate) fn request_id(&self) -> String {
        self.request_id.clone().unwrap_or_else(client::request_id)
    }
}

/// How to update.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct UpdateFlags {
    /// How to write.
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    /// The etag that it must still have.
    #[arg(long, default_value = "", value_name = "ETAG")]
    pub(crate) etag: String,
    /// Sets a field back to its default, by its name in the API (`environments`, `expire_time`); may be repeated.
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
}

impl UpdateFlags {
    /// The mask of an update: the fields that were set, and those to clear.
    ///
    /// # Errors
    ///
    /// When there is nothing to change.
    pub(crate) fn mask(&self, set: Vec<&'static str>) -> Result<Option<FieldMask>, Error> {
        let paths: Vec<_> = set.into_iter().map(str::to_owned).chain(self.clear.iter().cloned()).collect();
        if paths.is_empty() {
            return Err(Error::Usage("nothing to change: give at least one field".into()));
        }
        Ok(Some(FieldMask { paths }))
    }
}

/// How to delete.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DeleteFlags {
    /// How to write.
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    /// The etag that it must still have.
    #[arg(long, default_value = "", value_name = "ETAG")]
    pub(crate) etag: String,
}

/// Sets fields of a message and notes which.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    set: Vec<&'static str>,
}

impl Changes {
    /// Sets a field if its flag was given.
    pub(crate) fn set<T>(&mut self, path: &'static str, field: &mut T, given: Option<T>) {
        if let Some(value) = given {
            *field = value;
            self.set.push(path);
        }
    }

    /// Sets a list if its flag was given at least once.
    pub(crate) fn set_list<T>(&mut self, path: &'static str, field: &mut Vec<T>, given: Vec<T>) {
        if !given.is_empty() {
            *field = given;
            self.set.push(path);
        }
    }

    /// The paths of the fields that were set.
    pub(crate) fn paths(self) -> Vec<&'static str> {
        self.set
    }
}

/// Prints what a delete did.
///
/// # Errors
///
/// When it can't be written.
pub(crate) fn print_deleted<M: Printable>(
    output: Output,
    name: &dyn std::fmt::Display,
    answer: &M,
    revision: u64,
    dependents: &[Dependents],
    holds: Holds,
) -> Result<(), Error> {
    let is_held = revision == 0 && dependents.iter().any(|dependent| holds.is_held_by(&dependent.kind));
    if output.is_json() {
        output.one(answer)?;
    } else {
        match revision {
            0 if is_held => output.say(&format!("{name} is depended on; nothing was changed"))?,
            0 => output.say(&format!("{name} could be deleted; nothing was changed"))?,
            _ => output.say(&format!("{name} was deleted by revision {revision}"))?,
        }
        print_dependents(output, dependents)?;
    }
    if is_held { Err(Error::Held { name: name.to_string(), advice: holds.advice() }) } else { Ok(()) }
}

/// Which dependents hold something, so that it can't be deleted while they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// None does: they go with it, or do without it.
    Nothing,
    /// Each of them does.
    All,
    /// Those of a kind do.
    Kind(&'static str),
    /// Those of a kind do, but for `--force`, which was not given.
    UnlessForced(&'static str),
}

impl Holds {
    fn is_held_by(self, kind: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Kind(held_by) | Self::UnlessForced(held_by) => kind == held_by,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Nothing | Self::All | Self::Kind(_) => "delete what depends on it first",
            Self::UnlessForced(_) => "delete what depends on it first, or give --force",
        }
    }
}

/// Prints what depends on something, a kind a line.
fn print_dependents(output: Output, dependents: &[Dependents]) -> Result<(), Error> {
    if !dependents.is_empty() {
        output.say("what depends on it:")?;
    }
    for dependent in dependents {
        let names = dependent.sample_names.join(", ");
        output.say(&format!("  {} {}: {names}", dependent.count, dependent.kind))?;
    }
    Ok(())
}

/// A time for a table: without its fraction, `-` where there is none.
pub(crate) fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| prost_types::Timestamp { nanos: 0, ..*time }.to_string())
}

/// The last segments of names, for a table.
pub(crate) fn ids(names: &[String]) -> String {
    let ids: Vec<_> = names.iter().map(|name| name.rsplit('/').next().unwrap_or_default()).collect();
    ids.join(" ")
}

/// How many credentials are in each state, `3 ACTIVE, 1 INACTIVE`.
pub(crate) fn credential_counts(counts: &[CredentialCount]) -> String {
    let counted = counts.iter().filter(|count| count.count > 0);
    let parts: Vec<_> = counted.map(|count| format!("{} {}", count.count, state(count.state))).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// A credential's state, as people know it.
pub(crate) fn state(number: i32) -> &'static str {
    word(CredentialState::try_from(number).unwrap_or_default().as_str_name(), "CREDENTIAL_STATE_")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn a_secret_can_t_be_an_argument() {
        let flags = ["keyplane", "credentials", "create", "main", "--provider", "openai", "--value", "sk-abc"];
        assert!(Flags::try_parse_from(flags).is_err());
        let flags = ["keyplane", "credentials", "create", "main", "--provider", "openai", "--value-file", "-"];
        assert!(Flags::try_parse_from(flags).is_ok());
    }

    #[test]
    fn a_delete_is_tried_as_it_would_go() {
        let dependents =
            |kind: &str| [Dependents { kind: kind.into(), count: 1, sample_names: vec!["projects/p/x/y".into()] }];
        let tried = |kind: &str, revision: u64, holds: Holds| {
            let answer = proto::admin::v1::DeleteSecretResponse { revision, ..Default::default() };
            let output = Output::new(crate::config::OutputFormat::Table);
            print_deleted(output, &"projects/p/secrets/s", &answer, revision, &dependents(kind), holds)
        };
        for (kind, holds, is_held) in [
            ("Credential", Holds::Kind("Credential"), true),
            ("Model", Holds::Kind("Credential"), false),
            ("Model", Holds::UnlessForced("Model"), true),
            ("Model", Holds::Nothing, false),
            ("CallerKey", Holds::All, true),
        ] {
            assert_eq!(tried(kind, 0, holds).is_err(), is_held, "{kind} {holds:?}");
            assert!(tried(kind, 7, holds).is_ok(), "what was deleted was not held");
        }
    }

    #[test]
    fn an_update_of_nothing_is_refused() {
        let flags = UpdateFlags {
            write: WriteFlags { validate_only: false, request_id: None },
            etag: String::new(),
            clear: vec![],
        };
        assert!(matches!(flags.mask(vec![]), Err(Error::Usage(_))));
        assert_eq!(flags.mask(vec!["owner"]).unwrap().unwrap().paths, ["owner"]);
    }
}
