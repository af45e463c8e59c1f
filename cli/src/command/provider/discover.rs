//! `keyplane providers discover-models`.

use proto::admin::v1::{DiscoverModelsRequest, DiscoverModelsResponse, DiscoveredModel};
use shared::name::ProviderName;

use super::super::{Context, ids};
use crate::client::send;
use crate::error::Error;
use crate::output::{Printable, Row, note};

impl Printable for DiscoverModelsResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.DiscoverModelsResponse";
}

impl Printable for DiscoveredModel {
    const MESSAGE: &'static str = "keyplane.admin.v1.DiscoveredModel";
}

impl Row for DiscoveredModel {
    const HEADINGS: &'static [&'static str] = &["UPSTREAM MODEL", "EXPOSED", "CREDENTIALS"];

    fn cells(&self) -> Vec<String> {
        let credentials = if self.credentials.is_empty() { "all".to_owned() } else { ids(&self.credentials) };
        vec![self.upstream_model.clone(), self.exposed.to_string(), credentials]
    }
}

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(super) async fn run(context: &Context, name: &ProviderName) -> Result<(), Error> {
    let request = DiscoverModelsRequest { name: name.to_string() };
    let answer = send(async || context.client.providers().discover_models(request.clone()).await).await?;
    if context.output.is_json() {
        return context.output.one(&answer);
    }
    context.output.list(&answer.models)?;
    for unlisted in &answer.unlisted {
        let message = unlisted.error.as_ref().map_or("", |error| error.message.as_str());
        note(&format!("{} could not list models: {message}", unlisted.credential))?;
    }
    Ok(())
}
