//! Providers and their credentials by the command line: connected, tested, rotated, deleted.

use serde_json::Value;

use super::cli::{does, keyplane, text};
use crate::control::Control;
use crate::provider::Script;
use crate::world::World;

const KEY: &str = "sk-cli-connect-0001";
const NEXT: &str = "sk-cli-connect-0002";
const DEAD: &str = "sk-cli-connect-dead";

/// The words that connect a stand-in as `up`, with the value from the standard input.
fn connect(base_url: &str) -> String {
    format!(
        "connect -p acme --vendor gateway --base-url {base_url} --value-file - --display-name Up --environment production \
         --exposed-model gpt-4o --model up-chat=gpt-4o"
    )
}

async fn json(control: &Control, words: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&does(control, &format!("{words} -o json"), "").await?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_connected_by_flags_serves_and_has_its_key_rotated() -> anyhow::Result<()> {
    let mut world = World::start(&[], 1).await?;
    [KEY, NEXT].iter().for_each(|key| world.provider.accept(key));
    world.provider.script(DEAD, Script::rejected());
    let (control, words) = (&world.control, connect(&world.provider.base_url()));

    let refused = keyplane(control, &words, DEAD).await?;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("CREDENTIAL_REJECTED") && !text(&refused).contains(DEAD), "{}", text(&refused));
    let tried = does(control, &format!("{words} --validate-only"), KEY).await?;
    assert!(tried.contains("nothing was changed"), "{tried}");
    let none = json(control, "providers list -p acme").await?;
    assert_eq!(none.as_array().map(Vec::len), Some(1), "neither made anything: {none}");
    let made = does(control, &words, KEY).await?;
    assert!(made.contains("projects/acme/providers/up") && made.contains("default: ACTIVE"), "{made}");

    does(control, "caller-keys create site -p acme --environment production --allowed-model *", "").await?;
    let rotate = "credentials rotate default -p acme --provider up --value-file - --wait";
    let refused = keyplane(control, rotate, DEAD).await?;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    let rotated = does(control, rotate, NEXT).await?;
    assert!(rotated.contains("Model: projects/acme/models/up-chat") && rotated.contains("can be revoked"), "{rotated}");
    world.provider.reset_counts();
    assert_eq!(world.caller().chat("up-chat").await?.status.as_u16(), 200);
    assert_eq!((world.provider.counts(KEY).requests, world.provider.counts(NEXT).requests), (0, 1));
    world.proxies[0].process()?.kill()?;
    let late = keyplane(control, &format!("{rotate} --timeout 1"), KEY).await?;
    assert_eq!(late.status.code(), Some(5), "{}", text(&late));
    assert_eq!(world.control.stop().await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shared_rotated_and_held_by_what_links_to_it() -> anyhow::Result<()> {
    let mut world = World::start(&[], 1).await?;
    [KEY, NEXT].iter().for_each(|key| world.provider.accept(key));
    let control = &world.control;
    let base_url = world.provider.base_url();
    let origin = base_url.trim_end_matches("/v1");
    let create = "secrets create shared -p acme --value-file - --allowed-origin";
    does(control, &format!("{create} {origin}"), KEY).await?;
    does(control, &format!("{} elsewhere.example", create.replace("shared", "other")), KEY)
        .await
        .expect_err("an origin has a scheme");
    does(control, "credentials create linked -p acme --provider standin --secret shared", "").await?;
    let rotated = does(control, "secrets rotate shared -p acme --value-file - --wait", NEXT).await?;
    assert!(rotated.contains("credentials/linked") && rotated.contains("can be revoked"), "{rotated}");
    let linked = json(control, "credentials get linked -p acme --provider standin").await?;
    assert_eq!(linked["linkedSecret"], "projects/acme/secrets/shared", "{linked}");
    assert_eq!(world.caller().chat(crate::world::MODEL).await?.status.as_u16(), 200);
    assert_eq!(world.provider.counts(NEXT).requests, 1);

    // What would be refused is told so before, with what depends on it, and nothing is lost.
    for words in
        ["secrets delete shared -p acme", "environments delete production -p acme", "providers delete standin -p acme"]
    {
        let tried = keyplane(control, &format!("{words} --validate-only"), "").await?;
        assert_eq!(tried.status.code(), Some(1), "{words}: {}", text(&tried));
        assert!(
            text(&tried).contains("what depends on it") && text(&tried).contains("can't be deleted"),
            "{}",
            text(&tried)
        );
        assert_eq!(keyplane(control, words, "").await?.status.code(), Some(1), "{words}");
    }
    does(control, "credentials delete linked -p acme --provider standin", "").await?;
    does(control, "secrets delete shared -p acme --validate-only", "").await?;
    does(control, "secrets delete shared -p acme", "").await?;
    assert_eq!(world.control.stop().await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_a_connection_tells_what_is_wrong_and_exits_with_1() -> anyhow::Result<()> {
    let mut world = World::start(&[], 0).await?;
    world.provider.accept(KEY);
    world.provider.script(DEAD, Script::rejected());
    let (control, base_url) = (&world.control, world.provider.base_url());
    let words = format!("providers test -p acme --vendor gateway --value-file - --base-url {base_url}");
    let good = does(control, &words, KEY).await?;
    assert!(good.starts_with("ACTIVE") && good.contains("gpt-4o"), "{good}");
    let bad = keyplane(control, &words, DEAD).await?;
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad));
    for word in ["INACTIVE, REJECTED", "CREDENTIAL_REJECTED", "answered 401", "would not work"] {
        assert!(text(&bad).contains(word), "{word}: {}", text(&bad));
    }
    assert!(!text(&bad).contains(DEAD), "{}", text(&bad));
    let found: Value = serde_json::from_slice(&keyplane(control, &format!("{words} -o json"), DEAD).await?.stdout)?;
    assert_eq!(found["error"]["reason"], "CREDENTIAL_REJECTED", "scripts read the same: {found}");
    let lines = keyplane(control, &words, "sk-cli\nconnect").await?;
    assert_eq!(lines.status.code(), Some(1));
    assert!(text(&lines).contains("credential.value.api_key") && !text(&lines).contains("sk-cli"), "{}", text(&lines));
    assert_eq!(world.control.stop().await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_and_what_is_missing_tell_an_admin_who_mistyped() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut control = Control::start(dir.path()).await?;
    let catalog = json(&control, "catalog").await?;
    let vendors: Vec<_> =
        catalog.as_array().into_iter().flatten().filter_map(|entry| entry["vendor"].as_str()).collect();
    assert!(vendors.len() >= 20 && vendors.is_sorted(), "{vendors:?}");
    assert_eq!(json(&control, "catalog aws").await?["vendor"], "bedrock", "an alias is found too");
    does(&control, "projects create shop", "").await?;
    for (words, exit, said) in [
        ("catalog opena", 2, "did you mean openai?"),
        ("connect -p shop --vendor opena", 2, "did you mean --vendor openai?"),
        ("connect -p shop", 2, "missing: --vendor, --value-file, --display-name, --exposed-model, --environment"),
        ("connect -p shap --vendor openai", 1, "projects/shap does not exist"),
        ("credentials create main --provider openai --value sk-1", 2, "--value-file"),
        ("providers create up -p shop --vendor openai --idle-timeout 5m", 2, "5s"),
        ("providers create up -p shop --display-name Up --vendor bedrock", 1, "provider.region"),
        ("providers create up -p shop --display-name Up --vendor vllm --adapter openai", 1, "provider.base_url"),
    ] {
        let told = keyplane(&control, words, "").await?;
        assert_eq!(told.status.code(), Some(exit), "{words}: {}", text(&told));
        assert!(text(&told).contains(said), "{words}: {}", text(&told));
    }
    assert_eq!(control.stop().await?.code(), Some(0));
    Ok(())
}
