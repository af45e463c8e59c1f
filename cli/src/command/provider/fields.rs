//! The flags that set a provider's fields.

use std::collections::BTreeMap;
use std::path::PathBuf;

use prost_types::Struct;
use proto::admin::v1::{Adapter, AuthMode, ExposedModel, Provider};
use serde_json::Value;

use super::super::{Changes, InProject};
use crate::error::Error;
use crate::input;

/// What an admin sets of a provider.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// Who is upstream: one of `keyplane catalog`, or any other name. Can't be changed later.
    #[arg(long, value_name = "VENDOR")]
    pub(crate) vendor: Option<String>,
    /// Which API it speaks; left out, the catalog's for the vendor. Can't be changed later.
    #[arg(long, value_enum)]
    pub(crate) adapter: Option<AdapterFlag>,
    /// Where it is, `https://api.openai.com/v1` and its like; left out, the catalog's for the vendor, or what the region gives. Azure also
    /// takes a resource's bare name.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The vendor's region, `us-east-1`; Bedrock and Vertex need one.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Whether proxies may use it.
    #[arg(long, value_name = "BOOL")]
    pub(crate) enabled: Option<bool>,
    /// How requests authenticate upstream. Can't be changed later.
    #[arg(long, value_enum)]
    pub(crate) auth_mode: Option<AuthModeFlag>,
    /// An environment in which it is active, by its id or its full name; may be repeated.
    #[arg(long = "environment", short, value_name = "ENVIRONMENT")]
    pub(crate) environments: Vec<String>,
    /// An upstream model that callers may reach, `*` for all; may be repeated.
    #[arg(long = "exposed-model", value_name = "MODEL")]
    pub(crate) exposed_models: Vec<String>,
    /// The upstream model for callers who ask for the provider alone.
    #[arg(long, value_name = "MODEL")]
    pub(crate) default_model: Option<String>,
    /// What the adapter is told beside, as a text (`api_version=2024-10-21`), or `@FILE` with a JSON object; may be repeated. Never a
    /// secret.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) config: Vec<String>,
    /// A field that is set in a request's body where the caller leaves it out, its value JSON (`temperature=0.2`) or else a text, or
    /// `@FILE` with a JSON object; may be repeated.
    #[arg(long = "request-default", value_name = "KEY=VALUE")]
    pub(crate) request_defaults: Vec<String>,
    /// A header that is added to every request upstream; may be repeated. Never one that authenticates.
    #[arg(long = "request-header", value_name = "NAME=VALUE")]
    pub(crate) request_headers: Vec<String>,
    /// A header that passes in neither direction; may be repeated.
    #[arg(long = "strip-header", value_name = "NAME")]
    pub(crate) strip_headers: Vec<String>,
    /// What logs and usage say of its requests; may be repeated.
    #[arg(long = "telemetry-tag", value_name = "KEY=VALUE")]
    pub(crate) telemetry_tags: Vec<String>,
    /// The header that carries the key; left out, the adapter's.
    #[arg(long, value_name = "NAME")]
    pub(crate) key_header: Option<String>,
    /// The header that carries a credential's additional key.
    #[arg(long, value_name = "NAME")]
    pub(crate) additional_key_header: Option<String>,
    /// The file with certificate authorities to trust beside the system's, as PEM.
    #[arg(long, value_name = "PATH")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How long a connection may take to make, `5s`.
    #[arg(long, value_name = "DURATION", value_parser = input::seconds)]
    pub(crate) connect_timeout: Option<prost_types::Duration>,
    /// How long an answer's first byte may take, `300s`.
    #[arg(long, value_name = "DURATION", value_parser = input::seconds)]
    pub(crate) first_byte_timeout: Option<prost_types::Duration>,
    /// How long an answer that has begun may pause, `300s`.
    #[arg(long, value_name = "DURATION", value_parser = input::seconds)]
    pub(crate) idle_timeout: Option<prost_types::Duration>,
}

