//! The canary test: after everything that an admin, a caller and a broken upstream can do, no secret is in any file, log or metric, in any
//! encoding.

use std::path::Path;

use http::StatusCode;

use super::short_or_long;
use crate::admin::Admin;
use crate::provider::Script;
use crate::world::{MODEL, PROVIDER, World};

/// Base64's letters.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whole groups of a base64 text at one of the three alignments: the letters that depend on the secret alone.
fn base64_at(secret: &[u8], skip: usize) -> String {
    let bytes = &secret[skip..];
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|shift| char::from(BASE64[(bits >> shift) as usize & 63]))
    });
    groups.collect()
}

/// Every form in which a secret could lie around.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let url: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let escaped: String = bytes.iter().map(|byte| format!("\\u{byte:04x}")).collect();
    let reversed: String = secret.chars().rev().collect();
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex, url, escaped, reversed];
    for skip in 0..3 {
        let text = base64_at(bytes, skip);
        forms.push(text.replace('+', "-").replace('/', "_"));
        forms.push(text);
    }
    // What has no letter that JSON or a URL would escape is written raw by both.
    forms.into_iter().map(String::into_bytes).collect()
}

fn search(haystack: &[u8], place: &str, needles: &[(String, Vec<Vec<u8>>)]) -> anyhow::Result<()> {
    for (name, forms) in needles {
        for form in forms {
            let found = memchr::memmem::find(haystack, form).is_some();
            anyhow::ensure!(!found, "{name} is in {place} as {}", String::from_utf8_lossy(form));
        }
    }
    Ok(())
}

/// Every file below a folder, but for those with the secrets that the operator was given.
fn search_files(folder: &Path, needles: &[(String, Vec<Vec<u8>>)]) -> anyhow::Result<usize> {
    let mut searched = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "secrets") {
                searched += search_files(&path, needles)?;
            }
        } else {
            search(&std::fs::read(&path)?, &path.display().to_string(), needles)?;
            searched += 1;
        }
    }
    Ok(searched)
}

#[test]
fn the_search_finds_a_secret_in_every_form() {
    let secret = "sk-canary-0123456789abcdef";
    let needles = vec![("it".to_owned(), forms(secret))];
    let haystacks = [
        secret.to_owned(),
        "xx736b2d63616e6172792d30313233343536373839616263646566".to_owned(),
        "c2stY2FuYXJ5LTAxMjM0NTY3ODlhYmNkZWY=".to_owned(),
        "eHNrLWNhbmFyeS0wMTIzNDU2Nzg5YWJjZGVm".to_owned(),
        "eHhzay1jYW5hcnktMDEyMzQ1Njc4OWFiY2RlZg==".to_owned(),
        "fedcba9876543210-yranac-ks".to_owned(),
    ];
    for haystack in haystacks {
        assert!(search(haystack.as_bytes(), "here", &needles).is_err(), "{haystack}");
    }
    assert!(search(b"nothing of it", "here", &needles).is_ok());
}

async fn provoke(world: &World, key: &str) -> anyhow::Result<()> {
    let caller = world.caller();
    for script in [
        Script::rejected(),
        Script::rate_limited("1"),
        Script { status: 500, ..Script::default() },
        Script { cut_after: Some(1), ..Script::default() },
        Script::default(),
    ] {
        world.provider.script(key, script);
        for _ in 0..3 {
            let answer = caller.chat(MODEL).await?;
            anyhow::ensure!(!answer.body.contains(key), "an answer shows a key: {}", answer.body);
            if let Ok(stream) = caller.stream(MODEL).await {
                let _ = stream.rest().await;
            }
        }
    }
    // Wrong keys of callers and admins, malformed bodies: what an access log would be tempted to show.
    let stranger = world.proxies[0].caller(&format!("{}x", world.caller_key)).chat(MODEL).await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    caller.post("/v1/chat/completions", "{\"model\": \"chat\", \"messages\": [").await?;
    let wrong = Admin::new(&world.control.admin_url(), &format!("kpa_{}", &world.caller_key))?;
    assert!(wrong.make_project("other").await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_file_log_or_metric() -> anyhow::Result<()> {
    let hex = |bytes: [u8; 16]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let first = format!("sk-canary-{}", hex(shared::id::random()));
    let mut world = World::start(&[(first.as_str(), 1)], 2).await?;
    let mut secrets = vec![("the first credential".to_owned(), first.clone())];
    for index in 0..short_or_long(50, 1_000) {
        let value = format!("sk-canary-{}", hex(shared::id::random()));
        world.provider.accept(&value);
        // Probes are limited, so that some of them are refused: a value that was refused must not lie around either.
        let _ = world.admin.make_credential(PROVIDER, &format!("canary-{index}"), &value, 1).await;
        secrets.push((format!("credential {index}"), value));
    }
    world.admin.rolled_out(0).await?;
    provoke(&world, &first).await?;

    let file = |path: std::path::PathBuf| anyhow::Ok(std::fs::read_to_string(path)?.trim().to_owned());
    secrets.push(("the caller key".into(), world.caller_key.clone()));
    secrets.push(("the admin token".into(), file(world.control.token_file())?));
    let join_token = file(world.control.join_token_file())?;
    let secret_part = join_token.split('.').nth(1).unwrap_or(&join_token).to_owned();
    secrets.push(("the join token".into(), secret_part));
    let master_key = file(world.control.master_key_file())?;
    secrets.push(("the master key".into(), master_key.rsplit(':').next().unwrap_or_default().to_owned()));
    let needles: Vec<_> = secrets.into_iter().map(|(name, secret)| (name, forms(&secret))).collect();

    for proxy in &world.proxies {
        search(proxy.metrics().await?.as_bytes(), "a proxy's metrics", &needles)?;
    }
    search(world.control.metrics().await?.as_bytes(), "the control plane's metrics", &needles)?;
    world.control.stop().await?;
    let searched = search_files(world.dir(), &needles)?;
    assert!(searched > 3, "only {searched} files were searched");
    Ok(())
}
