//! Master keys: the file that the operator keeps, apart from the data directory.
//!
//! One key a line, `id:base64 of 32 bytes`; the first seals, all open. Empty lines and lines that begin with `#` are skipped.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::secret::Secret;
use zeroize::Zeroizing;

use super::cipher::{KEY_BYTES, Key};

const MAX_FILE_BYTES: usize = 64 << 10;
const MAX_ID_BYTES: usize = 64;

const GROUP: u32 = 0o060;
const OTHERS: u32 = 0o006;

/// The master keys that an operator listed.
#[derive(Debug)]
pub struct MasterKeys {
    keys: Vec<MasterKey>,
    warning: Option<KeyFileWarning>,
}

/// One master key.
#[derive(Debug)]
pub(super) struct MasterKey {
    pub(super) id: String,
    pub(super) key: Key,
}

/// What an operator should mend about the file, though it serves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileWarning {
    /// The file's group may read or write it.
    #[error(
        "the group of the master key file {path} may read or write it (mode {mode:03o}); 600 keeps it to its owner"
    )]
    GroupAccess {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Why there are no master keys.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// There is no such file.
    #[error("there is no master key file {path}")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be read or written.
    #[error("the master key file {path} can't be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Everybody may read or write the file.
    #[error(
        "everybody may read or write the master key file {path} (mode {mode:03o}): run chmod 600, and rotate its keys"
    )]
    OpenToAll {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line is no key.
    #[error("line {line} of the master keys is none: {problem}")]
    Line {
        /// Which one, from 1.
        line: usize,
        /// What is wrong, without the line's content.
        problem: &'static str,
    },
    /// No key is listed.
    #[error("no master key is listed; a key is a line of id:base64 of 32 bytes")]
    Empty,
}

impl MasterKeys {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`MasterKeyError::Missing`] where there is none: then, for an empty store, one may be [created](Self::create). Else when it can't
    /// be read, everybody can read it, or a line is no key.
    pub fn read(path: &Path) -> Result<Self, MasterKeyError> {
        let file_error = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => MasterKeyError::Missing { path: path.to_owned() },
            _ => MasterKeyError::File { path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(file_error)?;
        // Of the open file, not of the path: what is checked is what is read.
        let mode = file.metadata().map_err(file_error)?.mode() & 0o777;
        if mode & OTHERS != 0 {
            return Err(MasterKeyError::OpenToAll { path: path.to_owned(), mode });
        }
        // Room for all of it from the start: a buffer that grew would leave keys behind.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
        file.take(MAX_FILE_BYTES as u64).read_to_end(&mut text).map_err(file_error)?;
        let warning = (mode & GROUP != 0).then(|| KeyFileWarning::GroupAccess { path: path.to_owned(), mode });
        Ok(Self { keys: parse(&text)?, warning })
    }

    /// Takes keys in the file's form from somewhere else.
    ///
    /// # Errors
    ///
    /// When a line is no key.
    pub fn from_text(text: &Secret) -> Result<Self, MasterKeyError> {
        Ok(Self { keys: parse(text.expose())?, warning: None })
    }

    /// Makes a file with one new key, readable for its owner only. For an empty store: what a lost key sealed stays sealed.
    ///
    /// # Errors
    ///
    /// When the file is there already, or can't be written.
    pub fn create(path: &Path) -> Result<Self, MasterKeyError> {
        // A name of its own, so that two files that were mixed up are told apart by it.
        let id = format!("mk-{:08x}", u32::from_be_bytes(shared::id::random()));
        let key = Key::random();
        write_new(path, &id, &key).map_err(|source| MasterKeyError::File { path: path.to_owned(), source })?;
        Ok(Self { keys: vec![MasterKey { id, key }], warning: None })
    }

    /// What the operator should be told about the file.
    #[must_use]
    pub fn warning(&self) -> Option<&KeyFileWarning> {
        self.warning.as_ref()
    }

    /// The keys, of which there is at least one, in the order of the file.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, MasterKey> {
        self.keys.iter()
    }

    /// The ids, for messages.
    pub(super) fn ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.clone()).collect()
    }
}

