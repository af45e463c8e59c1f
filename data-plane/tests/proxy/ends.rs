//! Ends of answers that are none, and whole answers to who asked for a stream.

use bytes::Bytes;
use data_plane::snapshot::resource::Change;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared::adapter::AdapterKind;
use shared::task::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::SOON;
use super::harness::{Proxy, credential, model, model_of, provider, provider_of, put_provider};
use super::upstream::{END, Reply, Upstream};

const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// A model at `a`, and at `b` if that fails.
fn first_of(a: &[Change], b: &Upstream) -> Vec<Change> {
    let others = [
        provider("b", b.address),
        credential("a", "k1", 1),
        credential("b", "k1", 1),
        model_of("m", &[("a", 1, 0), ("b", 1, 1)], SOON),
    ];
    a.iter().cloned().chain(others).collect()
}

#[tokio::test]
async fn a_stream_that_says_nothing_but_that_it_is_done_fails_over() {
    let idle = Upstream::start(|_| Reply::Stream(vec!["data: [DONE]\n\n"])).await;
    let other = Upstream::start(|_| Reply::Stream(vec![END])).await;
    let proxy = Proxy::start(first_of(&[provider("a", idle.address)], &other)).await;
    let answered = proxy.post(STREAM).await;
    assert_eq!((answered.status, &*answered.body), (200, END));
    assert_eq!((answered.header("x-keyplane-provider"), idle.asked().len()), ("b", 1));
}

#[tokio::test]
async fn a_stream_that_is_done_before_its_answer_is_finished_ends_as_an_error() {
    const BEGUN: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    tx.send(Ok(Bytes::from(BEGUN))).await.unwrap();
    let mut body = proxy.send(proxy.request(STREAM)).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), BEGUN);
    tx.send(Ok(Bytes::from("data: [DONE]\n\n"))).await.unwrap();
    drop(tx);
    let rest = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let event: Value = serde_json::from_str(rest.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&event["error"]["code"], &event["error"]["type"]), (&json!("upstream_error"), &json!("server_error")));
}

#[tokio::test]
async fn a_first_event_that_says_slow_down_in_words_lets_its_credential_rest() {
    let upstream = Upstream::start(|_| {
        Reply::Stream(vec![
            "data: {\"error\":{\"message\":\"m\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}\n\n",
        ])
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    for _ in 0..3 {
        let answered = proxy.post(STREAM).await;
        assert_eq!(answered.status, 429, "{}", answered.body);
    }
    assert_eq!(upstream.asked().len(), 1, "it rests");
}

#[tokio::test]
async fn a_first_event_that_blames_the_caller_in_words_is_told_and_goes_nowhere_else() {
    let upstream = Upstream::start(|_| {
        Reply::Stream(vec![
            "data: {\"error\":{\"message\":\"too long\",\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\"}}\n\n",
        ])
    })
    .await;
    let other = Upstream::start(|_| Reply::Stream(vec![END])).await;
    let proxy = Proxy::start(first_of(&[provider("a", upstream.address)], &other)).await;
    let answered = proxy.post(STREAM).await;
    assert_eq!((answered.status, &*answered.code()), (400, "context_length_exceeded"));
    assert!(answered.body.contains("too long") && other.asked().is_empty(), "{}", answered.body);
}

/// What an upstream that makes no streams answers, in each format.
const WHOLE: [(AdapterKind, &str, &str); 2] = [
    (
        AdapterKind::OpenAi,
        "/v1/chat/completions",
        r#"{"id":"up_1","object":"chat.completion","created":1,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"Hi there","reasoning_content":"hm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#,
    ),
    (
        AdapterKind::OpenAi,
        "/v1/responses",
        r#"{"id":"up_1","object":"response","created_at":1,"status":"completed","model":"gpt","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi there","annotations":[]}]}],"usage":{"input_tokens":5,"output_tokens":2,"total_tokens":7}}"#,
    ),
];

#[tokio::test]
async fn a_whole_answer_to_who_asked_for_a_stream_of_its_format_comes_as_one() {
    for (adapter, path, body) in WHOLE {
        let upstream = Upstream::start(move |_| Reply::Json(200, &[], body.into())).await;
        let a = put_provider("a", provider_of(adapter, upstream.address));
        let proxy = Proxy::start([a, model("m", &["a"]), credential("a", "k1", 1)]).await;
        for asks_for_usage in [false, true] {
            let asked = json!({
                "model": "m", "max_tokens": 9, "stream": true, "stream_options": {"include_usage": asks_for_usage},
                "messages": [{"role": "user", "content": "Hello"}], "input": "Hello",
            });
            let key = format!("Bearer {}", super::harness::KEY);
            let answered = proxy.post_to(path, &[("authorization", &key)], asked.to_string()).await;
            assert_eq!((answered.status, answered.header("content-type")), (200, "text/event-stream"), "{path}");
            assert_eq!(answered.header("content-length"), answered.bytes.len().to_string());
            assert!(answered.body.contains("Hi there") && answered.body.contains("up_1"), "{path} {}", answered.body);
            assert!(answered.events().len() > 2 && !answered.body.contains("a2V5cGxhbmUt"), "{path} {}", answered.body);
            if path == "/v1/chat/completions" {
                assert!(
                    answered.body.ends_with("data: [DONE]\n\n") && answered.body.contains("hm"),
                    "{}",
                    answered.body
                );
                assert_eq!(answered.body.contains("prompt_tokens"), asks_for_usage, "{}", answered.body);
            }
        }
        let whole = proxy
            .post_to(path, &[("authorization", &format!("Bearer {}", super::harness::KEY))], r#"{"model":"m"}"#)
            .await;
        assert_eq!(whole.body, body, "nobody asked for a stream");
    }
}

#[tokio::test]
async fn a_whole_answer_that_is_more_or_less_than_a_stream_of_it_goes_on_as_it_came() {
    for body in [
        r#"{"choices":[{"index":0,"message":{"content":"Hel"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"message":{"content":"a","audio":{"id":"x"}},"finish_reason":"stop"}]}"#,
    ] {
        let upstream = Upstream::start(move |_| Reply::Json(200, &[], body.into())).await;
        let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
        assert_eq!(proxy.post(STREAM).await.body, body);
    }
}

#[tokio::test]
async fn events_that_are_called_json_are_not_kept_from_their_caller() {
    const EVENT: &str = "data: {\"choices\":[]}\n\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, tasks) = (listener.local_addr().unwrap(), Tasks::new());
    tasks.spawn("upstream that calls events JSON", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}{:x}\r\n{EVENT}\r\n", EVENT.len()).as_bytes()).await.unwrap();
        // Nothing more comes, until the proxy goes.
        let _ = stream.read(&mut [0; 1]).await;
    });
    let proxy = Proxy::start([provider("a", address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let mut answered = proxy.send(proxy.request(STREAM)).await;
    let first = answered.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, EVENT);
}

#[tokio::test]
async fn a_small_answer_that_breaks_off_comes_from_elsewhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, tasks) = (listener.local_addr().unwrap(), Tasks::new());
    tasks.spawn("broken upstream", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200\r\n\r\n";
            let _ = stream.write_all(format!("{head}{{\"id\":\"half").as_bytes()).await;
        }
    });
    let other = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start(first_of(&[provider("a", address)], &other)).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "b"), "{}", answered.body);
}
