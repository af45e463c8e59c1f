//! The eight ways out: a provider for each, connected, with a model of its name.

use anyhow::Context as _;
use proto::admin::v1::{CreateProviderRequest, ExposedModel, Provider};

use super::vendors::table::config;
use crate::standin::{Account, Api, Dialect, StandIn};
use crate::world::{ENVIRONMENT, PROJECT, World};

/// A way out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Its name, which is the model's, too.
    pub(super) name: &'static str,
    /// Whose API it is.
    pub(super) api: Api,
    /// What it speaks.
    pub(super) dialect: Dialect,
    /// What requests come to there.
    pub(super) path: &'static str,
    vendor: &'static str,
    upstream_model: &'static str,
    region: &'static str,
    config: &'static [(&'static str, &'static str)],
}

const fn way(name: &'static str, api: Api, dialect: Dialect, path: &'static str) -> Way {
    Way { name, api, dialect, path, vendor: name, upstream_model: "gpt-4o", region: "", config: &[] }
}

/// One for each format, Azure and Vertex AI.
pub(super) const WAYS: [Way; 8] = [
    Way {
        vendor: "openai",
        upstream_model: "gpt-5.1",
        config: &[("openai_api", "chat")],
        ..way("openai-chat", Api::OpenAi, Dialect::Chat, "/v1/chat/completions")
    },
    Way {
        vendor: "openai",
        upstream_model: "gpt-5.2",
        config: &[("openai_api", "responses")],
        ..way("openai-responses", Api::OpenAi, Dialect::Responses, "/v1/responses")
    },
    Way { upstream_model: "claude-sonnet-4-5", ..way("anthropic", Api::Anthropic, Dialect::Anthropic, "/v1/messages") },
    Way {
        vendor: "google",
        upstream_model: "gemini-2.5-flash",
        ..way("gemini", Api::Gemini, Dialect::Gemini, "/v1beta/models/gemini-2.5-flash:")
    },
    Way {
        upstream_model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        region: "us-east-1",
        ..way(
            "bedrock",
            Api::Bedrock,
            Dialect::Bedrock,
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        )
    },
    Way { upstream_model: "command-a-reasoning-08-2025", ..way("cohere", Api::Cohere, Dialect::Cohere, "/v2/chat") },
    // Its dated versions have no responses.
    Way {
        upstream_model: "gpt-5-mini",
        config: &[("openai_api", "chat")],
        ..way("azure", Api::Azure, Dialect::Chat, "/openai/deployments/gpt-5-mini/chat/completions")
    },
    Way {
        upstream_model: "gemini-2.5-pro",
        region: "europe-west4",
        config: &[("project", "acme-ai"), ("location", "europe-west4")],
        ..way("vertex", Api::Vertex, Dialect::Gemini, "/v1/publishers/google/models/gemini-2.5-pro:")
    },
];

/// More models, each with rules of its own.
pub(super) const MODELS: [Way; 12] = [
    // Nothing is known of it.
    way("gateway", Api::OpenAi, Dialect::Chat, "/v1/"),
    Way { vendor: "openai", upstream_model: "gpt-5.4", ..way("gpt-5-4", Api::OpenAi, Dialect::Chat, "/v1/") },
    Way { vendor: "openai", upstream_model: "gpt-5.6", ..way("gpt-5-6", Api::OpenAi, Dialect::Chat, "/v1/") },
    Way {
        vendor: "anthropic",
        upstream_model: "claude-opus-4-8",
        ..way("claude-opus-4-8", Api::Anthropic, Dialect::Anthropic, "/v1/messages")
    },
    Way {
        vendor: "anthropic",
        upstream_model: "claude-opus-5-5",
        ..way("claude-opus-5-5", Api::Anthropic, Dialect::Anthropic, "/v1/messages")
    },
    Way {
        vendor: "google",
        upstream_model: "gemini-3-pro-preview",
        ..way("gemini-3-pro", Api::Gemini, Dialect::Gemini, "/v1beta/models/gemini-3-pro-preview:")
    },
    Way {
        vendor: "bedrock",
        upstream_model: "amazon.nova-lite-v1:0",
        region: "us-east-1",
        ..way("nova", Api::Bedrock, Dialect::Bedrock, "/model/amazon.nova-lite-v1%3A0/converse")
    },
    Way {
        vendor: "cohere",
        upstream_model: "command-a-03-2025",
        ..way("command-a", Api::Cohere, Dialect::Cohere, "/v2/chat")
    },
    Way {
        vendor: "mistral",
        upstream_model: "mistral-medium-latest",
        ..way("mistral", Api::OpenAi, Dialect::Chat, "/v1/chat/completions")
    },
    Way {
        vendor: "groq",
        upstream_model: "openai/gpt-oss-120b",
        config: &[("openai_api", "chat")],
        ..way("groq", Api::OpenAi, Dialect::Chat, "/v1/chat/completions")
    },
    Way {
        vendor: "deepseek",
        upstream_model: "deepseek-v4-pro",
        config: &[("openai_api", "chat")],
        ..way("deepseek", Api::OpenAi, Dialect::Chat, "/v1/chat/completions")
    },
    Way {
        vendor: "azure",
        upstream_model: "my-deployment",
        config: &[("openai_api", "chat")],
        ..way("my-deployment", Api::Azure, Dialect::Chat, "/openai/deployments/my-deployment/chat/completions")
    },
];

impl Way {
    /// A stand-in that holds conversations at the end of it, connected.
    pub(super) async fn open(&self, world: &World) -> anyhow::Result<StandIn> {
        let upstream = StandIn::start(self.api).await?;
        upstream.converse();
        upstream.give(&self.key(), Account::Good);
        self.connect(world, &upstream.base_url()).await?;
        Ok(upstream)
    }

    /// Connects it to what is at a URL.
    pub(super) async fn connect(&self, world: &World, base_url: &str) -> anyhow::Result<()> {
        let provider = Provider {
            display_name: self.name.into(),
            vendor: self.vendor.into(),
            base_url: base_url.to_owned(),
            region: self.region.into(),
            config: (!self.config.is_empty()).then(|| config(self.config)),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        };
        let request = CreateProviderRequest {
            parent: PROJECT.into(),
            provider_id: self.name.into(),
            provider: Some(provider),
            ..Default::default()
        };
        let created = world.admin.providers().create_provider(request).await.context(self.name)?.into_inner();
        world.admin.make_credential(&created.name, "c", &self.key(), 1).await?;
        world.admin.make_model(PROJECT, self.name, &created.name, self.upstream_model).await?;
        // One that the provider does not have.
        world.admin.make_model(PROJECT, &self.missing(), &created.name, "missing").await?;
        Ok(())
    }

    /// The name of a model that its provider does not have.
    fn missing(&self) -> String {
        format!("{}-missing", self.name)
    }

    fn key(&self) -> String {
        format!("sk-{}-0123456789abc", self.name)
    }
}
