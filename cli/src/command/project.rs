//! `keyplane projects`.

use proto::admin::v1::{
    CreateProjectRequest, DeleteProjectRequest, DeleteProjectResponse, GetProjectRequest, ListProjectsRequest, Project,
    UpdateProjectRequest,
};

use super::{Changes, Context, DeleteFlags, Holds, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, print_deleted, time};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with projects.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists projects.
    List(ListFlags),
    /// Shows a project.
    Get {
        /// The project, by its id or its full name.
        name: String,
    },
    /// Makes a project.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// Its fields.
        #[command(flatten)]
        fields: Fields,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a project.
    Update {
        /// The project, by its id or its full name.
        name: String,
        /// The fields to change.
        #[command(flatten)]
        fields: Fields,
        /// How to update.
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Deletes a project.
    Delete {
        /// The project, by its id or its full name.
        name: String,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
}

/// What an admin sets of a project.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
}

impl Fields {
    fn apply(self, project: &mut Project) -> Vec<&'static str> {
        let mut changes = Changes::default();
        changes.set("display_name", &mut project.display_name, self.display_name);
        changes.paths()
    }
}

impl Printable for Project {
    const MESSAGE: &'static str = "keyplane.admin.v1.Project";
}

impl Row for Project {
    const HEADINGS: &'static [&'static str] = &["NAME", "DISPLAY NAME", "UPDATED"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.display_name.clone(), time(self.update_time.as_ref())]
    }
}

impl Printable for DeleteProjectResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteProjectResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Error> {
    let (client, output) = (&context.client, context.output);
    match command {
        Command::List(flags) => output.list(&list(context, flags).await?),
        Command::Get { name } => {
            let request = GetProjectRequest { name: input::project(&name)?.to_string() };
            output.one(&send(async || client.projects().get_project(request.clone()).await).await?)
        }
        Command::Create { id, fields, write } => {
            let mut project = Project::default();
            fields.apply(&mut project);
            let request = CreateProjectRequest {
                project_id: id,
                project: Some(project),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            output.one(&send(async || client.projects().create_project(request.clone()).await).await?)
        }
        Command::Update { name, fields, update } => {
            let mut project =
                Project { name: input::project(&name)?.to_string(), etag: update.etag.clone(), ..Default::default() };
            let update_mask = update.mask(fields.apply(&mut project))?;
            let request = UpdateProjectRequest {
                project: Some(project),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.projects().update_project(request.clone()).await).await?)
        }
        Command::Delete { name, delete } => {
            let name = input::project(&name)?;
            let request = DeleteProjectRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.projects().delete_project(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::All)
        }
    }
}

async fn list(context: &Context, flags: ListFlags) -> Result<Vec<Project>, Error> {
    every_page(async |page_token| {
        let request = ListProjectsRequest { page_size: PAGE_SIZE, page_token, filter: flags.filter.clone() };
        let answer = send(async || context.client.projects().list_projects(request.clone()).await).await?;
        Ok((answer.projects, answer.next_page_token))
    })
    .await
}
