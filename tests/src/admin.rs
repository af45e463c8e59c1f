//! An admin: typed clients of the admin API with a token, and the few writes that most cases begin with.

use anyhow::Context as _;
use proto::admin::v1::caller_key_service_client::CallerKeyServiceClient;
use proto::admin::v1::credential_service_client::CredentialServiceClient;
use proto::admin::v1::environment_service_client::EnvironmentServiceClient;
use proto::admin::v1::fleet_service_client::FleetServiceClient;
use proto::admin::v1::model_service_client::ModelServiceClient;
use proto::admin::v1::project_service_client::ProjectServiceClient;
use proto::admin::v1::provider_service_client::ProviderServiceClient;
use proto::admin::v1::rate_service_client::RateServiceClient;
use proto::admin::v1::secret_service_client::SecretServiceClient;
use proto::admin::v1::system_service_client::SystemServiceClient;
use proto::admin::v1::{
    AccessKeyPair, Adapter, CallerKey, CheckCredentialRequest, ClientSecret, CreateCallerKeyRequest,
    CreateCredentialRequest, CreateEnvironmentRequest, CreateJoinTokenRequest, CreateModelRequest,
    CreateProjectRequest, CreateProviderRequest, Credential, CredentialValue, DeleteCredentialRequest,
    DeleteProviderRequest, Environment, ExposedModel, GetCredentialRequest, GetStatusRequest, JoinToken, Model,
    Project, Provider, Target, WaitForRolloutRequest, WaitForRolloutResponse, credential_value,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// What every client runs on.
pub type Transport = InterceptedService<Channel, Bearer>;

/// Adds the token to every request.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// An admin of one control plane.
#[derive(Debug, Clone)]
pub struct Admin {
    transport: Transport,
}

impl Admin {
    /// An admin with a token. Connects with the first request, and again after a restart.
    ///
    /// # Errors
    ///
    /// When the URL or the token is not one.
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())?.connect_lazy();
        let bearer = Bearer(format!("Bearer {}", token.trim()).parse()?);
        Ok(Self { transport: InterceptedService::new(channel, bearer) })
    }

    /// Projects.
    #[must_use]
    pub fn projects(&self) -> ProjectServiceClient<Transport> {
        ProjectServiceClient::new(self.transport.clone())
    }

    /// Environments.
    #[must_use]
    pub fn environments(&self) -> EnvironmentServiceClient<Transport> {
        EnvironmentServiceClient::new(self.transport.clone())
    }

    /// Providers.
    #[must_use]
    pub fn providers(&self) -> ProviderServiceClient<Transport> {
        ProviderServiceClient::new(self.transport.clone())
    }

    /// Credentials.
    #[must_use]
    pub fn credentials(&self) -> CredentialServiceClient<Transport> {
        CredentialServiceClient::new(self.transport.clone())
    }

    /// Secrets.
    #[must_use]
    pub fn secrets(&self) -> SecretServiceClient<Transport> {
        SecretServiceClient::new(self.transport.clone())
    }

    /// Rates.
    #[must_use]
    pub fn rates(&self) -> RateServiceClient<Transport> {
        RateServiceClient::new(self.transport.clone())
    }

    /// Models.
    #[must_use]
    pub fn models(&self) -> ModelServiceClient<Transport> {
        ModelServiceClient::new(self.transport.clone())
    }

    /// Caller keys.
    #[must_use]
    pub fn caller_keys(&self) -> CallerKeyServiceClient<Transport> {
        CallerKeyServiceClient::new(self.transport.clone())
    }

    /// The fleet.
    #[must_use]
    pub fn fleet(&self) -> FleetServiceClient<Transport> {
        FleetServiceClient::new(self.transport.clone())
    }

    /// The control plane itself.
    #[must_use]
    pub fn system(&self) -> SystemServiceClient<Transport> {
        SystemServiceClient::new(self.transport.clone())
    }

    /// Makes a project.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_project(&self, id: &str) -> anyhow::Result<Project> {
        let project = Project { display_name: id.to_owned(), ..Default::default() };
        let request = CreateProjectRequest { project_id: id.to_owned(), project: Some(project), ..Default::default() };
        Ok(self.projects().create_project(request).await?.into_inner())
    }

    /// Makes an environment.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_environment(&self, project: &str, id: &str) -> anyhow::Result<Environment> {
        let request = CreateEnvironmentRequest {
            parent: project.to_owned(),
            environment_id: id.to_owned(),
            environment: Some(Environment::default()),
            ..Default::default()
        };
        Ok(self.environments().create_environment(request).await?.into_inner())
    }

    /// Makes a provider that speaks OpenAI and exposes all of its models.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_provider(
        &self,
        project: &str,
        id: &str,
        base_url: &str,
        environments: &[&str],
    ) -> anyhow::Result<Provider> {
        let provider = Provider {
            display_name: id.to_owned(),
            vendor: "standin".into(),
            adapter: Adapter::Openai.into(),
            base_url: base_url.to_owned(),
            environments: environments.iter().map(|&name| name.to_owned()).collect(),
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        };
        let request = CreateProviderRequest {
            parent: project.to_owned(),
            provider_id: id.to_owned(),
            provider: Some(provider),
            ..Default::default()
        };
        Ok(self.providers().create_provider(request).await?.into_inner())
    }

    /// Makes a credential. Its value is not probed, so that a case's counts are its own.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_credential(
        &self,
        provider: &str,
        id: &str,
        value: &str,
        weight: u32,
    ) -> anyhow::Result<Credential> {
        let credential = Credential { value: Some(api_key(value)), weight: Some(weight), ..Default::default() };
        let request = CreateCredentialRequest {
            parent: provider.to_owned(),
            credential_id: id.to_owned(),
            credential: Some(credential),
            skip_validation: true,
            ..Default::default()
        };
        Ok(self.credentials().create_credential(request).await?.into_inner())
    }

    /// Reads a credential.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub async fn credential(&self, name: &str) -> anyhow::Result<Credential> {
        let request = GetCredentialRequest { name: name.to_owned() };
        Ok(self.credentials().get_credential(request).await?.into_inner())
    }

    /// Checks a credential.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub async fn check_credential(&self, name: &str) -> anyhow::Result<Credential> {
        let request = CheckCredentialRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.credentials().check_credential(request).await?.into_inner())
    }

    /// Deletes a credential; answers the revision.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub async fn delete_credential(&self, name: &str) -> anyhow::Result<u64> {
        let request = DeleteCredentialRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.credentials().delete_credential(request).await?.into_inner().revision)
    }

    /// Deletes a provider with all that depends on it; answers the revision.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub async fn delete_provider(&self, name: &str) -> anyhow::Result<u64> {
        let request = DeleteProviderRequest { name: name.to_owned(), force: true, ..Default::default() };
        Ok(self.providers().delete_provider(request).await?.into_inner().revision)
    }

    /// Makes a model with targets of one provider.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_model(&self, project: &str, id: &str, provider: &str, upstream: &str) -> anyhow::Result<Model> {
        let target =
            Target { provider: provider.to_owned(), upstream_model: upstream.to_owned(), ..Default::default() };
        let request = CreateModelRequest {
            parent: project.to_owned(),
            model_id: id.to_owned(),
            model: Some(Model { targets: vec![target], ..Default::default() }),
            ..Default::default()
        };
        Ok(self.models().create_model(request).await?.into_inner())
    }

    /// Makes a caller key for every model of an environment; its `plaintext` is set.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_caller_key(&self, project: &str, id: &str, environment: &str) -> anyhow::Result<CallerKey> {
        let caller_key =
            CallerKey { environment: environment.to_owned(), allowed_models: vec!["*".into()], ..Default::default() };
        let request = CreateCallerKeyRequest {
            parent: project.to_owned(),
            caller_key_id: id.to_owned(),
            caller_key: Some(caller_key),
            ..Default::default()
        };
        Ok(self.caller_keys().create_caller_key(request).await?.into_inner())
    }

    /// Makes a join token; its `plaintext` is set.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn make_join_token(&self, id: &str, environments: &[&str], max_uses: u32) -> anyhow::Result<JoinToken> {
        let join_token = JoinToken {
            environments: environments.iter().map(|&name| name.to_owned()).collect(),
            max_uses,
            ..Default::default()
        };
        let request =
            CreateJoinTokenRequest { join_token_id: id.to_owned(), join_token: Some(join_token), ..Default::default() };
        Ok(self.fleet().create_join_token(request).await?.into_inner())
    }

    /// The store's head.
    ///
    /// # Errors
    ///
    /// When it is not told.
    pub async fn head(&self) -> anyhow::Result<u64> {
        Ok(self.system().get_status(GetStatusRequest {}).await?.into_inner().revision)
    }

    /// Waits until every proxy has a revision; 0 is the head.
    ///
    /// # Errors
    ///
    /// When some have not.
    pub async fn rolled_out(&self, revision: u64) -> anyhow::Result<WaitForRolloutResponse> {
        let mut request = Request::new(WaitForRolloutRequest { revision, ..Default::default() });
        request.set_timeout(crate::condition::PATIENCE);
        let answer = self.fleet().wait_for_rollout(request).await.context("the rollout is waited for")?.into_inner();
        anyhow::ensure!(answer.complete, "the rollout is complete: {answer:?}");
        Ok(answer)
    }
}

