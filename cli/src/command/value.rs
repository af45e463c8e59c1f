//! The flags that give a credential's value. What is secret comes from a file, the standard input or the terminal, never from an argument.

use std::path::{Path, PathBuf};

use proto::admin::v1::credential_value::Value;
use proto::admin::v1::{AccessKeyPair, ClientSecret, CredentialValue};
use shared::name::SecretName;
use shared::secret::Secret;

use crate::error::Error;
use crate::input;

/// A value of its own.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct OwnValueFlags {
    /// The file with the value, `-` for the standard input: an API key; with --access-key-id its secret access key, with --client-id the
    /// client's secret.
    #[arg(long, value_name = "PATH")]
    pub(crate) value_file: Option<PathBuf>,
    /// Of an access key pair: the access key's id.
    #[arg(long, value_name = "ID")]
    pub(crate) access_key_id: Option<String>,
    /// Of an access key pair that a session made: the file with its token, `-` for the standard input.
    #[arg(long, value_name = "PATH", requires = "access_key_id")]
    pub(crate) session_token_file: Option<PathBuf>,
    /// The file with the JSON of a Google service account's key, `-` for the standard input.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["value_file", "access_key_id", "client_id"])]
    pub(crate) service_account_file: Option<PathBuf>,
    /// Of a client of Microsoft Entra: the directory, a GUID or a domain.
    #[arg(long, value_name = "ID", requires = "client_id", conflicts_with = "access_key_id")]
    pub(crate) tenant_id: Option<String>,
    /// Of a client of Microsoft Entra: the application's id.
    #[arg(long, value_name = "ID", requires = "tenant_id")]
    pub(crate) client_id: Option<String>,
}

/// A value of its own, or a link to a Secret's.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ValueFlags {
    /// A value of its own.
    #[command(flatten)]
    pub(crate) own: OwnValueFlags,
    /// The Secret whose value is used, by its id or its full name; rotating it rotates every credential that links to it.
    #[arg(
        long = "secret",
        value_name = "SECRET",
        conflicts_with_all = ["value_file", "access_key_id", "service_account_file", "client_id"]
    )]
    pub(crate) secret: Option<String>,
}

/// Where the secret part of a value comes from when no file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    /// From the person at the terminal, if there is one.
    Ask,
    /// From nowhere: without any flag there is no value.
    Leave,
}

impl OwnValueFlags {
    /// The value, asked for on a terminal where no file has it.
    ///
    /// # Errors
    ///
    /// When it is not there, or can't be read.
    pub(crate) fn required(&self) -> Result<CredentialValue, Error> {
        self.value(Otherwise::Ask)?.ok_or_else(|| missing(OWN_FLAGS))
    }

    fn value(&self, otherwise: Otherwise) -> Result<Option<CredentialValue>, Error> {
        let value = if let Some(path) = &self.service_account_file {
            Value::ServiceAccountJson(plain(path)?)
        } else if let Some(access_key_id) = &self.access_key_id {
            Value::AccessKeyPair(AccessKeyPair {
                access_key_id: access_key_id.clone(),
                secret_access_key: self.secret_part("the secret access key")?,
                session_token: self.session_token_file.as_deref().map(plain).transpose()?.unwrap_or_default(),
            })
        } else if let (Some(tenant_id), Some(client_id)) = (&self.tenant_id, &self.client_id) {
            Value::ClientSecret(ClientSecret {
                tenant_id: tenant_id.clone(),
                client_id: client_id.clone(),
                client_secret: self.secret_part("the client's secret")?,
            })
        } else if self.value_file.is_some() || (otherwise == Otherwise::Ask && input::is_terminal()) {
            Value::ApiKey(self.secret_part("the API key")?)
        } else {
            return Ok(None);
        };
        Ok(Some(CredentialValue { value: Some(value) }))
    }

    fn secret_part(&self, what: &str) -> Result<String, Error> {
        match &self.value_file {
            Some(path) => plain(path),
            None if input::is_terminal() => input::text(&asked(what)?),
            None => Err(Error::Usage(format!("give {what}: --value-file PATH, `-` for the standard input"))),
        }
    }
}

