//! A provider's own paths: what passes in both directions, in whose words refusals come, and which provider and credential are meant.

use data_plane::snapshot::resource::{Auth, Exposed, Provider};
use http::Method;
use serde_json::{Value, json};
use shared::adapter::AdapterKind;
use shared::task::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::harness::{KEY, Proxy, caller_key, credential, model, provider_of, put_provider};
use super::upstream::{Reply, Upstream};

const KEYED: (&str, &str) = ("x-api-key", KEY);

#[tokio::test]
async fn a_providers_answer_is_the_callers_whatever_its_status() {
    let missing = r#"{"type":"error","error":{"type":"not_found_error","message":"no file with key sk-abcdefgh1234"}}"#;
    let upstream = Upstream::start(move |asked| match asked.path.as_str() {
        "/v1/missing" => Reply::Json(404, &[("x-should-retry", "false")], missing.into()),
        "/v1/forbidden" => {
            Reply::Json(403, &[], "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\"}}".into())
        }
        "/v1/same" => Reply::Json(304, &[("etag", "\"1\"")], String::new()),
        "/v1/busy" => Reply::Json(529, &[("retry-after", "7")], "{}".into()),
        "/v1/large" => Reply::Json(400, &[], "x".repeat(200_000)),
        "/v1/packed" => Reply::Json(200, &[("content-encoding", "gzip")], "packed".into()),
        _ => {
            Reply::Json(401, &[], r#"{"type":"error","error":{"type":"authentication_error","message":"sk-k"}}"#.into())
        }
    })
    .await;
    let provider = put_provider("a", provider_of(AdapterKind::Anthropic, upstream.address));
    let proxy = Proxy::start([provider, credential("a", "k", 1)]).await;
    let get = async |path: &str| proxy.call(Method::GET, &format!("/passthrough/a/v1/{path}"), &[KEYED], "").await;
    let answered = get("missing").await;
    assert_eq!(answered.header("x-should-retry"), "false");
    assert_eq!((answered.status, answered.body), (404, missing.replace("sk-abcdefgh1234", "[redacted]")));
    assert_eq!(get("forbidden").await.status, 403);
    let same = get("same").await;
    assert_eq!((same.status, same.header("etag"), &*same.body), (304, "\"1\"", ""));
    let busy = get("busy").await;
    assert_eq!((busy.status, busy.header("retry-after"), &*busy.body), (529, "7", "{}"));
    let large = get("large").await;
    assert_eq!((large.status, large.body.len()), (400, 200_000));
    let packed = get("packed").await;
    assert_eq!((packed.status, packed.header("content-encoding"), &*packed.body), (200, "gzip", "packed"));
    let refused = get("refused").await;
    assert_eq!(refused.status, 502, "our credential is nothing of the caller's: {}", refused.body);
    assert!(!refused.body.contains("sk-k"));
}

#[tokio::test]
async fn a_call_that_our_credential_may_not_make_is_no_401() {
    let lacks = "You have insufficient permissions for this operation. Missing scopes: api.files.read.";
    let upstream = Upstream::start(move |asked| {
        let status = if asked.path.ends_with("unauthorized") { 401 } else { 403 };
        let error = json!({"error": {"message": lacks, "type": "invalid_request_error", "param": null, "code": null}});
        Reply::Json(status, &[], error.to_string())
    })
    .await;
    let managed = provider_of(AdapterKind::OpenAi, upstream.address);
    let own = Provider { auth: Auth::Passthrough, ..managed.clone() };
    let proxy = Proxy::start([put_provider("a", managed), credential("a", "k", 1), put_provider("own", own)]).await;
    let given = [("x-keyplane-key", KEY), ("authorization", "Bearer sk-own")];
    for (path, status) in [("a/unauthorized", 502), ("a/forbidden", 403), ("own/unauthorized", 401)] {
        let headers = if path.starts_with("own") { &given[..] } else { &given[..1] };
        let answered = proxy.call(Method::GET, &format!("/passthrough/{path}"), headers, "").await;
        assert_eq!(answered.status, status, "{path} {}", answered.body);
        assert_eq!(answered.body.contains("api.files.read"), status != 502, "{path} {}", answered.body);
    }
}

#[tokio::test]
async fn an_error_that_is_cut_is_not_passed_for_a_whole_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    tasks.spawn("upstream", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            let cut = b"HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"error\":\r\n";
            stream.write_all(cut).await.unwrap();
        }
    });
    let provider = put_provider("a", provider_of(AdapterKind::OpenAi, address));
    let proxy = Proxy::start([provider, credential("a", "k", 1)]).await;
    let answered = proxy.call(Method::GET, "/passthrough/a/files", &[KEYED], "").await;
    assert_eq!((answered.status, &*answered.code()), (502, "upstream_error"), "{}", answered.body);
}

