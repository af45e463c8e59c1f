//! The command line, as people and scripts use it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::control::Control;
use crate::process::binary_path;
use crate::world::World;

/// Runs `keyplane` with some words, an input, and the control plane's address and token in its environment.
pub(super) async fn keyplane(control: &Control, words: &str, input: &str) -> anyhow::Result<Output> {
    let mut command = Command::new(binary_path("keyplane")?);
    command
        .args(words.split_whitespace())
        .env_clear()
        .env("KEYPLANE_SERVER", control.admin_url())
        .env("KEYPLANE_TOKEN_FILE", control.token_file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    let run = move || -> anyhow::Result<Output> {
        let mut child = command.spawn()?;
        // A command that needs no input may have ended before it is written.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        Ok(child.wait_with_output()?)
    };
    tokio::task::spawn_blocking(run).await?
}

pub(super) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(super) async fn does(control: &Control, words: &str, input: &str) -> anyhow::Result<String> {
    let output = keyplane(control, words, input).await?;
    anyhow::ensure!(output.status.success(), "keyplane {words}: {}", text(&output));
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admins_page_from_nothing_to_a_first_request() -> anyhow::Result<()> {
    let mut world = World::start(&[], 1).await?;
    world.provider.accept("sk-cli-0000001");
    let (control, base_url) = (&world.control, world.provider.base_url());
    does(control, "projects create shop --display-name Shop", "").await?;
    does(control, "environments create production --project shop", "").await?;
    let words = format!(
        "providers create up --project shop --display-name Up --vendor up --adapter openai --base-url {base_url} \
         --environment production --exposed-model gpt-4o"
    );
    does(control, &words, "").await?;
    let words = "credentials create main --project shop --provider up --value-file -";
    let made = does(control, words, "sk-cli-0000001\n").await?;
    assert!(made.contains("ACTIVE") && made.contains("sk-c...001") && !made.contains("sk-cli-0000001"), "{made}");
    does(control, "models create assistant --project shop --target up/gpt-4o", "").await?;
    let words = "caller-keys create website -p shop --environment production --allowed-model assistant -o json";
    let key: Value = serde_json::from_str(&does(control, words, "").await?)?;
    does(control, "rollout wait --timeout 20", "").await?;
    let plaintext = key["plaintext"].as_str().unwrap_or_default();
    let answer = world.proxies[0].caller(plaintext).chat("assistant").await?;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);

    let status = does(control, "status", "").await?;
    assert!(status.contains("projects/shop/environments/production") && status.contains("proxies/"), "{status}");
    let listed: Value = serde_json::from_str(&does(control, "credentials list -p shop -o json", "").await?)?;
    assert_eq!(listed[0]["state"], "CREDENTIAL_STATE_ACTIVE");
    let plan = does(control, "providers delete up -p shop --force --validate-only", "").await?;
    assert!(plan.contains("Model") && plan.contains("nothing was changed"), "{plan}");
    does(control, "providers delete up -p shop --force", "").await?;
    assert_eq!(world.control.stop().await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_can_tell_what_failed_by_the_exit_code_and_people_by_the_text() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut control = Control::start(dir.path()).await?;
    does(&control, "projects create shop", "").await?;
    let refused = keyplane(&control, "providers create up -p shop --display-name Up --vendor up", "").await?;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("adapter") && text(&refused).contains("reason: "), "{}", text(&refused));
    let wrong = keyplane(&control, "projects get Not/An/Id", "").await?;
    assert_eq!(wrong.status.code(), Some(2));
    let quiet = keyplane(&control, "rollout wait --timeout 1", "").await?;
    assert!(!text(&quiet).contains('\r'), "progress is shown in a pipe: {}", text(&quiet));
    std::fs::write(control.token_file(), "kpa_0000000000000000000000000000000000000000000000000")?;
    assert_eq!(keyplane(&control, "projects list", "").await?.status.code(), Some(4));
    control.kill()?;
    let away = keyplane(&control, "projects list", "").await?;
    assert_eq!(away.status.code(), Some(3), "{}", text(&away));
    assert!(text(&away).contains("what to do: "), "{}", text(&away));
    Ok(())
}
