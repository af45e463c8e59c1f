//! Each format from its callers to its upstreams: what passes, how streams end, how errors look.

pub(crate) mod case;
mod own;

use data_plane::evidence::Finding;
use data_plane::snapshot::resource::Change;
use shared::adapter::AdapterKind;
use shared::credential::{AccessKeyPair, CredentialValue};
use shared::secret::Secret;

use self::case::{Case, cases};
use super::harness::{Answered, KEY, Proxy, credential, model, provider_of, put_credential, put_provider};
use super::upstream::{Reply, Upstream};

/// A proxy with a provider of the format as `a`, behind the model `m`.
async fn proxy_for(case: &Case, upstream: &Upstream, credentials: &[&str]) -> Proxy {
    let provider = put_provider("a", provider_of(case.adapter, upstream.address));
    let credentials = credentials.iter().map(|id| credential("a", id, 1));
    Proxy::start([provider, model("m", &["a"])].into_iter().chain(credentials)).await
}

impl Proxy {
    async fn ask(&self, case: &Case, path: &str, body: &'static str) -> Answered {
        let (name, key) = case.key(KEY);
        self.post_to(path, &[(name, &key)], body).await
    }

    async fn plain(&self, case: &Case) -> Answered {
        self.ask(case, case.path, case.body).await
    }

    async fn streamed(&self, case: &Case) -> Answered {
        self.ask(case, case.stream_path, case.stream_body).await
    }
}

