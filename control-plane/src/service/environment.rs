//! Environments.

use proto::admin::v1;
use proto::admin::v1::environment_service_server::EnvironmentService;
use shared::name::{ProjectName, ResourceName as _};
use tonic::{Request, Response, Status};

use super::{Context, Field, Mode, PageRequest, Plan, dependents, get, list, parent};
use crate::access::Call;
use crate::error::Error;
use crate::resource::{Environment, Project, Stored};
use crate::view::View;

/// Serves `EnvironmentService`.
#[derive(Debug, Clone)]
pub struct Environments {
    context: Context,
}

impl Environments {
    /// The service.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn list(&self, call: &Call, request: &v1::ListEnvironmentsRequest) -> Result<v1::ListEnvironmentsResponse, Error> {
        let view = self.context.views.load();
        let project: ProjectName = parent::<Project>(&view, call, &request.parent)?;
        let page = PageRequest {
            parent: &request.parent,
            prefix: &format!("{project}/environments/"),
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<Environment>(&view, &page, &[Field::text("display_name")], |environment, _| {
            environment.spec.display_name.as_str().into()
        })?;
        let environments = page.items.iter().map(|one| one.to_message(view.identity.epoch)).collect();
        Ok(v1::ListEnvironmentsResponse { environments, next_page_token: page.next_token })
    }

    async fn create(&self, call: &Call, request: v1::CreateEnvironmentRequest) -> Result<v1::Environment, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let project = parent::<Project>(plan.view, call, &request.parent)?;
            let given = request.environment.clone();
            let stored = plan.create::<Environment>(&project.to_string(), &request.environment_id, given, ())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn update(&self, call: &Call, request: v1::UpdateEnvironmentRequest) -> Result<v1::Environment, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (_, stored) = plan.update::<Environment>(request.environment.clone(), request.update_mask.clone())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(
        &self,
        call: &Call,
        request: v1::DeleteEnvironmentRequest,
    ) -> Result<v1::DeleteEnvironmentResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let environment = plan.current::<Environment>(&request.name, "name", &request.etag)?;
            let dependents = users(plan.view, &environment);
            if !dependents.is_empty() && !plan.validate_only {
                let name = environment.name.to_string();
                return Err(Error::HasDependents { name, dependents, force_helps: false });
            }
            plan.rely_on_references(&environment.name);
            plan.delete(&*environment);
            Ok(v1::DeleteEnvironmentResponse { dependents, ..Default::default() })
        };
        self.context.write(call, &request, mode, decide).await
    }
}

/// What names the environment.
fn users(view: &View, environment: &Stored<Environment>) -> Vec<v1::Dependents> {
    let from = || view.index.from(environment.name.as_str());
    [
        dependents(from().filter_map(|name| view.providers.get(name))),
        dependents(from().filter_map(|name| view.models.get(name))),
        dependents(from().filter_map(|name| view.caller_keys.get(name))),
        dependents(from().filter_map(|name| view.join_tokens.get(name))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tonic::async_trait]
impl EnvironmentService for Environments {
    async fn list_environments(
        &self,
        request: Request<v1::ListEnvironmentsRequest>,
    ) -> Result<Response<v1::ListEnvironmentsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_environment(
        &self,
        request: Request<v1::GetEnvironmentRequest>,
    ) -> Result<Response<v1::Environment>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let environment = get::<Environment>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(environment.to_message(view.identity.epoch)))
    }

    async fn create_environment(
        &self,
        request: Request<v1::CreateEnvironmentRequest>,
    ) -> Result<Response<v1::Environment>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_environment(
        &self,
        request: Request<v1::UpdateEnvironmentRequest>,
    ) -> Result<Response<v1::Environment>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_environment(
        &self,
        request: Request<v1::DeleteEnvironmentRequest>,
    ) -> Result<Response<v1::DeleteEnvironmentResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }
}
