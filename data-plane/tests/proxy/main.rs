//! A whole proxy, but for the sync client, between a caller and a scripted upstream.

// Marked as tests, so that clippy lets them unwrap.
#[cfg(test)]
mod balance;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod listen;
#[cfg(test)]
mod outcome;
#[cfg(test)]
mod upstream;

use std::time::Duration;

use bytes::Bytes;
use data_plane::evidence::Finding;
use data_plane::snapshot::resource::Change;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::harness::{Answered, KEY, Proxy, caller_key, credential, model, model_within, provider};
use self::upstream::{Reply, Upstream};

const SOON: Duration = Duration::from_secs(10);

/// Waits for a condition.
#[cfg(test)]
async fn until(longest: Duration, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(longest, met).await.expect("the condition is met in time");
}

#[tokio::test]
async fn weights_are_kept_exactly() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let credentials = [credential("a", "k3", 3), credential("a", "k2", 2), credential("a", "k1", 1)];
    let proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..600 {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    let served = upstream.by_key();
    assert_eq!((served["sk-k3"], served["sk-k2"], served["sk-k1"]), (300, 200, 100));
    let metrics = proxy.ops("/metrics").await.body;
    assert!(metrics.contains("keyplane_proxy_requests_total{operation=\"chat\",outcome=\"served\"} 600"), "{metrics}");
}

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
        true => Reply::Stream(vec!["data: {}\n\n", "data: [DONE]\n\n"]),
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
async fn a_rejected_key_costs_the_caller_nothing_and_is_reported() {
    let upstream = Upstream::start(|asked| match &*asked.key {
        "sk-dead" => Reply::error(401, "invalid_api_key"),
        _ => Reply::ok(),
    })
    .await;
    let credentials = [credential("a", "dead", 1), credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    let mut attempts = Vec::new();
    for _ in 0..61 {
        let answered = proxy.chat("m").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        attempts.push(answered.header("x-keyplane-attempts").to_owned());
    }
    assert_eq!(attempts.iter().filter(|attempts| *attempts == "2").count(), 1);
    let served = upstream.by_key();
    assert_eq!(served["sk-dead"], 1);
    assert!(served["sk-k1"].abs_diff(served["sk-k2"]) <= 1, "{served:?}");
    let observed = proxy.evidence.try_next().unwrap();
    assert_eq!((observed.finding, observed.status), (Finding::Rejected, 401));
    assert_eq!(observed.credential.to_string(), "projects/p/providers/a/credentials/dead");
    assert_eq!(observed.provider_code, Some("invalid_api_key"));
    assert!(proxy.evidence.try_next().is_none());
}

#[tokio::test]
async fn when_every_credential_is_rate_limited_the_caller_gets_the_shortest_wait() {
    let upstream = Upstream::start(|asked| {
        let wait = if asked.key == "sk-k1" { &[("retry-after", "50")] } else { &[("retry-after", "20")] };
        Reply::Json(429, wait, r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#.into())
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..3 {
        let answered = proxy.chat("m").await;
        assert_eq!((answered.status, &*answered.code()), (429, "no_credential_available"));
        let wait: u64 = answered.header("retry-after").parse().unwrap();
        assert!((19..=20).contains(&wait), "{wait}");
    }
    assert_eq!(upstream.asked().len(), 2, "a cooling credential is not used");
}

#[tokio::test]
async fn our_own_credentials_failures_are_never_a_bare_401() {
    let upstream = Upstream::start(|_| Reply::error(401, "invalid_api_key")).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, &*answered.code()), (502, "upstream_auth"));
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, &*answered.code()), (503, "no_credential_available"));
    assert!(!answered.header("retry-after").is_empty());
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
    const CHUNKS: [&str; 4] = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"é\"",
        ",\"finish_reason\":null}}]}\r\n\r",
        "\n: note\n\n",
        "data: [DONE]\n\n",
    ];
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
async fn an_error_as_the_first_event_fails_over() {
    let upstream = Upstream::start(|asked| match &*asked.key {
        "sk-k1" => Reply::Stream(vec!["data: {\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}\n\n"]),
        _ => Reply::Stream(vec!["data: {}\n\n", "data: [DONE]\n\n"]),
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..4 {
        assert_eq!(proxy.post(r#"{"model":"m","stream":true}"#).await.body, "data: {}\n\ndata: [DONE]\n\n");
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1);
    assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Exhausted);
}

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
async fn bad_requests_are_refused_in_the_callers_format() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([
        provider("a", upstream.address),
        model("m", &["a"]),
        credential("a", "k1", 1),
        caller_key("narrow", "kp_narrow", "other"),
    ])
    .await;
    for (body, status, code) in [
        ("nonsense", 400, "body_invalid"),
        (r#"{"messages":[]}"#, 400, "body_invalid"),
        (r#"{"model":"m","mod\u0065l":"n"}"#, 400, "body_invalid"),
        (r#"{"model":"unknown"}"#, 404, "model_not_found"),
    ] {
        let answered = proxy.post(body).await;
        assert_eq!((answered.status, &*answered.code()), (status, code), "{body}");
    }
    assert!(proxy.chat("unknown").await.body.contains("GET /v1/models"));
    let with_key = async |key: &str| {
        let mut request = proxy.request(r#"{"model":"m"}"#);
        request.headers_mut().insert("x-keyplane-key", key.parse().unwrap());
        let answered = Answered::of(proxy.send(request).await).await;
        (answered.status, answered.code())
    };
    assert_eq!(with_key("kp_wrong").await, (401, "caller_key_invalid".into()));
    assert_eq!(with_key("kp_narrow").await, (403, "model_not_allowed".into()));
    assert_eq!(proxy.get("/v1/nothing").await.code(), "route_not_found");
    assert_eq!(proxy.get("/v1/chat/completions").await.status, 405);
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let proxy = Proxy::cold(&["--max-body-bytes=100"]).await;
    proxy.change([caller_key("test", KEY, "*")]);
    assert_eq!(proxy.post(&"x".repeat(101)).await.code(), "body_too_large");
}

#[tokio::test]
async fn models_are_listed_for_those_who_may_use_them() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), model("b/n", &["a"])]).await;
    let list: serde_json::Value = serde_json::from_str(&proxy.get("/v1/models").await.body).unwrap();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!((list["object"].as_str(), ids), (Some("list"), vec!["b/n", "m"]));
    assert_eq!(proxy.get("/v1/models/b%2Fn").await.status, 200);
    assert_eq!(proxy.get("/v1/models/none").await.code(), "model_not_found");
}

#[tokio::test]
async fn a_proxy_without_its_config_says_so() {
    let proxy = Proxy::cold(&[]).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, answered.header("retry-after")), (503, "1"));
    assert_eq!(proxy.ops("/readyz").await.status, 503);
    assert_eq!(proxy.ops("/healthz").await.status, 200);
    proxy.snapshots.store(proxy.snapshots.load().granting([harness::environment()]));
    proxy.change([]);
    assert_eq!(proxy.ops("/readyz").await.status, 200);
    assert_eq!(proxy.chat("m").await.status, 401);
    let metrics = proxy.ops("/metrics").await.body;
    assert!(metrics.contains("keyplane_proxy_requests_total{operation=\"chat\",outcome=\"not_ready\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_deleted_credential_finishes_its_request_and_is_not_used_again() {
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| match rx.lock().unwrap().take() {
        Some(rx) => Reply::Channel(rx),
        None => Reply::ok(),
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    tx.send(Ok(Bytes::from("data: {}\n\n"))).await.unwrap();
    let response = proxy.send(proxy.request(r#"{"model":"m","stream":true}"#)).await;
    let name = "projects/p/providers/a/credentials/k1".parse().unwrap();
    proxy.change([Change::RemoveCredential(name), credential("a", "k2", 1)]);
    assert_eq!(proxy.chat("m").await.status, 200);
    tx.send(Ok(Bytes::from("data: [DONE]\n\n"))).await.unwrap();
    drop(tx);
    assert_eq!(Answered::of(response).await.body, "data: {}\n\ndata: [DONE]\n\n");
    assert_eq!(upstream.asked().iter().map(|asked| &*asked.key).collect::<Vec<_>>(), ["sk-k1", "sk-k2"]);
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

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http2_only(true)
        .build_http::<Full<Bytes>>();
    let response = client.request(proxy.request(r#"{"model":"m"}"#)).await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (http::Version::HTTP_2, 200));
}

#[tokio::test]
async fn a_head_that_never_ends_and_a_head_that_is_too_large_are_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let proxy = Proxy::cold(&[]).await;
    let mut stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let head = format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nlong: {}\r\n", "x".repeat(70_000));
    // The proxy may close before it took everything.
    drop(stream.write_all(head.as_bytes()).await);
    let mut answer = Vec::new();
    drop(timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap());
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn a_drain_finishes_streams_refuses_connections_and_returns() {
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    tx.send(Ok(Bytes::from("data: {}\n\n"))).await.unwrap();
    let response = proxy.send(proxy.request(r#"{"model":"m","stream":true}"#)).await;
    proxy.shutdown.cancel();
    timeout(SOON, async {
        while tokio::net::TcpStream::connect(proxy.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(proxy.ops("/readyz").await.status, 503);
    assert!(!proxy.served.is_finished());
    tx.send(Ok(Bytes::from("data: [DONE]\n\n"))).await.unwrap();
    drop(tx);
    assert_eq!(Answered::of(response).await.body, "data: {}\n\ndata: [DONE]\n\n");
    timeout(SOON, proxy.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_that_takes_too_long_ends_what_is_left() {
    let (tx, rx) = mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| Reply::Channel(rx.lock().unwrap().take().unwrap())).await;
    let proxy = Proxy::cold(&["--drain-seconds=0"]).await;
    proxy.change([
        provider("a", upstream.address),
        model("m", &["a"]),
        credential("a", "k1", 1),
        caller_key("test", KEY, "*"),
    ]);
    tx.send(Ok(Bytes::from("data: {}\n\n"))).await.unwrap();
    let response = proxy.send(proxy.request(r#"{"model":"m","stream":true}"#)).await;
    proxy.shutdown.cancel();
    timeout(SOON, proxy.served).await.unwrap().unwrap().unwrap();
    assert!(response.into_body().collect().await.is_err());
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
async fn an_encoded_answer_that_nobody_asked_for_is_refused() {
    let upstream = Upstream::start(|_| Reply::Json(200, &[("content-encoding", "gzip")], "x".into())).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    let answered = proxy.chat("m").await;
    assert_eq!((answered.status, &*answered.code()), (502, "upstream_error"));
}

#[tokio::test]
async fn a_denied_credential_is_out_for_that_model_alone() {
    let upstream = Upstream::start(|asked| {
        let is_other = asked.body.windows(5).any(|window| window == b"other");
        if asked.key == "sk-k1" && !is_other { Reply::error(404, "model_not_found") } else { Reply::ok() }
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..10 {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1);
    assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Denied);
    for _ in 0..10 {
        assert_eq!(proxy.chat("a/other").await.status, 200);
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1 + 5);
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

#[tokio::test]
async fn applications_are_served_over_tls_where_a_certificate_is_given() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let files = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let flags = [format!("--tls-cert={}", certificate.display()), format!("--tls-key={}", key.display())];
    let proxy = Proxy::cold(&flags.each_ref().map(String::as_str)).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap());
    assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
}
