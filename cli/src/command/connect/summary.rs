//! What would be made, in words. Never a secret.

use proto::admin::v1::{ConnectProviderRequest, TestConnectionResponse};

use super::super::catalog;
use super::super::{ids, state};

/// The lines of a summary.
pub(super) fn of(request: &ConnectProviderRequest, found: Option<&TestConnectionResponse>) -> String {
    let provider = request.provider.clone().unwrap_or_default();
    let or = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
    let found_url = found.map_or("", |found| found.base_url.as_str());
    let exposed: Vec<_> = provider.exposed_models.iter().map(|model| model.upstream_model.as_str()).collect();
    let models = request.models.iter().map(|made| {
        let targets = made.model.iter().flat_map(|model| &model.targets);
        format!("{} = {}", made.model_id, targets.map(|target| &*target.upstream_model).collect::<Vec<_>>().join(" "))
    });
    let credential = match (&request.credential, found) {
        (None, _) => "none".to_owned(),
        (Some(_), Some(found)) => format!("one, {}", state(found.state)),
        (Some(_), None) => "one, to be checked".to_owned(),
    };
    let mut lines = vec![
        format!("provider      {} ({})", provider.display_name, or(&request.provider_id, "id made from the name")),
        format!("vendor        {}", provider.vendor),
        format!("base URL      {}", or(&provider.base_url, &or(found_url, "the catalog's"))),
        format!("credential    {credential}"),
        format!("callers reach {}", or(&exposed.join(" "), "nothing")),
        format!("active in     {}", or(&ids(&provider.environments), "no environment")),
        format!("models        {}", or(&models.collect::<Vec<_>>().join(", "), "none")),
    ];
    if provider.adapter != 0 {
        lines.insert(2, format!("adapter       {}", catalog::adapter(provider.adapter)));
    }
    if !provider.region.is_empty() {
        lines.insert(2, format!("region        {}", provider.region));
    }
    if request.skip_validation {
        lines.push("It is stored unverified if it can't be checked.".into());
    }
    lines.join("\n")
}
