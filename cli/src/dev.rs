//! `keyplane dev`: both planes in this process, through their own `run`, with a provider to try them on.
//!
//! What they hold is set up through the ordinary admin API, like any admin would. Everything is kept in one data directory.

mod files;
mod planes;
mod setup;
mod welcome;

use std::time::Duration;

use proto::admin::v1::{GetStatusRequest, WaitForRolloutRequest};
use shared::task::Tasks;
use shared::telemetry::{self, LogFormat};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tonic::Request;

use self::files::Files;
use self::planes::Planes;
use crate::client::{Client, send};
use crate::command::health;
use crate::config::{DevFlags, OutputFormat};
use crate::echo::Echo;
use crate::error::Error;
use crate::output::Output;

/// How often to look whether a plane is there.
const PERIOD: Duration = Duration::from_millis(20);

/// Where the echo provider listens at first, if that port is free: below those that the system hands out, so that it stays free.
const FIRST_ECHO_PORT: u16 = 8810;

/// How long the proxy may take to have what was set up.
const ROLLOUT: Duration = Duration::from_secs(20);

/// Runs until it is interrupted, then stops everything in order.
///
/// # Errors
///
/// When a part can't start, ends by itself, or the setup is refused.
pub(crate) async fn run(flags: DevFlags) -> Result<(), Error> {
    telemetry::init(LogFormat::Text, &flags.log_level)
        .map_err(|source| Error::Dev { part: "the log", source: source.into() })?;
    // Both planes are in here, with every secret that they have.
    shared::process::protect_memory()?;
    let files = Files::open(&flags.data_dir)?;
    let (echo, tasks) = (echo(&files).await?, Tasks::new());
    let address = echo.address().map_err(|source| Error::Dev { part: "the echo provider", source: source.into() })?;
    tasks.spawn("echo provider", echo.serve(tasks.clone()));
    let mut planes = Planes::start(&flags, &files).await?;
    let outcome = tokio::select! {
        ended = planes.ended() => Err(ended),
        done = set_up_and_wait(&flags, &files, address) => done,
    };
    planes.stop().await?;
    tasks.stopped().await;
    outcome
}

/// The echo provider, where it was at the last start: its credential is bound to that origin.
async fn echo(files: &Files) -> Result<Echo, Error> {
    let failed = |source: std::io::Error| Error::Dev { part: "the echo provider", source: source.into() };
    let key = files.echo_key()?;
    let echo = match files.echo_port()? {
        Some(port) => Echo::bind(port, &key).await.map_err(|source| Error::EchoPort { port, source })?,
        None => match Echo::bind(FIRST_ECHO_PORT, &key).await {
            Ok(echo) => echo,
            Err(_) => Echo::bind(0, &key).await.map_err(failed)?,
        },
    };
    files.keep_echo_port(echo.address().map_err(failed)?.port())?;
    Ok(echo)
}

async fn set_up_and_wait(flags: &DevFlags, files: &Files, echo: std::net::SocketAddr) -> Result<(), Error> {
    // Before anything else, so that an early Ctrl-C stops cleanly too.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let ready = async {
        let client = admin(flags, files).await?;
        let openai_key = flags.openai_api_key.as_ref().map(|key| &key.0).filter(|key| !key.is_empty());
        setup::set_up(&client, files, echo, &files.echo_key()?, openai_key).await?;
        rolled_out(flags, &client).await?;
        Output::new(OutputFormat::Table).say(&welcome::text(flags, files))?;
        std::future::pending().await
    };
    tokio::select! {
        failed = ready => failed,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// A client, once the control plane has written its token and answers.
async fn admin(flags: &DevFlags, files: &Files) -> Result<Client, Error> {
    let token = loop {
        match files.kept(&files.token())? {
            Some(token) => break token,
            None => sleep(PERIOD).await,
        }
    };
    let client = Client::new(&format!("http://{}", flags.admin_listen), &token)?;
    loop {
        match send(async || client.system().get_status(GetStatusRequest {}).await).await {
            Ok(status) if status.sealed_reason.is_empty() => return Ok(client),
            Ok(status) => return Err(Error::Usage(format!("the store is sealed: {}", status.sealed_reason))),
            Err(Error::Refused(status)) if status.code() == tonic::Code::Unavailable => sleep(PERIOD).await,
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the proxy serves what was set up.
async fn rolled_out(flags: &DevFlags, client: &Client) -> Result<(), Error> {
    let url = format!("http://{}/readyz", flags.proxy_metrics_listen);
    let url = url.parse().map_err(|_| Error::Usage(format!("{url} is no URL")))?;
    while health::ask(&url).await.is_err() {
        sleep(PERIOD).await;
    }
    let answer = send(async || {
        let mut request = Request::new(WaitForRolloutRequest { ignore_detached: true, ..Default::default() });
        request.set_timeout(ROLLOUT);
        client.fleet().wait_for_rollout(request).await
    });
    if answer.await?.complete { Ok(()) } else { Err(Error::Incomplete("the proxy lacks what was set up".into())) }
}
