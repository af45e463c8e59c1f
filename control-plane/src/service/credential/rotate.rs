//! `RotateCredential`: a new value, validated first, in one commit; what is not good changes nothing.

use proto::admin::v1;

use super::Credentials;
use super::plan::{self, Planned, stored_provider};
use super::validate::Validated;
use crate::access::Call;
use crate::error::{Error, FieldReason, FieldViolations};
use crate::resource::{Credential, CredentialSettings, Resource as _};
use crate::service::value::Given;
use crate::service::{Begun, Mode, Plan, served_by};

impl Credentials {
    pub(super) async fn rotate(
        &self,
        call: &Call,
        request: v1::RotateCredentialRequest,
    ) -> Result<v1::RotateCredentialResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let write = match self.context.begin(call, &request, mode).await? {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(write) => write,
        };
        let asks = self.ask_first(call, |plan| self.plan_rotate(plan, &request, &[]))?;
        let validated = self.validator.validate(call, asks, request.skip_validation).await?;
        write.commit(|plan| self.plan_rotate(plan, &request, &validated)?.into_answer()).await
    }

    fn plan_rotate(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::RotateCredentialRequest,
        validated: &[Validated],
    ) -> Result<Planned<v1::RotateCredentialResponse>, Error> {
        let current = plan.current::<Credential>(&request.name, "name", &request.etag)?;
        let view = plan.view;
        let provider = stored_provider(view, &current.name.provider())?;
        let mut message = v1::Credential {
            value: request.value.clone(),
            additional_key: request.additional_key.clone(),
            ..current.spec.write()
        };
        let mut violations = FieldViolations::new();
        if message.value.is_none() {
            violations.add("value", FieldReason::Required, "give the new value");
        }
        let given = Given::read(view, &provider.name, &provider.spec, &mut message, &mut violations);
        let settings = CredentialSettings::read(message, &current.name, &mut violations);
        let settings = violations.into_result(Some(settings))?;
        let Planned { answer, asks } = plan::renew(&self.context, plan, &current, (settings, given), validated)?;
        let dependents = served_by(view, [&provider.name]);
        let answer = v1::RotateCredentialResponse { credential: Some(answer), revision: 0, dependents };
        Ok(Planned { answer, asks })
    }
}
