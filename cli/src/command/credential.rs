//! `keyplane credentials`. Values come from a file, the standard input or the terminal, never from an argument.

use std::path::PathBuf;

use proto::admin::v1::{
    CheckCredentialRequest, CreateCredentialRequest, Credential, CredentialStateReason, CredentialType,
    DeleteCredentialRequest, DeleteCredentialResponse, GetCredentialRequest, ListCredentialsRequest,
    RotateCredentialRequest, RotateCredentialResponse, UpdateCredentialRequest,
};
use shared::name::{CredentialName, ProviderName};

use super::rotation::{self, RotateFlags};
use super::value::{ValueFlags, plain};
use super::{
    Changes, Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, print_deleted,
    state, time,
};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row, word};

/// What to do with credentials.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists credentials.
    List {
        /// Their provider; left out, those of every provider of the project.
        #[command(flatten)]
        of: OfProvider,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows a credential.
    Get {
        /// Which one.
        #[command(flatten)]
        which: Which,
    },
    /// Makes a credential. Its value is checked with the provider first.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// Its provider.
        #[command(flatten)]
        of: OfProvider,
        /// Its value; left out, it is asked for.
        #[command(flatten)]
        value: ValueFlags,
        /// Its fields.
        #[command(flatten)]
        fields: Fields,
        /// Stores a value that can't be checked as UNVERIFIED instead of refusing it.
        #[arg(long)]
        skip_validation: bool,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a credential.
    Update {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// Its new value, or the Secret to link to.
        #[command(flatten)]
        value: ValueFlags,
        /// The fields to change.
        #[command(flatten)]
        fields: Fields,
        /// Stores a value that can't be checked as UNVERIFIED instead of refusing it.
        #[arg(long)]
        skip_validation: bool,
        /// How to update.
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Deletes a credential.
    Delete {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
    /// Asks the provider whether a credential is good, and shows its state after that.
    Check {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// Makes the cheapest chat with this upstream model where nothing free can tell. The provider charges for it.
        #[arg(long, default_value = "", value_name = "MODEL")]
        paid_check_model: String,
    },
    /// Gives a credential a new value, which is checked first; one that is not good changes nothing. Requests in flight keep the old one.
    Rotate {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// The new value; left out, it is asked for.
        #[command(flatten)]
        value: ValueFlags,
        /// The file with the new additional key, `-` for the standard input; left out, the old one stays.
        #[arg(long, value_name = "PATH")]
        additional_key_file: Option<PathBuf>,
        /// How to rotate.
        #[command(flatten)]
        rotate: RotateFlags,
    },
}

/// Whose credentials.
#[derive(Debug, clap::Args)]
pub(crate) struct OfProvider {
    /// The provider, by its id or its full name.
    #[arg(long, value_name = "PROVIDER")]
    pub(super) provider: Option<String>,
    /// The project.
    #[command(flatten)]
    pub(super) project: InProject,
}

/// Which credential.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The credential, by its id with --provider, or its full name.
    name: String,
    /// Its provider.
    #[command(flatten)]
    of: OfProvider,
}

impl Which {
    fn name(&self) -> Result<CredentialName, Error> {
        input::in_provider(&self.name, self.of.provider.as_deref(), &self.of.project.project)
    }
}

/// What an admin sets of a credential.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// The file with its additional key, for providers that want two; `-` for the standard input.
    #[arg(long, value_name = "PATH")]
    additional_key_file: Option<PathBuf>,
    /// Its share of the provider's requests, 0 to 100; 0 drains it.
    #[arg(long, value_name = "WEIGHT")]
    weight: Option<u32>,
    /// Whether it is taken out.
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// The upstream account whose rate limits it shares with the credentials of the project that name the same.
    #[arg(long, value_name = "ACCOUNT")]
    quota_group: Option<String>,
    /// Who answers for it.
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// When its owner means to replace it, `2030-01-31T00:00:00Z`: a reminder, not a limit.
    #[arg(long, value_name = "TIME", value_parser = input::moment)]
    expire_time: Option<prost_types::Timestamp>,
}

impl Fields {
    fn apply(self, credential: &mut Credential) -> Result<Vec<&'static str>, Error> {
        let additional_key = self.additional_key_file.as_deref().map(plain).transpose()?;
        let mut changes = Changes::default();
        changes.set("display_name", &mut credential.display_name, self.display_name);
        changes.set("additional_key", &mut credential.additional_key, additional_key);
        changes.set("weight", &mut credential.weight, self.weight.map(Some));
        changes.set("disabled", &mut credential.disabled, self.disabled);
        changes.set("quota_group", &mut credential.quota_group, self.quota_group);
        changes.set("owner", &mut credential.owner, self.owner);
        changes.set("expire_time", &mut credential.expire_time, self.expire_time.map(Some));
        Ok(changes.paths())
    }
}

