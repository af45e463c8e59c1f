//! The first start: the master key of an empty store, the first admin token, the first join token.

mod join_token;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message as _;
use shared::id::{TokenKind, is_token, new_token, token_hash};
use shared::secret::Secret;

use crate::access::bootstrap_principal;
use crate::resource::key;
use crate::resource::record::AdminTokenRecord;
use crate::service::Sealing;
use crate::store::seal::{MasterKeyError, MasterKeys, Sealer};
use crate::store::{Change, Commit, CommitError, Precondition, Store};
use crate::view::View;

pub use join_token::{JoinTokenError, join_token};

/// Why the first admin token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The file can't be read or written.
    #[error("the bootstrap token file {path} can't be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there, and not fit to be trusted.
    #[error("the bootstrap token file {path} was there before the first start and {problem}: move it away")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The store can't keep the token's hash.
    #[error("the first admin token can't be stored")]
    Commit(#[from] CommitError),
}

/// Opens the store's secrets with the master keys, or says why they stay sealed. An empty store's first key is made.
pub async fn unseal(store: &dyn Store, master_key_file: &Path) -> Sealing {
    let keys = match MasterKeys::read(master_key_file) {
        // A lost key must not be replaced by a new one that opens nothing.
        Err(MasterKeyError::Missing { .. }) if store.head().0 == 0 => MasterKeys::create(master_key_file),
        read => read,
    };
    let keys = match keys {
        Ok(keys) => keys,
        Err(error) => return sealed(&error),
    };
    if let Some(warning) = keys.warning() {
        tracing::warn!("{warning}");
    }
    match Sealer::unlock(store, &keys).await {
        Ok(sealer) => Sealing::Open(Arc::new(sealer)),
        Err(error) => sealed(&error),
    }
}

fn sealed(error: &(dyn std::error::Error + 'static)) -> Sealing {
    let reason = shared::telemetry::ErrorChain(error).to_string();
    tracing::error!(reason, "the store starts sealed: it is read, and nothing is written");
    Sealing::Sealed(reason.into())
}

/// Makes the first admin token, unless the store knows one: its file, then its hash in the store.
///
/// The file comes first, since a token whose hash is stored and whose text is lost would lock everybody out. A start that was cut off between
/// the two is finished by the next one, with the token that the file holds.
///
/// # Errors
///
/// When the file or the store can't be written.
pub async fn admin_token(store: &dyn Store, view: &View, path: &Path) -> Result<(), BootstrapError> {
    if !view.admin_tokens.is_empty() {
        return Ok(());
    }
    let token = write_or_read(path)?;
    let record = AdminTokenRecord { principal: bootstrap_principal().name.to_string() };
    let put = Change { key: key::admin_token(&token_hash(token.expose())), value: Some(record.encode_to_vec().into()) };
    let commit = Commit {
        preconditions: vec![Precondition::PrefixUnchanged(key::ADMIN_TOKENS.into(), view.revision)],
        changes: vec![put],
    };
    store.commit(commit).await?;
    tracing::info!(file = %path.display(), "the first admin token is in its file");
    Ok(())
}

fn write_or_read(path: &Path) -> Result<Secret, BootstrapError> {
    let file_error = |source| BootstrapError::File { path: path.to_owned(), source };
    let token = new_token(TokenKind::Admin);
    match write_new(path, &token) {
        Ok(()) => Ok(token),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path, |text| is_token(TokenKind::Admin, text), "holds no admin token").map_err(file_error)?
        }
        Err(error) => Err(file_error(error)),
    }
}

/// Writes a file that did not exist, for its owner only, and waits until it is on disk.
fn write_new(path: &Path, token: &Secret) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(token.expose())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// The token of a file that an earlier start has written, if it is fit to be trusted.
fn read(
    path: &Path,
    fits: impl Fn(&str) -> bool,
    otherwise: &'static str,
) -> io::Result<Result<Secret, BootstrapError>> {
    let unfit = |problem| Err(BootstrapError::Unfit { path: path.to_owned(), problem });
    let file = File::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Ok(unfit("others may read it"));
    }
    let mut text = String::with_capacity(256);
    file.take(256).read_to_string(&mut text)?;
    text.truncate(text.trim_end().len());
    let good = fits(&text);
    let token = Secret::from(text);
    Ok(if good { Ok(token) } else { unfit(otherwise) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::memory::MemoryStore;

    async fn view(store: &MemoryStore) -> View {
        View::decode(store.identity(), &store.range("").await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_first_token_is_written_once_for_its_owner_and_stored_as_a_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let store = MemoryStore::new();
        admin_token(&store, &view(&store).await, &path).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(is_token(TokenKind::Admin, text.trim()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let known = view(&store).await;
        assert!(known.admin_tokens.contains_key(&token_hash(text.trim().as_bytes())));
        std::fs::remove_file(&path).unwrap();
        admin_token(&store, &known, &path).await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_start_that_was_cut_off_is_finished_with_the_same_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        admin_token(&MemoryStore::new(), &view(&MemoryStore::new()).await, &path).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let store = MemoryStore::new();
        admin_token(&store, &view(&store).await, &path).await.unwrap();
        assert!(view(&store).await.admin_tokens.contains_key(&token_hash(text.trim().as_bytes())));
    }

    #[tokio::test]
    async fn a_file_that_others_read_or_that_holds_no_token_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let store = MemoryStore::new();
        for (text, mode) in [("nonsense", 0o600), ("kpa_", 0o644)] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = admin_token(&store, &view(&store).await, &path).await;
            assert!(matches!(refused, Err(BootstrapError::Unfit { .. })), "{refused:?}");
        }
        assert_eq!(store.head().0, 0);
    }

    #[tokio::test]
    async fn a_missing_master_key_is_made_for_an_empty_store_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let store = MemoryStore::new();
        assert!(matches!(unseal(&store, &path).await, Sealing::Open(_)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(unseal(&store, &path).await, Sealing::Sealed(_)));
        assert!(!path.exists());
    }
}
