//! Which credential serves, and what its failures do.

use bytes::Bytes;
use data_plane::evidence::Finding;
use data_plane::snapshot::resource::Change;
use tokio::sync::mpsc;

use super::harness::{Answered, Proxy, credential, model, provider};
use super::upstream::{END, Reply, Upstream};

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
async fn a_model_that_no_credential_has_stays_missing() {
    let upstream = Upstream::start(|_| Reply::error(404, "model_not_found")).await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let mut proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..5 {
        let answered = proxy.chat("m").await;
        assert_eq!((answered.status, &*answered.code()), (404, "model_not_found"), "{}", answered.body);
    }
    assert_eq!(upstream.asked().len(), 2, "who has not the model is not asked again at once");
    assert_eq!(proxy.evidence.try_next().unwrap().finding, Finding::Denied);
    while proxy.evidence.try_next().is_some() {}
    // A name that the caller made up says nothing of a credential.
    for _ in 0..2 {
        let answered = proxy.chat("a/made-up").await;
        assert_eq!((answered.status, &*answered.code()), (404, "model_not_found"), "{}", answered.body);
    }
    assert_eq!(upstream.asked().len(), 6);
    assert!(proxy.evidence.try_next().is_none());
}

#[tokio::test]
async fn a_request_that_every_credential_denies_takes_none_of_them_out() {
    let upstream = Upstream::start(|asked| {
        let is_forbidden = asked.body.windows(5).any(|window| window == b"worse");
        let is_bad = asked.body.windows(3).any(|window| window == b"bad");
        match (&*asked.key, is_forbidden, is_bad) {
            (_, true, _) | ("sk-k1", _, true) => Reply::error(403, "no"),
            _ => Reply::ok(),
        }
    })
    .await;
    let credentials = [credential("a", "k1", 1), credential("a", "k2", 1)];
    let proxy =
        Proxy::start([provider("a", upstream.address), model("m", &["a"])].into_iter().chain(credentials)).await;
    for _ in 0..3 {
        assert_eq!(proxy.post(r#"{"model":"m","user":"worse"}"#).await.status, 502);
    }
    for _ in 0..4 {
        assert_eq!(proxy.chat("m").await.header("x-keyplane-attempts"), "1");
    }
    let served = upstream.by_key();
    assert_eq!((served["sk-k1"], served["sk-k2"]), (3 + 2, 3 + 2));
    // What another one may do is the credential's own.
    for _ in 0..4 {
        assert_eq!(proxy.post(r#"{"model":"m","user":"bad"}"#).await.status, 200);
    }
    assert_eq!(upstream.by_key()["sk-k1"], 3 + 2 + 1);
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
    tx.send(Ok(Bytes::from(END))).await.unwrap();
    drop(tx);
    assert_eq!(Answered::of(response).await.body, ["data: {}\n\n", END].concat());
    assert_eq!(upstream.asked().iter().map(|asked| &*asked.key).collect::<Vec<_>>(), ["sk-k1", "sk-k2"]);
}
