//! What an answer counts as, and what is no answer.

use super::harness::{Proxy, credential, model, provider};
use super::upstream::{END, Reply, Upstream};
use super::{SOON, until};

#[tokio::test]
async fn an_answer_that_came_whole_is_counted_as_served() {
    let upstream = Upstream::start(|asked| match std::str::from_utf8(&asked.body) {
        Ok(body) if body.contains("\"stream\"") => Reply::Stream(vec![END]),
        Ok(body) if body.contains("nothing") => Reply::Json(200, &[], String::new()),
        _ => Reply::ok(),
    })
    .await;
    let proxy = Proxy::start([provider("a", upstream.address), model("m", &["a"]), credential("a", "k1", 1)]).await;
    for extra in ["", r#","nothing":1"#, r#","stream":true"#] {
        assert_eq!(proxy.post(&format!(r#"{{"model":"m"{extra}}}"#)).await.status, 200);
    }
    until(SOON, async || proxy.ops("/metrics").await.body.contains("requests_in_flight 0")).await;
    let metrics = proxy.ops("/metrics").await.body;
    let served = r#"requests_total{operation="chat",outcome="served"} 3"#;
    assert!(metrics.contains(served) && !metrics.contains("abandoned"), "{metrics}");
}

#[tokio::test]
async fn failures_with_a_success_between_them_don_t_open_a_target() {
    let upstream = Upstream::start(|asked| match std::str::from_utf8(&asked.body) {
        Ok(body) if body.contains("fail") => Reply::error(500, "x"),
        _ => Reply::ok(),
    })
    .await;
    let other = Upstream::start(|_| Reply::ok()).await;
    let proxy = Proxy::start([
        provider("a", upstream.address),
        provider("b", other.address),
        credential("a", "k1", 1),
        credential("b", "k1", 1),
        model("m", &["a", "b"]),
    ])
    .await;
    // Not more, or the budget for retries would be used up.
    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!(proxy.post(r#"{"model":"m","fail":1}"#).await.header("x-keyplane-provider"), "b");
        }
        let answered = proxy.chat("m").await;
        assert_eq!(answered.header("x-keyplane-provider"), "a", "it was never five in a row");
    }
}

#[tokio::test]
async fn a_page_or_a_redirect_is_no_answer_and_the_next_target_serves() {
    for page in [
        || Reply::Json(200, &[("content-type", "text/html; charset=utf-8")], "<html>Sign in</html>".into()),
        || Reply::Json(302, &[("location", "http://127.0.0.1:1/")], String::new()),
        || Reply::Json(307, &[("location", "http://127.0.0.1:1/")], String::new()),
    ] {
        let portal = Upstream::start(move |_| page()).await;
        let good = Upstream::start(|_| Reply::ok()).await;
        let proxy = Proxy::start([
            provider("portal", portal.address),
            provider("good", good.address),
            credential("portal", "k1", 1),
            credential("good", "k1", 1),
            model("m", &["portal", "good"]),
        ])
        .await;
        let answered = proxy.chat("m").await;
        assert_eq!((answered.status, answered.header("x-keyplane-provider")), (200, "good"));
        let answered = proxy.chat("portal/x").await;
        assert_eq!((answered.status, &*answered.code()), (502, "upstream_error"));
    }
}
