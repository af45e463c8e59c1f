//! The routes beside the conversations: embeddings, counts and rankings in any form, lists of models, forms with files, and a provider's own
//! paths.

use data_plane::snapshot::resource::{Change, Exposed};
use http::Method;
use serde_json::{Value, json};
use shared::adapter::AdapterKind;

use super::harness::{Answered, KEY, Proxy, caller_key, credential, model, provider_of, put_credential, put_provider};
use super::upstream::{Reply, Upstream};

const KEYED: (&str, &str) = ("x-api-key", KEY);

fn target(adapter: AdapterKind, upstream: &Upstream) -> [Change; 3] {
    let mut provider = provider_of(adapter, upstream.address);
    provider.place.settings.project = Some("project".into());
    [put_provider("a", provider), credential("a", "k", 1), model("m", &["a"])]
}

fn json_of(answered: &Answered) -> Value {
    serde_json::from_str(&answered.body).unwrap_or_else(|error| panic!("{error}: {}", answered.body))
}

/// What an upstream answers to a request for embeddings of its own form: each text's vector is its length.
fn embeddings(path: &str, body: &Value) -> Value {
    let vector = |text: &Value| json!([text.as_str().unwrap().len() as f64]);
    let vectors = |texts: &Value| texts.as_array().unwrap().iter().map(vector).collect::<Vec<_>>();
    if path.ends_with(":batchEmbedContents") {
        let texts = body["requests"].as_array().unwrap().iter().map(|one| &one["content"]["parts"][0]["text"]);
        json!({"embeddings": texts.map(|text| json!({"values": vector(text)})).collect::<Vec<_>>()})
    } else if path.ends_with(":predict") {
        let text = &body["instances"][0]["content"];
        json!({"predictions": [{"embeddings": {"values": vector(text), "statistics": {"token_count": 2}}}]})
    } else if path.ends_with("/invoke") {
        json!({"embedding": vector(&body["inputText"]), "inputTextTokenCount": 2})
    } else if path.ends_with("/embed") {
        assert!(body["input_type"].is_string(), "{body}");
        json!({"id": "e", "embeddings": {"float": vectors(&body["texts"])}, "meta": {"billed_units": {"input_tokens": 4}}})
    } else {
        let data = vectors(&body["input"]).into_iter().enumerate();
        let data = data.map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}));
        json!({"object": "list", "data": data.collect::<Vec<_>>(), "model": "x", "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    }
}

#[tokio::test]
async fn embeddings_go_from_every_form_into_every_other() {
    let adapters = [
        (AdapterKind::OpenAi, 1),
        (AdapterKind::AzureOpenAi, 1),
        (AdapterKind::Gemini, 1),
        (AdapterKind::Vertex, 2),
        (AdapterKind::Cohere, 1),
        (AdapterKind::Bedrock, 2),
    ];
    for (adapter, calls) in adapters {
        let upstream = Upstream::start(|asked| {
            let body = serde_json::from_slice(&asked.body).unwrap();
            Reply::Json(200, &[], embeddings(asked.path.split('?').next().unwrap(), &body).to_string())
        })
        .await;
        let proxy = Proxy::start(target(adapter, &upstream)).await;
        let batch = json!({"requests": [
            {"model": "models/m", "content": {"parts": [{"text": "a"}]}},
            {"model": "models/m", "content": {"parts": [{"text": "bcd"}]}},
        ]});
        for (path, body, vectors) in [
            ("/v1/embeddings", json!({"model": "m", "input": ["a", "bcd"]}), "/data/*/embedding"),
            ("/v1beta/models/m:batchEmbedContents", batch, "/embeddings/*/values"),
            (
                "/v2/embed",
                json!({"model": "m", "texts": ["a", "bcd"], "input_type": "search_query"}),
                "/embeddings/float/*",
            ),
        ] {
            let before = upstream.asked().len();
            let answered = proxy.post_to(path, &[KEYED], body.to_string()).await;
            assert_eq!(answered.status, 200, "{adapter:?} {path}: {}", answered.body);
            let has_no_purpose =
                matches!(adapter, AdapterKind::OpenAi | AdapterKind::AzureOpenAi | AdapterKind::Bedrock);
            let told = "199 keyplane \"the field input_type was left out: the model has no such thing\"";
            let told: &[&str] = if path == "/v2/embed" && has_no_purpose { &[told] } else { &[] };
            assert_eq!(Vec::from_iter(answered.headers.get_all("warning")), told, "{adapter:?} {path}");
            let (body, at) = (json_of(&answered), |index: usize| vectors.replace('*', &index.to_string()));
            for (index, length) in [1.0, 3.0].into_iter().enumerate() {
                assert_eq!(body.pointer(&at(index)), Some(&json!([length])), "{adapter:?} {path}: {body}");
            }
            assert_eq!(upstream.asked().len() - before, calls, "{adapter:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_text_too_few_is_no_answer_and_a_provider_without_embeddings_is_told() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"embeddings":{"float":[[1]]}}"#.into())).await;
    let proxy = Proxy::start(target(AdapterKind::Cohere, &upstream)).await;
    let body = r#"{"model":"m","input":["a","b"]}"#;
    assert_eq!(proxy.post_to("/v1/embeddings", &[KEYED], body).await.status, 502);
    let tokens = proxy.post_to("/v1/embeddings", &[KEYED], r#"{"model":"m","input":[[1,2]]}"#).await;
    assert_eq!((tokens.status, tokens.code().as_str()), (400, "body_invalid"));
    let proxy = Proxy::start(target(AdapterKind::Anthropic, &upstream)).await;
    let refused = proxy.post_to("/v1/embeddings", &[KEYED], body).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "format_not_served"));
}

#[tokio::test]
async fn gemini_is_told_its_own_models_name_wherever_a_body_has_one() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"embeddings":[{"values":[1]}]}"#.into())).await;
    let proxy = Proxy::start(target(AdapterKind::Gemini, &upstream)).await;
    let body = r#"{"requests": [ {"model":"models/m", "content":{"parts":[{"text":"a"}]},"x": 1.0}]}"#;
    let answered = proxy.post_to("/v1beta/models/m:batchEmbedContents", &[KEYED], body).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    let asked = &upstream.asked()[0];
    assert_eq!(asked.path, "/v1beta/models/upstream-model:batchEmbedContents");
    assert_eq!(asked.body, body.replace("models/m", "models/upstream-model"));
}

#[tokio::test]
async fn tokens_are_counted_in_any_form() {
    let upstreams = [
        (AdapterKind::Anthropic, "/v1/messages/count_tokens", json!({"input_tokens": 7})),
        (AdapterKind::Gemini, "/v1beta/models/upstream-model:countTokens", json!({"totalTokens": 7})),
        (
            AdapterKind::Vertex,
            "/v1/projects/project/locations/us-east-1/publishers/google/models/upstream-model:countTokens",
            json!({"totalTokens": 7}),
        ),
        (AdapterKind::Bedrock, "/model/upstream-model/count-tokens", json!({"inputTokens": 7})),
        (AdapterKind::OpenAi, "/responses/input_tokens", json!({"object": "response.input_tokens", "input_tokens": 7})),
    ];
    for (adapter, path, answer) in upstreams {
        let written = answer.to_string();
        let upstream = Upstream::start(move |_| Reply::Json(200, &[], written.clone())).await;
        let mut changes = target(adapter, &upstream);
        if adapter == AdapterKind::Vertex {
            let value = shared::credential::CredentialValue::ApiKey(shared::secret::Secret::from("sk-k".to_owned()));
            changes[1] = put_credential("a", "k", value, 1, None);
        }
        let proxy = Proxy::start(changes).await;
        let text = json!([{"role": "user", "content": "hello"}]);
        let contents = json!([{"role": "user", "parts": [{"text": "hello"}]}]);
        let converse = json!({"messages": [{"role": "user", "content": [{"text": "hello"}]}]});
        for (route, body, field) in [
            ("/v1/messages/count_tokens", json!({"model": "m", "messages": text}), "input_tokens"),
            ("/v1beta/models/m:countTokens", json!({"contents": contents}), "totalTokens"),
            (
                "/v1beta/models/m:countTokens",
                json!({"generateContentRequest": {"model": "models/m", "contents": contents}}),
                "totalTokens",
            ),
            ("/model/m/count-tokens", json!({"input": {"converse": converse}}), "inputTokens"),
            ("/v1/responses/input_tokens", json!({"model": "m", "input": "hello"}), "input_tokens"),
        ] {
            let answered = proxy.post_to(route, &[KEYED], body.to_string()).await;
            assert_eq!(
                (answered.status, &json_of(&answered)[field]),
                (200, &json!(7)),
                "{adapter:?} {route} {}",
                answered.body
            );
        }
        for asked in upstream.asked() {
            let end = path.trim_start_matches("/v1/projects/project/locations/us-east-1");
            assert!(asked.path.ends_with(end), "{adapter:?}: {}", asked.path);
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            assert!(body.contains("hello") && !body.contains("max_tokens"), "{adapter:?}: {body}");
        }
    }
}

#[tokio::test]
async fn a_ranking_is_made_by_cohere_and_by_its_models_at_bedrock() {
    let answer = r#"{"results":[{"index":1,"relevance_score":0.90}]}"#;
    for (adapter, path) in [(AdapterKind::Cohere, "/v2/rerank"), (AdapterKind::Bedrock, "/model/upstream-model/invoke")]
    {
        let upstream = Upstream::start(move |_| Reply::Json(200, &[], answer.into())).await;
        let proxy = Proxy::start(target(adapter, &upstream)).await;
        let body = r#"{"model":"m","query":"q","documents":["a","b"],"top_n":1}"#;
        let answered = proxy.post_to("/v2/rerank", &[KEYED], body).await;
        assert_eq!(json_of(&answered)["results"], json!([{"index": 1, "relevance_score": 0.9}]), "{}", answered.body);
        assert_eq!(upstream.asked()[0].path, path);
    }
}

#[tokio::test]
async fn a_form_with_a_file_passes_but_for_the_models_name() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"text":"hi"}"#.into())).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &upstream)).await;
    let form = |model: &str| {
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\0\u{1}RIFF\r\n--B\r\n\
             content-disposition: form-data; name=model\r\n\r\n{model}\r\n--B--\r\n"
        )
    };
    let headers = [("x-api-key", KEY), ("content-type", "multipart/form-data; boundary=B")];
    let answered = proxy.call(Method::POST, "/v1/audio/transcriptions", &headers, &form("m")).await;
    assert_eq!((answered.status, answered.body.as_str()), (200, r#"{"text":"hi"}"#));
    let asked = &upstream.asked()[0];
    assert_eq!((asked.path.as_str(), &asked.body[..]), ("/audio/transcriptions", form("upstream-model").as_bytes()));
    let twice = form("m").replace("name=\"file\"", "name=\"model\"");
    let refused = proxy.call(Method::POST, "/v1/audio/transcriptions", &headers, &twice).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "body_invalid"));
}

