//! Secrets. A value and where it may be sent are given together, and changed together by a rotation alone.

mod rotate;

use proto::admin::v1;
use proto::admin::v1::secret_service_server::SecretService;
use shared::address::AddressPolicy;
use shared::credential::{CredentialType, CredentialValue};
use shared::id;
use tonic::{Request, Response, Status};

use super::credential::validate::Validator;
use super::value::seal_value;
use super::{
    Allowance, Context, Field, FieldValue, Mode, Named, PageRequest, Plan, dependents, get, list, parent, served_by,
};
use crate::access::Call;
use crate::error::{Error, FieldReason, FieldViolations};
use crate::health::probe::Prober;
use crate::resource::{
    Destinations, NamedSecret, Project, Resource as _, Stored, kind_as_str, kind_of_message, kind_to_message,
    read_own_value, value_path,
};
use crate::view::View;

/// Serves `SecretService`.
#[derive(Debug, Clone)]
pub struct Secrets {
    context: Context,
    validator: Validator,
}

/// The fields to filter by.
const FIELDS: [Field; 2] = [
    Field::of_enum("type", "CREDENTIAL_TYPE_", |name| v1::CredentialType::from_str_name(name).is_some()),
    Field::text("display_name"),
];

/// A value that was given, and where it may be sent.
#[derive(Debug)]
struct Given {
    value: CredentialValue,
    destinations: Destinations,
}

impl Secrets {
    /// The service.
    #[must_use]
    pub fn new(context: Context, prober: Prober, allowance: Allowance) -> Self {
        Self { context, validator: Validator::new(prober, allowance) }
    }

    fn list(&self, call: &Call, request: &v1::ListSecretsRequest) -> Result<v1::ListSecretsResponse, Error> {
        let view = self.context.views.load();
        let project = parent::<Project>(&view, call, &request.parent)?;
        let page = PageRequest {
            parent: &request.parent,
            prefix: &format!("{project}/secrets/"),
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<NamedSecret>(&view, &page, &FIELDS, field)?;
        let secrets = page.items.iter().map(|secret| message(&view, secret)).collect();
        Ok(v1::ListSecretsResponse { secrets, next_page_token: page.next_token })
    }

    async fn create(&self, call: &Call, request: v1::CreateSecretRequest) -> Result<v1::Secret, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let uid = id::uid(NamedSecret::UID_PREFIX, call.now);
        let decide = |plan: &mut Plan<'_>| self.plan_create(plan, &request, &uid);
        self.context.write(call, &request, mode, decide).await
    }

    fn plan_create(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::CreateSecretRequest,
        uid: &str,
    ) -> Result<v1::Secret, Error> {
        let project = parent::<Project>(plan.view, plan.call, &request.parent)?;
        let given = request.secret.clone();
        let mut given = given.ok_or_else(|| Error::field("secret", FieldReason::Required, "give the Secret"))?;
        let Named { allowed, name, mut violations } =
            plan.new_name::<NamedSecret>(project.to_string().as_str(), &request.secret_id, &given)?;
        let mut fields = FieldViolations::new();
        let value = read_given(&mut given, self.context.addresses, &mut fields);
        let display_name = NamedSecret::read_display_name(given.display_name, &name, &mut fields);
        violations.append(fields.within(NamedSecret::FIELD));
        let (name, Given { value, destinations }) = violations.into_result(allowed.zip(value))?;
        let value = seal_value(&self.context, uid, &value, 1, destinations)?;
        let stored = plan.insert(name, uid.to_owned(), NamedSecret { display_name, value })?;
        Ok(message(plan.view, &stored))
    }

