//! `keyplane proxies`.

use proto::admin::v1::{GetProxyRequest, ListProxiesRequest, Proxy, WatchProxiesRequest, WatchProxiesResponse};
use shared::name::ProxyName;

use super::{Context, ListFlags, PAGE_SIZE, time};
use crate::client::{every_page, send};
use crate::error::Error;
use crate::input;
use crate::output::{Printable, Progress, Row};

/// What to do with proxies.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists proxies.
    List(ListFlags),
    /// Shows a proxy.
    Get {
        /// The proxy, by its id or its full name.
        name: String,
    },
    /// Shows all proxies, then each change of one, until it is interrupted; in JSON one object a line.
    Watch,
}

impl Printable for Proxy {
    const MESSAGE: &'static str = "keyplane.admin.v1.Proxy";
}

impl Row for Proxy {
    const HEADINGS: &'static [&'static str] =
        &["NAME", "STREAM", "ENVIRONMENTS", "REVISION", "LAG", "UNUSABLE", "VERSION", "LAST SEEN"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.connected { "open" } else { "detached" }.to_owned(),
            environments(&self.environments),
            self.acked_revision.to_string(),
            self.lag.as_ref().map_or_else(|| "0s".to_owned(), ToString::to_string),
            self.unusable.len().to_string(),
            self.version.clone(),
            time(self.last_seen_time.as_ref()),
        ]
    }
}

/// Environments of several projects, as `project/environment`.
fn environments(names: &[String]) -> String {
    let short = names.iter().map(|name| name.replacen("projects/", "", 1).replacen("/environments/", "/", 1));
    short.collect::<Vec<_>>().join(" ")
}

impl Printable for WatchProxiesResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.WatchProxiesResponse";
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
            let request = GetProxyRequest { name: input::top_level::<ProxyName>(&name)?.to_string() };
            output.one(&send(async || client.fleet().get_proxy(request.clone()).await).await?)
        }
        Command::Watch => watch(context).await,
    }
}

/// Every proxy.
///
/// # Errors
///
/// What the control plane refused.
pub(super) async fn every(context: &Context, flags: ListFlags) -> Result<Vec<Proxy>, Error> {
    every_page(async |page_token| {
        let request = ListProxiesRequest { page_size: PAGE_SIZE, page_token, filter: flags.filter.clone() };
        let answer = send(async || context.client.fleet().list_proxies(request.clone()).await).await?;
        Ok((answer.proxies, answer.next_page_token))
    })
    .await
}

async fn watch(context: &Context) -> Result<(), Error> {
    let output = context.output;
    let mut stream = send(async || context.client.fleet().watch_proxies(WatchProxiesRequest {}).await).await?;
    let progress = Progress::new();
    while let Some(change) = stream.message().await? {
        progress.show("");
        if output.is_json() {
            output.line(&change)?;
        } else {
            if !change.proxies.is_empty() {
                output.list(&change.proxies)?;
            }
            for name in &change.removed {
                output.say(&format!("{name} is gone"))?;
            }
        }
        progress.show("watching; Ctrl-C ends it");
    }
    Ok(())
}
