//! Resource names, one newtype each: parse, format, parent.
//!
//! A name is one identity everywhere: in the API, as the store's key, in logs and as the sort order. `children of a parent` is a range
//! of names that begin with the parent's name and a slash.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is not a name of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a name of the form {pattern}")]
pub struct NameError {
    /// What was given, cut after 300 characters.
    pub given: String,
    /// The form that it should have.
    pub pattern: &'static str,
}

/// What every resource name can do.
pub trait ResourceName:
    Clone + fmt::Debug + fmt::Display + Ord + std::hash::Hash + FromStr<Err = NameError> + Send + Sync + 'static
{
    /// The form, `projects/{project}/providers/{provider}` and its like.
    const PATTERN: &'static str;

    /// The collection's id, `providers` and its like.
    const COLLECTION: &'static str;

    /// The whole name.
    fn as_str(&self) -> &str;

    /// The last segment; for a model everything after `models/`.
    fn id(&self) -> &str;

    /// The parent's name; empty at the top level.
    fn parent_str(&self) -> &str {
        let own = Self::COLLECTION.len() + self.id().len() + 1;
        self.as_str()[..self.as_str().len() - own].trim_end_matches('/')
    }
}

/// Which form a last segment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`.
    Id,
    /// `[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}` without empty or dot segments; it takes the rest of the name.
    ModelId,
    /// A literal.
    Literal(&'static str),
}

/// Whether a text is an id that a creator may choose, `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= 63
        && first.is_ascii_lowercase()
        && (last.is_ascii_lowercase() || last.is_ascii_digit())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Whether a text is a model's id, `[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}` without empty or dot segments.
#[must_use]
pub fn is_model_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 200
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(b))
        && text.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// An id made from a display name: lower case, everything else a hyphen. `None` where nothing is left.
///
/// `"My OpenAI (EU)"` becomes `my-openai-eu`.
#[must_use]
pub fn id_from_display_name(display_name: &str) -> Option<String> {
    let mut id = String::new();
    for c in display_name.chars() {
        let c = c.to_ascii_lowercase();
        match c {
            'a'..='z' => id.push(c),
            '0'..='9' if !id.is_empty() => id.push(c),
            _ if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            _ => {}
        }
    }
    id.truncate(63);
    let id = id.trim_end_matches('-').to_owned();
    is_id(&id).then_some(id)
}

fn matches(given: &str, segments: &[Segment]) -> bool {
    let mut rest = Some(given);
    for segment in segments {
        let Some(text) = rest else { return false };
        let (head, tail) = match (segment, text.split_once('/')) {
            (Segment::ModelId, _) | (_, None) => (text, None),
            (_, Some((head, tail))) => (head, Some(tail)),
        };
        let good = match segment {
            Segment::Id => is_id(head),
            Segment::ModelId => is_model_id(head),
            Segment::Literal(literal) => head == *literal,
        };
        if !good {
            return false;
        }
        rest = tail;
    }
    rest.is_none()
}

