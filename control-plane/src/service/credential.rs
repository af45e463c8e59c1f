//! Credentials. A new value is validated with its provider before it is stored, and bound to where the provider is.
//!
//! ```text
//! shape of the value ─► may this principal ask again? ─► the provider's model list ─► commit: value and status together
//! ```
//!
//! With `skip_validation`, a value is stored all the same when nobody may be asked or nobody answers soon; a rejected one never is.

mod form;
mod validate;

use proto::admin::v1;
use proto::admin::v1::credential_service_server::CredentialService;
use proto::admin::v1::credential_value::Value;
use shared::base_url::Origin;
use shared::credential::CredentialValue;
use shared::id;
use shared::name::{CredentialName, ProviderName, ResourceName as _};
use shared::secret::Secret;
use tonic::{Request, Response, Status};

use super::{Allowance, Begun, Context, Mode, Named, PageRequest, Plan, get, list, parent, parse_name};
use crate::access::Call;
use crate::error::{Error, FieldReason, FieldViolations};
use crate::health::probe::{Prober, Question};
use crate::health::schedule::{CheckError, HealthHandle};
use crate::resource::{
    AuthMode, Credential, CredentialSettings, CredentialStatus, Project, Provider, Resource as _, SealedValue, Stored,
    key,
};
use crate::store::seal::Binding;
use crate::store::{Precondition, StoreError};
use crate::view::View;

use form::{FIELDS, field, message};
use validate::{Validated, Validator};

/// The longest name of an upstream's model.
const MOST_MODEL_BYTES: usize = 512;

/// Serves `CredentialService`.
#[derive(Debug, Clone)]
pub struct Credentials {
    context: Context,
    validator: Validator,
    health: HealthHandle,
    allowance: Allowance,
}

/// A change that was decided.
#[derive(Debug)]
struct Planned {
    answer: v1::Credential,
    /// What has to be asked of the provider first; `None` where nothing has, or it was.
    question: Option<Question>,
}

/// A value as an admin gave it, and where it is to be sent.
struct Given<'p> {
    secret: Secret,
    provider: &'p Stored<Provider>,
}

impl Credentials {
    /// The service.
    #[must_use]
    pub fn new(context: Context, prober: Prober, health: HealthHandle, allowance: Allowance) -> Self {
        Self { context, validator: Validator::new(prober), health, allowance }
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
        let question = self.ask_first(call, |plan| self.plan_create(plan, &request, &uid, None))?;
        let validated = self.validate(call, question, request.skip_validation).await?;
        let decide = |plan: &mut Plan<'_>| Ok(self.plan_create(plan, &request, &uid, validated.as_ref())?.answer);
        write.commit(decide).await
    }

    fn plan_create(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::CreateCredentialRequest,
        uid: &str,
        validated: Option<&Validated>,
    ) -> Result<Planned, Error> {
        let parent = parent::<Provider>(plan.view, plan.call, &request.parent)?;
        let view = plan.view;
        let provider = provider(view, &parent)?;
        let given = request.credential.clone();
        let mut given =
            given.ok_or_else(|| Error::field("credential", FieldReason::Required, "give the Credential"))?;
        let Named { allowed, name, mut violations } =
            plan.new_name::<Credential>(&request.parent, &request.credential_id, &given)?;
        let mut fields = FieldViolations::new();
        let secret = read_value(given.value.take(), &mut fields);
        let settings = CredentialSettings::read(given, &name, &mut fields);
        violations.append(fields.within(Credential::FIELD));
        let (name, secret) = violations.into_result(allowed.zip(secret))?;
        let given = Given { secret, provider };
        let value = self.seal(&given, uid, 1)?;
        let stored = plan.insert(name, uid.to_owned(), settings.with_value(value))?;
        finish(plan, &stored, given, validated)
    }

