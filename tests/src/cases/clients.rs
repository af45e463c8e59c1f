//! Clients in another language: generated from the protos alone, and the official OpenAI package.

use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use proto::admin::v1::{CallerKey, CreateCallerKeyRequest};

use crate::process::repository;
use crate::world::{ENVIRONMENT, PROJECT, World};

/// Runs a script of `tests/python` in the environment that `tests/run` made; what it says on both its outputs, if it ends well.
pub(super) async fn said(script: &str, arguments: Vec<String>) -> anyhow::Result<String> {
    let script = script.to_owned();
    let run = move || -> anyhow::Result<Output> {
        let python = repository().join(".venv/bin/python");
        Command::new(&python)
            .arg(repository().join("tests/python").join(&script))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{} runs; tests/run sets it up", python.display()))
    };
    let output = tokio::task::spawn_blocking(run).await??;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    anyhow::ensure!(output.status.success(), "{text}");
    Ok(text)
}

/// [`said`], which is printed: its facts, for who runs the tests with `--nocapture`.
pub(super) async fn run(script: &str, arguments: Vec<String>) -> anyhow::Result<()> {
    println!("{}", said(script, arguments).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_generated_from_the_protos_does_the_admins_whole_job() -> anyhow::Result<()> {
    let world = World::start(&[("sk-python-0001", 1)], 1).await?;
    world.provider.accept("sk-python-0002");
    let arguments = vec![
        world.control.admin_url().replace("http://", ""),
        world.control.token_file().display().to_string(),
        world.provider.base_url(),
        "sk-python-0002".into(),
    ];
    run("admin_client.py", arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_generated_from_the_protos_syncs_as_a_proxy_would() -> anyhow::Result<()> {
    let world = World::start(&[("sk-python-0001", 1)], 0).await?;
    let arguments = vec![
        world.control.admin_url().replace("http://", ""),
        world.control.token_file().display().to_string(),
        format!("127.0.0.1:{}", world.control.sync_port()),
        "projects/acme".into(),
        "production".into(),
    ];
    run("sync_client.py", arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_openai_package_is_served() -> anyhow::Result<()> {
    let world = World::start(&[("sk-python-0001", 1)], 1).await?;
    let request = CreateCallerKeyRequest {
        parent: PROJECT.into(),
        caller_key_id: "limited".into(),
        caller_key: Some(CallerKey {
            environment: ENVIRONMENT.into(),
            allowed_models: vec!["other".into()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let limited = world.admin.caller_keys().create_caller_key(request).await?.into_inner().plaintext;
    world.admin.rolled_out(0).await?;
    run("openai_client.py", vec![world.proxies[0].url(), world.caller_key.clone(), limited]).await
}
