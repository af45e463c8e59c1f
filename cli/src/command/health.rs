//! `keyplane health URL`: asks a process for its health, where an image has no other tool to ask with.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::error::Error;

/// Which process.
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// The URL, `http://127.0.0.1:7802/readyz` and its like.
    url: Uri,
}

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the command.
///
/// # Errors
///
/// As [`ask`].
pub(crate) async fn run(flags: Flags) -> Result<(), Error> {
    ask(&flags.url).await
}

/// Asks a process for its health.
///
/// # Errors
///
/// When there is no answer, or it is not a 2xx.
pub(crate) async fn ask(url: &Uri) -> Result<(), Error> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    match tokio::time::timeout(TIMEOUT, client.get(url.clone())).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(Error::Unhealthy(format!("it answered {}", answer.status()))),
        Ok(Err(error)) => Err(Error::Unhealthy(error.to_string())),
        Err(_) => Err(Error::Unhealthy(format!("no answer within {} s", TIMEOUT.as_secs()))),
    }
}
