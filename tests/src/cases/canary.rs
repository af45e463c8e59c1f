//! The canary test: after everything that an admin, a caller and a broken upstream can do, no secret is in any file, log, metric or answer,
//! in any encoding.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_plane::store::sled::{Options, SledStore};
use http::StatusCode;
use prost::Message as _;
use proto::admin::v1::ListCredentialsRequest;
use shared::task::Tasks;

use crate::admin::Admin;
use crate::provider::Script;
use crate::search::Needles;
use crate::world::{ENVIRONMENT, MODEL, PROJECT, PROVIDER, World};

/// How many secrets are stored.
const SECRETS: usize = 1_000;
/// How many admins store them at once.
const ADMINS: usize = 16;

/// A key that looks like one; each fourth has letters that URLs and JSON write otherwise.
fn new_key(index: usize) -> String {
    let random: String = shared::id::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    if index.is_multiple_of(4) { format!(r#"sk/+"\={random}"#) } else { format!("sk-canary-{random}") }
}

/// Stores them all, and answers how many were.
async fn store_all(world: &World, keys: &Arc<Vec<String>>) -> u64 {
    let (tasks, stored) = (Tasks::new(), Arc::new(AtomicU64::new(0)));
    let next = Arc::new(AtomicU64::new(1));
    for _ in 0..ADMINS {
        let (admin, keys) = (world.admin.clone(), Arc::clone(keys));
        let (stored, next) = (Arc::clone(&stored), Arc::clone(&next));
        tasks.spawn("admin", async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(key) = keys.get(usize::try_from(index).unwrap_or(usize::MAX)) else { return };
                let made = admin.make_credential(PROVIDER, &format!("canary-{index}"), key, 1).await;
                stored.fetch_add(u64::from(made.is_ok()), Ordering::Relaxed);
            }
        });
    }
    tasks.stopped().await;
    stored.load(Ordering::Relaxed)
}

/// Everything that can be told of a credential and its failures; answers what was said, to be searched.
async fn provoke(world: &World, keys: &[String]) -> anyhow::Result<String> {
    let caller = world.caller();
    let mut said = String::new();
    for script in [
        Script::rejected(),
        Script::rate_limited("1"),
        Script { status: 500, ..Script::default() },
        Script { cut_after: Some(1), ..Script::default() },
        Script::default(),
    ] {
        for key in keys {
            world.provider.script(key, script.clone());
        }
        for _ in 0..5 {
            said += &caller.chat(MODEL).await?.body;
            if let Ok(stream) = caller.stream(MODEL).await {
                said += &stream.rest().await.unwrap_or_else(|error| format!("{error:#}"));
            }
        }
    }
    // Wrong keys of callers and admins, malformed bodies: what an access log would be tempted to show.
    let stranger = world.proxies[0].caller(&format!("{}x", world.caller_key)).chat(MODEL).await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    said += &stranger.body;
    said += &caller.post("/v1/chat/completions", "{\"model\": \"chat\", \"messages\": [").await?.body;
    let wrong = Admin::new(&world.control.admin_url(), &format!("kpa_{}", &world.caller_key))?;
    said += &format!("{:?}", wrong.make_project("other").await.unwrap_err());
    Ok(said)
}

/// What the admin API says of values that the provider refuses. Comes first: later there is nobody left to ask, as questions are limited,
/// and the values would be stored.
async fn give_refused_values(admin: &Admin, refused: &[String]) -> String {
    let mut said = String::new();
    for (index, key) in refused.iter().enumerate() {
        said +=
            &format!("{:?}", admin.make_credential(PROVIDER, &format!("refused-{index}"), key, 1).await.unwrap_err());
    }
    said
}

/// What it says of those that are stored.
async fn ask_the_admin_api(admin: &Admin) -> anyhow::Result<Vec<u8>> {
    let mut said = Vec::new();
    for _ in 0..3 {
        // Encoded, since the message's Debug would hide what is in it.
        match admin.check_credential(&format!("{PROVIDER}/credentials/c0")).await {
            Ok(checked) => said.extend(checked.encode_to_vec()),
            Err(refused) => said.extend(format!("{refused:?}").into_bytes()),
        }
    }
    let request = ListCredentialsRequest { parent: PROVIDER.into(), page_size: 1_000, ..Default::default() };
    said.extend(admin.credentials().list_credentials(request).await?.into_inner().encode_to_vec());
    Ok(said)
}

