//! Credentials. A new value is validated with its provider before it is stored, and bound to where the provider is.
//!
//! ```text
//! shape of the value ─► may this principal ask again? ─► the provider's model list ─► commit: value and status together
//! ```
//!
//! With `skip_validation`, a value is stored all the same when nobody may be asked or nobody answers soon; a rejected one never is.

mod form;
pub(super) mod plan;
mod rotate;
pub(super) mod validate;

use proto::admin::v1;
use proto::admin::v1::credential_service_server::CredentialService;
use shared::id;
use shared::name::CredentialName;
use tonic::{Request, Response, Status};

use super::{Allowance, Begun, Context, Mode, PageRequest, Plan, get, list, parent, parse_name, served_by};
use crate::access::Call;
use crate::error::{Error, FieldReason};
use crate::health::probe::Prober;
use crate::health::schedule::{CheckError, HealthHandle};
use crate::resource::{Credential, Project, Provider, Resource as _, Stored, is_upstream_model};
use crate::store::StoreError;
use crate::view::View;

use form::{FIELDS, field, message};
use plan::{New, Planned, stored_provider};
use validate::{Ask, Validated, Validator};

/// Serves `CredentialService`.
#[derive(Debug, Clone)]
pub struct Credentials {
    context: Context,
    validator: Validator,
    health: HealthHandle,
    allowance: Allowance,
}

impl Credentials {
    /// The service.
    #[must_use]
    pub fn new(context: Context, prober: Prober, health: HealthHandle, allowance: Allowance) -> Self {
        Self { context, validator: Validator::new(prober, allowance.clone()), health, allowance }
    }

    fn list(&self, call: &Call, request: &v1::ListCredentialsRequest) -> Result<v1::ListCredentialsResponse, Error> {
        let view = self.context.views.load();
        let prefix = match request.parent.strip_suffix("/providers/-") {
            Some(project) => format!("{}/providers/", parent::<Project>(&view, call, project)?),
            None => format!("{}/credentials/", parent::<Provider>(&view, call, &request.parent)?),
        };
        let page = PageRequest {
            parent: &request.parent,
            prefix: &prefix,
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<Credential>(&view, &page, &FIELDS, |credential, name| field(&view, credential, name))?;
        let credentials = page.items.iter().map(|one| self.shown(&view, one)).collect();
        Ok(v1::ListCredentialsResponse { credentials, next_page_token: page.next_token })
    }

    async fn create(&self, call: &Call, request: v1::CreateCredentialRequest) -> Result<v1::Credential, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let write = match self.context.begin(call, &request, mode).await? {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(write) => write,
        };
        let uid = id::uid(Credential::UID_PREFIX, call.now);
        let asks = self.ask_first(call, |plan| self.plan_create(plan, &request, &uid, &[]))?;
        let validated = self.validator.validate(call, asks, request.skip_validation).await?;
        write.commit(|plan| self.plan_create(plan, &request, &uid, &validated)?.into_answer()).await
    }

    fn plan_create(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::CreateCredentialRequest,
        uid: &str,
        validated: &[Validated],
    ) -> Result<Planned<v1::Credential>, Error> {
        let provider = parent::<Provider>(plan.view, plan.call, &request.parent)?;
        let provider = stored_provider(plan.view, &provider)?;
        let new = New { provider, id: &request.credential_id, credential: &request.credential, uid };
        plan::insert(&self.context, plan, new, validated)
    }

