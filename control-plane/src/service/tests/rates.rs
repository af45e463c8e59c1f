//! Rates.

use proto::admin::v1::rate_service_server::RateService as _;

use super::*;
use crate::service::rate::Rates;

const PROVIDER: &str = "projects/p/providers/openai";

fn rate() -> v1::Rate {
    v1::Rate {
        upstream_model: "gpt-4o".into(),
        input_per_million: "2.50".into(),
        output_per_million: "10".into(),
        ..Default::default()
    }
}

fn new(id: &str, rate: v1::Rate) -> v1::CreateRateRequest {
    v1::CreateRateRequest { parent: PROVIDER.into(), rate_id: id.into(), rate: Some(rate), ..Default::default() }
}

impl World {
    fn rates(&self) -> Rates {
        Rates::new(self.context.clone())
    }

    async fn create_rate(&self, request: v1::CreateRateRequest) -> Result<v1::Rate, Status> {
        self.rates().create_rate(self.call("rates:CreateRate", request)).await.map(Response::into_inner)
    }

    /// The keys of what the store holds of a provider, its own and others'.
    async fn keys_of(&self, provider: &str) -> Vec<String> {
        let records = self.context.store.range("").await.unwrap().records;
        records.into_iter().map(|record| record.key.to_string()).filter(|key| key.contains(provider)).collect()
    }
}

fn fields(status: &Status) -> Vec<String> {
    status.get_details_bad_request().unwrap().field_violations.into_iter().map(|one| one.field).collect()
}

#[tokio::test]
async fn a_rate_is_exact_and_has_its_currency() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let made = world.create_rate(new("gpt", rate())).await.unwrap();
    assert!(made.uid.starts_with("rat_") && made.revision > 0 && !made.etag.is_empty());
    assert_eq!((made.input_per_million.as_str(), made.output_per_million.as_str()), ("2.50", "10"));
    assert_eq!((made.cached_input_per_million.as_str(), made.currency.as_str()), ("", "USD"));
    let request = v1::UpdateRateRequest {
        rate: Some(v1::Rate {
            name: made.name.clone(),
            cached_input_per_million: "0.000000001".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let updated = world.rates().update_rate(world.call("rates:UpdateRate", request)).await.unwrap().into_inner();
    assert_eq!((updated.cached_input_per_million.as_str(), updated.generation), ("0.000000001", 2));
    let request = v1::ListRatesRequest {
        parent: PROVIDER.into(),
        filter: "upstream_model = gpt-4o AND currency = USD".into(),
        ..Default::default()
    };
    let page = world.rates().list_rates(world.call("rates:ListRates", request)).await.unwrap().into_inner();
    assert_eq!(page.rates, std::slice::from_ref(&updated));
    let request = v1::GetRateRequest { name: made.name };
    let got = world.rates().get_rate(world.call("rates:GetRate", request)).await.unwrap().into_inner();
    assert_eq!(got, updated);
}

#[tokio::test]
async fn every_bad_field_of_a_rate_is_named() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let bad = v1::Rate {
        input_per_million: "-1".into(),
        cached_input_per_million: "1e3".into(),
        currency: "usd".into(),
        ..Default::default()
    };
    let refused = world.create_rate(new("gpt", bad)).await.unwrap_err();
    let expected =
        ["upstream_model", "input_per_million", "output_per_million", "cached_input_per_million", "currency"];
    assert_eq!(fields(&refused), expected.map(|field| format!("rate.{field}")));
    world.create_rate(new("gpt", rate())).await.unwrap();
    let request = v1::UpdateRateRequest {
        rate: Some(v1::Rate {
            name: format!("{PROVIDER}/rates/gpt"),
            upstream_model: "o1".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = world.rates().update_rate(world.call("rates:UpdateRate", request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["rate.upstream_model"]);
}

#[tokio::test]
async fn a_model_has_one_rate_and_of_two_racing_writers_one_is_told_which() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    let (one, two) = tokio::join!(world.create_rate(new("one", rate())), world.create_rate(new("two", rate())));
    assert!(one.is_ok() != two.is_ok());
    let made = one.as_ref().or(two.as_ref()).unwrap().name.clone();
    let loser = one.err().or(two.err()).unwrap();
    assert_eq!((loser.code(), reason(&loser).as_str()), (Code::AlreadyExists, "ID_TAKEN"));
    let metadata = loser.get_details_error_info().unwrap().metadata;
    assert_eq!((&metadata["name"], metadata["upstreamModel"].as_str()), (&made, "gpt-4o"));
    // Once it is gone, its model is free.
    let request = v1::DeleteRateRequest { name: made, ..Default::default() };
    let deleted = world.rates().delete_rate(world.call("rates:DeleteRate", request)).await.unwrap().into_inner();
    assert!(deleted.revision > 0);
    world.create_rate(new("three", rate())).await.unwrap();
}

#[tokio::test]
async fn a_rate_needs_its_provider() {
    let world = World::new().await;
    let refused = world.create_rate(new("gpt", rate())).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn a_provider_takes_all_that_is_its_own_with_it_in_one_commit() {
    let world = World::new().await;
    world.create_provider(world.provider("OpenAI")).await.unwrap();
    world.create_rate(new("gpt", rate())).await.unwrap();
    world.create_rate(new("other", v1::Rate { upstream_model: "a|b".into(), ..rate() })).await.unwrap();
    world.create_model("gpt-4o").await.unwrap();
    assert!(world.keys_of(PROVIDER).await.len() > 6);
    let before = world.context.store.head();
    let request = v1::DeleteProviderRequest { name: PROVIDER.into(), force: true, ..Default::default() };
    let answer = world.delete_provider(request).await.unwrap();
    assert_eq!(answer.revision, before.0 + 1);
    let rates = answer.dependents.iter().find(|one| one.kind == "Rate").unwrap();
    assert_eq!(rates.count, 2);
    assert_eq!(world.keys_of(PROVIDER).await, Vec::<String>::new());
    let view = world.context.views.load();
    assert!(view.rates.is_empty() && view.providers.is_empty());
}
