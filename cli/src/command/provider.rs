//! `keyplane providers`.

mod discover;
pub(crate) mod fields;
pub(crate) mod test;

use proto::admin::v1::{
    CreateProviderRequest, DeleteProviderRequest, DeleteProviderResponse, GetProviderRequest, ListProvidersRequest,
    Provider, UpdateProviderRequest,
};
use shared::name::ProviderName;

use self::fields::Fields;
use super::value::ValueFlags;
use super::{
    Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, credential_counts, ids,
    print_deleted, time,
};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with providers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists providers.
    List {
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows a provider.
    Get {
        /// The provider, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
    },
    /// Makes a provider.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Its fields.
        #[command(flatten)]
        fields: Box<Fields>,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a provider. A list or map that is given replaces the one that was there.
    Update {
        /// The provider, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// The fields to change.
        #[command(flatten)]
        fields: Box<Fields>,
        /// How to update.
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Deletes a provider.
    Delete {
        /// The provider, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Takes it out of the models that target it too.
        #[arg(long)]
        force: bool,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
    /// Tries whether a provider would work with a credential, and lists the models that it can reach. Saves nothing; exits with 1 if it
    /// would not.
    Test {
        /// The project.
        #[command(flatten)]
        project: InProject,
        /// The provider as it would be.
        #[command(flatten)]
        fields: Box<Fields>,
        /// The credential's value.
        #[command(flatten)]
        value: ValueFlags,
        /// Makes the cheapest chat with this upstream model where nothing free can tell. The provider charges for it.
        #[arg(long, default_value = "", value_name = "MODEL")]
        paid_check_model: String,
    },
    /// Lists the models that a provider's credentials can reach.
    DiscoverModels {
        /// The provider, by its id or its full name.
        name: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
    },
}

impl Printable for Provider {
    const MESSAGE: &'static str = "keyplane.admin.v1.Provider";
}

impl Row for Provider {
    const HEADINGS: &'static [&'static str] =
        &["NAME", "VENDOR", "BASE URL", "ENABLED", "ENVIRONMENTS", "CREDENTIALS", "LAST USED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.vendor.clone(),
            self.base_url.clone(),
            self.enabled.unwrap_or(true).to_string(),
            ids(&self.environments),
            credential_counts(&self.credential_counts),
            time(self.last_used_time.as_ref()),
        ]
    }
}

impl Printable for DeleteProviderResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteProviderResponse";
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
                GetProviderRequest { name: input::in_project::<ProviderName>(&name, &project.project)?.to_string() };
            output.one(&send(async || client.providers().get_provider(request.clone()).await).await?)
        }
        Command::Create { id, project, fields, write } => {
            let mut provider = Provider::default();
            fields.apply(&mut provider, &project)?;
            let request = CreateProviderRequest {
                parent: project.name()?.to_string(),
                provider_id: id,
                provider: Some(provider),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            output.one(&send(async || client.providers().create_provider(request.clone()).await).await?)
        }
        Command::Update { name, project, fields, update } => {
            let mut provider = Provider {
                name: input::in_project::<ProviderName>(&name, &project.project)?.to_string(),
                etag: update.etag.clone(),
                ..Default::default()
            };
            let update_mask = update.mask(fields.apply(&mut provider, &project)?)?;
            let request = UpdateProviderRequest {
                provider: Some(provider),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.providers().update_provider(request.clone()).await).await?)
        }
        Command::Delete { name, project, force, delete } => {
            let name = input::in_project::<ProviderName>(&name, &project.project)?;
            let request = DeleteProviderRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
                force,
            };
            let answer = send(async || client.providers().delete_provider(request.clone()).await).await?;
            let holds = if force { Holds::Nothing } else { Holds::UnlessForced("Model") };
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, holds)
        }
        Command::Test { project, fields, value, paid_check_model } => {
            test::run(context, &project, *fields, &value, paid_check_model).await
        }
        Command::DiscoverModels { name, project } => {
            discover::run(context, &input::in_project(&name, &project.project)?).await
        }
    }
}

async fn every(context: &Context, project: InProject, flags: ListFlags) -> Result<Vec<Provider>, Error> {
    let parent = project.name()?.to_string();
    every_page(async |page_token| {
        let request = ListProvidersRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: flags.filter.clone(),
        };
        let answer = send(async || context.client.providers().list_providers(request.clone()).await).await?;
        Ok((answer.providers, answer.next_page_token))
    })
    .await
}
