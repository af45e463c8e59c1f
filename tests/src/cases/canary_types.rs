//! The canary test for every type of credential: what is given as a value, minted from one, or brought by a caller is in no file, log, metric
//! or answer.

use anyhow::Context as _;
use prost_types::FieldMask;
use proto::admin::v1::{
    AuthMode, CheckCredentialRequest, ConnectProviderRequest, CreateProviderRequest, CreateSecretRequest, Credential,
    CredentialValue, DiscoverModelsRequest, ExposedModel, GetCredentialRequest, GetSecretRequest,
    ListCredentialsRequest, ListProvidersRequest, ListSecretsRequest, Provider, RotateCredentialRequest,
    RotateSecretRequest, Secret, TestConnectionRequest, UpdateCredentialRequest,
};
use tonic::{Response, Status};

use super::vendors::serve;
use crate::admin::{access_key_pair, api_key, client_secret, linked, service_account};
use crate::search::Needles;
use crate::standin::{Account, Api, StandIn, Topic, service_account_json};
use crate::world::{ENVIRONMENT, PROJECT, World};

/// One type's provider and values.
struct Kind {
    vendor: &'static str,
    api: Api,
    model: &'static str,
    /// What the stand-in knows it by.
    identity: String,
}

/// A secret that nothing else has.
fn canary(what: &str) -> String {
    let random: String = shared::id::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{what}-{random}")
}

/// Everything that was answered, to be searched.
#[derive(Default)]
struct Heard(Vec<u8>);

impl Heard {
    fn answer<M: prost::Message>(&mut self, answered: Result<Response<M>, Status>) -> Option<M> {
        match answered {
            Ok(answer) => {
                self.0.extend(answer.get_ref().encode_to_vec());
                Some(answer.into_inner())
            }
            Err(refused) => {
                self.0.extend(format!("{refused:?}").into_bytes());
                self.0.extend(refused.details());
                None
            }
        }
    }
}

struct Stage {
    world: World,
    heard: Heard,
    needles: Needles,
}

impl Stage {
    /// A value of a kind, which nobody has seen, whose secrets are searched for from now on.
    fn value(&mut self, kind: &Kind, upstream: &StandIn, account: Account) -> CredentialValue {
        upstream.give(&kind.identity, account);
        let mut secret = |what: &str| {
            let secret = canary(what);
            self.needles.add(&format!("{} {what}", kind.vendor), secret.as_bytes());
            secret
        };
        match kind.api {
            Api::Bedrock => access_key_pair(&kind.identity, &secret("secret-access-key"), &secret("session-token")),
            Api::Azure => {
                client_secret(&format!("{}/acme.example", upstream.origin()), &kind.identity, &secret("client-secret"))
            }
            Api::Vertex => {
                let json = service_account_json(&kind.identity, &format!("{}/token", upstream.origin()));
                // Any line of the key will do: it is random.
                let line = json.split("\\n").nth(3).unwrap_or_default().to_owned();
                self.needles.add("a line of a private key", line.as_bytes());
                service_account(&json)
            }
            Api::OpenAi | Api::Anthropic | Api::Gemini | Api::Cohere => {
                let key = secret("key");
                upstream.give(&key, account);
                api_key(&key)
            }
        }
    }

    fn provider(kind: &Kind, upstream: &StandIn) -> Provider {
        let config = (kind.api == Api::Vertex).then(|| super::vendors::table::config(&[("project", "acme-ai")]));
        let region = if kind.api == Api::Vertex { "europe-west4" } else { "us-east-1" };
        Provider {
            display_name: kind.vendor.into(),
            vendor: kind.vendor.into(),
            base_url: upstream.base_url(),
            region: region.into(),
            config,
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        }
    }