    async fn update(&self, call: &Call, request: v1::UpdateCredentialRequest) -> Result<v1::Credential, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let write = match self.context.begin(call, &request, mode).await? {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(write) => write,
        };
        let question = self.ask_first(call, |plan| self.plan_update(plan, &request, None))?;
        let validated = self.validate(call, question, request.skip_validation).await?;
        let decide = |plan: &mut Plan<'_>| Ok(self.plan_update(plan, &request, validated.as_ref())?.answer);
        write.commit(decide).await
    }

    fn plan_update(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::UpdateCredentialRequest,
        validated: Option<&Validated>,
    ) -> Result<Planned, Error> {
        let (current, mut merged, mut violations) =
            plan.merge::<Credential>(request.credential.clone(), request.update_mask.clone())?;
        let mut fields = FieldViolations::new();
        // A field that is there is a new value, and has to be a good one; without one the stored value stays.
        let given = merged.value.take();
        let secret = given.map(|given| read_value(Some(given), &mut fields));
        let settings = CredentialSettings::read(merged, &current.name, &mut fields);
        violations.append(fields.within(Credential::FIELD));
        let settings = violations.into_result(Some(settings))?;
        let Some(secret) = secret.flatten() else {
            let stored = plan.replace(&current, settings.with_value(current.spec.value.clone()))?;
            let answer = message(plan.view, &stored, &plan.view.status_of(&current));
            return Ok(Planned { answer, question: None });
        };
        let view = plan.view;
        let given = Given { secret, provider: provider(view, &current.name.provider())? };
        let value = self.seal(&given, &current.meta.uid, current.spec.value.version + 1)?;
        let stored = plan.replace(&current, settings.with_value(value))?;
        finish(plan, &stored, given, validated)
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
            Ok(v1::DeleteCredentialResponse::default())
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
        if paid_check_model.len() > MOST_MODEL_BYTES {
            let description = format!("name one of the upstream's models, in at most {MOST_MODEL_BYTES} bytes");
            return Err(Error::field("paid_check_model", FieldReason::Malformed, description));
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
    fn ask_first(
        &self,
        call: &Call,
        decide: impl Fn(&mut Plan<'_>) -> Result<Planned, Error>,
    ) -> Result<Option<Question>, Error> {
        let view = self.context.views.load();
        let mut plan = Plan::new(&view, call, self.context.addresses, true);
        Ok(decide(&mut plan)?.question)
    }

    async fn validate(
        &self,
        call: &Call,
        question: Option<Question>,
        skip_validation: bool,
    ) -> Result<Option<Validated>, Error> {
        let Some(question) = question else { return Ok(None) };
        // The limit is on what is asked of providers, not on what is written.
        let validated = match (self.allowance.take(&call.principal.name), skip_validation) {
            (Ok(()), false) => self.validator.ask(question).await,
            (Ok(()), true) => self.validator.ask_briefly(question).await,
            (Err(_), true) => Validated::unasked(&question),
            (Err(spent), false) => return Err(spent),
        };
        validated.admit(skip_validation)?;
        Ok(Some(validated))
    }

    fn seal(&self, given: &Given<'_>, uid: &str, version: u64) -> Result<SealedValue, Error> {
        let origin: Origin = given.provider.spec.base_url.origin();
        let binding = Binding {
            store_id: self.context.identity().store_id,
            uid,
            field: Credential::VALUE_FIELD,
            version,
            origin: origin.as_str(),
        };
        let sealed = self.context.sealing.sealer()?.seal(&given.secret, binding);
        Ok(SealedValue { sealed, masked: given.secret.mask(), version, origin })
    }
}

/// Puts the status of a new value beside it, and relies on the provider being where the value was bound to and asked about.
fn finish(
    plan: &mut Plan<'_>,
    stored: &Stored<Credential>,
    given: Given<'_>,
    validated: Option<&Validated>,
) -> Result<Planned, Error> {
    let Given { secret, provider } = given;
    let spec = &provider.spec;
    let Some(validated) = validated else {
        let question = Question::of(spec, Some(CredentialValue::ApiKey(secret)));
        let answer = message(plan.view, stored, &CredentialStatus::default());
        return Ok(Planned { answer, question: Some(question) });
    };
    if !validated.is_of(&spec.base_url) {
        // The provider moved while it was asked: what it answered is of its old place.
        return Err(Error::StoreUnavailable(None));
    }
    let status = validated.status(stored.spec.value.version);
    plan.draft().require(Precondition::Unchanged(key::spec(provider.name.as_str()), provider.meta.revision));
    plan.draft().put(key::status(stored.name.as_str()), status.to_record());
    Ok(Planned { answer: message(plan.view, stored, &status), question: None })
}

/// The provider that a value is for, if it takes one.
fn provider<'v>(view: &'v View, name: &ProviderName) -> Result<&'v Stored<Provider>, Error> {
    let provider = view.providers.get(name).ok_or_else(|| Error::not_found(name))?;
    match provider.spec.auth_mode {
        AuthMode::Managed => Ok(provider),
        mode @ (AuthMode::None | AuthMode::Passthrough) => {
            Err(Error::AuthModeForbids { name: name.to_string(), auth_mode: mode.as_str().to_owned() })
        }
    }
}

/// Reads a value, without the line break and the spaces that a paste leaves at its ends.
fn read_value(given: Option<v1::CredentialValue>, violations: &mut FieldViolations) -> Option<Secret> {
    let trimmed = given.map(|mut given| {
        if let Some(Value::ApiKey(key)) = &mut given.value {
            key.truncate(key.trim_end().len());
            key.drain(..key.len() - key.trim_start().len());
        }
        given
    });
    Credential::read_value(trimmed, violations)
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
        _request: Request<v1::RotateCredentialRequest>,
    ) -> Result<Response<v1::RotateCredentialResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[cfg(test)]
mod tests;
