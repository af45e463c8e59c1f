//! Sets the first resources up, through the ordinary admin API like any admin. What is there already is left as it is.

use std::net::SocketAddr;

use proto::admin::v1::{
    Adapter, CallerKey, CreateCallerKeyRequest, CreateCredentialRequest, CreateEnvironmentRequest, CreateModelRequest,
    CreateProjectRequest, CreateProviderRequest, Credential, DeleteCallerKeyRequest, Environment, ExposedModel,
    GetCallerKeyRequest, GetCredentialRequest, GetEnvironmentRequest, GetModelRequest, GetProjectRequest,
    GetProviderRequest, Model, Project, Provider, Target,
};
use shared::secret::Secret;
use tonic::Code;

use super::files::Files;
use crate::client::{Client, request_id, send};
use crate::echo;
use crate::error::Error;
use crate::input;
use crate::output::note;

const PROJECT: &str = "projects/default";
const ENVIRONMENT: &str = "projects/default/environments/development";

/// Sets up what is missing.
///
/// # Errors
///
/// What the control plane refused, or a file that can't be written.
pub(super) async fn set_up(
    client: &Client,
    files: &Files,
    echo: SocketAddr,
    echo_key: &Secret,
    openai_key: Option<&Secret>,
) -> Result<(), Error> {
    project(client).await?;
    environment(client).await?;
    let base_url = format!("http://{echo}/v1");
    let echo_provider = Provider {
        display_name: "Echo".into(),
        vendor: "echo".into(),
        adapter: Adapter::Openai.into(),
        base_url,
        environments: vec![ENVIRONMENT.into()],
        exposed_models: vec![exposed(echo::MODEL)],
        default_model: echo::MODEL.into(),
        ..Default::default()
    };
    provider(client, "echo", echo_provider).await?;
    credential(client, "echo", echo_key).await?;
    model(client).await?;
    if let Some(key) = openai_key {
        openai(client, key).await?;
    }
    caller_key(client, files).await
}

/// Connects OpenAI. That its key is refused, or that there is no network, is told and stops nothing.
async fn openai(client: &Client, key: &Secret) -> Result<(), Error> {
    let openai = Provider {
        display_name: "OpenAI".into(),
        vendor: "openai".into(),
        environments: vec![ENVIRONMENT.into()],
        exposed_models: vec![exposed("*")],
        ..Default::default()
    };
    provider(client, "openai", openai).await?;
    match credential(client, "openai", key).await {
        Err(Error::Refused(status)) => note(&format!("OPENAI_API_KEY is not connected: {}", status.message())),
        other => other,
    }
}

/// Whether a get found something; that it did not is no error here.
fn found<T>(answer: Result<T, Error>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(Error::Refused(status)) if status.code() == Code::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn project(client: &Client) -> Result<(), Error> {
    let get = GetProjectRequest { name: PROJECT.into() };
    if found(send(async || client.projects().get_project(get.clone()).await).await)? {
        return Ok(());
    }
    let create = CreateProjectRequest {
        project_id: "default".into(),
        project: Some(Project { display_name: "Default".into(), ..Default::default() }),
        request_id: request_id(),
        ..Default::default()
    };
    send(async || client.projects().create_project(create.clone()).await).await.map(drop)
}

async fn environment(client: &Client) -> Result<(), Error> {
    let get = GetEnvironmentRequest { name: ENVIRONMENT.into() };
    if found(send(async || client.environments().get_environment(get.clone()).await).await)? {
        return Ok(());
    }
    let create = CreateEnvironmentRequest {
        parent: PROJECT.into(),
        environment_id: "development".into(),
        environment: Some(Environment { display_name: "Development".into(), ..Default::default() }),
        request_id: request_id(),
        ..Default::default()
    };
    send(async || client.environments().create_environment(create.clone()).await).await.map(drop)
}

async fn provider(client: &Client, id: &str, provider: Provider) -> Result<(), Error> {
    let get = GetProviderRequest { name: format!("{PROJECT}/providers/{id}") };
    if found(send(async || client.providers().get_provider(get.clone()).await).await)? {
        return Ok(());
    }
    let create = CreateProviderRequest {
        parent: PROJECT.into(),
        provider_id: id.into(),
        provider: Some(provider),
        request_id: request_id(),
        ..Default::default()
    };
    send(async || client.providers().create_provider(create.clone()).await).await.map(drop)
}

async fn credential(client: &Client, provider: &str, value: &Secret) -> Result<(), Error> {
    let parent = format!("{PROJECT}/providers/{provider}");
    let get = GetCredentialRequest { name: format!("{parent}/credentials/main") };
    if found(send(async || client.credentials().get_credential(get.clone()).await).await)? {
        return Ok(());
    }
    let create = CreateCredentialRequest {
        parent,
        credential_id: "main".into(),
        credential: Some(Credential { value: input::api_key(value), ..Default::default() }),
        request_id: request_id(),
        ..Default::default()
    };
    send(async || client.credentials().create_credential(create.clone()).await).await.map(drop)
}

async fn model(client: &Client) -> Result<(), Error> {
    let get = GetModelRequest { name: format!("{PROJECT}/models/{}", echo::MODEL) };
    if found(send(async || client.models().get_model(get.clone()).await).await)? {
        return Ok(());
    }
    let target = Target {
        provider: format!("{PROJECT}/providers/echo"),
        upstream_model: echo::MODEL.into(),
        ..Default::default()
    };
    let create = CreateModelRequest {
        parent: PROJECT.into(),
        model_id: echo::MODEL.into(),
        model: Some(Model { targets: vec![target], ..Default::default() }),
        request_id: request_id(),
        ..Default::default()
    };
    send(async || client.models().create_model(create.clone()).await).await.map(drop)
}

/// The caller key, kept in its file. A key whose file is gone can't be shown again, so that it is made anew.
async fn caller_key(client: &Client, files: &Files) -> Result<(), Error> {
    let name = format!("{PROJECT}/callerKeys/development");
    let get = GetCallerKeyRequest { name: name.clone() };
    let exists = found(send(async || client.caller_keys().get_caller_key(get.clone()).await).await)?;
    if exists && files.kept(&files.caller_key())?.is_some() {
        return Ok(());
    }
    if exists {
        let delete = DeleteCallerKeyRequest { name, request_id: request_id(), ..Default::default() };
        send(async || client.caller_keys().delete_caller_key(delete.clone()).await).await?;
    }
    let caller_key =
        CallerKey { environment: ENVIRONMENT.into(), allowed_models: vec!["*".into()], ..Default::default() };
    let create = CreateCallerKeyRequest {
        parent: PROJECT.into(),
        caller_key_id: "development".into(),
        caller_key: Some(caller_key),
        request_id: request_id(),
        ..Default::default()
    };
    let made = send(async || client.caller_keys().create_caller_key(create.clone()).await).await?;
    files.keep_caller_key(&made.plaintext)
}

fn exposed(upstream_model: &str) -> ExposedModel {
    ExposedModel { upstream_model: upstream_model.into(), display_name: String::new() }
}