#[tokio::test]
async fn each_format_passes_byte_for_byte() {
    for case in cases() {
        let (answer, events) = (case.answer, [&case.event, &case.event, &case.end].map(|event| event.to_vec()));
        let content_type = case.content_type;
        let (path, sent) = (case.upstream_path, events.clone());
        let is_stream_path = case.upstream_stream_path != case.upstream_path;
        let upstream = Upstream::start(move |asked| {
            let is_plain = if is_stream_path { asked.path == path } else { !asked.body.ends_with(b"true}") };
            match is_plain {
                true => Reply::Json(200, &[], answer.into()),
                false => Reply::Pieces(content_type, sent.iter().cloned().map(Into::into).collect()),
            }
        })
        .await;
        let proxy = proxy_for(&case, &upstream, &["k1"]).await;
        let answered = proxy.plain(&case).await;
        assert_eq!((answered.status, &*answered.body), (200, case.answer), "{}", case.path);
        let answered = proxy.streamed(&case).await;
        assert_eq!((answered.status, &*answered.bytes), (200, &*events.concat()), "{}", case.path);
        assert_eq!(answered.header("content-type"), case.content_type);
        let asked = upstream.asked();
        for (asked, path, body) in
            [(&asked[0], case.upstream_path, case.body), (&asked[1], case.upstream_stream_path, case.stream_body)]
        {
            assert_eq!((&*asked.path, &*asked.key), (path, "sk-k1"));
            assert_eq!(asked.body, body.replace(r#""m""#, r#""upstream-model""#));
            assert!(!format!("{asked:?}").contains(KEY), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_or_fails_ends_as_an_error_in_its_format() {
    for case in cases() {
        let half = case.end.slice(..case.end.len() / 2);
        for after in [None, Some(&half), Some(&case.error)] {
            let events: Vec<_> = [Some(&case.event), after].into_iter().flatten().cloned().collect();
            let content_type = case.content_type;
            let upstream = Upstream::start(move |_| Reply::Pieces(content_type, events.clone())).await;
            let proxy = proxy_for(&case, &upstream, &["k1"]).await;
            let answered = proxy.streamed(&case).await;
            assert_eq!(answered.status, 200);
            let rest = answered.bytes.strip_prefix(&*case.event).expect("what came well passes");
            let rest = String::from_utf8_lossy(rest);
            assert!(rest.trim_start().contains(case.failed), "{} {rest:?}", case.path);
            assert!(!rest.contains(case.good_end), "{} {rest:?}", case.path);
            assert!(proxy.ops("/metrics").await.body.contains("outcome=\"cut\"} 1"));
        }
    }
}

#[tokio::test]
async fn an_error_as_the_first_event_is_no_answer() {
    for case in cases() {
        let (error, content_type) = (case.error.clone(), case.content_type);
        let failing = Upstream::start(move |_| Reply::Pieces(content_type, vec![error.clone()])).await;
        let events = [case.event.clone(), case.end.clone()];
        let whole = events.concat();
        let good = Upstream::start(move |_| Reply::Pieces(content_type, events.to_vec())).await;
        let proxy = Proxy::start([
            put_provider("bad", provider_of(case.adapter, failing.address)),
            put_provider("good", provider_of(case.adapter, good.address)),
            credential("bad", "k", 1),
            credential("good", "k", 1),
            model("m", &["bad", "good"]),
        ])
        .await;
        let answered = proxy.streamed(&case).await;
        assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "good"), "{}", case.path);
        assert_eq!(answered.bytes, whole);
    }
}

#[tokio::test]
async fn a_bad_key_is_replaced_by_the_next_and_reported() {
    for case in cases() {
        let (bad, answer) = (case.bad_key, case.answer);
        let upstream = Upstream::start(move |asked| match &*asked.key {
            "sk-dead" => Case::reply(bad),
            _ => Reply::Json(200, &[], answer.into()),
        })
        .await;
        let mut proxy = proxy_for(&case, &upstream, &["dead", "k1"]).await;
        for _ in 0..4 {
            assert_eq!(proxy.plain(&case).await.status, 200, "{}", case.path);
        }
        assert_eq!(upstream.by_key()["sk-dead"], 1);
        assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Rejected);
    }
}

#[tokio::test]
async fn errors_have_the_callers_form() {
    for case in cases() {
        let fault = case.fault;
        let upstream = Upstream::start(move |_| Case::reply(fault)).await;
        let proxy = proxy_for(&case, &upstream, &["k1"]).await;
        let answered = proxy.plain(&case).await;
        assert_eq!(answered.status, 400);
        assert!(answered.body.contains("bad [redacted]") && !answered.body.contains("abcdefgh"), "{}", answered.body);
        has_form(&case, &answered, "invalid_request_error", "INVALID_ARGUMENT", "ValidationException");
        let answered = proxy.post_to(case.path, &[(case.key.0, &case.key("kp_wrong").1)], case.body).await;
        assert_eq!(answered.status, 401, "{}", case.path);
        has_form(&case, &answered, "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException");
        let unknown = case.path.replace("/m:", "/nobody:").replace("/m/", "/nobody/");
        let body = case.body.replace(r#""m""#, r#""nobody""#);
        let (name, key) = case.key(KEY);
        let answered = proxy.post_to(&unknown, &[(name, &key)], body).await;
        assert_eq!(answered.status, 404, "{}", case.path);
        has_form(&case, &answered, "not_found_error", "NOT_FOUND", "ResourceNotFoundException");
        assert_eq!(upstream.asked().len(), 1);
    }
}

fn has_form(case: &Case, answered: &Answered, anthropic: &str, google: &str, amazon: &str) {
    let body: serde_json::Value = serde_json::from_str(&answered.body).unwrap();
    match case.adapter {
        AdapterKind::OpenAi => assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string()),
        AdapterKind::Anthropic => {
            assert_eq!((body["type"].as_str(), body["error"]["type"].as_str()), (Some("error"), Some(anthropic)));
        }
        AdapterKind::Gemini => {
            assert_eq!(body["error"]["code"].as_u64(), Some(answered.status.into()));
            assert_eq!(body["error"]["status"].as_str(), Some(google));
        }
        AdapterKind::Bedrock => {
            assert_eq!(answered.header("x-amzn-errortype"), amazon);
            assert!(body["message"].is_string());
        }
        AdapterKind::Cohere => assert!(body["message"].is_string()),
        AdapterKind::Vertex | AdapterKind::AzureOpenAi => unreachable!("no format of their own"),
    }
}

#[tokio::test]
async fn a_model_that_no_credential_knows_is_a_404() {
    for case in cases() {
        let no_model = case.no_model;
        let upstream = Upstream::start(move |_| Case::reply(no_model)).await;
        let proxy = proxy_for(&case, &upstream, &["k1", "k2"]).await;
        let answered = proxy.plain(&case).await;
        assert_eq!(answered.status, 404, "{:?} {}", case.adapter, answered.body);
        has_form(&case, &answered, "not_found_error", "NOT_FOUND", "ResourceNotFoundException");
    }
}

/// What is no conversation, with the adapters whose upstreams have nothing of the kind in any form.
const NO_CONVERSATIONS: [(&str, &[AdapterKind]); 4] = [
    ("/v1/completions", &[AdapterKind::Anthropic, AdapterKind::Gemini, AdapterKind::Bedrock, AdapterKind::Cohere]),
    ("/v1/embeddings", &[AdapterKind::Anthropic]),
    ("/v1/messages/count_tokens", &[AdapterKind::Cohere]),
    ("/v2/rerank", &[AdapterKind::OpenAi, AdapterKind::Anthropic, AdapterKind::Gemini]),
];

#[tokio::test]
async fn what_is_no_conversation_names_the_route_of_another_format() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    for spoken in cases() {
        let proxy = proxy_for(&spoken, &upstream, &["k1"]).await;
        for (path, _) in NO_CONVERSATIONS.into_iter().filter(|(_, lacking)| lacking.contains(&spoken.adapter)) {
            let answered = proxy.post_to(path, &[("x-api-key", KEY)], r#"{"model":"m"}"#).await;
            assert_eq!(answered.status, 400);
            let route = if spoken.adapter == AdapterKind::OpenAi { "/v1/chat/completions" } else { spoken.path };
            let route = route.replace("/m:", "/{model}:").replace("/m/", "/{model}/");
            assert!(answered.body.contains(&route), "{} does not name {route}", answered.body);
        }
    }
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn what_is_no_conversation_passes_over_targets_of_another_format() {
    let [openai, _, _, _, _, cohere] = cases();
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([
        put_provider("o", provider_of(openai.adapter, upstream.address)),
        put_provider("c", provider_of(cohere.adapter, upstream.address)),
        credential("o", "k", 1),
        credential("c", "k", 1),
        model("m", &["o", "c"]),
    ])
    .await;
    for (path, expected) in [("/v2/rerank", "c"), ("/v1/completions", "o")] {
        let answered = proxy.post_to(path, &[("x-api-key", KEY)], r#"{"model":"m"}"#).await;
        assert_eq!(answered.header("x-keyplane-provider"), expected, "{}", answered.body);
    }
}

#[tokio::test]
async fn an_error_document_with_status_200_is_no_answer() {
    let [_, _, _, _, bedrock, _] = cases();
    let document = r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    let wrong = Upstream::start(move |_| Reply::Json(200, &[], document.into())).await;
    let good = Upstream::start(|_| Reply::Json(200, &[], r#"{"output":{}}"#.into())).await;
    let pair = || {
        let secret = |text: &str| Secret::from(text.to_owned());
        CredentialValue::AccessKeyPair(AccessKeyPair {
            access_key_id: secret("AKIDEXAMPLE"),
            secret_access_key: secret("wJalrXUtnFEMI"),
            session_token: None,
        })
    };
    let changes: [Change; 5] = [
        put_provider("wrong", provider_of(bedrock.adapter, wrong.address)),
        put_provider("good", provider_of(bedrock.adapter, good.address)),
        put_credential("wrong", "k", pair(), 1, None),
        put_credential("good", "k", pair(), 1, None),
        model("m", &["wrong", "good"]),
    ];
    let proxy = Proxy::start(changes).await;
    for path in [bedrock.path, bedrock.stream_path] {
        let answered = proxy.ask(&bedrock, path, bedrock.body).await;
        assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "good"), "{}", answered.body);
    }
    let signed = &good.asked()[0].headers["authorization"];
    assert!(signed.to_str().unwrap().contains("/us-east-1/bedrock/aws4_request, SignedHeaders="), "{signed:?}");
}
