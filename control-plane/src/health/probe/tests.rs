//! Probes of small providers on loopback.

use std::sync::Arc;

use shared::adapter::{Settings, UnfitSecret};
use shared::address::AddressPolicy;
use shared::base_url::BaseUrl;
use shared::credential::AccessKeyPair;
use shared::dial::DialFailure;
use shared::failure::Failure;
use shared::oauth::MintError;
use shared::task::Tasks;
use tokio::net::TcpListener;

use super::ask::MOST_BODY_BYTES;
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

/// What is asked of this place with this key.
fn asked_of(provider: &ProviderDouble, adapter: AdapterKind) -> Question {
    let mut question = question(&provider.base_url, "sk-canary");
    question.adapter = adapter;
    question.place.region = Some("eu-west-1".to_owned());
    question.place.settings = Settings { project: Some("p".to_owned()), ..Settings::default() };
    question
}

async fn ask(question: &Question) -> ProbeResult {
    prober(AddressPolicy::AllowPrivate).probe(question, SystemTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_no_further_than_is_bounded() {
    let page = |models: [&str; 2], next: &str| {
        format!(
            r#"{{"data":[{{"id":"{}"}},{{"id":"{}"}}],"has_more":{},"last_id":"{next}"}}"#,
            models[0],
            models[1],
            !next.is_empty()
        )
    };
    let provider = ProviderDouble::answering(200, page(["c", "d"], "")).await;
    provider.answer_next(200, page(["a", "b"], "b"));
    let result = ask(&asked_of(&provider, AdapterKind::Anthropic)).await;
    assert_eq!(
        (result.outcome, result.models),
        (ProbeOutcome::Passed, ["a", "b", "c", "d"].map(str::to_owned).to_vec())
    );
    let asked = provider.asked();
    assert!(asked.len() == 2 && asked[1].0.contains("after_id=b"), "{asked:?}");

    // What goes wrong on a later page takes no proof away.
    let provider = ProviderDouble::answering(500, "").await;
    provider.answer_next(200, page(["a", "b"], "b"));
    let result = ask(&asked_of(&provider, AdapterKind::Anthropic)).await;
    assert_eq!((result.outcome, result.models.len()), (ProbeOutcome::Passed, 2));

    let endless = ProviderDouble::answering(200, page(["a", "b"], "")).await;
    (0..100).for_each(|at| endless.answer_next(200, page(["a", "b"], &format!("p{at}"))));
    assert_eq!(ask(&asked_of(&endless, AdapterKind::Anthropic)).await.outcome, ProbeOutcome::Passed);
    assert_eq!(endless.asked().len(), MOST_PAGES);
}

#[tokio::test]
async fn a_value_that_no_request_can_carry_is_sent_nowhere() {
    let provider = ProviderDouble::answering(200, MODELS).await;
    let pair = || AccessKeyPair {
        access_key_id: Secret::from("AKIA-canary".to_owned()),
        secret_access_key: Secret::from("secret-canary".to_owned()),
        session_token: None,
    };
    for value in
        [CredentialValue::ApiKey(Secret::from("sk-canary\nx".to_owned())), CredentialValue::AccessKeyPair(pair())]
    {
        for paid_check_model in [None, Some("gpt-a".to_owned())] {
            let question = asked_of(&provider, AdapterKind::OpenAi);
            let result = ask(&Question { value: Some(value.clone()), paid_check_model, ..question }).await;
            assert_eq!((result.outcome, result.stage), (ProbeOutcome::Rejected, Stage::Value));
            let problem = result.problem(&provider.base_url, SystemTime::UNIX_EPOCH).unwrap();
            assert!(!problem.message.contains("canary"), "{}", problem.message);
        }
    }
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn the_providers_own_headers_go_along_and_never_in_place_of_the_credential() {
    let provider = ProviderDouble::answering(200, MODELS).await;
    let mut question = asked_of(&provider, AdapterKind::OpenAi);
    question.request_headers.insert("x-team", "a".parse().unwrap());
    question.request_headers.insert("authorization", "Bearer other".parse().unwrap());
    assert_eq!(ask(&question).await.outcome, ProbeOutcome::Passed);
    let asked = provider.asked();
    assert_eq!(asked[0].1["x-team"], "a");
    assert_eq!(asked[0].1.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer sk-canary"]);
}

#[tokio::test]
async fn a_paid_check_is_made_only_when_it_is_asked_for_and_tells_more() {
    for (status, body, outcome) in [
        (200, r#"{"choices":[]}"#, ProbeOutcome::Served),
        (401, r#"{"error":{"code":"invalid_api_key"}}"#, ProbeOutcome::Rejected),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#, ProbeOutcome::Exhausted),
        (404, r#"{"error":{"code":"model_not_found"}}"#, ProbeOutcome::ModelUnknown),
        (503, "", ProbeOutcome::Unreachable),
    ] {
        let provider = ProviderDouble::answering(status, body).await;
        provider.answer_next(200, MODELS);
        let question = asked_of(&provider, AdapterKind::OpenAi);
        let result = ask(&Question { paid_check_model: Some("gpt-a".to_owned()), ..question }).await;
        assert_eq!((result.outcome, result.stage, result.models.len()), (outcome, Stage::Paid, 2), "{status} {body}");
        let asked = provider.asked();
        assert_eq!((asked.len(), asked[1].0.as_str()), (2, "/v1/chat/completions"));
    }
    // What the free check refuses is not paid for.
    let provider = ProviderDouble::answering(401, "{}").await;
    let question = asked_of(&provider, AdapterKind::OpenAi);
    let result = ask(&Question { paid_check_model: Some("gpt-a".to_owned()), ..question }).await;
    assert_eq!((result.outcome, provider.asked().len()), (ProbeOutcome::Rejected, 1));
}

#[tokio::test]
async fn a_region_that_has_no_host_is_named_as_what_is_wrong() {
    let mut question = question(&base_url("https://nothing.invalid"), "sk-canary");
    question.place.region = Some("eu-west-9".to_owned());
    let result = ask(&question).await;
    assert_eq!(result.outcome, ProbeOutcome::RegionWrong);
    let problem = result.problem(&question.place.base_url, SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(problem.reason, "REGION_WRONG");
    assert!(problem.message.contains("region"), "{}", problem.message);
}

#[tokio::test]
async fn an_upstream_that_wants_no_key_is_asked_without_one() {
    let provider = ProviderDouble::answering(200, MODELS).await;
    let question = Question { value: None, ..asked_of(&provider, AdapterKind::OpenAi) };
    assert_eq!(ask(&question).await.outcome, ProbeOutcome::Passed);
    assert!(!provider.asked()[0].1.contains_key("authorization"));
}

#[tokio::test]
async fn what_the_vendor_shows_for_nothing_is_what_is_asked_and_believed() {
    for (vendor, adapter, outcome, models, path) in [
        ("openai", AdapterKind::OpenAi, ProbeOutcome::Passed, 2, "/v1/models"),
        ("somebody", AdapterKind::OpenAi, ProbeOutcome::Passed, 2, "/v1/models"),
        // Its list is open to everybody, and a path of its own is not.
        ("openrouter", AdapterKind::OpenAi, ProbeOutcome::Passed, 2, "/v1/key"),
        // Its list is open to everybody, and there is nothing else: for the models only.
        ("nvidia", AdapterKind::OpenAi, ProbeOutcome::Unverifiable, 2, "/v1/models"),
        ("azure", AdapterKind::AzureOpenAi, ProbeOutcome::Recognized, 2, "/openai/"),
    ] {
        let provider = ProviderDouble::answering(200, MODELS).await;
        let question = Question { vendor: vendor.to_owned(), ..asked_of(&provider, adapter) };
        let result = ask(&question).await;
        assert_eq!((result.outcome, result.models.len()), (outcome, models), "{vendor}");
        assert_eq!(result.problem(&provider.base_url, SystemTime::UNIX_EPOCH), None, "{vendor}");
        assert!(provider.asked()[0].0.contains(path), "{vendor}: {:?}", provider.asked());
    }
    for (vendor, adapter) in [("perplexity", AdapterKind::OpenAi), ("vertex", AdapterKind::Vertex)] {
        let provider = ProviderDouble::answering(200, MODELS).await;
        let question = Question { vendor: vendor.to_owned(), ..asked_of(&provider, adapter) };
        assert_eq!(ask(&question).await.outcome, ProbeOutcome::Unverifiable, "{vendor}");
        assert!(provider.asked().is_empty(), "{vendor} has nothing to ask");
    }
    // A key of the wrong kind is refused by a list that is open, too.
    let provider = ProviderDouble::answering(401, "{}").await;
    let question = Question { vendor: "nvidia".to_owned(), ..asked_of(&provider, AdapterKind::OpenAi) };
    assert_eq!(ask(&question).await.outcome, ProbeOutcome::Rejected);
}

#[tokio::test]
async fn a_key_that_bedrock_knows_and_lets_list_nothing_is_recognized() {
    let provider =
        ProviderDouble::answering(403, r#"{"__type":"AccessDeniedException","message":"not authorized"}"#).await;
    let question = Question { vendor: "bedrock".to_owned(), ..asked_of(&provider, AdapterKind::Bedrock) };
    let result = ask(&question).await;
    assert_eq!((result.outcome, result.upstream_status), (ProbeOutcome::Recognized, Some(403)));
}

#[tokio::test]
async fn a_wrong_base_url_comes_with_what_is_likely_to_be_right() {
    let provider = ProviderDouble::answering(404, "not here").await;
    let root = base_url(provider.base_url.as_str().trim_end_matches("/v1"));
    let result = ask(&question(&root, "sk-canary")).await;
    assert_eq!(result.outcome, ProbeOutcome::EndpointWrong);
    let problem = result.problem(&root, SystemTime::UNIX_EPOCH).unwrap();
    assert!(problem.message.contains("/v1"), "{}", problem.message);
    assert_eq!((problem.reason.as_str(), problem.upstream_status), ("ENDPOINT_WRONG", Some(404)));
}

#[test]
fn a_token_that_is_not_minted_names_the_part_at_fault() {
    let refused = |failure, status| MintError::Refused { failure, status, code: None, retry_after: None };
    let base_url = base_url("https://example.com");
    for (error, outcome, words) in [
        (refused(Failure::Rejected, 400), ProbeOutcome::Rejected, "token endpoint answered 400"),
        (refused(Failure::ServerError, 503), ProbeOutcome::Unreachable, "token endpoint answered 503"),
        (MintError::NoAnswer(DialFailure::Dns), ProbeOutcome::Unreachable, "token endpoint gave no answer"),
        (MintError::NoAnswer(DialFailure::Tls), ProbeOutcome::TlsFailed, "token endpoint gave no answer"),
        (MintError::TimedOut, ProbeOutcome::Unreachable, "token endpoint"),
        (MintError::Unfit(UnfitSecret), ProbeOutcome::Rejected, "not sent"),
    ] {
        let result = ProbeResult::of_mint_error(&error);
        assert_eq!(result.outcome, outcome, "{error:?}");
        let problem = result.problem(&base_url, SystemTime::UNIX_EPOCH).unwrap();
        assert!(problem.message.contains(words), "{}", problem.message);
    }
}

#[tokio::test]
async fn a_providers_own_authority_is_trusted_for_its_probe() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let place = base_url(&format!("https://localhost:{}/v1", listener.local_addr().unwrap().port()));
    let tasks = Tasks::new();
    tasks.spawn("tls", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let answer = |_request| async {
                Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from_static(MODELS.as_bytes()))))
            };
            let service = hyper::service::service_fn(answer);
            let io = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        }
    });
    let strange = question(&place, "sk-canary");
    assert_eq!(ask(&strange).await.outcome, ProbeOutcome::TlsFailed);
    let known = Question { ca_certificates: made.cert.pem(), ..strange };
    assert_eq!(ask(&known).await.outcome, ProbeOutcome::Passed);
    tasks.stop();
}
