//! `keyplane models`.

use proto::admin::v1::{
    CreateModelRequest, DeleteModelRequest, DeleteModelResponse, GetModelRequest, ListModelsRequest, Model, Target,
    UpdateModelRequest,
};
use shared::name::{ModelName, ProviderName};

use super::{
    Changes, Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, ids, print_deleted,
};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with models.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists models.
    List {
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows a model.
    Get {
        /// The model, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
    },
    /// Makes a model.
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
    /// Changes a model.
    Update {
        /// The model, by its id or its full name.
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
    /// Deletes a model.
    Delete {
        /// The model, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
}

/// What an admin sets of a model.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Where its requests go, `PROVIDER/UPSTREAM_MODEL[,weight=N][,priority=N]`; may be repeated.
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// An environment that has it, by its id or its full name; may be repeated. Left out, wherever a target is active.
    #[arg(long = "environment", short, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// How long one request may take in all, `600s`.
    #[arg(long, value_name = "DURATION", value_parser = input::seconds)]
    timeout: Option<prost_types::Duration>,
    /// How many upstream calls one request may make.
    #[arg(long, value_name = "COUNT")]
    max_attempts: Option<u32>,
}

impl Fields {
    fn apply(self, model: &mut Model, project: &InProject) -> Result<Vec<&'static str>, Error> {
        let targets = self.targets.iter().map(|text| target(text, project)).collect::<Result<_, _>>()?;
        let mut changes = Changes::default();
        changes.set("display_name", &mut model.display_name, self.display_name);
        changes.set_list("targets", &mut model.targets, targets);
        changes.set_list("environments", &mut model.environments, project.environments(&self.environments)?);
        changes.set("timeout", &mut model.timeout, self.timeout.map(Some));
        changes.set("max_attempts", &mut model.max_attempts, self.max_attempts.map(Some));
        Ok(changes.paths())
    }
}

/// Reads `PROVIDER/UPSTREAM_MODEL[,weight=N][,priority=N]`. The provider's id ends at the first slash.
fn target(text: &str, project: &InProject) -> Result<Target, Error> {
    let wrong = || Error::Usage(format!("{text} is not PROVIDER/UPSTREAM_MODEL[,weight=N][,priority=N]"));
    let mut parts = text.split(',');
    let (provider, upstream_model) = parts.next().and_then(|part| part.split_once('/')).ok_or_else(wrong)?;
    let provider = input::in_project::<ProviderName>(provider, &project.project)?.to_string();
    let mut target = Target { provider, upstream_model: upstream_model.to_owned(), ..Default::default() };
    for part in parts {
        let (key, value) = part.split_once('=').ok_or_else(wrong)?;
        let number = value.parse().map_err(|_| wrong())?;
        match key {
            "weight" => target.weight = Some(number),
            "priority" => target.priority = number,
            _ => return Err(wrong()),
        }
    }
    Ok(target)
}

impl Printable for Model {
    const MESSAGE: &'static str = "keyplane.admin.v1.Model";
}

impl Row for Model {
    const HEADINGS: &'static [&'static str] = &["NAME", "TARGETS", "ENVIRONMENTS"];

    fn cells(&self) -> Vec<String> {
        let targets = self.targets.iter().map(|target| {
            let provider = target.provider.rsplit('/').next().unwrap_or_default();
            format!("{provider}/{}", target.upstream_model)
        });
        vec![self.name.clone(), targets.collect::<Vec<_>>().join(" "), ids(&self.environments)]
    }
}

impl Printable for DeleteModelResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteModelResponse";
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
                GetModelRequest { name: input::in_project::<ModelName>(&name, &project.project)?.to_string() };
            output.one(&send(async || client.models().get_model(request.clone()).await).await?)
        }
        Command::Create { id, project, fields, write } => {
            let mut model = Model::default();
            fields.apply(&mut model, &project)?;
            let request = CreateModelRequest {
                parent: project.name()?.to_string(),
                model_id: id,
                model: Some(model),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            output.one(&send(async || client.models().create_model(request.clone()).await).await?)
        }
        Command::Update { name, project, fields, update } => {
            let mut model = Model {
                name: input::in_project::<ModelName>(&name, &project.project)?.to_string(),
                etag: update.etag.clone(),
                ..Default::default()
            };
            let update_mask = update.mask(fields.apply(&mut model, &project)?)?;
            let request = UpdateModelRequest {
                model: Some(model),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.models().update_model(request.clone()).await).await?)
        }
        Command::Delete { name, project, delete } => {
            let name = input::in_project::<ModelName>(&name, &project.project)?;
            let request = DeleteModelRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.models().delete_model(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::Nothing)
        }
    }
}

async fn every(context: &Context, project: InProject, flags: ListFlags) -> Result<Vec<Model>, Error> {
    let parent = project.name()?.to_string();
    every_page(async |page_token| {
        let request = ListModelsRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: flags.filter.clone(),
        };
        let answer = send(async || context.client.models().list_models(request.clone()).await).await?;
        Ok((answer.models, answer.next_page_token))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_with_its_weight_and_priority() {
        let project = InProject { project: "default".into() };
        let read = target("vllm/meta/llama-3,weight=3,priority=1", &project).unwrap();
        assert_eq!(read.provider, "projects/default/providers/vllm");
        assert_eq!(read.upstream_model, "meta/llama-3");
        assert_eq!((read.weight, read.priority), (Some(3), 1));
        for wrong in ["vllm", "vllm/m,heavy", "vllm/m,weight=x", "vllm/m,size=1", "V/m"] {
            assert!(target(wrong, &project).is_err(), "{wrong}");
        }
    }
}