    async fn update(&self, call: &Call, request: v1::UpdateCredentialRequest) -> Result<v1::Credential, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let write = match self.context.begin(call, &request, mode).await? {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(write) => write,
        };
        let asks = self.ask_first(call, |plan| plan::update(&self.context, plan, &request, &[]))?;
        let validated = self.validator.validate(call, asks, request.skip_validation).await?;
        write.commit(|plan| plan::update(&self.context, plan, &request, &validated)?.into_answer()).await
    }

    async fn delete(
        &self,
        call: &Call,
        request: v1::DeleteCredentialRequest,
    ) -> Result<v1::DeleteCredentialResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let credential = plan.current::<Credential>(&request.name, "name", &request.etag)?;
            plan.delete(&*credential);
            let dependents = served_by(plan.view, [&credential.name.provider()]);
            Ok(v1::DeleteCredentialResponse { dependents, ..Default::default() })
        };
        self.context.write(call, &request, mode, decide).await
    }

    /// A stored credential with all that was observed of it.
    fn shown(&self, view: &View, credential: &Stored<Credential>) -> v1::Credential {
        let last_used_time = self.context.views.last_used().of(credential);
        v1::Credential { last_used_time, ..message(view, credential, &view.status_of(credential)) }
    }

    async fn check(&self, call: &Call, request: v1::CheckCredentialRequest) -> Result<v1::Credential, Error> {
        let v1::CheckCredentialRequest { name, paid_check_model } = request;
        let name = call.allow(parse_name::<CredentialName>(&name, "name")?)?;
        if !paid_check_model.is_empty() && !is_upstream_model(&paid_check_model) {
            return Err(Error::field("paid_check_model", FieldReason::Malformed, "name one model of the upstream"));
        }
        self.context.sealing.sealer()?;
        if !self.context.views.load().credentials.contains_key(name.name()) {
            return Err(Error::not_found(name.name()));
        }
        self.allowance.take(&call.principal.name)?;
        match paid_check_model.is_empty() {
            true => self.health.check(name.name().clone()).await?,
            false => self.health.check_paid(name.name().clone(), paid_check_model).await?,
        }
        let view = self.context.views.load();
        let credential = view.credentials.get(name.name()).ok_or_else(|| Error::not_found(name.name()))?;
        Ok(self.shown(&view, credential))
    }

    /// Decides once without changing anything: finds every fault that needs no provider to be asked, and what has to be asked.
    fn ask_first<A>(
        &self,
        call: &Call,
        decide: impl Fn(&mut Plan<'_>) -> Result<Planned<A>, Error>,
    ) -> Result<Vec<Ask>, Error> {
        let view = self.context.views.load();
        let mut plan = Plan::new(&view, call, self.context.addresses, true);
        Ok(decide(&mut plan)?.asks)
    }
}

impl From<CheckError> for Error {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Stopped => Self::StoreUnavailable(Some(StoreError::Stopped)),
            CheckError::NotStored => Self::StoreUnavailable(None),
        }
    }
}

#[tonic::async_trait]
impl CredentialService for Credentials {
    async fn list_credentials(
        &self,
        request: Request<v1::ListCredentialsRequest>,
    ) -> Result<Response<v1::ListCredentialsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_credential(
        &self,
        request: Request<v1::GetCredentialRequest>,
    ) -> Result<Response<v1::Credential>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let credential = get::<Credential>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(self.shown(&view, &credential)))
    }

    async fn create_credential(
        &self,
        request: Request<v1::CreateCredentialRequest>,
    ) -> Result<Response<v1::Credential>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_credential(
        &self,
        request: Request<v1::UpdateCredentialRequest>,
    ) -> Result<Response<v1::Credential>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_credential(
        &self,
        request: Request<v1::DeleteCredentialRequest>,
    ) -> Result<Response<v1::DeleteCredentialResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn check_credential(
        &self,
        request: Request<v1::CheckCredentialRequest>,
    ) -> Result<Response<v1::Credential>, Status> {
        let call = Call::of(&request)?;
        Ok(self.check(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn rotate_credential(
        &self,
        request: Request<v1::RotateCredentialRequest>,
    ) -> Result<Response<v1::RotateCredentialResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.rotate(&call, request.into_inner()).await.map(Response::new)?)
    }
}

#[cfg(test)]
pub(in crate::service) mod tests;
