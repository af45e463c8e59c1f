//! Tokens that a proxy mints from a service account: one for everybody who waits, and none for an account that was revoked.

use proto::admin::v1::{ConnectProviderRequest, Credential, CredentialState, ExposedModel, Provider};
use serde_json::json;
use shared::task::Tasks;

use super::vendors::table;
use crate::admin::service_account;
use crate::standin::{Account, Api, StandIn, Topic, service_account_json};
use crate::world::{ENVIRONMENT, PROJECT, World};

const EMAIL: &str = "tokens@acme-ai.iam.gserviceaccount.com";
/// Callers who come at once.
const CALLERS: usize = 40;

async fn connect(world: &World, upstream: &StandIn) -> anyhow::Result<()> {
    upstream.give(EMAIL, Account::Good);
    let json = service_account_json(EMAIL, &format!("{}/token", upstream.origin()));
    let request = ConnectProviderRequest {
        parent: PROJECT.into(),
        provider_id: "vertex".into(),
        provider: Some(Provider {
            display_name: "Vertex".into(),
            vendor: "vertex".into(),
            base_url: upstream.base_url(),
            region: "europe-west4".into(),
            config: Some(table::config(&[("project", "acme-ai")])),
            environments: vec![ENVIRONMENT.into()],
            exposed_models: vec![ExposedModel { upstream_model: "*".into(), ..Default::default() }],
            ..Default::default()
        }),
        credential_id: "account".into(),
        credential: Some(Credential { value: Some(service_account(&json)), ..Default::default() }),
        ..Default::default()
    };
    let revision = world.admin.providers().connect_provider(request).await?.into_inner().revision;
    world.admin.rolled_out(revision).await?;
    upstream.forget();
    Ok(())
}

/// Many callers at once, all of whom are served.
async fn storm(world: &World, upstream: &StandIn) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let (answers, mut rx) = tokio::sync::mpsc::channel(CALLERS);
    for _ in 0..CALLERS {
        let (caller, answers) = (world.caller(), answers.clone());
        tasks.spawn("caller", async move {
            let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}).to_string();
            let path = "/v1beta/models/vertex%2Fgemini-2.5-flash:generateContent";
            let _ = answers.send(caller.ask(path, &[], &body).await).await;
        });
    }
    drop(answers);
    while let Some(answer) = rx.recv().await {
        let answer = answer?;
        assert_eq!(answer.status, 200, "{} {:?}", answer.text(), upstream.faults());
    }
    tasks.stopped().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_is_minted_for_all_who_wait_and_it_is_kept() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::Vertex).await?;
    connect(&world, &upstream).await?;
    storm(&world, &upstream).await?;
    assert_eq!(upstream.seen_of(Topic::Token, EMAIL).len(), 1, "one mint for {CALLERS} callers");
    storm(&world, &upstream).await?;
    assert_eq!(upstream.seen_of(Topic::Token, EMAIL).len(), 1, "it is kept");
    let name = format!("{PROJECT}/providers/vertex/credentials/account");
    let credential = world.admin.credential(&name).await?;
    assert!(matches!(credential.state(), CredentialState::Active | CredentialState::Unverified));
    assert!(upstream.faults().is_empty(), "{:?}", upstream.faults());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_revoked_gets_no_token_and_leaves_the_fleet() -> anyhow::Result<()> {
    let world = World::start(&[], 1).await?;
    let upstream = StandIn::start(Api::Vertex).await?;
    connect(&world, &upstream).await?;
    storm(&world, &upstream).await?;
    upstream.give(EMAIL, Account::Dead);
    upstream.expire_tokens();
    let name = format!("{PROJECT}/providers/vertex/credentials/account");
    crate::condition::eventually("it turns inactive", async || {
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}).to_string();
        let path = "/v1beta/models/vertex%2Fgemini-2.5-flash:generateContent";
        let answer = world.caller().ask(path, &[], &body).await.ok()?;
        assert_ne!(answer.status.as_u16(), 401, "the caller's key is fine: {}", answer.text());
        (world.admin.credential(&name).await.ok()?.state() == CredentialState::Inactive).then_some(())
    })
    .await
}