/// The secrets that are no credentials.
async fn others(world: &World, needles: &mut Needles) -> anyhow::Result<()> {
    let file = |path: std::path::PathBuf| anyhow::Ok(std::fs::read_to_string(path)?.trim().to_owned());
    // The last part of a join token is the CA's pin, which is no secret.
    let secret_part = |token: &str| token.split('.').nth(1).unwrap_or(token).to_owned();
    needles.add("a caller key", world.caller_key.as_bytes());
    let later = world.admin.make_caller_key(PROJECT, "later", ENVIRONMENT).await?;
    needles.add("a later caller key", later.plaintext.as_bytes());
    needles.add("the admin token", file(world.control.token_file())?.as_bytes());
    needles.add("the bootstrap join token", secret_part(&file(world.control.join_token_file())?).as_bytes());
    let token = world.admin.make_join_token("later", &[ENVIRONMENT], 0).await?;
    needles.add("a later join token", secret_part(&token.plaintext).as_bytes());
    let master_key = file(world.control.master_key_file())?;
    let encoded = master_key.rsplit(':').next().unwrap_or_default();
    needles.add("the master key's text", encoded.as_bytes());
    needles.add("the master key", &STANDARD.decode(encoded)?);
    Ok(())
}

/// Writes a checkpoint, as the control plane does every 10,000 commits.
async fn write_a_checkpoint(data_dir: &Path) -> anyhow::Result<()> {
    let store = SledStore::open(data_dir, Options::default())?;
    let path = store.checkpoint().await?;
    store.close().await;
    anyhow::ensure!(path.exists(), "{} is there", path.display());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_file_log_or_metric() -> anyhow::Result<()> {
    let keys: Arc<Vec<_>> = Arc::new((0..SECRETS).map(new_key).collect());
    let refused: Vec<_> = (0..5).map(new_key).collect();
    let mut world = World::start(&[(keys[0].as_str(), 1)], 2).await?;
    for key in keys.iter() {
        world.provider.accept(key);
    }
    let of_refused = give_refused_values(&world.admin, &refused).await;
    assert_eq!(store_all(&world, &keys).await, SECRETS as u64 - 1, "every one is stored, the first beside them");
    world.admin.rolled_out(0).await?;

    let mut needles = Needles::default();
    for (index, key) in keys.iter().enumerate() {
        needles.add(&format!("credential {index}"), key.as_bytes());
    }
    for (index, key) in refused.iter().enumerate() {
        needles.add(&format!("refused value {index}"), key.as_bytes());
    }
    others(&world, &mut needles).await?;
    assert!(needles.len() > SECRETS);

    needles.are_absent(provoke(&world, &keys).await?.as_bytes(), "a proxy's answer")?;
    needles.are_absent(of_refused.as_bytes(), "an answer to an admin")?;
    needles.are_absent(&ask_the_admin_api(&world.admin).await?, "an answer to an admin")?;
    for proxy in &world.proxies {
        needles.are_absent(proxy.metrics().await?.as_bytes(), "a proxy's metrics")?;
    }
    needles.are_absent(world.control.metrics().await?.as_bytes(), "the control plane's metrics")?;

    // The store as a crash leaves it, as a clean stop leaves it, and as a checkpoint.
    world.control.kill()?;
    let data = needles.are_absent_below(&world.control.data_dir(), "secrets")?;
    assert!(data.files > 2 && data.bytes > 100 * SECRETS, "{data:?}");
    world.control.start_again().await?;
    world.control.stop().await?;
    write_a_checkpoint(&world.control.data_dir()).await?;
    let all = needles.are_absent_below(world.dir(), "secrets")?;
    assert!(all.files > data.files && all.bytes > data.bytes, "{all:?}");
    Ok(())
}
