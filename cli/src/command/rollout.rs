//! `keyplane rollout`: waits until the fleet has a revision.

use std::time::Duration;

use proto::admin::v1::{GetStatusRequest, Proxy, WaitForRolloutRequest, WaitForRolloutResponse};
use tokio::time::Instant;
use tonic::{Code, Request};

use super::{Context, InProject, ListFlags, proxy};
use crate::client::send;
use crate::error::Error;
use crate::output::{Printable, Progress};

/// What to do with rollouts.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Waits until every proxy has applied a revision; exits with 5 if some have not when the time ends.
    Wait(Wait),
}

/// What to wait for, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    /// The revision, as writes answer it; left out, the store's head now.
    #[arg(long, default_value_t, value_name = "REVISION")]
    revision: u64,
    /// Only the proxies of this environment, by its id or its full name; may be repeated.
    #[arg(long = "environment", short, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// Does not wait for proxies without a stream, which still serve what they have.
    #[arg(long)]
    ignore_detached: bool,
    /// How many seconds to wait.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// The project of environments that are given by their ids.
    #[command(flatten)]
    project: InProject,
}

impl Printable for WaitForRolloutResponse {
    const MESSAGE: &'static str = "keyplane.admin.v1.WaitForRolloutResponse";
}

/// How often the progress is looked up, on a terminal.
const PROGRESS_PERIOD: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
///
/// What the control plane refused, or that the rollout was not complete in time.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Error> {
    let Command::Wait(wait) = command;
    let output = context.output;
    let answer = wait_for(&wait, context).await?;
    if output.is_json() {
        output.one(&answer)?;
    } else if answer.complete {
        let count = answer.acknowledged.len();
        output.say(&format!("revision {} is applied by every proxy that counts ({count})", answer.revision))?;
    }
    if answer.complete { Ok(()) } else { Err(Error::Incomplete(missing(&answer))) }
}

/// Waits until every proxy that the revision touches has it.
///
/// # Errors
///
/// As [`run`].
pub(super) async fn wait_for_all(revision: u64, timeout: u64, context: &Context) -> Result<(), Error> {
    let project = InProject { project: String::new() };
    let wait = Wait { revision, environments: Vec::new(), ignore_detached: false, timeout, project };
    let answer = wait_for(&wait, context).await?;
    if answer.complete { Ok(()) } else { Err(Error::Incomplete(missing(&answer))) }
}

async fn wait_for(wait: &Wait, context: &Context) -> Result<WaitForRolloutResponse, Error> {
    tokio::select! {
        answer = answer(wait, context) => answer,
        failed = show_progress(wait, context) => Err(failed),
    }
}

/// The control plane's answer, shortly before the time ends at the latest.
async fn answer(wait: &Wait, context: &Context) -> Result<WaitForRolloutResponse, Error> {
    let message = WaitForRolloutRequest {
        revision: wait.revision,
        environments: wait.project.environments(&wait.environments)?,
        ignore_detached: wait.ignore_detached,
    };
    let deadline = Instant::now() + Duration::from_secs(wait.timeout);
    let answer = send(async || {
        let mut request = Request::new(message.clone());
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        context.client.fleet().wait_for_rollout(request).await
    })
    .await;
    match answer {
        // The channel keeps the deadline too, and may be the first to notice.
        Err(Error::Refused(status)) if matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled) => {
            Err(Error::Incomplete(format!("{} s", wait.timeout)))
        }
        answer => answer,
    }
}

/// Shows who has the revision, again and again. Ends only when that can't be looked up.
async fn show_progress(wait: &Wait, context: &Context) -> Error {
    let progress = Progress::new();
    if !progress.is_shown() {
        return std::future::pending().await;
    }
    let started = Instant::now();
    let revision = match wait.revision {
        0 => send(async || context.client.system().get_status(GetStatusRequest {}).await).await.map(|now| now.revision),
        revision => Ok(revision),
    };
    let revision = match revision {
        Ok(revision) => revision,
        Err(error) => return error,
    };
    loop {
        match proxy::every(context, ListFlags { filter: String::new() }).await {
            Ok(proxies) => progress.show(&line(revision, &proxies, started.elapsed())),
            Err(error) => return error,
        }
        tokio::time::sleep(PROGRESS_PERIOD).await;
    }
}

fn line(revision: u64, proxies: &[Proxy], elapsed: Duration) -> String {
    let current = proxies.iter().filter(|proxy| proxy.acked_revision >= revision).count();
    let detached = proxies.iter().filter(|proxy| !proxy.connected).count();
    let (all, seconds) = (proxies.len(), elapsed.as_secs());
    format!("revision {revision}: {current} of {all} proxies, {detached} detached, {seconds} s")
}

/// Who has not applied it.
fn missing(answer: &WaitForRolloutResponse) -> String {
    let names = |proxies: &[proto::admin::v1::RolloutProxy]| {
        proxies.iter().map(|proxy| proxy.proxy.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut parts = vec![format!("revision {} is missing", answer.revision)];
    if !answer.pending.is_empty() {
        parts.push(format!("at {}", names(&answer.pending)));
    }
    if !answer.detached.is_empty() {
        parts.push(format!("at {} (detached; --ignore-detached leaves them out)", names(&answer.detached)));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use proto::admin::v1::RolloutProxy;

    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let proxy = |name: &str| RolloutProxy { proxy: name.into(), ..Default::default() };
        let answer = WaitForRolloutResponse {
            revision: 9,
            pending: vec![proxy("proxies/a")],
            detached: vec![proxy("proxies/b"), proxy("proxies/c")],
            ..Default::default()
        };
        let text = missing(&answer);
        assert_eq!(
            text,
            "revision 9 is missing at proxies/a at proxies/b proxies/c (detached; --ignore-detached leaves them out)"
        );
    }
}
