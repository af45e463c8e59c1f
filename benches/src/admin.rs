//! The admin API's clients, with the token on every request.

use std::path::Path;

use anyhow::Context;
use proto::admin::v1::caller_key_service_client::CallerKeyServiceClient;
use proto::admin::v1::credential_service_client::CredentialServiceClient;
use proto::admin::v1::environment_service_client::EnvironmentServiceClient;
use proto::admin::v1::model_service_client::ModelServiceClient;
use proto::admin::v1::project_service_client::ProjectServiceClient;
use proto::admin::v1::provider_service_client::ProviderServiceClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

type Authorized = InterceptedService<Channel, Bearer>;

/// Adds the token to each request.
#[derive(Clone)]
pub(crate) struct Bearer(AsciiMetadataValue);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The clients, and the project to work in. Clients are cheap to clone.
pub(crate) struct Admin {
    pub(crate) project: String,
    pub(crate) projects: ProjectServiceClient<Authorized>,
    pub(crate) environments: EnvironmentServiceClient<Authorized>,
    pub(crate) providers: ProviderServiceClient<Authorized>,
    pub(crate) credentials: CredentialServiceClient<Authorized>,
    pub(crate) models: ModelServiceClient<Authorized>,
    pub(crate) caller_keys: CallerKeyServiceClient<Authorized>,
}

impl Admin {
    pub(crate) async fn connect(server: &str, token_file: &Path, project: &str) -> anyhow::Result<Self> {
        let token = std::fs::read_to_string(token_file)
            .with_context(|| format!("the token file {} can't be read", token_file.display()))?;
        let bearer = Bearer(format!("Bearer {}", token.trim()).parse()?);
        let channel = Channel::from_shared(server.to_owned())?.connect().await?;
        let authorized = || InterceptedService::new(channel.clone(), bearer.clone());
        Ok(Self {
            project: format!("projects/{project}"),
            projects: ProjectServiceClient::new(authorized()),
            environments: EnvironmentServiceClient::new(authorized()),
            providers: ProviderServiceClient::new(authorized()),
            credentials: CredentialServiceClient::new(authorized()),
            models: ModelServiceClient::new(authorized()),
            caller_keys: CallerKeyServiceClient::new(authorized()),
        })
    }

    /// The environment that the bench works in.
    pub(crate) fn environment(&self) -> String {
        format!("{}/environments/production", self.project)
    }
}
