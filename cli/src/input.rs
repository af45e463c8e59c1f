//! What comes in beside the flags: secrets, from the standard input or a file and never from an argument, and names.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use proto::admin::v1::{CredentialValue, credential_value};
use shared::name::{ProjectName, ProviderName, ResourceName};
use shared::secret::Secret;

use crate::error::Error;

/// Reads a secret from a file, or from the standard input for `-`. White space around it goes: editors and `echo` leave a newline.
///
/// # Errors
///
/// When it can't be read, is not text, or is empty.
pub(crate) fn secret(path: &Path) -> Result<Secret, Error> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = Secret::new(bytes.trim_ascii().to_vec());
    if text.is_empty() {
        return Err(Error::Usage(format!("{} is empty", path.display())));
    }
    Ok(text)
}

/// A credential's value from a file, in the form that the admin API takes.
///
/// # Errors
///
/// As [`secret`].
pub(crate) fn credential_value(path: &Path) -> Result<CredentialValue, Error> {
    api_key(&secret(path)?).ok_or_else(|| Error::Usage(format!("{} is not text", path.display())))
}

/// An API key in the form that the admin API takes; `None` where it is not text.
pub(crate) fn api_key(key: &Secret) -> Option<CredentialValue> {
    let text = std::str::from_utf8(key.expose()).ok()?.to_owned();
    Some(CredentialValue { value: Some(credential_value::Value::ApiKey(text)) })
}

/// The token file, which has to be given.
///
/// # Errors
///
/// When none was given or it can't be read.
pub(crate) fn token(path: Option<&PathBuf>) -> Result<Secret, Error> {
    secret(path.ok_or(Error::NoToken)?)
}

/// A project: its id, or its full name.
///
/// # Errors
///
/// When it is neither.
pub(crate) fn project(text: &str) -> Result<ProjectName, Error> {
    Ok(text.parse().or_else(|_| format!("projects/{text}").parse())?)
}

/// Something in a project: its id, or its full name.
///
/// # Errors
///
/// When it is neither, or the project is not one.
pub(crate) fn in_project<N: ResourceName>(text: &str, project_text: &str) -> Result<N, Error> {
    // A model's id may hold slashes, so a full name is tried first.
    text.parse().or_else(|_| Ok(project(project_text)?.child(text)?))
}

/// A credential: its id with its provider's, or its full name.
///
/// # Errors
///
/// When a name is not one, or an id comes without a provider.
pub(crate) fn credential(
    text: &str,
    provider: Option<&str>,
    project: &str,
) -> Result<shared::name::CredentialName, Error> {
    if let Ok(name) = text.parse() {
        return Ok(name);
    }
    let provider =
        provider.ok_or_else(|| Error::Usage(format!("{text} is an id: say --provider too, or give its full name")))?;
    Ok(in_project::<ProviderName>(provider, project)?.credential(text)?)
}

/// Something at the top level: its id, or its full name.
///
/// # Errors
///
/// When it is neither.
pub(crate) fn top_level<N: ResourceName>(text: &str) -> Result<N, Error> {
    Ok(text.parse().or_else(|_| format!("{}/{text}", N::COLLECTION).parse())?)
}

#[cfg(test)]
mod tests {
    use shared::name::{JoinTokenName, ModelName};

    use super::*;

    #[test]
    fn an_id_and_a_full_name_are_the_same_resource() {
        let full = "projects/default/providers/openai/credentials/main";
        assert_eq!(credential("main", Some("openai"), "default").unwrap().as_str(), full);
        assert_eq!(credential("main", Some("projects/default/providers/openai"), "other").unwrap().as_str(), full);
        assert_eq!(credential(full, None, "other").unwrap().as_str(), full);
        assert_eq!(top_level::<JoinTokenName>("fleet").unwrap().as_str(), "joinTokens/fleet");
        assert_eq!(project("projects/default").unwrap(), project("default").unwrap());
        assert_eq!(
            in_project::<ModelName>("meta/llama-3", "default").unwrap().as_str(),
            "projects/default/models/meta/llama-3"
        );
    }

    #[test]
    fn a_credential_s_id_needs_its_provider() {
        assert!(matches!(credential("main", None, "default"), Err(Error::Usage(_))));
    }

    #[test]
    fn a_secret_loses_the_newline_of_its_file() {
        let file = std::env::temp_dir().join(format!("keyplane-secret-{}", crate::client::request_id()));
        std::fs::write(&file, "sk-abc\n").unwrap();
        assert_eq!(secret(&file).unwrap().expose(), b"sk-abc");
        std::fs::write(&file, " \n").unwrap();
        assert!(matches!(secret(&file), Err(Error::Usage(_))));
        std::fs::remove_file(&file).unwrap();
    }
}
