//! `keyplane status`: the fleet at a glance.

use proto::admin::v1::{EnvironmentStatus, GetStatusRequest, Status};

use super::{Context, ListFlags, credential_counts, proxy, time};
use crate::client::send;
use crate::error::Error;
use crate::output::{Printable, Row};

impl Printable for Status {
    const MESSAGE: &'static str = "keyplane.admin.v1.Status";
}

impl Printable for EnvironmentStatus {
    const MESSAGE: &'static str = "keyplane.admin.v1.EnvironmentStatus";
}

impl Row for EnvironmentStatus {
    const HEADINGS: &'static [&'static str] = &["ENVIRONMENT", "REVISION", "RESOURCES", "PROXIES", "OPEN", "CURRENT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.environment.clone(),
            self.revision.to_string(),
            self.resources.to_string(),
            self.proxies.to_string(),
            self.connected_proxies.to_string(),
            self.current_proxies.to_string(),
        ]
    }
}

/// Runs the command. In JSON it is the `Status` message; proxies are `keyplane proxies list`.
///
/// # Errors
///
/// What the control plane refused, or can't be printed.
pub(crate) async fn run(context: &Context) -> Result<(), Error> {
    let output = context.output;
    let status = send(async || context.client.system().get_status(GetStatusRequest {}).await).await?;
    if output.is_json() {
        return output.one(&status);
    }
    output.say(&glance(&status))?;
    output.say("")?;
    output.list(&status.environments)?;
    output.say("")?;
    output.list(&proxy::every(context, ListFlags { filter: String::new() }).await?)
}

fn glance(status: &Status) -> String {
    let sealed = match status.sealed_reason.as_str() {
        "" => String::new(),
        reason => format!("SEALED: {reason}\n"),
    };
    let lag = status.lag.as_ref().map_or_else(|| "0s".to_owned(), ToString::to_string);
    let credentials = credential_counts(&status.credential_counts);
    format!(
        "{sealed}control plane {}, since {}\nrevision {} of store {}\nproxies {}, {} with an open stream, lag {lag}\n\
         credentials {credentials}",
        status.version,
        time(status.start_time.as_ref()),
        status.revision,
        status.store_id,
        status.proxies,
        status.connected_proxies,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_store_is_the_first_thing_said() {
        let status = Status { sealed_reason: "no master key opens it".into(), ..Default::default() };
        assert!(glance(&status).starts_with("SEALED: no master key opens it\n"));
        assert!(glance(&Status::default()).starts_with("control plane"));
    }
}
