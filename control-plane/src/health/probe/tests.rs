//! Probes of small providers on loopback.

use std::sync::Arc;

use shared::address::AddressPolicy;
use shared::task::Tasks;
use tokio::net::TcpListener;

use super::*;
use crate::health::double::{MODELS, ProviderDouble, base_url, prober, question};

async fn probe(policy: AddressPolicy, base_url: &BaseUrl) -> ProbeResult {
    prober(policy).probe(&question(base_url, "sk-canary"), SystemTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn a_list_of_models_is_a_pass_and_costs_one_request() {
    let provider = ProviderDouble::answering(200, MODELS).await;
    let result = probe(AddressPolicy::AllowPrivate, &provider.base_url).await;
    assert_eq!(result.outcome, ProbeOutcome::Passed);
    assert_eq!(result.models, ["gpt-b", "gpt-a"]);
    assert_eq!(result.problem(&provider.base_url, SystemTime::UNIX_EPOCH), None);
    let asked = provider.asked();
    let [(path, headers)] = &asked[..] else { panic!("one request: {asked:?}") };
    assert_eq!(path, "/v1/models");
    assert_eq!(headers["authorization"], "Bearer sk-canary");
    assert!(!headers.contains_key("accept-encoding"));
}

#[tokio::test]
async fn answers_mean_what_the_table_says() {
    for (status, body, outcome) in [
        (401, r#"{"error":{"code":"invalid_api_key"}}"#, ProbeOutcome::Rejected),
        (401, "<html>", ProbeOutcome::Rejected),
        (400, r#"{"error":"Incorrect API key provided"}"#, ProbeOutcome::Rejected),
        (403, r#"{"error":{"message":"Missing scopes: api.model.read"}}"#, ProbeOutcome::Limited),
        (403, r#"{"error":{"code":"unsupported_country_region_territory"}}"#, ProbeOutcome::RegionWrong),
        (402, "", ProbeOutcome::Exhausted),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#, ProbeOutcome::Exhausted),
        (429, "", ProbeOutcome::Unreachable),
        (404, "not here", ProbeOutcome::EndpointWrong),
        (404, r#"{"error":{"code":"model_not_found"}}"#, ProbeOutcome::EndpointWrong),
        (302, "", ProbeOutcome::EndpointWrong),
        (200, "<html>welcome</html>", ProbeOutcome::EndpointWrong),
        (500, "", ProbeOutcome::Unreachable),
        (503, "", ProbeOutcome::Unreachable),
    ] {
        let provider = ProviderDouble::answering(status, body).await;
        let result = probe(AddressPolicy::AllowPrivate, &provider.base_url).await;
        assert_eq!((result.outcome, result.upstream_status), (outcome, Some(status)), "{status} {body}");
        let problem = result.problem(&provider.base_url, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(problem.upstream_status, Some(status));
        assert!(!problem.message.contains("canary") && !problem.message.contains("Incorrect"), "{}", problem.message);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_no_list() {
    let provider = ProviderDouble::answering(200, vec![b' '; MOST_BODY_BYTES + 1]).await;
    let result = probe(AddressPolicy::AllowPrivate, &provider.base_url).await;
    assert_eq!(result.outcome, ProbeOutcome::EndpointWrong);
}

#[tokio::test]
async fn what_gives_no_answer_says_why() {
    let free = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap()
    };
    let plain = ProviderDouble::answering(200, "").await;
    let over_tls = base_url(&plain.base_url.as_str().replace("http:", "https:"));
    for (base_url, policy, outcome) in [
        (base_url(&format!("http://{free}")), AddressPolicy::AllowPrivate, ProbeOutcome::Unreachable),
        (base_url("http://nothing.invalid"), AddressPolicy::AllowPrivate, ProbeOutcome::Unreachable),
        (over_tls.clone(), AddressPolicy::AllowPrivate, ProbeOutcome::TlsFailed),
        // Allowed when it was written, and not any more.
        (over_tls, AddressPolicy::Public, ProbeOutcome::EndpointWrong),
        (plain.base_url.clone(), AddressPolicy::Public, ProbeOutcome::EndpointWrong),
    ] {
        let result = probe(policy, &base_url).await;
        assert_eq!((result.outcome, result.upstream_status), (outcome, None), "{base_url}");
        assert!(result.problem(&base_url, SystemTime::UNIX_EPOCH).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_says_nothing_is_given_up() {
    let listener = Arc::new(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    let base_url = base_url(&format!("http://{}", listener.local_addr().unwrap()));
    let tasks = Tasks::new();
    tasks.spawn("silent", async move {
        let held = listener.accept().await;
        std::future::pending::<()>().await;
        drop(held);
    });
    let result = probe(AddressPolicy::AllowPrivate, &base_url).await;
    assert_eq!((result.outcome, result.failure), (ProbeOutcome::Unreachable, None));
}