#[tokio::test]
async fn what_only_openai_has_passes() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"ok":true}"#.into())).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &upstream)).await;
    for path in ["/v1/images/generations", "/v1/audio/speech", "/v1/moderations"] {
        let answered = proxy.post_to(path, &[KEYED], r#"{"model":"m","prompt":"a"}"#).await;
        assert_eq!(answered.status, 200, "{path}: {}", answered.body);
    }
    let paths: Vec<_> = upstream.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/images/generations", "/audio/speech", "/moderations"]);
    let stream = "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"x\"}\n\n";
    let streaming = Upstream::start(move |_| Reply::Stream(vec![stream])).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &streaming)).await;
    let body = r#"{"model":"m","stream":true}"#;
    assert_eq!(proxy.post_to("/v1/images/generations", &[KEYED], body).await.body, stream);
    let sound = Upstream::start(|_| Reply::Pieces("audio/mpeg", vec!["ID3".into(), "sound".into()])).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &sound)).await;
    let answered = proxy.post_to("/v1/audio/speech", &[KEYED], r#"{"model":"m","stream":true}"#).await;
    assert_eq!((answered.status, answered.body.as_str()), (200, "ID3sound"));
    let cut = "data: {\"type\":\"image_generation.partial_image\"}\n\n";
    let cutting = Upstream::start(move |_| Reply::Stream(vec![cut])).await;
    let proxy = Proxy::start(target(AdapterKind::OpenAi, &cutting)).await;
    let answered = proxy.post_to("/v1/images/generations", &[KEYED], body).await;
    assert!(answered.body.contains("\"type\":\"error\""), "{}", answered.body);
}

