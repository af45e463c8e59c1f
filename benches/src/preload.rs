//! Makes what the measurements need.

use std::time::Instant;

use proto::admin::v1::{
    Adapter, CreateCredentialRequest, CreateEnvironmentRequest, CreateModelRequest, CreateProjectRequest,
    CreateProviderRequest, Credential, CredentialValue, Environment, ExposedModel, Model, Project, Provider, Target,
    credential_value,
};
use tokio::task::JoinSet;
use tonic::{Code, Response, Status};

use crate::admin::Admin;
use crate::figures;

/// How many writes are under way at once: as many as one admin's client would have, and enough for group commit to show.
pub(crate) const WRITERS: usize = 32;

/// The model that callers ask for, and the upstream's name of it.
pub(crate) const UPSTREAM_MODEL: &str = "gpt-4o-mini";

/// Makes the project, its environment, one provider that serves, and the model `bench`.
pub(crate) async fn setup(admin: &Admin, upstream: &str) -> anyhow::Result<()> {
    let project = CreateProjectRequest {
        project_id: admin.project.trim_start_matches("projects/").to_owned(),
        project: Some(Project::default()),
        ..Default::default()
    };
    made(admin.projects.clone().create_project(project).await)?;
    let environment = CreateEnvironmentRequest {
        parent: admin.project.clone(),
        environment_id: "production".into(),
        environment: Some(Environment::default()),
        ..Default::default()
    };
    made(admin.environments.clone().create_environment(environment).await)?;
    made(admin.providers.clone().create_provider(provider(admin, "upstream", upstream)).await)?;
    made(admin.credentials.clone().create_credential(credential(admin, "upstream")).await)?;
    let target = Target {
        provider: format!("{}/providers/upstream", admin.project),
        upstream_model: UPSTREAM_MODEL.into(),
        ..Default::default()
    };
    let model = CreateModelRequest {
        parent: admin.project.clone(),
        model_id: UPSTREAM_MODEL.into(),
        model: Some(Model { targets: vec![target], ..Default::default() }),
        ..Default::default()
    };
    made(admin.models.clone().create_model(model).await)
}

/// Makes many providers with a credential each, several at a time.
pub(crate) async fn providers(admin: &Admin, count: usize, upstream: &str) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let (mut providers, mut credentials) = (admin.providers.clone(), admin.credentials.clone());
        let requests: Vec<_> = (writer..count)
            .step_by(WRITERS)
            .map(|i| format!("preload-{i}"))
            .map(|id| (provider(admin, &id, upstream), credential(admin, &id)))
            .collect();
        tasks.spawn(async move {
            for (provider, credential) in requests {
                made(providers.create_provider(provider).await)?;
                made(credentials.create_credential(credential).await)?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    figures::print_one(&format!("{count} providers and credentials written"), start.elapsed());
    Ok(())
}

fn provider(admin: &Admin, id: &str, upstream: &str) -> CreateProviderRequest {
    CreateProviderRequest {
        parent: admin.project.clone(),
        provider_id: id.to_owned(),
        provider: Some(Provider {
            display_name: id.to_owned(),
            vendor: "stand-in".into(),
            adapter: Adapter::Openai.into(),
            base_url: upstream.to_owned(),
            environments: vec![admin.environment()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn credential(admin: &Admin, provider: &str) -> CreateCredentialRequest {
    let value = credential_value::Value::ApiKey(format!("sk-stand-in-{provider}-0123456789abcdef"));
    CreateCredentialRequest {
        parent: format!("{}/providers/{provider}", admin.project),
        credential_id: "main".into(),
        credential: Some(Credential { value: Some(CredentialValue { value: Some(value) }), ..Default::default() }),
        // A probe for each would measure the stand-in.
        skip_validation: true,
        ..Default::default()
    }
}

/// A resource that is there already is as good as one just made, so that a step can be run again.
fn made<T>(answer: Result<Response<T>, Status>) -> anyhow::Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        Err(status) => Err(status.into()),
    }
}
