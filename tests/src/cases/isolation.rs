//! What a proxy may see comes from its enrollment: nothing of another environment is ever written to its stream.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proto::admin::v1::JoinToken;

use super::short_or_long;
use crate::admin::Admin;
use crate::condition::eventually;
use crate::control::Control;
use crate::memory::Memory;
use crate::provider::Provider;
use crate::proxy::Proxy;
use crate::sync::{Subject, enroll};

const PROJECT: &str = "projects/acme";
const PRODUCTION: &str = "projects/acme/environments/production";

/// One random write to one environment's own resources; whether a credential was stored. Every name and secret of it holds the
/// environment's id, to be searched for.
async fn operate(admin: &Admin, upstream: &Provider, environment: &str, count: u64) -> bool {
    let own = format!("{PROJECT}/environments/{environment}");
    let id = format!("{environment}-{}", shared::id::random_below(8));
    let provider = format!("{PROJECT}/providers/{id}");
    let credential = format!("{environment}-c{}", shared::id::random_below(5));
    // Any of them may be refused, as what it needs may be gone or there already: that is part of the randomness.
    match shared::id::random_below(12) {
        0 | 1 => drop(admin.make_provider(PROJECT, &id, &upstream.base_url(), &[&own]).await),
        2..=6 => {
            let value = format!("sk-{environment}-secret-{count}");
            upstream.accept(&value);
            return admin.make_credential(&provider, &credential, &value, 1).await.is_ok();
        }
        7 | 8 => {
            let model = format!("{environment}-m{}", shared::id::random_below(7));
            drop(admin.make_model(PROJECT, &model, &provider, "gpt-4o").await);
        }
        9 => drop(admin.delete_credential(&format!("{provider}/credentials/{credential}")).await),
        10 if count.is_multiple_of(4) => drop(admin.delete_provider(&provider).await),
        _ => drop(admin.make_caller_key(PROJECT, &format!("{environment}-k{count}"), &own).await),
    }
    false
}

fn says_staging(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"staging").is_some()
}

/// A control plane with both environments, and a join token for production in a file.
async fn two_environments(dir: &Path, upstream: &Provider) -> anyhow::Result<(Control, JoinToken, PathBuf)> {
    let control = Control::start(dir).await?;
    let admin = control.admin()?;
    admin.make_project("acme").await?;
    for environment in ["production", "staging"] {
        let name = admin.make_environment(PROJECT, environment).await?.name;
        let id = format!("{environment}-always");
        let provider = admin.make_provider(PROJECT, &id, &upstream.base_url(), &[&name]).await?;
        upstream.accept(&format!("sk-{environment}-always"));
        admin.make_credential(&provider.name, "main", &format!("sk-{environment}-always"), 1).await?;
        admin.make_model(PROJECT, &format!("{environment}-model"), &provider.name, "gpt-4o").await?;
    }
    let token = admin.make_join_token("production", &[PRODUCTION], 0).await?;
    let file = dir.join("secrets/production-join-token");
    std::fs::write(&file, &token.plaintext)?;
    Ok((control, token, file))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_staging_is_in_any_byte_for_a_production_proxy() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let upstream = Provider::start().await?;
    let (control, token, file) = two_environments(dir.path(), &upstream).await?;
    let admin = control.admin()?;
    let identity = enroll(control.sync_port(), &token.ca_certificate, &token.plaintext, "tap", Subject::None).await?;
    let mut session = identity.open(vec![]).await?;
    let mut proxy = Proxy::start(dir.path(), "real", &control.sync_url(), &file).await?;

    let mut stored = BTreeMap::from([("production", 0), ("staging", 0)]);
    let operations = short_or_long(1_000, 10_000);
    for count in 0..operations {
        let environment = if shared::id::random_below(2) == 0 { "production" } else { "staging" };
        let was_stored = operate(&admin, &upstream, environment, count).await;
        *stored.entry(environment).or_default() += u64::from(was_stored);
        // Reading along keeps the stream from stalling, and the frames from folding into a few.
        if count % 20 == 19 {
            let mark = admin.make_caller_key(PROJECT, &format!("production-mark-{count}"), PRODUCTION).await?;
            session.reaches(PRODUCTION, mark.revision).await?;
        }
    }
    assert!(stored.values().all(|&count| count > operations / 50), "too few credentials were stored: {stored:?}");

    // First that the tap works: what is production's came through it, secrets and all.
    let bytes = session.tap.bytes();
    assert!(session.received.len() > 50, "{} frames", session.received.len());
    for own in ["sk-production-always", "production-mark-19", "sk-production-secret-"] {
        assert!(memchr::memmem::find(&bytes, own.as_bytes()).is_some(), "{own} is not in the {} bytes", bytes.len());
    }
    // A word may lie across the border of two HTTP/2 frames: the messages are searched, too.
    assert!(!says_staging(&bytes));
    for frame in &session.received {
        assert!(!says_staging(frame), "{}", String::from_utf8_lossy(frame));
    }
    nothing_of_staging_is_served(&admin, &proxy).await?;
    let memory = Memory::of(proxy.process()?.id())?;
    assert_eq!(memory.find(b"sk-staging-")?, Vec::<u64>::new());
    Ok(())
}

/// What a real proxy of production says to those who ask it for staging.
async fn nothing_of_staging_is_served(admin: &Admin, proxy: &Proxy) -> anyhow::Result<()> {
    let theirs = admin.make_caller_key(PROJECT, "theirs", &format!("{PROJECT}/environments/staging")).await?;
    let ours = admin.make_caller_key(PROJECT, "ours", PRODUCTION).await?;
    let caller = proxy.caller(&ours.plaintext);
    eventually("the later of the two keys is known", async || {
        (caller.chat("production-model").await.ok()?.status.as_u16() == 200).then_some(())
    })
    .await?;
    for model in ["staging-model", "staging-always/gpt-4o", "staging-always"] {
        let refused = caller.chat(model).await?;
        let code = &refused.json()["error"]["code"];
        assert_eq!((refused.status.as_u16(), code), (404, &"model_not_found".into()), "{model}: {}", refused.body);
    }
    let stranger = proxy.caller(&theirs.plaintext).chat("staging-model").await?;
    assert_eq!(stranger.status.as_u16(), 401, "{}", stranger.body);
    Ok(())
}