impl Printable for Credential {
    const MESSAGE: &'static str = "keyplane.admin.v1.Credential";
}

impl Row for Credential {
    const HEADINGS: &'static [&'static str] =
        &["NAME", "TYPE", "VALUE", "WEIGHT", "STATE", "REASON", "LAST USED", "LAST ERROR"];

    fn cells(&self) -> Vec<String> {
        let reason = CredentialStateReason::try_from(self.state_reason).unwrap_or_default();
        vec![
            self.name.clone(),
            type_of(self.r#type),
            self.masked_value.clone(),
            self.weight.unwrap_or(1).to_string(),
            state(self.state).to_owned(),
            word(reason.as_str_name(), "CREDENTIAL_STATE_REASON_").to_owned(),
            time(self.last_used_time.as_ref()),
            self.last_error.as_ref().map_or_else(|| "-".to_owned(), |error| error.message.clone()),
        ]
    }
}

/// A credential's type, as people know it.
pub(super) fn type_of(number: i32) -> String {
    word(CredentialType::try_from(number).unwrap_or_default().as_str_name(), "CREDENTIAL_TYPE_").to_owned()
}

impl Printable for RotateCredentialResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.RotateCredentialResponse";
}

impl Printable for DeleteCredentialResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteCredentialResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Error> {
    let (client, output) = (&context.client, context.output);
    match command {
        Command::List { of, list } => output.list(&every(context, of, list).await?),
        Command::Get { which } => {
            let request = GetCredentialRequest { name: which.name()?.to_string() };
            output.one(&send(async || client.credentials().get_credential(request.clone()).await).await?)
        }
        Command::Create { id, of, value, fields, skip_validation, write } => {
            let value = Some(value.required(&of.project.project)?);
            let mut credential = Credential { value, ..Default::default() };
            fields.apply(&mut credential)?;
            let request = CreateCredentialRequest {
                parent: parent(&of)?,
                credential_id: id,
                credential: Some(credential),
                validate_only: write.validate_only,
                request_id: write.request_id(),
                skip_validation,
            };
            output.one(&send(async || client.credentials().create_credential(request.clone()).await).await?)
        }
        Command::Update { which, value, fields, skip_validation, update } => {
            let mut credential =
                Credential { name: which.name()?.to_string(), etag: update.etag.clone(), ..Default::default() };
            let mut changes = Changes::default();
            changes.set("value", &mut credential.value, value.given(&which.of.project.project)?.map(Some));
            let paths = [changes.paths(), fields.apply(&mut credential)?].concat();
            let update_mask = update.mask(paths)?;
            let request = UpdateCredentialRequest {
                credential: Some(credential),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
                skip_validation,
            };
            output.one(&send(async || client.credentials().update_credential(request.clone()).await).await?)
        }
        Command::Delete { which, delete } => {
            let name = which.name()?;
            let request = DeleteCredentialRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.credentials().delete_credential(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::Nothing)
        }
        Command::Check { which, paid_check_model } => {
            let request = CheckCredentialRequest { name: which.name()?.to_string(), paid_check_model };
            output.one(&send(async || client.credentials().check_credential(request.clone()).await).await?)
        }
        Command::Rotate { which, value, additional_key_file, rotate } => {
            let name = which.name()?.to_string();
            let request = RotateCredentialRequest {
                name: name.clone(),
                value: Some(value.required(&which.of.project.project)?),
                additional_key: additional_key_file.as_deref().map(plain).transpose()?.unwrap_or_default(),
                etag: rotate.etag.clone(),
                validate_only: rotate.write.validate_only,
                request_id: rotate.write.request_id(),
                skip_validation: rotate.skip_validation,
            };
            let answer = send(async || client.credentials().rotate_credential(request.clone()).await).await?;
            rotation::tell(context, &rotate, &name, &answer, answer.revision, &answer.dependents).await
        }
    }
}

/// The provider, which has to be said.
///
/// # Errors
///
/// When it was not, or is not one.
pub(super) fn parent(of: &OfProvider) -> Result<String, Error> {
    let provider = of.provider.as_deref().ok_or_else(|| Error::Usage("say which --provider it is for".into()))?;
    Ok(input::in_project::<ProviderName>(provider, &of.project.project)?.to_string())
}

async fn every(context: &Context, of: OfProvider, flags: ListFlags) -> Result<Vec<Credential>, Error> {
    let parent = match of.provider {
        Some(_) => parent(&of)?,
        None => format!("{}/providers/-", of.project.name()?),
    };
    every_page(async |page_token| {
        let request = ListCredentialsRequest {
            parent: parent.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: flags.filter.clone(),
        };
        let answer = send(async || context.client.credentials().list_credentials(request.clone()).await).await?;
        Ok((answer.credentials, answer.next_page_token))
    })
    .await
}