/// Which API an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AdapterFlag {
    /// OpenAI's API, and what is compatible with it.
    Openai,
    /// OpenAI's API at Azure's URLs.
    AzureOpenai,
    /// Anthropic's Messages.
    Anthropic,
    /// Gemini's API.
    Gemini,
    /// Gemini's API at Vertex AI's URLs.
    Vertex,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// Cohere's API.
    Cohere,
}

impl From<AdapterFlag> for Adapter {
    fn from(flag: AdapterFlag) -> Self {
        match flag {
            AdapterFlag::Openai => Self::Openai,
            AdapterFlag::AzureOpenai => Self::AzureOpenai,
            AdapterFlag::Anthropic => Self::Anthropic,
            AdapterFlag::Gemini => Self::Gemini,
            AdapterFlag::Vertex => Self::Vertex,
            AdapterFlag::Bedrock => Self::Bedrock,
            AdapterFlag::Cohere => Self::Cohere,
        }
    }
}

/// How requests authenticate upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AuthModeFlag {
    /// With the provider's credentials.
    Managed,
    /// With the caller's own provider key, which is stored nowhere.
    Passthrough,
    /// Not at all.
    None,
}

impl From<AuthModeFlag> for AuthMode {
    fn from(flag: AuthModeFlag) -> Self {
        match flag {
            AuthModeFlag::Managed => Self::Managed,
            AuthModeFlag::Passthrough => Self::Passthrough,
            AuthModeFlag::None => Self::None,
        }
    }
}

impl Fields {
    /// Sets what flags give, and tells which fields that is.
    ///
    /// # Errors
    ///
    /// When a flag's value is not what it should be, or a file can't be read.
    pub(crate) fn apply(self, provider: &mut Provider, project: &InProject) -> Result<Vec<&'static str>, Error> {
        let adapter = self.adapter.map(|flag| Adapter::from(flag).into());
        let auth_mode = self.auth_mode.map(|flag| AuthMode::from(flag).into());
        let exposed = self.exposed_models.into_iter().map(exposed).collect();
        let mut changes = Changes::default();
        changes.set("display_name", &mut provider.display_name, self.display_name);
        changes.set("vendor", &mut provider.vendor, self.vendor);
        changes.set("adapter", &mut provider.adapter, adapter);
        changes.set("base_url", &mut provider.base_url, self.base_url);
        changes.set("region", &mut provider.region, self.region);
        changes.set("enabled", &mut provider.enabled, self.enabled.map(Some));
        changes.set("auth_mode", &mut provider.auth_mode, auth_mode);
        changes.set_list("environments", &mut provider.environments, project.environments(&self.environments)?);
        changes.set_list("exposed_models", &mut provider.exposed_models, exposed);
        changes.set("default_model", &mut provider.default_model, self.default_model);
        changes.set("config", &mut provider.config, object("config", &self.config, as_text)?.map(Some));
        let defaults = object("request-default", &self.request_defaults, as_json)?;
        changes.set("request_defaults", &mut provider.request_defaults, defaults.map(Some));
        changes.set("request_headers", &mut provider.request_headers, pairs(&self.request_headers)?);
        changes.set_list("strip_headers", &mut provider.strip_headers, self.strip_headers);
        changes.set("telemetry_tags", &mut provider.telemetry_tags, pairs(&self.telemetry_tags)?);
        changes.set("key_header", &mut provider.key_header, self.key_header);
        changes.set("additional_key_header", &mut provider.additional_key_header, self.additional_key_header);
        let certificates = self.ca_file.as_deref().map(input::file).transpose()?;
        changes.set("ca_certificates", &mut provider.ca_certificates, certificates);
        changes.set("connect_timeout", &mut provider.connect_timeout, self.connect_timeout.map(Some));
        changes.set("first_byte_timeout", &mut provider.first_byte_timeout, self.first_byte_timeout.map(Some));
        changes.set("idle_timeout", &mut provider.idle_timeout, self.idle_timeout.map(Some));
        Ok(changes.paths())
    }
}

/// A model that callers may reach, under its own name.
pub(crate) fn exposed(upstream_model: String) -> ExposedModel {
    ExposedModel { upstream_model, display_name: String::new() }
}

