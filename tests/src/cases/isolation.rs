//! What a proxy may see comes from its enrollment: nothing of another environment is ever written to its stream.

use crate::admin::Admin;
use crate::control::Control;
use crate::provider::Provider;
use crate::sync::{Subject, enroll};

use super::short_or_long;

const PROJECT: &str = "projects/acme";

/// One random write to one environment's own resources. Every name and secret of it holds the environment's id, to be searched for.
async fn operate(admin: &Admin, base_url: &str, environment: &str, count: u64) {
    let own = format!("{PROJECT}/environments/{environment}");
    let id = format!("{environment}-{}", shared::id::random_below(8));
    let provider = format!("{PROJECT}/providers/{id}");
    // Any of them may be refused, as what it needs may be gone: that is part of the randomness.
    match shared::id::random_below(6) {
        0 => drop(admin.make_provider(PROJECT, &id, base_url, &[&own]).await),
        1 | 2 => {
            let value = format!("sk-{environment}-secret-{count}");
            drop(admin.make_credential(&provider, &format!("{environment}-c{}", count % 5), &value, 1).await);
        }
        3 => drop(admin.make_model(PROJECT, &format!("{environment}-m{}", count % 7), &provider, "gpt-4o").await),
        4 => drop(admin.delete_credential(&format!("{provider}/credentials/{environment}-c{}", count % 5)).await),
        _ if count.is_multiple_of(4) => drop(admin.delete_provider(&provider).await),
        _ => drop(admin.make_caller_key(PROJECT, &format!("{environment}-k{count}"), &own).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_staging_is_in_any_byte_for_a_production_proxy() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let control = Control::start(dir.path()).await?;
    let upstream = Provider::start().await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    admin.make_environment(PROJECT, "production").await?;
    admin.make_environment(PROJECT, "staging").await?;
    let production = format!("{PROJECT}/environments/production");
    let token = admin.make_join_token("production", &[&production], 0).await?;
    let identity = enroll(control.sync_port(), &token.ca_certificate, &token.plaintext, "tap", Subject::None).await?;
    let mut session = identity.open(vec![]).await?;

    for count in 0..short_or_long(1_000, 10_000) {
        let environment = if shared::id::random_below(2) == 0 { "production" } else { "staging" };
        operate(&admin, &upstream.base_url(), environment, count).await;
        // Reading along keeps the stream from stalling, and the frames from folding into a few.
        if count % 20 == 19 {
            let mark = admin.make_caller_key(PROJECT, &format!("production-mark-{count}"), &production).await?;
            session.reaches(&production, mark.revision).await?;
        }
    }
    assert!(session.received.len() > 50, "{} frames", session.received.len());
    assert!(!session.environments[&production].is_empty());
    for frame in &session.received {
        let leaked = frame.windows(b"staging".len()).any(|window| window == b"staging");
        assert!(!leaked, "{}", String::from_utf8_lossy(frame));
    }
    Ok(())
}
