//! Projects.

use proto::admin::v1;
use proto::admin::v1::project_service_server::ProjectService;
use tonic::{Request, Response, Status};

use super::{Context, Field, Mode, PageRequest, Plan, dependents, get, list};
use crate::access::Call;
use crate::error::Error;
use crate::resource::{Project, Stored};
use crate::view::{View, below};

/// Serves `ProjectService`.
#[derive(Debug, Clone)]
pub struct Projects {
    context: Context,
}

impl Projects {
    /// The service.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn list(&self, call: &Call, request: &v1::ListProjectsRequest) -> Result<v1::ListProjectsResponse, Error> {
        call.allow_in("")?;
        let view = self.context.views.load();
        let page = PageRequest {
            parent: "",
            prefix: "projects/",
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<Project>(&view, &page, &[Field::text("display_name")], |project, _| {
            project.spec.display_name.as_str().into()
        })?;
        let projects = page.items.iter().map(|project| project.to_message(view.identity.epoch)).collect();
        Ok(v1::ListProjectsResponse { projects, next_page_token: page.next_token })
    }

    async fn create(&self, call: &Call, request: v1::CreateProjectRequest) -> Result<v1::Project, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let stored = plan.create::<Project>("", &request.project_id, request.project.clone(), ())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn update(&self, call: &Call, request: v1::UpdateProjectRequest) -> Result<v1::Project, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (_, stored) = plan.update::<Project>(request.project.clone(), request.update_mask.clone())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(&self, call: &Call, request: v1::DeleteProjectRequest) -> Result<v1::DeleteProjectResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let project = plan.current::<Project>(&request.name, "name", &request.etag)?;
            let dependents = children(plan.view, &project);
            if !dependents.is_empty() && !plan.validate_only {
                return Err(Error::HasDependents { name: project.name.to_string(), dependents, force_helps: false });
            }
            plan.rely_on_children(&project.name);
            plan.delete(&*project);
            Ok(v1::DeleteProjectResponse { dependents, ..Default::default() })
        };
        self.context.write(call, &request, mode, decide).await
    }
}

/// What lives in a project.
fn children(view: &View, project: &Stored<Project>) -> Vec<v1::Dependents> {
    let name = project.name.to_string();
    [
        dependents(below(&view.environments, &name, "environments")),
        dependents(below(&view.providers, &name, "providers")),
        dependents(below(&view.secrets, &name, "secrets")),
        dependents(below(&view.models, &name, "models")),
        dependents(below(&view.caller_keys, &name, "callerKeys")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tonic::async_trait]
impl ProjectService for Projects {
    async fn list_projects(
        &self,
        request: Request<v1::ListProjectsRequest>,
    ) -> Result<Response<v1::ListProjectsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_project(&self, request: Request<v1::GetProjectRequest>) -> Result<Response<v1::Project>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let project = get::<Project>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(project.to_message(view.identity.epoch)))
    }

    async fn create_project(
        &self,
        request: Request<v1::CreateProjectRequest>,
    ) -> Result<Response<v1::Project>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_project(
        &self,
        request: Request<v1::UpdateProjectRequest>,
    ) -> Result<Response<v1::Project>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_project(
        &self,
        request: Request<v1::DeleteProjectRequest>,
    ) -> Result<Response<v1::DeleteProjectResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }
}
