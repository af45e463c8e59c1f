//! From an admin's acknowledged write to the first request that it serves.
//!
//! A second connection asks the proxy every millisecond with the key that is being made. The key is known only from the answer to the
//! write, so polling begins with the acknowledgement; the figure holds the last probe's own time, which is printed beside it.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use proto::admin::v1::{CallerKey, CreateCallerKeyRequest};
use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::figures;
use crate::preload::WRITERS;

const BODY: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
const LIMIT: Duration = Duration::from_secs(60);

type Prober = Client<HttpConnector, Full<Bytes>>;

/// Measures single writes, then a burst.
pub(crate) async fn measure(admin: &Admin, proxy: &str, rounds: usize, burst: usize) -> anyhow::Result<()> {
    let prober = Client::builder(TokioExecutor::new()).build_http();
    let run = std::process::id();
    let (mut waits, mut probes) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let key = make(admin, format!("round-{run}-{round}")).await?;
        let acknowledged = Instant::now();
        probes.push(served(&prober, proxy, &key).await?);
        waits.push(acknowledged.elapsed());
        // Each write finds the stream quiet, as a single write by a person does.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    figures::print("acknowledged write to first request served", waits);
    figures::print("  of which the probe that succeeded", probes);
    if burst > 0 {
        measure_burst(admin, &prober, proxy, &format!("burst-{run}"), burst).await?;
    }
    Ok(())
}

async fn measure_burst(admin: &Admin, prober: &Prober, proxy: &str, name: &str, burst: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let mut caller_keys = admin.caller_keys.clone();
        let requests: Vec<_> =
            (writer..burst).step_by(WRITERS).map(|i| request(admin, format!("{name}-{i}"))).collect();
        tasks.spawn(async move {
            let mut keys = Vec::new();
            for request in requests {
                let key = caller_keys.create_caller_key(request).await?.into_inner().plaintext;
                keys.push((Instant::now(), key));
            }
            anyhow::Ok(keys)
        });
    }
    let mut keys = Vec::new();
    while let Some(made) = tasks.join_next().await {
        keys.extend(made??);
    }
    let written = start.elapsed();
    // Revisions are applied in their order, so the last one says when all are served; the others are asked for afterwards.
    keys.sort_unstable();
    if let Some((_, last)) = keys.last() {
        served(prober, proxy, last).await?;
    }
    let last_served = start.elapsed();
    for (_, key) in &keys {
        served(prober, proxy, key).await?;
    }
    figures::print_one(&format!("burst of {burst}: all writes acknowledged"), written);
    figures::print_one("  and the last of them served, from the start", last_served);
    Ok(())
}

fn request(admin: &Admin, id: String) -> CreateCallerKeyRequest {
    CreateCallerKeyRequest {
        parent: admin.project.clone(),
        caller_key_id: id,
        caller_key: Some(CallerKey {
            environment: admin.environment(),
            allowed_models: vec!["*".into()],
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn make(admin: &Admin, id: String) -> anyhow::Result<String> {
    let answer = admin.caller_keys.clone().create_caller_key(request(admin, id)).await?;
    Ok(answer.into_inner().plaintext)
}

/// Asks every millisecond until the key is served; the time that the last request took.
async fn served(prober: &Prober, proxy: &str, key: &str) -> anyhow::Result<Duration> {
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let limit = Instant::now() + LIMIT;
    loop {
        tick.tick().await;
        let sent = Instant::now();
        let request = Request::post(format!("{proxy}/v1/chat/completions"))
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {key}"))
            .body(Full::new(Bytes::from_static(BODY.as_bytes())))?;
        let answer = prober.request(request).await.context("the proxy does not answer")?;
        let status = answer.status();
        answer.into_body().collect().await?;
        if status.is_success() {
            return Ok(sent.elapsed());
        }
        anyhow::ensure!(status == StatusCode::UNAUTHORIZED, "the proxy answers {status}");
        anyhow::ensure!(Instant::now() < limit, "not served within {LIMIT:?}");
    }
}
