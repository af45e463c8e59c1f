//! `keyplane rates`: what models cost at a provider.

use proto::admin::v1::{
    CreateRateRequest, DeleteRateRequest, DeleteRateResponse, GetRateRequest, ListRatesRequest, Rate, UpdateRateRequest,
};
use shared::name::RateName;

use super::credential::{OfProvider, parent};
use super::{Changes, Context, DeleteFlags, Holds, ListFlags, PAGE_SIZE, UpdateFlags, WriteFlags, print_deleted};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Row};

/// What to do with rates.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists a provider's rates.
    List {
        /// Its provider.
        #[command(flatten)]
        of: OfProvider,
        /// Which ones.
        #[command(flatten)]
        list: ListFlags,
    },
    /// Shows a rate.
    Get {
        /// Which one.
        #[command(flatten)]
        which: Which,
    },
    /// Makes a rate.
    Create {
        /// Its id; left out, one is made from the display name.
        #[arg(default_value = "")]
        id: String,
        /// Its provider.
        #[command(flatten)]
        of: OfProvider,
        /// Its fields.
        #[command(flatten)]
        fields: Fields,
        /// How to write.
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Changes a rate.
    Update {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// The fields to change.
        #[command(flatten)]
        fields: Fields,
        /// How to update.
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Deletes a rate.
    Delete {
        /// Which one.
        #[command(flatten)]
        which: Which,
        /// How to delete.
        #[command(flatten)]
        delete: DeleteFlags,
    },
}

/// Which rate.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The rate, by its id with --provider, or its full name.
    name: String,
    /// Its provider.
    #[command(flatten)]
    of: OfProvider,
}

impl Which {
    fn name(&self) -> Result<RateName, Error> {
        input::in_provider(&self.name, self.of.provider.as_deref(), &self.of.project.project)
    }
}

/// What an admin sets of a rate. Prices are decimals, `2.50`.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// The upstream's own name for the model. Can't be changed later.
    #[arg(long, value_name = "MODEL")]
    upstream_model: Option<String>,
    /// The price of a million input tokens.
    #[arg(long, value_name = "PRICE")]
    input_per_million: Option<String>,
    /// The price of a million output tokens.
    #[arg(long, value_name = "PRICE")]
    output_per_million: Option<String>,
    /// The price of a million input tokens that the provider had cached; left out, they cost what others do.
    #[arg(long, value_name = "PRICE")]
    cached_input_per_million: Option<String>,
    /// The currency, three letters; left out, USD.
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<String>,
}

impl Fields {
    fn apply(self, rate: &mut Rate) -> Vec<&'static str> {
        let mut changes = Changes::default();
        changes.set("display_name", &mut rate.display_name, self.display_name);
        changes.set("upstream_model", &mut rate.upstream_model, self.upstream_model);
        changes.set("input_per_million", &mut rate.input_per_million, self.input_per_million);
        changes.set("output_per_million", &mut rate.output_per_million, self.output_per_million);
        changes.set("cached_input_per_million", &mut rate.cached_input_per_million, self.cached_input_per_million);
        changes.set("currency", &mut rate.currency, self.currency);
        changes.paths()
    }
}

impl Printable for Rate {
    const MESSAGE: &'static str = "keyplane.admin.v1.Rate";
}

impl Row for Rate {
    const HEADINGS: &'static [&'static str] =
        &["NAME", "UPSTREAM MODEL", "INPUT / M", "OUTPUT / M", "CACHED INPUT / M", "CURRENCY"];

    fn cells(&self) -> Vec<String> {
        let or_dash = |price: &String| if price.is_empty() { "-".to_owned() } else { price.clone() };
        vec![
            self.name.clone(),
            self.upstream_model.clone(),
            self.input_per_million.clone(),
            self.output_per_million.clone(),
            or_dash(&self.cached_input_per_million),
            or_dash(&self.currency),
        ]
    }
}

impl Printable for DeleteRateResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DeleteRateResponse";
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Error> {
    let (client, output) = (&context.client, context.output);
    match command {
        Command::List { of, list } => output.list(&every(context, &of, list).await?),
        Command::Get { which } => {
            let request = GetRateRequest { name: which.name()?.to_string() };
            output.one(&send(async || client.rates().get_rate(request.clone()).await).await?)
        }
        Command::Create { id, of, fields, write } => {
            let mut rate = Rate::default();
            fields.apply(&mut rate);
            let request = CreateRateRequest {
                parent: parent(&of)?,
                rate_id: id,
                rate: Some(rate),
                validate_only: write.validate_only,
                request_id: write.request_id(),
            };
            output.one(&send(async || client.rates().create_rate(request.clone()).await).await?)
        }
        Command::Update { which, fields, update } => {
            let mut rate = Rate { name: which.name()?.to_string(), etag: update.etag.clone(), ..Default::default() };
            let update_mask = update.mask(fields.apply(&mut rate))?;
            let request = UpdateRateRequest {
                rate: Some(rate),
                update_mask,
                validate_only: update.write.validate_only,
                request_id: update.write.request_id(),
            };
            output.one(&send(async || client.rates().update_rate(request.clone()).await).await?)
        }
        Command::Delete { which, delete } => {
            let name = which.name()?;
            let request = DeleteRateRequest {
                name: name.to_string(),
                etag: delete.etag.clone(),
                validate_only: delete.write.validate_only,
                request_id: delete.write.request_id(),
            };
            let answer = send(async || client.rates().delete_rate(request.clone()).await).await?;
            print_deleted(output, &name, &answer, answer.revision, &answer.dependents, Holds::Nothing)
        }
    }
}

async fn every(context: &Context, of: &OfProvider, flags: ListFlags) -> Result<Vec<Rate>, Error> {
    let parent = parent(of)?;
    every_page(async |page_token| {
        let request =
            ListRatesRequest { parent: parent.clone(), page_size: PAGE_SIZE, page_token, filter: flags.filter.clone() };
        let answer = send(async || context.client.rates().list_rates(request.clone()).await).await?;
        Ok((answer.rates, answer.next_page_token))
    })
    .await
}