    async fn update(&self, call: &Call, request: v1::UpdateSecretRequest) -> Result<v1::Secret, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (_, stored) = plan.update::<NamedSecret>(request.secret.clone(), request.update_mask.clone())?;
            Ok(message(plan.view, &stored))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(&self, call: &Call, request: v1::DeleteSecretRequest) -> Result<v1::DeleteSecretResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let secret = plan.current::<NamedSecret>(&request.name, "name", &request.etag)?;
            let linked = dependents(plan.view.credentials_linked_to(&secret.name));
            if plan.validate_only {
                let dependents = depending(plan.view, &secret);
                return Ok(v1::DeleteSecretResponse { dependents, ..Default::default() });
            }
            if let Some(linked) = linked {
                let name = secret.name.to_string();
                return Err(Error::HasDependents { name, dependents: vec![linked], force_helps: false });
            }
            plan.rely_on_references(&secret.name);
            plan.delete(&*secret);
            Ok(v1::DeleteSecretResponse::default())
        };
        self.context.write(call, &request, mode, decide).await
    }
}

/// A Secret as the API answers it.
fn message(view: &View, secret: &Stored<NamedSecret>) -> v1::Secret {
    let linked = view.credentials_linked_to(&secret.name).count();
    v1::Secret {
        linked_credential_count: u32::try_from(linked).unwrap_or(u32::MAX),
        ..secret.to_message(view.identity.epoch)
    }
}

/// What depends on a Secret: the credentials that link to it, and what their providers serve.
fn depending(view: &View, secret: &Stored<NamedSecret>) -> Vec<v1::Dependents> {
    let linked = || view.credentials_linked_to(&secret.name);
    let providers: Vec<_> = linked().map(|credential| credential.name.provider()).collect();
    dependents(linked()).into_iter().chain(served_by(view, &providers)).collect()
}

fn field<'a>(secret: &'a Stored<NamedSecret>, name: &str) -> FieldValue<'a> {
    match name {
        "type" => FieldValue::Enum(kind_to_message(secret.spec.value.kind).as_str_name()),
        _ => secret.spec.display_name.as_str().into(),
    }
}

/// Reads a value with where it may be sent, and takes the secrets out of the message.
fn read_given(given: &mut v1::Secret, policy: AddressPolicy, violations: &mut FieldViolations) -> Option<Given> {
    let wanted = kind_of_message(given.r#type, violations);
    let value = read_value(given.value.take(), wanted, violations);
    let kind = wanted.or(value.as_ref().map(CredentialValue::kind));
    let destinations = NamedSecret::read_allowed_origins(&given.allowed_origins, kind, policy, violations);
    value.zip(destinations).map(|(value, destinations)| Given { value, destinations })
}

/// Reads a value of a type, if it has to be of one.
fn read_value(
    given: Option<v1::CredentialValue>,
    wanted: Option<CredentialType>,
    violations: &mut FieldViolations,
) -> Option<CredentialValue> {
    let value = read_own_value(given, violations)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != value.kind()) {
        let (wanted, given) = (kind_as_str(wanted), kind_as_str(value.kind()));
        let description = format!("the Secret is of type {wanted}, and this value of type {given}");
        violations.add(value_path(value.kind()), FieldReason::Malformed, description);
    }
    Some(value)
}

#[tonic::async_trait]
impl SecretService for Secrets {
    async fn list_secrets(
        &self,
        request: Request<v1::ListSecretsRequest>,
    ) -> Result<Response<v1::ListSecretsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_secret(&self, request: Request<v1::GetSecretRequest>) -> Result<Response<v1::Secret>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let secret = get::<NamedSecret>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(message(&view, &secret)))
    }

    async fn create_secret(&self, request: Request<v1::CreateSecretRequest>) -> Result<Response<v1::Secret>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_secret(&self, request: Request<v1::UpdateSecretRequest>) -> Result<Response<v1::Secret>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_secret(
        &self,
        request: Request<v1::DeleteSecretRequest>,
    ) -> Result<Response<v1::DeleteSecretResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn rotate_secret(
        &self,
        request: Request<v1::RotateSecretRequest>,
    ) -> Result<Response<v1::RotateSecretResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.rotate(&call, request.into_inner()).await.map(Response::new)?)
    }
}

#[cfg(test)]
mod tests;
