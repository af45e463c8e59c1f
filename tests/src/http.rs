//! A small HTTP client for the cases.

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// What a case's requests go through.
pub type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A client with connections of its own.
#[must_use]
pub fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// The status and body of a GET; `None` when there is no answer.
pub async fn get(url: &str) -> Option<(StatusCode, String)> {
    let request = Request::builder().method(Method::GET).uri(url).body(Full::default()).ok()?;
    let answer = client().request(request).await.ok()?;
    let status = answer.status();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A whole body as text.
///
/// # Errors
///
/// When it ends before its end.
pub async fn text(body: Incoming) -> anyhow::Result<String> {
    let bytes = body.collect().await.context("the body comes whole")?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

/// The sum of a metric's samples whose labels contain a text, from the Prometheus text format; 0 where there is none.
#[must_use]
pub fn metric(metrics: &str, name: &str, label: &str) -> f64 {
    metrics
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter(|line| line.contains(label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
