//! `keyplane secrets`. Values come from a file, the standard input or the terminal, never from an argument.

use proto::admin::v1::{
    CreateSecretRequest, DeleteSecretRequest, DeleteSecretResponse, GetSecretRequest, ListSecretsRequest,
    RotateSecretRequest, RotateSecretResponse, Secret, UpdateSecretRequest,
};
use shared::name::SecretName;

use super::credential::type_of;
use super::rotation::{self, RotateFlags};
use super::value::OwnValueFlags;
use super::{
    Changes, Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, print_deleted,
};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with secrets.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists secrets.
    List {
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows a secret, without its value.
    Get {
        /// Which one.
        #[command(flatten)]
        which: Which,
    },
    /// Makes a secret.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// Its project.
        #[command(flatten)]
        project: InProject,
        /// Its value; left out, it is asked for.
        #[command(flatten)]
        value: OwnValueFlags,
        /// What people call it.
        #[arg(long, default_value = "", value_name = "TEXT")]
        display_name: String,
        /// Where the value may be sent, `https://api.openai.com`; may be repeated. An access key pair needs none.
        #[arg(long = "allowed-origin", value_name = "ORIGIN")]
        allowed_origins: Vec<String>,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a secret. A new value is given with `rotate`.
    Update {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// What people call it.
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// How to update.
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Deletes a secret that no credential links to.
    Delete {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
    /// Gives a secret a new value, and so every credential that links to it, at once. It is checked first; one that is not good changes
    /// nothing.
    Rotate {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// The new value; left out, it is asked for.
        #[command(flatten)]
        value: OwnValueFlags,
        /// Where the new value may be sent; left out, where the old one might. May be repeated.
        #[arg(long = "allowed-origin", value_name = "ORIGIN")]
        allowed_origins: Vec<String>,
        /// How to rotate.
        #[command(flatten)]
        rotate: RotateFlags,
    },
}

/// Which secret.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The secret, by its id or its full name.
    name: String,
    /// Its project.
    #[command(flatten)]
    project: InProject,
}

impl Which {
    fn name(&self) -> Result<SecretName, Error> {
        input::in_project(&self.name, &self.project.project)
    }
}

impl Printable for Secret {
    const MESSAGE: &'static str = "keyplane.admin.v1.Secret";
}

impl Row for Secret {
    const HEADINGS: &'static [&'static str] = &["NAME", "TYPE", "VALUE", "VERSION", "ALLOWED ORIGINS", "LINKED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            type_of(self.r#type),
            self.masked_value.clone(),
            self.version.to_string(),
            self.allowed_origins.join(" "),
            self.linked_credential_count.to_string(),
        ]
    }
}

impl Printable for DeleteSecretResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteSecretResponse";
}

impl Printable for RotateSecretResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.RotateSecretResponse";
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
        Command::Get { which } => {
            let request = GetSecretRequest { name: which.name()?.to_string() };
            output.one(&send(async || client.secrets().get_secret(request.clone()).await).await?)
        }
        Command::Create { id, project, value, display_name, allowed_origins, write } => {
            let value = Some(value.required()?);
            let request = CreateSecretRequest {
                parent: project.name()?.to_string(),
                secret_id: id,
                secret: Some(Secret { display_name, value, allowed_origins, ..Default::default() }),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            output.one(&send(async || client.secrets().create_secret(request.clone()).await).await?)
        }
        Command::Update { which, display_name, update } => {
            let mut secret =
                Secret { name: which.name()?.to_string(), etag: update.etag.clone(), ..Default::default() };
            let mut changes = Changes::default();
            changes.set("display_name", &mut secret.display_name, display_name);
            let request = UpdateSecretRequest {
                secret: Some(secret),
                update_mask: update.mask(changes.paths())?,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.secrets().update_secret(request.clone()).await).await?)
        }
        Command::Delete { which, delete } => {
            let name = which.name()?;
            let request = DeleteSecretRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.secrets().delete_secret(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::Kind("Credential"))
        }
        Command::Rotate { which, value, allowed_origins, rotate } => {
            let name = which.name()?.to_string();
            let request = RotateSecretRequest {
                name: name.clone(),
                value: Some(value.required()?),
                allowed_origins,
                etag: rotate.etag.clone(),
                validate_only: rotate.write.validate_only,
                request_id: rotate.write.request_id(),
                skip_validation: rotate.skip_validation,
            };
            let answer = send(async || client.secrets().rotate_secret(request.clone()).await).await?;
            rotation::tell(context, &rotate, &name, &answer, answer.revision, &answer.dependents).await
        }
    }
}

async fn every(context: &Context, project: InProject, flags: ListFlags) -> Result<Vec<Secret>, Error> {
    let parent = project.name()?.to_string();
    every_page(async |page_token| {
        let request = ListSecretsRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: flags.filter.clone(),
        };
        let answer = send(async || context.client.secrets().list_secrets(request.clone()).await).await?;
        Ok((answer.secrets, answer.next_page_token))
    })
    .await
}
