//! The table: one row for each vendor and type of credential.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use proto::admin::v1::{CatalogEntry, CredentialType, CredentialValue};

use crate::admin::{access_key_pair, api_key, client_secret, service_account};
use crate::standin::{Api, StandIn, service_account_json};

/// When a bad key is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadKey {
    /// When it is given: there is something free that tells.
    AtOnce,
    /// By its first request.
    OnFirstUse,
}

/// One vendor with one type of credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The vendor.
    pub(super) vendor: &'static str,
    /// Whose API it speaks.
    pub(super) api: Api,
    /// The type.
    pub(super) kind: CredentialType,
    /// The region that its provider names.
    pub(super) region: &'static str,
    /// When a bad key is found out.
    pub(super) bad: BadKey,
    /// Whether its list of models is for everybody, with any key or none.
    pub(super) open_list: bool,
}

const fn key(vendor: &'static str, api: Api) -> Row {
    Row { vendor, api, kind: CredentialType::ApiKey, region: "", bad: BadKey::AtOnce, open_list: false }
}

/// The table.
pub(super) const ROWS: &[Row] = &[
    key("anthropic", Api::Anthropic),
    key("azure", Api::Azure),
    Row { kind: CredentialType::ClientSecret, ..key("azure", Api::Azure) },
    Row { region: "us-east-1", ..key("bedrock", Api::Bedrock) },
    Row { region: "us-east-1", kind: CredentialType::AccessKeyPair, ..key("bedrock", Api::Bedrock) },
    key("cerebras", Api::OpenAi),
    key("cohere", Api::Cohere),
    key("custom", Api::OpenAi),
    key("deepseek", Api::OpenAi),
    key("fireworks", Api::OpenAi),
    key("gateway", Api::OpenAi),
    key("google", Api::Gemini),
    key("groq", Api::OpenAi),
    key("mistral", Api::OpenAi),
    // Its list is open to everybody.
    Row { bad: BadKey::OnFirstUse, open_list: true, ..key("nvidia", Api::OpenAi) },
    key("ollama", Api::OpenAi),
    key("openai", Api::OpenAi),
    Row { open_list: true, ..key("openrouter", Api::OpenAi) },
    Row { bad: BadKey::OnFirstUse, open_list: true, ..key("perplexity", Api::OpenAi) },
    key("together", Api::OpenAi),
    // Express mode has nothing free that takes its keys.
    Row { region: "europe-west4", bad: BadKey::OnFirstUse, ..key("vertex", Api::Vertex) },
    Row { region: "europe-west4", kind: CredentialType::ServiceAccount, ..key("vertex", Api::Vertex) },
    key("xai", Api::OpenAi),
];

impl Row {
    /// Names its provider and its model.
    pub(super) fn id(&self) -> String {
        let kind = self.kind.as_str_name().trim_start_matches("CREDENTIAL_TYPE_").to_lowercase().replace('_', "-");
        format!("{}-{kind}", self.vendor)
    }

    /// One of the upstream's models.
    pub(super) fn model(&self) -> &'static str {
        match self.api {
            Api::OpenAi => "gpt-4o",
            Api::Anthropic => "claude-haiku-4-5",
            Api::Gemini => "gemini-2.5-pro",
            Api::Vertex => "gemini-2.5-flash",
            Api::Bedrock => "anthropic.claude-3-haiku-20240307-v1:0",
            Api::Azure => "my-deployment",
            Api::Cohere => "command-r7b-12-2024",
        }
    }

    /// What the vendor's own URL has behind its host is there at the stand-in, too.
    pub(super) fn base_url(&self, upstream: &StandIn, entry: &CatalogEntry) -> String {
        match self.api {
            Api::OpenAi => {
                let path = entry.default_base_url.splitn(4, '/').nth(3).unwrap_or("v1");
                format!("{}/{path}", upstream.origin())
            }
            Api::Anthropic | Api::Gemini | Api::Vertex | Api::Bedrock | Api::Azure | Api::Cohere => upstream.base_url(),
        }
    }

    /// What its provider is told beside.
    pub(super) fn config(&self, _upstream: &StandIn) -> Option<Struct> {
        (self.api == Api::Vertex).then(|| config(&[("project", "acme-ai"), ("location", "europe-west4")]))
    }

    /// What the stand-in knows its good credential by.
    pub(super) fn good_key(&self) -> String {
        match self.kind {
            CredentialType::ApiKey | CredentialType::Unspecified => format!("sk-{}-0123456789abc", self.vendor),
            CredentialType::AccessKeyPair => "AKIDGOODEXAMPLE00001".into(),
            CredentialType::ServiceAccount => "good@acme-ai.iam.gserviceaccount.com".into(),
            CredentialType::ClientSecret => "0c0ffee0-0000-4000-8000-000000000001".into(),
        }
    }

    /// A credential's value that the stand-in knows by an identity.
    pub(super) fn value(&self, upstream: &StandIn, identity: &str) -> CredentialValue {
        match self.kind {
            CredentialType::ApiKey | CredentialType::Unspecified => api_key(identity),
            CredentialType::AccessKeyPair => {
                access_key_pair(identity, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session-token-of-a-role")
            }
            CredentialType::ServiceAccount => {
                service_account(&service_account_json(identity, &format!("{}/token", upstream.origin())))
            }
            CredentialType::ClientSecret => {
                client_secret(&format!("{}/acme.example", upstream.origin()), identity, "entra-secret-0123456789")
            }
        }
    }

    /// What people may see of the good one.
    pub(super) fn masked_value(&self) -> String {
        let identity = self.good_key();
        match self.kind {
            CredentialType::ApiKey | CredentialType::AccessKeyPair | CredentialType::Unspecified => {
                format!("{}...{}", &identity[..4], &identity[identity.len() - 3..])
            }
            CredentialType::ServiceAccount | CredentialType::ClientSecret => identity,
        }
    }
}

/// A provider's `config` of strings.
pub(in crate::cases) fn config(fields: &[(&str, &str)]) -> Struct {
    let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let fields: BTreeMap<_, _> = fields.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    Struct { fields }
}
