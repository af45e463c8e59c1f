//! The way down.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::SOON;
use super::harness::{Answered, KEY, Proxy, caller_key, credential, model, provider};
use super::upstream::{END, Reply, Upstream};

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
    tx.send(Ok(Bytes::from(END))).await.unwrap();
    drop(tx);
    assert_eq!(Answered::of(response).await.body, ["data: {}\n\n", END].concat());
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
