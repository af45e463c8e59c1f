//! Addresses, and what comes over a connection that is not HTTP as it should be.

use clap::Parser as _;
use data_plane::config::Config;
use data_plane::server::{Listeners, RunError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SOON;
use super::harness::Proxy;

#[tokio::test]
async fn a_second_proxy_does_not_share_an_address_by_mistake() {
    let proxy = Proxy::cold(&[]).await;
    let config = |listen: String, metrics: String| {
        let fixed = ["keyplane-proxy", "--control=https://127.0.0.1:1", "--join-token-file=none"].map(String::from);
        Config::try_parse_from(fixed.into_iter().chain([listen, metrics])).unwrap()
    };
    let free = "127.0.0.1:0";
    for (flag, config) in [
        ("listen", config(format!("--listen={}", proxy.address), format!("--metrics-listen={free}"))),
        ("metrics-listen", config(format!("--listen={free}"), format!("--metrics-listen={}", proxy.metrics_address))),
    ] {
        match Listeners::bind(&config) {
            Err(RunError::Bind { flag: at_fault, address, .. }) => {
                assert_eq!(at_fault, flag);
                assert!(address == proxy.address || address == proxy.metrics_address);
            }
            other => panic!("{flag}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_http_gets_an_answer_that_says_so() {
    let proxy = Proxy::cold(&[]).await;
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    for (head, status) in [
        ("GET /v1/models HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(), "400"),
        ("POST /v1/embeddings HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_owned(), "400"),
        (format!("GET /v1/models HTTP/1.1\r\n{many}\r\n"), "431"),
    ] {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?} to {head:?}");
    }
}