/// A credential's value: a key.
#[must_use]
pub fn api_key(value: &str) -> CredentialValue {
    CredentialValue { value: Some(credential_value::Value::ApiKey(value.to_owned())) }
}

/// A credential's value: a pair, with a session's token or, where that is empty, without.
#[must_use]
pub fn access_key_pair(id: &str, secret: &str, session_token: &str) -> CredentialValue {
    let pair = AccessKeyPair {
        access_key_id: id.to_owned(),
        secret_access_key: secret.to_owned(),
        session_token: session_token.to_owned(),
    };
    CredentialValue { value: Some(credential_value::Value::AccessKeyPair(pair)) }
}

/// A credential's value: a service account's JSON.
#[must_use]
pub fn service_account(json: &str) -> CredentialValue {
    CredentialValue { value: Some(credential_value::Value::ServiceAccountJson(json.to_owned())) }
}

/// A credential's value: a client of Entra.
#[must_use]
pub fn client_secret(tenant: &str, client: &str, secret: &str) -> CredentialValue {
    let client =
        ClientSecret { tenant_id: tenant.to_owned(), client_id: client.to_owned(), client_secret: secret.to_owned() };
    CredentialValue { value: Some(credential_value::Value::ClientSecret(client)) }
}

/// A credential's value: a link to a Secret.
#[must_use]
pub fn linked(secret: &str) -> CredentialValue {
    CredentialValue { value: Some(credential_value::Value::Secret(secret.to_owned())) }
}
