//! `keyplane providers`.

use proto::admin::v1::{
    Adapter, AuthMode, CreateProviderRequest, DeleteProviderRequest, DeleteProviderResponse, ExposedModel,
    GetProviderRequest, ListProvidersRequest, Provider, UpdateProviderRequest,
};
use shared::name::ProviderName;

use super::{
    Changes, Context, DeleteFlags, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, credential_counts, ids,
    print_deleted,
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
        fields: Fields,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a provider.
    Update {
        /// The provider, by its id or its full name.
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
}

/// What an admin sets of a provider.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Who is upstream: `openai`, or any other name. Can't be changed later.
    #[arg(long, value_name = "VENDOR")]
    vendor: Option<String>,
    /// Which API it speaks; left out, the catalog's for the vendor. Can't be changed later.
    #[arg(long, value_enum)]
    adapter: Option<AdapterFlag>,
    /// Where it is, `https://api.openai.com/v1` and its like; left out, the catalog's for the vendor.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Whether proxies may use it.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
    /// How requests authenticate upstream. Can't be changed later.
    #[arg(long, value_enum)]
    auth_mode: Option<AuthModeFlag>,
    /// An environment in which it is active, by its id or its full name; may be repeated.
    #[arg(long = "environment", short, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// An upstream model that callers may reach, `*` for all; may be repeated.
    #[arg(long = "exposed-model", value_name = "MODEL")]
    exposed_models: Vec<String>,
    /// The upstream model for callers who ask for the provider alone.
    #[arg(long, value_name = "MODEL")]
    default_model: Option<String>,
}

/// Which API an upstream speaks.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AdapterFlag {
    /// OpenAI's API.
    Openai,
}

/// How requests authenticate upstream.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AuthModeFlag {
    /// With the provider's credentials.
    Managed,
    /// Not at all.
    None,
}

impl Fields {
    fn apply(self, provider: &mut Provider, project: &InProject) -> Result<Vec<&'static str>, Error> {
        let adapter = self.adapter.map(|AdapterFlag::Openai| Adapter::Openai.into());
        let auth_mode = self.auth_mode.map(|mode| match mode {
            AuthModeFlag::Managed => AuthMode::Managed.into(),
            AuthModeFlag::None => AuthMode::None.into(),
        });
        let exposed = self
            .exposed_models
            .into_iter()
            .map(|upstream_model| ExposedModel { upstream_model, display_name: String::new() })
            .collect();
        let mut changes = Changes::default();
        changes.set("display_name", &mut provider.display_name, self.display_name);
        changes.set("vendor", &mut provider.vendor, self.vendor);
        changes.set("adapter", &mut provider.adapter, adapter);
        changes.set("base_url", &mut provider.base_url, self.base_url);
        changes.set("enabled", &mut provider.enabled, self.enabled.map(Some));
        changes.set("auth_mode", &mut provider.auth_mode, auth_mode);
        changes.set_list("environments", &mut provider.environments, project.environments(&self.environments)?);
        changes.set_list("exposed_models", &mut provider.exposed_models, exposed);
        changes.set("default_model", &mut provider.default_model, self.default_model);
        Ok(changes.paths())
    }
}

impl Printable for Provider {
    const MESSAGE: &'static str = "keyplane.admin.v1.Provider";
}

impl Row for Provider {
    const HEADINGS: &'static [&'static str] = &["NAME", "VENDOR", "BASE URL", "ENABLED", "ENVIRONMENTS", "CREDENTIALS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.vendor.clone(),
            self.base_url.clone(),
            self.enabled.unwrap_or(true).to_string(),
            ids(&self.environments),
            credential_counts(&self.credential_counts),
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
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents)
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
