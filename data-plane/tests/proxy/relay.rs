//! What passes between a caller and an upstream, and how streams end.

use std::time::Duration;

use bytes::Bytes;
use data_plane::evidence::Finding;
use data_plane::snapshot::resource::{Patience, Provider};
use http_body_util::BodyExt as _;
use shared::adapter::AdapterKind;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::SOON;
use super::harness::{Answered, KEY, Proxy, credential, model, model_of, provider, provider_of, put_provider};
use super::upstream::{END, Reply, Upstream};

#[tokio::test]
async fn an_answer_without_a_body_is_served_too() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[], String::new())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    assert_eq!(proxy.chat("m").await.status, 200);
    let metrics = proxy.ops("/metrics").await.body;
    assert!(metrics.contains("keyplane_proxy_requests_total{operation=\"chat\",outcome=\"served\"} 1"), "{metrics}");
}

#[tokio::test]
async fn an_upstreams_connection_serves_one_request_after_the_other() {
    let upstream = Upstream::start(|asked| match asked.body.ends_with(b"true}") {
        true => Reply::Stream(vec!["data: {}\n\n", END]),
        false => Reply::ok(),
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    for round in 0..100 {
        let stream = round % 2 == 0;
        assert_eq!(proxy.post(&format!(r#"{{"model":"m","stream":{stream}}}"#)).await.status, 200);
    }
    // Each worker has connections of its own, and the caller may come to another.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(upstream.connections() <= workers, "{}", upstream.connections());
}

#[tokio::test]
async fn only_the_model_and_the_headers_change_on_the_way() {
    let upstream = Upstream::start(|_| {
        let headers = &[("openai-version", "1"), ("set-cookie", "a=b"), ("x-internal", "1")];
        Reply::Json(200, headers, "{ \"odd\" :  [1 ,2]}".into())
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let mut request = proxy.request("{\"x\": \"\\u00e9é\",  \"model\" :\"m\" , \"n\":1e3}");
    for (name, value) in
        [("openai-beta", "b"), ("cookie", "c"), ("x-forwarded-for", "1.1.1.1"), ("accept-encoding", "gzip")]
    {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let answered = Answered::of(proxy.send(request).await).await;
    assert_eq!((answered.status, &*answered.body), (200, "{ \"odd\" :  [1 ,2]}"));
    assert_eq!(answered.header("openai-version"), "1");
    assert!(!answered.headers.contains_key("set-cookie") && !answered.headers.contains_key("x-internal"));
    assert_eq!(answered.header("x-keyplane-provider"), "a");
    assert_eq!(answered.header("x-request-id").len(), 32);
    let asked = &upstream.asked()[0];
    assert_eq!(asked.body, "{\"x\": \"\\u00e9é\",  \"model\" :\"upstream-model\" , \"n\":1e3}");
    assert_eq!((&*asked.path, &*asked.key), ("/v1/chat/completions", "sk-k1"));
    assert_eq!(asked.headers["openai-beta"], "b");
    for dropped in ["cookie", "x-forwarded-for", "accept-encoding"] {
        assert!(!asked.headers.contains_key(dropped), "{dropped}");
    }
    assert!(!format!("{asked:?}").contains(KEY));
}

#[tokio::test]
async fn a_stream_passes_byte_for_byte() {
    const CHUNKS: [&str; 4] =
        ["data: {\"choices\":[{\"delta\":{\"content\":\"é\"", ",\"finish_reason\":null}}]}\r\n\r", "\n: note\n\n", END];
    let upstream = Upstream::start(|_| Reply::Stream(CHUNKS.to_vec())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.post(r#"{"model":"m","stream":true}"#).await;
    assert_eq!(answered.body, CHUNKS.concat());
    assert_eq!(answered.header("content-type"), "text/event-stream; charset=utf-8");
}

#[tokio::test]
async fn a_cut_stream_ends_as_an_error_and_never_as_done() {
    for cut in [true, false] {
        let (tx, rx) = mpsc::channel(4);
        let rx = std::sync::Mutex::new(Some(rx));
        let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
        let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
        tx.send(Ok(Bytes::from("data: {\"choices\":[]}\n\ndata: {\"half"))).await.unwrap();
        let mut body = proxy.send(proxy.request(r#"{"model":"m","stream":true}"#)).await.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "data: {\"choices\":[]}\n\n");
        if cut {
            tx.send(Err(std::io::Error::other("cut"))).await.unwrap();
        }
        drop(tx);
        let rest = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let event = rest.trim().strip_prefix("data: ").unwrap();
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert_eq!(event["error"]["code"], "upstream_error", "{rest}");
        assert!(!rest.contains("[DONE]") && !rest.contains("half"));
    }
}

#[tokio::test]
async fn a_stream_without_its_type_is_watched_too() {
    let upstream = Upstream::start(|_| Reply::Pieces("text/plain", vec!["data: {\"choices\":[]}\n\n".into()])).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.post(r#"{"model":"m","stream":true}"#).await;
    assert!(answered.body.contains("upstream_error"), "{}", answered.body);
    assert_eq!(proxy.post(r#"{"model":"m"}"#).await.body, "data: {\"choices\":[]}\n\n", "no stream was asked for");
}

#[tokio::test]
async fn errors_that_a_caller_brings_about_within_streams_shut_no_target() {
    for error in [
        "data: {\"error\":{\"message\":\"m\",\"code\":400}}\n\n",
        "data: {\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\"}}\n\n",
    ] {
        let upstream = Upstream::start(move |_| Reply::Stream(vec!["data: {}\n\n", error])).await;
        let other = Upstream::start(|_| Reply::Stream(vec!["data: {}\n\n", END])).await;
        let proxy = Proxy::start([
            provider("a", upstream.address),
            credential("a", "k1", 1),
            provider("b", other.address),
            credential("b", "k1", 1),
            model_of("m", &[("a", 1, 0), ("b", 1, 1)], SOON),
        ])
        .await;
        for _ in 0..10 {
            let answered = proxy.post(r#"{"model":"m","stream":true}"#).await;
            assert!(answered.body.contains("error") && !answered.body.contains("DONE"), "{}", answered.body);
        }
        assert_eq!((upstream.asked().len(), other.asked().len()), (10, 0));
    }
}

#[tokio::test]
async fn errors_of_the_upstreams_own_within_streams_shut_its_target() {
    for code in [408, 424, 500] {
        let broken = Upstream::start(move |_| {
            let error = format!("data: {{\"error\":{{\"message\":\"m\",\"code\":{code}}}}}\n\n");
            Reply::Pieces("text/event-stream", vec!["data: {}\n\n".into(), error.into()])
        })
        .await;
        let other = Upstream::start(|_| Reply::Stream(vec!["data: {}\n\n", END])).await;
        let proxy = Proxy::start([
            provider("a", broken.address),
            credential("a", "k1", 1),
            provider("b", other.address),
            credential("b", "k1", 1),
            model_of("m", &[("a", 1, 0), ("b", 1, 1)], SOON),
        ])
        .await;
        for _ in 0..20 {
            assert_eq!(proxy.post(r#"{"model":"m","stream":true}"#).await.status, 200);
        }
        assert!(!other.asked().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn an_error_as_the_first_event_fails_over() {
    let upstream = Upstream::start(|asked| match &*asked.key {
        "sk-k1" => Reply::Stream(vec!["data: {\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}\n\n"]),
        _ => Reply::Stream(vec!["data: {}\n\n", END]),
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..4 {
        assert_eq!(proxy.post(r#"{"model":"m","stream":true}"#).await.body, ["data: {}\n\n", END].concat());
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1);
    assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Exhausted);
}

#[tokio::test]
async fn comments_before_an_error_keep_nothing_from_failing_over() {
    const COMMENT: &str = ": OPENROUTER PROCESSING\n\n";
    let upstream = Upstream::start(|asked| match &*asked.key {
        "sk-k1" => Reply::Stream(vec![
            COMMENT,
            COMMENT,
            "data: {\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}\n\n",
        ]),
        _ => Reply::Stream(vec![
            COMMENT,
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n",
            "data: [DONE]\n\n",
        ]),
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/chat/completions", "/v1/messages"] {
        let body = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
        let answered = proxy.post_to(path, &[("x-api-key", KEY)], body).await;
        assert!(answered.status == 200 && answered.body.contains("hi"), "{path} {}", answered.body);
        assert!(!answered.body.contains("\"error\""), "{path} {}", answered.body);
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1);
    assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Exhausted);
}

#[tokio::test]
async fn a_stream_that_only_lives_reaches_its_caller_when_its_first_byte_would_be_due() {
    const EVENT: &str =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let (tx, rx) = mpsc::channel(4);
        let rx = std::sync::Mutex::new(Some(rx));
        let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
        let patience = Patience { first_byte: Duration::from_millis(300), ..Patience::default() };
        let slow = Provider { patience, ..provider_of(AdapterKind::OpenAi, upstream.address) };
        let proxy = Proxy::start([put_provider("a", slow), model("m", &["a"]), credential("a", "k1", 1)]).await;
        tx.send(Ok(Bytes::from(": PROCESSING\n\n"))).await.unwrap();
        let mut request = proxy
            .request(r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hello"}]}"#);
        *request.uri_mut() = format!("http://{}{path}", proxy.address).parse().unwrap();
        let response = proxy.send(request).await;
        assert_eq!(response.status(), 200, "{path}");
        for piece in [EVENT, "data: [DONE]\n\n"] {
            tx.send(Ok(Bytes::from(piece))).await.unwrap();
        }
        drop(tx);
        let body = Answered::of(response).await.body;
        assert!(body.contains("hi") && !body.contains("error"), "{path} {body}");
    }
}

#[tokio::test]
async fn a_stream_that_only_lives_fails_when_its_requests_time_is_up() {
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
    let brief = model_of("m", &[("a", 1, 0)], Duration::from_millis(300));
    let proxy = Proxy::start([provider("a", upstream.address), brief, credential("a", "k1", 1)]).await;
    tx.send(Ok(Bytes::from(": PROCESSING\n\n"))).await.unwrap();
    let answered = proxy.post(r#"{"model":"m","stream":true}"#).await;
    assert_eq!((answered.status, &*answered.code()), (504, "upstream_timeout"), "{}", answered.body);
}

#[tokio::test]
async fn an_error_with_status_200_fails_over() {
    let upstream = Upstream::start(|asked| match &*asked.key {
        "sk-k1" => Reply::Json(200, &[], r#"{ "error":{"message":"m","code":"insufficient_quota"}}"#.into()),
        _ => Reply::Json(200, &[], r#"{"id":"x","error":null}"#.into()),
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..4 {
        assert_eq!(proxy.chat("m").await.body, r#"{"id":"x","error":null}"#);
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1);
    assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Exhausted);
}

#[tokio::test]
async fn the_callers_own_faults_come_back_remade() {
    let upstream = Upstream::start(|_| {
        let body = r#"{"error":{"message":"bad n sk-abcdefgh12345678","type":"invalid_request_error","param":"n","code":null},"debug":"x"}"#;
        Reply::Json(400, &[("x-ratelimit-limit-requests", "5"), ("x-debug", "1")], body.into())
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.chat("m").await;
    assert_eq!(answered.status, 400);
    assert_eq!(
        answered.body,
        r#"{"error":{"message":"bad n [redacted]","type":"invalid_request_error","param":"n","code":null}}"#
    );
    assert_eq!(answered.header("x-ratelimit-limit-requests"), "5");
    assert_eq!((answered.header("x-debug"), upstream.asked().len()), ("", 1));
}

#[tokio::test]
async fn an_encoded_answer_that_nobody_asked_for_is_refused() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[("content-encoding", "gzip")], "x".into())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, &*answered.code()), (502, "upstream_error"));
}

#[tokio::test]
async fn a_caller_who_goes_away_cancels_the_upstream() {
    let (tx, rx) = mpsc::channel(1);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    tx.send(Ok(Bytes::from("data: {}\n\n"))).await.unwrap();
    let response = proxy.send(proxy.request(r#"{"model":"m","stream":true}"#)).await;
    drop(response);
    // The upstream sees it as the end of its connection, which drops the receiver.
    timeout(SOON, tx.closed()).await.unwrap();
}
