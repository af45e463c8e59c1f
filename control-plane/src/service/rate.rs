//! Rates. A provider has at most one for each of its models, and takes them with it when it goes.

use proto::admin::v1;
use proto::admin::v1::rate_service_server::RateService;
use shared::name::ResourceName as _;
use tonic::{Request, Response, Status};

use super::{Context, Field, FieldValue, Mode, PageRequest, Plan, get, list, parent};
use crate::access::Call;
use crate::error::Error;
use crate::resource::{Provider, Rate, Stored, key};
use crate::store::Precondition;

/// Serves `RateService`.
#[derive(Debug, Clone)]
pub struct Rates {
    context: Context,
}

/// The fields to filter by.
const FIELDS: [Field; 3] = [Field::text("upstream_model"), Field::text("currency"), Field::text("display_name")];

impl Rates {
    /// The service.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    fn list(&self, call: &Call, request: &v1::ListRatesRequest) -> Result<v1::ListRatesResponse, Error> {
        let view = self.context.views.load();
        let provider = parent::<Provider>(&view, call, &request.parent)?;
        let page = PageRequest {
            parent: &request.parent,
            prefix: &format!("{provider}/rates/"),
            filter: &request.filter,
            size: request.page_size,
            token: &request.page_token,
        };
        let page = list::<Rate>(&view, &page, &FIELDS, field)?;
        let rates = page.items.iter().map(|rate| rate.to_message(view.identity.epoch)).collect();
        Ok(v1::ListRatesResponse { rates, next_page_token: page.next_token })
    }

    async fn create(&self, call: &Call, request: v1::CreateRateRequest) -> Result<v1::Rate, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let provider = parent::<Provider>(plan.view, call, &request.parent)?;
            let stored = plan.create::<Rate>(provider.as_str(), &request.rate_id, request.rate.clone(), ())?;
            take_model(plan, &stored)?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn update(&self, call: &Call, request: v1::UpdateRateRequest) -> Result<v1::Rate, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let (_, stored) = plan.update::<Rate>(request.rate.clone(), request.update_mask.clone())?;
            Ok(stored.to_message(plan.view.identity.epoch))
        };
        self.context.write(call, &request, mode, decide).await
    }

    async fn delete(&self, call: &Call, request: v1::DeleteRateRequest) -> Result<v1::DeleteRateResponse, Error> {
        let mode = Mode::of(request.validate_only, &request.request_id);
        let decide = |plan: &mut Plan<'_>| {
            let rate = plan.current::<Rate>(&request.name, "name", &request.etag)?;
            delete(plan, &rate);
            Ok(v1::DeleteRateResponse::default())
        };
        self.context.write(call, &request, mode, decide).await
    }
}

/// Takes the model for a new rate. The key that says so is what keeps two racing writers apart.
fn take_model(plan: &mut Plan<'_>, rate: &Stored<Rate>) -> Result<(), Error> {
    let provider = rate.name.provider();
    let upstream_model = &rate.spec.upstream_model;
    if let Some(taken_by) = plan.view.rates_of(&provider).find(|other| other.spec.upstream_model == *upstream_model) {
        let (name, upstream_model) = (taken_by.name.to_string(), upstream_model.clone());
        return Err(Error::RateTaken { name, upstream_model });
    }
    let own = key::rate(provider.as_str(), upstream_model);
    plan.draft().require(Precondition::Absent(own.clone()));
    plan.draft().put(own, rate.name.as_str().as_bytes().to_vec());
    Ok(())
}

/// Deletes a rate, so that its model is free again.
pub(super) fn delete(plan: &mut Plan<'_>, rate: &Stored<Rate>) {
    plan.draft().delete(key::rate(rate.name.provider().as_str(), &rate.spec.upstream_model));
    plan.delete(rate);
}

fn field<'a>(rate: &'a Stored<Rate>, name: &str) -> FieldValue<'a> {
    match name {
        "upstream_model" => rate.spec.upstream_model.as_str().into(),
        "currency" => rate.spec.currency.as_str().into(),
        _ => rate.spec.display_name.as_str().into(),
    }
}

#[tonic::async_trait]
impl RateService for Rates {
    async fn list_rates(
        &self,
        request: Request<v1::ListRatesRequest>,
    ) -> Result<Response<v1::ListRatesResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.list(&call, request.get_ref()).map(Response::new)?)
    }

    async fn get_rate(&self, request: Request<v1::GetRateRequest>) -> Result<Response<v1::Rate>, Status> {
        let call = Call::of(&request)?;
        let view = self.context.views.load();
        let rate = get::<Rate>(&view, &call, &request.get_ref().name)?;
        Ok(Response::new(rate.to_message(view.identity.epoch)))
    }

    async fn create_rate(&self, request: Request<v1::CreateRateRequest>) -> Result<Response<v1::Rate>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn update_rate(&self, request: Request<v1::UpdateRateRequest>) -> Result<Response<v1::Rate>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await.map(Response::new)?)
    }

    async fn delete_rate(
        &self,
        request: Request<v1::DeleteRateRequest>,
    ) -> Result<Response<v1::DeleteRateResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(self.delete(&call, request.into_inner()).await.map(Response::new)?)
    }
}
