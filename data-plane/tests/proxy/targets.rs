//! Targets that fail, and requests that take too long.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::harness::{Proxy, credential, model, model_within, provider};
use super::upstream::{Reply, Upstream};

#[tokio::test]
async fn a_failing_target_is_replaced_by_the_next() {
    let bad = Upstream::start(|_| Reply::error(503, "engine_overloaded")).await;
    let good = Upstream::start(|_| Reply::ok()).await;
    // Nobody listens there; a port that was let go could become another test's.
    let nowhere = ([127, 0, 0, 1], 1).into();
    let proxy = Proxy::start([
        provider("bad", bad.address),
        provider("good", good.address),
        provider("gone", nowhere),
        credential("bad", "k", 1),
        credential("good", "k", 1),
        credential("gone", "k", 1),
        model("m", &["gone", "bad", "good"]),
    ])
    .await;
    for _ in 0..20 {
        let answered = proxy.chat("m").await;
        assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "good"));
    }
    assert_eq!(bad.asked().len(), 5, "five failures in a row open a target");
    let gone = proxy.chat("gone/x").await;
    assert_eq!((gone.status, &*gone.code()), (502, "upstream_unreachable"));
}

#[tokio::test]
async fn what_the_last_provider_called_a_request_is_told_whatever_became_of_it() {
    const NAME: &str = "x-keyplane-upstream-request-id";
    let upstream = Upstream::start(|asked| {
        let (status, headers): (_, &[_]) = match std::str::from_utf8(&asked.body).unwrap() {
            body if body.contains("fails") => (500, &[("request-id", "req_1")]),
            body if body.contains("refuses") => (400, &[("x-request-id", "req_2")]),
            body if body.contains("odd") => (200, &[("x-request-id", "two words")]),
            _ => (200, &[("x-amzn-requestid", "req-3")]),
        };
        Reply::Json(status, headers, "{}".into())
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), credential("a", "k", 1)]).await;
    for (model, status, id) in
        [("a/fails", 502, "req_1"), ("a/refuses", 400, "req_2"), ("a/ok", 200, "req-3"), ("a/odd", 200, "")]
    {
        let answered = proxy.chat(model).await;
        assert_eq!((answered.status, answered.header(NAME)), (status, id), "{model}");
    }
}

#[tokio::test]
async fn a_storm_of_failures_adds_a_tenth_of_load_at_the_most() {
    let upstream = Upstream::start(|_| Reply::error(503, "x")).await;
    let other = Upstream::start(|_| Reply::error(503, "x")).await;
    let proxy = Proxy::start([
        provider("a", upstream.address),
        provider("b", other.address),
        credential("a", "k", 1),
        credential("b", "k", 1),
        model("m", &["a", "b"]),
    ])
    .await;
    for _ in 0..300 {
        assert_eq!(proxy.chat("m").await.status, 503);
    }
    let calls = upstream.asked().len() + other.asked().len();
    // Each worker saves up ten retries to begin with.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(calls <= 330 + 10 * workers, "{calls}");
}

#[tokio::test]
async fn a_connection_that_breaks_before_an_answer_costs_the_caller_nothing() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = shared::task::Tasks::new();
    tasks.spawn("breaking upstream", async move {
        for count in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 16];
            stream.read_exact(&mut head).await.unwrap();
            if count > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
                // Whatever is unread would turn the close into a reset.
                drop(stream.read(&mut [0; 4096]).await);
            }
        }
    });
    let proxy = Proxy::start([provider("a", address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, &*answered.body, answered.header("x-keyplane-attempts")), (200, "{}", "2"));
}

#[tokio::test]
async fn a_request_ends_when_its_time_is_up() {
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let (_silent_tx, silent) = mpsc::channel(1);
    let silent = std::sync::Mutex::new(Some(silent));
    let upstream = Upstream::start(move |asked| {
        let which = if asked.key == "sk-silent" { &silent } else { &rx };
        Reply::Channel(which.lock().unwrap().take().unwrap())
    })
    .await;
    let brief = Duration::from_secs(1);
    let proxy = Proxy::start([
        provider("a", upstream.address),
        provider("silent", upstream.address),
        credential("a", "k1", 1),
        credential("silent", "silent", 1),
        model_within("m", &["a"], brief),
        model_within("silent", &["silent"], brief),
    ])
    .await;
    let answered = proxy.chat("silent").await;
    assert_eq!((answered.status, &*answered.code()), (504, "upstream_timeout"));
    tx.send(Ok(Bytes::from("data: {}\n\n"))).await.unwrap();
    let answered = proxy.post(r#"{"model":"m","stream":true}"#).await;
    assert_eq!(answered.status, 200);
    assert!(
        answered.body.starts_with("data: {}\n\n") && answered.body.contains("upstream_timeout"),
        "{}",
        answered.body
    );
}
