//! Providers.

use std::sync::Arc;

use proto::admin::v1;
use proto::admin::v1::provider_service_server::ProviderService;
use tonic::{Request, Response, Status};

use super::credential::validate::Validator;
use super::{
    Allowance, Context, Field, FieldValue, Mode, PageRequest, Plan, catalog, dependents, get, list, parent, rate,
    served_by,
};
use crate::access::Call;
use crate::error::Error;
use crate::health::probe::Prober;
use crate::resource::{CredentialState, Model, Project, Provider, Stored};
use crate::view::View;

/// Serves `ProviderService`.
#[derive(Debug, Clone)]
pub struct Providers {
    pub(super) context: Context,
    pub(super) validator: Validator,
}

/// The fields to filter by.
const FIELDS: [Field; 3] = [Field::text("vendor"), Field::bool("enabled"), Field::text("display_name")];

impl Providers {
    /// The service.
    #[must_use]
    pub fn new(context: Context, prober: Prober, allowance: Allowance) -> Self {
        Self { context, validator: Validator::new(prober, allowance) }
    }

    fn list(&self, call: &Call, request: &v1::ListProvidersRequest) -> Result<v1::ListProvidersResponse, Error> {
        let view = self.context.views.load();
        let project = parent::<Project>(&view, call, &request.parent)?;
        let page = PageRequest {
            parent: &request.parent,
            prefix: &format!("{project}/providers/"),
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<Provider>(&view, &page, &FIELDS, field)?;
        let providers = page.items.iter().map(|provider| self.shown(&view, provider)).collect();
        Ok(v1::ListProvidersResponse { providers, next_page_token: page.next_token })
    }

    /// A stored provider with all that was observed of it.
    fn shown(&self, view: &View, provider: &Stored<Provider>) -> v1::Provider {
        v1::Provider { last_used_time: self.context.views.last_used().of(provider), ..message(view, provider) }
    }

    async fn create(&self, call: &Call, request: v1::CreateProviderRequest) -> Result<v1::Provider, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let project = parent::<Project>(plan.view, call, &request.parent)?;
            let given = request.provider.clone();
            let stored = plan.create::<Provider>(&project.to_string(), &request.provider_id, given, ())?;
            Ok(message(plan.view, &stored))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn update(&self, call: &Call, request: v1::UpdateProviderRequest) -> Result<v1::Provider, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (current, stored) = plan.update::<Provider>(request.provider.clone(), request.update_mask.clone())?;
            if stored.spec.exposed_models != current.spec.exposed_models {
                keep_used_models_exposed(plan, &stored)?;
            }
            if current.spec.additional_key_header.is_some() && stored.spec.additional_key_header.is_none() {
                keep_a_place_for_second_keys(plan, &stored)?;
            }
            Ok(self.shown(plan.view, &stored))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(
        &self,
        call: &Call,
        request: v1::DeleteProviderRequest,
    ) -> Result<v1::DeleteProviderResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let provider = plan.current::<Provider>(&request.name, "name", &request.etag)?;
            let models: Vec<_> = plan.view.models_of(&provider.name).cloned().collect();
            let force_helps = !models.is_empty();
            let mut dependents: Vec<_> = dependents(plan.view.credentials_of(&provider.name)).into_iter().collect();
            dependents.extend(super::dependents(plan.view.rates_of(&provider.name)));
            dependents.extend(served_by(plan.view, [&provider.name]));
            if plan.validate_only {
                return Ok(v1::DeleteProviderResponse { revision: 0, dependents, force_helps });
            }
            if force_helps && !request.force {
                let dependents = dependents.into_iter().filter(|one| one.kind == "Model").collect();
                return Err(Error::HasDependents { name: provider.name.to_string(), dependents, force_helps });
            }
            delete_with_dependents(plan, &provider, &models)?;
            Ok(v1::DeleteProviderResponse { revision: 0, dependents, force_helps })
        };
        self.context.write(call, &request, mode, decide).await
    }
}

/// A provider as the API answers it, with its credentials counted.
pub(super) fn message(view: &View, provider: &Stored<Provider>) -> v1::Provider {
    let mut message = provider.to_message(view.identity.epoch);
    // Counted with the provider at hand: after an update, its origin may be another one than the view's.
    let states = view.credentials_of(&provider.name).map(|credential| {
        let (state, _) = credential.spec.state(&view.status_of(credential), &provider.spec);
        state
    });
    message.credential_counts = counts(states);
    message
}