/// Where the id begins: after as many slashes as the form has, whatever the segments say. An id may be the word of a collection, and a
/// model's id may hold slashes.
fn id_of(name: &str, pattern: &'static str) -> usize {
    let slashes = pattern.bytes().filter(|byte| *byte == b'/').count();
    let last = slashes.checked_sub(1).and_then(|last| name.match_indices('/').nth(last));
    last.map_or(0, |(at, _)| at + 1)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $pattern:literal, $collection:literal, [$($segment:expr),+];)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl ResourceName for $name {
            const PATTERN: &'static str = $pattern;
            const COLLECTION: &'static str = $collection;

            fn as_str(&self) -> &str {
                &self.0
            }

            fn id(&self) -> &str {
                &self.0[id_of(&self.0, $pattern)..]
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(given: &str) -> Result<Self, NameError> {
                if matches(given, &[$($segment),+]) {
                    Ok(Self(given.into()))
                } else {
                    Err(NameError { given: given.chars().take(300).collect(), pattern: $pattern })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

use Segment::{Id, Literal, ModelId};

names! {
    /// `projects/{project}`.
    ProjectName, "projects/{project}", "projects", [Literal("projects"), Id];
    /// `projects/{project}/environments/{environment}`.
    EnvironmentName, "projects/{project}/environments/{environment}", "environments",
        [Literal("projects"), Id, Literal("environments"), Id];
    /// `projects/{project}/providers/{provider}`.
    ProviderName, "projects/{project}/providers/{provider}", "providers", [Literal("projects"), Id, Literal("providers"), Id];
    /// `projects/{project}/providers/{provider}/credentials/{credential}`.
    CredentialName, "projects/{project}/providers/{provider}/credentials/{credential}", "credentials",
        [Literal("projects"), Id, Literal("providers"), Id, Literal("credentials"), Id];
    /// `projects/{project}/models/{model}`; the model's id may hold slashes.
    ModelName, "projects/{project}/models/{model}", "models", [Literal("projects"), Id, Literal("models"), ModelId];
    /// `projects/{project}/callerKeys/{caller_key}`.
    CallerKeyName, "projects/{project}/callerKeys/{caller_key}", "callerKeys", [Literal("projects"), Id, Literal("callerKeys"), Id];
    /// `projects/{project}/secrets/{secret}`.
    SecretName, "projects/{project}/secrets/{secret}", "secrets", [Literal("projects"), Id, Literal("secrets"), Id];
    /// `projects/{project}/providers/{provider}/rates/{rate}`.
    RateName, "projects/{project}/providers/{provider}/rates/{rate}", "rates",
        [Literal("projects"), Id, Literal("providers"), Id, Literal("rates"), Id];
    /// `proxies/{proxy}`.
    ProxyName, "proxies/{proxy}", "proxies", [Literal("proxies"), Id];
    /// `joinTokens/{join_token}`.
    JoinTokenName, "joinTokens/{join_token}", "joinTokens", [Literal("joinTokens"), Id];
}

impl ProjectName {
    /// The name of one of the project's children, `projects/{project}/{collection}/{id}`.
    ///
    /// # Errors
    ///
    /// When the id does not have the form that the child's names take.
    pub fn child<N: ResourceName>(&self, id: &str) -> Result<N, NameError> {
        format!("{self}/{}/{id}", N::COLLECTION).parse()
    }
}

impl ProviderName {
    /// The name of one of the provider's credentials.
    ///
    /// # Errors
    ///
    /// When the id is not one.
    pub fn credential(&self, id: &str) -> Result<CredentialName, NameError> {
        format!("{self}/credentials/{id}").parse()
    }
}

impl CredentialName {
    /// The provider that the credential is for.
    #[must_use]
    pub fn provider(&self) -> ProviderName {
        ProviderName(self.parent_str().into())
    }
}

impl RateName {
    /// The provider that the rate is of.
    #[must_use]
    pub fn provider(&self) -> ProviderName {
        ProviderName(self.parent_str().into())
    }
}

macro_rules! in_project {
    ($($name:ident),+) => {$(impl $name {
        /// The project that it lives in.
        #[must_use]
        pub fn project(&self) -> ProjectName {
            let id = self.0.split('/').nth(1).unwrap_or_default();
            ProjectName(format!("projects/{id}").into())
        }
    })+};
}

in_project!(EnvironmentName, ProviderName, CredentialName, ModelName, CallerKeyName, SecretName, RateName);

/// Which environments a join token is for: one, one name in every project, or all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvironmentPattern {
    /// `projects/{project}/environments/{environment}`.
    One(EnvironmentName),
    /// `projects/-/environments/{environment}`: that one of every project. Holds the id.
    InEveryProject(String),
    /// `projects/-/environments/-`.
    All,
}

impl EnvironmentPattern {
    /// Whether the environment is one of them.
    #[must_use]
    pub fn matches(&self, environment: &EnvironmentName) -> bool {
        match self {
            Self::One(one) => one == environment,
            Self::InEveryProject(id) => environment.id() == id,
            Self::All => true,
        }
    }
}

impl FromStr for EnvironmentPattern {
    type Err = NameError;

    fn from_str(given: &str) -> Result<Self, NameError> {
        match given.strip_prefix("projects/-/environments/") {
            Some("-") => Ok(Self::All),
            Some(id) if is_id(id) => Ok(Self::InEveryProject(id.to_owned())),
            _ => given.parse().map(Self::One).map_err(|error: NameError| NameError {
                pattern: "projects/{project}/environments/{environment}, where - stands for every one",
                ..error
            }),
        }
    }
}

impl fmt::Display for EnvironmentPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{one}"),
            Self::InEveryProject(id) => write!(f, "projects/-/environments/{id}"),
            Self::All => f.write_str("projects/-/environments/-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_each_form_parse_and_others_do_not() {
        assert!("projects/p1/providers/open-ai".parse::<ProviderName>().is_ok());
        for bad in [
            "",
            "projects",
            "projects/",
            "projects/P/providers/x",
            "projects/p/providers/x/",
            "projects/p/providers/x-",
            "projects/p/models/x",
        ] {
            assert!(bad.parse::<ProviderName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_models_id_takes_the_rest_of_the_name() {
        let name: ModelName = "projects/p/models/models/x/models/y".parse().unwrap();
        assert_eq!(name.id(), "models/x/models/y");
        assert_eq!(name.parent_str(), "projects/p");
        for bad in ["projects/p/models/", "projects/p/models/a//b", "projects/p/models/a/../b", "projects/p/models/.a"]
        {
            assert!(bad.parse::<ModelName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn parents_are_found() {
        let name: CredentialName = "projects/projects/providers/providers/credentials/credentials".parse().unwrap();
        assert_eq!(name.id(), "credentials");
        assert_eq!(name.provider().as_str(), "projects/projects/providers/providers");
        assert_eq!(name.project().as_str(), "projects/projects");
        assert_eq!("proxies/a".parse::<ProxyName>().unwrap().parent_str(), "");
    }

    #[test]
    fn an_id_may_be_the_word_of_a_collection() {
        let model: ModelName = "projects/models/models/gpt".parse().unwrap();
        assert_eq!((model.id(), model.parent_str()), ("gpt", "projects/models"));
        let provider: ProviderName = "projects/providers/providers/x".parse().unwrap();
        assert_eq!((provider.id(), provider.parent_str()), ("x", "projects/providers"));
        let credential: CredentialName = "projects/p/providers/credentials/credentials/k".parse().unwrap();
        assert_eq!((credential.id(), credential.provider().id()), ("k", "credentials"));
        let project: ProjectName = "projects/projects".parse().unwrap();
        assert_eq!((project.id(), project.parent_str()), ("projects", ""));
    }

    #[test]
    fn ids_are_made_from_display_names() {
        assert_eq!(id_from_display_name("My OpenAI (EU)").as_deref(), Some("my-openai-eu"));
        assert_eq!(id_from_display_name("4 all").as_deref(), Some("all"));
        assert_eq!(id_from_display_name("日本"), None);
        assert_eq!(id_from_display_name(&"x".repeat(100)).map(|id| id.len()), Some(63));
    }

    #[test]
    fn patterns_match_what_they_say() {
        let production: EnvironmentName = "projects/a/environments/production".parse().unwrap();
        for (pattern, expected) in [
            ("projects/a/environments/production", true),
            ("projects/b/environments/production", false),
            ("projects/-/environments/production", true),
            ("projects/-/environments/staging", false),
            ("projects/-/environments/-", true),
        ] {
            let parsed: EnvironmentPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(&production), expected, "{pattern}");
            assert_eq!(parsed.to_string(), pattern);
        }
        assert!("projects/a/environments/-".parse::<EnvironmentPattern>().is_err());
    }
}
