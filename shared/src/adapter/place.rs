//! What an adapter knows of a provider: where it is, and the settings that stand in its URLs and signatures.

use http::HeaderName;
use serde_json::{Map, Value};

use super::AdapterKind;
use crate::base_url::{BaseUrl, check_region};

/// Where a provider is, and how its adapter is to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The base URL; for a vendor with one host a region, derived from it where none was given.
    pub base_url: BaseUrl,
    /// The vendor's region; `None` where it has none, or the base URL holds it.
    pub region: Option<String>,
    /// The known keys of the provider's `config`.
    pub settings: Settings,
    /// The header that carries the key, instead of the adapter's.
    pub key_header: Option<HeaderName>,
    /// The header that carries the additional key, instead of the adapter's.
    pub additional_key_header: Option<HeaderName>,
}

/// The known keys of a provider's `config`. Others are kept and mean nothing here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Azure's `api-version`; `None` means 2024-10-21.
    pub api_version: Option<String>,
    /// Google's project, for Vertex.
    pub project: Option<String>,
    /// Google's location, for Vertex; `None` means the region.
    pub location: Option<String>,
    /// The region that signatures name, for Bedrock behind an endpoint of one's own; `None` means the region.
    pub signing_region: Option<String>,
    /// Which of OpenAI's two APIs the upstream has, for the adapters of OpenAI's format; `None` means what the catalog says of the model.
    pub openai_api: Option<OpenAiApi>,
}

/// Which of OpenAI's two ways to write conversations an upstream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiApi {
    /// Chat completions.
    Chat,
    /// Responses.
    Responses,
    /// Both.
    Both,
}

impl OpenAiApi {
    /// Every one, by its word in a provider's `config`.
    const WORDS: [(&'static str, Self); 3] =
        [("chat", Self::Chat), ("responses", Self::Responses), ("both", Self::Both)];

    fn of(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, api)| api)
    }
}

/// A known key of `config` that holds something else than it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct SettingsError {
    /// Which key.
    pub key: &'static str,
    /// What is wrong, and what to do.
    pub problem: &'static str,
}

impl Settings {
    /// Reads the known keys of a provider's `config`: `api_version` for Azure, `project` and `location` for Vertex, `signing_region` for
    /// Bedrock, `openai_api` for the two of OpenAI's format. To another adapter the key means nothing.
    ///
    /// # Errors
    ///
    /// Every known key that is wrong.
    pub fn parse(adapter: AdapterKind, config: &Map<String, Value>) -> Result<Self, Vec<SettingsError>> {
        let mut read = Reading { config, errors: Vec::new() };
        let mut settings = Self::default();
        match adapter {
            AdapterKind::AzureOpenAi => {
                settings.api_version = read.text(&API_VERSION);
                settings.openai_api = read.openai_api();
            }
            AdapterKind::OpenAi => settings.openai_api = read.openai_api(),
            AdapterKind::Vertex => {
                settings.project = read.text(&PROJECT);
                settings.location = read.text(&LOCATION);
            }
            AdapterKind::Bedrock => settings.signing_region = read.text(&SIGNING_REGION),
            AdapterKind::Anthropic | AdapterKind::Gemini | AdapterKind::Cohere => {}
        }
        if read.errors.is_empty() { Ok(settings) } else { Err(read.errors) }
    }
}

/// A known key: what it holds, and what to do where it holds something else.
struct KnownKey {
    key: &'static str,
    problem: &'static str,
    is_good: fn(&str) -> bool,
}

const API_VERSION: KnownKey = KnownKey {
    key: "api_version",
    problem: "has to be a date such as 2024-10-21 or 2025-01-01-preview, or v1, or preview: give one of Azure's API versions",
    is_good: is_api_version,
};
const PROJECT: KnownKey = KnownKey {
    key: "project",
    problem: "has to be the id or the number of a Google Cloud project, such as my-project: give it without projects/ before it",
    is_good: is_project,
};
const LOCATION: KnownKey = KnownKey {
    key: "location",
    problem: "has to be a location such as us-central1 or global: use at most 50 lower-case letters, digits and hyphens",
    is_good: is_region,
};
const SIGNING_REGION: KnownKey = KnownKey {
    key: "signing_region",
    problem: "has to be a region such as us-east-1: use at most 50 lower-case letters, digits and hyphens",
    is_good: is_region,
};
const OPENAI_API: KnownKey = KnownKey {
    key: "openai_api",
    problem: "has to be chat, responses or both: say which of OpenAI's ways to write conversations the upstream has",
    is_good: |text| OpenAiApi::of(text).is_some(),
};

