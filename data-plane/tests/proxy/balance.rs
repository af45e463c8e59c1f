//! Which target and credential serve, seen from outside.

use std::time::Duration;

use data_plane::evidence::uses::Subject;
use data_plane::snapshot::resource::{Auth, Change, Provider};
use shared::adapter::AdapterKind;

use super::harness::{Proxy, credential, grouped, model, model_of, provider, provider_of, put_provider};
use super::upstream::{Asked, END, Reply, Upstream};

const LONG: Duration = Duration::from_secs(600);

fn slow_down(wait: &'static [(&'static str, &'static str)]) -> Reply {
    Reply::Json(429, wait, r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#.into())
}

fn asks_for(asked: &Asked, word: &str) -> bool {
    std::str::from_utf8(&asked.body).is_ok_and(|body| body.contains(word))
}

#[tokio::test]
async fn the_second_priority_serves_only_when_nothing_of_the_first_can() {
    let first = Upstream::start(|_| Reply::ok()).await;
    let limited = Upstream::start(|asked| match asks_for(asked, "storm") {
        true => slow_down(&[("retry-after", "100")]),
        false => Reply::ok(),
    })
    .await;
    let second = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([
        provider("a", first.address),
        provider("b", limited.address),
        provider("c", second.address),
        credential("a", "k", 1),
        credential("b", "k", 1),
        credential("c", "k", 1),
        model_of("m", &[("c", 1, 1), ("a", 1, 0), ("b", 3, 0)], LONG),
    ])
    .await;
    for _ in 0..40 {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    assert_eq!((first.asked().len(), limited.asked().len(), second.asked().len()), (10, 30, 0));
    for _ in 0..8 {
        assert_eq!(proxy.post(r#"{"model":"m","storm":1}"#).await.header("x-keyplane-provider"), "a");
    }
    assert_eq!(second.asked().len(), 0, "one of the first still serves");
    let name = "projects/p/providers/a/credentials/k".parse().unwrap();
    proxy.change([Change::RemoveCredential(name)]);
    for _ in 0..8 {
        assert_eq!(proxy.chat("m").await.header("x-keyplane-provider"), "c");
    }
}

#[tokio::test]
async fn a_weight_of_zero_drains_and_the_others_keep_their_shares() {
    let (tx, rx) = tokio::sync::mpsc::channel(4);
    let rx = std::sync::Mutex::new(Some(rx));
    let upstream = Upstream::start(move |_| rx.lock().unwrap().take().map_or_else(Reply::ok, Reply::Channel)).await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    tx.send(Ok("data: {}\n\n".into())).await.unwrap();
    let response = proxy.send(proxy.request(r#"{"model":"m","stream":true}"#)).await;
    proxy.change([credential("a", "k1", 0), credential("a", "k2", 1), credential("a", "k3", 3)]);
    for _ in 0..40 {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    let served = upstream.by_key();
    assert_eq!((served["sk-k1"], served["sk-k2"], served["sk-k3"]), (1, 10, 30));
    tx.send(Ok(END.into())).await.unwrap();
    drop(tx);
    let answered = super::harness::Answered::of(response).await;
    assert_eq!(answered.body, ["data: {}\n\n", END].concat(), "what was in flight finishes");
    proxy.change([credential("a", "k2", 0), credential("a", "k3", 0)]);
    assert_eq!(proxy.chat("m").await.status, 503, "nobody is left");
}

#[tokio::test]
async fn a_rate_limit_is_the_accounts_over_its_providers() {
    let upstream = Upstream::start(|asked| match &*asked.key {
        "sk-k1" => slow_down(&[("retry-after", "100")]),
        _ => Reply::ok(),
    })
    .await;
    let proxy = Proxy::start([
        provider("a", upstream.address),
        provider("b", upstream.address),
        grouped("a", "k1", 1, Some("account")),
        grouped("a", "k2", 1, Some("account")),
        grouped("b", "k3", 1, Some("account")),
        grouped("b", "k4", 1, None),
        model("m", &["a", "b"]),
    ])
    .await;
    // Whoever comes to k1 first; k2 may have served before.
    while !upstream.by_key().contains_key("sk-k1") {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    let before = upstream.by_key();
    for _ in 0..10 {
        assert_eq!(proxy.chat("m").await.header("x-keyplane-provider"), "b");
    }
    let after = upstream.by_key();
    assert_eq!(after["sk-k4"] - before.get("sk-k4").unwrap_or(&0), 10, "{after:?}");
    assert_eq!(after.get("sk-k3"), None, "it is of the same account");
    let answered = proxy.chat("a/upstream-model").await;
    assert_eq!((answered.status, &*answered.code()), (429, "no_credential_available"));
}

/// What a caller is told when the first target answers a first request as `first` does, and the second as `second`.
async fn told(first: fn() -> Reply, second: fn() -> Reply) -> [(u16, String, u64); 2] {
    let first = Upstream::start(move |_| first()).await;
    let second = Upstream::start(move |_| second()).await;
    let proxy = Proxy::start([
        provider("a", first.address),
        provider("b", second.address),
        credential("a", "k", 1),
        credential("b", "k", 1),
        model("m", &["a", "b"]),
    ])
    .await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let answered = proxy.chat("m").await;
        let wait = answered.header("retry-after").parse().unwrap_or_default();
        told.push((answered.status, answered.code(), wait));
    }
    told.try_into().unwrap()
}

#[tokio::test]
async fn the_shortest_wait_is_over_all_targets_and_429_only_if_all_are_rate_limited() {
    let limited_long = || slow_down(&[("retry-after", "100")]);
    let limited_short = || slow_down(&[("retry-after", "20")]);
    let dead = || Reply::error(401, "invalid_api_key");
    for targets in [told(limited_long, limited_short).await, told(limited_short, limited_long).await] {
        for (status, code, wait) in targets {
            assert_eq!((status, &*code), (429, "no_credential_available"));
            assert!((19..=20).contains(&wait), "{wait}");
        }
    }
    for targets in [told(limited_short, dead).await, told(dead, limited_short).await] {
        // The request that finds the key dead is told so, if it found that last.
        let (status, code, wait) = &targets[1];
        assert_eq!((*status, &**code), (503, "no_credential_available"));
        assert!((19..=20).contains(wait), "{wait}");
    }
}

#[tokio::test]
async fn a_wait_as_a_date_is_honored_and_capped_and_is_that_credentials_alone() {
    let far = || slow_down(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]);
    let upstream = Upstream::start(move |asked| if asked.key == "sk-k1" { far() } else { Reply::ok() }).await;
    let proxy = Proxy::start([
        provider("a", upstream.address),
        credential("a", "k1", 1),
        credential("a", "k2", 1),
        model("m", &["a"]),
    ])
    .await;
    for _ in 0..10 {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    assert_eq!(upstream.by_key()["sk-k1"], 1);
    proxy.change([Change::RemoveCredential("projects/p/providers/a/credentials/k2".parse().unwrap())]);
    let answered = proxy.chat("m").await;
    let wait: u64 = answered.header("retry-after").parse().unwrap();
    assert!(answered.status == 429 && (590..=600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn answers_that_say_that_a_target_lives_interrupt_a_row_of_failures() {
    for status in [400, 429] {
        let upstream = Upstream::start(move |asked| match (asks_for(asked, "fail"), status) {
            (true, _) => Reply::error(500, "x"),
            (false, 429) => slow_down(&[("retry-after", "0")]),
            (false, status) => Reply::error(status, "x"),
        })
        .await;
        let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k", 1)]).await;
        for _ in 0..2 {
            for _ in 0..4 {
                assert_eq!(proxy.post(r#"{"model":"m","fail":1}"#).await.status, 502);
            }
            assert_eq!(proxy.chat("m").await.status, status);
        }
        assert_eq!(upstream.asked().len(), 10);
    }
}

#[tokio::test]
async fn what_requests_use_is_noted_once() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let mut proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k", 1)]).await;
    for _ in 0..3 {
        assert_eq!(proxy.chat("m").await.status, 200);
    }
    let mut subjects = Vec::new();
    while let Some((subject, at)) = proxy.evidence.try_next_use() {
        assert!(at.elapsed().unwrap() < Duration::from_secs(60));
        subjects.push(subject);
    }
    let expected = [
        Subject::CallerKey("projects/p/callerKeys/test".parse().unwrap()),
        Subject::Provider("projects/p/providers/a".parse().unwrap()),
        Subject::Credential("projects/p/providers/a/credentials/k".parse().unwrap(), 1),
    ];
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn of_a_request_with_the_callers_own_key_only_provider_and_caller_key_are_noted() {
    let upstream = Upstream::start(|_| Reply::ok()).await;
    let open = provider_of(AdapterKind::OpenAi, upstream.address);
    let open = put_provider("a", Provider { auth: Auth::Passthrough, ..open });
    let mut proxy = Proxy::start([open, model("m", &["a"]), credential("a", "k", 1)]).await;
    let mut request = proxy.request(r#"{"model":"m"}"#);
    request.headers_mut().insert("x-keyplane-key", super::harness::KEY.parse().unwrap());
    request.headers_mut().insert("authorization", "Bearer sk-own".parse().unwrap());
    proxy.send(request).await;
    let subjects: Vec<_> = std::iter::from_fn(|| proxy.evidence.try_next_use()).map(|(subject, _)| subject).collect();
    assert!(subjects.iter().all(|subject| !matches!(subject, Subject::Credential(..))), "{subjects:?}");
    assert_eq!(subjects.len(), 2);
}
