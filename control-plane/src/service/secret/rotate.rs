//! `RotateSecret`: a new value for a Secret and every credential that links to it, validated first with each of their providers, in one
//! commit. One provider that does not take it, and nothing changes.

use std::sync::Arc;

use proto::admin::v1;
use shared::credential::CredentialValue;
use shared::name::{CredentialName, ProviderName};

use super::{Given, Secrets, depending, message, read_value};
use crate::access::Call;
use crate::error::{Error, FieldViolations};
use crate::resource::{Credential, NamedSecret, Stored};
use crate::service::credential::plan::{Planned, ask_about, put_status, stored_provider};
use crate::service::credential::validate::{Ask, Validated};
use crate::service::value::{linked, seal_value, stored_additional_key};
use crate::service::{Begun, Mode, Plan};
use crate::view::OpenedValues;

/// What is asked of the providers: of each once, but for credentials with a second key of their own.
#[derive(Debug, Default)]
struct Questions {
    asked_for: Vec<(ProviderName, Option<CredentialName>)>,
    asks: Vec<Ask>,
}

impl Secrets {
    pub(super) async fn rotate(
        &self,
        call: &Call,
        request: v1::RotateSecretRequest,
    ) -> Result<v1::RotateSecretResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let write = match self.context.begin(call, &request, mode).await? {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(write) => write,
        };
        let asks = {
            let view = self.context.views.load();
            let mut plan = Plan::new(&view, call, self.context.addresses, true);
            self.plan_rotate(&mut plan, &request, &[])?.asks
        };
        let validated = self.validator.validate(call, asks, request.skip_validation).await?;
        write.commit(|plan| self.plan_rotate(plan, &request, &validated)?.into_answer()).await
    }

    fn plan_rotate(
        &self,
        plan: &mut Plan<'_>,
        request: &v1::RotateSecretRequest,
        validated: &[Validated],
    ) -> Result<Planned<v1::RotateSecretResponse>, Error> {
        let current = plan.current::<NamedSecret>(&request.name, "name", &request.etag)?;
        let Given { value, destinations } = self.read_rotation(&current, request)?;
        let version = current.spec.value.version + 1;
        let sealed = seal_value(&self.context, &current.meta.uid, &value, version, destinations)?;
        let stored = plan.replace(&current, NamedSecret { value: sealed, ..current.spec.clone() })?;
        // Whoever links to it now, and nobody else.
        plan.rely_on_references(&current.name);
        let mut questions = Questions::default();
        let credentials: Vec<_> = plan.view.credentials_linked_to(&current.name).cloned().collect();
        for credential in &credentials {
            self.rotate_linked(plan, (&current, &stored), (credential, &value), (&mut questions, validated))?;
        }
        if !validated.is_empty() && validated.len() != questions.asks.len() {
            return Err(Error::StoreUnavailable(None));
        }
        let asks = if validated.is_empty() { questions.asks } else { Vec::new() };
        let dependents = depending(plan.view, &current);
        let answer = v1::RotateSecretResponse { secret: Some(message(plan.view, &stored)), revision: 0, dependents };
        Ok(Planned { answer, asks })
    }

    fn read_rotation(&self, current: &Stored<NamedSecret>, request: &v1::RotateSecretRequest) -> Result<Given, Error> {
        let kind = current.spec.value.kind;
        let mut violations = FieldViolations::new();
        let value = read_value(request.value.clone(), Some(kind), &mut violations);
        let destinations = if request.allowed_origins.is_empty() {
            Some(current.spec.value.destinations.clone())
        } else {
            let (given, policy) = (&request.allowed_origins, self.context.addresses);
            NamedSecret::read_allowed_origins(given, Some(kind), policy, &mut violations)
        };
        let given = value.zip(destinations).map(|(value, destinations)| Given { value, destinations });
        Ok(violations.into_result(given)?)
    }

    /// Puts a linked credential's new version with its status, or what has to be asked for it.
    fn rotate_linked(
        &self,
        plan: &mut Plan<'_>,
        (before, after): (&Stored<NamedSecret>, &Stored<NamedSecret>),
        (credential, value): (&Arc<Stored<Credential>>, &CredentialValue),
        (questions, validated): (&mut Questions, &[Validated]),
    ) -> Result<(), Error> {
        let view = plan.view;
        let provider = stored_provider(view, &credential.name.provider())?;
        let origin = provider.spec.base_url.origin();
        if before.spec.value.destinations.allow(&origin) && !after.spec.value.destinations.allow(&origin) {
            // To take a credential out by leaving its provider out would be a surprise: it is unlinked or deleted first.
            return Err(Error::DestinationChanged { name: after.name.to_string(), origin: origin.to_string() });
        }
        let new = linked(after, credential.spec.value.version + 1);
        let stored = plan.replace(credential, Credential { value: new, ..credential.spec.clone() })?;
        if !stored.spec.may_be_sent_to(&origin) {
            // Its provider has moved: it stays out, and nobody is asked.
            return Ok(());
        }
        let (_, additional_key) = stored_additional_key(&self.context, view, credential, &provider.spec)?;
        let own = additional_key.is_some().then(|| credential.name.clone());
        let used = credential.spec.additional_key.as_ref().map(|key| (credential.name.to_string(), key.version));
        let opened = OpenedValues { value: value.clone(), additional_key };
        let ask = ask_about(&provider.spec, opened, used.into_iter().collect());
        let at = questions.at((provider.name.clone(), own), ask);
        if let Some(validated) = validated.get(at) {
            put_status(plan, &stored, provider, (validated, &questions.asks[at]))?;
        }
        Ok(())
    }
}

impl Questions {
    /// Which one is asked for this, as a new one where nobody asked yet.
    fn at(&mut self, asked_for: (ProviderName, Option<CredentialName>), ask: Ask) -> usize {
        if let Some(at) = self.asked_for.iter().position(|one| *one == asked_for) {
            return at;
        }
        self.asked_for.push(asked_for);
        self.asks.push(ask);
        self.asks.len() - 1
    }
}
