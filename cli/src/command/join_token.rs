//! `keyplane join-tokens`.

use proto::admin::v1::{
    CreateJoinTokenRequest, DeleteJoinTokenRequest, DeleteJoinTokenResponse, GetJoinTokenRequest, JoinToken,
    ListJoinTokensRequest,
};
use shared::name::JoinTokenName;

use super::{Context, DeleteFlags, Holds, InProject, ListFlags, PAGE_SIZE, WriteFlags, print_deleted, time};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with join tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists join tokens.
    List(ListFlags),
    /// Shows a join token.
    Get {
        /// The join token, by its id or its full name.
        name: String,
    },
    /// Makes a join token and shows it, this once.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// What people call it.
        #[arg(long, default_value = "", value_name = "TEXT")]
        display_name: String,
        /// An environment whose state its proxies receive: its id, its full name, or a pattern such as
        /// `projects/-/environments/production` or `projects/-/environments/-`; may be repeated.
        #[arg(long = "environment", short, required = true, value_name = "ENVIRONMENT")]
        environments: Vec<String>,
        /// When it stops working, `2030-01-31T00:00:00Z`; left out, never.
        #[arg(long, value_name = "TIME", value_parser = input::moment)]
        expire_time: Option<prost_types::Timestamp>,
        /// How many proxies may join with it; 0 is any number.
        #[arg(long, default_value_t, value_name = "COUNT")]
        max_uses: u32,
        /// The project of environments that are given by their ids.
        #[command(flatten)]
        project: InProject,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Deletes a join token: nothing joins with it any more.
    Delete {
        /// The join token, by its id or its full name.
        name: String,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
}

impl Printable for JoinToken {
    const MESSAGE: &'static str = "keyplane.admin.v1.JoinToken";
}

impl Row for JoinToken {
    const HEADINGS: &'static [&'static str] = &["NAME", "ENVIRONMENTS", "USES", "EXPIRES"];

    fn cells(&self) -> Vec<String> {
        let uses =
            if self.max_uses == 0 { self.uses.to_string() } else { format!("{} of {}", self.uses, self.max_uses) };
        vec![self.name.clone(), self.environments.join(" "), uses, time(self.expire_time.as_ref())]
    }
}

impl Printable for DeleteJoinTokenResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteJoinTokenResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Error> {
    let (client, output) = (&context.client, context.output);
    match command {
        Command::List(flags) => output.list(&every(context, flags).await?),
        Command::Get { name } => {
            let request = GetJoinTokenRequest { name: input::top_level::<JoinTokenName>(&name)?.to_string() };
            output.one(&send(async || client.fleet().get_join_token(request.clone()).await).await?)
        }
        Command::Create { id, display_name, environments, expire_time, max_uses, project, write } => {
            let environments = environments.iter().map(|text| pattern(text, &project)).collect::<Result<_, _>>()?;
            let join_token = JoinToken { display_name, environments, expire_time, max_uses, ..Default::default() };
            let request = CreateJoinTokenRequest {
                join_token_id: id,
                join_token: Some(join_token),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            let made = send(async || client.fleet().create_join_token(request.clone()).await).await?;
            output.with_plaintext(&made, &made.plaintext)
        }
        Command::Delete { name, delete } => {
            let name: JoinTokenName = input::top_level(&name)?;
            let request = DeleteJoinTokenRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.fleet().delete_join_token(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::Nothing)
        }
    }
}

/// An environment or a pattern of them. A pattern is the control plane's to read.
fn pattern(text: &str, project: &InProject) -> Result<String, Error> {
    if text.starts_with("projects/-/") {
        return Ok(text.to_owned());
    }
    Ok(project.environments(&[text.to_owned()])?.remove(0))
}

async fn every(context: &Context, flags: ListFlags) -> Result<Vec<JoinToken>, Error> {
    every_page(async |page_token| {
        let request = ListJoinTokensRequest { page_size: PAGE_SIZE, page_token, filter: flags.filter.clone() };
        let answer = send(async || context.client.fleet().list_join_tokens(request.clone()).await).await?;
        Ok((answer.join_tokens, answer.next_page_token))
    })
    .await
}
