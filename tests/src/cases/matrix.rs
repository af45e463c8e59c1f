//! Every SDK against every way out: what an application can do with its SDK, it can do with any provider.
//!
//! The scripts are in `tests/python/matrix`, the scenarios in its `scenarios.py`, and what can't be had in its `limits.py`. The stand-ins refuse
//! what their providers would refuse, so that a cell says why it fails.

mod table;

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use super::clients::said;
use super::ways::{MODELS, WAYS, Way};
use crate::condition::eventually;
use crate::proxy::{Proxy, Tls};
use crate::standin::{StandIn, Topic};
use crate::world::World;
use table::Table;

/// The scripts, each of one SDK in one of its formats.
pub(super) const SDKS: [&str; 6] =
    ["openai_chat", "openai_responses", "anthropic_messages", "google_genai", "boto3_converse", "cohere_chat"];

#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_does_everything_by_every_way_out() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let mut upstreams = Vec::new();
    for way in ways() {
        upstreams.push((way, way.open(&world).await?));
    }
    world.admin.rolled_out(0).await?;
    let secure = Secure::start(&world).await?;
    let mut runs = JoinSet::new();
    for sdk in SDKS {
        let arguments = arguments(&world, &secure, sdk);
        runs.spawn(async move { (sdk, said(&format!("matrix/{sdk}.py"), arguments).await) });
    }
    let mut table = Table::default();
    while let Some(run) = runs.join_next().await {
        let (sdk, said) = run?;
        table.read(sdk, &said.context(sdk)?)?;
    }
    println!("{table}");
    let mut faults: Vec<_> = upstreams.iter().flat_map(|(_, upstream)| upstream.faults()).collect();
    ensure!(table.failures().is_empty(), "{}\n{}", table.failures().join("\n"), faults.join("\n"));
    // What is known not to work is a fault to the stand-ins.
    faults.retain(|fault| !table.knows(fault));
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    for (way, upstream) in &upstreams {
        went_its_way(way, upstream)?;
        eventually(&format!("{} sees its callers leave", way.name), async || {
            let (begun, left) = upstream.endless();
            (begun == u32::try_from(SDKS.len()).unwrap_or_default() && begun == left).then_some(())
        })
        .await?;
    }
    Ok(())
}

/// The ways out, and more models.
fn ways() -> impl Iterator<Item = &'static Way> {
    WAYS.iter().chain(&MODELS)
}

/// Each SDK begins with another way, so that the failures that are provoked don't come to one provider at once.
fn arguments(world: &World, secure: &Secure, sdk: &str) -> Vec<String> {
    let mut models: Vec<_> = ways().map(|way| way.name.to_owned()).collect();
    let place = SDKS.iter().position(|other| *other == sdk).unwrap_or_default();
    let share = models.len() / SDKS.len();
    models.rotate_left(place * share);
    // Amazon's package sends a bearer token over TLS alone.
    let proxy = if sdk == "boto3_converse" { &secure.proxy } else { &world.proxies[0] };
    let authority = secure.tls.authority.display().to_string();
    [proxy.url(), world.caller_key.clone(), authority].into_iter().chain(models).collect()
}

/// A proxy that serves with TLS.
struct Secure {
    proxy: Proxy,
    tls: Tls,
}

impl Secure {
    async fn start(world: &World) -> anyhow::Result<Self> {
        let control = &world.control;
        let mut proxy = Proxy::new(world.dir(), "secure", &control.sync_url(), &control.join_token_file())?;
        let tls = proxy.set_tls()?;
        proxy.spawn()?;
        proxy.ready().await?;
        world.admin.rolled_out(0).await?;
        Ok(Self { proxy, tls })
    }
}

/// No conversation went to another of a provider's APIs.
fn went_its_way(way: &Way, upstream: &StandIn) -> anyhow::Result<()> {
    let seen = upstream.seen();
    // The control plane asks for the list of models, to check the credential.
    let paths = seen.iter().filter(|seen| seen.topic != Topic::Models).map(|seen| seen.asked.path.as_str());
    let others: Vec<_> = paths.filter(|path| !path.starts_with(way.path) && !path.contains("missing")).collect();
    ensure!(!seen.is_empty() && others.is_empty(), "{}: {others:?}", way.name);
    Ok(())
}
