//! `keyplane caller-keys`.

use proto::admin::v1::{
    CallerKey, CreateCallerKeyRequest, DeleteCallerKeyRequest, DeleteCallerKeyResponse, GetCallerKeyRequest,
    ListCallerKeysRequest, UpdateCallerKeyRequest,
};
use shared::name::{CallerKeyName, EnvironmentName};

use super::{
    Changes, Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, ids, print_deleted,
    time,
};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with caller keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists caller keys.
    List {
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows a caller key.
    Get {
        /// The caller key, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
    },
    /// Makes a caller key and shows it, this once.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Its fields.
        #[command(flatten)]
        fields: Fields,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a caller key.
    Update {
        /// The caller key, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// The fields to change.
        #[command(flatten)]
        fields: Fields,
        /// How to update.
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Deletes a caller key.
    Delete {
        /// The caller key, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
}

/// What an admin sets of a caller key.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// The environment in which it works, by its id or its full name. Can't be changed later.
    #[arg(long, short, value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// A model that it may ask for, by the name asked for; a trailing `*` is a prefix. May be repeated.
    #[arg(long = "allowed-model", value_name = "MODEL")]
    allowed_models: Vec<String>,
    /// When it stops working, `2030-01-31T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = input::moment)]
    expire_time: Option<prost_types::Timestamp>,
    /// Whether it is taken out.
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Who answers for it.
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// What people sort it by, `KEY=VALUE`; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
}

impl Fields {
    fn apply(self, caller_key: &mut CallerKey, project: &InProject) -> Result<Vec<&'static str>, Error> {
        let environment = self.environment.map(|text| input::in_project::<EnvironmentName>(&text, &project.project));
        let mut changes = Changes::default();
        changes.set("display_name", &mut caller_key.display_name, self.display_name);
        changes.set("environment", &mut caller_key.environment, environment.transpose()?.map(|name| name.to_string()));
        changes.set_list("allowed_models", &mut caller_key.allowed_models, self.allowed_models);
        changes.set("expire_time", &mut caller_key.expire_time, self.expire_time.map(Some));
        changes.set("disabled", &mut caller_key.disabled, self.disabled);
        changes.set("owner", &mut caller_key.owner, self.owner);
        let labels = (!self.labels.is_empty()).then(|| self.labels.iter().map(|text| input::pair(text)).collect());
        changes.set("labels", &mut caller_key.labels, labels.transpose()?);
        Ok(changes.paths())
    }
}

impl Printable for CallerKey {
    const MESSAGE: &'static str = "keyplane.admin.v1.CallerKey";
}

impl Row for CallerKey {
    const HEADINGS: &'static [&'static str] = &["NAME", "ENVIRONMENT", "ALLOWED MODELS", "EXPIRES", "DISABLED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            ids(std::slice::from_ref(&self.environment)),
            self.allowed_models.join(" "),
            time(self.expire_time.as_ref()),
            self.disabled.to_string(),
        ]
    }
}

impl Printable for DeleteCallerKeyResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteCallerKeyResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Error> {
    let (client, output) = (&context.client, context.output);
    match command {
        Command::List { project, list } => output.list(&every(context, project, list).await?),
        Command::Get { name, project } => {
            let request =
                GetCallerKeyRequest { name: input::in_project::<CallerKeyName>(&name, &project.project)?.to_string() };
            output.one(&send(async || client.caller_keys().get_caller_key(request.clone()).await).await?)
        }
        Command::Create { id, project, fields, write } => {
            let mut caller_key = CallerKey::default();
            fields.apply(&mut caller_key, &project)?;
            let request = CreateCallerKeyRequest {
                parent: project.name()?.to_string(),
                caller_key_id: id,
                caller_key: Some(caller_key),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            let made = send(async || client.caller_keys().create_caller_key(request.clone()).await).await?;
            output.with_plaintext(&made, &made.plaintext)
        }
        Command::Update { name, project, fields, update } => {
            let mut caller_key = CallerKey {
                name: input::in_project::<CallerKeyName>(&name, &project.project)?.to_string(),
                etag: update.etag.clone(),
                ..Default::default()
            };
            let update_mask = update.mask(fields.apply(&mut caller_key, &project)?)?;
            let request = UpdateCallerKeyRequest {
                caller_key: Some(caller_key),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.caller_keys().update_caller_key(request.clone()).await).await?)
        }
        Command::Delete { name, project, delete } => {
            let name = input::in_project::<CallerKeyName>(&name, &project.project)?;
            let request = DeleteCallerKeyRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.caller_keys().delete_caller_key(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::Nothing)
        }
    }
}

async fn every(context: &Context, project: InProject, flags: ListFlags) -> Result<Vec<CallerKey>, Error> {
    let parent = project.name()?.to_string();
    every_page(async |page_token| {
        let request = ListCallerKeysRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: flags.filter.clone(),
        };
        let answer = send(async || context.client.caller_keys().list_caller_keys(request.clone()).await).await?;
        Ok((answer.caller_keys, answer.next_page_token))
    })
    .await
}
