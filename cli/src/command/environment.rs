//! `keyplane environments`.

use proto::admin::v1::{
    CreateEnvironmentRequest, DeleteEnvironmentRequest, DeleteEnvironmentResponse, Environment, GetEnvironmentRequest,
    ListEnvironmentsRequest, UpdateEnvironmentRequest,
};
use shared::name::EnvironmentName;

use super::{
    Changes, Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, print_deleted, time,
};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with environments.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists environments.
    List {
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows an environment.
    Get {
        /// The environment, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
    },
    /// Makes an environment.
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
    /// Changes an environment.
    Update {
        /// The environment, by its id or its full name.
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
    /// Deletes an environment.
    Delete {
        /// The environment, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
}

/// What an admin sets of an environment.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
}

impl Fields {
    fn apply(self, environment: &mut Environment) -> Vec<&'static str> {
        let mut changes = Changes::default();
        changes.set("display_name", &mut environment.display_name, self.display_name);
        changes.paths()
    }
}

impl Printable for Environment {
    const MESSAGE: &'static str = "keyplane.admin.v1.Environment";
}

impl Row for Environment {
    const HEADINGS: &'static [&'static str] = &["NAME", "DISPLAY NAME", "UPDATED"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.display_name.clone(), time(self.update_time.as_ref())]
    }
}

impl Printable for DeleteEnvironmentResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteEnvironmentResponse";
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
            let request = GetEnvironmentRequest {
                name: input::in_project::<EnvironmentName>(&name, &project.project)?.to_string(),
            };
            output.one(&send(async || client.environments().get_environment(request.clone()).await).await?)
        }
        Command::Create { id, project, fields, write } => {
            let mut environment = Environment::default();
            fields.apply(&mut environment);
            let request = CreateEnvironmentRequest {
                parent: project.name()?.to_string(),
                environment_id: id,
                environment: Some(environment),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            output.one(&send(async || client.environments().create_environment(request.clone()).await).await?)
        }
        Command::Update { name, project, fields, update } => {
            let mut environment = Environment {
                name: input::in_project::<EnvironmentName>(&name, &project.project)?.to_string(),
                etag: update.etag.clone(),
                ..Default::default()
            };
            let update_mask = update.mask(fields.apply(&mut environment))?;
            let request = UpdateEnvironmentRequest {
                environment: Some(environment),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.environments().update_environment(request.clone()).await).await?)
        }
        Command::Delete { name, project, delete } => {
            let name = input::in_project::<EnvironmentName>(&name, &project.project)?;
            let request = DeleteEnvironmentRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.environments().delete_environment(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::All)
        }
    }
}

async fn every(context: &Context, project: InProject, flags: ListFlags) -> Result<Vec<Environment>, Error> {
    let parent = project.name()?.to_string();
    every_page(async |page_token| {
        let request = ListEnvironmentsRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: flags.filter.clone(),
        };
        let answer = send(async || context.client.environments().list_environments(request.clone()).await).await?;
        Ok((answer.environments, answer.next_page_token))
    })
    .await
}