/// How many there are in each state; states without any are left out.
pub(super) fn counts(states: impl Iterator<Item = CredentialState>) -> Vec<v1::CredentialCount> {
    let mut counts = CredentialState::ALL.map(|state| (state, 0));
    for state in states {
        counts.iter_mut().filter(|(counted, _)| *counted == state).for_each(|(_, count)| *count += 1);
    }
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(state, count)| v1::CredentialCount { state: state.to_message().into(), count }).collect()
}

fn field<'a>(provider: &'a Stored<Provider>, name: &str) -> FieldValue<'a> {
    match name {
        "vendor" => provider.spec.vendor.as_str().into(),
        "enabled" => provider.spec.enabled.into(),
        _ => provider.spec.display_name.as_str().into(),
    }
}

/// Un-exposing a model that is in use is refused like a delete.
fn keep_used_models_exposed(plan: &mut Plan<'_>, provider: &Stored<Provider>) -> Result<(), Error> {
    let hidden = |model: &Stored<Model>| {
        let mut targets = model.spec.targets.iter().filter(|target| target.provider == provider.name);
        targets.any(|target| !provider.spec.exposes(&target.upstream_model))
    };
    let using = plan.view.models_of(&provider.name).filter(|model| hidden(model));
    if let Some(models) = dependents(using) {
        let name = provider.name.to_string();
        return Err(Error::HasDependents { name, dependents: vec![models], force_helps: false });
    }
    plan.rely_on_references(&provider.name);
    Ok(())
}

/// A credential with a second key that no header takes can sign nothing: without its header, all of them would go out at once.
fn keep_a_place_for_second_keys(plan: &mut Plan<'_>, provider: &Stored<Provider>) -> Result<(), Error> {
    let of_provider = plan.view.credentials_of(&provider.name);
    if let Some(credentials) = dependents(of_provider.filter(|one| one.spec.additional_key.is_some())) {
        let name = provider.name.to_string();
        return Err(Error::HasDependents { name, dependents: vec![credentials], force_helps: false });
    }
    plan.rely_on_children(&provider.name);
    Ok(())
}

fn delete_with_dependents(
    plan: &mut Plan<'_>,
    provider: &Stored<Provider>,
    models: &[Arc<Stored<Model>>],
) -> Result<(), Error> {
    for model in models {
        let mut spec = model.spec.clone();
        spec.targets.retain(|target| target.provider != provider.name);
        plan.replace(model, spec)?;
    }
    plan.rely_on_references(&provider.name);
    plan.rely_on_children(&provider.name);
    for credential in plan.view.credentials_of(&provider.name) {
        plan.delete(&**credential);
    }
    for stored in plan.view.rates_of(&provider.name) {
        rate::delete(plan, stored);
    }
    plan.delete(provider);
    Ok(())
}

#[tonic::async_trait]
impl ProviderService for Providers {
    async fn list_providers(
        &self,
        request: Request<v1::ListProvidersRequest>,
    ) -> Result<Response<v1::ListProvidersResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_provider(&self, request: Request<v1::GetProviderRequest>) -> Result<Response<v1::Provider>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let provider = get::<Provider>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(self.shown(&view, &provider)))
    }

    async fn create_provider(
        &self,
        request: Request<v1::CreateProviderRequest>,
    ) -> Result<Response<v1::Provider>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_provider(
        &self,
        request: Request<v1::UpdateProviderRequest>,
    ) -> Result<Response<v1::Provider>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_provider(
        &self,
        request: Request<v1::DeleteProviderRequest>,
    ) -> Result<Response<v1::DeleteProviderResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn connect_provider(
        &self,
        request: Request<v1::ConnectProviderRequest>,
    ) -> Result<Response<v1::ConnectProviderResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.connect(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn test_connection(
        &self,
        request: Request<v1::TestConnectionRequest>,
    ) -> Result<Response<v1::TestConnectionResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.test(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn discover_models(
        &self,
        request: Request<v1::DiscoverModelsRequest>,
    ) -> Result<Response<v1::DiscoverModelsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.discover(&call, &request.get_ref().name).await.map(Response::new)?)
    }

    async fn list_catalog(
        &self,
        request: Request<v1::ListCatalogRequest>,
    ) -> Result<Response<v1::ListCatalogResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(catalog::list(&call, request.get_ref()).map(Response::new)?)
    }
}