#[tokio::test]
async fn only_what_the_provider_has_use_for_crosses() {
    let upstream = Upstream::start(|_| {
        let headers = &[
            ("anthropic-ratelimit-requests-limit", "5"),
            ("anthropic-organization-id", "ours"),
            ("last-modified", "x"),
            ("alt-svc", "h3"),
            ("strict-transport-security", "max-age=1"),
            ("access-control-allow-origin", "*"),
            ("set-cookie", "a=b"),
        ];
        Reply::Json(200, headers, "{}".into())
    })
    .await;
    let provider = put_provider("a", provider_of(AdapterKind::Anthropic, upstream.address));
    let proxy = Proxy::start([provider, credential("a", "k", 1)]).await;
    let (kept, lost) = (
        [
            ("anthropic-beta", "b"),
            ("anthropic-version", "2023-06-01"),
            ("range", "bytes=0-1"),
            ("if-none-match", "\"1\""),
            ("accept", "*/*"),
            ("content-type", "text/x"),
            ("content-encoding", "gzip"),
        ],
        [
            ("x-amzn-oidc-data", "token"),
            ("cf-access-jwt-assertion", "token"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-goog-user-project", "p"),
            ("x-goog-iap-jwt-assertion", "token"),
            ("cookie", "c=1"),
            ("origin", "https://x.example"),
        ],
    );
    let headers: Vec<_> = [KEYED].into_iter().chain(kept).chain(lost).collect();
    let answered = proxy.call(Method::POST, "/passthrough/a/v1/files", &headers, "packed").await;
    assert_eq!((answered.status, answered.header("last-modified")), (200, "x"));
    assert_eq!(answered.header("anthropic-ratelimit-requests-limit"), "5");
    for name in [
        "alt-svc",
        "strict-transport-security",
        "access-control-allow-origin",
        "set-cookie",
        "anthropic-organization-id",
    ] {
        assert!(!answered.headers.contains_key(name), "{name}");
    }
    let asked = &upstream.asked()[0];
    for (name, value) in kept {
        assert_eq!(asked.headers[name], value);
    }
    for (name, _) in lost {
        assert!(!asked.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn refusals_are_in_the_providers_own_format() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let of = |adapter| provider_of(adapter, upstream.address);
    let narrow = Provider { exposed: Exposed::Only(["x".into()].into()), ..of(AdapterKind::Anthropic) };
    let proxy = Proxy::start([
        put_provider("google", of(AdapterKind::Gemini)),
        put_provider("narrow", narrow),
        put_provider("cohere", of(AdapterKind::Cohere)),
    ])
    .await;
    for (path, status, pointer) in [
        ("/passthrough/google/v1beta/x", 503, "/error/status"),
        ("/passthrough/google/v1beta/..;/x", 404, "/error/status"),
        ("/passthrough/narrow/v1/x", 403, "/error/type"),
        ("/passthrough/cohere/v1/x", 503, "/message"),
        ("/passthrough/none/v1/x", 404, "/error/code"),
    ] {
        let answered = proxy.call(Method::GET, path, &[KEYED], "").await;
        let body: Value = serde_json::from_str(&answered.body).unwrap();
        assert_eq!(
            (answered.status, body.pointer(pointer).is_some_and(Value::is_string)),
            (status, true),
            "{path} {body}"
        );
    }
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn the_one_provider_that_a_key_may_call_needs_no_name() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], "{}".into())).await;
    let of = |id: &str| put_provider(id, provider_of(AdapterKind::OpenAi, upstream.address));
    let proxy = Proxy::start([
        of("a"),
        credential("a", "ka", 1),
        of("b"),
        credential("b", "kb", 1),
        caller_key("b", "kp_b", "b/*"),
        caller_key("none", "kp_none", "b/gpt*"),
    ])
    .await;
    for (key, status, code) in
        [("kp_b", 200, ""), ("kp_none", 403, "provider_not_allowed"), (KEY, 400, "provider_not_named")]
    {
        let answered = proxy.call(Method::GET, "/v1/files", &[("x-api-key", key)], "").await;
        assert_eq!(answered.status, status, "{}", answered.body);
        assert!(code.is_empty() || answered.code() == code, "{}", answered.body);
    }
    assert_eq!(upstream.by_key().into_iter().collect::<Vec<_>>(), [("sk-kb".to_owned(), 1)]);
}

#[tokio::test]
async fn responses_that_are_kept_are_asked_for_with_the_credential_that_gets_them() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], r#"{"id":"resp_1","output":[]}"#.into())).await;
    let proxy = Proxy::start([
        put_provider("a", provider_of(AdapterKind::OpenAi, upstream.address)),
        credential("a", "k1", 1),
        credential("a", "k2", 9),
        model("m", &["a"]),
    ])
    .await;
    for kept in
        [json!({"previous_response_id": "resp_1"}), json!({"conversation": "conv_1"}), json!({"background": true})]
    {
        for _ in 0..4 {
            let mut body = json!({"model": "m", "input": "hi"});
            body.as_object_mut().unwrap().extend(kept.as_object().unwrap().clone());
            let answered = proxy.post_to("/v1/responses", &[KEYED], body.to_string()).await;
            assert_eq!(answered.status, 200, "{}", answered.body);
        }
    }
    assert_eq!(proxy.call(Method::GET, "/v1/responses/resp_1", &[KEYED], "").await.status, 200);
    assert_eq!(proxy.call(Method::POST, "/v1/conversations", &[KEYED], "{}").await.status, 200);
    assert_eq!(upstream.by_key().into_iter().collect::<Vec<_>>(), [("sk-k1".to_owned(), 14)]);
    for _ in 0..10 {
        let body = r#"{"model":"m","input":"hi","previous_response_id":null,"background":false}"#;
        assert_eq!(proxy.post_to("/v1/responses", &[KEYED], body).await.status, 200);
    }
    assert_eq!(upstream.by_key()["sk-k2"], 9, "what is not kept is balanced");
}