impl ValueFlags {
    /// The value, asked for on a terminal where no flag says where it is.
    ///
    /// # Errors
    ///
    /// When it is not there, or can't be read.
    pub(crate) fn required(&self, project: &str) -> Result<CredentialValue, Error> {
        match self.link(project)? {
            Some(link) => Ok(link),
            None => {
                self.own.value(Otherwise::Ask)?.ok_or_else(|| missing(&format!("{OWN_FLAGS}, or --secret for a link")))
            }
        }
    }

    /// The value, if a flag gives one.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub(crate) fn given(&self, project: &str) -> Result<Option<CredentialValue>, Error> {
        match self.link(project)? {
            Some(link) => Ok(Some(link)),
            None => self.own.value(Otherwise::Leave),
        }
    }

    fn link(&self, project: &str) -> Result<Option<CredentialValue>, Error> {
        let name = self.secret.as_deref().map(|text| input::in_project::<SecretName>(text, project)).transpose()?;
        Ok(name.map(|name| CredentialValue { value: Some(Value::Secret(name.to_string())) }))
    }
}

/// A file's secret, as the text that a request takes.
///
/// # Errors
///
/// When it can't be read, or is not text.
pub(crate) fn plain(path: &Path) -> Result<String, Error> {
    input::text(&input::secret(path)?).map_err(|_| Error::Usage(format!("{} is not text", path.display())))
}

/// The flags that give a value of its own.
const OWN_FLAGS: &str = "--value-file, --access-key-id, --service-account-file, --tenant-id with --client-id";

fn missing(flags: &str) -> Error {
    Error::Usage(format!("give its value: {flags}"))
}

fn asked(what: &str) -> Result<Secret, Error> {
    let typed = input::ask_secret(what)?.filter(|typed| !typed.is_empty());
    typed.ok_or_else(|| Error::Usage(format!("{what} is missing")))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        value: ValueFlags,
    }

    /// What flags give, `{}` standing for a file with `content`.
    fn given(words: &str, content: &str) -> Result<Option<Value>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, content).unwrap();
        let words = words.replace("{}", file.path().to_str().unwrap());
        let line = Line::try_parse_from(["line"].into_iter().chain(words.split_whitespace()));
        let line = line.map_err(|error| error.to_string())?;
        line.value.given("default").map(|value| value.and_then(|value| value.value)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_type_of_value_has_its_flags() {
        let pair = |session_token: &str| {
            Value::AccessKeyPair(AccessKeyPair {
                access_key_id: "AKIA1".into(),
                secret_access_key: "s3cret".into(),
                session_token: session_token.into(),
            })
        };
        let client = ClientSecret { tenant_id: "t".into(), client_id: "c".into(), client_secret: "s3cret".into() };
        for (words, expected) in [
            ("", None),
            ("--value-file {}", Some(Value::ApiKey("s3cret".into()))),
            ("--access-key-id AKIA1 --value-file {}", Some(pair(""))),
            ("--access-key-id AKIA1 --value-file {} --session-token-file {}", Some(pair("s3cret"))),
            ("--service-account-file {}", Some(Value::ServiceAccountJson("s3cret".into()))),
            ("--tenant-id t --client-id c --value-file {}", Some(Value::ClientSecret(client))),
            ("--secret shared", Some(Value::Secret("projects/default/secrets/shared".into()))),
        ] {
            assert_eq!(given(words, "s3cret\n").unwrap(), expected, "{words}");
        }
    }

    #[test]
    fn flags_of_two_types_or_half_of_one_are_refused() {
        for words in [
            "--secret shared --value-file {}",
            "--service-account-file {} --value-file {}",
            "--tenant-id t --value-file {}",
            "--session-token-file {}",
            "--access-key-id AKIA1 --tenant-id t --client-id c --value-file {}",
            "--access-key-id AKIA1",
        ] {
            assert!(given(words, "s3cret").is_err(), "{words}");
        }
    }
}