fn pairs(given: &[String]) -> Result<Option<BTreeMap<String, String>>, Error> {
    let pairs: Result<BTreeMap<_, _>, _> = given.iter().map(|text| input::pair(text)).collect();
    Ok(Some(pairs?).filter(|pairs| !pairs.is_empty()))
}

/// A JSON object of pairs and files; later ones win. `None` where there are none.
fn object(flag: &str, given: &[String], read: impl Fn(&str) -> Value) -> Result<Option<Struct>, Error> {
    let mut fields = serde_json::Map::new();
    for text in given {
        if let Some(path) = text.strip_prefix('@') {
            let parsed = serde_json::from_str(&input::file(path.as_ref())?);
            let Ok(Value::Object(more)) = parsed else {
                return Err(Error::Usage(format!("--{flag}: {path} is not a JSON object")));
            };
            fields.extend(more);
        } else {
            let (key, value) = input::pair(text)?;
            fields.insert(key, read(&value));
        }
    }
    Ok((!given.is_empty()).then(|| to_struct(fields)))
}

fn as_text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| as_text(text))
}

fn to_struct(fields: serde_json::Map<String, Value>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, value)| (key, to_value(value))).collect() }
}

fn to_value(value: Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        // Protobuf's numbers are doubles; what is none, JSON doesn't have.
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Value::String(value) => Kind::StringValue(value),
        Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.into_iter().map(to_value).collect() })
        }
        Value::Object(fields) => Kind::StructValue(to_struct(fields)),
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use prost_types::value::Kind;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        fields: Fields,
    }

    fn applied(words: &str) -> Result<(Provider, Vec<&'static str>), Error> {
        let line = Line::try_parse_from(["line"].into_iter().chain(words.split_whitespace())).unwrap();
        let mut provider = Provider::default();
        let set = line.fields.apply(&mut provider, &InProject { project: "default".into() })?;
        Ok((provider, set))
    }

    #[test]
    fn every_flag_sets_its_field_and_nothing_else() {
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&ca, "-----BEGIN").unwrap();
        let words = format!(
            "--vendor azure --adapter azure-openai --region eu --auth-mode passthrough --config api_version=2024-10-21 \
             --request-default temperature=0.5 --request-default user=me --request-header x-a=b=c --strip-header cookie \
             --telemetry-tag team=ai --key-header x-key --additional-key-header x-more --ca-file {} --connect-timeout 5s \
             --first-byte-timeout 1.5s --idle-timeout 60s --enabled false",
            ca.path().display()
        );
        let (provider, set) = applied(&words).unwrap();
        assert_eq!((provider.adapter(), provider.auth_mode()), (Adapter::AzureOpenai, AuthMode::Passthrough));
        let field = |object: &Option<Struct>, key: &str| object.as_ref().unwrap().fields[key].kind.clone().unwrap();
        assert_eq!(field(&provider.config, "api_version"), Kind::StringValue("2024-10-21".into()));
        assert_eq!(field(&provider.request_defaults, "temperature"), Kind::NumberValue(0.5));
        assert_eq!(field(&provider.request_defaults, "user"), Kind::StringValue("me".into()));
        assert_eq!(provider.request_headers["x-a"], "b=c");
        assert_eq!((&*provider.telemetry_tags["team"], &*provider.ca_certificates), ("ai", "-----BEGIN"));
        assert_eq!(provider.first_byte_timeout, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
        assert_eq!(set.len(), 16, "{set:?}");
        assert!(applied("").unwrap().1.is_empty());
    }

    #[test]
    fn a_file_holds_what_a_pair_can_t() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, r#"{"a":{"b":[1,null,true]},"project":"x"}"#).unwrap();
        let (provider, _) = applied(&format!("--config @{} --config project=y", file.path().display())).unwrap();
        let config = provider.config.unwrap();
        assert_eq!(config.fields["project"].kind, Some(Kind::StringValue("y".into())), "the later one wins");
        assert!(matches!(config.fields["a"].kind, Some(Kind::StructValue(_))));
        std::fs::write(&file, "[]").unwrap();
        assert!(applied(&format!("--config @{}", file.path().display())).is_err());
        assert!(applied("--config nothing").is_err());
    }
}