fn write_new(path: &Path, id: &str, key: &Key) -> io::Result<()> {
    let mut line = Zeroizing::new(Vec::with_capacity(2 * MAX_ID_BYTES));
    let encoded = Zeroizing::new(STANDARD.encode(key.expose()));
    for piece in [id, ":", &encoded, "\n"] {
        line.extend_from_slice(piece.as_bytes());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&line)?;
    file.sync_all()?;
    // A key file that a power loss takes away takes every value with it.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn parse(text: &[u8]) -> Result<Vec<MasterKey>, MasterKeyError> {
    let mut keys: Vec<MasterKey> = Vec::new();
    for (line, bytes) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() || bytes.starts_with(b"#") {
            continue;
        }
        let key = parse_line(bytes).map_err(|problem| MasterKeyError::Line { line, problem })?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(MasterKeyError::Line { line, problem: "an earlier line has the same id" });
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(MasterKeyError::Empty) } else { Ok(keys) }
}

fn parse_line(line: &[u8]) -> Result<MasterKey, &'static str> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("it has no colon")?;
    let (id, key) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if id.is_empty() || id.len() > MAX_ID_BYTES || !id.iter().all(is_id) {
        return Err("its id is not of 1 to 64 letters, digits, '-', '_' and '.'");
    }
    // The decoder wants room for what the length could mean: one byte more than a padded key has.
    let mut decoded = Zeroizing::new([0; KEY_BYTES + 1]);
    let length = STANDARD.decode_slice(key, decoded.as_mut_slice()).map_err(|_| "its key is not base64 of 32 bytes")?;
    let key = Key::new(&decoded[..length]).ok_or("its key is not base64 of 32 bytes")?;
    Ok(MasterKey { id: String::from_utf8_lossy(id).into_owned(), key })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn read(text: &str) -> Result<Vec<String>, MasterKeyError> {
        MasterKeys::from_text(&Secret::from(text.to_owned())).map(|keys| keys.ids())
    }

    #[test]
    fn a_made_file_is_read_again_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(MasterKeys::read(&path), Err(MasterKeyError::Missing { .. })));
        let made = MasterKeys::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = MasterKeys::read(&path).unwrap();
        assert_eq!(read.ids(), made.ids());
        assert_eq!(read.keys[0].key.expose(), made.keys[0].key.expose());
        assert_eq!(read.warning(), None);
        assert!(matches!(MasterKeys::create(&path), Err(MasterKeyError::File { .. })), "nothing is overwritten");
    }

    #[test]
    fn a_file_open_to_all_is_refused_and_to_the_group_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKeys::create(&path).unwrap();
        for (mode, refused, warned) in
            [(0o604, true, false), (0o602, true, false), (0o640, false, true), (0o400, false, false)]
        {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = MasterKeys::read(&path);
            assert_eq!(matches!(read, Err(MasterKeyError::OpenToAll { .. })), refused, "{mode:o}");
            assert_eq!(read.is_ok_and(|keys| keys.warning().is_some()), warned, "{mode:o}");
        }
    }

    #[test]
    fn the_lines_of_a_file_are_keys_comments_or_nothing() {
        assert_eq!(read(&format!("# ours\n\nb:{ZEROS}\r\n  a.1_-: {ZEROS}")).unwrap(), ["b", "a.1_-"]);
        for (text, expected) in [
            (format!("a:{ZEROS}\nb"), "line 2"),
            (format!(":{ZEROS}"), "line 1"),
            (format!("a b:{ZEROS}"), "line 1"),
            (format!("a:{ZEROS}\n\na:{ZEROS}"), "line 3"),
            ("a:AAAA".to_owned(), "line 1"),
            (format!("a:{ZEROS}AAAA"), "line 1"),
            ("# nothing\n".to_owned(), "no master key"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("AAAA"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            let _ = MasterKeys::from_text(&Secret::new(bytes));
        }
    }
}