    /// Tests, connects, checks, discovers, serves, rotates and is refused.
    async fn live(&mut self, kind: &Kind, upstream: &StandIn) -> anyhow::Result<()> {
        let admin = self.world.admin.clone();
        let provider = Self::provider(kind, upstream);
        let name = format!("{PROJECT}/providers/{}", kind.vendor);
        let value = self.value(kind, upstream, Account::Good);
        let additional_key = canary("additional");
        self.needles.add("an additional key", additional_key.as_bytes());
        let test = TestConnectionRequest {
            parent: PROJECT.into(),
            provider: Some(provider.clone()),
            credential: Some(Credential { value: Some(value.clone()), ..Default::default() }),
            ..Default::default()
        };
        self.heard.answer(admin.providers().test_connection(test).await);
        let connect = ConnectProviderRequest {
            parent: PROJECT.into(),
            provider_id: kind.vendor.into(),
            provider: Some(Provider { additional_key_header: "x-second-key".into(), ..provider }),
            credential_id: "c".into(),
            credential: Some(Credential { value: Some(value), additional_key, ..Default::default() }),
            skip_validation: true,
            request_id: format!("connect-{}", kind.vendor),
            ..Default::default()
        };
        // Twice, as a repeated request is answered from what is kept.
        for _ in 0..2 {
            let connected = self.heard.answer(admin.providers().connect_provider(connect.clone()).await);
            connected.with_context(|| format!("{} is connected", kind.vendor))?;
        }
        self.serve(kind, upstream).await?;
        let credential = format!("{name}/credentials/c");
        let request = CheckCredentialRequest { name: credential.clone(), ..Default::default() };
        self.heard.answer(admin.credentials().check_credential(request).await);
        self.heard.answer(admin.providers().discover_models(DiscoverModelsRequest { name: name.clone() }).await);

        // A value that is refused is nowhere either.
        let dead = Kind { identity: kind.identity.replace("GOOD", "DEAD").replace("good", "dead"), ..*kind };
        let value = self.value(&dead, upstream, Account::Dead);
        let rotate =
            RotateCredentialRequest { name: credential.clone(), value: Some(value.clone()), ..Default::default() };
        self.heard.answer(admin.credentials().rotate_credential(rotate).await);
        let update = UpdateCredentialRequest {
            credential: Some(Credential { name: credential.clone(), value: Some(value), ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["value".into()] }),
            ..Default::default()
        };
        self.heard.answer(admin.credentials().update_credential(update).await);
        let value = self.value(kind, upstream, Account::Good);
        let rotate = RotateCredentialRequest {
            name: credential.clone(),
            value: Some(value),
            skip_validation: true,
            ..Default::default()
        };
        self.heard.answer(admin.credentials().rotate_credential(rotate).await);
        self.world.admin.rolled_out(0).await?;
        // Everything that a provider can say against it.
        for account in [Account::Denied, Account::Throttled, Account::Empty, Account::Modelless, Account::Dead] {
            upstream.give(&kind.identity, account);
            self.serve(kind, upstream).await?;
        }
        self.heard.answer(admin.credentials().get_credential(GetCredentialRequest { name: credential }).await);
        let faults = upstream.faults();
        anyhow::ensure!(faults.is_empty(), "{faults:?}");
        Ok(())
    }

    async fn serve(&mut self, kind: &Kind, upstream: &StandIn) -> anyhow::Result<()> {
        self.world.admin.rolled_out(0).await?;
        let model = format!("{}/{}", kind.vendor, kind.model);
        let model = if matches!(kind.api, Api::OpenAi | Api::Azure | Api::Anthropic | Api::Cohere) {
            model
        } else {
            model.replacen('/', "%2F", 1)
        };
        for topic in [Topic::Chat, Topic::Stream] {
            let answer = serve::chat(&self.world.caller(), kind.api, &model, topic).await?;
            self.heard.0.extend(format!("{:?}", answer.headers).into_bytes());
            self.heard.0.extend(&answer.bytes);
        }
        for seen in upstream.seen() {
            if let Some(token) = seen.asked.header("authorization").strip_prefix("Bearer ya29.") {
                self.needles.add("a minted token", format!("ya29.{token}").as_bytes());
            }
        }
        upstream.forget();
        Ok(())
    }

    async fn share_a_secret(&mut self, upstream: &StandIn) -> anyhow::Result<()> {
        let (first, second, dead) = (canary("shared"), canary("shared"), canary("shared"));
        for (key, account) in [(&first, Account::Good), (&second, Account::Good), (&dead, Account::Dead)] {
            upstream.give(key, account);
            self.needles.add("a shared secret", key.as_bytes());
        }
        let admin = self.world.admin.clone();
        let secret =
            Secret { value: Some(api_key(&first)), allowed_origins: vec![upstream.origin()], ..Default::default() };
        let request = CreateSecretRequest {
            parent: PROJECT.into(),
            secret_id: "shared".into(),
            secret: Some(secret),
            request_id: "shared".into(),
            ..Default::default()
        };
        let made = self.heard.answer(admin.secrets().create_secret(request).await).context("a Secret is made")?;
        let request = proto::admin::v1::CreateCredentialRequest {
            parent: format!("{PROJECT}/providers/gateway"),
            credential_id: "linked".into(),
            credential: Some(Credential { value: Some(linked(&made.name)), ..Default::default() }),
            skip_validation: true,
            ..Default::default()
        };
        self.heard.answer(admin.credentials().create_credential(request).await);
        for value in [dead, second] {
            let request =
                RotateSecretRequest { name: made.name.clone(), value: Some(api_key(&value)), ..Default::default() };
            self.heard.answer(admin.secrets().rotate_secret(request).await);
        }
        self.heard.answer(admin.secrets().get_secret(GetSecretRequest { name: made.name }).await);
        Ok(())
    }

