//! What `keyplane dev` keeps in its data directory beside the store, so that a second start finds everything as it was left.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use shared::secret::Secret;

use crate::error::Error;

/// The data directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    /// Makes the data directory where it is not there, for its owner only.
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).and_then(|()| dir.canonicalize());
        let dir = made.map_err(|source| Error::Write { path: dir.to_owned(), source })?;
        Ok(Self { dir })
    }

    /// The directory itself, in full.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The key that seals the store.
    pub(super) fn master_key(&self) -> PathBuf {
        self.dir.join("master-key")
    }

    /// The admin token.
    pub(super) fn token(&self) -> PathBuf {
        self.dir.join("bootstrap-token")
    }

    /// The proxy's join token.
    pub(super) fn join_token(&self) -> PathBuf {
        self.dir.join("bootstrap-join-token")
    }

    /// The caller key.
    pub(super) fn caller_key(&self) -> PathBuf {
        self.dir.join("caller-key")
    }

    /// The port that the echo provider had; `None` on the first start. It is kept because a stored credential is bound to its origin.
    pub(super) fn echo_port(&self) -> Result<Option<u16>, Error> {
        let path = self.dir.join("echo-port");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let port =
                    text.trim().parse().map_err(|_| Error::Usage(format!("{} holds no port", path.display())))?;
                Ok(Some(port))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Keeps the echo provider's port.
    pub(super) fn keep_echo_port(&self, port: u16) -> Result<(), Error> {
        write(&self.dir.join("echo-port"), port.to_string().as_bytes())
    }

    /// The key that the echo provider requires: made on the first start.
    pub(super) fn echo_key(&self) -> Result<Secret, Error> {
        let path = self.dir.join("echo-key");
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        let key: String = shared::id::random::<24>().iter().map(|byte| format!("{byte:02x}")).collect();
        let key = Secret::from(format!("echo-{key}"));
        write(&path, key.expose())?;
        Ok(key)
    }

    /// A secret that was kept; `None` where none was.
    pub(super) fn kept(&self, path: &Path) -> Result<Option<Secret>, Error> {
        read(path)
    }

    /// Keeps a caller key.
    pub(super) fn keep_caller_key(&self, plaintext: &str) -> Result<(), Error> {
        write(&self.caller_key(), plaintext.as_bytes())
    }
}

fn read(path: &Path) -> Result<Option<Secret>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Secret::new(bytes.trim_ascii().to_vec())).filter(|secret| !secret.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// Writes a file whole or not at all, for its owner only.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let written = || {
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    written().map_err(|source| Error::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_kept_is_found_again_and_is_its_owner_s_alone() {
        let dir = std::env::temp_dir().join(format!("keyplane-dev-{}", crate::client::request_id()));
        let files = Files::open(&dir).unwrap();
        assert_eq!(files.echo_port().unwrap(), None);
        assert!(files.kept(&files.caller_key()).unwrap().is_none());
        files.keep_echo_port(4711).unwrap();
        files.keep_caller_key("kp_x").unwrap();
        let first = files.echo_key().unwrap();

        let files = Files::open(&dir).unwrap();
        assert_eq!(files.echo_port().unwrap(), Some(4711));
        assert_eq!(files.kept(&files.caller_key()).unwrap().unwrap().expose(), b"kp_x");
        assert_eq!(files.echo_key().unwrap().expose(), first.expose());
        assert_eq!(fs::metadata(files.caller_key()).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&dir).unwrap();
    }
}
