//! `keyplane dev`: the first request answers, and a second start finds everything as it was left.

use std::path::Path;

use crate::caller::Caller;
use crate::condition::eventually;
use crate::process::{Process, free_port};

struct Dev {
    process: Process,
    caller: Caller,
}

async fn start(dir: &Path, ports: [u16; 5]) -> anyhow::Result<Dev> {
    let names = ["--admin-listen", "--sync-listen", "--control-metrics-listen", "--listen", "--proxy-metrics-listen"];
    let mut flags = vec!["dev".to_owned(), "--data-dir".to_owned(), dir.join("data").display().to_string()];
    for (name, port) in names.into_iter().zip(ports) {
        flags.extend([name.to_owned(), format!("127.0.0.1:{port}")]);
    }
    let log = dir.join(format!("dev-{}.log", shared::id::random_below(u64::MAX)));
    let mut process = Process::start("keyplane", &flags, &log)?;
    let request = format!("http://127.0.0.1:{}/v1/chat/completions", ports[3]);
    eventually("the request to paste is printed", async || {
        let text = process.log().ok()?;
        let ended = process.has_ended().ok()?;
        assert!(ended.is_none(), "it ended: {text}");
        (text.contains(&request) && text.contains("Ctrl-C")).then_some(())
    })
    .await?;
    let key = std::fs::read_to_string(dir.join("data/caller-key"))?;
    Ok(Dev { process, caller: Caller::new(&format!("http://127.0.0.1:{}", ports[3]), key.trim()) })
}

async fn answers(caller: &Caller) -> anyhow::Result<()> {
    let answer = caller.chat("echo").await?;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "hello", "{}", answer.body);
    let streamed = caller.stream("echo").await?.rest().await?;
    assert!(streamed.contains("hello") && streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    let body = r#"{"model": "echo", "input": "text"}"#;
    let vectors = caller.post("/v1/embeddings", body).await?;
    assert_eq!(vectors.json()["data"][0]["embedding"].as_array().map(Vec::len), Some(8), "{}", vectors.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_answers_and_a_second_start_finds_everything() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let ports = [free_port()?, free_port()?, free_port()?, free_port()?, free_port()?];
    let mut first = start(dir.path(), ports).await?;
    answers(&first.caller).await?;
    first.process.ask_to_stop()?;
    let status = first.process.ended().await?;
    assert_eq!(status.code(), Some(0), "{}", first.process.log()?);

    // The caller key is the same one, and the credential still is for the same origin.
    let mut second = start(dir.path(), ports).await?;
    answers(&second.caller).await?;
    answers(&first.caller).await?;
    second.process.kill()?;
    let third = start(dir.path(), ports).await?;
    answers(&third.caller).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_on_the_same_data_says_what_is_in_the_way() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let ports = || -> anyhow::Result<_> { Ok([free_port()?, free_port()?, free_port()?, free_port()?, free_port()?]) };
    let _first = start(dir.path(), ports()?).await?;
    let log = dir.path().join("second.log");
    let data = dir.path().join("data").display().to_string();
    let mut second = Process::start("keyplane", &["dev".to_owned(), "--data-dir".to_owned(), data], &log)?;
    assert_eq!(second.ended().await?.code(), Some(1));
    let text = second.log()?;
    assert!(text.contains("another keyplane dev") && text.contains("--data-dir"), "{text}");
    Ok(())
}