    async fn bring_a_key(&mut self) -> anyhow::Result<()> {
        let upstream = StandIn::start(Api::OpenAi).await?;
        let own = canary("callers-own");
        self.needles.add("a caller's own key", own.as_bytes());
        let provider = Provider {
            display_name: "Own".into(),
            vendor: "gateway".into(),
            base_url: upstream.base_url(),
            auth_mode: AuthMode::Passthrough.into(),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        };
        let request = CreateProviderRequest {
            parent: PROJECT.into(),
            provider_id: "own".into(),
            provider: Some(provider),
            ..Default::default()
        };
        self.heard.answer(self.world.admin.providers().create_provider(request).await);
        self.world.admin.rolled_out(0).await?;
        let body = r#"{"model": "own/gpt-4o", "messages": []}"#;
        for account in [Account::Dead, Account::Throttled, Account::Good] {
            upstream.give(&own, account);
            let header = format!("Bearer {own}");
            let answer = self.world.caller().ask("/v1/chat/completions", &[("authorization", &header)], body).await?;
            self.heard.0.extend(&answer.bytes);
        }
        anyhow::ensure!(upstream.seen_of(Topic::Chat, &own).len() >= 2, "{:?}", upstream.seen());
        Ok(())
    }

    async fn list_all(&mut self) {
        let admin = self.world.admin.clone();
        let request = ListProvidersRequest { parent: PROJECT.into(), ..Default::default() };
        self.heard.answer(admin.providers().list_providers(request).await);
        let parent = format!("{PROJECT}/providers/-");
        let request = ListCredentialsRequest { parent, ..Default::default() };
        self.heard.answer(admin.credentials().list_credentials(request).await);
        let request = ListSecretsRequest { parent: PROJECT.into(), ..Default::default() };
        self.heard.answer(admin.secrets().list_secrets(request).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_any_type_is_in_any_file_log_metric_or_answer() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let mut stage = Stage { world, heard: Heard::default(), needles: Needles::default() };
    let kind = |vendor, api, model, identity: &str| Kind { vendor, api, model, identity: identity.to_owned() };
    let kinds = [
        kind("gateway", Api::OpenAi, "gpt-4o", "none"),
        kind("anthropic", Api::Anthropic, "claude-haiku-4-5", "none"),
        kind("google", Api::Gemini, "gemini-2.5-pro", "none"),
        kind("cohere", Api::Cohere, "command-a-03-2025", "none"),
        kind("vertex", Api::Vertex, "gemini-2.5-flash", "good@acme-ai.iam.gserviceaccount.com"),
        kind("azure", Api::Azure, "my-deployment", "good-client-0000-000000000009"),
        kind("bedrock", Api::Bedrock, "amazon.nova-lite-v1:0", "AKIDGOODEXAMPLE00009"),
    ];
    let mut gateway = None;
    for kind in kinds {
        let upstream = StandIn::start(kind.api).await?;
        stage.live(&kind, &upstream).await.with_context(|| kind.vendor)?;
        gateway = gateway.or(Some(upstream));
        // The allowance of questions is a principal's, and starts anew with the process.
        stage.world.control.kill()?;
        stage.world.control.start_again().await?;
    }
    stage.share_a_secret(&gateway.context("there is a gateway")?).await?;
    stage.bring_a_key().await?;
    stage.list_all().await;

    anyhow::ensure!(stage.needles.len() > 30 && stage.heard.0.len() > 10_000, "{}", stage.needles.len());
    stage.needles.are_absent(&stage.heard.0, "an answer")?;
    stage.needles.are_absent(stage.world.proxies[0].metrics().await?.as_bytes(), "the proxy's metrics")?;
    stage.needles.are_absent(stage.world.control.metrics().await?.as_bytes(), "the control plane's metrics")?;
    stage.world.control.stop().await?;
    let searched = stage.needles.are_absent_below(stage.world.dir(), "secrets")?;
    assert!(searched.files > 3 && searched.bytes > 100_000, "{searched:?}");
    Ok(())
}