struct Reading<'a> {
    config: &'a Map<String, Value>,
    errors: Vec<SettingsError>,
}

impl Reading<'_> {
    fn openai_api(&mut self) -> Option<OpenAiApi> {
        self.text(&OPENAI_API).as_deref().and_then(OpenAiApi::of)
    }

    /// The key's text; absent, `null` and empty are one.
    fn text(&mut self, known: &KnownKey) -> Option<String> {
        match self.config.get(known.key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) if (known.is_good)(text) => Some(text.clone()),
            Some(_) => {
                self.errors.push(SettingsError { key: known.key, problem: known.problem });
                None
            }
        }
    }
}

/// `v1`, `preview`, or a date with or without `-preview`.
fn is_api_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    matches!(text, "v1" | "preview") || (date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok())
}

/// An id, one with its domain before it, or a number. It stands in URLs.
fn is_project(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(is_inner)
}

fn is_region(text: &str) -> bool {
    check_region(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(adapter: AdapterKind, config: &Value) -> Result<Settings, Vec<&'static str>> {
        Settings::parse(adapter, config.as_object().unwrap())
            .map_err(|errors| errors.into_iter().map(|error| error.key).collect())
    }

    #[test]
    fn known_keys_are_read_for_the_adapter_that_knows_them() {
        let config = serde_json::json!({
            "api_version": "2024-10-21", "project": "my-project", "location": "eu", "signing_region": "us-east-1",
            "openai_api": "chat", "other": [1],
        });
        let text = |text: &str| Some(text.to_owned());
        let none = Settings::default();
        let chat = Settings { openai_api: Some(OpenAiApi::Chat), ..none.clone() };
        for (adapter, expected) in [
            (AdapterKind::AzureOpenAi, Settings { api_version: text("2024-10-21"), ..chat.clone() }),
            (AdapterKind::Vertex, Settings { project: text("my-project"), location: text("eu"), ..none.clone() }),
            (AdapterKind::Bedrock, Settings { signing_region: text("us-east-1"), ..none.clone() }),
            (AdapterKind::OpenAi, chat),
            (AdapterKind::Anthropic, none.clone()),
            (AdapterKind::Gemini, none.clone()),
            (AdapterKind::Cohere, none.clone()),
        ] {
            assert_eq!(parse(adapter, &config), Ok(expected), "{adapter:?}");
        }
        let absent = serde_json::json!({"api_version": null, "project": "", "location": ""});
        assert_eq!(parse(AdapterKind::AzureOpenAi, &absent), Ok(none.clone()));
        assert_eq!(parse(AdapterKind::Vertex, &absent), Ok(none));
    }

    #[test]
    fn api_versions_are_dates_or_names() {
        for (version, is_good) in [
            ("2024-10-21", true),
            ("2025-01-01-preview", true),
            ("v1", true),
            ("preview", true),
            ("2024-13-01", false),
            ("2024-10-21&x=y", false),
            ("20241021", false),
            ("latest", false),
            ("v2", false),
            ("+002024-10-21", false),
        ] {
            let parsed = parse(AdapterKind::AzureOpenAi, &serde_json::json!({ "api_version": version }));
            assert_eq!(parsed.is_ok(), is_good, "{version}");
        }
    }

    #[test]
    fn every_wrong_key_is_named_with_what_to_do() {
        let config = serde_json::json!({"project": "projects/x", "location": 3});
        assert_eq!(parse(AdapterKind::Vertex, &config), Err(vec!["project", "location"]));
        for bad in ["../x", "x/y", "X", "-x", "x-", "x?y", "x y"] {
            assert_eq!(
                parse(AdapterKind::Vertex, &serde_json::json!({ "project": bad })),
                Err(vec!["project"]),
                "{bad}"
            );
        }
        for good in ["my-project", "123456789", "example.com:my-project"] {
            assert!(parse(AdapterKind::Vertex, &serde_json::json!({ "project": good })).is_ok(), "{good}");
        }
        for bad in ["Chat", "messages", "chat,responses"] {
            assert_eq!(
                parse(AdapterKind::OpenAi, &serde_json::json!({ "openai_api": bad })),
                Err(vec!["openai_api"]),
                "{bad}"
            );
        }
        let region = serde_json::json!({"signing_region": "us-east-1.evil"});
        assert_eq!(parse(AdapterKind::Bedrock, &region), Err(vec!["signing_region"]));
        let error = SettingsError { key: API_VERSION.key, problem: API_VERSION.problem };
        assert!(error.to_string().starts_with("api_version has to be a date such as 2024-10-21"));
    }
}