#[tokio::test]
async fn what_is_kept_at_a_provider_is_asked_for_with_one_credential() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[("x-request-id", "r")], r#"{"id":"file-1"}"#.into())).await;
    let [provider, ..] = target(AdapterKind::OpenAi, &upstream);
    let proxy =
        Proxy::start([provider, credential("a", "k2", 1), credential("a", "k1", 1), credential("a", "k0", 0)]).await;
    for (method, path) in [
        (Method::POST, "/v1/files"),
        (Method::GET, "/v1/files/file-1/content?x=%20"),
        (Method::DELETE, "/v1/files/file-1"),
    ] {
        let answered = proxy.call(method, path, &[KEYED], "").await;
        assert_eq!((answered.status, answered.body.as_str()), (200, r#"{"id":"file-1"}"#), "{path}");
    }
    assert_eq!(upstream.by_key().into_iter().collect::<Vec<_>>(), [("sk-k1".to_owned(), 3)]);
    let paths: Vec<_> = upstream.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/files", "/files/file-1/content?x=%20", "/files/file-1"]);
    let other = put_provider("b", provider_of(AdapterKind::OpenAi, upstream.address));
    proxy.change([other, credential("b", "kb", 1)]);
    let unnamed = proxy.call(Method::GET, "/v1/files", &[KEYED], "").await;
    assert_eq!((unnamed.status, unnamed.code().as_str()), (400, "provider_not_named"));
    let named = proxy.call(Method::GET, "/v1/files", &[KEYED, ("x-keyplane-provider", "b")], "").await;
    assert_eq!((named.status, upstream.by_key()["sk-kb"]), (200, 1));
}

#[tokio::test]
async fn a_providers_own_paths_get_its_credential_and_change_in_nothing_else() {
    let upstream = Upstream::start(|asked| match asked.path.as_str() {
        "/v1beta/broken" => Reply::error(404, "x"),
        "/v1beta/dead" => {
            Reply::Json(401, &[], r#"{"error":{"code":401,"status":"UNAUTHENTICATED","message":"bad sk-k"}}"#.into())
        }
        _ => Reply::Json(202, &[("x-goog-upload-url", "u")], "not json".into()),
    })
    .await;
    let [provider, credential, _] = target(AdapterKind::Gemini, &upstream);
    let mut narrow = provider_of(AdapterKind::Gemini, upstream.address);
    narrow.exposed = Exposed::Only(["x".into()].into());
    let mut proxy =
        Proxy::start([provider, credential, put_provider("narrow", narrow), caller_key("few", "kp_few", "m")]).await;
    let headers = [
        KEYED,
        ("x-goog-upload-command", "start"),
        ("cookie", "c=1"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-keyplane-other", "1"),
    ];
    let answered = proxy.call(Method::PUT, "/passthrough/a/upload/v1beta/files?uploadType=x", &headers, "bytes").await;
    assert_eq!((answered.status, answered.body.as_str(), answered.header("x-goog-upload-url")), (202, "not json", "u"));
    let asked = &upstream.asked()[0];
    assert_eq!((asked.path.as_str(), &asked.body[..]), ("/upload/v1beta/files?uploadType=x", &b"bytes"[..]));
    assert_eq!(
        (asked.headers["x-goog-api-key"].as_bytes(), &asked.headers["x-goog-upload-command"]),
        (&b"sk-k"[..], &"start".parse().unwrap())
    );
    for name in ["x-api-key", "cookie", "x-forwarded-for", "x-keyplane-other", "authorization"] {
        assert!(!asked.headers.contains_key(name), "{name}");
    }
    for (path, headers, status, code) in [
        ("/passthrough/a/v1beta/broken", &[KEYED][..], 404, ""),
        ("/passthrough/a/v1beta/dead", &[KEYED], 502, "upstream_auth"),
        ("/passthrough/a/v1beta/%2e%2e/x", &[KEYED], 404, "route_not_found"),
        ("/passthrough/none/x", &[KEYED], 404, "provider_not_found"),
        ("/passthrough/narrow/x", &[KEYED], 403, "provider_not_allowed"),
        ("/passthrough/a/x", &[("x-api-key", "kp_few")], 403, "provider_not_allowed"),
        ("/passthrough/a/x", &[], 401, "caller_key_invalid"),
    ] {
        let answered = proxy.call(Method::GET, path, headers, "").await;
        assert_eq!(answered.status, status, "{path} {}", answered.body);
        assert!(answered.body.to_ascii_lowercase().contains(code), "{path} {}", answered.body);
        assert!(!answered.body.contains("sk-k"));
    }
    // A path may ask for what no key may do: that takes none out.
    assert!(proxy.evidence.try_next().is_none());
    assert_eq!(proxy.call(Method::GET, "/passthrough/a/fine", &[KEYED], "").await.status, 202);
}

#[tokio::test]
async fn every_formats_list_has_what_the_key_may_use() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let [provider, credential, model_m] = target(AdapterKind::OpenAi, &upstream);
    let changes = [provider, credential, model_m, model("n", &["a"]), caller_key("few", "kp_few", "m")];
    let proxy = Proxy::start(changes).await;
    let few = ("x-api-key", "kp_few");
    for (path, extra, pointer, name) in [
        ("/v1/models", None, "/data/0/id", "m"),
        ("/v1/models", Some(("anthropic-version", "2023-06-01")), "/data/0/display_name", "m"),
        ("/v1/models", Some(("x-fern-sdk-name", "cohere")), "/models/0/name", "m"),
        ("/v1beta/models", None, "/models/0/name", "models/m"),
        ("/foundation-models", None, "/modelSummaries/0/modelId", "m"),
        ("/v1beta/models/m", None, "/name", "models/m"),
        ("/foundation-models/m", None, "/modelDetails/modelId", "m"),
    ] {
        let headers: Vec<_> = std::iter::once(few).chain(extra).collect();
        let answered = proxy.call(Method::GET, path, &headers, "").await;
        let body = json_of(&answered);
        assert_eq!(body.pointer(pointer), Some(&json!(name)), "{path}: {body}");
        assert!(!answered.body.contains("\"n\"") && !answered.body.contains("models/n"), "{path}: {body}");
    }
    assert_eq!(proxy.call(Method::GET, "/v1beta/models/n", &[few], "").await.status, 403);
    assert_eq!(proxy.call(Method::GET, "/v1beta/models/none", &[few], "").await.status, 404);
}
