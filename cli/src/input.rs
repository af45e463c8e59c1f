//! What comes in beside the flags: secrets, from the standard input or a file and never from an argument, and names.

mod hidden;

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use proto::admin::v1::{CredentialValue, credential_value};
use shared::name::{ProjectName, ProviderName, ResourceName};
use shared::secret::Secret;

use self::hidden::Typed;
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

/// A secret as the text that a request takes.
///
/// # Errors
///
/// When it is not text.
pub(crate) fn text(secret: &Secret) -> Result<String, Error> {
    let text = std::str::from_utf8(secret.expose()).map_err(|_| Error::Usage("the value is not text".into()))?;
    Ok(text.to_owned())
}

/// Whether a person can be asked.
pub(crate) fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a secret on the terminal, which does not show what is typed. White space around it goes.
///
/// `None` at the end of the input.
///
/// # Errors
///
/// When the terminal can't be read, or Ctrl-C is typed.
pub(crate) fn ask_secret(prompt: &str) -> Result<Option<Secret>, Error> {
    let failed = |source| Error::Terminal { source };
    write!(io::stderr(), "{prompt}: ").and_then(|()| io::stderr().flush()).map_err(failed)?;
    let typed = hidden::line(io::stdin(), &mut io::stdin().lock()).map_err(failed)?;
    if !matches!(typed, Typed::Line(_)) {
        // The prompt's line is not ended yet.
        writeln!(io::stderr()).map_err(failed)?;
    }
    match typed {
        Typed::Line(line) => Ok(Some(Secret::new(line.expose().trim_ascii().to_vec()))),
        Typed::End => Ok(None),
        Typed::Interrupt => Err(Error::Interrupted),
    }
}

/// `KEY=VALUE`.
///
/// # Errors
///
/// When it has no `=`.
pub(crate) fn pair(text: &str) -> Result<(String, String), Error> {
    let (key, value) = text.split_once('=').ok_or_else(|| Error::Usage(format!("{text} is not KEY=VALUE")))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A span of time, `5s` or `1.5s`.
///
/// # Errors
///
/// When it is none, with the form that it has.
pub(crate) fn seconds(text: &str) -> Result<prost_types::Duration, String> {
    text.parse().map_err(|_| "give seconds with an s, such as 5s or 1.5s".to_owned())
}

/// A moment, `2030-01-31T00:00:00Z`.
///
/// # Errors
///
/// When it is none, with the form that it has.
pub(crate) fn moment(text: &str) -> Result<prost_types::Timestamp, String> {
    text.parse().map_err(|_| "give date and time, such as 2030-01-31T00:00:00Z".to_owned())
}

/// The text of a file that is no secret.
///
/// # Errors
///
/// When it can't be read.
pub(crate) fn file(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
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

/// Something of a provider: its id with its provider's, or its full name.
///
/// # Errors
///
/// When a name is not one, or an id comes without a provider.
pub(crate) fn in_provider<N: ResourceName>(text: &str, provider: Option<&str>, project: &str) -> Result<N, Error> {
    if let Ok(name) = text.parse() {
        return Ok(name);
    }
    let provider =
        provider.ok_or_else(|| Error::Usage(format!("{text} is an id: say --provider too, or give its full name")))?;
    let provider = in_project::<ProviderName>(provider, project)?;
    Ok(format!("{provider}/{}/{text}", N::COLLECTION).parse()?)
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
    use shared::name::{CredentialName, JoinTokenName, ModelName};

    use super::*;

    #[test]
    fn an_id_and_a_full_name_are_the_same_resource() {
        let full = "projects/default/providers/openai/credentials/main";
        assert_eq!(in_provider::<CredentialName>("main", Some("openai"), "default").unwrap().as_str(), full);
        assert_eq!(
            in_provider::<CredentialName>("main", Some("projects/default/providers/openai"), "other").unwrap().as_str(),
            full
        );
        assert_eq!(in_provider::<CredentialName>(full, None, "other").unwrap().as_str(), full);
        assert_eq!(top_level::<JoinTokenName>("fleet").unwrap().as_str(), "joinTokens/fleet");
        assert_eq!(project("projects/default").unwrap(), project("default").unwrap());
        assert_eq!(
            in_project::<ModelName>("meta/llama-3", "default").unwrap().as_str(),
            "projects/default/models/meta/llama-3"
        );
    }

    #[test]
    fn a_credential_s_id_needs_its_provider() {
        assert!(matches!(in_provider::<CredentialName>("main", None, "default"), Err(Error::Usage(_))));
    }

    #[test]
    fn a_time_that_is_none_is_answered_with_the_form_of_one() {
        assert_eq!(seconds("1.5s").unwrap(), prost_types::Duration { seconds: 1, nanos: 500_000_000 });
        assert_eq!(moment("1970-01-01T00:00:07Z").unwrap().seconds, 7);
        for text in ["5", "5m", "soon"] {
            assert!(seconds(text).unwrap_err().contains("5s"), "{text}");
            assert!(moment(text).unwrap_err().contains("2030-01-31T00:00:00Z"), "{text}");
        }
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
