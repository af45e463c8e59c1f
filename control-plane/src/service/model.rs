//! Models.

use proto::admin::v1;
use proto::admin::v1::model_service_server::ModelService;
use tonic::{Request, Response, Status};

use super::{Context, Field, Mode, PageRequest, Plan, get, list, parent, reachers_of};
use crate::access::Call;
use crate::error::Error;
use crate::resource::{Model, Project};

/// Serves `ModelService`.
#[derive(Debug, Clone)]
pub struct Models {
    context: Context,
}

impl Models {
    /// The service.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn list(&self, call: &Call, request: &v1::ListModelsRequest) -> Result<v1::ListModelsResponse, Error> {
        let view = self.context.views.load();
        let project = parent::<Project>(&view, call, &request.parent)?;
        let page = PageRequest {
            parent: &request.parent,
            prefix: &format!("{project}/models/"),
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<Model>(&view, &page, &[Field::text("display_name")], |model, _| {
            model.spec.display_name.as_str().into()
        })?;
        let models = page.items.iter().map(|model| model.to_message(view.identity.epoch)).collect();
        Ok(v1::ListModelsResponse { models, next_page_token: page.next_token })
    }

    async fn create(&self, call: &Call, request: v1::CreateModelRequest) -> Result<v1::Model, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let project = parent::<Project>(plan.view, call, &request.parent)?;
            let given = request.model.clone();
            let stored = plan.create::<Model>(&project.to_string(), &request.model_id, given, ())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn update(&self, call: &Call, request: v1::UpdateModelRequest) -> Result<v1::Model, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (_, stored) = plan.update::<Model>(request.model.clone(), request.update_mask.clone())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(&self, call: &Call, request: v1::DeleteModelRequest) -> Result<v1::DeleteModelResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let model = plan.current::<Model>(&request.name, "name", &request.etag)?;
            plan.delete(&*model);
            // Caller keys name models by patterns, which outlive any model: they are told, and refuse nothing.
            Ok(v1::DeleteModelResponse { dependents: reachers_of(plan.view, &model), ..Default::default() })
        };
        self.context.write(call, &request, mode, decide).await
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn list_models(
        &self,
        request: Request<v1::ListModelsRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_model(&self, request: Request<v1::GetModelRequest>) -> Result<Response<v1::Model>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let model = get::<Model>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(model.to_message(view.identity.epoch)))
    }

    async fn create_model(&self, request: Request<v1::CreateModelRequest>) -> Result<Response<v1::Model>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_model(&self, request: Request<v1::UpdateModelRequest>) -> Result<Response<v1::Model>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_model(
        &self,
        request: Request<v1::DeleteModelRequest>,
    ) -> Result<Response<v1::DeleteModelResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }
}
