//! The first join token: what a compose file hands to its proxies.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use shared::name::{JoinTokenName, NameError};

use super::{BootstrapError, read, write_new};
use crate::service::fleet::{BOOTSTRAP_TOKEN_MADE, Fleet};
use crate::store::{Store, StoreError};
use crate::sync::join_token::{self, JoinSecret};
use crate::view::View;

/// Its name.
const NAME: &str = "joinTokens/bootstrap";

/// Why the first join token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum JoinTokenError {
    /// Its file can't be used.
    #[error(transparent)]
    File(#[from] BootstrapError),
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The store can't keep the token's hash.
    #[error("the first join token can't be stored")]
    Store(#[from] crate::error::Error),
}

/// Makes a join token for every environment, in a store that never had one: its file, then its hash in the store.
///
/// A start that was cut off between the two is finished by the next one, with the token that the file holds.
///
/// # Errors
///
/// When the file or the store can't be used.
pub async fn join_token(
    store: &dyn Store,
    view: &View,
    fleet: &Fleet,
    pin: [u8; 32],
    path: &Path,
    now: SystemTime,
) -> Result<(), JoinTokenError> {
    let in_use = !view.join_tokens.is_empty() || !view.proxies.is_empty();
    if in_use || !store.range(BOOTSTRAP_TOKEN_MADE).await?.records.is_empty() {
        return Ok(());
    }
    let name: JoinTokenName = NAME.parse()?;
    let secret = JoinSecret::random();
    let sha256 = match write_new(path, &secret.plaintext(&name, pin)) {
        Ok(()) => secret.sha256(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => presented(&name, pin, path)?,
        Err(source) => return Err(BootstrapError::File { path: path.to_owned(), source }.into()),
    };
    fleet.create_bootstrap_token(&name, sha256, now).await?;
    tracing::info!(file = %path.display(), "the first join token is in its file");
    Ok(())
}

/// The hash of the secret that a file of an earlier start holds.
fn presented(name: &JoinTokenName, pin: [u8; 32], path: &Path) -> Result<[u8; 32], BootstrapError> {
    let ours = |text: &str| {
        let presented = join_token::parse(text);
        presented.filter(|presented| presented.name == *name && presented.pin == join_token::hex(&pin))
    };
    let fits = |text: &str| ours(text).is_some();
    let text = read(path, fits, "holds no join token of this control plane")
        .map_err(|source| BootstrapError::File { path: path.to_owned(), source })??;
    let text = String::from_utf8_lossy(text.expose()).into_owned();
    ours(&text)
        .map(|presented| presented.sha256)
        .ok_or(BootstrapError::Unfit { path: path.to_owned(), problem: "holds no join token of this control plane" })
}
