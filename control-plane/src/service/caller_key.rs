//! Caller keys.

use proto::admin::v1;
use proto::admin::v1::caller_key_service_server::CallerKeyService;
use shared::id::{TokenKind, new_token, token_hash};
use tonic::{Request, Response, Status};

use super::{Context, Field, FieldValue, Mode, PageRequest, Plan, get, list, parent};
use crate::access::Call;
use crate::error::Error;
use crate::resource::{CallerKey, Project, Stored};
use crate::view::View;

/// Serves `CallerKeyService`.
#[derive(Debug, Clone)]
pub struct CallerKeys {
    context: Context,
}

/// The fields to filter by.
const FIELDS: [Field; 4] =
    [Field::text("environment"), Field::text("owner"), Field::bool("disabled"), Field::text("display_name")];

impl CallerKeys {
    /// The service.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn list(&self, call: &Call, request: &v1::ListCallerKeysRequest) -> Result<v1::ListCallerKeysResponse, Error> {
        let view = self.context.views.load();
        let project = parent::<Project>(&view, call, &request.parent)?;
        let page = PageRequest {
            parent: &request.parent,
            prefix: &format!("{project}/callerKeys/"),
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<CallerKey>(&view, &page, &FIELDS, field)?;
        let caller_keys = page.items.iter().map(|key| self.shown(&view, key)).collect();
        Ok(v1::ListCallerKeysResponse { caller_keys, next_page_token: page.next_token })
    }

    /// A stored key with all that was observed of it.
    fn shown(&self, view: &View, key: &Stored<CallerKey>) -> v1::CallerKey {
        let last_used_time = self.context.views.last_used().of(key);
        v1::CallerKey { last_used_time, ..key.to_message(view.identity.epoch) }
    }

    /// Makes a key. Its plaintext is in this answer, and in the remembered one for a repetition, and nowhere else.
    async fn create(&self, call: &Call, request: v1::CreateCallerKeyRequest) -> Result<v1::CallerKey, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let secret = new_token(TokenKind::CallerKey);
        let sha256 = token_hash(secret.expose());
        let decide = |plan: &mut Plan<'_>| {
            let project = parent::<Project>(plan.view, call, &request.parent)?;
            let given = request.caller_key.clone();
            let stored = plan.create::<CallerKey>(&project.to_string(), &request.caller_key_id, given, sha256)?;
            let mut message = stored.to_message(plan.view.identity.epoch);
            if !plan.validate_only {
                message.plaintext = String::from_utf8_lossy(secret.expose()).into_owned();
            }
            Ok(message)
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn update(&self, call: &Call, request: v1::UpdateCallerKeyRequest) -> Result<v1::CallerKey, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (_, stored) = plan.update::<CallerKey>(request.caller_key.clone(), request.update_mask.clone())?;
            Ok(self.shown(plan.view, &stored))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(
        &self,
        call: &Call,
        request: v1::DeleteCallerKeyRequest,
    ) -> Result<v1::DeleteCallerKeyResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let key = plan.current::<CallerKey>(&request.name, "name", &request.etag)?;
            plan.delete(&*key);
            Ok(v1::DeleteCallerKeyResponse::default())
        };
        self.context.write(call, &request, mode, decide).await
    }
}

fn field<'a>(key: &'a Stored<CallerKey>, name: &str) -> FieldValue<'a> {
    match name {
        "environment" => FieldValue::Text(key.spec.environment.to_string().into()),
        "owner" => key.spec.owner.as_str().into(),
        "disabled" => key.spec.disabled.into(),
        _ => key.spec.display_name.as_str().into(),
    }
}

#[tonic::async_trait]
impl CallerKeyService for CallerKeys {
    async fn list_caller_keys(
        &self,
        request: Request<v1::ListCallerKeysRequest>,
    ) -> Result<Response<v1::ListCallerKeysResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_caller_key(
        &self,
        request: Request<v1::GetCallerKeyRequest>,
    ) -> Result<Response<v1::CallerKey>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let key = get::<CallerKey>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(self.shown(&view, &key)))
    }

    async fn create_caller_key(
        &self,
        request: Request<v1::CreateCallerKeyRequest>,
    ) -> Result<Response<v1::CallerKey>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_caller_key(
        &self,
        request: Request<v1::UpdateCallerKeyRequest>,
    ) -> Result<Response<v1::CallerKey>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_caller_key(
        &self,
        request: Request<v1::DeleteCallerKeyRequest>,
    ) -> Result<Response<v1::DeleteCallerKeyResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }
}
